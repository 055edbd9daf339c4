"""A recording as the watch and verdict screens see it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from kmemquest.i18n import _
from kmemquest.kernel.events import CallReturned, Report
from kmemquest.kernel.log import format_line
from kmemquest.level.diagnose import is_sealed
from kmemquest.level.goals_memory import duration
from kmemquest.level.goals_run import context_word, report_sentence
from kmemquest.level.probes import answer_label
from kmemquest.level.views import ViewSet
from kmemquest.level.why import tell, why
from kmemquest.tui.model import GoalResult, LogRow, Source, StepWords, Verdict
from kmemquest.tui.picture_source import StepPicture, zone_spans

if TYPE_CHECKING:
    from kmemquest.level.load import Level
    from kmemquest.level.recording import Recording
    from kmemquest.level.verdict import Verdict as Judged

QUIET_TOPICS = ("call", "context", "log")
"""Topics whose events alone do not make a step worth stopping at."""
MAX_PLAIN = 0xFFFF
"""Results above this are addresses, worth telling beside what happened."""
GRAVE_LEVEL = 3
"""KERN_ERR: lines at this level or below it are marked in the log."""


def log_rows(recording: Recording) -> tuple[LogRow, ...]:
    """The kernel log of a recording."""
    return tuple(LogRow(format_line(line), line.level <= GRAVE_LEVEL) for line in recording.log)


class RecordedPlay:
    """A finished run, step by step."""

    def __init__(self, recording: Recording, source: Source) -> None:
        self.recording = recording
        self.source = source
        self._views = ViewSet(recording)
        self._spans = zone_spans(recording)

    @cached_property
    def marks(self) -> bytes:
        """One byte per step."""
        marks = bytearray()
        for step in range(len(self.recording.steps)):
            events = self.recording.events_of(step)
            if any(isinstance(event, Report) for event in events):
                marks.append(2)
            else:
                marks.append(any(event.topic not in QUIET_TOPICS for event in events))
        return bytes(marks)

    @cached_property
    def log(self) -> Sequence[LogRow]:
        """The kernel log."""
        return log_rows(self.recording)

    def log_length(self, step: int) -> int:
        """Lines printed when a step was over."""
        return len(self._views.at(step).log.lines)

    def words(self, step: int) -> StepWords:
        """Where the driver stands."""
        found = self.recording.steps[step]
        parts = [context_word(found.context_kind)]
        if found.irq is not None:
            parts.append(f"irq {found.irq}")
        if found.locks:
            parts.append(_("holds {locks}").format(locks=", ".join(found.locks)))
        return StepWords(
            found.line,
            found.function,
            " · ".join(parts),
            tuple((local.name, local.text) for local in found.locals),
            self._happened(step),
            tuple(reversed(found.stack)),
        )

    def _happened(self, step: int) -> str:
        """The most telling event of a step in a sentence."""
        events = self.recording.events_of(step)
        for event in events:
            if isinstance(event, Report):
                return report_sentence(event)
        told = ""
        returned: CallReturned | None = None
        for event in events:
            if isinstance(event, CallReturned):
                returned = returned or event
            elif event.topic not in QUIET_TOPICS and (words := tell(event)):
                # The result that belongs to it is that of the call which returns next.
                told, returned = words, None
        if not told:
            return tell(returned) if returned else ""
        if returned and returned.result > MAX_PLAIN:
            told += f" → {returned.result:#x}, {duration(returned.cost)}"
        return told

    def picture(self, step: int) -> StepPicture:
        """The machine when a step was over."""
        return StepPicture(self._views.at(step), self._spans)

    def why(self, step: int) -> Sequence[str]:
        """The chain of events behind a step; for a report, with its rule."""
        chosen = self.recording.steps[step]
        events = self.recording.events_of(step)
        for offset, event in enumerate(events):
            if isinstance(event, Report):
                return [fact.text for fact in why(self.recording, chosen.first_event + offset)]
        return [text for text in map(tell, events) if text]


class ShownPlay(RecordedPlay):
    """A worked example: nothing is asked of it."""

    @cached_property
    def verdict(self) -> Verdict:
        """A worked example has no goals."""
        return Verdict(True, 0, _("A worked example."), ())


class LevelPlay(RecordedPlay):
    """A finished run of a level, with what it came to."""

    def __init__(self, level: Level, recording: Recording, judged: Judged, source: Source) -> None:
        super().__init__(recording, source)
        self._level = level
        self.judged = judged

    @cached_property
    def verdict(self) -> Verdict:
        """What the run came to, in words."""
        judged = self.judged
        goals = [GoalResult(goal.text, goal.met, goal.why) for goal in judged.goals]
        for rank, goal in zip((2, 3), judged.star_goals, strict=True):
            goals.append(GoalResult(goal.text, goal.met, goal.why, rank))
        from kmemquest.level.verdict import remark_of

        remark = " ".join(remark_of(self._level, judged).split())
        rule = judged.rule
        return Verdict(
            judged.passed,
            judged.stars,
            self._headline(),
            tuple(goals),
            judged.first_bad.step if judged.first_bad else None,
            self._first_bad(),
            ""
            if rule is None or self.sealed
            else " ".join(part for part in (rule.text, rule.silently) if part),
            "" if judged.predicted is None else self._prediction(),
            judged.predicted,
            judged.failed_goals,
            remark,
            self.sealed,
        )

    @cached_property
    def sealed(self) -> bool:
        """Whether a part of the diagnosis is still wrong, so that the driver stays hidden."""
        return is_sealed(self._level, self.judged.failed_goals)

    def _headline(self) -> str:
        judged = self.judged
        if judged.passed:
            praise = (_("Passed."), _("Passed, and well."), _("Passed. Nobody does it better."))
            return praise[max(0, judged.stars - 1)]
        if judged.outcome == "does-not-compile":
            return _("It does not compile.")
        failed = next((goal for goal in judged.goals if not goal.met), None)
        return _("Not yet: {why}").format(why=failed.why if failed else "")

    def _first_bad(self) -> str:
        bad = self.judged.first_bad
        if bad is None or not bad.line or self.sealed:
            return ""
        lines = self.source.lines
        code = lines[bad.line - 1].strip() if bad.line <= len(lines) else ""
        text = _("line {line}, {code}").format(line=bad.line, code=code)
        if bad.context:
            text += _(" in {context}").format(context=context_word(bad.context))
        if self.judged.outcome == "does-not-compile":
            text += f": {bad.what}"
        return text

    def _prediction(self) -> str:
        truth = answer_label(self.judged.truth)
        if self.judged.predicted:
            return _("{truth}, as you said").format(truth=truth)
        said = answer_label(self.recording.prediction or "")
        return _("it was {truth}, not {said}").format(truth=truth, said=said)

    def short_result(self) -> str:
        """What came of it in two or three words, for a table."""
        judged = self.judged
        if judged.outcome == "does-not-compile":
            return _("does not compile")
        if judged.outcome == "hangs":
            return _("waits for ever")
        if judged.outcome == "panicked":
            return _("panic")
        if judged.outcome == "task-killed":
            return _("oops")
        if judged.outcome == "stopped":
            return _("never ends")
        from kmemquest.level.reports import kind_of

        for goal in judged.goals:
            if not goal.met:
                return _(kind_of(goal.kind).name) if goal.kind else _("goal missed")
        return _("passed")
