"""Testing out of a world: what is asked, one mistake forgiven, what counts as met afterwards."""

import pytest

from kmemquest.i18n import set_language
from kmemquest.level.fast_track import (
    NoTest,
    after_run,
    counts,
    known_levels,
    levels_asked,
    sit,
    sitting_words,
)
from kmemquest.level.library import Library
from kmemquest.store import Attempt, Store

LIBRARY = Library.open()
WORLDS = [world.folder for world in LIBRARY.campaign.worlds]
WITH = [w for w in WORLDS if any(e.head["checkpoint"] for e in LIBRARY.levels_of(w))]


@pytest.fixture(autouse=True)
def english() -> None:
    set_language("en")


def run(level: str, passed: bool, stars: int = 1) -> Attempt:
    return Attempt(level, {"x": "y"}, passed, stars if passed else 0)


def without_checkpoints() -> Library:
    library = Library.open()
    for entry in library.entries:
        entry.head["checkpoint"] = False
    return library


@pytest.mark.parametrize("world", WORLDS)
def test_a_world_is_tested_by_its_checkpoint_or_by_a_draw(world: str) -> None:
    asked = levels_asked(LIBRARY, world, 1)
    names = [entry.id for entry in LIBRARY.levels_of(world)]
    assert set(asked) <= set(names)
    assert list(asked) == sorted(asked, key=names.index)
    if world in WITH:
        assert [LIBRARY.entry(level).head["checkpoint"] for level in asked] == [True]
    else:
        assert len(asked) == min(3, len(names))
        assert levels_asked(LIBRARY, world, 1) == asked


def test_other_seeds_draw_other_levels() -> None:
    library = without_checkpoints()
    draws = {levels_asked(library, WORLDS[1], seed) for seed in range(20)}
    assert len(draws) > 5


def test_passing_at_the_second_attempt_counts_and_meets_every_concept() -> None:
    store = Store.in_memory()
    world = WITH[0]
    test = sit(LIBRARY, store, world)
    test = after_run(LIBRARY, store, test, run(test.current, False))
    assert test.state == "open"
    assert "forgiven" in sitting_words(LIBRARY, test)
    assert sit(LIBRARY, store, world) == test, "leaving and coming back keeps the mistake"
    level = test.current
    test = after_run(LIBRARY, store, test, run(level, True, 2))
    assert test.state == "passed"
    assert store.practice.tested_out == {world}
    known = known_levels(LIBRARY, store)
    assert known == {entry.id for entry in LIBRARY.levels_of(world)}
    taught = {str(e.head["teaches"]) for e in LIBRARY.levels_of(world) if e.head["teaches"]}
    assert LIBRARY.open_concepts(known) == taught
    assert str(len(taught)) in sitting_words(LIBRARY, test)
    assert store.level(level).best_stars == 2, "the checkpoint itself was really passed"
    assert sum(progress.best_stars for progress in store.levels().values()) == 2
    with pytest.raises(NoTest, match="already"):
        sit(LIBRARY, store, world)


def test_the_second_mistake_ends_it_until_one_more_level_is_passed() -> None:
    store = Store.in_memory()
    world = WITH[0]
    test = sit(LIBRARY, store, world)
    for _attempt in range(2):
        test = after_run(LIBRARY, store, test, run(test.current, False))
    assert test.state == "failed"
    assert known_levels(LIBRARY, store) == set()
    assert not store.levels(), "a mistake belongs to the test alone"
    with pytest.raises(NoTest, match="one more level"):
        sit(LIBRARY, store, world)
    store.record_attempt(run(LIBRARY.levels_of(world)[0].id, True))
    again = sit(LIBRARY, store, world)
    assert (again.sitting, again.mistakes, again.state) == (2, 0, "open")


def test_taken_back_its_concepts_are_not_met_any_more() -> None:
    store = Store.in_memory()
    test = sit(LIBRARY, store, WITH[0])
    level = test.current
    after_run(LIBRARY, store, test, run(level, True))
    store.practice.forget_test(WITH[0])
    assert known_levels(LIBRARY, store) == {level}


def test_a_drawn_test_forgives_one_mistake_over_all_its_levels() -> None:
    library = without_checkpoints()
    store = Store.in_memory()
    test = sit(library, store, WORLDS[1], seed=4)
    first, second, third = test.levels
    test = after_run(library, store, test, run(first, True))
    test = after_run(library, store, test, run(second, False))
    test = after_run(library, store, test, run(second, True))
    assert (test.state, test.current) == ("open", third)
    assert after_run(library, store, test, run(third, False)).state == "failed"


def test_nothing_is_tested_where_every_level_is_passed() -> None:
    store = Store.in_memory()
    for entry in LIBRARY.levels_of(WORLDS[0]):
        store.record_attempt(run(entry.id, True))
    with pytest.raises(NoTest, match="every level"):
        sit(LIBRARY, store, WORLDS[0])


def test_a_slip_in_written_c_is_no_mistake() -> None:
    written = LIBRARY.find("lidar-scan")
    chosen = LIBRARY.find("calibration-block")
    assert not counts(written, compiled=False)
    assert counts(written, compiled=True)
    assert counts(chosen, compiled=False)
