"""Training: only what was met, the weakest first, another machine, no verbs from later worlds."""

import pytest

from kmemquest.i18n import set_language
from kmemquest.level.fast_track import known_levels
from kmemquest.level.later_calls import calls_in, later_calls
from kmemquest.level.library import Library
from kmemquest.level.training import NothingToTrain, candidates, draw, draw_level, weight
from kmemquest.store import Attempt, Store, TrainingRun, WorldTest

LIBRARY = Library.open()
FIRST = [entry.id for entry in LIBRARY.entries[:5]]


@pytest.fixture(autouse=True)
def english() -> None:
    set_language("en")


def played(levels: list[str], stars: int = 3) -> Store:
    store = Store.in_memory()
    for level in levels:
        store.record_attempt(Attempt(level, {}, True, stars))
    return store


def test_before_anything_was_learnt_there_is_nothing_to_train() -> None:
    with pytest.raises(NothingToTrain, match="pass a level first"):
        draw(LIBRARY, Store.in_memory())


def test_only_levels_whose_concepts_are_all_met_are_drawn() -> None:
    store = played(FIRST)
    met = LIBRARY.open_concepts(known_levels(LIBRARY, store))
    for entry in candidates(LIBRARY, store):
        uses = entry.head["uses"]
        assert isinstance(uses, tuple)
        assert set(uses) <= met
        assert entry.head["teaches"] is None or entry.head["teaches"] in met
        assert not entry.head["checkpoint"]
    assert {entry.id for entry in candidates(LIBRARY, store)} >= set(FIRST)


def test_a_world_tested_out_can_be_trained() -> None:
    store = Store.in_memory()
    world = LIBRARY.entries[0].world
    store.practice.save_test(WorldTest(world, 1, 1, ("x",), ("x",), 0, "passed"))
    assert {entry.id for entry in candidates(LIBRARY, store)} >= set(FIRST)


def test_equal_saves_and_seeds_draw_the_same() -> None:
    store = played(FIRST)
    draws = {seed: draw(LIBRARY, store, seed).entry.id for seed in range(1, 9)}
    assert {seed: draw(LIBRARY, store, seed).entry.id for seed in draws} == draws
    assert len(set(draws.values())) > 1


def test_a_failed_level_comes_far_more_often_than_firm_ones() -> None:
    store = played(FIRST)
    store.practice.record_run(TrainingRun(FIRST[2], 1, False, 0))
    store.practice.record_run(TrainingRun(FIRST[0], 2, True, 3))
    assert weight(store, FIRST[2]) < weight(store, FIRST[1]) < weight(store, FIRST[0])
    drawn = [draw(LIBRARY, store, seed).entry.id for seed in range(1, 13)]
    assert drawn.count(FIRST[2]) == 12


def test_another_one_is_another_one() -> None:
    store = played(FIRST[:2])
    for seed in range(1, 6):
        here = draw(LIBRARY, store, seed).entry.id
        assert draw(LIBRARY, store, seed + 1, besides=here).entry.id != here


def test_the_machine_is_another_one_on_which_the_solution_passes() -> None:
    found = draw_level(LIBRARY.entries[0], 77)
    assert found.machine == 77


def test_a_machine_that_cannot_be_solved_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kmemquest.level.training._solvable", lambda level, seed: False)
    assert draw_level(LIBRARY.entries[0], 77).machine is None


def test_calls_are_found_in_code_alone() -> None:
    text = '/* vmap() */ p = alloc_page(GFP_KERNEL); pr_info("kmalloc(1)"); // vmalloc(2)\n'
    assert calls_in(text) == {"alloc_pages": "alloc_page"}


def test_a_call_of_a_later_world_is_named_and_one_that_was_met_is_not() -> None:
    level = LIBRARY.find("lidar-scan")
    slot = next(iter(level.file.slots))
    known = set(FIRST)
    (words,) = later_calls(LIBRARY, level, {slot: "(u64)vmap(p, 1, 2, 3)"}, known)
    assert words == "vmap() comes later, in world 5 (Virtual memory)."
    assert later_calls(LIBRARY, level, {slot: "sizeof(*scan) + 4"}, known) == ()
    everything = {entry.id for entry in LIBRARY.entries}
    assert later_calls(LIBRARY, level, {slot: "(u64)vmap(p, 1, 2, 3)"}, everything) == ()


def test_an_option_of_the_level_is_never_refused() -> None:
    for entry in LIBRARY.entries:
        level = entry.load()
        for name, slot in level.file.slots.items():
            for option in slot.names:
                assert later_calls(LIBRARY, level, {name: option}, set()) == ()
