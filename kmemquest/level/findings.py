"""What went wrong in a run, told or not: each misdeed once, with the step in which it began."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kmemquest.level.explanation import Explanation, explain

if TYPE_CHECKING:
    from kmemquest.driver.witness import Finding
    from kmemquest.level.recording import Recording


@dataclass(frozen=True, slots=True)
class Misdeed:
    """A finding in words; `step` indexes the recording's steps and is that of the first bad line.

    `spoken` tells whether the kernel said anything about it, any of the `times`.
    """

    words: Explanation
    step: int | None
    spoken: bool
    times: int = 1

    @property
    def what(self) -> str:
        """The kernel's headline, or the name of what only the simulator knows."""
        return self.words.headline or self.words.name


def misdeeds(recording: Recording, findings: Iterable[Finding]) -> tuple[Misdeed, ...]:
    """Return every misdeed in the order of happening; the first holds the first bad step.

    The same misdeed on the same line is one, however often it happened.
    """
    places = {id(event): index for index, event in enumerate(recording.events)}
    found: dict[tuple[str, str, int], Misdeed] = {}
    for finding in findings:
        known = found.get(finding.key)
        spoken = finding.report.spoken
        if known is None:
            words = explain(finding)
            step = _step(recording, places.get(id(finding.report)), words)
            found[finding.key] = Misdeed(words, step, spoken)
        else:
            words = explain(finding) if spoken and not known.spoken else known.words
            found[finding.key] = replace(
                known, words=words, spoken=known.spoken or spoken, times=known.times + 1
            )
    return tuple(found.values())


def _step(recording: Recording, event: int | None, words: Explanation) -> int | None:
    """Return the last step on the line that did it: a leak is told long after it was made."""
    at = recording.step_at(event) if event is not None else None
    if at is None:
        return None
    if not words.line:
        return at.index
    for index in range(at.index, -1, -1):
        candidate = recording.steps[index]
        if candidate.line == words.line and candidate.function == words.function:
            return index
    return at.index
