"""The predicate over the fault sweep: any single allocation may fail."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from kmemquest.i18n import _, ngettext
from kmemquest.level.evidence import Evidence
from kmemquest.level.explanation import explain
from kmemquest.level.predicate import Outcome, Predicate, predicate
from kmemquest.level.sweep_table import cut_note, summary, verdict_word


@predicate
class SurvivesFaults(Predicate):
    """Whichever single allocation fails: no leak, no use of NULL, no double free, no oops.

    Judged by a sweep over the answered driver with the level's own script: each request that
    failslab or fail_page_alloc could fail, in process, softirq and hardirq context. `at_least`
    requests must have been tried, so that a driver that allocates nothing does not pass.
    """

    word: ClassVar[str] = "survives-faults"
    shorthand: ClassVar[str] = "at_least"
    rule: ClassVar[str] = "null-dereference"
    at_least: Annotated[int, msgspec.Meta(ge=1)] = 1

    def judge(self, evidence: Evidence) -> Outcome:
        sweep = evidence.recording.faults
        if sweep is None:
            return Outcome(False, _("No allocation was made to fail."))
        if sweep.before:
            first = explain(sweep.before[0])
            return Outcome(
                False, f"{summary(sweep)} {_sentence(first.name, first.line)}", None, first.kind,
                first.line, first.function, first.context,
            )  # fmt: skip
        worst = sweep.worst
        if worst is not None:
            point = worst.point
            why = _("When {call} in line {line} fails: {what}.").format(
                call=f"{worst.call}()", line=point.site.line, what=verdict_word(worst.verdict)
            )
            if worst.first_bad is None:
                return Outcome(
                    False, why, None, self.rule, point.site.line, point.site.function, point.context
                )
            bad = explain(worst.first_bad)
            why += " " + _sentence(bad.name, bad.line)
            return Outcome(False, why, None, bad.kind, bad.line, bad.function, bad.context)
        if len(sweep.results) < self.at_least:
            why = ngettext(
                "Only {n} allocation could fail, {wanted} were needed.",
                "Only {n} allocations could fail, {wanted} were needed.",
                len(sweep.results),
            )
            return Outcome(False, why.format(n=len(sweep.results), wanted=self.at_least))
        note = cut_note(sweep)
        return Outcome(True, f"{summary(sweep)} {note}".strip())

    def text(self) -> str:
        return _("whichever allocation fails: no leak, no oops, no double free")


def _sentence(name: str, line: int) -> str:
    if not line:
        return _("First bad step: {what}.").format(what=name)
    return _("First bad step: {what}, line {line}.").format(what=name, line=line)
