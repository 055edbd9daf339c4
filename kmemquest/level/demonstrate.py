"""What the engine shows before the player's turn: a brief failure, a worked example."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kmemquest.level.attempt import Attempt
from kmemquest.level.load import Level
from kmemquest.level.recording import Recording
from kmemquest.level.source import DriverSource
from kmemquest.level.verdict import Verdict, judge


@dataclass(frozen=True)
class Demonstration:
    """A run to be watched; `verdict` is None for a worked example, which has no goals."""

    index: int
    text: str
    recording: Recording
    verdict: Verdict | None

    @property
    def clean(self) -> bool:
        """True when the run came to its end and no rule was broken, spoken of or not."""
        steps_done = all(mark.result in (None, 0) for mark in self.recording.script[:1])
        return self.recording.outcome == "ran" and steps_done and not self.recording.reports


def demonstrations(level: Level, lang: str | None = None) -> Iterator[Demonstration]:
    """Run a level's demonstrations in order."""
    texts = level.text(lang).shows
    for index in range(len(level.file.shows)):
        recording, verdict = demonstrate(level, index)
        text = texts[index] if index < len(texts) else ""
        yield Demonstration(index, text, recording, verdict)


def demonstrate(level: Level, index: int) -> tuple[Recording, Verdict | None]:
    """Run one demonstration."""
    show = level.file.shows[index]
    if not show.driver:
        recording = Attempt(level, show.answers).run()
        return recording, judge(level, recording)
    own = Attempt(level, {}).trial(with_truths=False)
    trial = replace(
        own,
        source=DriverSource(show.driver, ()),
        script=tuple(show.script or level.file.script),
        watch=(),
    )
    return trial.run(), None
