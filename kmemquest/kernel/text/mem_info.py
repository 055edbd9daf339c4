"""The `Mem-Info:` block of allocation failures and OOM kills (`mm/show_mem.c:__show_mem`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.mm.zone import (
    MIGRATE_TYPES,
    NR_PAGE_ORDERS,
    PAGEBLOCK_PAGES,
    WMARK_HIGH,
    WMARK_LOW,
    WMARK_MIN,
    Zone,
)
from kmemquest.kernel.text.memory_counters import (
    KIB_PER_PAGE,
    machine_counters,
    node_counters,
)

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

TYPE_LETTERS: Final = "UMEHI"
"""Unmovable, Movable, rEclaimable, HighAtomic, Isolate."""


def mem_info(machine: Machine, gfp: int) -> list[str]:
    """Render the block; zones above what the request may use are left out."""
    ceiling = _gfp.zone_index(gfp)
    zones = [zone for zone in machine.pages.zones if zone.index <= ceiling]
    lines = ["Mem-Info:", *_totals(machine)]
    nodes = list(dict.fromkeys(zone.node for zone in zones))
    lines += [_node_line(machine, node) for node in nodes]
    for zone in zones:
        lines += _zone_lines(machine, zone)
    lines += [_free_lists(zone) for zone in zones]
    huge = PAGEBLOCK_PAGES * KIB_PER_PAGE
    lines += [
        f"Node {node} hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size={huge}kB"
        for node in nodes
    ]
    return [*lines, *_footer(machine)]


def _totals(machine: Machine) -> list[str]:
    counters = machine_counters(machine)
    free = machine.pages.nr_free_pages()
    on_lists = sum(zone.pcp_pages() for zone in machine.pages.zones)
    return [
        f"active_anon:{counters.active_anon} inactive_anon:0 isolated_anon:0",
        f" active_file:0 inactive_file:{counters.inactive_file} isolated_file:0",
        " unevictable:0 dirty:0 writeback:0",
        f" slab_reclaimable:{counters.slab_reclaimable} "
        f"slab_unreclaimable:{counters.slab_unreclaimable}",
        f" mapped:{counters.mapped} shmem:{counters.shmem} pagetables:{counters.page_tables}",
        " sec_pagetables:0 bounce:0",
        " kernel_misc_reclaimable:0",
        f" free:{free} free_pcp:{on_lists} free_cma:0",
    ]


def _node_line(machine: Machine, node: int) -> str:
    counters = node_counters(machine, node)
    kib = KIB_PER_PAGE
    hopeless = "yes" if machine.reclaim.kswapds[node].hopeless else "no"
    return (
        f"Node {node} active_anon:{counters.active_anon * kib}kB inactive_anon:0kB "
        f"active_file:0kB inactive_file:{counters.inactive_file * kib}kB unevictable:0kB "
        f"isolated(anon):0kB isolated(file):0kB mapped:{counters.mapped * kib}kB dirty:0kB "
        f"writeback:0kB shmem:{counters.shmem * kib}kB shmem_thp:0kB shmem_pmdmapped:0kB "
        f"anon_thp:0kB writeback_tmp:0kB kernel_stack:{counters.kernel_stack_kib}kB "
        f"pagetables:{counters.page_tables * kib}kB sec_pagetables:0kB "
        f"all_unreclaimable? {hopeless}"
    )


def _zone_lines(machine: Machine, zone: Zone) -> list[str]:
    kib = KIB_PER_PAGE
    reclaim = machine.reclaim
    marks = [zone.mark(which) * kib for which in (WMARK_MIN, WMARK_LOW, WMARK_HIGH)]
    reserves = " ".join(str(pages) for pages in zone.lowmem_reserve)
    return [
        f"Node {zone.node} {zone.name} free:{max(zone.free, 0) * kib}kB "
        f"boost:{zone.boost * kib}kB min:{marks[0]}kB low:{marks[1]}kB high:{marks[2]}kB "
        f"reserved_highatomic:{zone.nr_reserved_highatomic * kib}KB "
        f"active_anon:{reclaim.user.in_zone(zone) * kib}kB inactive_anon:0kB active_file:0kB "
        f"inactive_file:{reclaim.page_cache.in_zone(zone) * kib}kB unevictable:0kB "
        f"writepending:0kB present:{zone.present * kib}kB managed:{zone.managed * kib}kB "
        f"mlocked:0kB bounce:0kB free_pcp:{zone.pcp_pages() * kib}kB "
        f"local_pcp:{zone.pageset.count * kib}kB free_cma:0kB",
        f"lowmem_reserve[]: {reserves}",
    ]


def _free_lists(zone: Zone) -> str:
    words = [f"Node {zone.node} {zone.name}:"]
    total = 0
    for order in range(NR_PAGE_ORDERS):
        count = zone.nr_free(order)
        total += count << order
        word = f"{count}*{KIB_PER_PAGE << order}kB"
        if count:
            kinds = (TYPE_LETTERS[t] for t in range(MIGRATE_TYPES) if zone.free_lists[t][order])
            word += f" ({''.join(kinds)})"
        words.append(word)
    words.append(f"= {total * KIB_PER_PAGE}kB")
    return " ".join(words)


def _footer(machine: Machine) -> list[str]:
    zones = machine.pages.zones
    present = sum(zone.present for zone in zones)
    reserved = present - sum(zone.managed for zone in zones)
    return [
        f"{machine_counters(machine).file_pages} total pagecache pages",
        "0 pages in swap cache",
        "Free swap  = 0kB",
        "Total swap = 0kB",
        f"{present} pages RAM",
        "0 pages HighMem/MovableOnly",
        f"{reserved} pages reserved",
        "0 pages hwpoisoned",
    ]
