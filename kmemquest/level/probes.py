"""Questions that a recording answers by itself: what predictions are compared with.

A prediction's answer is never typed by an author: a probe computes it from the player's own run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kmemquest.content.problem import Problem, did_you_mean
from kmemquest.content.safe_yaml import Document, YamlPath
from kmemquest.i18n import N_, _
from kmemquest.kernel.events import OomKilled
from kmemquest.level.evidence import Allocation, Call, Evidence

NOTHING: Final = "nothing"
"""The answer of a probe that finds nothing to look at."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A question over a recording; `target` is a slot or a function, as the probe needs."""

    word: str
    target: str = ""

    def answer(self, evidence: Evidence) -> str:
        """Compute the answer."""
        return _PROBES[self.word].compute(evidence, self.target)

    def text(self) -> str:
        """Return the question, in the language in force."""
        return _(_PROBES[self.word].question).format(target=self.target)


@dataclass(slots=True)
class ParsedProbe:
    """The outcome of reading a probe from a level file."""

    value: Probe | None
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Kind:
    question: str
    target: str
    """`slot`, `function` or empty."""
    compute: Callable[[Evidence, str], str]


def parse_probe(
    data: str | dict[str, Any], document: Document, path: YamlPath, slots: Mapping[str, Any]
) -> ParsedProbe:
    """Read `word` or `{word: target}`; a missing slot target means the only slot."""
    if isinstance(data, dict) and len(data) != 1:
        problem = document.problem(path, "expected one probe, e.g. {context-of-slot: alloc}")
        return ParsedProbe(None, [problem])
    word = data if isinstance(data, str) else next(iter(data))
    target = "" if isinstance(data, str) else data[word]
    if word not in _PROBES:
        problem = document.problem(path, f"unknown probe {word!r}", did_you_mean(word, _PROBES))
        return ParsedProbe(None, [problem])
    kind = _PROBES[word]
    if not isinstance(target, str):
        problem = document.problem(path, f"expected a name after {word}")
        return ParsedProbe(None, [problem])
    if kind.target == "slot":
        if not target and len(slots) == 1:
            target = next(iter(slots))
        if target not in slots:
            hint = did_you_mean(target, slots)
            problem = document.problem(path, f"{word} needs the name of a slot", hint)
            return ParsedProbe(None, [problem])
    if kind.target == "function" and not target:
        problem = document.problem(path, f"{word} needs the name of a function")
        return ParsedProbe(None, [problem])
    return ParsedProbe(Probe(word, target))


def probe_words() -> tuple[str, ...]:
    """Return the names of all probes."""
    return tuple(_PROBES)


def probe_targets() -> dict[str, tuple[str, str]]:
    """Return for every probe what it must be told (slot, function, nothing), and its question."""
    return {word: (kind.target, kind.question) for word, kind in _PROBES.items()}


# --- the probes -----------------------------------------------------------------------------


def _first_in_slot(evidence: Evidence, slot: str) -> Call | None:
    calls = evidence.calls_in_slot(slot)
    return calls[0] if calls else None


def _allocation_in_slot(evidence: Evidence, slot: str) -> Allocation | None:
    lines = evidence.recording.source.lines_of(slot)
    for allocation in evidence.allocations:
        site = allocation.call.site
        if site is not None and site.line in lines:
            return allocation
    return None


def _context_of_slot(evidence: Evidence, slot: str) -> str:
    lines = evidence.recording.source.lines_of(slot)
    for step in evidence.recording.steps:
        if step.line in lines:
            return step.context_kind
    return NOTHING


def _context_of_function(evidence: Evidence, function: str) -> str:
    for step in evidence.recording.steps:
        if step.function == function:
            return step.context_kind
    return NOTHING


def _result_of_slot(evidence: Evidence, slot: str) -> str:
    call = _first_in_slot(evidence, slot)
    if call is None:
        return NOTHING
    return "fails" if call.failed else "succeeds"


def _window_of_slot(evidence: Evidence, slot: str) -> str:
    allocation = _allocation_in_slot(evidence, slot)
    return NOTHING if allocation is None else allocation.window


def _cache_of_slot(evidence: Evidence, slot: str) -> str:
    allocation = _allocation_in_slot(evidence, slot)
    return NOTHING if allocation is None else allocation.cache or NOTHING


def _bytes_of_slot(evidence: Evidence, slot: str) -> str:
    allocation = _allocation_in_slot(evidence, slot)
    return NOTHING if allocation is None else str(allocation.consumed)


def _frames_of_slot(evidence: Evidence, slot: str) -> str:
    allocation = _allocation_in_slot(evidence, slot)
    return NOTHING if allocation is None else str(len(allocation.pfns))


def _zone_of_slot(evidence: Evidence, slot: str) -> str:
    allocation = _allocation_in_slot(evidence, slot)
    if allocation is None or not allocation.pfns:
        return NOTHING
    first = allocation.pfns[0]
    zones = evidence.recording.picture.zones
    return next((z.name for z in zones if z.start_pfn <= first < z.end_pfn), NOTHING)


def _contiguity_of_slot(evidence: Evidence, slot: str) -> str:
    allocation = _allocation_in_slot(evidence, slot)
    if allocation is None or not allocation.pfns:
        return NOTHING
    return "contiguous" if allocation.contiguous else "scattered"


def _first_report(evidence: Evidence, target: str) -> str:
    del target
    return evidence.reports[0][1].kind if evidence.reports else NOTHING


def _outcome(evidence: Evidence, target: str) -> str:
    del target
    return evidence.recording.outcome


def _calls_of(evidence: Evidence, function: str) -> str:
    return str(sum(call.function == function for call in evidence.calls))


def _failures_of(evidence: Evidence, function: str) -> str:
    return str(sum(call.failed for call in evidence.calls if call.function == function))


def _order_of_slot(evidence: Evidence, slot: str) -> str:
    allocation = _allocation_in_slot(evidence, slot)
    if allocation is None or not allocation.pfns:
        return NOTHING
    return str((len(allocation.pfns) - 1).bit_length())


# The first report is the first bad step that a kernel, or its checkers, could have told of.


def _line_of_report(evidence: Evidence, target: str) -> str:
    del target
    site = evidence.reports[0][1].site if evidence.reports else None
    return NOTHING if site is None else str(site.line)


def _function_of_report(evidence: Evidence, target: str) -> str:
    del target
    site = evidence.reports[0][1].site if evidence.reports else None
    return NOTHING if site is None else site.function


def _related_line(evidence: Evidence, role: str) -> str:
    related = evidence.reports[0][1].related if evidence.reports else ()
    return next((str(frame.line) for word, frame in related if word == role), NOTHING)


def _line_of_allocation(evidence: Evidence, target: str) -> str:
    del target
    found = _related_line(evidence, "allocated")
    if found != NOTHING:
        return found
    allocation = _reported_object(evidence)
    site = allocation.call.site if allocation else None
    return NOTHING if site is None else str(site.line)


def _line_of_free(evidence: Evidence, target: str) -> str:
    del target
    return _related_line(evidence, "freed")


def _reported_object(evidence: Evidence) -> Allocation | None:
    """Return the last allocation before the first report that holds, or borders on, its address."""
    if not evidence.reports:
        return None
    index, report = evidence.reports[0]
    before = [a for a in evidence.allocations if a.call.first < index]
    for allocation in reversed(before):
        size = max(allocation.consumed, allocation.requested)
        if allocation.address <= report.address < allocation.address + size:
            return allocation
    return None


def _cache_of_report(evidence: Evidence, target: str) -> str:
    del target
    allocation = _reported_object(evidence)
    return NOTHING if allocation is None else allocation.cache or NOTHING


def _allocator_of_report(evidence: Evidence, target: str) -> str:
    del target
    allocation = _reported_object(evidence)
    return NOTHING if allocation is None else allocation.call.function


def _first_killed(evidence: Evidence, target: str) -> str:
    """Return the name of the OOM killer's first victim, as ps shows it."""
    del target
    for event in evidence.recording.events:
        if isinstance(event, OomKilled):
            return event.comm
    return NOTHING


def _line_of_failure(evidence: Evidence, target: str) -> str:
    del target
    for call in evidence.allocation_calls():
        if call.failed and call.site is not None:
            return str(call.site.line)
    return NOTHING


_PROBES: Final[dict[str, _Kind]] = {
    "context-of-slot": _Kind(N_("In which context does your line run?"), "slot", _context_of_slot),
    "context-of-function": _Kind(
        N_("In which context does {target}() run?"), "function", _context_of_function
    ),
    "result-of-slot": _Kind(N_("Does your call succeed?"), "slot", _result_of_slot),
    "window-of-slot": _Kind(
        N_("In which part of the address space will the pointer lie?"), "slot", _window_of_slot
    ),
    "cache-of-slot": _Kind(
        N_("From which slab cache will the object come?"), "slot", _cache_of_slot
    ),
    "bytes-of-slot": _Kind(
        N_("How many bytes does one allocation really take?"), "slot", _bytes_of_slot
    ),
    "frames-of-slot": _Kind(
        N_("How many page frames lie behind one allocation?"), "slot", _frames_of_slot
    ),
    "zone-of-slot": _Kind(N_("From which zone will the page frames come?"), "slot", _zone_of_slot),
    "contiguity-of-slot": _Kind(
        N_("Will the page frames be contiguous or scattered?"), "slot", _contiguity_of_slot
    ),
    "first-report": _Kind(N_("What goes wrong first, if anything?"), "", _first_report),
    "outcome": _Kind(N_("How will the run end?"), "", _outcome),
    "calls-of": _Kind(N_("How often will {target}() be called?"), "function", _calls_of),
    "failures-of": _Kind(N_("How often will {target}() fail?"), "function", _failures_of),
    "order-of-slot": _Kind(
        N_("Of which order is the block behind one allocation?"), "slot", _order_of_slot
    ),
    "line-of-report": _Kind(N_("Which line did it?"), "", _line_of_report),
    "function-of-report": _Kind(N_("Which function did it?"), "", _function_of_report),
    "line-of-allocation": _Kind(
        N_("Which line allocated the memory concerned?"), "", _line_of_allocation
    ),
    "line-of-free": _Kind(N_("Which line gave the memory concerned back?"), "", _line_of_free),
    "cache-of-report": _Kind(
        N_("From which slab cache is the object concerned?"), "", _cache_of_report
    ),
    "allocator-of-report": _Kind(
        N_("Which function handed the memory concerned out?"), "", _allocator_of_report
    ),
    "line-of-failure": _Kind(N_("Which allocation fails first?"), "", _line_of_failure),
    "first-killed": _Kind(N_("Whom does the OOM killer kill first?"), "", _first_killed),
}
"""The closed list."""

LINE_PROBES: Final = frozenset(
    ("line-of-report", "line-of-allocation", "line-of-free", "line-of-failure")
)
"""Probes whose answer is a line of the driver; options name it by its text."""

ANSWER_WORDS: Final[dict[str, str]] = {
    "process": N_("process"),
    "softirq": N_("softirq"),
    "hardirq": N_("hard interrupt"),
    "nmi": N_("NMI"),
    "succeeds": N_("it succeeds"),
    "fails": N_("it fails"),
    "direct-map": N_("direct map"),
    "vmalloc": N_("vmalloc window"),
    "other": N_("elsewhere"),
    "contiguous": N_("contiguous"),
    "scattered": N_("scattered"),
    "nothing": N_("nothing"),
    "ran": N_("it runs to the end"),
    "init-failed": N_("insmod fails"),
    "task-killed": N_("an oops kills the task"),
    "hangs": N_("it waits for ever"),
    "panicked": N_("the machine panics"),
    "stopped": N_("it never ends"),
    "does-not-compile": N_("it does not compile"),
}


def answer_label(answer: str) -> str:
    """Return an answer as the player reads it."""
    if answer in ANSWER_WORDS:
        return _(ANSWER_WORDS[answer])
    from kmemquest.level.reports import KINDS

    return _(KINDS[answer].name) if answer in KINDS else answer
