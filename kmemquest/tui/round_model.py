"""A round as the screens know it: levels in a row, by other rules than the campaign's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from kmemquest.tui.model import Desk, Play

RoundKind = Literal["training", "test"]


class Round(Protocol):
    """Levels played one after the other by other rules than the campaign's: training, a test."""

    kind: RoundKind
    answers: Mapping[str, str]
    """What was answered last; the campaign's record of the level stays as it is."""

    @property
    def title(self) -> str:
        """What is going on, with its number."""

    @property
    def words(self) -> str:
        """Where it stands, in a sentence."""

    @property
    def may_retry(self) -> bool:
        """Whether the level in hand may be tried again."""

    def refuse(self, answers: Mapping[str, str]) -> str:
        """Why an answer is not judged at all; empty when it is. Blocking."""

    def ran(self, answers: Mapping[str, str], prediction: str | None, play: Play) -> None:
        """Save what a run came to."""

    def following(self) -> Desk | None:
        """The level after this one, or None when the round is over. Blocking."""
