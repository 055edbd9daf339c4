"""“At which size does the answer change?”: a constant of the driver goes through a list of values.

Every value is a run of the simulator; nobody types the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kmemquest.i18n import _
from kmemquest.level.attempt import Attempt
from kmemquest.level.evidence import Evidence
from kmemquest.level.load import Level
from kmemquest.level.model import to_bytes
from kmemquest.level.probes import NOTHING
from kmemquest.level.recording import Recording


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One run: the value as the author wrote it (`8K`), and what the probe answered."""

    value: str
    answer: str
    outcome: str
    error: str = ""
    """Why it does not compile."""


@dataclass(frozen=True, slots=True)
class SweepQuestion:
    """What the player is asked after a level; `values` are the choices, in order."""

    text: str
    first: str
    """The value with which the sweep begins: the answer there is given."""
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SweepResult:
    """All points of a sweep."""

    points: tuple[SweepPoint, ...]

    @property
    def change(self) -> str | None:
        """The first value at which the answer differs from that of the value before it."""
        changes = self.changes
        return changes[0] if changes else None

    @property
    def changes(self) -> tuple[str, ...]:
        """Every value at which the answer is another one than at the value before it."""
        pairs = zip(self.points, self.points[1:], strict=False)
        return tuple(after.value for before, after in pairs if after.answer != before.answer)


def sweep_question(level: Level, lang: str | None = None) -> SweepQuestion | None:
    """Return the question of a level's sweep; None for a level without one."""
    sweep = level.file.sweep
    if sweep is None or level.sweep_probe is None:
        return None
    text = level.text(lang).sweep or _(
        "{question} {constant} begins with {first}: at which value is the answer another one "
        "for the first time?"
    ).format(question=level.sweep_probe.text(), constant=sweep.constant, first=str(sweep.values[0]))
    shown = tuple(str(value) for value in sweep.values)
    return SweepQuestion(text, shown[0], shown[1:])


def sweep_points(level: Level) -> Iterator[SweepPoint]:
    """Run the values one by one and yield what came of each; nothing without a sweep."""
    sweep = level.file.sweep
    if sweep is None or level.sweep_probe is None:
        return
    for value in sweep.values:
        recording = sweep_run(level, value)
        ran = recording.outcome != "does-not-compile"
        answer = level.sweep_probe.answer(Evidence(recording)) if ran else NOTHING
        errors = [each.message for each in recording.diagnostics if each.severity == "error"]
        yield SweepPoint(str(value), answer, recording.outcome, "" if ran else errors[0])


def sweep_run(level: Level, value: int | str) -> Recording:
    """Return the recording of one value, to be looked at step by step."""
    sweep = level.file.sweep
    assert sweep is not None
    answers = sweep.answers or level.file.solution
    attempt = Attempt(level, answers, constants={sweep.constant: str(to_bytes(value))})
    return replace(attempt.trial(), faults=False).run()


def run_sweep(level: Level) -> SweepResult:
    """Run the whole sweep."""
    return SweepResult(tuple(sweep_points(level)))
