"""/proc/meminfo and /proc/cmdline (`fs/proc/meminfo.c`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel import boot_layout as layout
from kmemquest.kernel.boot_memblock import PERCPU_UNIT_BYTES
from kmemquest.kernel.text.memory_counters import (
    KIB_PER_PAGE,
    available_pages,
    machine_counters,
)

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

VMALLOC_TOTAL_KIB: Final = (1 << 45) - 1 >> 10
SMALL_PAGES_KIB: Final = 20_352
"""What the ragged parts of the direct map hold in 4 KiB pages on this machine."""
GIB_KIB: Final = 1 << 20


def meminfo(machine: Machine) -> str:
    """Render the table; values in kB except for the huge page counts."""
    counters = machine_counters(machine)
    pages = machine.pages
    managed = sum(zone.managed for zone in pages.zones)
    active_file, inactive_file = 0, counters.inactive_file
    slab = counters.slab_reclaimable + counters.slab_unreclaimable
    in_pages: list[tuple[str, int]] = [
        ("MemTotal", managed),
        ("MemFree", pages.nr_free_pages()),
        ("MemAvailable", available_pages(machine)),
        ("Buffers", 0),
        ("Cached", counters.file_pages),
        ("SwapCached", 0),
        ("Active", counters.active_anon + active_file),
        ("Inactive", inactive_file),
        ("Active(anon)", counters.active_anon),
        ("Inactive(anon)", 0),
        ("Active(file)", active_file),
        ("Inactive(file)", inactive_file),
        ("Unevictable", 0),
        ("Mlocked", 0),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("Dirty", 0),
        ("Writeback", 0),
        ("AnonPages", counters.anon),
        ("Mapped", counters.mapped),
        ("Shmem", counters.shmem),
        ("KReclaimable", counters.slab_reclaimable),
        ("Slab", slab),
        ("SReclaimable", counters.slab_reclaimable),
        ("SUnreclaim", counters.slab_unreclaimable),
    ]
    lines = [_row(name, count * KIB_PER_PAGE) for name, count in in_pages]
    committed = sum(process.anon for process in machine.reclaim.user.processes.values())
    percpu_kib = (PERCPU_UNIT_BYTES >> 10) * machine.spec.cpus
    lines += [
        _row("KernelStack", counters.kernel_stack_kib),
        _row("PageTables", counters.page_tables * KIB_PER_PAGE),
        _row("SecPageTables", 0),
        _row("NFS_Unstable", 0),
        _row("Bounce", 0),
        _row("WritebackTmp", 0),
        _row("CommitLimit", managed // 2 * KIB_PER_PAGE),
        _row("Committed_AS", (committed + counters.shmem) * KIB_PER_PAGE),
        _row("VmallocTotal", VMALLOC_TOTAL_KIB),
        _row("VmallocUsed", machine.vmalloc.pages_in_use * KIB_PER_PAGE),
        _row("VmallocChunk", 0),
        _row("Percpu", percpu_kib),
        _row("HardwareCorrupted", 0),
    ]
    huge = "AnonHugePages ShmemHugePages ShmemPmdMapped FileHugePages FilePmdMapped Unaccepted"
    lines += [_row(name, 0) for name in huge.split()]
    for name in ("HugePages_Total", "HugePages_Free", "HugePages_Rsvd", "HugePages_Surp"):
        lines.append(f"{name + ':':<16}{0:8d}")
    lines += [_row("Hugepagesize", 2048), _row("Hugetlb", 0)]
    lines += _direct_map(machine)
    return "\n".join(lines) + "\n"


def cmdline(machine: Machine) -> str:
    """Render the kernel command line."""
    return layout.command_line(machine.spec) + "\n"


def _row(name: str, kib: int) -> str:
    # One label is too long for its column; the kernel narrows its number instead.
    return f"{name}:{kib:>6d} kB" if len(name) > 15 else f"{name + ':':<16}{kib:8d} kB"


def _direct_map(machine: Machine) -> list[str]:
    """Render how the direct map is built: 4 KiB pages at the edges, 2 MiB pages elsewhere."""
    ranges = layout.usable_ranges(machine.spec)
    # The holes below 1 MiB are mapped with the rest.
    starts = [0 if start <= layout.ISA_END else start for start, _ in ranges]
    total = sum(
        {start: end - start for start, (_, end) in zip(starts, ranges, strict=True)}.values()
    )
    total >>= 10
    small = min(SMALL_PAGES_KIB, total)
    large = (total - small) // 2048 * 2048
    return [_row("DirectMap4k", small), _row("DirectMap2M", large)]
