"""What the other options would have done: every row is a real run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kmemquest.level.attempt import Attempt
from kmemquest.level.load import Level
from kmemquest.level.recording import Recording
from kmemquest.level.verdict import Verdict, judge


@dataclass(frozen=True)
class OptionOutcome:
    """One row of the comparison: an option put into a slot, everything else as answered."""

    slot: str
    option: str
    label: str
    answers: tuple[tuple[str, str], ...]
    recording: Recording
    verdict: Verdict


def compare(
    level: Level, answers: Mapping[str, str], *, slot: str | None = None, seed: int | None = None
) -> Iterator[OptionOutcome]:
    """Run every option of a slot (the first one with options to choose) and yield as they finish.

    Slots that `answers` leaves open get the solution's answer, so that rows differ in one place.
    """
    name = slot or next(iter(level.file.slots))
    base = {**level.file.solution, **answers}
    for option in level.file.slots[name].names:
        chosen = {**base, name: option}
        recording = Attempt(level, chosen, seed=seed).run()
        yield OptionOutcome(
            name,
            option,
            level.option_label(name, option),
            tuple(sorted(chosen.items())),
            recording,
            judge(level, recording),
        )
