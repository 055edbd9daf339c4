"""Replay of page-allocator recordings: every pfn, counter, side effect and list order."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable
from json.scanner import make_scanner
from typing import Any, Final

from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.conform import ConformResult, Operation, Tally, tally_of
from kmemquest.kernel.conform.bare_machine import bare_machine
from kmemquest.kernel.events import Event
from kmemquest.kernel.mm.page_alloc import PageAllocator
from kmemquest.kernel.mm.zone import (
    MAX_PAGE_ORDER,
    MIGRATE_TYPES,
    MOVABLE,
    NR_PAGE_ORDERS,
    PAGEBLOCK_ORDER,
    PerCpuPages,
    Zone,
)
from kmemquest.kernel.spec import MachineSpec

Record = dict[str, Any]
Line = list[Any]

_HOLE: Final = "-"
"""Stands for a pageblock without memory."""

_PCP_FIELDS: Final = (
    "count",
    "high",
    "high_min",
    "high_max",
    "batch",
    "flags",
    "alloc_factor",
    "expire",
    "free_count",
)


def conform_buddy(lines: Iterable[str], *, watched: bool = False) -> ConformResult:
    """Replay one recording; each operation, side effect, checkpoint and full state is compared.

    Only the first full state is loaded; everything after it must come out of the simulation.
    `watched` attaches a listener.
    """
    replay = _Replay(tally_of(lines), watched=watched)
    tally, feed, operate = replay.tally, replay.feed, replay.operate
    parse = make_scanner(json.JSONDecoder())  # type: ignore[arg-type]
    for number, text in enumerate(lines, 1):
        text = text.strip()
        if text:
            tally.line = number
            try:
                item, end = parse(text, 0)
            except StopIteration:
                raise json.JSONDecodeError("Expecting value", text, 0) from None
            if end != len(text):
                raise json.JSONDecodeError("Extra data", text, end)
            if isinstance(item, list):
                operate(item)
            else:
                feed(item)
    replay.finish()
    return replay.tally.result()


class _Pageblocks(dict[int, int]):
    """The table of pageblock types, which also knows what changed since it was last asked."""

    def __init__(self) -> None:
        super().__init__()
        self.changed: dict[int, int] = {}
        """Pageblock number -> its type before."""

    def __setitem__(self, block: int, migratetype: int) -> None:
        self.changed.setdefault(block, self.get(block, MOVABLE))
        super().__setitem__(block, migratetype)

    def pop(self, block: int, default: Any = None) -> Any:
        """Make a pageblock Movable again."""
        self.changed.setdefault(block, self.get(block, MOVABLE))
        return super().pop(block, default)

    def changes(self) -> list[Line]:
        """Return the changes as a recording writes them."""
        found: list[Line] = []
        for block, before in sorted(self.changed.items()):
            after = self.get(block, MOVABLE)
            if after != before:
                found.append(["pb", block << PAGEBLOCK_ORDER, before, after])
        return found


class _Replay:
    """The state of one replay: the simulated allocator and what is still to be compared."""

    def __init__(self, tally: Tally, *, watched: bool) -> None:
        self.watched = watched
        self.tally = tally
        self.machine = bare_machine(MachineSpec(), max_pfn=1 << 24)
        self.pages = PageAllocator(self.machine)
        self.machine.pages = self.pages
        self.pages.pageblocks = self.pageblocks = _Pageblocks()
        self.pages.gfp_allowed_mask = _gfp.BITS_MASK
        self.zones: dict[tuple[int, str], Zone] = {}
        self.zonelists: list[Record] = []
        self.lru: list[Record] = []
        self.loading = True
        self.state: list[Record] | None = None
        self.operation: Operation = "start"
        self.recorded_effects: list[Line] = []
        self.before: list[tuple[Zone, tuple[int, ...], int, int]] = []
        """Each zone with its boosted marks, its flags and its boost before the last operation."""

    def feed(self, item: Record) -> None:
        """Take the next object of the recording."""
        kind = item["t"]
        if kind == "state_begin":
            self._settle_effects()
            self.state = []
        elif kind == "state_end":
            assert self.state is not None
            if self.loading:
                self._load(self.state)
                self.loading = False
            else:
                self._compare_state(self.state)
            self.state = None
        elif self.state is not None:
            self.state.append(item)
        elif kind == "zonelist":
            self.zonelists.append(item)
        elif kind == "lru":
            self.lru.append(item)
        elif kind == "ck":
            self._settle_effects()
            self._compare_checkpoint(item)
        elif kind == "ops":
            self._remember_zones()

    def finish(self) -> None:
        """Compare what the last operation left."""
        self._settle_effects()

    # --- loading ----------------------------------------------------------------------------

    def _load(self, state: list[Record]) -> None:
        pages = self.pages
        for item in state:
            if item["t"] == "zone":
                self._load_zone(item)
        pages.pageblocks.clear()
        for item in state:
            if item["t"] == "pb":
                self._load_pageblocks(item)
            elif item["t"] == "fl":
                lists = self._zone(item).free_lists[item["mt"]]
                lists[item["order"]].back = dict.fromkeys(item["pfns"])
            elif item["t"] == "pcp":
                self._load_pcp(self._zone(item).pageset, item)
        for item in self.lru:
            first = item["first_pfn"] >> PAGEBLOCK_ORDER
            for index, count in enumerate(item["count"]):
                if count:
                    pages.frames.lru_in_pageblock[first + index] = count
        for item in self.zonelists:
            zones = [self.zones[node, name] for node, name in item["order"]]
            pages.set_zonelist(item["node"], zones, this_node=item["kind"] == "nofallback")
        self.pageblocks.changed.clear()
        if self.watched:
            self.machine.events.subscribe(_ignore)

    def _load_zone(self, item: Record) -> None:
        end = item["start_pfn"] + item["spanned"]
        zone = self.pages.add_zone(
            item["node"], item["idx"], item["start_pfn"], end, item["present"]
        )
        self.zones[item["node"], item["zone"]] = zone
        self.pages.frames.add_managed(item["start_pfn"], end)
        zone.managed = item["managed"]
        zone.marks = list(item["wmark"])
        zone.boost = item["boost"]
        zone.lowmem_reserve = list(item["lowmem_reserve"])
        zone.nr_reserved_highatomic = item["nr_reserved_highatomic"]
        zone.nr_free_highatomic = item["nr_free_highatomic"]
        zone.flags = item["flags"]
        zone.update_comfort()
        zone.free = item["free_pages"]
        zone.diff = item["free_diff"]
        zone.stat_threshold = item["stat_threshold"]

    def _load_pageblocks(self, item: Record) -> None:
        first = item["first_pfn"] >> PAGEBLOCK_ORDER
        for index, digit in enumerate(item["mt"]):
            if digit not in (_HOLE, str(MOVABLE)):
                self.pages.pageblocks[first + index] = int(digit)

    def _load_pcp(self, pcp: PerCpuPages, item: Record) -> None:
        for field in _PCP_FIELDS:
            setattr(pcp, field, item[field])
        pcp.lists = [deque(listed) for listed in item["lists"]]

    def _zone(self, item: Record) -> Zone:
        return self.zones[item["node"], item["zone"]]

    # --- operations and their side effects --------------------------------------------------

    def operate(self, line: Line) -> None:
        """Take the next operation, or what was seen after one."""
        kind = line[0]
        operate = _OPERATIONS.get(kind)
        if operate is not None:
            self._settle_effects()
            self.operation = line
            operate(self, line)
        elif kind == "w":
            self._compare_watermarks(line)
        elif kind in ("pb", "boost", "zflags"):
            self.recorded_effects.append(line)
        else:
            raise ValueError(f"unknown operation {kind!r}")

    def _remember_zones(self) -> None:
        self.pageblocks.changed.clear()
        self.before = [(zone, zone.boosted, zone.flags, zone.boost) for zone in self.pages.zones]

    def _settle_effects(self) -> None:
        """Compare the side effects of the last operation with those recorded after it."""
        seen: list[Line] = []
        if self.pageblocks.changed:
            seen += self.pageblocks.changes()
        for zone, boosted, flags, boost in self.before:
            if zone.flags != flags or zone.boosted is not boosted:
                if zone.boost != boost:
                    seen.append(["boost", zone.node, zone.name, zone.boost])
                if zone.flags != flags:
                    seen.append(["zflags", zone.node, zone.name, zone.flags])
        if seen or self.recorded_effects:
            expected = sorted(map(json.dumps, self.recorded_effects))
            got = sorted(map(json.dumps, seen))
            self.tally.compare(("side effects of", self.operation), expected, got)
            self.recorded_effects = []
            self._remember_zones()

    def _result(self, expected: object, got: object) -> None:
        self.tally.compare(self.operation, expected, got)

    def _alloc(self, line: Line) -> None:
        nid = line[4] if line[0] == "an" else None
        self._result(line[3], self.pages.alloc_pages(line[2], line[1], nid))

    def _get_free_pages(self, line: Line) -> None:
        pfn = self.pages.alloc_pages(line[2] & ~_gfp.HIGHMEM, line[1])
        self._result(line[3:5], [pfn, pfn << 12])

    def _get_zeroed_page(self, line: Line) -> None:
        self._result(line[2], self.pages.alloc_pages(line[1] | _gfp.ZERO, 0))

    def _alloc_exact(self, line: Line) -> None:
        self._result(line[3], self.pages.alloc_pages_exact(line[1], line[2]))

    def _bulk(self, line: Line) -> None:
        self._result(line[4], self.pages.alloc_pages_bulk(line[2], line[1]))

    def _free(self, line: Line) -> None:
        self.pages.free_pages(line[1], line[2])
        self._result(0, self.pages.frames.refcount(line[1]))

    def _free_exact(self, line: Line) -> None:
        self.pages.free_pages_exact(line[1], line[2])
        self._result(0, self.pages.frames.refcount(line[1]))

    def _split(self, line: Line) -> None:
        self.pages.split_page(line[1], line[2])
        self._result(1, self.pages.page_count(line[1] + (1 << line[2]) - 1))

    # --- comparing states -------------------------------------------------------------------

    def _compare_watermarks(self, line: Line) -> None:
        got = [
            [zone.name, zone.free, zone.diff, zone.pageset.count]
            for zone in self.pages.zones
            if zone.present
        ]
        self.tally.compare(("counters after", self.operation), line[1:], got)

    def _compare_checkpoint(self, item: Record) -> None:
        zone = self._zone(item)
        pcp = zone.pageset
        got = {
            "nr_free": [zone.nr_free(order) for order in range(NR_PAGE_ORDERS)],
            "free": zone.free,
            "diff": zone.diff,
            "pcp": [pcp.count, pcp.high, pcp.alloc_factor, pcp.free_count],
            "ha": [zone.nr_reserved_highatomic, zone.nr_free_highatomic],
        }
        expected = {key: item[key] for key in got}
        self.tally.compare(f"checkpoint {item['op']} of {item['zone']}", expected, got)

    def _compare_state(self, state: list[Record]) -> None:
        listed: dict[tuple[int, str, int, int], list[int]] = {}
        for item in state:
            where = f"{item['t']} of node {item['node']} {item['zone']}"
            if item["t"] == "fl":
                listed[item["node"], item["zone"], item["order"], item["mt"]] = item["pfns"]
            elif item["t"] == "zone":
                self.tally.compare(where, _pick(item, _ZONE_FIELDS), _zone_state(self._zone(item)))
            elif item["t"] == "pb":
                self.tally.compare(where, item["mt"], self._pageblock_digits(item))
            elif item["t"] == "pcp":
                pcp = self._zone(item).pageset
                got = {field: getattr(pcp, field) for field in _PCP_FIELDS}
                self.tally.compare(where, _pick(item, _PCP_FIELDS), got)
                lists = [list(entries) for entries in pcp.lists]
                self.tally.compare(f"{where}, lists", item["lists"], lists)
        for (node, name), zone in self.zones.items():
            for order in range(MAX_PAGE_ORDER + 1):
                for migratetype in range(MIGRATE_TYPES):
                    expected = listed.get((node, name, order, migratetype), [])
                    free_list = list(zone.free_lists[migratetype][order])
                    where = f"free list {order}/{migratetype} of node {node} {name}"
                    self.tally.compare(where, expected, free_list)

    def _pageblock_digits(self, item: Record) -> str:
        digits = [str(MOVABLE)] * len(item["mt"])
        first = item["first_pfn"] >> PAGEBLOCK_ORDER
        for block, migratetype in self.pageblocks.items():
            if 0 <= block - first < len(digits):
                digits[block - first] = str(migratetype)
        got = "".join(digits)
        if _HOLE in item["mt"]:
            pairs = zip(item["mt"], got, strict=True)
            got = "".join(_HOLE if digit == _HOLE else mine for digit, mine in pairs)
        return got


_ZONE_FIELDS: Final = (
    "boost",
    "nr_reserved_highatomic",
    "nr_free_highatomic",
    "flags",
    "free_pages",
    "free_diff",
)


def _zone_state(zone: Zone) -> Record:
    return {
        "boost": zone.boost,
        "nr_reserved_highatomic": zone.nr_reserved_highatomic,
        "nr_free_highatomic": zone.nr_free_highatomic,
        "flags": zone.flags,
        "free_pages": zone.free,
        "free_diff": zone.diff,
    }


def _pick(item: Record, fields: Iterable[str]) -> Record:
    return {field: item[field] for field in fields}


def _ignore(event: Event) -> None:
    """Listen to everything and do nothing."""


_OPERATIONS: Final[dict[str, Callable[[_Replay, Line], None]]] = {
    "a": _Replay._alloc,
    "an": _Replay._alloc,
    "f": _Replay._free,
    "ex": _Replay._alloc_exact,
    "exf": _Replay._free_exact,
    "gfp": _Replay._get_free_pages,
    "gz": _Replay._get_zeroed_page,
    "sp": _Replay._split,
    "bulk": _Replay._bulk,
}
