"""ioremap on a booted machine."""

from __future__ import annotations

import pytest

from kmemquest.kernel.events import Event, Report, VmAreaCreated
from kmemquest.kernel.machine import Fate, Machine
from kmemquest.kernel.spec import MIB, MachineSpec

BAR = 0xFEB0_0000


@pytest.fixture(scope="module")
def booted() -> bytes:
    return Machine.boot(MachineSpec(ram=64 * MIB)).snapshot()


@pytest.fixture
def machine(booted: bytes) -> Machine:
    return Machine.restore(booted)


def text_of(machine: Machine) -> str:
    return "\n".join(line.text for line in machine.log.lines)


def test_registers_keep_what_is_written(machine: Machine) -> None:
    registers = machine.ioremap.ioremap(BAR + 0x10, 0x100)
    assert registers & 0xFFF == 0x10
    machine.memory.store(registers, 4, 0xCAFE)
    assert machine.memory.read_physical(BAR + 0x10, 4) == b"\xfe\xca\x00\x00"
    again = machine.ioremap.ioremap_wc(BAR, 0x2000)
    assert machine.memory.load(again + 0x10, 4) == 0xCAFE
    assert machine.ioremap.memory_types[again] == "write-combining"


@pytest.mark.parametrize(("size", "align"), [(1, 1 << 12), (5 << 12, 8 << 12), (1 << 20, 1 << 20)])
def test_areas_are_aligned_to_their_size(machine: Machine, size: int, align: int) -> None:
    address = machine.ioremap.ioremap(BAR, size)
    area = machine.vmalloc.area_at(address)
    assert area is not None
    assert area.kind == "ioremap"
    assert address % align == 0
    assert area.physical == BAR
    assert machine.memory.translate(area.end - 1) is None
    assert machine.memory.translate(area.end - 4097) == BAR + area.size - 4097


def test_ram_is_refused_with_one_warning(machine: Machine) -> None:
    events: list[Event] = []
    machine.events.subscribe(events.append)
    ram = 32 * MIB
    assert machine.ioremap.ioremap(ram, 4096) == machine.ioremap.ioremap(ram, 4096) == 0
    assert machine.ioremap.ioremap(64 * MIB - (128 << 10) - 4096, 8192) == 0
    reports = [event for event in events if isinstance(event, Report)]
    assert [report.headline for report in reports] == [
        "ioremap on RAM at 0x0000000002000000 - 0x0000000002000fff"
    ]
    assert not any(isinstance(event, VmAreaCreated) for event in events)


@pytest.mark.parametrize(("physical", "size"), [(BAR, 0), ((1 << 64) - 4096, 8192), (1 << 46, 1)])
def test_impossible_requests(machine: Machine, physical: int, size: int) -> None:
    assert machine.ioremap.ioremap(physical, size) == 0


def test_a_second_iounmap_is_noticed(machine: Machine) -> None:
    address = machine.ioremap.ioremap(BAR + 4, 16)
    machine.ioremap.iounmap(address)
    assert machine.memory.translate(address) is None
    machine.ioremap.iounmap(address)
    assert "iounmap: bad address 00000000" in text_of(machine)
    machine.memory.load(address, 4)
    assert machine.fate is Fate.TASK_KILLED


def test_in_a_tasklet_it_is_a_bug(machine: Machine) -> None:
    machine.context.softirq_depth = 1
    assert machine.ioremap.ioremap(BAR, 4096) == 0
    assert machine.fate is Fate.PANICKED
    assert "kernel BUG at mm/vmalloc.c:3177!" in text_of(machine)


def test_huge_mappings_save_tables(machine: Machine) -> None:
    tables = machine.vmalloc.tables.table_pages()
    machine.ioremap.ioremap(0xE000_0000, 16 << 20)
    assert machine.vmalloc.tables.table_pages() <= tables + 1
    assert len(machine.vmalloc.tables.huge) == 8
