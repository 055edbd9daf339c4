"""The sandbox in words: what a statement came to, what an address is, why a request failed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kmemquest.driver.errno_names import errno_name
from kmemquest.i18n import _, ngettext
from kmemquest.kernel import address as addr
from kmemquest.kernel import events as ev
from kmemquest.kernel.gfp import allows_blocking, format_gfp
from kmemquest.level.call_words import GFP_PLACE, word_call
from kmemquest.level.goals_run import report_sentence
from kmemquest.level.picture import FREE, PCP
from kmemquest.level.sandbox import Passage, SandboxRun
from kmemquest.level.views.frame_map import portray
from kmemquest.level.views.viewset import StepViews, ViewSet
from kmemquest.level.why import tell, why

PAGE: Final = addr.PAGE_SIZE
MAX_ERRNO: Final = 4095
ALLOCATORS: Final = frozenset(
    (*GFP_PLACE, "vmalloc", "vzalloc", "vmalloc_user", "vmalloc_32", "kvmalloc_node", "ioremap",
     "alloc_percpu")
)  # fmt: skip
CANDIDATES: Final = 3
"""Blocks shown that would have been the nearest to what a request needed."""
_POINTER: Final = re.compile(r"0x([0-9a-f]{3,16})$")


@dataclass(frozen=True, slots=True)
class Said:
    """A line of an explanation; `tone` is plain, strong, quiet, good, warn or bad."""

    text: str
    tone: str = "plain"


def views_at(run: SandboxRun, views: ViewSet, first: int, last: int) -> StepViews:
    """The machine when the events [first, last) were over."""
    del run
    return StepViews(views, first, last)


def result_words(run: SandboxRun, views: ViewSet, number: int) -> Said:
    """What a statement came to: a value with its address decoded, a report, or what it did."""
    passage = run.passages[number - 1]
    statement = run.statements[number - 1]
    if statement.form == "definition":
        return Said(_("defined"), "quiet")
    if not passage.reached:
        return Said(_("never reached"), "warn")
    events = run.recording.events[passage.first_event : passage.last_event]
    value = run.value(number)
    report = next((event for event in events if isinstance(event, ev.Report)), None)
    if report is not None:
        came = f"({value[0]}) {value[1]}: " if value is not None else ""
        return Said(came + report_sentence(report), "bad")
    if value is None:
        own = [event for event in events if not isinstance(event, ev.CallReturned)]
        told = [words for event in own or events if (words := _telling(event))]
        if run.died_at == number:
            return Said(told[-1] if told else _("the run ended here"), "bad")
        return Said(told[-1], "plain") if told else Said(_("done"), "quiet")
    kind, text = value
    pointer = kind.endswith("*") or _POINTER.fullmatch(text) is not None
    if pointer:
        where = views_at(run, views, passage.last_event - 1, passage.last_event)
        about = decode(run, where, text)
        failed = text == "NULL" and any(_allocates(event) for event in events)
        shown = f"({kind}) {text}" + (f": {about}" if about else "")
        return Said(shown, "bad" if failed else "good" if text != "NULL" else "plain")
    if text.lstrip("-").isdigit():
        number_words = _integer(int(text))
        return Said(f"({kind}) {text}" + (f" {number_words}" if number_words else ""), "good")
    return Said(f"({kind}) {text}", "good")


def _telling(event: ev.Event) -> str:
    if isinstance(event, ev.CallMade | ev.LogLine):
        return ""
    return tell(event)


def _allocates(event: ev.Event) -> bool:
    return isinstance(event, ev.CallReturned) and event.function in ALLOCATORS


def _integer(value: int) -> str:
    if -MAX_ERRNO <= value < 0:
        name = errno_name(-value)
        return f"= -{name}" if name else ""
    return f"= {value:#x}" if value > 9 else ""


# --- addresses --------------------------------------------------------------------------------


def decode(run: SandboxRun, views: StepViews, text: str) -> str:
    """What lies at an address: window, frame, slab and object, area; empty where nobody knows."""
    if text == "NULL":
        return ""
    found = _POINTER.search(text)
    if found is None:
        return ""
    value = int(found[1], 16)
    if value == addr.ZERO_SIZE_PTR:
        return _("ZERO_SIZE_PTR: what kmalloc(0) returns")
    if value >= (1 << 64) - MAX_ERRNO:
        number = (1 << 64) - value
        return f"ERR_PTR(-{errno_name(number) or number})"
    if addr.is_user_address(value):
        return _("an address of user space")
    if addr.VMEMMAP_START <= value < addr.VMEMMAP_END:
        return _("struct page of frame {pfn}").format(pfn=f"{addr.page_to_pfn(value):#x}")
    if addr.is_vmalloc_address(value):
        return _area(views, value)
    if addr.is_direct_map_address(value):
        return _direct(run, views, value)
    return _("part of the kernel image or of a module")


def _area(views: StepViews, value: int) -> str:
    for area in views.vmalloc.areas:
        if area.start <= value < area.end:
            page = (value - area.start) // PAGE
            if area.state != "live":
                return _("vmalloc window: freed area, page {page}").format(page=page)
            if page >= area.pages and area.pages:
                return _("vmalloc window: the guard page of the area")
            return ngettext(
                "vmalloc window: page {page} of an area of {n} page",
                "vmalloc window: page {page} of an area of {n} pages",
                area.pages,
            ).format(page=page, n=area.pages)
    return _("vmalloc window: nothing is mapped there")


def _direct(run: SandboxRun, views: StepViews, value: int) -> str:
    pfn = addr.virt_to_pfn(value)
    place = _("direct map, frame {pfn}").format(pfn=f"{pfn:#x}")
    known = _object(run, views, value)
    if known:
        return f"{place}: {known}"
    frames = views.frames.frames
    if not 0 <= pfn < len(frames):
        return _("direct map, beyond all memory")
    return f"{place}: {holder(views, pfn)}"


def _object(run: SandboxRun, views: StepViews, value: int) -> str:
    """The object of a statement that holds an address; freed or not."""
    events = run.recording.events[: views.last_event]
    freed = False
    for event in reversed(events):
        if isinstance(event, ev.ObjectFreed) and event.address == value:
            freed = True
        if not isinstance(event, ev.ObjectAllocated):
            continue
        if event.address <= value < event.address + max(event.size, 1):
            offset = value - event.address
            if event.cache:
                text = _("{cache}, object {index} of its slab, {n} bytes asked for").format(
                    cache=event.cache, index=event.index, n=event.requested
                )
            else:
                text = _("a block of order {order}, {n} bytes asked for").format(
                    order=event.order, n=event.requested
                )
            if offset:
                text = _("{n} bytes into {what}").format(n=offset, what=text)
            return _("freed: {what}").format(what=text) if freed else text
    return ""


def holder(views: StepViews, pfn: int) -> str:
    """Who holds a frame, in words."""
    for cache in views.slabs.caches:
        for slab in cache.slabs:
            if slab.pfn <= pfn < slab.pfn + (1 << slab.order):
                return _("slab of {cache}, order {order}").format(
                    cache=cache.name, order=slab.order
                )
    return portray(views.frames.frames[pfn]).words


# --- why did this fail? -------------------------------------------------------------------------


def failure_of(run: SandboxRun, passage: Passage) -> int | None:
    """The event that says that a statement failed: a report, a refused request, a NULL returned."""
    events = run.recording.events
    span = range(passage.first_event, passage.last_event)
    for kinds in (ev.AllocationFailed, ev.Report):
        for index in span:
            if isinstance(events[index], kinds):
                return index
    for index in span:
        event = events[index]
        if isinstance(event, ev.CallReturned) and event.function in ALLOCATORS and not event.result:
            return index
    return None


def why_lines(run: SandboxRun, views: ViewSet, number: int) -> Iterator[Said]:
    """The chain behind a statement: what was asked, what happened, what memory looked like."""
    passage = run.passages[number - 1]
    yield Said(run.statements[number - 1].text, "strong")
    if not passage.reached:
        yield Said(_("The run never came to this statement."), "warn")
        return
    index = failure_of(run, passage)
    if index is None:
        yield from _quiet_chain(run, passage)
        return
    for fact in why(run.recording, index):
        event = run.recording.events[fact.event]
        bad = isinstance(event, ev.AllocationFailed | ev.WatermarkFailed | ev.Report)
        yield Said(fact.text, "bad" if bad else "plain")
    failed = run.recording.events[index]
    if not isinstance(failed, ev.AllocationFailed):
        return
    yield from _request_lines(run, passage, failed)
    at = StepViews(views, index, index + 1)
    yield from _zone_lines(at)
    yield from _block_lines(at, failed.order)


def _quiet_chain(run: SandboxRun, passage: Passage) -> Iterator[Said]:
    told = [tell(e) for e in run.recording.events[passage.first_event : passage.last_event]]
    told = [text for text in told if text]
    for text in told:
        yield Said(text)
    yield Said(_("It did not fail.") if told else _("Nothing happened to memory."), "quiet")


def _request_lines(
    run: SandboxRun, passage: Passage, failed: ev.AllocationFailed
) -> Iterator[Said]:
    calls = [
        event
        for event in run.recording.events[passage.first_event : passage.last_event]
        if isinstance(event, ev.CallMade) and event.function in ALLOCATORS
    ]
    yield Said("")
    if calls:
        yield Said(word_call(calls[-1].function, calls[-1].arguments), "strong")
    pages = 1 << failed.order
    yield Said(
        ngettext(
            "wanted: {n} page in one block (order {order}, {size} KiB), {gfp}",
            "wanted: {n} pages in one block (order {order}, {size} KiB), {gfp}",
            pages,
        ).format(n=pages, order=failed.order, size=pages * 4, gfp=format_gfp(failed.gfp))
    )
    yield Said(
        _("The caller may sleep: reclaim and compaction could help.")
        if allows_blocking(failed.gfp)
        else _("The caller may not sleep: no reclaim, no compaction, only what is free now."),
        "quiet",
    )


def _zone_lines(views: StepViews) -> Iterator[Said]:
    yield Said("")
    yield Said(_("zones, in pages: free, min, low, high"), "strong")
    for row in views.zones.rows:
        name = f"{row.node} {row.zone}"
        text = f"{name:<10}{row.free:>10,}{row.min_mark:>9,}{row.low_mark:>9,}{row.high_mark:>9,}"
        low = row.free <= row.min_mark
        yield Said(text, "bad" if low else "plain")


def _block_lines(views: StepViews, order: int) -> Iterator[Said]:
    yield Said("")
    yield Said(_("free blocks, order 0 to 10"), "strong")
    for node, zone in views.lists.zones():
        counts = views.lists.zone(node, zone).counts
        text = f"{f'{node} {zone}':<10}" + "".join(f"{count:>5}" for count in counts)
        enough = any(counts[order:])
        yield Said(text, "plain" if enough else "warn")
    if not 0 < order < 11:
        if order > 10:
            yield Said(_("No zone ever has a block of that order: 10 is the largest."), "bad")
        return
    nearest = list(_nearest_blocks(views, order))
    if nearest:
        yield Said("")
        yield Said(_("the blocks that were nearest to order {n}").format(n=order), "strong")
        yield from nearest


def _nearest_blocks(views: StepViews, order: int) -> Iterator[Said]:
    """Aligned blocks with the fewest frames in use, and who holds those."""
    frames = views.frames.frames
    size = 1 << order
    ranked: list[tuple[int, int]] = []
    free = bytes((FREE, PCP))
    for start in range(0, len(frames) - size + 1, size):
        block = frames[start : start + size]
        if 0 in block:
            continue
        used = size - block.count(free[0]) - block.count(free[1])
        if used:
            ranked.append((used, start))
    for used, start in sorted(ranked)[:CANDIDATES]:
        holders: dict[str, int] = {}
        for pfn in range(start, start + size):
            if frames[pfn] not in (FREE, PCP):
                name = holder(views, pfn)
                holders[name] = holders.get(name, 0) + 1
        told = ", ".join(f"{count} × {name}" for name, count in sorted(holders.items())[:4])
        yield Said(
            ngettext(
                "frames {first}–{last}: {n} of {size} is in use: {who}",
                "frames {first}–{last}: {n} of {size} are in use: {who}",
                used,
            ).format(
                first=f"{start:#x}", last=f"{start + size - 1:#x}", n=used, size=size, who=told
            )
        )
