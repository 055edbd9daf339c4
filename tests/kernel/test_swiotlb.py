"""Bounce buffers: real copies, slots, and what happens when they run out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmemquest.kernel.address import PAGE_OFFSET
from kmemquest.kernel.conform.bare_machine import bare_machine
from kmemquest.kernel.dma.constants import (
    DMA_BIDIRECTIONAL,
    DMA_FROM_DEVICE,
    DMA_MAPPING_ERROR,
    DMA_TO_DEVICE,
)
from kmemquest.kernel.dma.device import Device
from kmemquest.kernel.dma.swiotlb import SEGMENT_SLOTS, SLOT_SIZE, Swiotlb
from kmemquest.kernel.gfp import GFP_KERNEL
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.spec import GIB, MIB, MachineSpec


@pytest.fixture(scope="module")
def booted() -> bytes:
    return Machine.boot(MachineSpec(ram=6 * GIB)).snapshot()


@pytest.fixture
def machine(booted: bytes) -> Machine:
    machine = Machine.restore(booted)
    machine.dma.device("0000:00:03.0", driver="obdrv")
    return machine


def high_buffer(machine: Machine) -> int:
    """Return the address of 2 MiB above 4 GiB."""
    return PAGE_OFFSET + (machine.pages.alloc_pages(GFP_KERNEL, 9) << 12)


def test_a_forgotten_sync_shows(machine: Machine) -> None:
    device, dma, memory = machine.dma.devices[1], machine.dma, machine.memory
    buffer = high_buffer(machine)
    memory.poke(buffer, b"old!")
    handle = dma.map_single(device, buffer, 4096, DMA_FROM_DEVICE)
    assert dma.device_read(device, handle, 4) == b"old!"
    dma.device_write(device, handle, b"new!")
    assert memory.peek(buffer, 4) == b"old!"
    dma.sync_single_for_cpu(device, handle, 4096, DMA_FROM_DEVICE)
    assert memory.peek(buffer, 4) == b"new!"
    memory.poke(buffer, b"cpu!")
    dma.unmap_single(device, handle, 4096, DMA_FROM_DEVICE)
    assert memory.peek(buffer, 4) == b"new!"


def test_a_late_write_does_not_reach_the_device(machine: Machine) -> None:
    device, dma, memory = machine.dma.devices[1], machine.dma, machine.memory
    buffer = high_buffer(machine)
    memory.poke(buffer, b"first")
    handle = dma.map_single(device, buffer, 100, DMA_TO_DEVICE)
    memory.poke(buffer, b"later")
    assert dma.device_read(device, handle, 5) == b"first"
    dma.sync_single_for_device(device, handle, 100, DMA_TO_DEVICE)
    assert dma.device_read(device, handle, 5) == b"later"
    dma.device_write(device, handle, b"wrong")
    dma.unmap_single(device, handle, 100, DMA_TO_DEVICE)
    assert memory.peek(buffer, 5) == b"later"


def test_part_of_a_mapping_can_be_synced(machine: Machine) -> None:
    device, dma, memory = machine.dma.devices[1], machine.dma, machine.memory
    buffer = high_buffer(machine)
    handle = dma.map_single(device, buffer + 5, 10_000, DMA_BIDIRECTIONAL)
    dma.device_write(device, handle, b"A" * 10_000)
    dma.sync_single_for_cpu(device, handle + 3000, 100, DMA_BIDIRECTIONAL)
    assert memory.peek(buffer + 5, 3000) == bytes(3000)
    assert memory.peek(buffer + 3005, 100) == b"A" * 100
    assert memory.peek(buffer + 3105, 100) == bytes(100)


def test_256_kib_is_the_limit(machine: Machine) -> None:
    device, dma = machine.dma.devices[1], machine.dma
    buffer = high_buffer(machine)
    handle = dma.map_single(device, buffer, 256 << 10, DMA_TO_DEVICE)
    assert handle != DMA_MAPPING_ERROR
    dma.unmap_single(device, handle, 256 << 10, DMA_TO_DEVICE)
    assert dma.map_single(device, buffer, (256 << 10) + 1, DMA_TO_DEVICE) == DMA_MAPPING_ERROR
    assert machine.log.lines[-1].text == (
        "obdrv 0000:00:03.0: swiotlb buffer is full (sz: 262145 bytes), "
        "total 32768 (slots), used 0 (slots)"
    )


def test_a_device_below_the_pool_gets_an_error(machine: Machine) -> None:
    device, dma = machine.dma.devices[1], machine.dma
    dma.set_mask(device, (1 << 24) - 1)
    assert dma.map_single(device, high_buffer(machine), 4096, DMA_TO_DEVICE) == DMA_MAPPING_ERROR
    pool = dma.swiotlb
    assert pool is not None
    assert pool.used == 0
    head = f"swiotlb addr {pool.start:#018x}+4096 overflow (mask ffffff, bus limit 0)."
    assert any(head in line.text for line in machine.log.lines)


def test_a_sync_beyond_the_mapping_is_cut(machine: Machine) -> None:
    device, dma = machine.dma.devices[1], machine.dma
    handle = dma.map_single(device, high_buffer(machine), 1000, DMA_FROM_DEVICE)
    dma.sync_single_for_cpu(device, handle, 1500, DMA_FROM_DEVICE)
    text = "\n".join(line.text for line in machine.log.lines)
    assert "Buffer overflow detected. Allocation size: 1000. Mapping size: 1500." in text


def test_small_machines_have_none_unless_forced() -> None:
    assert Machine.boot(MachineSpec(ram=256 * MIB)).dma.swiotlb is None
    forced = Machine.boot(MachineSpec(ram=256 * MIB, options=("swiotlb=force",)))
    device = forced.dma.device("0000:00:03.0")
    buffer = forced.kmalloc.kmalloc(64, GFP_KERNEL)
    handle = forced.dma.map_single(device, buffer, 64, DMA_TO_DEVICE)
    assert handle != buffer - PAGE_OFFSET
    assert forced.dma.max_mapping_size(device) == 256 << 10


# --- properties ---------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.booleans(),
        st.one_of(st.integers(1, 9_000), st.integers(1, 300_000)),
        st.integers(0, 50),
        st.integers(0, 3),
    ),
    max_size=60,
)


@settings(max_examples=80, deadline=None)
@given(STEPS, st.sampled_from([(512, 1), (1024, 4), (256, 2)]))
def test_slots_are_never_used_twice(
    steps: list[tuple[bool, int, int, int]], shape: tuple[int, int]
) -> None:
    slots, areas = shape
    pool = Swiotlb(bare_machine(MachineSpec(), 1 << 20), 0x1000_0000, slots, areas)
    fresh = list(pool.free_run)
    device = Device("test", "pci", 1, dma_mask=(1 << 32) - 1)
    live: dict[int, int] = {}
    for take, size, which, cpu in steps:
        if take:
            address = pool.take(device, 0x5000_0000, size, cpu)
            if address is None:
                continue
            first = (address - pool.start) // SLOT_SIZE
            last = first + -(-size // SLOT_SIZE) - 1
            assert pool.contains(address)
            assert last < slots
            assert first // SEGMENT_SLOTS == last // SEGMENT_SLOTS
            if size >= 4096:
                assert address % 4096 == 0
            for other, length in live.items():
                assert address + size <= other or other + length <= address
            live[address] = -(-size // SLOT_SIZE) * SLOT_SIZE
        elif live:
            address = sorted(live)[which % len(live)]
            pool.release(address)
            del live[address]
        assert pool.used == sum(live.values()) // SLOT_SIZE
    for address in live:
        pool.release(address)
    assert list(pool.free_run) == fresh
    assert not pool.original
    assert not pool.mapped_size
