"""`<linux/sort.h>` and `<linux/swiotlb.h>`."""

from __future__ import annotations

from functools import cmp_to_key
from typing import TYPE_CHECKING

from kmemquest.driver.binding import binds
from kmemquest.driver.bindings.dma import find_device
from kmemquest.driver.bindings.string import read, spend, write
from kmemquest.driver.devices import signed

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine


@binds("sort")
def sort(engine: Engine, base: int, count: int, size: int, compare: int, swap: int) -> None:
    """Sort in place; a custom swap function is not needed, elements are moved as bytes."""
    del swap
    data = read(engine, base, count * size)
    if data is None or not size:
        return
    pair = engine.reserve(2 * size)

    def ordered(left: bytes, right: bytes) -> int:
        engine.machine.memory.poke(pair, left + right)
        return signed(engine.call(compare, pair, pair + size))

    items = [data[start : start + size] for start in range(0, count * size, size)]
    items.sort(key=cmp_to_key(ordered))
    write(engine, base, b"".join(items))
    spend(engine, count * size)


@binds("is_swiotlb_active")
def is_swiotlb_active(engine: Engine, dev: int) -> int:
    return find_device(engine, dev) is not None and engine.machine.dma.swiotlb is not None


@binds("swiotlb_max_mapping_size")
def swiotlb_max_mapping_size(engine: Engine, dev: int) -> int:
    """A mapping fits into one segment of 128 slots, less what a min_align_mask takes."""
    device = find_device(engine, dev)
    if device is None:
        return 0
    mask = device.min_align_mask
    return (128 << 11) - (-(-mask // 2048) * 2048 if mask else 0)


@binds("default_swiotlb_base")
def default_swiotlb_base(engine: Engine) -> int:
    pool = engine.machine.dma.swiotlb
    return 0 if pool is None else pool.start


@binds("default_swiotlb_limit")
def default_swiotlb_limit(engine: Engine) -> int:
    pool = engine.machine.dma.swiotlb
    return 0 if pool is None else pool.end - 1
