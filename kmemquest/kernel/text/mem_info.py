"""The `Mem-Info:` block of allocation failures and OOM kills (`mm/show_mem.c:__show_mem`).

The block is rendered from a picture of the machine's memory, so that any picture can be rendered:
the present machine's, or one read from a recording.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.mm.zone import (
    MIGRATE_TYPES,
    NR_PAGE_ORDERS,
    PAGEBLOCK_PAGES,
    WMARK_HIGH,
    WMARK_LOW,
    WMARK_MIN,
    ZONE_NAMES,
    Zone,
)
from kmemquest.kernel.text.memory_counters import KIB_PER_PAGE, MemoryCounters, node_counters

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

TYPE_LETTERS: Final = "UMEHI"
"""Unmovable, Movable, rEclaimable, HighAtomic, Isolate."""


@dataclass(frozen=True, slots=True)
class ZonePicture:
    """A populated zone in pages. `blocks` are (free blocks, letters of their types) by order."""

    node: int
    name: str
    free: int
    boost: int
    marks: tuple[int, int, int]
    """min, low and high, boost included."""
    reserved_highatomic: int
    active_anon: int
    inactive_file: int
    present: int
    managed: int
    free_pcp: int
    local_pcp: int
    lowmem_reserve: tuple[int, ...]
    blocks: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class NodePicture:
    """A node: its counters, whether kswapd gave up on it, and its zones, lowest first."""

    node: int
    counters: MemoryCounters
    hopeless: bool
    zones: tuple[ZonePicture, ...]


def mem_info(machine: Machine, gfp: int) -> list[str]:
    """Render the block; zones above what the request may use are left out."""
    return render([_node_picture(machine, node.id) for node in machine.pages.nodes], gfp)


def render(nodes: list[NodePicture], gfp: int) -> list[str]:
    """Render the block for a request with mask `gfp` on a machine with these nodes."""
    ceiling = _gfp.zone_index(gfp)
    zones = [zone for node in nodes for zone in node.zones]
    shown = [zone for zone in zones if ZONE_NAMES.index(zone.name) <= ceiling]
    huge = PAGEBLOCK_PAGES * KIB_PER_PAGE
    lines = ["Mem-Info:", *_totals(nodes, zones)]
    lines += [_node_line(node) for node in nodes]
    for zone in shown:
        lines += _zone_lines(zone)
    lines += [_free_lists(zone) for zone in shown]
    lines += [
        f"Node {node.node} hugepages_total=0 hugepages_free=0 hugepages_surp=0 "
        f"hugepages_size={huge}kB"
        for node in nodes
    ]
    return [*lines, *_footer(nodes, zones)]


def _node_picture(machine: Machine, node: int) -> NodePicture:
    zones = tuple(_zone_picture(machine, z) for z in machine.pages.zones if z.node == node)
    hopeless = machine.reclaim.kswapds[node].hopeless
    return NodePicture(node, node_counters(machine, node), hopeless, zones)


def _zone_picture(machine: Machine, zone: Zone) -> ZonePicture:
    reclaim = machine.reclaim
    return ZonePicture(
        node=zone.node,
        name=zone.name,
        free=max(zone.free, 0),
        boost=zone.boost,
        marks=(zone.mark(WMARK_MIN), zone.mark(WMARK_LOW), zone.mark(WMARK_HIGH)),
        reserved_highatomic=zone.nr_reserved_highatomic,
        active_anon=reclaim.user.in_zone(zone),
        inactive_file=reclaim.page_cache.in_zone(zone),
        present=zone.present,
        managed=zone.managed,
        free_pcp=zone.pcp_pages(),
        local_pcp=zone.pageset.count,
        lowmem_reserve=tuple(zone.lowmem_reserve),
        blocks=tuple(
            (
                zone.nr_free(order),
                "".join(TYPE_LETTERS[t] for t in range(MIGRATE_TYPES) if zone.free_lists[t][order]),
            )
            for order in range(NR_PAGE_ORDERS)
        ),
    )


def _totals(nodes: list[NodePicture], zones: list[ZonePicture]) -> list[str]:
    counters = [node.counters for node in nodes]
    anon = sum(c.active_anon for c in counters)
    file = sum(c.inactive_file for c in counters)
    reclaimable = sum(c.slab_reclaimable for c in counters)
    unreclaimable = sum(c.slab_unreclaimable for c in counters)
    mapped, shmem = sum(c.mapped for c in counters), sum(c.shmem for c in counters)
    tables = sum(c.page_tables for c in counters)
    free, on_lists = sum(zone.free for zone in zones), sum(zone.free_pcp for zone in zones)
    return [
        f"active_anon:{anon} inactive_anon:0 isolated_anon:0",
        f" active_file:0 inactive_file:{file} isolated_file:0",
        " unevictable:0 dirty:0 writeback:0",
        f" slab_reclaimable:{reclaimable} slab_unreclaimable:{unreclaimable}",
        f" mapped:{mapped} shmem:{shmem} pagetables:{tables}",
        " sec_pagetables:0 bounce:0",
        " kernel_misc_reclaimable:0",
        f" free:{free} free_pcp:{on_lists} free_cma:0",
    ]


def _node_line(node: NodePicture) -> str:
    counters, kib = node.counters, KIB_PER_PAGE
    return (
        f"Node {node.node} active_anon:{counters.active_anon * kib}kB inactive_anon:0kB "
        f"active_file:0kB inactive_file:{counters.inactive_file * kib}kB unevictable:0kB "
        f"isolated(anon):0kB isolated(file):0kB mapped:{counters.mapped * kib}kB dirty:0kB "
        f"writeback:0kB shmem:{counters.shmem * kib}kB shmem_thp:0kB shmem_pmdmapped:0kB "
        f"anon_thp:0kB writeback_tmp:0kB kernel_stack:{counters.kernel_stack_kib}kB "
        f"pagetables:{counters.page_tables * kib}kB sec_pagetables:0kB "
        f"all_unreclaimable? {'yes' if node.hopeless else 'no'}"
    )


def _zone_lines(zone: ZonePicture) -> list[str]:
    kib = KIB_PER_PAGE
    low, medium, high = zone.marks
    reserves = " ".join(str(pages) for pages in zone.lowmem_reserve)
    return [
        f"Node {zone.node} {zone.name} free:{zone.free * kib}kB boost:{zone.boost * kib}kB "
        f"min:{low * kib}kB low:{medium * kib}kB high:{high * kib}kB "
        f"reserved_highatomic:{zone.reserved_highatomic * kib}KB "
        f"active_anon:{zone.active_anon * kib}kB inactive_anon:0kB active_file:0kB "
        f"inactive_file:{zone.inactive_file * kib}kB unevictable:0kB "
        f"writepending:0kB present:{zone.present * kib}kB managed:{zone.managed * kib}kB "
        f"mlocked:0kB bounce:0kB free_pcp:{zone.free_pcp * kib}kB "
        f"local_pcp:{zone.local_pcp * kib}kB free_cma:0kB",
        f"lowmem_reserve[]: {reserves}",
    ]


def _free_lists(zone: ZonePicture) -> str:
    words = [f"Node {zone.node} {zone.name}:"]
    total = 0
    for order, (count, letters) in enumerate(zone.blocks):
        total += count << order
        word = f"{count}*{KIB_PER_PAGE << order}kB"
        words.append(f"{word} ({letters})" if count else word)
    words.append(f"= {total * KIB_PER_PAGE}kB")
    return " ".join(words)


def _footer(nodes: list[NodePicture], zones: list[ZonePicture]) -> list[str]:
    present = sum(zone.present for zone in zones)
    reserved = present - sum(zone.managed for zone in zones)
    return [
        f"{sum(node.counters.file_pages for node in nodes)} total pagecache pages",
        "0 pages in swap cache",
        "Free swap  = 0kB",
        "Total swap = 0kB",
        f"{present} pages RAM",
        "0 pages HighMem/MovableOnly",
        f"{reserved} pages reserved",
        "0 pages hwpoisoned",
    ]
