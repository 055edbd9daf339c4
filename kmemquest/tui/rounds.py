"""Training and a world's test as the screens see them: rounds over the level room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kmemquest.content.problem import ProblemsFound
from kmemquest.i18n import _
from kmemquest.level.fast_track import NoTest, after_run, counts, known_levels, sit, sitting_words
from kmemquest.level.later_calls import later_calls
from kmemquest.level.training import Draw, NothingToTrain, draw
from kmemquest.store import Attempt, TrainingRun, WorldTest
from kmemquest.tui.level_source import LevelDesk
from kmemquest.tui.model import LevelUnavailable
from kmemquest.tui.round_model import RoundKind

if TYPE_CHECKING:
    from kmemquest.level.library import Library
    from kmemquest.level.load import Level
    from kmemquest.store import Store
    from kmemquest.tui.model import Play


def begin_training(
    library: Library, store: Store, seed: int | None, besides: str = ""
) -> LevelDesk:
    """Draw a level, another than `besides` if it can be, and put it on the desk."""
    try:
        found = draw(library, store, seed, besides=besides)
    except (NothingToTrain, ProblemsFound) as error:
        raise LevelUnavailable(str(error)) from error
    return LevelDesk(
        found.level, found.entry.label, TrainingRound(library, store, found), found.machine
    )


def begin_test(library: Library, store: Store, world: str) -> LevelDesk:
    """Put the level that a world's test asks now on the desk."""
    try:
        test = sit(library, store, world)
        return _desk_of_test(library, store, test)
    except (NoTest, ProblemsFound) as error:
        raise LevelUnavailable(str(error)) from error


def _desk_of_test(library: Library, store: Store, test: WorldTest) -> LevelDesk:
    entry = library.entry(test.current)
    level = entry.load()
    return LevelDesk(level, entry.label, TestRound(library, store, test, level))


class TrainingRound:
    """One level after the other, each drawn anew."""

    kind: RoundKind = "training"
    may_retry = True

    def __init__(self, library: Library, store: Store, found: Draw) -> None:
        self._library = library
        self._store = store
        self._draw = found
        self.answers: Mapping[str, str] = {}

    @property
    def title(self) -> str:
        """Training, with the number that was drawn by."""
        return _("training {seed}").format(seed=self._draw.seed)

    @property
    def words(self) -> str:
        """What comes next."""
        return _("Press n for another one; failed and weak levels come first.")

    def refuse(self, answers: Mapping[str, str]) -> str:
        """What is taught later is not judged."""
        known = {*known_levels(self._library, self._store), self._draw.entry.id}
        return " ".join(later_calls(self._library, self._draw.level, answers, known))

    def ran(self, answers: Mapping[str, str], prediction: str | None, play: Play) -> None:
        """Remember how it went, for the draws to come."""
        del prediction
        self.answers = dict(answers)
        verdict = play.verdict
        run = TrainingRun(self._draw.entry.id, self._draw.seed, verdict.passed, verdict.stars)
        self._store.practice.record_run(run)

    def following(self) -> LevelDesk:
        """Another level, by the next number."""
        here = self._draw
        return begin_training(self._library, self._store, here.seed + 1, here.entry.id)


class TestRound:
    """The levels of a world's test, until it is passed or failed."""

    kind: RoundKind = "test"
    __test__ = False  # The name is the game's, not that of a test of it.

    def __init__(self, library: Library, store: Store, test: WorldTest, level: Level) -> None:
        self._library = library
        self._store = store
        self._level = level
        self._level_here = test.current
        self.test = test
        self._counted = True
        self.answers: Mapping[str, str] = {}

    @property
    def title(self) -> str:
        """Which world, and how far."""
        entry = self._library.levels_of(self.test.world)[0]
        title = _("test of world {number}").format(number=entry.world_number)
        count = len(self.test.levels)
        if count > 1:
            number = self.test.levels.index(self._level_here) + 1
            title += " · " + _("{number} of {count}").format(number=number, count=count)
        return title

    @property
    def words(self) -> str:
        """Where the test stands."""
        if not self._counted:
            return _("This did not compile, so it does not count.")
        return sitting_words(self._library, self.test)

    @property
    def may_retry(self) -> bool:
        """Until the level is passed or the test is over."""
        return self.test.state == "open" and self.test.current == self._level_here

    def refuse(self, answers: Mapping[str, str]) -> str:
        """A test takes every answer."""
        del answers
        return ""

    def ran(self, answers: Mapping[str, str], prediction: str | None, play: Play) -> None:
        """Count it. A slip in written C that does not compile is no mistake about memory."""
        self.answers = dict(answers)
        verdict = play.verdict
        self._counted = counts(self._level, compiled=bool(play.marks))
        if self.may_retry and self._counted:
            run = Attempt(
                self._level_here,
                self.answers,
                verdict.passed,
                verdict.stars,
                verdict.failed,
                prediction,
                verdict.foretold,
            )
            self.test = after_run(self._library, self._store, self.test, run)

    def following(self) -> LevelDesk | None:
        """The next level of the test."""
        if self.test.state != "open":
            return None
        return _desk_of_test(self._library, self._store, self.test)
