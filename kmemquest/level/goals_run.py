"""Predicates over how a run went: reports, return values, the log, devices, users."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec

from kmemquest.i18n import _, ngettext
from kmemquest.kernel import events as ev
from kmemquest.level.evidence import Evidence
from kmemquest.level.predicate import Outcome, Predicate, names, predicate
from kmemquest.level.reports import expand, kind_of

Positive = Annotated[int, msgspec.Meta(ge=1)]


@predicate
class AllAllocationsSucceed(Predicate):
    """Every allocation of the driver succeeds, and there are at least so many."""

    word: ClassVar[str] = "all-allocations-succeed"
    shorthand: ClassVar[str] = "at_least"
    rule: ClassVar[str] = "page-allocation-failure"
    at_least: Positive = 1
    by: list[str] = msgspec.field(default_factory=list)

    def judge(self, evidence: Evidence) -> Outcome:
        calls = evidence.allocation_calls(self.by)
        for call in calls:
            if call.failed:
                name = f"{call.function}()"
                report = evidence.report_within(call)
                if report is None:
                    return Outcome(
                        False, _("{call} failed.").format(call=name), call.first, self.rule
                    )
                why = _("{call} failed: {what}").format(call=name, what=report_sentence(report))
                return Outcome(False, why, call.first, report.kind)
        if len(calls) < self.at_least:
            last = len(evidence.recording.events) - 1
            return Outcome(
                False,
                ngettext(
                    "Only {n} allocation was made, {wanted} were needed.",
                    "Only {n} allocations were made, {wanted} were needed.",
                    len(calls),
                ).format(n=len(calls), wanted=self.at_least),
                last if last >= 0 else None,
            )
        return Outcome(
            True,
            ngettext("{n} allocation succeeded.", "{n} allocations succeeded.", len(calls)).format(
                n=len(calls)
            ),
        )

    def text(self) -> str:
        if self.at_least > 1:
            return _("all {n} allocations succeed").format(n=self.at_least)
        return _("every allocation succeeds")


@predicate
class NoReport(Predicate):
    """The kernel has nothing to complain about (of the given kinds, or at all)."""

    word: ClassVar[str] = "no-report"
    shorthand: ClassVar[str] = "kinds"
    kinds: list[str] = msgspec.field(default_factory=list)

    def judge(self, evidence: Evidence) -> Outcome:
        wanted = {kind for word in self.kinds for kind in expand(word)}
        for index, report in evidence.reports:
            if not wanted or report.kind in wanted:
                return Outcome(False, report_sentence(report), index, report.kind)
        return Outcome(True, _("The kernel had nothing to complain about."))

    def text(self) -> str:
        if not self.kinds:
            return _("no report of the kernel")
        return ", ".join(never_text(word) for word in self.kinds)


@predicate
class Never(Predicate):
    """Something must not happen; the word is a report kind or a group of them."""

    word: ClassVar[str] = "never"
    shorthand: ClassVar[str] = "what"
    what: str

    def judge(self, evidence: Evidence) -> Outcome:
        kinds = expand(self.what)
        first: Outcome | None = None
        for index, report in evidence.reports:
            if report.kind in kinds:
                first = Outcome(False, report_sentence(report), index, report.kind)
                break
        if "sleep-in-atomic" in kinds:
            slept = evidence.first_event(ev.SleptInAtomic)
            if slept is not None and (first is None or slept < (first.event or 0)):
                event = evidence.recording.events[slept]
                assert isinstance(event, ev.SleptInAtomic)
                first = Outcome(False, sleep_sentence(event), slept, "sleep-in-atomic")
        return first or Outcome(True, _("It did not happen."))

    def text(self) -> str:
        return never_text(self.what)


@predicate
class NoLeak(Predicate):
    """All that the driver took it gives back before it is unloaded."""

    word: ClassVar[str] = "no-leak"
    rule: ClassVar[str] = "leak"

    def judge(self, evidence: Evidence) -> Outcome:
        for index, report in evidence.reports:
            if report.kind == "leak":
                return Outcome(False, report_sentence(report), index, "leak")
        recording = evidence.recording
        unloaded = any(mark.name == "rmmod" and mark.result == 0 for mark in recording.script)
        if not unloaded and recording.outcome != "init-failed":
            return Outcome(False, _("The driver was never unloaded."), None, "leak")
        return Outcome(True, _("Everything was given back."))

    def text(self) -> str:
        return _("no leak after rmmod")


@predicate
class SurvivesToTheEnd(Predicate):
    """The script runs to its end: no panic, no killed task, no endless loop, no failing init."""

    word: ClassVar[str] = "runs-to-the-end"
    init_may_fail: bool = False

    def judge(self, evidence: Evidence) -> Outcome:
        outcome = evidence.recording.outcome
        if outcome == "ran" or (outcome == "init-failed" and self.init_may_fail):
            return Outcome(True, _("The script ran to its end."))
        serious = [(i, r) for i, r in evidence.reports if r.severity in ("oops", "panic")]
        index, kind = (serious[0][0], serious[0][1].kind) if serious else (None, "")
        sentences = {
            "init-failed": _("insmod failed."),
            "does-not-compile": _("The driver does not compile."),
            "task-killed": _("The running task was killed by an oops."),
            "hangs": _("It waits for ever: what it waits for never comes."),
            "panicked": _("The machine panicked."),
            "stopped": _("The run was stopped."),
        }
        why = sentences[outcome]
        if outcome == "hangs" and evidence.reports:
            index, kind = evidence.reports[-1][0], evidence.reports[-1][1].kind
        if outcome == "stopped":
            index, report = evidence.reports[-1] if evidence.reports else (index, None)
            kind = report.kind if report is not None else "endless-loop"
            why = f"{why} {_(kind_of(kind).rule)}"
        return Outcome(False, why, index, kind)

    def text(self) -> str:
        return _("the machine survives to the end")


@predicate
class Returns(Predicate):
    """A step of the script returns a value from the driver (`insmod` returns 0, say)."""

    word: ClassVar[str] = "returns"
    step: str = "insmod"
    value: int = 0

    def judge(self, evidence: Evidence) -> Outcome:
        for mark in evidence.recording.script:
            if mark.name == self.step and mark.result != self.value:
                found = "–" if mark.result is None else str(mark.result)
                return Outcome(
                    False,
                    _("{step} returned {found}.").format(step=self.step, found=found),
                    max(0, min(mark.last_event, len(evidence.recording.events)) - 1),
                )
        if not any(mark.name == self.step for mark in evidence.recording.script):
            return Outcome(False, _("{step} was never reached.").format(step=self.step))
        return Outcome(True, _("{step} returned {found}.").format(step=self.step, found=self.value))

    def text(self) -> str:
        return _("{step} returns {value}").format(step=self.step, value=self.value)


@predicate
class LogContains(Predicate):
    """A line of the kernel log contains a text, at least so many times."""

    word: ClassVar[str] = "log-contains"
    shorthand: ClassVar[str] = "line"
    line: Annotated[str, msgspec.Meta(min_length=1)]
    times: Positive = 1

    def judge(self, evidence: Evidence) -> Outcome:
        found = sum(self.line in line.text for line in evidence.recording.log)
        if found >= self.times:
            return Outcome(True, _("The log says so."))
        last = len(evidence.recording.events) - 1
        why = _("“{text}” is in the log {n} times.").format(text=self.line, n=found)
        return Outcome(False, why, last if last >= 0 else None)

    def text(self) -> str:
        if self.times > 1:
            return _("the log says “{text}” {n} times").format(text=self.line, n=self.times)
        return _("the log says “{text}”").format(text=self.line)


@predicate
class LogLacks(Predicate):
    """No line of the kernel log contains a text."""

    word: ClassVar[str] = "log-lacks"
    shorthand: ClassVar[str] = "line"
    line: Annotated[str, msgspec.Meta(min_length=1)]

    def judge(self, evidence: Evidence) -> Outcome:
        for index, event in enumerate(evidence.recording.events):
            if isinstance(event, ev.LogLine) and self.line in event.text:
                return Outcome(False, _("The log says: {text}").format(text=event.text), index)
        return Outcome(True, _("The log does not say so."))

    def text(self) -> str:
        return _("the log never says “{text}”").format(text=self.line)


@predicate
class NoStaleDataToUser(Predicate):
    """No byte reaches user space that nobody wrote since the driver got the memory.

    What the kernel zeroed counts as written: __GFP_ZERO, and everything under init_on_alloc=1.
    """

    word: ClassVar[str] = "zeroed-before-user"
    shorthand: ClassVar[str] = "copies"
    copies: Positive = 1

    def judge(self, evidence: Evidence) -> Outcome:
        copies = 0
        for index, event in enumerate(evidence.recording.events):
            if isinstance(event, ev.CopiedToUser):
                copies += 1
                if event.stale:
                    why = _(
                        "{stale} of {size} bytes sent to user space were never written; {revealed} "
                        "of them still carry another owner's data."
                    ).format(stale=event.stale, size=event.size, revealed=event.revealed)
                    return Outcome(False, why, index)
        if copies < self.copies:
            return Outcome(False, _("Nothing was copied to user space."))
        return Outcome(
            True,
            _("All that reached user space was written by the driver or zeroed by the kernel."),
        )

    def text(self) -> str:
        return _("no stale byte reaches user space")


@predicate
class DeviceDataArrives(Predicate):
    """Every DMA of the device reaches the memory that it was meant for."""

    word: ClassVar[str] = "device-data-arrives"
    shorthand: ClassVar[str] = "times"
    times: Positive = 1

    def judge(self, evidence: Evidence) -> Outcome:
        reached = 0
        for index, event in enumerate(evidence.recording.events):
            if isinstance(event, ev.DeviceTouched):
                if not event.reached:
                    why = _("The device used DMA address {handle}, where it reaches nothing.")
                    return Outcome(False, why.format(handle=f"{event.handle:#x}"), index)
                reached += 1
        if reached < self.times:
            return Outcome(False, _("The device transferred nothing."))
        return Outcome(
            True,
            ngettext("{n} transfer arrived.", "{n} transfers arrived.", reached).format(n=reached),
        )

    def text(self) -> str:
        return _("what the device transfers arrives")


@predicate
class NoBounce(Predicate):
    """No streaming mapping goes through a bounce buffer."""

    word: ClassVar[str] = "no-bounce-buffer"

    def judge(self, evidence: Evidence) -> Outcome:
        for index, event in enumerate(evidence.recording.events):
            if isinstance(event, ev.DmaMapped) and event.bounced:
                why = _("{size} bytes were copied through a bounce buffer.")
                return Outcome(False, why.format(size=event.size), index)
        return Outcome(True, _("Nothing was copied twice."))

    def text(self) -> str:
        return _("no bounce buffers")


@predicate
class CallsMade(Predicate):
    """A function is called, at least and at most so many times."""

    word: ClassVar[str] = "calls"
    functions: list[str]
    at_least: Annotated[int, msgspec.Meta(ge=0)] = 1
    at_most: int | None = None

    def judge(self, evidence: Evidence) -> Outcome:
        made = [call for call in evidence.calls if call.function in self.functions]
        why = ngettext("{n} call was made.", "{n} calls were made.", len(made)).format(n=len(made))
        if self.at_most is not None and len(made) > self.at_most:
            return Outcome(False, why, made[self.at_most].first)
        return Outcome(len(made) >= self.at_least, why)

    def text(self) -> str:
        what = names(self.functions)
        if self.at_most == 0:
            return _("no call of {functions}").format(functions=what)
        if self.at_most is None:
            return _("{functions} is used").format(functions=what)
        if self.at_most == self.at_least:
            return ngettext(
                "exactly {n} call of {functions}", "exactly {n} calls of {functions}", self.at_most
            ).format(n=self.at_most, functions=what)
        return ngettext(
            "at most {n} call of {functions}", "at most {n} calls of {functions}", self.at_most
        ).format(n=self.at_most, functions=what)


@predicate
class GlobalEquals(Predicate):
    """A global variable of the driver holds a value at the end."""

    word: ClassVar[str] = "global-equals"
    name: str
    value: int

    def watched(self) -> tuple[str, ...]:
        return (self.name,)

    def judge(self, evidence: Evidence) -> Outcome:
        values = dict(evidence.recording.watched)
        found = values.get(self.name)
        shown = "–" if found is None else str(found)
        why = _("{name} is {found} at the end.").format(name=self.name, found=shown)
        return Outcome(found == self.value, why)

    def text(self) -> str:
        return _("{name} is {value} at the end").format(name=self.name, value=self.value)


@predicate
class ContextOfCalls(Predicate):
    """A function is called only in a context."""

    word: ClassVar[str] = "called-in"
    functions: list[str]
    context: Literal["process", "softirq", "hardirq"]

    def judge(self, evidence: Evidence) -> Outcome:
        for call in evidence.calls:
            if call.function in self.functions and call.context != self.context:
                why = _("{call} was called in {context} context.").format(
                    call=f"{call.function}()", context=context_word(call.context)
                )
                return Outcome(False, why, call.first)
        return Outcome(True, _("It did not happen."))

    def text(self) -> str:
        return _("{functions} only in {context} context").format(
            functions=names(self.functions), context=context_word(self.context)
        )


def never_text(word: str) -> str:
    """Return “no …” for a kind or a group of kinds."""
    groups = {
        "out-of-bounds": _("no access out of bounds"),
        "use-after-free": _("no use after free"),
        "bad-free": _("no double or invalid free"),
        "oops": _("no oops, no panic"),
        "sleep-in-atomic": _("nothing sleeps in atomic context"),
    }
    return groups.get(word) or _("no {what}").format(what=_(kind_of(word).name))


def context_word(kind: str) -> str:
    """Return the player's word for a context kind."""
    words = {
        "process": _("process"),
        "softirq": _("softirq"),
        "hardirq": _("hard interrupt"),
        "nmi": _("NMI"),
    }
    return words.get(kind, kind)


def sleep_sentence(event: ev.SleptInAtomic) -> str:
    """Say which call may sleep, and what forbids it there: an interrupt, else the first cause."""
    call = f"{event.call}()"
    if event.context in ("hardirq", "nmi") or (event.context != "process" and not event.locks):
        return _("{call} may sleep, and was called in {context} context.").format(
            call=call, context=context_word(event.context)
        )
    if event.locks:
        return ngettext(
            "{call} may sleep, and was called with the spinlock {locks} held.",
            "{call} may sleep, and was called with the spinlocks {locks} held.",
            len(event.locks),
        ).format(call=call, locks=", ".join(event.locks))
    if event.irqs_off:
        return _("{call} may sleep, and was called with interrupts off.").format(call=call)
    if event.rcu:
        return _("{call} may sleep, and was called by an RCU reader.").format(call=call)
    return _("{call} may sleep, and was called with preemption off.").format(call=call)


def report_sentence(report: ev.Report) -> str:
    """Return the headline of a report, or, if the kernel kept silent, what it is."""
    if report.headline and report.spoken:
        return report.headline
    what = _(kind_of(report.kind).name)
    detail = f" ({report.detail})" if report.detail else ""
    return _("Silently: {what}{detail}").format(what=what, detail=detail)
