"""What the game is given: levels, questions, the save. Opened when first asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from kmemquest.store import Store
from kmemquest.tui.model import Library, Trainer
from kmemquest.tui.preferences import Preferences


class Services:
    """The suppliers of one session; levels and questions are dear, so they are opened late."""

    def __init__(
        self,
        store: Store,
        preferences: Preferences,
        open_library: Callable[[], Library],
        open_trainer: Callable[[], Trainer],
    ) -> None:
        self.store = store
        self.preferences = preferences
        self._open_library = open_library
        self._open_trainer = open_trainer

    @classmethod
    def shipped(cls, store: Store, preferences: Preferences) -> Services:
        """Everything that is installed, with a save and settings of the caller's."""
        return cls(store, preferences, _library, _trainer)

    @classmethod
    def real(cls, language: str | None = None) -> Services:
        """The player's own save and everything that is installed."""
        store = Store.open()
        return cls.shipped(store, Preferences.load(store, language))

    @cached_property
    def library(self) -> Library:
        """All levels."""
        return self._open_library()

    @cached_property
    def trainer(self) -> Trainer:
        """All questions."""
        return self._open_trainer()

    def language_changed(self) -> None:
        """Forget what was read in another language."""
        self.__dict__.pop("library", None)
        self.__dict__.pop("trainer", None)


def _library() -> Library:
    from kmemquest.tui.level_source import open_library

    return open_library()


def _trainer() -> Trainer:
    from kmemquest.tui.quiz_source import open_trainer

    return open_trainer()
