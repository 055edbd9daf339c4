"""Why something happened: the chain of events behind a failure or a report, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kmemquest.driver.header_index import returns_nothing
from kmemquest.i18n import _, ngettext
from kmemquest.kernel import events as ev
from kmemquest.kernel.gfp import format_gfp
from kmemquest.level.call_words import word_call, word_value
from kmemquest.level.goals_memory import duration
from kmemquest.level.goals_run import report_sentence, sleep_sentence
from kmemquest.level.recording import Recording
from kmemquest.level.report_fixes import fix_of
from kmemquest.level.reports import kind_of

MAX_FACTS: Final = 40


@dataclass(frozen=True, slots=True)
class Fact:
    """One link of the chain; `event` is its index, so that the screen can jump there."""

    text: str
    event: int

    def __str__(self) -> str:
        return self.text


def why(recording: Recording, subject: int | ev.Event) -> list[Fact]:
    """Return the chain that led to an event (by index or itself), the cause first.

    The chain is the events of the outermost call around it; a report also tells its related
    sites and its rule.
    """
    index = subject if isinstance(subject, int) else recording.index_of(subject)
    if not 0 <= index < len(recording.events):
        return []
    first, last = _call_around(recording, index)
    facts = []
    for position in range(first, last):
        text = tell(recording.events[position])
        if text:
            facts.append(Fact(text, position))
    if len(facts) > MAX_FACTS:
        half = MAX_FACTS // 2
        left_out = len(facts) - 2 * half
        gap = ngettext("… {n} more event …", "… {n} more events …", left_out).format(n=left_out)
        facts = [*facts[:half], Fact(gap, facts[half].event), *facts[-half:]]
    event = recording.events[index]
    if isinstance(event, ev.Report):
        facts += _about_report(event, index)
    return facts


def _call_around(recording: Recording, index: int) -> tuple[int, int]:
    """Return the events of the outermost call that is open at an event; else of its step."""
    step = recording.step_at(index)
    begin = 0 if step is None else step.first_event
    depth, first = 0, None
    for position in range(begin, index + 1):
        event = recording.events[position]
        if isinstance(event, ev.CallMade):
            if depth == 0:
                first = position
            depth += 1
        elif isinstance(event, ev.CallReturned) and position < index:
            depth = max(0, depth - 1)
    if first is None or depth == 0:
        return (index, index + 1) if step is None else (begin, step.last_event)
    for position in range(first, len(recording.events)):
        event = recording.events[position]
        if isinstance(event, ev.CallMade):
            depth += position > index
        elif isinstance(event, ev.CallReturned) and position >= index:
            depth -= 1
            if depth <= 0:
                return first, position + 1
    return first, len(recording.events)


def _about_report(report: ev.Report, index: int) -> list[Fact]:
    facts = []
    roles = {"allocated": _("allocated in line {line}, {function}()"),
             "freed": _("freed in line {line}, {function}()")}  # fmt: skip
    for role, frame in report.related:
        template = roles.get(role, role + ": {function}():{line}")
        facts.append(Fact(template.format(line=frame.line, function=frame.function), index))
    facts.append(Fact(_("Rule: {rule}").format(rule=_(kind_of(report.kind).rule)), index))
    fix = fix_of(report.kind)
    facts.append(Fact(_("Fix: {fix}").format(fix=_(fix.text)), index))
    facts.append(Fact(_("Read: {page}").format(page=f"Documentation/{fix.page}"), index))
    return facts


def tell(event: ev.Event) -> str:
    """Return an event in words, in the language in force; empty for what is only bookkeeping."""
    for teller in (_tell_pages, _tell_slab, _tell_space, _tell_rest):
        text = teller(event)
        if text:
            return text
    return ""


def _tell_pages(event: ev.Event) -> str:
    if isinstance(event, ev.PagesAllocated):
        source = _("from the per-CPU list") if event.from_pcp else _("from the buddy lists")
        return _("zone {zone}: {pages} taken at frame {pfn}, {source}").format(
            zone=event.zone, pages=_blocks(event.order), pfn=f"{event.pfn:#x}", source=source
        )
    if isinstance(event, ev.PagesFreed):
        target = _("to the per-CPU list") if event.to_pcp else _("to the buddy lists")
        return _("zone {zone}: {pages} given back at frame {pfn}, {target}").format(
            zone=event.zone, pages=_blocks(event.order), pfn=f"{event.pfn:#x}", target=target
        )
    if isinstance(event, ev.BlockSplit):
        return _("a block of order {high} was split down to order {low}").format(
            high=event.from_order, low=event.to_order
        )
    if isinstance(event, ev.BlocksMerged):
        return _("buddies merged from order {low} to order {high}").format(
            low=event.from_order, high=event.to_order
        )
    if isinstance(event, ev.PcpRefilled):
        return ngettext(
            "zone {zone}: the per-CPU list took {n} block of order {order}",
            "zone {zone}: the per-CPU list took {n} blocks of order {order}",
            len(event.pfns),
        ).format(zone=event.zone, n=len(event.pfns), order=event.order)
    if isinstance(event, ev.PcpDrained):
        return ngettext(
            "zone {zone}: the per-CPU list gave {n} block back",
            "zone {zone}: the per-CPU list gave {n} blocks back",
            len(event.blocks),
        ).format(zone=event.zone, n=len(event.blocks))
    if isinstance(event, ev.WatermarkFailed):
        if event.shortage:
            return _(
                "zone {zone} was passed over: {free} free pages count for this request, and there "
                "must be more than {needed}"
            ).format(zone=event.zone, free=event.free, needed=event.needed)
        return _(
            "zone {zone} was passed over: {free} free pages count for this request, but there is "
            "no block of order {order}"
        ).format(zone=event.zone, free=event.free, order=event.order)
    if isinstance(event, ev.SlowPathEntered):
        return _("the fast path found nothing for order {order} with {gfp}").format(
            order=event.order, gfp=format_gfp(event.gfp)
        )
    if isinstance(event, ev.AllocationFailed):
        return _("the request for order {order} failed: {reason}").format(
            order=event.order, reason=event.reason
        )
    return _tell_reclaim(event)


def _tell_reclaim(event: ev.Event) -> str:
    if isinstance(event, ev.KswapdWoken):
        return _("kswapd of node {node} was woken").format(node=event.node)
    if isinstance(event, ev.Reclaimed):
        return ngettext(
            "{by} reclaimed {n} page of the page cache",
            "{by} reclaimed {n} pages of the page cache",
            len(event.pfns),
        ).format(by=event.by, n=len(event.pfns))
    if isinstance(event, ev.Compacted):
        if event.succeeded:
            return _("compaction of zone {zone} made a block of order {order}").format(
                zone=event.zone, order=event.order
            )
        return _("compaction of zone {zone} did not make a block of order {order}").format(
            zone=event.zone, order=event.order
        )
    if isinstance(event, ev.OomKilled):
        return _("the OOM killer chose {comm} (pid {pid})").format(comm=event.comm, pid=event.pid)
    if isinstance(event, ev.PageblockConverted):
        return _("a pageblock changed its migratetype: {reason}").format(reason=event.reason)
    return ""


def _tell_slab(event: ev.Event) -> str:
    if isinstance(event, ev.SlabCreated):
        return ngettext(
            "cache {cache} got a new slab of order {order} with {n} object",
            "cache {cache} got a new slab of order {order} with {n} objects",
            event.objects,
        ).format(cache=event.cache, order=event.order, n=event.objects)
    if isinstance(event, ev.SlabDiscarded):
        return _("cache {cache} gave an empty slab back").format(cache=event.cache)
    if isinstance(event, ev.ObjectAllocated):
        if not event.cache:
            return _("{n} bytes are too large for a cache: a block of order {order}").format(
                n=event.requested, order=event.order
            )
        return _("cache {cache} handed out an object for {n} bytes, in a slot of {size}").format(
            cache=event.cache, size=event.size, n=event.requested
        )
    if isinstance(event, ev.ObjectFreed):
        if not event.cache:
            return _("a block that had no cache went back to the buddy system")
        return _("an object went back to cache {cache}").format(cache=event.cache)
    if isinstance(event, ev.CacheCreated):
        if event.merged_into:
            return _("cache {cache} was merged into {other}").format(
                cache=event.cache, other=event.merged_into
            )
        return _("cache {cache} was created: {size} bytes per object").format(
            cache=event.cache, size=event.size
        )
    return ""


def _tell_space(event: ev.Event) -> str:
    if isinstance(event, ev.VmAreaCreated):
        return ngettext(
            "{kind}: {start}–{end}, {n} page frame behind it",
            "{kind}: {start}–{end}, {n} page frames behind it",
            len(event.pfns),
        ).format(
            kind=event.kind, start=f"{event.start:#x}", end=f"{event.end:#x}", n=len(event.pfns)
        )
    if isinstance(event, ev.VmAreaFreed):
        return _("{kind} area {start} was unmapped; its addresses stay reserved").format(
            kind=event.kind, start=f"{event.start:#x}"
        )
    if isinstance(event, ev.CoherentAllocated):
        return _("{device}: {size} coherent bytes at DMA address {handle}, zone {zone}").format(
            device=event.device, size=event.size, handle=f"{event.handle:#x}", zone=event.zone
        )
    if isinstance(event, ev.DmaMaskSet):
        answer = _("accepted") if event.result == 0 else _("refused")
        return _("{device}: mask {mask} {answer}").format(
            device=event.device, mask=f"{event.mask:#x}", answer=answer
        )
    if isinstance(event, ev.DmaMapped):
        if event.bounced:
            return _("{device}: {size} bytes mapped through a bounce buffer").format(
                device=event.device, size=event.size
            )
        return _("{device}: {size} bytes mapped at DMA address {handle}").format(
            device=event.device, size=event.size, handle=f"{event.handle:#x}"
        )
    if isinstance(event, ev.DmaMapFailed):
        return _("{device}: mapping refused: {reason}").format(
            device=event.device, reason=event.reason
        )
    if isinstance(event, ev.DeviceTouched):
        if event.reached:
            return _("{device} transferred {size} bytes").format(
                device=event.device, size=event.size
            )
        return _("{device} used DMA address {handle} and reached nothing").format(
            device=event.device, handle=f"{event.handle:#x}"
        )
    return ""


def _tell_rest(event: ev.Event) -> str:
    if isinstance(event, ev.CallMade):
        return _("call of {call}").format(call=word_call(event.function, event.arguments))
    if isinstance(event, ev.CallReturned):
        if returns_nothing(event.function):
            return _("{function}() returned after {time}").format(
                function=event.function, time=duration(event.cost)
            )
        return _("{function}() returned {result} after {time}").format(
            function=event.function, result=word_value(event.result), time=duration(event.cost)
        )
    if isinstance(event, ev.SleptInAtomic):
        return sleep_sentence(event)
    if isinstance(event, ev.Report):
        return report_sentence(event)
    if isinstance(event, ev.CopiedToUser):
        return _("{size} bytes went to user space, {stale} of them never written").format(
            size=event.size, stale=event.stale
        )
    if isinstance(event, ev.MemblockChanged):
        return _("memblock: {operation} {base}–{end}").format(
            operation=event.operation, base=f"{event.base:#x}", end=f"{event.end:#x}"
        )
    return ""


def _blocks(order: int) -> str:
    pages = 1 << order
    return ngettext("{n} page", "{n} pages", pages).format(n=pages)
