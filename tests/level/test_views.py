"""Views are folds: folded to the end they must equal a picture of the final machine."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kmemquest.kernel.gfp import GFP_ATOMIC, GFP_KERNEL
from kmemquest.kernel.machine import Machine
from kmemquest.level import picture as pic
from kmemquest.level.recording import Recording
from kmemquest.level.views import ViewSet
from tests.level.machines import record

SIZES = (8, 96, 200, 1000, 2048, 4096, 8192, 9000, 100_000)

commands = st.lists(
    st.one_of(
        st.tuples(st.just("pages"), st.integers(0, 10)),
        st.tuples(st.just("kmalloc"), st.sampled_from(SIZES)),
        st.tuples(st.just("vmalloc"), st.sampled_from((1, 5000, 70_000, 300_000))),
        st.tuples(st.just("free"), st.integers(0, 1000)),
    ),
    max_size=40,
)


def run_commands(machine: Machine, todo: list[tuple[str, int]]) -> None:
    held: list[tuple[str, int, int]] = []
    for word, number in todo:
        if word == "pages":
            pfn = machine.pages.alloc_pages(GFP_KERNEL, number)
            if pfn >= 0:
                held.append(("pages", pfn, number))
        elif word == "kmalloc":
            address = machine.kmalloc.kmalloc(number, GFP_ATOMIC)
            if address:
                held.append(("kmalloc", address, 0))
        elif word == "vmalloc":
            address = machine.vmalloc.vmalloc(number)
            if address:
                held.append(("vmalloc", address, 0))
        elif held:
            kind, value, order = held.pop(number % len(held))
            if kind == "pages":
                machine.pages.free_pages(value, order)
            elif kind == "kmalloc":
                machine.kmalloc.kfree(value)
            else:
                machine.vmalloc.vfree(value)


def assert_views_match(recording: Recording) -> None:
    after = recording.picture_after
    assert after is not None
    last = len(recording.steps) - 1
    now = ViewSet(recording).at(last)

    counted = {
        (zone.node, zone.name): tuple(
            sum(counts[order] for counts in zone.free_counts) for order in range(11)
        )
        for zone in after.zones
    }
    assert {key: now.lists.zone(*key).counts for key in now.lists.zones()} == counted
    assert [(r.zone, r.free, r.pcp) for r in now.zones.rows] == [
        (z.name, z.free, z.pcp) for z in after.zones
    ]

    used = {c.name: sum(sum(s.used) for s in c.slabs) for c in after.caches}
    assert {c.name: c.used for c in now.slabs.caches} == used
    slabs = {c.name: [s.pfn for s in c.slabs] for c in after.caches}
    assert {c.name: [s.pfn for s in c.slabs] for c in now.slabs.caches} == slabs

    live = [area.start for area in now.vmalloc.areas if area.state == "live"]
    assert live == [area.start for area in after.areas]

    exact = (pic.FREE, pic.PCP, pic.SLAB, pic.VMALLOC, pic.ABSENT, pic.RESERVED)
    folded = bytes(kind if kind in exact else 0xFF for kind in now.frames.frames)
    pictured = bytes(kind if kind in exact else 0xFF for kind in after.frames)
    differing = [
        (hex(pfn), a, b) for pfn, (a, b) in enumerate(zip(folded, pictured, strict=True)) if a != b
    ]
    assert differing == []


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(commands)
def test_the_fold_of_all_events_is_the_picture_of_the_final_machine(todo) -> None:
    assert_views_match(record(lambda machine: run_commands(machine, todo)))


@pytest.fixture(scope="module")
def long_recording() -> Recording:
    todo = [("pages", n % 5) for n in range(120)] + [("kmalloc", SIZES[n % 9]) for n in range(400)]
    todo += [("free", n * 7) for n in range(300)] + [("vmalloc", 70_000)] * 20
    return record(lambda machine: run_commands(machine, todo))


def test_stepping_back_shows_what_stepping_forward_showed(long_recording: Recording) -> None:
    total = len(long_recording.steps)
    assert total > 2100, "long enough for keyframes"
    stops = [0, 1, 17, total // 3, total // 2, total - 2, total - 1]
    forward = ViewSet(long_recording)
    seen = {}
    for stop in stops:
        now = forward.at(stop)
        seen[stop] = (now.frames, now.lists, now.zones, now.slabs, now.vmalloc, now.calls)
    backward = ViewSet(long_recording)
    for stop in reversed(stops):
        now = backward.at(stop)
        assert seen[stop] == (
            now.frames,
            now.lists,
            now.zones,
            now.slabs,
            now.vmalloc,
            now.calls,
        )


def test_before_the_first_step_the_views_show_the_picture(long_recording: Recording) -> None:
    now = ViewSet(long_recording).at(-1)
    assert now.frames.frames == long_recording.picture.frames
    assert now.frames.changed == ()


def test_a_step_tells_what_it_changed() -> None:
    recording = record(lambda machine: machine.pages.alloc_pages(GFP_KERNEL, 4))
    views = ViewSet(recording)
    rows = [views.at(step).lists for step in range(len(recording.steps))]
    taken = [
        (row.migratetype, order, delta)
        for view in rows
        for row in view.rows
        for order, delta in enumerate(row.deltas)
        if delta
    ]
    assert sum(delta << order for _, order, delta in taken) == -16
    assert any(views.at(step).frames.changed for step in range(len(recording.steps)))


def test_views_are_immutable_answers(long_recording: Recording) -> None:
    views = ViewSet(long_recording)
    early = views.at(10).frames.frames
    copy = bytes(early)
    views.at(len(long_recording.steps) - 1)
    assert early == copy


def test_a_digest_is_the_same_twice_and_differs_for_another_run() -> None:
    todo = [("pages", 3), ("kmalloc", 200), ("free", 0)]
    first = record(lambda machine: run_commands(machine, todo)).digest()
    assert first == record(lambda machine: run_commands(machine, todo)).digest()
    other = record(lambda machine: run_commands(machine, todo[:2])).digest()
    assert first != other
