"""/proc/zoneinfo (`mm/vmstat.c:zoneinfo_show_print`). All values in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.mm.zone import MAX_NR_ZONES, WMARK_MIN, ZONE_MOVABLE, ZONE_NAMES, Zone
from kmemquest.kernel.text.memory_counters import MemoryCounters, named_zones, node_counters

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

_NODE_STATS: Final = (
    "nr_inactive_anon nr_active_anon nr_inactive_file nr_active_file nr_unevictable "
    "nr_slab_reclaimable nr_slab_unreclaimable nr_isolated_anon nr_isolated_file workingset_nodes "
    "workingset_refault_anon workingset_refault_file workingset_activate_anon "
    "workingset_activate_file workingset_restore_anon workingset_restore_file "
    "workingset_nodereclaim nr_anon_pages nr_mapped nr_file_pages nr_dirty nr_writeback "
    "nr_writeback_temp nr_shmem nr_shmem_hugepages nr_shmem_pmdmapped nr_file_hugepages "
    "nr_file_pmdmapped nr_anon_transparent_hugepages nr_vmscan_write nr_vmscan_immediate_reclaim "
    "nr_dirtied nr_written nr_throttled_written nr_kernel_misc_reclaimable nr_foll_pin_acquired "
    "nr_foll_pin_released nr_kernel_stack nr_page_table_pages nr_sec_page_table_pages "
    "nr_iommu_pages nr_swapcached pgpromote_success pgpromote_candidate pgdemote_kswapd "
    "pgdemote_direct pgdemote_khugepaged"
)
NODE_STATS: Final = tuple(_NODE_STATS.split())
_ZONE_STATS: Final = (
    "nr_free_pages nr_zone_inactive_anon nr_zone_active_anon nr_zone_inactive_file "
    "nr_zone_active_file nr_zone_unevictable nr_zone_write_pending nr_mlock nr_bounce nr_zspages "
    "nr_free_cma nr_unaccepted"
)
ZONE_STATS: Final = tuple(_ZONE_STATS.split())
_NUMA_STATS: Final = "numa_hit numa_miss numa_foreign numa_interleave numa_local numa_other"
NUMA_STATS: Final = tuple(_NUMA_STATS.split())
EMPTY_MOVABLE_MARK: Final = 32
"""The marks of an empty Movable zone (`__setup_per_zone_wmarks` clamps to it)."""


def zoneinfo(machine: Machine) -> str:
    """Render every zone of every node, the empty ones too."""
    lines: list[str] = []
    shown: set[int] = set()
    for node, index, zone in named_zones(machine):
        lines.append(f"Node {node}, zone {ZONE_NAMES[index]:>8}")
        if zone is not None and node not in shown:
            shown.add(node)
            lines += _node_stats(node_counters(machine, node))
        if zone is None:
            lines += _head(0, 0, [EMPTY_MOVABLE_MARK * (index == ZONE_MOVABLE)] * 4, 0, 0, 0)
            lines.append(_protection([0] * MAX_NR_ZONES))
        else:
            lines += _populated(machine, zone)
    return "\n".join(lines) + "\n"


def _stat(name: str, value: int) -> str:
    return f"      {name:<12} {value}"


def _node_stats(counters: MemoryCounters) -> list[str]:
    values = {
        "nr_active_anon": counters.active_anon,
        "nr_inactive_file": counters.inactive_file,
        "nr_slab_reclaimable": counters.slab_reclaimable,
        "nr_slab_unreclaimable": counters.slab_unreclaimable,
        "nr_anon_pages": counters.anon,
        "nr_mapped": counters.mapped,
        "nr_file_pages": counters.file_pages,
        "nr_shmem": counters.shmem,
        "nr_kernel_stack": counters.kernel_stack_kib,
        "nr_page_table_pages": counters.page_tables,
    }
    return ["  per-node stats", *(_stat(name, values.get(name, 0)) for name in NODE_STATS)]


def _head(
    free: int, boost: int, marks: list[int], spanned: int, present: int, managed: int
) -> list[str]:
    rows = ("boost", boost), *zip(("min", "low", "high", "promo"), marks, strict=True)
    sizes = ("spanned", spanned), ("present", present), ("managed", managed), ("cma", 0)
    return [f"  pages free     {free}", *(f"        {name:<8} {n}" for name, n in (*rows, *sizes))]


def _protection(reserves: list[int]) -> str:
    return f"        protection: ({', '.join(str(pages) for pages in reserves)})"


def _populated(machine: Machine, zone: Zone) -> list[str]:
    free = max(zone.free, 0)
    marks = [zone.mark(WMARK_MIN + which) for which in range(4)]
    lines = _head(free, zone.boost, marks, zone.spanned, zone.present, zone.managed)
    lines.append(_protection(zone.lowmem_reserve))
    reclaim = machine.reclaim
    values = {
        "nr_free_pages": free,
        "nr_zone_active_anon": reclaim.user.in_zone(zone),
        "nr_zone_inactive_file": reclaim.page_cache.in_zone(zone),
    }
    lines += [_stat(name, values.get(name, 0)) for name in ZONE_STATS]
    lines += [_stat(name, 0) for name in NUMA_STATS]
    lines.append("  pagesets")
    for cpu, pageset in enumerate(zone.pagesets):
        lines += [
            f"    cpu: {cpu}",
            f"              count: {pageset.count}",
            f"              high:  {pageset.high}",
            f"              batch: {pageset.batch}",
            f"  vm stats threshold: {zone.stat_threshold}",
        ]
    hopeless = int(machine.reclaim.kswapds[zone.node].hopeless)
    lines.append(f"  node_unreclaimable:  {hopeless}")
    lines.append(f"  start_pfn:           {zone.start_pfn}")
    return lines
