"""The simulator's own shadow of memory: what a driver does wrong while the kernel says nothing.

    detach = attach(machine)      # listens to the stream, looks at every access of driver code
    …
    detach()

A kernel without checkers lets a driver write where it likes. The memory is really damaged, and
this only knows of it: every finding is a `Report` with `spoken=False`. It decides nothing and moves
no clock, so a run is the same with and without it. Beside KASAN, which sees accesses itself, only
the DMA and the copies to user space are watched.

Ownership is asked of the allocators: slots handed out (`Slab.owned`), free frames, vmalloc's areas;
how many bytes were asked for, of the ledger and the history. Within one page of the driver's module
or of its stack nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import (
    PAGE_OFFSET,
    PAGE_SHIFT,
    PAGE_SIZE,
    is_vmalloc_address,
)
from kmemquest.kernel.check import shadow_dma, shadow_history
from kmemquest.kernel.check.shadow_dma import DmaShadow
from kmemquest.kernel.check.shadow_history import History, Life
from kmemquest.kernel.events import CallMade, CopiedToUser, Event, Report
from kmemquest.kernel.mm.slab_geometry import SLAB_TYPESAFE_BY_RCU

if TYPE_CHECKING:
    from kmemquest.kernel.context import Frame
    from kmemquest.kernel.machine import Machine
    from kmemquest.kernel.mm.slab_cache import Slab

OWNED_AS: Final = ("kmalloc", "cache-object", "kvmalloc")
"""Kinds of holdings that lie in a slab."""
GRANULE: Final = 8
MOST_FINDINGS: Final = 200
"""Findings of one run; a loop over a freed array would make thousands."""


_HEEDED: Final = shadow_history.HEEDED | shadow_dma.HEEDED | {CallMade, CopiedToUser}
"""A run has a hundred times as many events of other types: they are passed over at once."""


class Shadow:
    """Judges the accesses of driver code on one machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.history = History(machine)
        self.dma = DmaShadow(machine, self)
        self.watches_accesses = machine.checks.kasan is None
        self._widened: set[int] = set()
        """Objects whose whole slot may be used, because ksize() was asked."""
        self._said: set[tuple[object, ...]] = set()

    def note(self, event: Event) -> None:
        """Take an event of the stream."""
        if type(event) not in _HEEDED:
            return
        self.history.note(event)
        self.dma.note(event)
        if isinstance(event, CopiedToUser):
            if event.stale:
                self._uninitialised(event)
        elif isinstance(event, CallMade) and event.function == "ksize":
            self._widened.add(event.arguments[0])

    # --- accesses -----------------------------------------------------------------------------

    def check_access(self, address: int, size: int, *, write: bool) -> None:
        """Look at one access of driver code, or of a kernel function on its behalf."""
        if self._machine.context.site is None or size <= 0:
            return
        self.dma.check_access(address, size, write=write)
        if not self.watches_accesses:
            return
        found = self._judge(address, size)
        if found is None:
            return
        kind, life = found
        verb = "write" if write else "read"
        self.say(kind, address, life, f"{verb} of {_bytes(size)}{_place(life, address, size)}")

    def plain(self, address: int) -> bool:
        """Tell whether every access to this page is fine until the next kernel call."""
        if self.dma.mapped_pages and self.dma.is_mapped(address):
            return False
        offset = address - PAGE_OFFSET
        if 0 <= offset < self._machine.memory.max_pfn << PAGE_SHIFT:
            if self._machine.phase != "running" or self._slab_of(address) is not None:
                return self._machine.phase != "running"
            life = self.history.frame(offset >> PAGE_SHIFT)
            if life is not None and life.kind == "large":
                page = address & ~(PAGE_SIZE - 1)
                return page + PAGE_SIZE <= life.address + life.size
            return self._judge(address, 1) is None
        if is_vmalloc_address(address):
            area = self._machine.vmalloc.space.find(address)
            page = address & ~(PAGE_SIZE - 1)
            return (
                area is None
                or not area.requested
                or (page + PAGE_SIZE <= area.start + area.requested)
            )
        return True

    def good_granule(self, address: int) -> bool:
        """Tell whether the aligned eight bytes around an address are the driver's to use."""
        start = address & ~(GRANULE - 1)
        mapped = self.dma.mapped_pages and self.dma.is_mapped(address)
        return not mapped and self._judge(start, GRANULE) is None

    def _judge(self, address: int, size: int) -> tuple[str, Life | None] | None:
        """Return what is wrong with an access and whose memory it misses; None if it is fine."""
        machine = self._machine
        offset = address - PAGE_OFFSET
        if machine.phase != "running":
            return None
        if 0 <= offset < machine.memory.max_pfn << PAGE_SHIFT:
            slab = self._slab_of(address)
            if slab is not None:
                return self._judge_object(slab, address, size)
            return self._judge_frame(offset >> PAGE_SHIFT, address, size)
        if is_vmalloc_address(address):
            area = machine.vmalloc.space.find(address)
            if area is None or not area.requested or area.kind != "vmalloc":
                return None
            if address + size > area.start + area.requested:
                life = self.history.area(area.start)
                if life is not None:
                    life.size = area.requested
                return "vmalloc-out-of-bounds", life
        return None

    def _slab_of(self, address: int) -> Slab | None:
        return self._machine.slub.slab_of(address)

    def _judge_object(self, slab: Slab, address: int, size: int) -> tuple[str, Life | None] | None:
        index = slab.index_of(address)
        if index < 0:
            return self._missed(slab, slab.objects - 1)
        cache, slot = slab.cache, slab.slot(index)
        life = self.history.object(slot)
        if slab.owned >> index & 1:
            if address < slot or life is None:
                # Nobody gave the driver this object: it comes from the one before, if at all.
                return self._missed(slab, index - 1)
            room = self._room(slot, cache.object_size, life)
            if address + size <= slot + room:
                return None
            life.size = room
            return "slab-out-of-bounds", life
        if life is not None and not life.live:
            if cache.flags & SLAB_TYPESAFE_BY_RCU:
                return None
            return "slab-use-after-free", life
        return None if cache.ctor else self._missed(slab, index - 1)

    def _missed(self, slab: Slab, index: int) -> tuple[str, Life | None] | None:
        """Blame the object before: nobody has what lies there, and nobody points there."""
        life = self.history.object(slab.slot(index)) if index >= 0 else None
        if life is None or not life.live or life.allocated is None:
            return None
        return "slab-out-of-bounds", life

    def _room(self, slot: int, object_size: int, life: Life | None) -> int:
        """Return how many bytes of an object were asked for."""
        if slot in self._widened:
            return object_size
        book = self._machine.checks.book
        for kind in OWNED_AS:
            holding = book.find(kind, slot)
            if holding is not None:
                return holding.size
        return object_size if life is None else life.size

    def _judge_frame(self, pfn: int, address: int, size: int) -> tuple[str, Life | None] | None:
        life = self.history.frame(pfn)
        if life is not None and life.live:
            if life.kind == "large":
                holding = self._machine.checks.book.find("kmalloc", life.address)
                if life.address not in self._widened:
                    life.size = life.size if holding is None else holding.size
                else:
                    life.size = life.room
            if address + size <= life.address + life.size:
                return None
            if self._is_next_ours(life):
                return None
            return ("slab" if life.kind == "large" else "page") + "-out-of-bounds", life
        before = self.history.frame(pfn - 1)
        freed = life is not None and life.freed is not None
        pages = self._machine.pages
        free = pages.free_block_at(pfn) is not None or pages.on_pcp(pfn)
        if freed and free:
            return "page-use-after-free", self.history.object_around(address) or life
        if before is not None and before.live and before.kind in ("pages", "large"):
            return None if self._held_otherwise(pfn, free=free) else ("page-out-of-bounds", before)
        return ("page-use-after-free", life) if free else None

    def _held_otherwise(self, pfn: int, *, free: bool) -> bool:
        """Tell whether a frame that no watched call gave is somebody's that a driver may reach."""
        return not free and not self._machine.pages.frames.is_slab(pfn)

    def _is_next_ours(self, life: Life) -> bool:
        """Tell whether the block behind is the driver's as well: split blocks are one buffer."""
        following = self.history.frame((life.address + life.room - PAGE_OFFSET) >> PAGE_SHIFT)
        return (
            life.kind == "pages"
            and following is not None
            and following.live
            and following.kind == "pages"
        )

    # --- what is found --------------------------------------------------------------------------

    def _uninitialised(self, event: CopiedToUser) -> None:
        detail = (
            f"{event.stale} of {_bytes(event.size)} were never written; "
            f"{event.revealed} of them carry old data"
        )
        self.say("uninitialised-to-user", event.source, self.history.around(event.source), detail)

    def say(self, kind: str, address: int, life: Life | None, detail: str) -> None:
        """Put a finding on the stream, once for each statement and piece of memory."""
        related = life.sites if life is not None else ()
        if life is not None and life.live:
            related = tuple(pair for pair in related if pair[0] != "freed")
        place = life.address if life is not None else address >> PAGE_SHIFT
        self._emit(kind, address, place, related, detail)

    def say_of_mapping(
        self, kind: str, address: int, mapped: Frame | None, ended: Frame | None, detail: str
    ) -> None:
        """The same of a DMA mapping: where it was made and where it ended."""
        named = (("mapped", mapped), ("unmapped", ended))
        related = tuple((role, frame) for role, frame in named if frame is not None)
        self._emit(kind, address, address >> PAGE_SHIFT, related, detail)

    def _emit(
        self,
        kind: str,
        address: int,
        place: int,
        related: tuple[tuple[str, Frame], ...],
        detail: str,
    ) -> None:
        site = self._machine.context.site
        key = (kind, site, place)
        if key in self._said or len(self._said) >= MOST_FINDINGS:
            return
        self._said.add(key)
        self._machine.report(
            Report(
                kind,
                "silent",
                "",
                address=address,
                site=site,
                related=related,
                spoken=False,
                detail=detail,
            )
        )


def attach(machine: Machine) -> Callable[[], None]:
    """Watch a machine; the returned function ends it. A machine is watched once at a time."""
    checks = machine.checks
    if checks.shadow is not None:
        return lambda: None
    shadow = checks.shadow = Shadow(machine)
    unsubscribe = machine.events.subscribe(shadow.note)

    def detach() -> None:
        unsubscribe()
        checks.shadow = None

    return detach


def _bytes(size: int) -> str:
    return f"{size} byte" if size == 1 else f"{size} bytes"


def _place(life: Life | None, address: int, size: int) -> str:
    if life is None:
        return ""
    start, end = life.address, life.address + life.size
    what = f"{life.size}-byte {'block' if life.kind == 'pages' else 'object'}"
    if life.kind == "area":
        what = f"{life.size}-byte vmalloc area"
    if start <= address and address + size <= end:
        return f", {_bytes(address - start)} inside of a freed {what}"
    beyond = max(address - end, 0)
    return f", {_bytes(beyond)} behind the end of a {what}"
