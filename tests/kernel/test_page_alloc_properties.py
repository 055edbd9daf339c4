"""Whatever is asked for, in whatever order: the rules hold."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from page_alloc_checks import check_invariants, small_machine

from kmemquest.kernel.events import Event
from kmemquest.kernel.gfp import (
    GFP_ATOMIC,
    GFP_DMA,
    GFP_HIGHUSER_MOVABLE,
    GFP_KERNEL,
    GFP_NOWAIT,
    RECLAIMABLE,
)
from kmemquest.kernel.machine import Machine

MASKS = (
    GFP_KERNEL,
    GFP_ATOMIC,
    GFP_NOWAIT,
    GFP_NOWAIT | GFP_DMA,
    GFP_HIGHUSER_MOVABLE,
    GFP_NOWAIT | RECLAIMABLE,
)

commands = st.lists(
    st.tuples(
        st.sampled_from(("alloc", "alloc", "alloc", "free", "free", "drain", "tick", "bulk")),
        st.sampled_from(MASKS),
        st.one_of(st.integers(0, 3), st.integers(0, 10)),
        st.integers(0, 1 << 16),
    ),
    max_size=120,
)


def play(
    machine: Machine, steps: list[tuple[str, int, int, int]]
) -> tuple[dict[int, int], list[int]]:
    """Do the steps; return the blocks in use and every frame handed out, in order."""
    pages = machine.pages
    held: dict[int, int] = {}
    handed: list[int] = []
    for word, mask, order, number in steps:
        if word == "alloc":
            pfn = pages.alloc_pages(mask, order)
            handed.append(pfn)
            if pfn >= 0:
                assert pfn % (1 << order) == 0
                held[pfn] = order
        elif word == "bulk":
            frames = pages.alloc_pages_bulk(mask, number % 40)
            handed += frames
            held |= dict.fromkeys(frames, 0)
        elif word == "drain":
            pages.drain_all_pages()
        elif word == "tick":
            pages.vmstat_tick()
        elif held:
            pfn = list(held)[number % len(held)]
            pages.free_pages(pfn, held.pop(pfn))
    return held, handed


@settings(max_examples=60, deadline=None)
@given(commands, st.sampled_from((5120, 8192, 16384)))
def test_no_frame_is_lost_or_in_two_places(
    steps: list[tuple[str, int, int, int]], end_pfn: int
) -> None:
    machine = small_machine(end_pfn)
    held, _ = play(machine, steps)
    check_invariants(machine.pages, held)


@settings(max_examples=40, deadline=None)
@given(commands)
def test_freeing_everything_brings_all_counts_back(
    steps: list[tuple[str, int, int, int]],
) -> None:
    machine = small_machine(8192)
    pages = machine.pages
    before = [zone.true_free() for zone in pages.zones]
    held, _ = play(machine, steps)
    for pfn, order in held.items():
        pages.free_pages(pfn, order)
    pages.drain_all_pages()
    pages.vmstat_tick()
    assert [zone.free for zone in pages.zones] == before
    check_invariants(pages, {})
    assert not pages.frames.refcounts
    assert not pages.frames.orders


@settings(max_examples=30, deadline=None)
@given(commands)
def test_a_listener_and_a_second_run_see_the_same(
    steps: list[tuple[str, int, int, int]],
) -> None:
    streams: list[list[Event]] = [[], []]
    results = []
    for stream in streams:
        machine = small_machine(8192)
        machine.events.subscribe(stream.append)
        results.append((*play(machine, steps), machine.clock.now))
    assert streams[0] == streams[1]
    unwatched = small_machine(8192)
    results.append((*play(unwatched, steps), unwatched.clock.now))
    assert results[0] == results[1] == results[2]
