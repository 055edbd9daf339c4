"""Nodes, zones and zonelists, and the numbers derived from their sizes (`mm/page_alloc.c`)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.mm import watermark
from kmemquest.kernel.mm.frame import FrameTable
from kmemquest.kernel.mm.pcp import size_pagesets
from kmemquest.kernel.mm.zone import (
    MAX_NR_ZONES,
    MIGRATE_TYPES,
    PAGEBLOCK_PAGES,
    UNMOVABLE,
    WMARK_HIGH,
    ZONE_DMA32,
    ZONE_NORMAL,
    Node,
    Zone,
)

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

LOCAL_DISTANCE: Final = 10
REMOTE_DISTANCE: Final = 20
BOOT_MASK: Final = _gfp.BITS_MASK & ~(_gfp.RECLAIM | _gfp.IO | _gfp.FS)
"""`GFP_BOOT_MASK`: nothing may reclaim before the first kernel thread runs."""

ScanOrder = tuple[Zone, ...]


class ZoneLayout:
    """The static side of the page allocator: which zones there are and in which order to try."""

    __slots__ = (
        "_by_start",
        "_forbid_fragmenting",
        "_gfp_allowed_mask",
        "_homes",
        "_last",
        "_plans",
        "_scans",
        "_starts",
        "_wants",
        "cpu",
        "cpu_node",
        "cpus",
        "frames",
        "grouping_disabled",
        "machine",
        "min_free_kbytes",
        "nodes",
        "pageblocks",
        "zones",
    )

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.frames = FrameTable()
        self.pageblocks: dict[int, int] = {}
        """Pageblock number -> migratetype, where it is not Movable."""
        self.zones: list[Zone] = []
        """All zones: node by node, ascending index."""
        self.nodes: list[Node] = []
        self.cpus = machine.spec.cpus
        """Online CPUs."""
        self.cpu = 0
        """The CPU that runs now; change it with `run_on`."""
        self.cpu_node = [0] * self.cpus
        """CPU -> its node."""
        self.min_free_kbytes = 0
        self.grouping_disabled = False
        """`page_group_by_mobility_disabled`: every request is then Unmovable."""
        self._starts: list[int] = []
        self._by_start: list[Zone] = []
        self._last: Zone | None = None
        self._plans: dict[int, Any] = {}
        """gfp mask -> what it means here; emptied when that changes."""
        self._wants: dict[tuple[int, int], tuple[ScanOrder, int, int, int]] = {}
        """(Mask in force, node) -> zones, highest zone index, migratetype, allocation flags."""
        self._homes: dict[int, Any] = {}
        """Pageblock number -> where its blocks go when freed; emptied likewise."""
        self._gfp_allowed_mask = BOOT_MASK
        self._scans: dict[tuple[int, bool], tuple[ScanOrder, ...]] = {}
        self._forbid_fragmenting: set[int] = set()

    # --- building ---------------------------------------------------------------------------

    def add_zone(self, node: int, index: int, start_pfn: int, end_pfn: int, present: int) -> Zone:
        """Add the zone [start, end) of a node; nodes and zones come in ascending order."""
        while len(self.nodes) <= node:
            self.nodes.append(Node(len(self.nodes), cpus=0))
        zone = Zone(
            node,
            index,
            start_pfn,
            end_pfn,
            present,
            cpus=self.cpus,
            events=self.machine.events,
            frames=self.frames,
            pageblocks=self.pageblocks,
            homes=self._homes,
        )
        block_start = start_pfn & ~(PAGEBLOCK_PAGES - 1)
        if block_start != start_pfn and self.zone_at(block_start) is None:
            # Only a pageblock whose first frame is initialised becomes Movable
            # (`mm/mm_init.c:memmap_init_range`); on a PC frame 0 is not.
            zone.set_pageblock_type(start_pfn, UNMOVABLE)
        self.nodes[node].zones.append(zone)
        self.zones = [zone for entry in self.nodes for zone in entry.zones]
        position = bisect_right(self._starts, start_pfn)
        self._homes.clear()
        self._starts.insert(position, start_pfn)
        self._by_start.insert(position, zone)
        return zone

    def build_zonelists(self, distances: Sequence[Sequence[int]] | None = None) -> None:
        """Order the zones for every node: near nodes first, high zones first.

        CPUs are spread over the nodes in equal blocks: CPU c is near node c * nodes // cpus.
        """
        count = max(len(self.nodes), 1)
        self.cpu_node = [cpu * count // self.cpus for cpu in range(self.cpus)]
        for node in self.nodes:
            node.cpus = self.cpu_node.count(node.id)
        load = [0] * count
        for node in self.nodes:
            order = self._fallback_nodes(node.id, distances, load)
            zones = [zone for nid in order for zone in reversed(self.nodes[nid].zones)]
            self.set_zonelist(node.id, zones, this_node=False)
            self.set_zonelist(node.id, list(reversed(node.zones)), this_node=True)
        self._decide_grouping()

    def _fallback_nodes(
        self, home: int, distances: Sequence[Sequence[int]] | None, load: list[int]
    ) -> list[int]:
        """Return the node ids from near to far (`find_next_best_node`), the node itself first.

        `load` counts how often a node was the nearest of a group; it spreads the first choices.
        """

        def distance(other: int) -> int:
            if distances is not None:
                return distances[home][other]
            return LOCAL_DISTANCE if other == home else REMOTE_DISTANCE

        def cost(other: int) -> tuple[int, int, int]:
            # Nodes below come after those above, and nodes with CPUs are left to them.
            far = distance(other) + (other < home) + (self.nodes[other].cpus > 0)
            return (far, load[other], other)

        order = [home]
        left = [node.id for node in self.nodes if node.id != home]
        while left:
            best = min(left, key=cost)
            if distance(best) != distance(order[-1]):
                load[best] += 1
            order.append(best)
            left.remove(best)
        return order

    def set_zonelist(self, node: int, zones: Sequence[Zone], *, this_node: bool) -> None:
        """Set the zones a node's requests try in turn; `this_node` is for __GFP_THISNODE."""
        populated = [zone for zone in zones if zone.present]
        self._scans[node, this_node] = tuple(
            tuple(zone for zone in populated if zone.index <= ceiling)
            for ceiling in range(MAX_NR_ZONES)
        )
        self._note_fragmenting_rule()
        self._forget_plans()

    def _forget_plans(self) -> None:
        self._plans.clear()
        self._wants.clear()

    def _note_fragmenting_rule(self) -> None:
        """Find the nodes whose Normal zone first avoids mixing types (`alloc_flags_nofragment`)."""
        alone = len(self.nodes) == 1
        self._forbid_fragmenting = {
            node.id
            for node in self.nodes
            if alone or any(zone.index == ZONE_DMA32 and zone.present > 0 for zone in node.zones)
        }

    def _decide_grouping(self) -> None:
        """Give up sorting pages by type on a machine too small for it (`build_all_zonelists`)."""
        pages = sum(
            max((zone.managed or zone.present) - zone.mark(WMARK_HIGH), 0) for zone in self.zones
        )
        self.grouping_disabled = pages < PAGEBLOCK_PAGES * MIGRATE_TYPES
        for zone in self.zones:
            zone.grouping_disabled = self.grouping_disabled
        self._forget_plans()

    def enable_pcp(self) -> None:
        """Size the per-CPU lists by the present marks (`setup_per_cpu_pageset`)."""
        for zone in self.zones:
            size_pagesets(zone, self.nodes[zone.node], self.cpus)

    def setup_watermarks(self, min_free_kbytes: int | None = None) -> None:
        """Compute marks, reserves, stat thresholds and list sizes (`init_per_zone_wmark_min`)."""
        if min_free_kbytes is None:
            min_free_kbytes = watermark.calculate_min_free_kbytes(self.zones)
        self._set_min_free(min_free_kbytes)
        watermark.set_stat_thresholds(self.zones, self.cpus)
        watermark.set_lowmem_reserves(self.nodes)
        self.gfp_allowed_mask = _gfp.BITS_MASK

    def recommend_min_free(self, *, thp: bool = True) -> None:
        """Raise min_free_kbytes as khugepaged does when huge pages are on."""
        managed = sum(zone.managed for zone in self.zones)
        if not thp or managed < watermark.THP_MINIMUM_PAGES:
            return
        wanted = watermark.recommended_min_free_kbytes(self.zones)
        if wanted > self.min_free_kbytes:
            self._set_min_free(wanted)

    def _set_min_free(self, min_free_kbytes: int) -> None:
        self.min_free_kbytes = min_free_kbytes
        watermark.set_watermarks(self.zones, min_free_kbytes)
        self.enable_pcp()

    @property
    def gfp_allowed_mask(self) -> int:
        """The flags in force; before GFP_KERNEL may block, reclaim, IO and FS are masked out."""
        return self._gfp_allowed_mask

    @gfp_allowed_mask.setter
    def gfp_allowed_mask(self, mask: int) -> None:
        self._gfp_allowed_mask = mask
        self._forget_plans()

    def migratetype_of(self, gfp: int) -> int:
        """Return the migratetype a request asks for on this machine."""
        return UNMOVABLE if self.grouping_disabled else (gfp >> 3) & 3

    # --- finding ----------------------------------------------------------------------------

    @property
    def local_node(self) -> int:
        """The node of the running CPU."""
        return self.cpu_node[self.cpu]

    def scan_order(self, nid: int, gfp: int, ceiling: int) -> ScanOrder:
        """Return the zones a request tries, in order."""
        return self._scans[nid, bool(gfp & _gfp.THISNODE)][ceiling]

    def zonelist(self, nid: int) -> ScanOrder:
        """Return all zones of a node's fallback list, in the order they are tried."""
        return self._scans[nid, False][MAX_NR_ZONES - 1]

    def may_forbid_fragmenting(self, preferred: Zone) -> bool:
        """Tell whether requests that prefer this zone first avoid mixing pageblock types."""
        return preferred.index == ZONE_NORMAL and preferred.node in self._forbid_fragmenting

    def zone_at(self, pfn: int) -> Zone | None:
        """Return the zone that spans a frame, or None."""
        zone = self._last
        if zone is not None and zone.start_pfn <= pfn < zone.end_pfn:
            return zone
        position = bisect_right(self._starts, pfn) - 1
        if position < 0 or pfn >= self._by_start[position].end_pfn:
            return None
        zone = self._last = self._by_start[position]
        return zone

    def zone_of(self, pfn: int) -> Zone:
        """Return the zone that spans a frame; LookupError outside all zones."""
        zone = self.zone_at(pfn)
        if zone is None:
            raise LookupError(f"frame {pfn} lies in no zone")
        return zone

    # --- CPUs -------------------------------------------------------------------------------

    def run_on(self, cpu: int) -> None:
        """Make another CPU the running one: its lists and pending differences count now."""
        if cpu == self.cpu:
            return
        for zone in self.zones:
            zone.idle_diffs[self.cpu] = zone.diff
            zone.diff = zone.idle_diffs[cpu]
            zone.idle_diffs[cpu] = 0
            zone.pageset = zone.pagesets[cpu]
        self.cpu = cpu
        self._forget_plans()
        self._homes.clear()

    @contextmanager
    def acting_as(self, cpu: int) -> Iterator[None]:
        """Run on another CPU for a while."""
        before = self.cpu
        self.run_on(cpu)
        try:
            yield
        finally:
            self.run_on(before)
