"""Training: a level whose concepts are all met, on another machine, the weakest levels first."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kmemquest.i18n import _
from kmemquest.level.attempt import Attempt
from kmemquest.level.fast_track import known_levels
from kmemquest.level.verdict import judge

if TYPE_CHECKING:
    from kmemquest.level.library import Entry, Library
    from kmemquest.level.load import Level
    from kmemquest.store import Store

CHANCE: Final = 2.5
"""By how much of a weight luck may put a firm level before a weak one."""


class NothingToTrain(Exception):
    """No level has all its concepts met; the text says so."""


@dataclass(frozen=True, slots=True)
class Draw:
    """A level to train with. `machine` is the seed of its machine, None for the level's own."""

    entry: Entry
    level: Level
    seed: int
    machine: int | None


def candidates(library: Library, store: Store) -> tuple[Entry, ...]:
    """Return the levels whose concepts, taught and taken for granted, are all met.

    A checkpoint that was not passed yet is left to the campaign and the world's test.
    """
    known = known_levels(library, store)
    met = library.open_concepts(known)
    return tuple(
        entry
        for entry in library.entries
        if _concepts(entry) <= met and (entry.id in known or not entry.head["checkpoint"])
    )


def draw(library: Library, store: Store, seed: int | None = None, *, besides: str = "") -> Draw:
    """Draw a level; equal saves and seeds give equal draws. NothingToTrain if none is open.

    Without a `seed` it is the number of this training run, from 1. The level trained last, and
    that called `besides`, are not drawn while there are others.
    """
    found = candidates(library, store)
    if not found:
        raise NothingToTrain(
            _("Training draws from levels whose concepts you have met: pass a level first.")
        )
    number = store.practice.runs + 1 if seed is None else seed
    chance = random.Random(number)
    order = sorted(found, key=lambda entry: weight(store, entry.id) + CHANCE * chance.random())
    stale = {store.practice.newest, besides}
    chosen = next((entry for entry in order if entry.id not in stale), order[0])
    return draw_level(chosen, number)


def draw_level(entry: Entry, seed: int) -> Draw:
    """Put one level on the machine of a seed; on its own if it cannot be solved there."""
    level = entry.load()
    return Draw(entry, level, seed, seed if _solvable(level, seed) else None)


def weight(store: Store, level: str) -> int:
    """Return how firmly a level is known: 0 for a failed one, up from there.

    The latest training run counts more than the best attempt. A level that went well adds one for
    each run, so that draws come round to all levels.
    """
    progress = store.level(level)
    trained = store.practice.trained(level)
    if trained is not None:
        return 2 + trained.stars + store.practice.times_trained(level) if trained.passed else 0
    if progress.passed:
        return 2 + progress.best_stars
    return 0 if progress.attempts else 1


def _solvable(level: Level, seed: int) -> bool:
    """Whether the solution passes on the machine of a seed, and the prediction has its answer."""
    if not level.file.solution:
        return False
    verdict = judge(level, Attempt(level, level.file.solution, seed=seed).run())
    return verdict.passed and verdict.truth in level.file.predict.of


def _concepts(entry: Entry) -> set[str]:
    uses = entry.head["uses"]
    assert isinstance(uses, tuple)
    teaches = entry.head["teaches"]
    return {*uses, *([str(teaches)] if teaches else [])}
