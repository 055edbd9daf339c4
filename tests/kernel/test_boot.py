"""Booting: the layout of memory, the hand-over, and recorded boots of real kernels."""

from __future__ import annotations

import gzip
import re
import time
from pathlib import Path

import pytest

from kmemquest.kernel import boot_layout as layout
from kmemquest.kernel.conform.boot import conform_boot, conform_boot_facts
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.spec import GIB, KIB, MIB, TIB, MachineSpec, RamRange
from kmemquest.kernel.text.proc import proc_file

RECORDINGS = Path(__file__).parent.parent / "recordings" / "boot"


@pytest.mark.parametrize("size", ["96M", "256M", "4G", "2G_numa2", "2G_smp4"])
def test_recorded_boot_matches_exactly(size: str) -> None:
    with gzip.open(RECORDINGS / f"boot_{size}.txt.gz", "rt", encoding="utf-8") as lines:
        result = conform_boot(lines)
    assert result.total > 250
    assert result.first_mismatch is None


@pytest.mark.parametrize("size", ["256M", "4G"])
def test_recorded_zone_facts_match_exactly(size: str) -> None:
    with gzip.open(RECORDINGS / f"boot_{size}.facts.jsonl.gz", "rt", encoding="utf-8") as lines:
        result = conform_boot_facts(lines)
    assert result.total > 20
    assert result.first_mismatch is None


SPECS = [
    MachineSpec(ram=16 * MIB),
    MachineSpec(ram=64 * MIB),
    MachineSpec(ram=256 * MIB, page_cache=32 * MIB, processes=(("hog", 8 * MIB, 0),)),
    MachineSpec(ram=3600 * MIB, cpus=4),
    MachineSpec(ram=5 * GIB, nodes=2, cpus=2),
    MachineSpec(ram=64 * TIB),
    MachineSpec(map=(RamRange(0, 640 * KIB), RamRange(MIB, 127 * MIB), RamRange(4 * GIB, GIB))),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{layout.total_ram(spec) >> 20}M")
def test_no_page_is_both_free_and_used(spec: MachineSpec) -> None:
    pages = Machine.boot(spec).pages
    waiting = {
        frame
        for zone in pages.zones
        for cpu in range(spec.cpus)
        for (order, _), blocks in pages.pcp_contents(zone, cpu).items()
        for pfn in blocks
        for frame in range(pfn, pfn + (1 << order))
    }
    assert len(waiting) == sum(zone.pcp_pages() for zone in pages.zones)
    for pfn in (*pages.frames.refcounts, *waiting):
        assert pages.free_block_at(pfn) is None
        assert not pages.frames.is_reserved(pfn)
    assert not waiting & set(pages.frames.refcounts)
    for zone in pages.zones:
        listed = sum(zone.nr_free(order) << order for order in range(11))
        assert listed == zone.true_free()
        assert 0 < listed + zone.pcp_pages() <= zone.managed <= zone.present <= zone.spanned


def test_what_is_not_free_was_taken_by_somebody() -> None:
    machine = Machine.boot(MachineSpec())
    before = sum(z.true_free() + z.pcp_pages() for z in machine.pages.zones)
    machine.reclaim.page_cache.fill(1000)
    after = sum(z.true_free() + z.pcp_pages() for z in machine.pages.zones)
    assert before - after == 1000


def test_a_booted_machine_runs_a_shell() -> None:
    machine = Machine.boot(MachineSpec())
    assert machine.phase == "running"
    assert machine.context.task.comm == "sh"
    assert machine.context.may_sleep
    assert machine.clock.now >= machine.spec.uptime


def _picture(machine: Machine) -> list[object]:
    files = [proc_file(machine, name) for name in ("buddyinfo", "pagetypeinfo", "zoneinfo")]
    lists = [machine.pages.pcp_contents(zone) for zone in machine.pages.zones]
    return [*files, lists, machine.clock.now, [line.text for line in machine.log.lines]]


def test_booting_twice_gives_the_same_machine() -> None:
    spec = MachineSpec(ram=512 * MIB, page_cache=8 * MIB, seed=5)
    assert _picture(Machine.boot(spec)) == _picture(Machine.boot(spec))


def test_a_snapshot_wakes_up_equal() -> None:
    machine = Machine.boot(MachineSpec())
    copy = Machine.restore(machine.snapshot())
    assert _picture(copy) == _picture(machine)
    assert copy.pages.alloc_pages(0xCC0, 3) == machine.pages.alloc_pages(0xCC0, 3)


def test_the_largest_machine_boots_without_touching_every_page() -> None:
    Machine.boot(MachineSpec())  # imports are not what is measured
    start = time.perf_counter()
    machine = Machine.boot(MachineSpec(ram=64 * TIB))
    # About 0.06 s alone; the bound leaves room for a busy computer, not for work per page.
    assert time.perf_counter() - start < 2.0
    assert len(machine.snapshot()) < MIB


def test_handing_over_twice_is_refused() -> None:
    machine = Machine.boot(MachineSpec())
    with pytest.raises(ValueError, match="handed over"):
        machine.handover()


def test_ram_is_split_around_the_pci_hole() -> None:
    assert layout.usable_ranges(MachineSpec(ram=4 * GIB)) == (
        (0x1000, 0x9FC00),
        (0x10_0000, 0xBFFE_0000),
        (4 * GIB, 5 * GIB),
    )
    assert layout.usable_ranges(MachineSpec(ram=3 * GIB))[-1] == (0x10_0000, 0xBFFE_0000)


def test_bounce_buffers_exist_only_where_memory_lies_above_4_gib() -> None:
    small, large = (Machine.boot(MachineSpec(ram=ram)) for ram in (GIB, 5 * GIB))
    assert not small.memblock.boot.swiotlb_base
    assert large.memblock.boot.swiotlb_bytes == 64 * MIB
    assert large.memblock.boot.swiotlb_base + 64 * MIB <= 4 * GIB
    forced = Machine.boot(MachineSpec(ram=GIB, options=("swiotlb=force",)))
    assert forced.memblock.boot.swiotlb_base


@pytest.mark.parametrize(
    ("ram", "base"),
    [
        (256 * MIB, 0xEC0_0000),
        (384 * MIB, 0x16C0_0000),
        (1024 * MIB, 0x3EC0_0000),
        (6144 * MIB, 0x1_0000_0000),
    ],
)
def test_the_contiguous_area_lies_where_recorded(ram: int, base: int) -> None:
    machine = Machine.boot(MachineSpec(ram=ram, options=("cma=16M",)))
    lines = [line.text for line in machine.log.lines]
    assert f"cma: Reserved 16 MiB at {base:#018x} on node -1" in lines
    (memory,) = (line for line in lines if line.startswith("Memory: "))
    assert memory.endswith(" 16384K cma-reserved)")
    assert not machine.memblock.bottom_up
    plain = Machine.boot(MachineSpec(ram=ram))
    (without,) = (line.text for line in plain.log.lines if line.text.startswith("Memory: "))
    reserved = [int(re.findall(r"(\d+)K reserved", line)[0]) for line in (memory, without)]
    assert abs(reserved[0] - reserved[1]) < 64
