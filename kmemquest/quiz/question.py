"""A question as the player meets it: wording in one language, options, the key, the feedback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

KINDS: Final = ("single", "multiple", "numeric")
DIFFICULTIES: Final = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to choose; `feedback` tells why it is right, or which belief makes it wrong."""

    id: str
    text: str
    feedback: str
    correct: bool


@dataclass(frozen=True, slots=True)
class Question:
    """One question. Numeric ones have no options but a `number` in `unit`.

    `folk` is the answer that circulates on interview sites, `verdict` what 6.12 makes of it: ok,
    partly, outdated, wrong, or empty where there is none. `seed` reproduces a generated question.
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

    @property
    def correct_ids(self) -> frozenset[str]:
        """The ids of the right options."""
        return frozenset(option.id for option in self.options if option.correct)
