"""`<linux/idr.h>`: numbers alone, one bit each.

Source: `lib/idr.c` of 6.12.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver.binding import binds
from kmemquest.driver.bindings import locks
from kmemquest.driver.bindings.xarray import lock_save
from kmemquest.driver.holdings import KMALLOC, gave_back, got
from kmemquest.driver.kernel_structure import blamed, need_allocators
from kmemquest.driver.slot_tree import (
    CACHE,
    FREE_MARK,
    NoNodeError,
    SlotTree,
    cache_node,
    is_value,
)
from kmemquest.kernel.check.oops import warn
from kmemquest.kernel.gfp import GFP_NOWAIT
from kmemquest.kernel.gfp import ZERO as GFP_ZERO

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

ENOMEM: Final = 12
ENOSPC: Final = 28
INT_MAX: Final = (1 << 31) - 1
CHUNK: Final = 1024
"""Numbers per entry of an IDA."""
CHUNK_BYTES: Final = 128
INLINE: Final = 63
"""The first so many fit into the entry itself."""


class _NoBitmapError(Exception):
    """There was no memory for a bitmap."""


def _kzalloc(engine: Engine, flags: int) -> int:
    need_allocators(engine)
    address = engine.machine.kmalloc.kmalloc(CHUNK_BYTES, flags | GFP_ZERO)
    engine.check()
    return address


def _drop_bitmap(engine: Engine, address: int) -> None:
    if not is_value(address):
        engine.machine.kmalloc.kfree(address)
        gave_back(engine, address, "ida_free", *KMALLOC)


def _bits(engine: Engine, bitmap: int) -> int:
    data = engine.machine.memory.load_bytes(bitmap, CHUNK_BYTES)
    engine.check()
    return int.from_bytes(data or b"", "little")


def _set_bits(engine: Engine, bitmap: int, bits: int) -> None:
    engine.machine.memory.store_bytes(bitmap, bits.to_bytes(CHUNK_BYTES, "little"))
    engine.check()


def _clear_from(bits: int, start: int, size: int) -> int:
    """Return the lowest clear bit from a place on, `size` when there is none."""
    free = ~bits & (1 << size) - 1
    free = free >> start << start
    return (free & -free).bit_length() - 1 if free else size


class _Taking:
    """One number to be taken from an IDA; `kept` are bitmaps got without the lock."""

    def __init__(self, engine: Engine, ida: int, low: int, high: int) -> None:
        self.engine, self.ida, self.low, self.high = engine, ida, low, high
        self.kept = 0
        self.spare = 0

    def new_node(self) -> int:
        node, self.spare = self.spare, 0
        return node or cache_node(self.engine, GFP_NOWAIT)

    def _bitmap(self) -> int:
        bitmap, self.kept = self.kept, 0
        bitmap = bitmap or _kzalloc(self.engine, GFP_NOWAIT)
        if not bitmap:
            raise _NoBitmapError
        return bitmap

    def take(self) -> int:
        """Return the number; raises where memory is missing."""
        tree = SlotTree(self.engine, self.ida, "ida_alloc", self.new_node)
        chunk, bit = divmod(self.low, CHUNK)
        while True:
            found = tree.first_free(chunk, self.high // CHUNK)
            if found is None:
                return -ENOSPC
            chunk, bit = found, bit if found == chunk else 0
            entry = tree.load(chunk)
            if not entry:
                number = chunk * CHUNK + bit
                if number > self.high:
                    return -ENOSPC
                self._begin(tree, chunk, bit)
                return number
            bit = self._vacant(entry, bit)
            if chunk * CHUNK + bit > self.high:
                return -ENOSPC
            if bit < CHUNK:
                self._add(tree, chunk, entry, bit)
                return chunk * CHUNK + bit
            chunk, bit = chunk + 1, 0

    def _vacant(self, entry: int, bit: int) -> int:
        if is_value(entry):
            return max(bit, INLINE) if bit >= INLINE else _clear_from(entry >> 1, bit, INLINE)
        return _clear_from(_bits(self.engine, entry), bit, CHUNK)

    def _begin(self, tree: SlotTree, chunk: int, bit: int) -> None:
        if bit < INLINE:
            tree.put(chunk, 1 << bit << 1 | 1, full=False)
            return
        bitmap = self._bitmap()
        _set_bits(self.engine, bitmap, 1 << bit)
        try:
            tree.put(chunk, bitmap, full=False)
        except NoNodeError:
            _set_bits(self.engine, bitmap, 0)
            self.kept = bitmap
            raise
        self._held(bitmap)

    def _add(self, tree: SlotTree, chunk: int, entry: int, bit: int) -> None:
        if is_value(entry) and bit < INLINE:
            tree.put(chunk, entry | 1 << bit << 1, full=False)
            return
        bitmap, bits = entry, 0
        if is_value(entry):
            bitmap, bits = self._bitmap(), entry >> 1
            tree.put(chunk, bitmap, full=False)
            self._held(bitmap)
        else:
            bits = _bits(self.engine, bitmap)
        bits |= 1 << bit
        _set_bits(self.engine, bitmap, bits)
        if bits == (1 << CHUNK) - 1:
            tree.set_mark(chunk, FREE_MARK, on=False)

    def _held(self, bitmap: int) -> None:
        got(self.engine, "kmalloc", bitmap, CHUNK_BYTES, "ida_alloc")


@binds("ida_alloc_range")
def ida_alloc_range(engine: Engine, ida: int, low: int, high: int, flags: int) -> int:
    """Take the lowest free number of a range; safe without a lock of the driver's."""
    if low > INT_MAX:
        return -ENOSPC
    taking = _Taking(engine, ida, low, min(high, INT_MAX))
    number: int | None = None
    while number is None:
        saved = lock_save(engine, ida)
        lacks = 0
        with blamed(engine, "ida_alloc_range"):
            try:
                number = taking.take()
            except NoNodeError:
                lacks = 1
            except _NoBitmapError:
                lacks = 2
        locks.spin_unlock_irqrestore(engine, ida, saved)
        engine.check()
        if lacks == 1:
            taking.spare = cache_node(engine, flags)
            number = None if taking.spare else -ENOMEM
        elif lacks == 2:
            taking.kept = _kzalloc(engine, flags)
            number = None if taking.kept else -ENOMEM
    if taking.kept:
        engine.machine.kmalloc.kfree(taking.kept)
    if taking.spare:
        cache = engine.machine.slub.find(CACHE)
        assert cache is not None
        engine.machine.slub.free(cache, taking.spare)
    return number


@binds("ida_free")
def ida_free(engine: Engine, ida: int, number: int) -> None:
    if number > INT_MAX:
        return
    saved = lock_save(engine, ida)
    with blamed(engine, "ida_free"):
        known = _give(engine, SlotTree(engine, ida, "ida_free"), *divmod(number, CHUNK))
    locks.spin_unlock_irqrestore(engine, ida, saved)
    engine.check()
    if not known:
        message = f"ida_free called for id={number} which is not allocated."
        warn(engine.machine, "lib/idr.c", 525, "ida_free", message)


def _give(engine: Engine, tree: SlotTree, chunk: int, bit: int) -> bool:
    entry = tree.load(chunk)
    if is_value(entry):
        bits = entry >> 1
        if bit >= INLINE or not bits >> bit & 1:
            return False
        bits &= ~(1 << bit)
        if bits:
            tree.put(chunk, bits << 1 | 1, full=False)
        else:
            tree.take_out(chunk)
        return True
    bits = _bits(engine, entry) if entry else 0
    if not bits >> bit & 1:
        return False
    bits &= ~(1 << bit)
    _set_bits(engine, entry, bits)
    tree.set_mark(chunk, FREE_MARK, on=True)
    if not bits:
        _drop_bitmap(engine, entry)
        tree.take_out(chunk)
    return True


@binds("ida_destroy")
def ida_destroy(engine: Engine, ida: int) -> None:
    """Free all numbers and what kept them."""
    saved = lock_save(engine, ida)
    with blamed(engine, "ida_destroy"):
        tree = SlotTree(engine, ida, "ida_destroy")
        tree.destroy(visit=lambda entry: _drop_bitmap(engine, entry))
    locks.spin_unlock_irqrestore(engine, ida, saved)
