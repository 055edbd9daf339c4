"""The files of /proc: their form, and that they tell what the allocator knows."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from kmemquest.kernel import gfp
from kmemquest.kernel.conform import Tally
from kmemquest.kernel.conform.text_proc import compare_proc
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.spec import GIB, MIB, MachineSpec
from kmemquest.kernel.text.proc import PROC_FILES, proc_file


@pytest.fixture(scope="module")
def machine() -> Machine:
    return Machine.boot(MachineSpec(ram=256 * MIB, page_cache=16 * MIB))


@pytest.mark.parametrize("name", PROC_FILES)
def test_every_file_ends_with_a_newline(machine: Machine, name: str) -> None:
    assert proc_file(machine, name).endswith("\n")
    assert proc_file(machine, f"/proc/{name}") == proc_file(machine, name)


def test_unknown_name_tells_the_known_ones(machine: Machine) -> None:
    with pytest.raises(ValueError, match=r"/proc/swaps.*buddyinfo.*zoneinfo"):
        proc_file(machine, "swaps")


def test_buddyinfo_rows(machine: Machine) -> None:
    rows = proc_file(machine, "buddyinfo").splitlines()
    assert [row[:25] for row in rows] == ["Node 0, zone      DMA    ", "Node 0, zone    DMA32    "]
    for row, zone in zip(rows, machine.pages.zones, strict=True):
        assert re.fullmatch(r"Node 0, zone +\w+ (?: *\d+ ){11}", row)
        assert [int(word) for word in row.split()[4:]] == [zone.nr_free(o) for o in range(11)]


def test_buddyinfo_does_not_move_for_a_page_on_a_cpu_list(machine: Machine) -> None:
    pfn = machine.pages.alloc_pages(gfp.GFP_KERNEL, 0)
    before = proc_file(machine, "buddyinfo")
    machine.pages.free_pages(pfn, 0)
    assert proc_file(machine, "buddyinfo") == before


def test_pagetypeinfo_adds_up(machine: Machine) -> None:
    text = proc_file(machine, "pagetypeinfo")
    assert text.startswith("Page block order: 9\nPages per block:  512\n\n")
    assert (
        "Free pages count per migrate type at order       0      1      2      3      4      5"
        "      6      7      8      9     10 \n"
    ) in text
    rows = re.findall(r"zone +(\w+), type +\w+ ([\d ]+)\n", text)
    for zone in machine.pages.zones:
        columns = [[int(n) for n in numbers.split()] for name, numbers in rows if name == zone.name]
        sums = [sum(column) for column in zip(*columns, strict=True)]
        assert sums == [zone.nr_free(order) for order in range(11)]
    assert "Node 0, zone      DMA            1            7            0" in text


def test_zoneinfo_shows_empty_zones_too(machine: Machine) -> None:
    text = proc_file(machine, "zoneinfo")
    assert re.findall(r"^Node 0, zone +(\w+)$", text, re.MULTILINE) == [
        "DMA",
        "DMA32",
        "Normal",
        "Movable",
        "Device",
    ]
    assert text.count("per-node stats") == 1
    zone = machine.pages.zones[1]
    assert f"  pages free     {zone.free}\n" in text
    assert f"        managed  {zone.managed}\n" in text


def test_meminfo_agrees_with_the_allocator(machine: Machine) -> None:
    rows = dict(line.split(":", 1) for line in proc_file(machine, "meminfo").splitlines())
    kib = {name: int(value.split()[0]) for name, value in rows.items()}
    assert kib["MemTotal"] == sum(zone.managed for zone in machine.pages.zones) * 4
    assert kib["MemFree"] == machine.pages.nr_free_pages() * 4
    assert kib["Inactive(file)"] == 16 * 1024
    assert kib["Cached"] == kib["Inactive(file)"] + kib["Shmem"]
    assert kib["MemFree"] < kib["MemAvailable"] < kib["MemTotal"]


def test_a_tiny_cache_counts_half_as_available() -> None:
    machine = Machine.boot(MachineSpec(ram=256 * MIB))
    machine.pages.vmstat_tick()
    free, available = _free_and_available(machine)
    machine.reclaim.page_cache.fill(100)
    machine.pages.vmstat_tick()
    free_after, available_after = _free_and_available(machine)
    assert available - available_after == free - free_after - 50 * 4


def _free_and_available(machine: Machine) -> tuple[int, int]:
    rows = proc_file(machine, "meminfo").splitlines()
    return int(rows[1].split()[1]), int(rows[2].split()[1])


def test_iomem_nests_the_kernel_in_ram() -> None:
    text = proc_file(Machine.boot(MachineSpec(ram=5 * GIB)), "iomem")
    rows = text.splitlines()
    ram = rows.index("00100000-bffdffff : System RAM")
    assert rows[ram + 1] == "  01000000-01ffffff : Kernel code"
    assert "100000000-17fffffff : System RAM" in rows


RECORDED = {"128M": MachineSpec(ram=128 * MIB), "2G_numa2": MachineSpec(ram=2 * GIB, nodes=2),
            "2G_smp4": MachineSpec(ram=2 * GIB, cpus=4)}  # fmt: skip


def recorded_proc(size: str) -> dict[str, list[str]]:
    files: dict[str, list[str]] = {}
    path = Path(__file__).parent.parent / "recordings" / "logs" / f"proc_{size}.txt.gz"
    name = ""
    with gzip.open(path, "rt") as lines:
        for line in lines:
            if line.startswith("@@@ "):
                name = line.split("/")[-1].strip()
                files[name] = []
            else:
                files[name].append(line.rstrip("\n"))
    return files


@pytest.mark.parametrize("size", RECORDED)
def test_our_files_have_the_recorded_form(size: str) -> None:
    machine = Machine.boot(RECORDED[size])
    tally = Tally()
    for name, lines in recorded_proc(size).items():
        compare_proc(machine, name, lines, tally)
    assert tally.first is None
    assert tally.result().total > 450


def test_a_row_of_another_form_is_found() -> None:
    machine = Machine.boot(RECORDED["128M"])
    recorded = recorded_proc("128M")
    for name, old, new in (
        ("meminfo", "Percpu:            ", "Percpu: "),
        ("zoneinfo", "nr_mlock", "nr_mlocked"),
        ("buddyinfo", "zone    DMA32", "zone DMA32"),
    ):
        lines = [line.replace(old, new) for line in recorded[name]]
        assert lines != recorded[name]
        tally = Tally()
        compare_proc(machine, name, lines, tally)
        assert tally.total - 3 < tally.matched < tally.total


def test_pagetypeinfo_is_written_anew_for_each_node() -> None:
    text = proc_file(Machine.boot(RECORDED["2G_numa2"]), "pagetypeinfo")
    assert text.count("Page block order: 9") == 2
    first, second = text.split("Page block order: 9\n")[1:]
    assert "Node    1" not in first
    assert "Node    0" not in second
