"""dma_pool: layout, order of blocks, and that nothing checks anything."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmemquest.kernel.dma.pool import block_offsets, geometry
from kmemquest.kernel.gfp import GFP_KERNEL
from kmemquest.kernel.machine import Fate, Machine
from kmemquest.kernel.spec import MIB, MachineSpec


@pytest.fixture(scope="module")
def booted() -> bytes:
    return Machine.boot(MachineSpec(ram=64 * MIB)).snapshot()


@pytest.fixture
def machine(booted: bytes) -> Machine:
    machine = Machine.restore(booted)
    machine.dma.device("0000:00:03.0", driver="obdrv")
    return machine


def text_of(machine: Machine) -> str:
    return "\n".join(line.text for line in machine.log.lines)


def test_blocks_ascend_and_come_back_in_reverse(machine: Machine) -> None:
    dma = machine.dma
    pool = dma.pool_create("rings", dma.devices[1], 64, 64, 0)
    blocks = [dma.pool_alloc(pool, GFP_KERNEL) for _ in range(4)]
    first = blocks[0][1]
    assert [handle - first for _, handle in blocks] == [0, 64, 128, 192]
    for address, handle in blocks[:3]:
        dma.pool_free(pool, address, handle)
    again = [dma.pool_alloc(pool, GFP_KERNEL) for _ in range(3)]
    assert again == blocks[2::-1]


def test_pages_stay_until_the_pool_goes(machine: Machine) -> None:
    dma = machine.dma
    pool = dma.pool_create("rings", dma.devices[1], 2048, 0, 0)
    blocks = [dma.pool_alloc(pool, GFP_KERNEL) for _ in range(3)]
    frames = {handle >> 12 for _, handle in blocks}
    assert len(frames) == 2
    for address, handle in blocks:
        dma.pool_free(pool, address, handle)
    assert all(machine.pages.page_count(pfn) == 1 for pfn in frames)
    assert "rings               0    4 2048  2" in dma.pools.sysfs(dma.devices[1])
    dma.pool_destroy(pool)
    assert all(machine.pages.page_count(pfn) == 0 for pfn in frames)
    assert "busy" not in text_of(machine)


def test_a_busy_pool_says_so_and_leaks(machine: Machine) -> None:
    dma = machine.dma
    pool = dma.pool_create("rings", dma.devices[1], 64, 64, 0)
    _, handle = dma.pool_alloc(pool, GFP_KERNEL)
    dma.pool_destroy(pool)
    assert "obdrv 0000:00:03.0: dma_pool_destroy rings busy" in text_of(machine)
    assert machine.pages.page_count(handle >> 12) == 1


def test_the_wrong_pool_shows_only_at_the_end(machine: Machine) -> None:
    dma = machine.dma
    a, b = (dma.pool_create(name, dma.devices[1], 64, 64, 0) for name in ("ob_a", "ob_b"))
    address, handle = dma.pool_alloc(a, GFP_KERNEL)
    dma.pool_free(b, address, handle)
    dma.pool_free(a, address, handle)
    before = text_of(machine)
    dma.pool_destroy(a)
    dma.pool_destroy(b)
    assert text_of(machine).removeprefix(before).strip() == (
        "obdrv 0000:00:03.0: dma_pool_destroy ob_b busy"
    )


def test_a_double_free_gives_one_block_to_two(machine: Machine) -> None:
    dma = machine.dma
    pool = dma.pool_create("rings", dma.devices[1], 64, 64, 0)
    address, handle = dma.pool_alloc(pool, GFP_KERNEL)
    dma.pool_free(pool, address, handle)
    dma.pool_free(pool, address, handle)
    assert dma.pool_alloc(pool, GFP_KERNEL) == (address, handle)
    # The first owner's block was zeroed, and with it the bus address that was kept in it.
    assert dma.pool_alloc(pool, GFP_KERNEL) == (address, 0)
    assert machine.fate is Fate.RUNNING


def test_writing_to_a_freed_block_breaks_the_chain(machine: Machine) -> None:
    dma = machine.dma
    pool = dma.pool_create("rings", dma.devices[1], 64, 64, 0)
    address, handle = dma.pool_alloc(pool, GFP_KERNEL)
    dma.pool_free(pool, address, handle)
    machine.memory.store(address, 8, 0xFFFF_8000_DEAD_0000)
    assert dma.pool_alloc(pool, GFP_KERNEL) == (address, handle)
    assert machine.fate is Fate.RUNNING
    assert dma.pool_alloc(pool, GFP_KERNEL) == (0, 0)
    assert machine.fate is Fate.TASK_KILLED
    assert "BUG: unable to handle page fault for address: ffff8000dead0000" in text_of(machine)


def test_blocks_are_zeroed_by_default_or_on_demand() -> None:
    machine = Machine.boot(MachineSpec(ram=64 * MIB, options=("init_on_alloc=0",)))
    dma = machine.dma
    pool = dma.pool_create("rings", dma.device("0000:00:03.0"), 64, 64, 0)
    address, handle = dma.pool_alloc(pool, GFP_KERNEL)
    machine.memory.poke(address, b"\xaa" * 64)
    dma.pool_free(pool, address, handle)
    address, handle = dma.pool_alloc(pool, GFP_KERNEL)
    assert machine.memory.peek(address + 16, 48) == b"\xaa" * 48
    dma.pool_free(pool, address, handle)
    address, _ = dma.pool_zalloc(pool, GFP_KERNEL)
    assert machine.memory.peek(address, 64) == bytes(64)


@pytest.mark.parametrize(
    ("size", "align", "boundary"), [(0, 0, 0), (1 << 31, 0, 0), (64, 3, 0), (64, 0, 32), (8, 0, 24)]
)
def test_impossible_pools(machine: Machine, size: int, align: int, boundary: int) -> None:
    device = machine.dma.devices[1]
    assert machine.dma.pool_create("no", device, size, align, boundary) == 0
    assert machine.dma.pool_create("no", None, 64, 0, 0) == 0


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 9000), st.integers(0, 13), st.integers(0, 14))
def test_no_block_crosses_its_boundary(size: int, align_bits: int, boundary_bits: int) -> None:
    shape = geometry(size, 1 << align_bits, 1 << boundary_bits if boundary_bits else 0)
    if shape is None:
        assert size > 0
        assert boundary_bits
        return
    block, allocation, boundary = shape
    offsets = block_offsets(*shape)
    assert offsets
    assert offsets[0] == 0
    assert block >= max(size, 16)
    assert block % (1 << align_bits) == 0
    for offset, following in zip(offsets, [*offsets[1:], allocation], strict=True):
        assert offset + block <= following or following == allocation >= offset + block
        assert offset // boundary == (offset + block - 1) // boundary
