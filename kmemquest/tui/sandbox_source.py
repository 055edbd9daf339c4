"""The sandbox as the screen sees it: a ground from the lab's words, a run that can be scrubbed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from kmemquest.i18n import _
from kmemquest.kernel.events import CallMade, CallReturned, LogLine, Report
from kmemquest.level.sandbox import Ground, SandboxRun
from kmemquest.level.sandbox_words import Said, result_words, why_lines
from kmemquest.level.views import ViewSet
from kmemquest.level.views.viewset import StepViews
from kmemquest.level.why import tell
from kmemquest.tui.lab_model import LabCase, Setup
from kmemquest.tui.lab_source import read_script
from kmemquest.tui.model import LogRow, Source, StepWords, Verdict
from kmemquest.tui.picture_source import StepPicture, zone_spans
from kmemquest.tui.play_source import log_rows


def sandbox_case() -> LabCase:
    """The sandbox without a level."""
    return LabCase("sandbox", _("sandbox"), "", "sandbox.c")


def ground_of(case: LabCase, setup: Setup) -> Ground:
    """The machine of a set-up; a level's driver stands on it, loaded and driven by its script."""
    return Ground(
        case.machine_of(setup),
        setup.uptime,
        case.wear if case.level and setup.machine == "level" else 1,
        driver=case.text if case.level else "",
        script=read_script(setup.script) if case.level else ("insmod",),
        builtin=case.builtin,
        title=case.title,
    )


@dataclass(frozen=True, slots=True)
class Moment:
    """A place to stand: after the events [first, last) of a statement (0: before the first)."""

    statement: int
    first: int
    last: int
    told: str = ""
    grave: bool = False


class SandboxPlay:
    """A run of statements, moment by moment: every event that says something is one."""

    def __init__(self, run: SandboxRun) -> None:
        self.run = run
        self._views = ViewSet(run.recording)
        self._spans = zone_spans(run.recording)
        self.source = Source("sandbox", tuple(statement.text for statement in run.statements))

    @cached_property
    def moments(self) -> tuple[Moment, ...]:
        """From the machine before the first statement to the end of the last."""
        run = self.run
        events = run.recording.events
        found = [Moment(0, max(0, run.begin_event - 1), run.begin_event)]
        for passage in run.passages:
            place = passage.first_event
            for index in range(passage.first_event, passage.last_event):
                event = events[index]
                grave = isinstance(event, Report)
                if isinstance(event, CallMade | CallReturned | LogLine):
                    continue
                words = tell(event)
                if words:
                    found.append(Moment(passage.number, place, index + 1, words, grave))
                    place = index + 1
            grave = result_words(run, self._views, passage.number).tone == "bad"
            told = ""
            if found[-1].statement == passage.number:
                # The last event and the return of the call are one moment.
                last = found.pop()
                place, told, grave = last.first, last.told, grave or last.grave
            found.append(Moment(passage.number, place, passage.last_event, told, grave))
        return tuple(found)

    @cached_property
    def marks(self) -> bytes:
        """One byte per moment: 2 where something went wrong, 1 where a statement ends."""
        marks = bytearray()
        moments = self.moments
        for index, moment in enumerate(moments):
            ends = index + 1 == len(moments) or moments[index + 1].statement != moment.statement
            marks.append(2 if moment.grave else int(ends and moment.statement > 0))
        return bytes(marks)

    @cached_property
    def log(self) -> Sequence[LogRow]:
        """The kernel log up to the last statement."""
        ended = StepViews(self._views, self.run.end_event, self.run.end_event)
        return log_rows(self.run.recording)[: len(ended.log.lines)]

    def _at(self, step: int) -> StepViews:
        moment = self.moments[step]
        return StepViews(self._views, moment.first, moment.last)

    def log_length(self, step: int) -> int:
        """Lines printed until a moment."""
        return min(len(self._at(step).log.lines), len(self.log))

    def words(self, step: int) -> StepWords:
        """Statement (as the line), what happened, the variables at the end of all."""
        moment = self.moments[step]
        variables = tuple(
            (name, text) for name, _kind, text in self.run.variables() if name[0] != "_"
        )
        return StepWords(moment.statement, "sandbox", "", variables, moment.told)

    def picture(self, step: int) -> StepPicture:
        """The machine at a moment."""
        return StepPicture(self._at(step), self._spans)

    def result(self, number: int) -> Said:
        """What a statement came to."""
        return result_words(self.run, self._views, number)

    def explain(self, number: int) -> Sequence[Said]:
        """Why a statement came to that."""
        return tuple(why_lines(self.run, self._views, number))

    def why(self, step: int) -> Sequence[str]:
        """The same as plain sentences."""
        number = self.moments[step].statement
        return [said.text for said in self.explain(number)] if number else ()

    @cached_property
    def verdict(self) -> Verdict:
        """There are no goals here; the first bad moment is."""
        bad = self.marks.find(2)
        return Verdict(bad < 0, 0, "", (), bad if bad >= 0 else None)
