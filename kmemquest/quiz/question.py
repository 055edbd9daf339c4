"""A question as the player meets it: wording in one language, options, the key, the feedback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from kmemquest.quiz.experiment import Experiment

KINDS: Final = ("single", "multiple", "numeric", "order", "code", "bug", "log", "match")
EXECUTED_KINDS: Final = ("numeric", "code", "bug", "log")
"""Their keys come out of a run; `answer_key.settled` fills them in."""
DIFFICULTIES: Final = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to choose; `feedback` tells why it is right, or which belief makes it wrong.

    `belief` is the id of the misconception behind a wrong one. `code` is its C (kind code), `line`
    the line it stands for (kind bug), `number` its value (kind numeric).
    """

    id: str
    text: str
    feedback: str
    correct: bool
    belief: str = ""
    code: str = ""
    line: int = 0
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    `folk` is the answer that circulates on interview sites, `verdict` what 6.12 makes of it: ok,
    partly, outdated, wrong, or empty where there is none; `claim` is what a myth court puts on
    trial. `seed` reproduces a generated question. `given` says what the key depends on.

    Executed kinds carry an `experiment`; as long as `is_settled` is false their key (`number`,
    the options' `correct`, `bug_line`) is not known: see `kmemquest.quiz.answer_key`.
    """

    id: str
    topic: str
    kind: str
    difficulty: int
    prompt: str
    options: tuple[Option, ...]
    explanation: str
    sources: tuple[str, ...]
    folk: str = ""
    verdict: str = ""
    number: int | None = None
    unit: str = ""
    misconceptions: tuple[tuple[int, str], ...] = ()
    """Numeric: wrong numbers with the feedback for whoever answers them."""
    seed: int | None = None
    revision: int = 1
    tags: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    claim: str = ""
    experiment: Experiment | None = None
    measure: Mapping[str, object] | None = field(default=None, hash=False)
    """Numeric: what of the run is the number."""
    expects: Mapping[str, tuple[object, ...]] = field(default_factory=dict, hash=False)
    """Log: option id -> expectations of the run."""
    goals: tuple[object, ...] = field(default=(), hash=False)
    """Code: expectations of the run with the player's code in it."""
    several_lines: bool = False
    bug_report: str = ""
    bug_pointer: str = "here"
    bug_line: int = 0
    order: tuple[str, ...] = ()
    """Order: option ids in the right order."""
    either: tuple[tuple[str, ...], ...] = ()
    items: tuple[tuple[str, str], ...] = ()
    """Match: ids and texts of the left-hand sides."""
    pairs: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def correct_ids(self) -> frozenset[str]:
        """The ids of the right options."""
        return frozenset(option.id for option in self.options if option.correct)

    @property
    def shown_options(self) -> tuple[Option, ...]:
        """The options to choose from; none where the player types a number or code."""
        return () if self.kind in ("numeric", "code") else self.options

    @property
    def is_court(self) -> bool:
        """True if a claim is put on trial by an experiment."""
        return bool(self.claim)

    @property
    def is_settled(self) -> bool:
        """True when the key is known."""
        if self.kind == "numeric":
            return self.number is not None
        if self.kind == "bug":
            return self.bug_line > 0
        if self.kind == "log":
            return any(option.correct for option in self.options)
        return True

    @property
    def hides_driver(self) -> bool:
        """True if the driver would give the answer away and is shown only afterwards."""
        return self.experiment is not None and not self.experiment.shown
