"""`<linux/bitops.h>` and `<linux/bitmap.h>`: bits in arrays of unsigned long."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kmemquest.driver.binding import binds
from kmemquest.driver.holdings import KMALLOC, gave_back, got
from kmemquest.kernel.gfp import ZERO

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine


def _change(engine: Engine, number: int, address: int, to: Callable[[int, int], int]) -> int:
    """Change one bit of the word it lies in; return what it was."""
    memory = engine.machine.memory
    word = address + 8 * (number >> 6)
    bit = 1 << (number & 63)
    before = memory.load(word, 8)
    memory.store(word, 8, to(before, bit))
    return bool(before & bit)


def _with(word: int, bit: int) -> int:
    return word | bit


def _without(word: int, bit: int) -> int:
    return word & ~bit


@binds("set_bit", "__set_bit")
def set_bit(engine: Engine, number: int, address: int) -> None:
    _change(engine, number, address, _with)


@binds("clear_bit", "__clear_bit")
def clear_bit(engine: Engine, number: int, address: int) -> None:
    _change(engine, number, address, _without)


@binds("change_bit")
def change_bit(engine: Engine, number: int, address: int) -> None:
    _change(engine, number, address, int.__xor__)


@binds("test_bit")
def test_bit(engine: Engine, number: int, address: int) -> int:
    return engine.machine.memory.load(address + 8 * (number >> 6), 8) >> (number & 63) & 1


@binds("test_and_set_bit")
def test_and_set_bit(engine: Engine, number: int, address: int) -> int:
    return _change(engine, number, address, _with)


@binds("test_and_clear_bit")
def test_and_clear_bit(engine: Engine, number: int, address: int) -> int:
    return _change(engine, number, address, _without)


def _load(engine: Engine, address: int, bits: int) -> int:
    size = -(-bits // 64) * 8
    data = engine.machine.memory.load_bytes(address, size) if size else b""
    return int.from_bytes(data or b"", "little") & ((1 << bits) - 1)


def _find(value: int, bits: int, start: int) -> int:
    rest = value >> start << start
    return min((rest & -rest).bit_length() - 1, bits) if rest else bits


@binds("find_first_bit")
def find_first_bit(engine: Engine, address: int, bits: int) -> int:
    return _find(_load(engine, address, bits), bits, 0)


@binds("find_next_bit")
def find_next_bit(engine: Engine, address: int, bits: int, start: int) -> int:
    return _find(_load(engine, address, bits), bits, min(start, bits))


@binds("find_first_zero_bit")
def find_first_zero_bit(engine: Engine, address: int, bits: int) -> int:
    return find_next_zero_bit(engine, address, bits, 0)


@binds("find_next_zero_bit")
def find_next_zero_bit(engine: Engine, address: int, bits: int, start: int) -> int:
    free = ~_load(engine, address, bits) & ((1 << bits) - 1)
    return _find(free, bits, min(start, bits))


def _store(engine: Engine, address: int, bits: int, value: int) -> None:
    size = -(-bits // 64) * 8
    if size:
        engine.machine.memory.store_bytes(address, value.to_bytes(size, "little"))


@binds("bitmap_zero")
def bitmap_zero(engine: Engine, address: int, bits: int) -> None:
    _store(engine, address, bits, 0)


@binds("bitmap_fill")
def bitmap_fill(engine: Engine, address: int, bits: int) -> None:
    size = -(-bits // 64) * 64
    _store(engine, address, bits, (1 << size) - 1)


@binds("bitmap_set")
def bitmap_set(engine: Engine, address: int, start: int, count: int) -> None:
    _mark(engine, address, start, count, on=True)


@binds("bitmap_clear")
def bitmap_clear(engine: Engine, address: int, start: int, count: int) -> None:
    _mark(engine, address, start, count, on=False)


def _mark(engine: Engine, address: int, start: int, count: int, *, on: bool) -> None:
    bits = start + count
    value = _load(engine, address, -(-bits // 64) * 64)
    mask = ((1 << count) - 1) << start
    _store(engine, address, bits, value | mask if on else value & ~mask)


@binds("bitmap_weight")
def bitmap_weight(engine: Engine, address: int, bits: int) -> int:
    return _load(engine, address, bits).bit_count()


@binds("bitmap_alloc")
def bitmap_alloc(engine: Engine, bits: int, flags: int) -> int:
    return _alloc(engine, bits, flags, "bitmap_alloc")


@binds("bitmap_zalloc")
def bitmap_zalloc(engine: Engine, bits: int, flags: int) -> int:
    return _alloc(engine, bits, flags | ZERO, "bitmap_zalloc")


def _alloc(engine: Engine, bits: int, flags: int, function: str) -> int:
    size = -(-bits // 64) * 8
    return got(engine, "kmalloc", engine.machine.kmalloc.kmalloc(size, flags), size, function)


@binds("bitmap_free")
def bitmap_free(engine: Engine, address: int) -> None:
    engine.machine.kmalloc.kfree(address)
    gave_back(engine, address, "bitmap_free", *KMALLOC)
