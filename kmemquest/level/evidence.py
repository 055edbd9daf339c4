"""What a recording proves: calls, allocations and their memory, worked out once from the events.

Predicates and probes ask here instead of walking the stream themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from kmemquest.kernel import events as ev
from kmemquest.kernel import gfp
from kmemquest.kernel.address import (
    PAGE_SHIFT,
    PAGE_SIZE,
    is_direct_map_address,
    is_vmalloc_address,
    page_to_pfn,
    virt_to_phys,
)
from kmemquest.kernel.context import Frame
from kmemquest.level.recording import Recording, Step

POINTER: Final = "pointer"
PAGE: Final = "page"
PHYSICAL: Final = "physical"
HANDLE: Final = "handle"
TOKEN: Final = "token"

ALLOCATORS: Final[dict[str, str]] = {
    **dict.fromkeys(
        (
            "kmalloc", "kzalloc", "kcalloc", "kmalloc_array", "krealloc", "krealloc_array",
            "kmalloc_node", "kzalloc_node", "kmemdup", "kmemdup_array", "kmemdup_nul", "kstrdup",
            "kstrndup", "kasprintf", "memdup_user", "memdup_user_nul", "strndup_user",
            "kvmalloc", "kvzalloc", "kvmalloc_node", "kvzalloc_node", "kvcalloc",
            "kvmalloc_array", "kvmemdup", "vmemdup_user", "vmalloc", "vzalloc", "vmalloc_node",
            "vzalloc_node", "vcalloc", "vmalloc_array", "vmalloc_user", "vmalloc_32",
            "vmalloc_huge", "__vmalloc", "vmap", "kmem_cache_alloc", "kmem_cache_zalloc",
            "kmem_cache_alloc_node", "mempool_alloc", "dma_pool_alloc", "dma_pool_zalloc",
            "dma_alloc_coherent", "dmam_alloc_coherent", "__get_free_pages", "get_zeroed_page",
            "alloc_pages_exact", "memblock_alloc", "memblock_alloc_raw", "memblock_alloc_from",
            "memblock_alloc_low", "memblock_alloc_node", "memblock_alloc_try_nid", "ioremap",
            "ioremap_wc", "devm_kmalloc", "devm_kzalloc", "devm_kcalloc",
        ),
        POINTER,
    ),
    **dict.fromkeys(
        (
            "alloc_pages", "alloc_pages_node", "dma_alloc_pages", "cma_alloc",
            "dma_alloc_from_contiguous",
        ),
        PAGE,
    ),
    **dict.fromkeys(("memblock_phys_alloc", "memblock_phys_alloc_range"), PHYSICAL),
    **dict.fromkeys(("__alloc_percpu", "__alloc_percpu_gfp"), TOKEN),
    **dict.fromkeys(("dma_map_single", "dma_map_page"), HANDLE),
}  # fmt: skip
"""Functions that hand something out, and what their result is; 0 means failure."""

_SIZE_ARGUMENTS: Final[dict[str, tuple[int, ...]]] = {
    **dict.fromkeys(
        ("kcalloc", "kmalloc_array", "kvcalloc", "kvmalloc_array", "vcalloc", "vmalloc_array"),
        (0, 1),
    ),
    **dict.fromkeys(
        ("krealloc", "kmemdup", "kvmemdup", "dma_alloc_coherent", "dma_alloc_pages"), (1,)
    ),
    "krealloc_array": (1, 2),
}
"""Which arguments, multiplied, are the bytes asked for; the first one for all others."""

_CONTIGUOUS: Final = ("cma_alloc", "dma_alloc_from_contiguous")
_GRAVITY: Final = {"message": 1, "WARN": 2, "BUG report": 3, "oops": 4, "panic": 5}

DMA_MAPPING_ERROR: Final = (1 << 64) - 1
_ERROR_POINTERS: Final = (1 << 64) - 4095


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the driver into the kernel: its events are `events[first:last]`.

    `cost` is in nanoseconds; `context` is process, softirq, hardirq or nmi; `atomic` is true
    where sleeping is forbidden as far as the recording knows (interrupts, spinlocks, …).
    """

    function: str
    arguments: tuple[int, ...]
    result: int | None
    cost: int
    site: Frame | None
    first: int
    last: int
    context: str

    @property
    def failed(self) -> bool:
        """True when an allocator returned nothing; None (it never returned) counts as failed."""
        if self.result is None:
            return True
        if ALLOCATORS.get(self.function) == HANDLE:
            return self.result == DMA_MAPPING_ERROR
        return self.result == 0 or self.result >= _ERROR_POINTERS


@dataclass(frozen=True, slots=True)
class Allocation:
    """What a successful call of an allocator gave.

    `requested` bytes were asked for, `consumed` bytes are gone for it: an object's share of its
    slab, whole pages otherwise. `pfns` are its frames in the order of its addresses.
    """

    call: Call
    kind: str
    address: int
    requested: int
    consumed: int
    pfns: tuple[int, ...]
    cache: str = ""
    handle: int = 0

    @property
    def contiguous(self) -> bool:
        """True when the frames follow each other."""
        return all(b == a + 1 for a, b in zip(self.pfns, self.pfns[1:], strict=False))

    @property
    def physical(self) -> int:
        """The physical address of the first byte; -1 when no frame is known."""
        if self.kind in ("slab", "large") and is_direct_map_address(self.address):
            return virt_to_phys(self.address)
        return self.pfns[0] << PAGE_SHIFT if self.pfns else -1

    @property
    def window(self) -> str:
        """The part of the address space: direct-map, vmalloc, or other."""
        if is_direct_map_address(self.address):
            return "direct-map"
        return "vmalloc" if is_vmalloc_address(self.address) else "other"


class Evidence:
    """Facts of one recording, worked out when first asked for."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """The outermost calls, in order; a call that never returned has no result."""
        recording = self.recording
        found: list[Call] = []
        open_calls: list[tuple[int, ev.CallMade]] = []
        for index, event in enumerate(recording.events):
            if isinstance(event, ev.CallMade):
                open_calls.append((index, event))
            elif isinstance(event, ev.CallReturned) and open_calls:
                while len(open_calls) > 1 and open_calls[-1][1].function != event.function:
                    open_calls.pop()
                first, made = open_calls.pop()
                if not _inside(made.function, open_calls):
                    found.append(self._call(first, index + 1, made, event.result, event.cost))
        for first, made in open_calls:
            found.append(self._call(first, len(recording.events), made, None, 0))
        found.sort(key=lambda call: call.first)
        return tuple(found)

    def _call(
        self, first: int, last: int, made: ev.CallMade, result: int | None, cost: int
    ) -> Call:
        step = self.recording.step_at(first)
        context = step.context_kind if step else "process"
        return Call(made.function, made.arguments, result, cost, made.site, first, last, context)

    def allocation_calls(self, by: Iterable[str] = ()) -> tuple[Call, ...]:
        """Return calls of allocators, or of the given functions only; mappings are left out."""
        names = set(by)
        return tuple(
            call
            for call in self.calls
            if (call.function in names if names else _allocates(call.function))
        )

    @cached_property
    def allocations(self) -> tuple[Allocation, ...]:
        """What the successful allocator calls gave, in order."""
        shares = self._shares()
        found = []
        for call in self.calls:
            if _allocates(call.function) and not call.failed:
                allocation = self._allocation(call, shares)
                if allocation is not None:
                    found.append(allocation)
        return tuple(found)

    def by(self, functions: Iterable[str]) -> tuple[Allocation, ...]:
        """Return the allocations of the given functions (all when none is given)."""
        names = set(functions)
        return tuple(a for a in self.allocations if not names or a.call.function in names)

    def _shares(self) -> dict[str, int]:
        """Cache -> bytes of slab that one object costs."""
        shares = {
            cache.name: (PAGE_SIZE << cache.order) // max(cache.objects, 1)
            for cache in self.recording.picture.caches
        }
        for event in self.recording.events:
            if isinstance(event, ev.CacheCreated) and event.objects:
                shares[event.cache] = (PAGE_SIZE << event.order) // event.objects
        return shares

    def _allocation(self, call: Call, shares: dict[str, int]) -> Allocation | None:
        inside = self.recording.events[call.first : call.last]
        address = call.result or 0
        for event in reversed(inside):
            if isinstance(event, ev.ObjectAllocated) and _is_object_of(call, event, address):
                return _of_object(call, event, shares)
            if isinstance(event, ev.VmAreaCreated) and event.start <= address < event.end:
                requested = _asked_for(call)
                size = len(event.pfns) * PAGE_SIZE
                kind = "vmalloc" if event.kind == "vmalloc" else event.kind
                return Allocation(
                    call, kind, address, _plausible(requested, size), size, event.pfns
                )
            if isinstance(event, ev.CoherentAllocated):
                pfns = tuple(range(event.pfn, event.pfn + (1 << event.order)))
                consumed = PAGE_SIZE << event.order
                return Allocation(
                    call, "coherent", address, event.size, consumed, pfns, handle=event.handle
                )
            if isinstance(event, ev.PercpuAllocated):
                return Allocation(call, "percpu", address, event.size, event.size, ())
        if call.function.startswith("memblock"):
            return _of_memblock(call, inside)
        if call.function in _CONTIGUOUS:
            return _of_contiguous_area(call)
        pages = [event for event in inside if isinstance(event, ev.PagesAllocated)]
        if not pages:
            return Allocation(call, "other", address, 0, 0, ())
        last = pages[-1]
        pfns = tuple(range(last.pfn, last.pfn + (1 << last.order)))
        size = PAGE_SIZE << last.order
        if call.function == "alloc_pages_exact" and call.arguments:
            size = -(-call.arguments[0] // PAGE_SIZE) * PAGE_SIZE
            pfns = pfns[: size // PAGE_SIZE]
            return Allocation(call, "pages", address, call.arguments[0], size, pfns)
        return Allocation(call, "pages", address, size, size, pfns)

    # --- happenings -------------------------------------------------------------------------

    @cached_property
    def reports(self) -> tuple[tuple[int, ev.Report], ...]:
        """Reports with their event index."""
        return tuple(
            (index, event)
            for index, event in enumerate(self.recording.events)
            if isinstance(event, ev.Report)
        )

    def report_within(self, call: Call) -> ev.Report | None:
        """Return the gravest report made during a call, the first of equals."""
        within = [report for index, report in self.reports if call.first <= index < call.last]
        if not within:
            return None
        return max(within, key=lambda report: _GRAVITY.get(report.severity, 0))

    def first_event(self, kind: type[ev.Event]) -> int | None:
        """Return the index of the first event of a type."""
        for index, event in enumerate(self.recording.events):
            if isinstance(event, kind):
                return index
        return None

    def step_of(self, event: int) -> Step | None:
        """Return the step during which an event happened."""
        return self.recording.step_at(event)

    def calls_in_slot(self, slot: str) -> tuple[Call, ...]:
        """Return the calls made by a slot's text."""
        lines = self.recording.source.lines_of(slot)
        return tuple(
            call for call in self.calls if call.site is not None and call.site.line in lines
        )

    @cached_property
    def peak_pages(self) -> int:
        """The most pages that the driver's calls took and had not given back, at any time.

        What the kernel takes for itself around them (the module's image, a stack) and the memory
        of user processes do not count.
        """
        taken: dict[int, int] = {}
        held = peak = calls = 0
        for event in self.recording.events:
            if isinstance(event, ev.CallMade):
                calls += 1
            elif isinstance(event, ev.CallReturned):
                calls = max(0, calls - 1)
            elif isinstance(event, ev.PagesAllocated):
                if calls and not event.gfp & gfp.MOVABLE:
                    taken[event.pfn] = event.order
                    held += 1 << event.order
                    peak = max(peak, held)
            elif isinstance(event, ev.PagesFreed) and event.pfn in taken:
                held -= 1 << taken.pop(event.pfn)
        return peak

    def waste(self, needed: int = 0) -> float | None:
        """Return the share of consumed memory that nobody asked for; None without allocations.

        `needed` bytes per allocation replace what the call asked for (a whole page for a small
        buffer asks for a page, but needs less).
        """
        allocations = [a for a in self.allocations if a.consumed]
        consumed = sum(a.consumed for a in allocations)
        if not consumed:
            return None
        wanted = sum(min(needed or a.requested, a.consumed) for a in allocations)
        return 1 - wanted / consumed

    def worst_latency(self, by: Iterable[str] = ()) -> Call | None:
        """Return the allocation call that took longest."""
        calls = [call for call in self.allocation_calls(by) if call.result is not None]
        return max(calls, key=lambda call: (call.cost, -call.first)) if calls else None


def _allocates(function: str) -> bool:
    return ALLOCATORS.get(function, HANDLE) != HANDLE


def _inside(function: str, open_calls: list[tuple[int, ev.CallMade]]) -> bool:
    """Tell whether a call is a part of another call, not of a callback into the driver.

    Work run by flush_work() or a handler run inside a call makes calls of its own.
    """
    del function
    return bool(open_calls) and _allocates(open_calls[-1][1].function)


def _asked_for(call: Call) -> int:
    size = 1
    for index in _SIZE_ARGUMENTS.get(call.function, (0,)):
        if index >= len(call.arguments):
            return 0
        size *= call.arguments[index]
    return size


def _is_object_of(call: Call, event: ev.ObjectAllocated, address: int) -> bool:
    """Tell whether a result lies in an object; devm memory begins behind a header."""
    if call.function.startswith("devm_"):
        return event.address <= address < event.address + event.size
    return event.address == address


def _of_contiguous_area(call: Call) -> Allocation:
    """Frames of the CMA area: as many as asked for, no rounding to a power of two."""
    first, count = page_to_pfn(call.result or 0), call.arguments[1]
    size = count << PAGE_SHIFT
    return Allocation(call, "cma", call.result or 0, size, size, tuple(range(first, first + count)))


def _plausible(requested: int, size: int) -> int:
    return requested if 0 < requested <= size else size


def _of_object(call: Call, event: ev.ObjectAllocated, shares: dict[str, int]) -> Allocation:
    if event.cache:
        first = (event.address - (0xFFFF_8880 << 32)) >> PAGE_SHIFT
        last = (event.address + max(event.size, 1) - 1 - (0xFFFF_8880 << 32)) >> PAGE_SHIFT
        consumed = shares.get(event.cache, event.size)
        pfns = tuple(range(first, last + 1))
        return Allocation(call, "slab", event.address, event.requested, consumed, pfns, event.cache)
    pfns = tuple(range(event.pfn, event.pfn + (1 << event.order)))
    consumed = PAGE_SIZE << event.order
    return Allocation(call, "large", event.address, event.requested, consumed, pfns)


def _of_memblock(call: Call, inside: tuple[ev.Event, ...]) -> Allocation:
    for event in reversed(inside):
        if isinstance(event, ev.MemblockChanged) and event.operation in ("reserve", "alloc"):
            size = event.end - event.base
            pfns = tuple(range(event.base >> PAGE_SHIFT, -(-event.end >> PAGE_SHIFT)))
            requested = _asked_for(call)
            return Allocation(
                call, "memblock", call.result or 0, _plausible(requested, size), size, pfns
            )
    return Allocation(call, "memblock", call.result or 0, 0, 0, ())
