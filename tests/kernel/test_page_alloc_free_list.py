"""The free list against a plain Python list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kmemquest.kernel.mm.free_list import FreeList

ORDER = 2
STEP = 1 << ORDER

commands = st.lists(
    st.one_of(
        st.tuples(st.just("head"), st.integers(0, 40)),
        st.tuples(st.just("tail"), st.integers(0, 40)),
        st.tuples(st.just("pop"), st.just(0)),
        st.tuples(st.just("peek"), st.just(0)),
        st.tuples(st.just("remove"), st.integers(0, 60)),
        st.tuples(st.just("run"), st.integers(1, 5)),
    ),
    max_size=60,
)


@given(commands)
def test_it_is_one_list_in_exact_order(steps: list[tuple[str, int]]) -> None:
    listed, model = FreeList(ORDER), list[int]()
    fresh = 1000 * STEP
    for word, number in steps:
        pfn = number * STEP
        if word == "head" and pfn not in model:
            listed.push_head(pfn)
            model.insert(0, pfn)
        elif word == "tail" and pfn not in model:
            listed.push_tail(pfn)
            model.append(pfn)
        elif word == "pop" and model:
            assert listed.pop_head() == model.pop(0)
        elif word == "peek" and model:
            assert listed.head() == model[0]
        elif word == "remove" and model:
            victim = model.pop(number % len(model))
            listed.remove(victim)
        elif word == "run":
            listed.push_tail_run(fresh, fresh + number * STEP)
            model += range(fresh, fresh + number * STEP, STEP)
            fresh += (number + number % 2) * STEP
        assert list(listed) == model
        assert len(listed) == len(model)
        assert bool(listed) == bool(model)
        assert all(pfn in listed for pfn in model)
    assert 3 not in listed


def test_a_terabyte_of_pristine_blocks_is_one_entry() -> None:
    listed = FreeList(10)
    listed.push_tail_run(1 << 20, 1 << 28)
    listed.push_tail_run(1 << 28, 1 << 29)
    assert listed.runs == [(1 << 20, 1 << 29)]
    assert len(listed) == ((1 << 29) - (1 << 20)) >> 10
    assert listed.pop_head() == 1 << 20
    assert not listed.front
