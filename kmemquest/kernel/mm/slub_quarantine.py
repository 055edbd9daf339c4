"""KASAN's quarantine: freed objects wait, so that a late access still finds them freed.

Source: `mm/kasan/quarantine.c`, `mm/kasan/common.c:__kasan_slab_free`.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from kmemquest.kernel.mm import slub_free
from kmemquest.kernel.mm.slab_cache import KmemCache, Slab
from kmemquest.kernel.mm.slab_geometry import SLAB_TYPESAFE_BY_RCU

if TYPE_CHECKING:
    from kmemquest.kernel.mm.slub import SlabAllocator

FRACTION: Final = 32
"""The quarantine holds at most this fraction of RAM (`QUARANTINE_FRACTION`)."""
COST: Final = 150
"""Nanoseconds KASAN adds to a free."""


class Quarantine:
    """A queue of freed objects that have not gone back to their free lists yet."""

    def __init__(self, slub: SlabAllocator) -> None:
        self._slub = slub
        self._waiting: deque[tuple[Slab, int]] = deque()
        self._bytes = 0
        self._limit = slub.machine.spec.ram // FRACTION

    def put(self, slab: Slab, address: int, call: str) -> None:
        """Free an object as a KASAN kernel does: check, poison, and let it wait."""
        slub = self._slub
        machine, cache = slub.machine, slab.cache
        kasan = machine.checks.kasan
        assert kasan is not None
        machine.clock.advance(COST)
        index = min(max((address - slab.address) // cache.size, 0), slab.objects - 1)
        nearest = slab.slot(index)
        if nearest != address:
            kasan.report_invalid_free(address, cache.name, nearest, cache.object_size, call)
            return
        if kasan.is_freed(address):
            kasan.report_double_free(address, cache.name, nearest, cache.object_size, call)
            return
        if cache.flags & SLAB_TYPESAFE_BY_RCU:
            slub_free.free_objects(slub, slab, [address], call)
            return
        kasan.object_freed(address, cache.object_size)
        slub_free.note_freed(slub, slab, [address])
        self._waiting.append((slab, address))
        self._bytes += cache.size
        while self._bytes > self._limit:
            self._release(*self._waiting.popleft())

    def flush(self, cache: KmemCache) -> None:
        """Let all objects of a cache go (`quarantine_remove_cache`)."""
        waiting, self._waiting = self._waiting, deque()
        for slab, address in waiting:
            if slab.cache is cache:
                self._release(slab, address)
            else:
                self._waiting.append((slab, address))

    def _release(self, slab: Slab, address: int) -> None:
        self._bytes -= slab.cache.size
        slub_free.free_objects(self._slub, slab, [address], "kfree", noted=True)
