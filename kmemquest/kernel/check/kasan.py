"""KASAN, generic mode: shadow memory, access checks and its report (`mm/kasan/`).

One shadow byte describes eight bytes of memory: 0 all good, 1..7 the first n good, else a reason.
Frames and vmalloc pages that no allocator has poisoned have no shadow here and are all good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import (
    KERNEL_IMAGE_START,
    PAGE_SHIFT,
    PAGE_SIZE,
    is_direct_map_address,
    is_user_address,
    is_vmalloc_address,
    pfn_to_virt,
    virt_to_pfn,
)
from kmemquest.kernel.context import Frame
from kmemquest.kernel.events import Report
from kmemquest.kernel.text.build import build_of, symbol_of
from kmemquest.kernel.text.dump_stack import dump_stack, symbol

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

NMI_MASK: Final = 0xF0_0000
"""Bits of the preempt count that count NMIs (`include/linux/preempt.h`)."""

PAGE_FREE: Final = 0xFF
LARGE_REDZONE: Final = 0xFE
SLAB_REDZONE: Final = 0xFC
SLAB_FREE: Final = 0xFB
SLAB_FREE_META: Final = 0xFA
"""Shadow of a freed object's first granule, where KASAN keeps who freed it."""
VMALLOC_INVALID: Final = 0xF8
GLOBAL_REDZONE: Final = 0xF9
STACK_LEFT: Final = 0xF1
STACK_MID: Final = 0xF2
STACK_RIGHT: Final = 0xF3
REDZONE: Final = 32
"""Bytes around a variable, as gcc lays them out for KASAN."""

ALLOCATED_FRAMES: Final = ("kasan_save_stack", "kasan_save_track", "__kasan_kmalloc")
FREED_FRAMES: Final = (
    "kasan_save_stack",
    "kasan_save_track",
    "kasan_save_free_info",
    "__kasan_slab_free",
    "kfree",
)

GRANULE: Final = 8
_PER_PAGE: Final = PAGE_SIZE // GRANULE
_LINE: Final = "=================================================================="
_REASONS: Final = {
    PAGE_FREE: ("use-after-free", "page-use-after-free"),
    LARGE_REDZONE: ("slab-out-of-bounds", "slab-out-of-bounds"),
    SLAB_REDZONE: ("slab-out-of-bounds", "slab-out-of-bounds"),
    SLAB_FREE: ("slab-use-after-free", "slab-use-after-free"),
    SLAB_FREE_META: ("slab-use-after-free", "slab-use-after-free"),
    VMALLOC_INVALID: ("vmalloc-out-of-bounds", "vmalloc-out-of-bounds"),
    GLOBAL_REDZONE: ("global-out-of-bounds", "global-out-of-bounds"),
    STACK_LEFT: ("stack-out-of-bounds", "stack-out-of-bounds"),
    STACK_MID: ("stack-out-of-bounds", "stack-out-of-bounds"),
    STACK_RIGHT: ("stack-out-of-bounds", "stack-out-of-bounds"),
}
"""Shadow value -> (the kernel's words, the stable kind of the report)."""


@dataclass(slots=True)
class _ObjectRecord:
    """What KASAN remembers of an object; `size` is the cache's, `requested` what was asked."""

    address: int
    size: int
    requested: int
    allocated_by: int
    allocated_at: tuple[Frame, ...]
    freed_by: int = 0
    freed_at: tuple[Frame, ...] | None = None


class Kasan:
    """Shadow memory of the direct map and of the vmalloc window."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._shadow: dict[int, bytearray] = {}
        """Virtual page number -> shadow of that page."""
        self._records: dict[int, dict[int, _ObjectRecord]] = {}
        """Virtual page number -> objects that begin there."""
        self._known_good: set[int] = set()
        """Pages without shadow that were looked at and are in use."""
        self.inside = ""
        """The function of the kernel that touches memory for the driver: reports name it."""
        self.reported = False
        """Only the first report of a boot is printed, as without kasan_multi_shot."""

    # --- what the allocators tell -----------------------------------------------------------

    def pages_allocated(self, pfn: int, order: int) -> None:
        """Frames were handed out: all good."""
        first = pfn_to_virt(pfn) >> PAGE_SHIFT
        for page in range(first, first + (1 << order)):
            self._shadow.pop(page, None)
            self._records.pop(page, None)

    def pages_freed(self, pfn: int, order: int) -> None:
        """Frames came back: any access is a use after free."""
        first = pfn_to_virt(pfn) >> PAGE_SHIFT
        self._known_good.difference_update(range(first, first + (1 << order)))
        self._set(pfn_to_virt(pfn), PAGE_SIZE << order, PAGE_FREE)

    def slab_created(self, address: int, size: int) -> None:
        """A new slab: nothing in it belongs to anybody yet."""
        self._set(address, size, SLAB_REDZONE)

    def new_object_opened(self, address: int, object_size: int) -> None:
        """The constructor is about to write a new object (`kasan_unpoison_new_object`)."""
        self._set_good(address, object_size)

    def object_allocated(self, address: int, object_size: int, requested: int) -> None:
        """An object was handed out: only the requested bytes are good."""
        self._set(address, object_size, SLAB_REDZONE)
        self._set_good(address, requested)
        self._remember(address, object_size, requested)

    def stack_saved(self) -> None:
        """Keeping a stack complains in an NMI, and a preempt count below zero looks like one.

        `lib/stackdepot.c:stack_depot_save_flags`.
        """
        if self._machine.context.preempt_count & NMI_MASK:
            from kmemquest.kernel.check.oops import warn_once

            function = "stack_depot_save_flags"
            warn_once(self._machine, function, "lib/stackdepot.c", 635, function)

    def object_freed(self, address: int, object_size: int) -> None:
        """An object came back."""
        self.stack_saved()
        self._set(address, object_size, SLAB_FREE)
        self._set(address, GRANULE, SLAB_FREE_META)
        record = self._records.get(address >> PAGE_SHIFT, {}).get(address)
        if record is not None:
            record.freed_by = self._machine.context.task.pid
            record.freed_at = tuple(self._machine.context.stack)

    def large_allocated(self, address: int, requested: int, block: int) -> None:
        """A kmalloc above the caches: the rest of the block is a redzone."""
        self._set(address, block, LARGE_REDZONE)
        self._set_good(address, requested)
        self._remember(address, block, requested)

    def vmalloc_mapped(self, start: int, requested: int, mapped: int) -> None:
        """An area was mapped: bytes beyond the request are invalid."""
        self._set(start, mapped, VMALLOC_INVALID)
        self._set_good(start, requested)

    def vmalloc_unmapped(self, start: int, mapped: int) -> None:
        """An area is gone; its pages are unmapped, so an access faults."""
        self._set(start, mapped, VMALLOC_INVALID)

    def global_registered(self, address: int, size: int, padded: int) -> None:
        """A static variable of a module: what follows it in its slot is out of bounds."""
        self._set(address, padded, GLOBAL_REDZONE)
        self._set_good(address, size)

    def frame_entered(self, base: int, objects: list[tuple[int, int]]) -> None:
        """A function began: poison the gaps around the variables of its frame."""
        for number, (offset, size) in enumerate(objects):
            end = offset + -(-size // REDZONE) * REDZONE
            left = STACK_MID if number else STACK_LEFT
            self._set(base + offset - REDZONE, REDZONE, left)
            self._set(base + end - REDZONE, 2 * REDZONE, STACK_RIGHT)
            self._set(base + offset, end - offset - REDZONE, 0)
            self._set_good(base + offset, size)

    def frame_left(self, base: int, size: int) -> None:
        """A function returned: its frame is anybody's stack again."""
        self._set(base, size, 0)

    # --- checks -----------------------------------------------------------------------------

    def is_freed(self, address: int) -> bool:
        """Tell whether an address lies in a freed object or page (for double frees)."""
        return self._value(address) in (SLAB_FREE, SLAB_FREE_META, PAGE_FREE)

    def check_access(self, address: int, size: int, *, write: bool) -> bool:
        """Check one access; False when it is bad (and reported, if it is the first)."""
        bad = self._first_bad(address, size)
        if bad is None:
            return True
        value = self._value(bad)
        if value < GRANULE:
            value = (
                self._value(bad + GRANULE) if (bad + GRANULE) >> PAGE_SHIFT in self._shadow else 0
            )
            if value < GRANULE:
                value = SLAB_REDZONE
        words, kind = _REASONS.get(value, ("unknown-crash", "unknown-crash"))
        verb = "Write" if write else "Read"
        self._report(kind, words, f"{verb} of size {size}", address)
        return False

    def refuses_user_address(self, address: int, size: int, *, write: bool) -> bool:
        """Report a memcpy or memset of user memory; True when the call does nothing after it.

        Only the first report is made, and only that one keeps the function from its work
        (`mm/kasan/shadow.c:memcpy`, `kasan_check_range`).
        """
        first = not self.reported
        words = "null-ptr-deref" if address < PAGE_SIZE else "user-memory-access"
        verb = "Write" if write else "Read"
        self._report("user-pointer-dereference", words, f"{verb} of size {size}", address)
        return first

    def report_double_free(
        self, address: int, cache_name: str, object_address: int, object_size: int, call: str
    ) -> None:
        """Report a second free of an object."""
        del cache_name, object_address, object_size
        self._report("double-free", "double-free", "Free", address, function=self._caller(call))

    def report_invalid_free(
        self, address: int, cache_name: str, object_address: int, object_size: int, call: str
    ) -> None:
        """Report a free of something that is not the start of an object."""
        del cache_name, object_address, object_size
        self._report("invalid-free", "invalid-free", "Free", address, function=self._caller(call))

    def _caller(self, call: str) -> str:
        """Return what a bad free is blamed on: the caller of `call`, the driver mostly."""
        return "" if self._machine.site is not None else call

    # --- shadow -----------------------------------------------------------------------------

    def _set(self, address: int, size: int, value: int) -> None:
        end = address + size
        while address < end:
            page = address >> PAGE_SHIFT
            first = (address & (PAGE_SIZE - 1)) // GRANULE
            last = min(_PER_PAGE, first + (end - address + GRANULE - 1) // GRANULE)
            shadow = self._shadow.get(page)
            if shadow is None:
                shadow = self._shadow[page] = bytearray(_PER_PAGE)
            shadow[first:last] = bytes([value]) * (last - first)
            address = (page + 1) << PAGE_SHIFT

    def _set_good(self, address: int, size: int) -> None:
        whole = size & ~(GRANULE - 1)
        if whole:
            self._set(address, whole, 0)
        if size > whole:
            self._set(address + whole, GRANULE, size - whole)

    def _value(self, address: int) -> int:
        shadow = self._shadow.get(address >> PAGE_SHIFT)
        return 0 if shadow is None else shadow[(address & (PAGE_SIZE - 1)) // GRANULE]

    def _first_bad(self, address: int, size: int) -> int | None:
        end = address + size
        while address < end:
            page = address >> PAGE_SHIFT
            shadow = self._shadow.get(page) or self._shadow_of_untouched(page)
            if shadow is None:
                address = (page + 1) << PAGE_SHIFT
                continue
            value = shadow[(address & (PAGE_SIZE - 1)) // GRANULE]
            granule = address & ~(GRANULE - 1)
            stop = min(end, granule + GRANULE)
            if value and (value >= GRANULE or stop - granule > value):
                return max(address, granule + value) if value < GRANULE else address
            address = stop
        return None

    def _shadow_of_untouched(self, page: int) -> bytearray | None:
        """Poison a page of the direct map that boot left free, once it is looked at."""
        if page in self._known_good or self._machine.phase == "memblock":
            return None
        address = page << PAGE_SHIFT
        pfn = virt_to_pfn(address)
        pages = self._machine.pages
        if is_direct_map_address(address) and (pages.free_block_at(pfn) or pages.on_pcp(pfn)):
            self._set(address, PAGE_SIZE, PAGE_FREE)
            return self._shadow[page]
        self._known_good.add(page)
        return None

    # --- reports ----------------------------------------------------------------------------

    def _remember(self, address: int, size: int, requested: int) -> None:
        context = self._machine.context
        record = _ObjectRecord(address, size, requested, context.task.pid, tuple(context.stack))
        self._records.setdefault(address >> PAGE_SHIFT, {})[address] = record

    def _object_near(self, address: int) -> _ObjectRecord | None:
        best: _ObjectRecord | None = None
        page = address >> PAGE_SHIFT
        for candidate_page in range(page, page - 9, -1):
            for record in self._records.get(candidate_page, {}).values():
                if record.address <= address and (best is None or record.address > best.address):
                    best = record
            if best is not None:
                break
        if best is not None and address >= best.address + best.size + PAGE_SIZE:
            return None
        return best

    def _report(self, kind: str, words: str, action: str, address: int, function: str = "") -> None:
        machine = self._machine
        site = machine.site
        record = self._object_near(address) if is_direct_map_address(address) else None
        related = _related(record)
        if self.reported:
            machine.report(
                Report(
                    kind, "silent", "", address=address, site=site, related=related, spoken=False
                )
            )
            return
        self.reported = True
        where = self._where(function)
        headline = f"BUG: KASAN: {words} in {where}"
        task = machine.context.task
        lines = [
            _LINE,
            headline,
            f"{action} {'of' if action == 'Free' else 'at'} addr {address:016x} "
            f"by task {task.comm}/{task.pid}",
            "",
            *dump_stack(machine, ("dump_stack_lvl", "print_report", "kasan_report")),
            "",
        ]
        if record is not None:
            lines += self._object_lines(kind, record, address)
        elif is_vmalloc_address(address):
            lines += self._area_lines(address)
        elif address >= KERNEL_IMAGE_START:
            lines += self._variable_lines(address)
        if is_user_address(address):
            lines.pop()  # No shadow, no description: the stack ends the report.
        else:
            lines += self._page_lines(address)
            lines += self._state_lines(address)
        lines.append(_LINE)
        if machine.checks.once("lock-debugging-disabled"):
            lines.append("Disabling lock debugging due to kernel taint")
        machine.report(
            Report(
                kind,
                "BUG report",
                headline,
                tuple(lines),
                address=address,
                site=site,
                related=related,
                detail=action,
            )
        )
        machine.checks.taint.add("B")

    def _object_lines(self, kind: str, record: _ObjectRecord, address: int) -> list[str]:
        machine = self._machine
        lines = [f"Allocated by task {record.allocated_by}:"]
        lines += self._stack(ALLOCATED_FRAMES, record.allocated_at)
        lines.append("")
        if record.freed_at is not None:
            lines.append(f"Freed by task {record.freed_by}:")
            lines += self._stack(FREED_FRAMES, record.freed_at)
            lines.append("")
        state = {"slab-out-of-bounds": "allocated ", "slab-use-after-free": "freed "}.get(kind, "")
        end = record.address + record.requested
        if address < end:
            place = f"{address - record.address} bytes inside"
        else:
            place = f"{address - end} bytes to the right"
        cache = machine.slub.cache_of(record.address)
        lines.append(f"The buggy address belongs to the object at {record.address:016x}")
        if cache is not None:
            lines.append(f" which belongs to the cache {cache.name} of size {record.size}")
        lines += [
            f"The buggy address is located {place} of",
            f" {state}{record.requested}-byte region [{record.address:016x}, {end:016x})",
            "",
        ]
        return lines

    def _page_lines(self, address: int) -> list[str]:
        from kmemquest.kernel.mm.page_check import dump_page

        physical = self._machine.memory.translate(address)
        if physical is None or address >= KERNEL_IMAGE_START:
            # Pages of modules have no direct map, which is where KASAN looks for them.
            return []
        pages = self._machine.pages
        head = pages.frames.compound_head(physical >> PAGE_SHIFT)
        return [
            "The buggy address belongs to the physical page:",
            *dump_page(pages, head, "kasan: bad access detected"),
            "",
        ]

    def _area_lines(self, address: int) -> list[str]:
        """Describe the vmalloc area around an address (`print_address_description`)."""
        area = self._machine.vmalloc.space.find(address)
        if area is None:
            return ["The buggy address belongs to a vmalloc virtual mapping", ""]
        return [
            f"The buggy address belongs to a {len(area.pfns)}-page vmalloc region starting at "
            f"{area.start:#018x} allocated at {area.caller}"
        ]

    def _variable_lines(self, address: int) -> list[str]:
        """Name the static object at or before an address (`%pS`)."""
        variables = self._machine.checks.variables
        start = max((start for start in variables if start <= address), default=0)
        if not start:
            return []
        name, size, module = variables[start]
        mark = f" [{module}]" if module else ""
        place = f" {name}+{address - start:#x}/{size:#x}{mark}"
        return ["The buggy address belongs to the variable:", place, ""]

    def _where(self, function: str) -> str:
        """Return the symbol of the code to blame: a kernel function or the driver's statement."""
        machine, site = self._machine, self._machine.site
        function = function or self.inside
        if function:
            return symbol_of(build_of(machine), function)
        return symbol(machine, site) if site is not None else symbol_of(build_of(machine), "memcpy")

    def _stack(self, inner: tuple[str, ...], frames: tuple[Frame, ...]) -> list[str]:
        build = build_of(self._machine)
        lines = [f" {symbol_of(build, name)}" for name in inner]
        return lines + [f" {symbol(self._machine, frame)}" for frame in reversed(frames)]

    def _state_lines(self, address: int) -> list[str]:
        row_bytes = 16 * GRANULE
        row = address & ~(row_bytes - 1)
        lines = ["Memory state around the buggy address:"]
        for start in range(row - 2 * row_bytes, row + 3 * row_bytes, row_bytes):
            values = " ".join(f"{self._value(start + i * GRANULE):02x}" for i in range(16))
            marker = ">" if start == row else " "
            lines.append(f"{marker}{start:016x}: {values}")
            if start == row:
                lines.append(" " * (19 + 3 * ((address - row) // GRANULE)) + "^")
        return lines


def _related(record: _ObjectRecord | None) -> tuple[tuple[str, Frame], ...]:
    if record is None:
        return ()
    related = []
    if record.allocated_at:
        related.append(("allocated", record.allocated_at[-1]))
    if record.freed_at:
        related.append(("freed", record.freed_at[-1]))
    return tuple(related)
