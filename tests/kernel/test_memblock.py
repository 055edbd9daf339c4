"""memblock against recordings of the real one, and against a plain model of free memory."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmemquest.kernel.conform.memblock import conform_memblock
from kmemquest.kernel.events import Event, MemblockChanged
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.mm.memblock import Memblock
from kmemquest.kernel.spec import MIB, MachineSpec

RECORDINGS = Path(__file__).parent.parent / "recordings" / "memblock"
PAGE = 4096


def test_recorded_operations_match_exactly() -> None:
    path = RECORDINGS / "memblock-seed1-part.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        result = conform_memblock(lines)
    assert result.total > 1500
    assert result.first_mismatch is None


def test_worked_example_of_top_down_allocation() -> None:
    memblock = Memblock(virtual_base=0)
    memblock.add(0x1000, 0x9E000)
    memblock.add(0x10_0000, 0x3FF0_0000)
    memblock.reserve(0, 0x1_0000)
    memblock.reserve(0x100_0000, 0x200_0000)
    assert memblock.alloc(4096, 4096) == 0x3FFF_F000
    assert memblock.alloc(100, 64) == 0x3FFF_EF80
    assert memblock.alloc(16, 8) == 0x3FFF_EFF0
    assert memblock.alloc(2 * MIB, 2 * MIB) == 0x3FC0_0000
    memblock.free(0x3FFF_EF80, 100)
    assert not memblock.is_reserved(0x3FFF_EF80)


def test_failure_is_zero_and_changes_nothing() -> None:
    memblock = Memblock(virtual_base=0)
    memblock.add(0, 64 * MIB)
    before = memblock.reserved_size()
    assert memblock.phys_alloc(65 * MIB, PAGE) == 0
    assert memblock.phys_alloc_range(PAGE, PAGE, 63 * MIB, 63 * MIB + 1) == 0
    assert memblock.reserved_size() == before


def test_page_zero_is_never_handed_out() -> None:
    memblock = Memblock(virtual_base=0)
    memblock.add(0, 2 * PAGE)
    assert memblock.phys_alloc(PAGE, PAGE) == PAGE
    assert memblock.phys_alloc(PAGE, PAGE) == 0


def test_lower_limit_is_only_a_preference_for_virtual_calls() -> None:
    memblock = Memblock(virtual_base=0)
    memblock.add(0, 64 * MIB)
    assert memblock.alloc_from(PAGE, PAGE, 128 * MIB) == 64 * MIB - PAGE
    assert memblock.phys_alloc_range(PAGE, PAGE, 128 * MIB, 256 * MIB) == 0


def test_early_code_allocates_before_the_hand_over() -> None:
    machine = Machine(MachineSpec())
    seen: list[Event] = []
    machine.events.subscribe(seen.append)
    address = machine.memblock.alloc(8192, PAGE, "early_table")
    assert address
    assert [event for event in seen if isinstance(event, MemblockChanged)] == [
        MemblockChanged(
            "alloc",
            address - 0xFFFF_8880_0000_0000,
            address - 0xFFFF_8880_0000_0000 + 8192,
            "early_table",
        )
    ]
    machine.handover()
    pfn = (address - 0xFFFF_8880_0000_0000) >> 12
    assert machine.pages.frames.is_reserved(pfn)
    assert machine.pages.free_block_at(pfn) is None


def test_a_late_allocation_warns_once_and_comes_from_the_slab() -> None:
    machine = Machine.boot(MachineSpec())
    first = machine.memblock.alloc(100, 64)
    second = machine.memblock.alloc(100, 64)
    assert first
    assert second != first
    assert machine.slub.cache_of(first) is not None
    warnings = [line.text for line in machine.log.lines if line.text.startswith("WARNING:")]
    assert len(warnings) == 1


def test_debug_option_prints_every_call() -> None:
    machine = Machine(MachineSpec(options=("memblock=debug",)))
    before = len(machine.log.lines)
    machine.memblock.reserve(64 * MIB, PAGE, "driver_setup+0x10/0x20")
    assert machine.log.lines[before].text == (
        "memblock_reserve: [0x0000000004000000-0x0000000004000fff] driver_setup+0x10/0x20"
    )


Operation = tuple[str, int, int]
operations = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "phys_free", "alloc", "add", "remove"]),
        st.integers(0, 60),
        st.integers(1, 12),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(operations)
def test_regions_equal_a_set_of_pages(script: list[Operation]) -> None:
    memblock = Memblock(virtual_base=0)
    memory: set[int] = set(range(1, 48))
    memblock.add(PAGE, 47 * PAGE)
    reserved: set[int] = set()
    for name, page, count in script:
        span = set(range(page, page + count))
        if name == "alloc":
            found = memblock.phys_alloc(count * PAGE, PAGE)
            if found:
                taken = set(range(found // PAGE, found // PAGE + count))
                assert taken <= memory - reserved
                reserved |= taken
            else:
                free = memory - reserved
                assert not any(set(range(p, p + count)) <= free for p in range(1, 80)) or _crosses(
                    memblock, free, count
                )
            continue
        getattr(memblock, name)(page * PAGE, count * PAGE)
        if name == "reserve":
            reserved |= span
        elif name == "phys_free":
            reserved -= span
        elif name == "add":
            memory |= span
        else:
            memory -= span
        assert _pages(memblock.memory.regions) == memory
        assert _pages(memblock.reserved.regions) == reserved
        for array in (memblock.memory, memblock.reserved):
            ends = [(r.base, r.end) for r in array.regions]
            assert ends == sorted(ends)
            assert all(a[1] <= b[0] for a, b in pairwise(ends))
            assert array.total_size == sum(r.size for r in array.regions)


def _pages(regions: list) -> set[int]:  # type: ignore[type-arg]
    return {page for r in regions for page in range(r.base // PAGE, r.end // PAGE)}


def _crosses(memblock: Memblock, free: set[int], count: int) -> bool:
    """A run of free pages that no single memory region holds cannot be allocated."""
    for region in memblock.memory.regions:
        own = set(range(max(region.base // PAGE, 1), region.end // PAGE)) & free
        if any(set(range(p, p + count)) <= own for p in own):
            return False
    return True


@pytest.mark.parametrize("direction", [False, True])
def test_search_direction(direction: bool) -> None:
    memblock = Memblock(virtual_base=0)
    memblock.add(MIB, 8 * MIB)
    memblock.set_bottom_up(direction)
    assert memblock.phys_alloc(PAGE, PAGE) == (MIB if direction else 9 * MIB - PAGE)
