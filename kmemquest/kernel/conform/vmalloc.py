"""Replay of vmalloc recordings: every address, the lazy counter, every dump of free space.

What the recordings leave open is taken from them as input: where kmalloc puts a buffer, and
whether blocks of 2 MiB could be had.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from kmemquest.kernel.address import PAGE_OFFSET, PAGE_SHIFT, PAGE_SIZE, VMALLOC_END, VMALLOC_START
from kmemquest.kernel.conform import ConformResult, Tally, tally_of
from kmemquest.kernel.conform.bare_machine import bare_machine
from kmemquest.kernel.gfp import GFP_KERNEL, GFP_NOWAIT, RETRY_MAYFAIL
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.mm.vmalloc import VmallocSpace
from kmemquest.kernel.mm.vmap_area import VM_ALLOC, VmArea
from kmemquest.kernel.mm.vmap_free import SPACE_END, SPACE_START, FreeSpace
from kmemquest.kernel.mm.vmap_space import VaSpace
from kmemquest.kernel.mm.vmap_table import PMD_SIZE
from kmemquest.kernel.spec import MachineSpec

Line = list[Any]

KMALLOC_MAX: Final = 4 << 20
HUGE_ORDER: Final = 9
MASK: Final = (1 << 64) - 1


class _Frames:
    """Stands for the page allocator: frames without end, blocks of 2 MiB while `huge` is set."""

    def __init__(self) -> None:
        self.huge = True
        self.zones = [_Zone()]
        self._next = 1 << 20

    def alloc_pages(self, gfp: int, order: int, nid: int | None = None) -> int:
        del gfp, nid
        if order == HUGE_ORDER and not self.huge:
            return -1
        first = -(-self._next >> order) << order
        self._next = first + (1 << order)
        return first

    def alloc_pages_bulk(self, gfp: int, count: int, nid: int | None = None) -> list[int]:
        return [self.alloc_pages(gfp, 0, nid) for _ in range(count)]

    def split_page(self, pfn: int, order: int) -> None:
        del pfn, order

    def free_pages(self, pfn: int, order: int) -> None:
        del pfn, order


class _Zone:
    managed = 1 << 40


class _Objects:
    """Stands for kmalloc: gives what the recording says for the next large request."""

    def __init__(self) -> None:
        self.answer = 0
        self._small = PAGE_OFFSET

    def kmalloc(self, size: int, gfp: int, nid: int | None = None) -> int:
        del gfp, nid
        if self.answer:
            answer, self.answer = self.answer, 0
            return answer if size <= KMALLOC_MAX else 0
        self._small += PAGE_SIZE
        return self._small

    def refuse_next(self) -> None:
        """Let the next request fail."""
        self.answer = -1

    def kfree(self, address: int) -> None:
        del address


class _KvObjects(_Objects):
    """kmalloc whose next answer may be a failure."""

    def kmalloc(self, size: int, gfp: int, nid: int | None = None) -> int:
        if self.answer == -1:
            self.answer = 0
            return 0
        return super().kmalloc(size, gfp, nid)


class _NoCaches:
    """Stands for the slab allocator before it has any cache."""

    def find(self, name: str) -> None:
        del name


def replay_machine(free: FreeSpace | None = None) -> tuple[Machine, _Frames, _KvObjects]:
    """Return a machine whose vmalloc window starts with the given free blocks."""
    machine = bare_machine(MachineSpec(), 1 << 20)
    frames, objects = _Frames(), _KvObjects()
    machine.pages = frames  # type: ignore[assignment]
    machine.kmalloc = objects  # type: ignore[assignment]
    machine.slub = _NoCaches()  # type: ignore[assignment]
    machine.vmalloc = VmallocSpace(machine)
    if free is not None:
        machine.vmalloc.space = VaSpace(1, free)
    return machine, frames, objects


def conform_vmalloc(lines: Iterable[str]) -> ConformResult:
    """Replay one `vmalloc` recording."""
    replay = _Replay(tally_of(lines))
    for number, text in enumerate(lines, 1):
        if text.strip():
            replay.tally.line = number
            replay.feed(json.loads(text))
    return replay.tally.result()


class _Replay:
    """One recording on its way."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self._machine: Machine | None = None
        self._frames = _Frames()
        self._objects = _KvObjects()
        self._drains = 0
        self._held: list[int] = []
        """Areas that the trace has not freed."""

    def feed(self, line: Any) -> None:
        """Take one line."""
        if isinstance(line, dict):
            if line["t"] == "vfree_areas":
                self._dump(line)
            elif line["t"] == "held":
                self._free_the_rest()
            return
        kind = line[0]
        if kind in ("v", "vz", "kv"):
            self._allocate(line)
        elif kind == "vf":
            self._free(line)
        elif kind == "lazy":
            self.tally.compare("lazy pages", line[1], self._vmalloc.space.lazy_pages)
        elif kind == "purge":
            self._vmalloc.purge()
        elif kind == "async_purge":
            self._drains += 1
            self.tally.compare("drains by the worker", self._drains, self._vmalloc.drains)

    @property
    def _vmalloc(self) -> VmallocSpace:
        assert self._machine is not None
        return self._machine.vmalloc

    def _dump(self, line: dict[str, Any]) -> None:
        blocks = [_absolute(start, end) for start, end in line["areas"]]
        if self._machine is None:
            self._machine, self._frames, self._objects = replay_machine(FreeSpace(blocks))
            _occupy_the_rest(self._machine.vmalloc, blocks)
            self._vmalloc.space.lazy_pages = line["lazy"]
            return
        space = self._vmalloc.space
        self.tally.compare("lazy pages of a dump", line["lazy"], space.lazy_pages)
        got, wanted = set(space.free.blocks()), set(blocks)
        self.tally.compare("missing free blocks", [], sorted(wanted - got))
        self.tally.compare("surplus free blocks", [], sorted(got - wanted))

    def _allocate(self, line: Line) -> None:
        kind, size, is_vmalloc, offset, pages, runs, lazy = line
        self._frames.huge = runs <= -(-pages // 512)
        vmalloc = self._vmalloc
        if kind == "kv":
            if is_vmalloc == 1 and size <= KMALLOC_MAX:
                self._objects.refuse_next()
            else:
                self._objects.answer = PAGE_OFFSET + offset
            got = vmalloc.kvmalloc(size, GFP_KERNEL)
        else:
            got = vmalloc.vmalloc(size) if kind == "v" else vmalloc.vzalloc(size)
        if is_vmalloc == 1 or size > KMALLOC_MAX:
            self.tally.compare(f"{kind}({size}) address", offset, got - VMALLOC_START)
            self._held.append(got)
            area = vmalloc.area_at(got)
            mapped = 0 if area is None else -(-area.requested // PAGE_SIZE)
            self.tally.compare(f"{kind}({size}) pages", pages, mapped)
        else:
            self.tally.compare(f"{kind}({size}) address", offset, got - PAGE_OFFSET)
        self.tally.compare(f"{kind}({size}) lazy pages", lazy, vmalloc.space.lazy_pages)

    def _free(self, line: Line) -> None:
        _, _, is_vmalloc, offset = line
        if is_vmalloc == 1:
            address = VMALLOC_START + offset
            self._vmalloc.vfree(address)
            if address in self._held:
                self._held.remove(address)

    def _free_the_rest(self) -> None:
        """The trace frees what it still holds and purges, without a line for each."""
        for address in self._held:
            self._vmalloc.vfree(address)
        self._held = []
        self._vmalloc.purge()


def _absolute(start: int, end: int) -> tuple[int, int]:
    """Turn a dumped pair of offsets, which may have wrapped, into addresses."""
    low = (start + VMALLOC_START) & MASK
    high = (end + VMALLOC_START) & MASK
    return low, high


def _occupy_the_rest(vmalloc: VmallocSpace, blocks: list[tuple[int, int]]) -> None:
    """Enter what is not free as areas, so that each may be freed if the recording does it."""
    border = SPACE_START
    for start, end in [*sorted(blocks), (SPACE_END, SPACE_END)]:
        if border < start and border >= VMALLOC_START:
            vmalloc.space.insert(VmArea(border, start - border, start - border, VM_ALLOC, "boot"))
        border = end


_MASKS: Final = {
    "kv": GFP_KERNEL,
    "kv_nowait": GFP_NOWAIT,
    "kv_retry": GFP_KERNEL | RETRY_MAYFAIL,
}


def conform_kvthresh(lines: Iterable[str]) -> ConformResult:
    """Replay which requests kvmalloc serves from where, and how the others are aligned.

    The machine's free space is not part of this recording, so addresses are not compared, but the
    kind of memory, the alignment of 2 MiB mappings, the pages of each area and what its freeing
    leaves behind are.
    """
    tally = tally_of(lines)
    machine, frames, objects = replay_machine()
    first = True
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        line = json.loads(text)
        tally.line = number
        if line[0] == "vmalloc0_null":
            tally.compare("vmalloc(0) is NULL", line[1] == 1, machine.vmalloc.vmalloc(0) == 0)
        if len(line) != 7:
            continue
        kind, size, is_vmalloc, offset, pages, runs, lazy = line
        frames.huge = runs <= -(-pages // 512)
        vmalloc = machine.vmalloc
        if first:
            _leave_lazy(vmalloc, lazy)
            first = False
        if kind in _MASKS:
            objects.answer = PAGE_OFFSET + offset if is_vmalloc == 0 else 0
            if is_vmalloc != 0:
                objects.refuse_next()
            got = vmalloc.kvmalloc(size, _MASKS[kind])
        elif kind == "v32":
            got = vmalloc.vmalloc_32(size)
        elif kind == "vuser":
            got = vmalloc.vmalloc_user(size)
        elif kind == "vhuge":
            got = vmalloc.vmalloc_huge(size, GFP_KERNEL)
        else:
            got = vmalloc.vmalloc_gfp(size, GFP_KERNEL)
        where = -1 if not got else int(vmalloc.is_vmalloc_addr(got))
        tally.compare(f"{kind}({size}) is vmalloc", is_vmalloc, where)
        tally.compare(f"{kind}({size}) lazy pages", lazy, vmalloc.space.lazy_pages)
        if is_vmalloc == 1 and got:
            area = vmalloc.area_at(got)
            assert area is not None
            tally.compare(f"{kind}({size}) pages", pages, -(-area.requested // PAGE_SIZE))
            if area.page_order:
                tally.compare(f"{kind}({size}) beyond 2 MiB", offset % PMD_SIZE, got % PMD_SIZE)
            vmalloc.vfree(got)
    return tally.result()


def _leave_lazy(vmalloc: VmallocSpace, pages: int) -> None:
    """Begin with that many lazily freed pages, wherever they lie."""
    size = pages << PAGE_SHIFT
    start, owner = vmalloc.space.allocate(size, 1, VMALLOC_START, VMALLOC_END, 0)
    area = VmArea(start, size, size, VM_ALLOC, "earlier")
    area.vmap_node = owner
    vmalloc.space.insert(area)
    vmalloc.space.remove(area)
