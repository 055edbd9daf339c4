"""The fast track: a player who passes a world's test is taken to know what the world teaches.

The test of a world is its checkpoint; a world without one is tested by some of its levels, drawn
by a seed. One mistake is forgiven, so a checkpoint is passed at the first or the second attempt;
the second mistake ends the test. It can be sat again when one more level of the world was passed:
a test that could be repeated at will would be a search for the answer.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kmemquest.i18n import _, ngettext
from kmemquest.level.model import WRITTEN
from kmemquest.store.practice_records import WorldTest

if TYPE_CHECKING:
    from kmemquest.level.library import Library
    from kmemquest.level.load import Level
    from kmemquest.store import Attempt, Store

MISTAKES: Final = 2
"""The mistake that ends a test."""
DRAWN: Final = 3
"""Levels of a test where the world has no checkpoint."""


class NoTest(Exception):
    """A world's test cannot be sat now; the text tells why."""


def known_levels(library: Library, store: Store) -> set[str]:
    """Return the levels whose concepts are met: passed, or in a world that was tested out."""
    passed = {level for level, progress in store.levels().items() if progress.passed}
    tested = store.practice.tested_out
    return passed | {entry.id for entry in library.entries if entry.world in tested}


def levels_asked(library: Library, world: str, seed: int) -> tuple[str, ...]:
    """Return the levels that a world's test asks, in campaign order."""
    entries = library.levels_of(world)
    checkpoints = tuple(entry.id for entry in entries if entry.head["checkpoint"])
    if checkpoints:
        return checkpoints[-1:]
    names = [entry.id for entry in entries]
    drawn = random.Random(f"{world}#{seed}").sample(names, min(DRAWN, len(names)))
    return tuple(name for name in names if name in drawn)


def sit(library: Library, store: Store, world: str, seed: int | None = None) -> WorldTest:
    """Go on with the open sitting of a world's test, or begin one and save it.

    Without a `seed` it is the number of the sitting. NoTest tells why there is none now.
    """
    before = store.practice.test(world)
    passed = _passed(library, store, world)
    if before is not None and before.state == "passed":
        raise NoTest(_("You have tested out of this world already."))
    if before is not None and before.state == "open" and _still_there(library, before):
        return before
    if before is not None and before.state == "failed" and passed <= before.passed_then:
        raise NoTest(
            _("This test was failed: pass one more level of the world, then sit it again.")
        )
    if passed == len(library.levels_of(world)):
        raise NoTest(_("You have passed every level of this world; there is nothing to test."))
    sitting = before.sitting + 1 if before is not None else 1
    number = sitting if seed is None else seed
    test = WorldTest(world, sitting, number, levels_asked(library, world, number))
    store.practice.save_test(test)
    return test


def after_run(library: Library, store: Store, test: WorldTest, run: Attempt) -> WorldTest:
    """Save what a run of the level in hand makes of a sitting, and return it.

    A pass is the campaign's too, with its stars; a mistake belongs to the test alone.
    """
    if run.passed:
        store.record_attempt(run)
        done = (*test.done, run.level)
        test = replace(test, done=done, state="passed" if len(done) == len(test.levels) else "open")
    else:
        mistakes = test.mistakes + 1
        test = replace(test, mistakes=mistakes)
        if mistakes >= MISTAKES:
            there = _passed(library, store, test.world)
            test = replace(test, state="failed", passed_then=there)
    store.practice.save_test(test)
    return test


def counts(level: Level, *, compiled: bool) -> bool:
    """Whether a run counts in a test: a slip in written C is no mistake about memory."""
    return compiled or not any(slot.kind in WRITTEN for slot in level.file.slots.values())


def sitting_words(library: Library, test: WorldTest) -> str:
    """Tell the player where a sitting stands."""
    if test.state == "passed":
        concepts = {str(e.head["teaches"]) for e in library.levels_of(test.world)} - {"None"}
        return ngettext(
            "Tested out: the {count} concept of this world counts as met, and what builds on it is "
            "open. Its levels can still be played for stars.",
            "Tested out: the {count} concepts of this world count as met, and what builds on them "
            "is open. Its levels can still be played for stars.",
            len(concepts),
        ).format(count=len(concepts))
    if test.state == "failed":
        return _(
            "The second mistake ends the test. Pass one more level of this world, "
            "then sit it again."
        )
    if test.mistakes:
        return _("One mistake is forgiven, and this was it; the next one ends the test.")
    left = len(test.levels) - len(test.done)
    return ngettext(
        "One mistake is forgiven. {count} level to go.",
        "One mistake is forgiven. {count} levels to go.",
        left,
    ).format(count=left)


def _passed(library: Library, store: Store, world: str) -> int:
    return sum(store.level(entry.id).passed for entry in library.levels_of(world))


def _still_there(library: Library, test: WorldTest) -> bool:
    """Whether the game still has the levels of a sitting that was left open."""
    there = {entry.id for entry in library.levels_of(test.world)}
    return bool(test.current) and set(test.levels) <= there
