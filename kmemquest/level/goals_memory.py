"""Predicates over memory: where it lies, how much of it goes, how long it takes to get."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec

from kmemquest.i18n import _, ngettext
from kmemquest.kernel import events as ev
from kmemquest.kernel.address import PAGE_SHIFT
from kmemquest.level.evidence import Allocation, Evidence
from kmemquest.level.picture import FREE
from kmemquest.level.predicate import Outcome, Predicate, names, predicate

Fraction = Annotated[float, msgspec.Meta(gt=0, le=1)]
Positive = Annotated[int, msgspec.Meta(ge=1)]


class _OfAllocations(Predicate):
    """A predicate that holds when it holds for every allocation (by the given functions)."""

    by: list[str] = msgspec.field(default_factory=list)

    def fault(self, allocation: Allocation) -> str:
        """Return what is wrong with one allocation, or an empty text."""
        raise NotImplementedError

    def judge(self, evidence: Evidence) -> Outcome:
        found = evidence.by(self.by)
        for allocation in found:
            why = self.fault(allocation)
            if why:
                return Outcome(False, why, allocation.call.first)
        if not found:
            return Outcome(False, _("Nothing was allocated."))
        return Outcome(True, _("It holds for every allocation."))

    def subject(self) -> str:
        """Return what the sentence is about."""
        return names(self.by) if self.by else _("every allocation")


@predicate
class PhysicallyContiguous(_OfAllocations):
    """The frames behind every allocation follow each other, and are promised to."""

    word: ClassVar[str] = "physically-contiguous"

    def fault(self, allocation: Allocation) -> str:
        call = f"{allocation.call.function}()"
        if allocation.kind == "vmalloc" and len(allocation.pfns) > 1 and allocation.contiguous:
            # Luck is no property of the call: on the next machine the frames lie apart.
            return _("{call} promises no contiguous page frames; today they happen to be.").format(
                call=call
            )
        if allocation.contiguous and allocation.pfns:
            return ""
        runs = 1 + sum(
            b != a + 1 for a, b in zip(allocation.pfns, allocation.pfns[1:], strict=False)
        )
        return _("{call} gave {pages} page frames in {runs} separate runs.").format(
            call=call, pages=len(allocation.pfns), runs=runs
        )

    def text(self) -> str:
        return _("{what} is physically contiguous").format(what=self.subject())


@predicate
class DmaReachable(_OfAllocations):
    """Every allocation lies where a device with so many address bits reaches it."""

    word: ClassVar[str] = "dma-reachable"
    shorthand: ClassVar[str] = "bits"
    bits: Annotated[int, msgspec.Meta(ge=16, le=64)] = 32

    def fault(self, allocation: Allocation) -> str:
        limit = 1 << self.bits
        if allocation.handle:
            top = allocation.handle + allocation.consumed
        elif allocation.pfns:
            top = (max(allocation.pfns) + 1) << PAGE_SHIFT
        else:
            return ""
        if top <= limit:
            return ""
        return _("{call} gave memory up to {top}, beyond {bits} address bits.").format(
            call=f"{allocation.call.function}()", top=f"{top:#x}", bits=self.bits
        )

    def text(self) -> str:
        return _("a device with {bits} address bits reaches {what}").format(
            bits=self.bits, what=self.subject()
        )


@predicate
class InWindow(_OfAllocations):
    """Every allocation's address lies in a part of the address space."""

    word: ClassVar[str] = "address-in-window"
    shorthand: ClassVar[str] = "window"
    window: Literal["direct-map", "vmalloc"] = "direct-map"

    def fault(self, allocation: Allocation) -> str:
        if allocation.window == self.window:
            return ""
        return _("{call} gave {address}, which lies in another window.").format(
            call=f"{allocation.call.function}()", address=f"{allocation.address:#x}"
        )

    def text(self) -> str:
        windows = {"direct-map": _("direct map"), "vmalloc": _("vmalloc window")}
        return _("{what} lies in the {window}").format(
            what=self.subject(), window=windows[self.window]
        )


@predicate
class AlignedTo(_OfAllocations):
    """Every allocation's physical address is a multiple of a number of bytes."""

    word: ClassVar[str] = "aligned-to"
    shorthand: ClassVar[str] = "bytes"
    bytes: Positive = 64

    def fault(self, allocation: Allocation) -> str:
        if allocation.physical % self.bytes == 0 and allocation.physical >= 0:
            return ""
        return _("{address} is no multiple of {bytes} bytes.").format(
            address=f"{allocation.physical:#x}", bytes=self.bytes
        )

    def text(self) -> str:
        return _("{what} is aligned to {bytes} bytes").format(what=self.subject(), bytes=self.bytes)


@predicate
class CacheUsed(_OfAllocations):
    """Every allocation comes from a slab cache of this name."""

    word: ClassVar[str] = "cache-used"
    shorthand: ClassVar[str] = "cache"
    cache: str = ""

    def judge(self, evidence: Evidence) -> Outcome:
        aliases = {self.cache}
        for event in evidence.recording.events:
            if isinstance(event, ev.CacheCreated) and event.cache == self.cache:
                aliases.add(event.merged_into or event.cache)
        found = [a for a in evidence.by(self.by) if a.cache in aliases]
        others = [a for a in evidence.by(self.by) if a.cache not in aliases]
        if self.by and others:
            return Outcome(False, _("An object came from elsewhere."), others[0].call.first)
        if found:
            return Outcome(
                True,
                ngettext(
                    "{n} object came from it.", "{n} objects came from it.", len(found)
                ).format(n=len(found)),
            )
        return Outcome(False, _("No object came from it."))

    def text(self) -> str:
        return _("objects come from the cache “{cache}”").format(cache=self.cache)


@predicate
class WasteBelow(Predicate):
    """The share of consumed memory that nobody needs stays below a fraction."""

    word: ClassVar[str] = "waste-below"
    shorthand: ClassVar[str] = "fraction"
    fraction: Fraction
    needed: Annotated[int, msgspec.Meta(ge=0)] = 0

    def judge(self, evidence: Evidence) -> Outcome:
        waste = evidence.waste(self.needed)
        if waste is None:
            return Outcome(False, _("Nothing was allocated."))
        why = _("{percent} % of the memory taken is wasted.").format(percent=round(waste * 100))
        return Outcome(waste < self.fraction, why)

    def text(self) -> str:
        return _("waste below {percent} %").format(percent=round(self.fraction * 100))


@predicate
class LatencyBelow(Predicate):
    """No allocation takes as long as this, in simulated nanoseconds."""

    word: ClassVar[str] = "latency-below"
    shorthand: ClassVar[str] = "ns"
    ns: Positive
    by: list[str] = msgspec.field(default_factory=list)

    def judge(self, evidence: Evidence) -> Outcome:
        worst = evidence.worst_latency(self.by)
        if worst is None:
            return Outcome(False, _("Nothing was allocated."))
        why = _("The slowest, {call}, took {time}.").format(
            call=f"{worst.function}()", time=duration(worst.cost)
        )
        return Outcome(worst.cost < self.ns, why, None if worst.cost < self.ns else worst.first)

    def text(self) -> str:
        return _("no allocation takes {time} or more").format(time=duration(self.ns))


@predicate
class OrderAvailableAfter(Predicate):
    """At the end some zone still has a free block of an order (or larger)."""

    word: ClassVar[str] = "order-available-after"
    shorthand: ClassVar[str] = "order"
    order: Annotated[int, msgspec.Meta(ge=0, le=10)]
    blocks: Positive = 1

    def judge(self, evidence: Evidence) -> Outcome:
        from kmemquest.level.views.fold import fold_to_end
        from kmemquest.level.views.free_lists import FreeListFold

        lists = fold_to_end(FreeListFold(), evidence.recording)
        found = sum(
            count << (order - self.order)
            for row in lists.rows
            for order, count in enumerate(row.counts)
            if order >= self.order
        )
        why = ngettext(
            "{n} block of order {order} is free at the end.",
            "{n} blocks of order {order} are free at the end.",
            found,
        ).format(n=found, order=self.order)
        return Outcome(found >= self.blocks, why)

    def text(self) -> str:
        return _("blocks of order {order} are still free at the end").format(order=self.order)


@predicate
class PagesUsedBelow(Predicate):
    """At no time does the driver's work hold as many pages as this."""

    word: ClassVar[str] = "pages-used-below"
    shorthand: ClassVar[str] = "pages"
    pages: Positive

    def judge(self, evidence: Evidence) -> Outcome:
        peak = evidence.peak_pages
        why = ngettext("At most {n} page was held.", "At most {n} pages were held.", peak)
        return Outcome(peak < self.pages, why.format(n=peak))

    def text(self) -> str:
        return _("fewer than {pages} pages are held at any time").format(pages=self.pages)


@predicate
class ReservedBeforeHandover(Predicate):
    """Early boot reserves so many bytes in memblock, and the buddy system never gets them."""

    word: ClassVar[str] = "reserved-before-handover"
    shorthand: ClassVar[str] = "bytes"
    bytes: Positive

    def judge(self, evidence: Evidence) -> Outcome:
        kept = [
            allocation
            for allocation in evidence.allocations
            if allocation.kind == "memblock" and allocation.pfns
        ]
        total = sum(allocation.consumed for allocation in kept)
        if total < self.bytes:
            why = _("{total} of {bytes} bytes were reserved in memblock.")
            return Outcome(False, why.format(total=total, bytes=self.bytes))
        after = evidence.recording.picture_after
        if after is None or after.phase == "memblock":
            return Outcome(False, _("The handover was never reached."))
        reserved = _reserved_at_handover(evidence)
        for allocation in kept:
            base, end = allocation.pfns[0] << PAGE_SHIFT, (allocation.pfns[-1] + 1) << PAGE_SHIFT
            held = any(low <= base and end <= high for low, high in reserved)
            if not held or any(after.frames[pfn] == FREE for pfn in allocation.pfns):
                why = _("The buddy system was given frames that are in use.")
                return Outcome(False, why, allocation.call.first)
        return Outcome(True, _("{total} bytes stay reserved.").format(total=total))

    def text(self) -> str:
        return _("{bytes} bytes are reserved before the handover").format(bytes=self.bytes)


def _reserved_at_handover(evidence: Evidence) -> tuple[tuple[int, int], ...]:
    """Return memblock's reservations, in whole pages, when the buddy system takes over."""
    from kmemquest.level.views.mappings import MemblockFold

    fold = MemblockFold()
    fold.start(evidence.recording.picture)
    for event in evidence.recording.events:
        if isinstance(event, ev.BootPhase) and event.phase == "buddy":
            break
        fold.apply(event)
    mask = (1 << PAGE_SHIFT) - 1
    return tuple((low & ~mask, (high + mask) & ~mask) for low, high in fold.view().reserved)


def duration(nanoseconds: int) -> str:
    """Render a time as people read it: `640 ns`, `12.4 µs`, `3.1 ms`."""
    if nanoseconds < 1_000:
        return f"{nanoseconds} ns"
    for limit, unit, size in ((1_000_000, "µs", 1_000), (1_000_000_000, "ms", 1_000_000)):
        if nanoseconds < limit:
            return f"{nanoseconds / size:.1f} {unit}"
    return f"{nanoseconds / 1_000_000_000:.1f} s"
