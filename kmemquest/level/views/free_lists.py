"""The buddy system's free lists and the zones' accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kmemquest.kernel import events as ev
from kmemquest.level.picture import Picture, ZonePicture
from kmemquest.level.views.fold import Fold

ORDERS: Final = 11
MIGRATETYPE_NAMES: Final = ("Unmovable", "Movable", "Reclaimable", "HighAtomic", "Isolate")

Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class FreeListRow:
    """Free blocks per order of one zone and migratetype; `deltas` are this step's changes."""

    node: int
    zone: str
    migratetype: str
    counts: tuple[int, ...]
    deltas: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FreeListView:
    """All free lists: zones in order, migratetypes within."""

    rows: tuple[FreeListRow, ...]

    def zone(self, node: int, zone: str) -> FreeListRow:
        """Return a zone's lists summed over migratetypes, as /proc/buddyinfo has them."""
        rows = [row for row in self.rows if (row.node, row.zone) == (node, zone)]
        counts = tuple(sum(row.counts[o] for row in rows) for o in range(ORDERS))
        deltas = tuple(sum(row.deltas[o] for row in rows) for o in range(ORDERS))
        return FreeListRow(node, zone, "", counts, deltas)

    def zones(self) -> tuple[tuple[int, str], ...]:
        """Return the (node, zone) pairs in order."""
        return tuple(dict.fromkeys((row.node, row.zone) for row in self.rows))


class FreeListFold(Fold[FreeListView]):
    """Counts blocks as they are listed and unlisted."""

    topics = frozenset(("buddy",))

    def __init__(self) -> None:
        self._counts: dict[Key, list[list[int]]] = {}
        self._deltas: dict[tuple[int, str, int, int], int] = {}

    def start(self, picture: Picture) -> None:
        self._counts = {
            (zone.node, zone.name): [list(counts) for counts in zone.free_counts]
            for zone in picture.zones
        }

    def forget_changes(self) -> None:
        self._deltas = {}

    def clone(self) -> FreeListFold:
        twin = FreeListFold()
        twin._counts = {key: [list(c) for c in counts] for key, counts in self._counts.items()}
        return twin

    def weight(self) -> int:
        return 1024 * max(1, len(self._counts))

    def apply(self, event: ev.Event) -> None:
        if isinstance(event, ev.BlockListed):
            self._add(event.node, event.zone, event.migratetype, event.order, 1)
        elif isinstance(event, ev.BlockUnlisted):
            self._add(event.node, event.zone, event.migratetype, event.order, -1)

    def _add(self, node: int, zone: str, migratetype: int, order: int, change: int) -> None:
        counts = self._counts.setdefault((node, zone), [[0] * ORDERS for _ in MIGRATETYPE_NAMES])
        counts[migratetype][order] += change
        key = (node, zone, migratetype, order)
        self._deltas[key] = self._deltas.get(key, 0) + change

    def view(self) -> FreeListView:
        deltas = self._deltas
        return FreeListView(
            tuple(
                FreeListRow(
                    node,
                    zone,
                    MIGRATETYPE_NAMES[index],
                    tuple(row),
                    tuple(deltas.get((node, zone, index, order), 0) for order in range(ORDERS)),
                )
                for (node, zone), counts in self._counts.items()
                for index, row in enumerate(counts)
            )
        )


@dataclass(frozen=True, slots=True)
class ZoneRow:
    """A zone's account in pages; `free` are those on the buddy lists, `pcp` per-CPU ones."""

    node: int
    zone: str
    managed: int
    free: int
    pcp: int
    low_mark: int
    min_mark: int
    high_mark: int
    free_delta: int
    failed: bool
    """A request passed this zone over in this step."""


@dataclass(frozen=True, slots=True)
class ZoneView:
    """All zones with their watermarks."""

    rows: tuple[ZoneRow, ...]
    kswapd_woken: bool


class ZoneFold(Fold[ZoneView]):
    """Follows free pages and per-CPU pages of every zone."""

    topics = frozenset(("buddy", "pcp", "pages", "watermark", "reclaim"))

    def __init__(self) -> None:
        self._zones: tuple[ZonePicture, ...] = ()
        self._free: dict[Key, int] = {}
        self._pcp: dict[Key, int] = {}
        self._before: dict[Key, int] = {}
        self._failed: set[Key] = set()
        self._woken = False

    def start(self, picture: Picture) -> None:
        self._zones = picture.zones
        self._free = {
            (zone.node, zone.name): sum(
                count << order for counts in zone.free_counts for order, count in enumerate(counts)
            )
            for zone in picture.zones
        }
        self._pcp = {(zone.node, zone.name): zone.pcp for zone in picture.zones}
        self.forget_changes()

    def forget_changes(self) -> None:
        self._before = dict(self._free)
        self._failed = set()
        self._woken = False

    def clone(self) -> ZoneFold:
        twin = ZoneFold()
        twin._zones = self._zones
        twin._free, twin._pcp = dict(self._free), dict(self._pcp)
        twin._before = dict(self._before)
        return twin

    def apply(self, event: ev.Event) -> None:
        if isinstance(event, ev.BlockListed):
            self._count(self._free, event.node, event.zone, 1 << event.order)
        elif isinstance(event, ev.BlockUnlisted):
            self._count(self._free, event.node, event.zone, -(1 << event.order))
        elif isinstance(event, ev.PcpRefilled):
            self._count(self._pcp, event.node, event.zone, len(event.pfns) << event.order)
        elif isinstance(event, ev.PcpDrained):
            pages = sum(1 << order for _, order in event.blocks)
            self._count(self._pcp, event.node, event.zone, -pages)
        elif isinstance(event, ev.PagesAllocated):
            if event.from_pcp:
                self._count(self._pcp, event.node, event.zone, -(1 << event.order))
        elif isinstance(event, ev.PagesFreed):
            if event.to_pcp:
                self._count(self._pcp, event.node, event.zone, 1 << event.order)
        elif isinstance(event, ev.WatermarkFailed):
            self._failed.add((event.node, event.zone))
        elif isinstance(event, ev.KswapdWoken):
            self._woken = True

    @staticmethod
    def _count(account: dict[Key, int], node: int, zone: str, pages: int) -> None:
        account[node, zone] = account.get((node, zone), 0) + pages

    def view(self) -> ZoneView:
        rows = []
        for zone in self._zones:
            key = (zone.node, zone.name)
            rows.append(
                ZoneRow(
                    zone.node,
                    zone.name,
                    zone.managed,
                    self._free[key],
                    self._pcp[key],
                    min_mark=zone.marks[0],
                    low_mark=zone.marks[1],
                    high_mark=zone.marks[2],
                    free_delta=self._free[key] - self._before.get(key, 0),
                    failed=key in self._failed,
                )
            )
        return ZoneView(tuple(rows), self._woken)
