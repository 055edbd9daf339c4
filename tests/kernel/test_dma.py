"""The DMA API on a booted machine: masks, coherent memory, streaming mappings, dma-debug."""

from __future__ import annotations

import pytest

from kmemquest.kernel.address import PAGE_OFFSET, PAGE_SIZE
from kmemquest.kernel.context import Frame
from kmemquest.kernel.dma.constants import (
    DMA_BIDIRECTIONAL,
    DMA_FROM_DEVICE,
    DMA_MAPPING_ERROR,
    DMA_NONE,
    DMA_TO_DEVICE,
    EIO,
    ENOMEM,
    SIZE_MAX,
    dma_bit_mask,
)
from kmemquest.kernel.dma.device import Device
from kmemquest.kernel.events import DeviceTouched, DmaMapped, Event, Report
from kmemquest.kernel.gfp import COMP, GFP_ATOMIC, GFP_DMA_BIT, GFP_KERNEL
from kmemquest.kernel.machine import Fate, Machine
from kmemquest.kernel.spec import GIB, MIB, Checkers, MachineSpec

LARGE = MachineSpec(ram=6 * GIB)


@pytest.fixture(scope="module")
def booted() -> bytes:
    return Machine.boot(MachineSpec(ram=128 * MIB)).snapshot()


@pytest.fixture(scope="module")
def booted_large() -> bytes:
    return Machine.boot(LARGE).snapshot()


@pytest.fixture
def machine(booted: bytes) -> Machine:
    return prepared(Machine.restore(booted))


@pytest.fixture
def large(booted_large: bytes) -> Machine:
    return prepared(Machine.restore(booted_large))


def prepared(machine: Machine) -> Machine:
    machine.context.stack.append(Frame("probe", "driver.c", 10, "driver"))
    machine.dma.device("0000:00:03.0", driver="obdrv")
    return machine


def device_of(machine: Machine) -> Device:
    return machine.dma.devices[1]


def listen(machine: Machine) -> list[Event]:
    events: list[Event] = []
    machine.events.subscribe(events.append)
    return events


def details(events: list[Event]) -> list[str]:
    return [event.detail for event in events if isinstance(event, Report)]


def text_of(machine: Machine) -> str:
    return "\n".join(line.text for line in machine.log.lines)


# --- masks --------------------------------------------------------------------------------


def test_default_masks(machine: Machine) -> None:
    dma = machine.dma
    assert device_of(machine).dma_mask == dma_bit_mask(32)
    assert dma.device("serial", "platform").coherent_dma_mask == dma_bit_mask(32)
    misc = dma.device("kmem", "misc")
    assert misc.dma_mask is None
    assert misc.coherent_dma_mask == 0
    assert dma.set_mask(misc, dma_bit_mask(64)) == -EIO


def test_a_refused_mask_changes_nothing(machine: Machine) -> None:
    device = device_of(machine)
    assert machine.dma.set_mask_and_coherent(device, dma_bit_mask(24)) == 0
    assert machine.dma.set_mask_and_coherent(device, dma_bit_mask(20)) == -EIO
    assert device.dma_mask == device.coherent_dma_mask == dma_bit_mask(24)


@pytest.mark.parametrize(
    ("bits", "zone", "way"),
    [
        (24, "DMA", "error"),
        (28, "DMA32", "error"),
        (31, "DMA32", "error"),
        (32, "DMA32", "bounced"),
        (33, "Normal", "direct"),
        (64, "Normal", "direct"),
    ],
)
def test_zone_and_way_follow_from_the_mask(large: Machine, bits: int, zone: str, way: str) -> None:
    device, dma = device_of(large), large.dma
    assert dma.set_mask_and_coherent(device, dma_bit_mask(bits)) == 0
    for size in (64, 4096, 8192, 65536, 1 << 20, 4 << 20):
        address, handle = dma.alloc_coherent(device, size, GFP_KERNEL)
        assert large.pages.zone_of(handle >> 12).name == zone
        assert address == PAGE_OFFSET + handle
        dma.free_coherent(device, size, address, handle)
    high = large.pages.alloc_pages(GFP_KERNEL, 0)
    assert high << 12 >= 1 << 32
    handle = dma.map_page(device, high, 0, 4096, DMA_TO_DEVICE)
    got = "direct" if handle == high << 12 else "bounced"
    assert (got if handle != DMA_MAPPING_ERROR else "error") == way
    limited = dma.max_mapping_size(device) == 256 << 10
    assert limited == (bits <= 32)


# --- coherent memory ----------------------------------------------------------------------


def test_coherent_memory_is_zeroed_and_rounded_to_an_order() -> None:
    machine = prepared(Machine.boot(MachineSpec(ram=64 * MIB, options=("init_on_alloc=0",))))
    device, dma = device_of(machine), machine.dma
    address, handle = dma.alloc_coherent(device, 5 * PAGE_SIZE, GFP_KERNEL)
    machine.memory.poke(address, b"\xee" * (8 * PAGE_SIZE))
    dma.free_coherent(device, 5 * PAGE_SIZE, address, handle)
    assert dma.alloc_coherent(device, 5 * PAGE_SIZE, GFP_KERNEL) == (address, handle)
    assert not any(machine.memory.peek(address, 5 * PAGE_SIZE))
    assert machine.memory.peek(address + 5 * PAGE_SIZE, 8) == b"\xee" * 8
    assert [machine.pages.page_count((handle >> 12) + index) for index in (0, 1)] == [1, 0]


def test_half_the_size_frees_half(machine: Machine) -> None:
    device, dma = device_of(machine), machine.dma
    events = listen(machine)
    address, handle = dma.alloc_coherent(device, 2 * PAGE_SIZE, GFP_KERNEL)
    dma.free_coherent(device, PAGE_SIZE, address, handle)
    assert machine.pages.page_count(handle >> 12) == 0
    silent = [event for event in events if isinstance(event, Report)]
    assert [report.spoken for report in silent] == [False]
    assert "[map size=8192 bytes] [unmap size=4096 bytes]" in silent[0].detail


def test_zone_flags_are_ignored_and_compound_refused(machine: Machine) -> None:
    device, dma = device_of(machine), machine.dma
    _, handle = dma.alloc_coherent(device, 4096, GFP_KERNEL | GFP_DMA_BIT)
    assert machine.pages.zone_of(handle >> 12).name == "DMA32"
    assert dma.alloc_coherent(device, 4096, GFP_KERNEL | COMP) == (0, 0)
    assert "WARNING: CPU: 0 PID: 101 at kernel/dma/mapping.c:605 dma_alloc_attrs" in text_of(
        machine
    )


def test_more_than_four_mebibytes_cannot_be_had(machine: Machine) -> None:
    assert machine.dma.alloc_coherent(device_of(machine), 8 << 20, GFP_KERNEL) == (0, 0)


def test_without_a_coherent_mask_nothing_fits(machine: Machine) -> None:
    misc = machine.dma.device("kmem", "misc")
    assert machine.dma.alloc_coherent(misc, 4096, GFP_KERNEL) == (0, 0)
    assert "at kernel/dma/mapping.c:598 dma_alloc_attrs" in text_of(machine)


def test_freeing_with_interrupts_off_warns(machine: Machine) -> None:
    device, dma = device_of(machine), machine.dma
    machine.context.irqs_disabled_depth = 1
    address, handle = dma.alloc_coherent(device, 4096, GFP_ATOMIC)
    assert address
    dma.free_coherent(device, 4096, address, handle)
    assert "dma_free_attrs" in text_of(machine)
    assert machine.pages.page_count(handle >> 12) == 0
    dma.free_coherent(device, 4096, 0, 0)


# --- streaming mappings -------------------------------------------------------------------


def test_a_direct_mapping_is_the_memory_itself(machine: Machine) -> None:
    device, dma = device_of(machine), machine.dma
    events = listen(machine)
    buffer = machine.kmalloc.kmalloc(256, GFP_KERNEL)
    handle = dma.map_single(device, buffer, 256, DMA_FROM_DEVICE)
    assert handle == buffer - PAGE_OFFSET
    assert dma.mapping_error(device, handle) == 0
    mapping = dma.mapping_of(handle + 255)
    assert mapping is not None
    assert mapping.owner == "device"
    assert dma.device_write(device, handle, b"packet")
    dma.sync_single_for_cpu(device, handle, 256, DMA_FROM_DEVICE)
    assert mapping.owner == "cpu"
    assert machine.memory.peek(buffer, 6) == b"packet"
    dma.sync_single_for_device(device, handle, 256, DMA_FROM_DEVICE)
    assert mapping.owner == "device"
    dma.unmap_single(device, handle, 256, DMA_FROM_DEVICE)
    assert dma.mapping_of(handle) is None
    assert details(events) == []
    assert any(isinstance(event, DmaMapped) and not event.bounced for event in events)


def test_vmalloc_memory_and_stacks_are_rejected(machine: Machine) -> None:
    device, dma = device_of(machine), machine.dma
    for address in (machine.vmalloc.vmalloc(8192), machine.vmalloc.map_stack(16384) - 64):
        handle = dma.map_single(device, address, 64, DMA_TO_DEVICE)
        assert dma.mapping_error(device, handle) == -ENOMEM
    text = text_of(machine)
    assert text.count("obdrv 0000:00:03.0: rejecting DMA map of vmalloc memory") == 1
    assert "at include/linux/dma-mapping.h:381 probe+0x" in text


def test_a_device_without_a_mask_cannot_map(machine: Machine) -> None:
    misc = machine.dma.device("kmem", "misc")
    buffer = machine.kmalloc.kmalloc(64, GFP_KERNEL)
    assert machine.dma.map_single(misc, buffer, 64, DMA_TO_DEVICE) == DMA_MAPPING_ERROR
    assert "at kernel/dma/mapping.c:" in text_of(machine)


def test_no_direction_is_a_bug(machine: Machine) -> None:
    buffer = machine.kmalloc.kmalloc(64, GFP_KERNEL)
    machine.dma.map_single(device_of(machine), buffer, 64, DMA_NONE)
    assert machine.fate is Fate.TASK_KILLED


def test_beyond_the_mask_without_bounce_buffers(machine: Machine) -> None:
    device, dma = device_of(machine), machine.dma
    dma.set_mask(device, dma_bit_mask(24))
    assert dma.max_mapping_size(device) == SIZE_MAX
    pfn = machine.pages.alloc_pages(GFP_KERNEL, 0)
    assert dma.map_page(device, pfn, 0, 4096, DMA_TO_DEVICE) == DMA_MAPPING_ERROR
    head = f"DMA addr {pfn << 12:#018x}+4096 overflow (mask ffffff, bus limit 0)."
    assert head in text_of(machine)


def test_what_hardware_cannot_reach(machine: Machine) -> None:
    device, dma = device_of(machine), machine.dma
    dma.set_mask_and_coherent(device, dma_bit_mask(24))
    events = listen(machine)
    assert not dma.device_write(device, 32 * MIB, b"x")
    assert dma.device_read(device, 32 * MIB, 2) == b"\xff\xff"
    device.address_bits = 32
    assert dma.device_write(device, 32 * MIB, b"x")
    assert not dma.device_write(device, 0xF000_0000, b"x")
    reached = [event.reached for event in events if isinstance(event, DeviceTouched)]
    assert reached == [False, False, True, False]


def test_lists_are_mapped_piece_by_piece(large: Machine) -> None:
    device, dma = device_of(large), large.dma
    low = large.pages.alloc_pages(GFP_KERNEL | 4, 0) << 12
    high = large.pages.alloc_pages(GFP_KERNEL, 0) << 12
    segments = dma.map_sg(device, [(low, 100), (high, 200)], DMA_TO_DEVICE)
    assert segments[0] == (low, 100)
    assert segments[1][0] != high
    assert segments[1][1] == 200
    dma.unmap_sg(device, segments, 2, DMA_TO_DEVICE)
    assert dma.map_sg(device, [(low, 100), (high, 1 << 20)], DMA_TO_DEVICE) == []
    assert large.dma.swiotlb is not None
    assert large.dma.swiotlb.used == 0
    assert dma.mappings.live == []
    assert dma.debug.live == 0


# --- dma-debug ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def booted_debug() -> bytes:
    spec = MachineSpec(ram=128 * MIB, checkers=Checkers(dma_debug=True))
    return Machine.boot(spec).snapshot()


@pytest.fixture
def debug(booted_debug: bytes) -> Machine:
    return prepared(Machine.restore(booted_debug))


def mapped(machine: Machine, direction: int = DMA_TO_DEVICE) -> int:
    """Map 256 bytes and check for an error, as a good driver does."""
    buffer = machine.kmalloc.kmalloc(256, GFP_KERNEL)
    handle = machine.dma.map_single(device_of(machine), buffer, 256, direction)
    machine.dma.mapping_error(device_of(machine), handle)
    return handle


def said(machine: Machine) -> str:
    """Return what dma-debug printed, without its prefix."""
    prefix = "DMA-API: obdrv 0000:00:03.0: "
    lines = [line.text for line in machine.log.lines if line.text.startswith("DMA-API: obdrv")]
    return lines[0].removeprefix(prefix) if lines else ""


def test_a_clean_driver_is_left_alone(debug: Machine) -> None:
    device, dma = device_of(debug), debug.dma
    handle = mapped(debug)
    dma.sync_single_for_cpu(device, handle + 10, 20, DMA_TO_DEVICE)
    dma.unmap_single(device, handle, 256, DMA_TO_DEVICE)
    address, coherent = dma.alloc_coherent(device, 100, GFP_KERNEL)
    dma.free_coherent(device, 100, address, coherent)
    dma.driver_released(device)
    assert dma.debug.error_count == 0
    assert "DMA-API" not in text_of(debug)


def test_unmapping_what_was_never_mapped(debug: Machine) -> None:
    debug.dma.unmap_single(device_of(debug), 0x123000, 64, DMA_TO_DEVICE)
    assert said(debug) == (
        "device driver tries to free DMA memory it has not allocated "
        "[device address=0x0000000000123000] [size=64 bytes]"
    )


def test_unmapping_the_error_value(debug: Machine) -> None:
    debug.dma.unmap_single(device_of(debug), DMA_MAPPING_ERROR, 64, DMA_TO_DEVICE)
    assert said(debug) == "device driver tries to free an invalid DMA memory address"


def test_size_direction_and_function_must_agree(debug: Machine) -> None:
    device, dma = device_of(debug), debug.dma
    dma.debug.show_all = True
    handle = mapped(debug)
    events = listen(debug)
    dma.unmap_single(device, handle, 128, DMA_FROM_DEVICE)
    where = f"[device address={handle:#018x}]"
    heads = [event.headline for event in events if isinstance(event, Report)]
    assert heads == [
        f"DMA-API: obdrv 0000:00:03.0: device driver frees DMA memory with different size {where} "
        "[map size=256 bytes] [unmap size=128 bytes]",
        "DMA-API: obdrv 0000:00:03.0: device driver frees DMA memory with different direction "
        f"{where} [size=128 bytes] [mapped with DMA_TO_DEVICE] [unmapped with DMA_FROM_DEVICE]",
    ]
    segments = dma.map_sg(device, [(handle, 256)], DMA_TO_DEVICE)
    dma.unmap_single(device, segments[0][0], 256, DMA_TO_DEVICE)
    assert "[mapped as scatter-gather] [unmapped as single]" in text_of(debug)
    assert "DMA-API: Mapped at:" in text_of(debug)
    assert " debug_dma_map_page+0x5d/0x2c0" in text_of(debug)


def test_only_the_first_finding_is_printed(debug: Machine) -> None:
    device, dma = device_of(debug), debug.dma
    events = listen(debug)
    for _ in range(3):
        dma.unmap_single(device, 0x5000, 64, DMA_TO_DEVICE)
    assert text_of(debug).count("DMA-API") == 1
    assert [event.spoken for event in events if isinstance(event, Report)] == [True, False, False]
    assert dma.debug.error_count == 3


def test_an_unchecked_handle(debug: Machine) -> None:
    device, dma = device_of(debug), debug.dma
    buffer = debug.kmalloc.kmalloc(256, GFP_KERNEL)
    handle = dma.map_single(device, buffer, 256, DMA_TO_DEVICE)
    dma.unmap_single(device, handle, 256, DMA_TO_DEVICE)
    assert said(debug) == (
        f"device driver failed to check map error[device address={handle:#018x}] "
        "[size=256 bytes] [mapped as single]"
    )


def test_syncs(debug: Machine) -> None:
    device, dma = device_of(debug), debug.dma
    dma.debug.show_all = True
    handle = mapped(debug)
    events = listen(debug)
    dma.sync_single_for_cpu(device, handle, 512, DMA_TO_DEVICE)
    dma.sync_single_for_cpu(device, handle, 256, DMA_FROM_DEVICE)
    dma.sync_single_for_cpu(device, handle, 256, DMA_TO_DEVICE)
    words = [
        event.headline.split("0000:00:03.0: ")[1].split(" [")[0]
        for event in events
        if isinstance(event, Report)
    ]
    assert words == [
        "device driver tries to sync DMA memory it has not allocated",
        "device driver syncs DMA memory with different direction",
        "device driver syncs device read-only DMA memory for cpu",
    ]


def test_overlapping_mappings(debug: Machine) -> None:
    device, dma = device_of(debug), debug.dma
    handle = mapped(debug, DMA_FROM_DEVICE)
    dma.map_single(device, PAGE_OFFSET + handle + 32, 64, DMA_TO_DEVICE)
    assert said(debug) == ""
    dma.map_single(device, PAGE_OFFSET + handle + 32, 64, DMA_BIDIRECTIONAL)
    assert said(debug) == "cacheline tracking EEXIST, overlapping mappings aren't supported"


def test_the_page_of_a_stack(debug: Machine) -> None:
    device, dma = device_of(debug), debug.dma
    stack = debug.vmalloc.map_stack(16384) - 128
    pfn = debug.vmalloc.vmalloc_to_pfn(stack)
    dma.map_page(device, pfn, stack & 4095, 64, DMA_FROM_DEVICE)
    assert said(debug).startswith("device driver maps memory from stack [probable addr=00000000")


def test_module_data_is_an_invalid_area(debug: Machine) -> None:
    device, dma = device_of(debug), debug.dma
    dma.set_mask_and_coherent(device, dma_bit_mask(64))
    handle = dma.map_single(device, 0xFFFF_FFFF_C000_0040, 64, DMA_TO_DEVICE)
    assert handle == 0x4000_0040
    assert said(debug).startswith("device driver maps memory from invalid area [addr=")


@pytest.mark.parametrize(("bus", "speaks"), [("pci", True), ("platform", False)])
def test_what_a_driver_leaves_behind(debug: Machine, bus: str, speaks: bool) -> None:
    dma = debug.dma
    device = dma.device("0000:00:04.0", bus, driver="leaky")
    _, handle = dma.alloc_coherent(device, 4096, GFP_KERNEL)
    dma.driver_released(device)
    expected = (
        "DMA-API: pci 0000:00:04.0: device driver has pending DMA allocations while released from "
        "device [count=1]\nOne of leaked entries details: "
        f"[device address={handle:#018x}] [size=4096 bytes] [mapped with DMA_BIDIRECTIONAL] "
        "[mapped as coherent]"
    )
    assert (expected in text_of(debug)) == speaks


def test_a_snapshot_keeps_mappings(machine: Machine) -> None:
    handle = mapped(machine)
    twin = Machine.restore(machine.snapshot())
    twin.dma.unmap_single(device_of(twin), handle, 256, DMA_TO_DEVICE)
    assert twin.dma.debug.error_count == 0
    assert machine.dma.mapping_of(handle) is not None
