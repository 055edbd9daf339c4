"""Caches, their slabs, and the objects in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from kmemquest.kernel import events as ev
from kmemquest.level.picture import Picture
from kmemquest.level.views.fold import Fold

CELL_FREE: Final = 0
CELL_USED: Final = 1
CELL_NEW: Final = 2
"""Handed out behind a call of the driver, since the recording began."""
CELL_JUST_TAKEN: Final = 3
CELL_JUST_FREED: Final = 4


@dataclass(frozen=True, slots=True)
class SlabRow:
    """One slab: a cell per object, in address order."""

    pfn: int
    order: int
    cells: bytes


@dataclass(frozen=True, slots=True)
class CacheRow:
    """One cache; sizes in bytes. `touched` since the recording began, `changed` in this step."""

    name: str
    object_size: int
    size: int
    order: int
    objects_per_slab: int
    used: int
    total: int
    slabs: tuple[SlabRow, ...]
    touched: bool
    changed: bool


@dataclass(frozen=True, slots=True)
class SlabView:
    """All caches: the touched ones first, each group in order of creation."""

    caches: tuple[CacheRow, ...]

    def touched(self) -> tuple[CacheRow, ...]:
        """Return the caches that the attempt has to do with."""
        return tuple(cache for cache in self.caches if cache.touched)


@dataclass(slots=True)
class _Slab:
    order: int
    cells: bytearray
    changed: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Cache:
    name: str
    object_size: int
    size: int
    order: int
    objects: int
    slabs: dict[int, _Slab] = field(default_factory=dict)
    touched: bool = False
    changed: bool = False
    row: CacheRow | None = None

    def clone(self) -> _Cache:
        slabs = {pfn: _Slab(s.order, bytearray(s.cells)) for pfn, s in self.slabs.items()}
        return _Cache(
            self.name, self.object_size, self.size, self.order, self.objects, slabs, self.touched
        )

    def render(self) -> CacheRow:
        rows = []
        used = total = 0
        for pfn in sorted(self.slabs):
            slab = self.slabs[pfn]
            cells = bytearray(slab.cells)
            used += len(cells) - cells.count(CELL_FREE)
            total += len(cells)
            for index, kind in slab.changed.items():
                cells[index] = kind
            rows.append(SlabRow(pfn, slab.order, bytes(cells)))
        return CacheRow(
            self.name,
            self.object_size,
            self.size,
            self.order,
            self.objects,
            used,
            total,
            tuple(rows),
            self.touched,
            self.changed,
        )


class SlabFold(Fold[SlabView]):
    """Follows slabs and objects."""

    topics = frozenset(("slab", "call"))

    def __init__(self) -> None:
        self._caches: dict[str, _Cache] = {}
        self._calls = 0

    def start(self, picture: Picture) -> None:
        self._caches = {}
        for cache in picture.caches:
            slabs = {slab.pfn: _Slab(slab.order, bytearray(slab.used)) for slab in cache.slabs}
            self._caches[cache.name] = _Cache(
                cache.name, cache.object_size, cache.size, cache.order, cache.objects, slabs
            )

    def forget_changes(self) -> None:
        for cache in self._caches.values():
            if cache.changed:
                cache.changed = False
                cache.row = None
                for slab in cache.slabs.values():
                    slab.changed = {}

    def clone(self) -> SlabFold:
        twin = SlabFold()
        twin._caches = {name: cache.clone() for name, cache in self._caches.items()}
        twin._calls = self._calls
        return twin

    def weight(self) -> int:
        return 512 + sum(
            200 + sum(150 + len(s.cells) for s in c.slabs.values()) for c in self._caches.values()
        )

    def apply(self, event: ev.Event) -> None:
        if isinstance(event, ev.ObjectAllocated):
            if event.cache:
                # What the module loader and the kernel itself take is not the driver's.
                cells = (CELL_NEW, CELL_JUST_TAKEN) if self._calls else (CELL_USED, CELL_USED)
                self._set(event.cache, event.pfn, event.index, *cells)
        elif isinstance(event, ev.ObjectFreed):
            if event.cache:
                self._set(event.cache, event.pfn, event.index, CELL_FREE, CELL_JUST_FREED)
        elif isinstance(event, ev.CallMade):
            self._calls += 1
        elif isinstance(event, ev.CallReturned):
            self._calls = max(0, self._calls - 1)
        elif isinstance(event, ev.SlabCreated):
            cache = self._touch(event.cache, event.size, event.order, event.objects)
            cache.slabs[event.pfn] = _Slab(event.order, bytearray(event.objects))
        elif isinstance(event, ev.SlabDiscarded):
            cache = self._touch(event.cache)
            cache.slabs.pop(event.pfn, None)
        elif isinstance(event, ev.CacheCreated):
            if not event.merged_into:
                cache = self._touch(event.cache, event.size, event.order, event.objects)
                cache.object_size = event.object_size
        elif isinstance(event, ev.CacheDestroyed):
            self._caches.pop(event.cache, None)

    def _touch(self, name: str, size: int = 0, order: int = 0, objects: int = 0) -> _Cache:
        cache = self._caches.get(name)
        if cache is None:
            cache = self._caches[name] = _Cache(name, size, size, order, objects)
        cache.touched = cache.changed = True
        cache.row = None
        return cache

    def _set(self, name: str, pfn: int, index: int, cell: int, shown: int) -> None:
        cache = self._touch(name)
        slab = cache.slabs.get(pfn)
        if slab is not None and 0 <= index < len(slab.cells):
            slab.cells[index] = cell
            slab.changed[index] = shown

    def view(self) -> SlabView:
        rows = []
        for cache in self._caches.values():
            if cache.row is None:
                cache.row = cache.render()
            rows.append(cache.row)
        rows.sort(key=lambda row: not row.touched)
        return SlabView(tuple(rows))
