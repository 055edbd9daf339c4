"""Compaction moves movable pages only, and loses nothing on the way."""

from __future__ import annotations

import pytest

from kmemquest.kernel import gfp
from kmemquest.kernel.events import Compacted, Event
from kmemquest.kernel.history import age
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.mm.compaction import fragmentation_index
from kmemquest.kernel.spec import MIB, MachineSpec


def _fragmented(seed: int = 3) -> Machine:
    machine = Machine.boot(MachineSpec(ram=128 * MIB, processes=(("app", 4 * MIB, 0),)))
    age(machine, seed=seed, uptime="fragmented")
    return machine


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_contents_owners_and_counts_survive(seed: int) -> None:
    machine = _fragmented(seed)
    pages, memory = machine.pages, machine.memory
    app = machine.reclaim.user.processes[120]
    for number, pfn in enumerate(sorted(pages.movable)):
        memory.frames[pfn] = bytearray(number.to_bytes(8, "little") * 512)
    words = sorted(bytes(memory.frames[pfn][:8]) for pfn in pages.movable)
    app_words = sorted(bytes(memory.frames[pfn][:8]) for pfn in app.pages)
    fixed = set(pages.frames.refcounts) - set(pages.movable)
    free = sum(zone.true_free() + zone.pcp_pages() for zone in pages.zones)
    moves: list[tuple[int, int]] = []

    def watch(event: Event) -> None:
        if isinstance(event, Compacted):
            moves.extend(event.moves)

    machine.events.subscribe(watch)
    zone = pages.zones[1]
    assert machine.reclaim.compact(zone, 5, gfp.GFP_KERNEL, True)
    assert moves
    assert all(source not in fixed for source, _ in moves)
    assert fixed <= set(pages.frames.refcounts)
    assert sorted(bytes(memory.frames[pfn][:8]) for pfn in pages.movable) == words
    assert sorted(bytes(memory.frames[pfn][:8]) for pfn in app.pages) == app_words
    assert all(
        pages.frames.refcounts[pfn] == 1 and pages.frames.is_lru(pfn) for pfn in pages.movable
    )
    assert sum(z.true_free() + z.pcp_pages() for z in pages.zones) == free
    assert sum(z.nr_free(o) << o for z in pages.zones for o in range(11)) == sum(
        z.true_free() for z in pages.zones
    )
    for pfn in pages.movable:
        assert pages.free_block_at(pfn) is None


def test_a_pinned_page_is_not_moved() -> None:
    machine = _fragmented()
    zone = machine.pages.zones[1]
    pinned = [pfn for pfn in machine.pages.movable if zone.start_pfn <= pfn < zone.end_pfn]
    for pfn in pinned:
        machine.pages.get_page(pfn)
    assert not machine.reclaim.compact(zone, 6, gfp.GFP_KERNEL, True)
    assert set(pinned) <= set(machine.pages.movable)


def test_compaction_needs_the_right_to_do_io() -> None:
    machine = _fragmented()
    assert not machine.reclaim.compact(machine.pages.zones[1], 5, gfp.GFP_NOIO, True)


def test_repeated_failure_is_deferred() -> None:
    machine = _fragmented()
    zone = machine.pages.zones[1]
    for pfn in machine.pages.movable:
        machine.pages.get_page(pfn)
    for _ in range(12):
        machine.reclaim.compact(zone, 6, gfp.GFP_KERNEL, True)
    # Skips of 1, 3, 7 … lie between the tries that really run.
    assert machine.reclaim.counters["compact_fail"] == 3


def test_fragmentation_index() -> None:
    machine = Machine.boot(MachineSpec(ram=128 * MIB))
    zone = machine.pages.zones[1]
    assert fragmentation_index(zone, 4) == -1000
    age(machine, seed=1, uptime="fragmented")
    free = sum(zone.nr_free(order) << order for order in range(11))
    blocks = sum(zone.nr_free(order) for order in range(11))
    assert fragmentation_index(zone, 4) == 1000 - (1000 + free * 1000 // 16) // blocks
    assert fragmentation_index(zone, 4) > 500
