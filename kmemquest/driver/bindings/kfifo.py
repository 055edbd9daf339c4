"""`<linux/kfifo.h>`: what the macros leave to functions; the ring is in the driver's memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from kmemquest.driver.binding import binds
from kmemquest.driver.bindings.string import memcpy
from kmemquest.driver.bindings.uaccess import copy_from_user, copy_to_user
from kmemquest.driver.holdings import KMALLOC, gave_back, got
from kmemquest.driver.kernel_structure import blamed, load, need_allocators, store
from kmemquest.kernel.check.oops import divide_error_oops

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

EFAULT: Final = 14
ENOMEM: Final = 12
EINVAL: Final = 22
UINT: Final = (1 << 32) - 1
IN, OUT, MASK, ESIZE, DATA = range(0, 20, 4)
"""Offsets in `struct __kfifo`."""

Mover = Callable[["Engine", int, int, int], int]
"""(engine, to, from, bytes) -> bytes that were left."""


def _set_up(engine: Engine, fifo: int, mask: int, esize: int, data: int) -> None:
    for offset, value in ((IN, 0), (OUT, 0), (MASK, mask), (ESIZE, esize)):
        store(engine, fifo + offset, value, 4)
    store(engine, fifo + DATA, data)


@binds("__kfifo_alloc")
def kfifo_alloc(engine: Engine, fifo: int, size: int, esize: int, flags: int) -> int:
    """The next power of two elements, in kmalloc memory."""
    count = 1 << max(size - 1, 0).bit_length()
    if count < 2 or count > UINT:
        _set_up(engine, fifo, 0, esize, 0)
        return -EINVAL
    need_allocators(engine)
    data = engine.machine.kmalloc.kmalloc_array(esize, count, flags)
    got(engine, "kmalloc", data, esize * count, "kfifo_alloc")
    _set_up(engine, fifo, count - 1 if data else 0, esize, data)
    return 0 if data else -ENOMEM


@binds("__kfifo_init")
def kfifo_init(engine: Engine, fifo: int, buffer: int, size: int, esize: int) -> int:
    """The driver's own buffer; what is beyond a power of two stays unused."""
    fits = size // esize if esize else 0
    count = 1 << max(fits.bit_length() - 1, 0)
    _set_up(engine, fifo, count - 1, esize, buffer)
    return 0 if count >= 2 else -EINVAL


@binds("__kfifo_free")
def kfifo_free(engine: Engine, fifo: int) -> None:
    need_allocators(engine)
    data = load(engine, fifo + DATA)
    engine.machine.kmalloc.kfree(data)
    gave_back(engine, data, "kfifo_free", *KMALLOC)
    _set_up(engine, fifo, 0, 0, 0)


class _Ring:
    """The fields of a ring as they are now."""

    def __init__(self, engine: Engine, fifo: int) -> None:
        self.engine, self.fifo = engine, fifo
        self.head, self.tail, self.mask, self.esize = (
            load(engine, fifo + offset, 4) for offset in (IN, OUT, MASK, ESIZE)
        )
        self.data = load(engine, fifo + DATA)

    @property
    def used(self) -> int:
        return (self.head - self.tail) & UINT

    @property
    def free(self) -> int:
        return (self.mask + 1 - self.used) & UINT

    def pieces(self, position: int, count: int) -> list[tuple[int, int]]:
        """Return where `count` elements from a position on lie, as (address, bytes)."""
        start = (position & self.mask) * self.esize
        whole = count * self.esize
        first = min(whole, ((self.mask + 1) & UINT) * self.esize - start)
        return [(self.data + start, first), (self.data, whole - first)]

    def move(self, position: int, count: int, other: int, mover: Mover, *, inward: bool) -> int:
        """Copy elements in or out; return how many bytes were left when it failed."""
        left = count * self.esize
        for address, size in self.pieces(position, count):
            if size:
                missing = mover(
                    self.engine, *((address, other) if inward else (other, address)), size
                )
                self.engine.check()
                left -= size - missing
                other += size
                if missing:
                    break
        return left


def _memcpy(engine: Engine, to: int, source: int, size: int) -> int:
    memcpy(engine, to, source, size)
    return 0


@binds("__kfifo_in")
def kfifo_in(engine: Engine, fifo: int, source: int, count: int) -> int:
    with blamed(engine, "kfifo_copy_in"):
        ring = _Ring(engine, fifo)
        count = min(count, ring.free)
        ring.move(ring.head, count, source, _memcpy, inward=True)
        store(engine, fifo + IN, ring.head + count, 4)
    return count


@binds("__kfifo_out_peek")
def kfifo_out_peek(engine: Engine, fifo: int, to: int, count: int) -> int:
    with blamed(engine, "kfifo_copy_out"):
        ring = _Ring(engine, fifo)
        count = min(count, ring.used)
        ring.move(ring.tail, count, to, _memcpy, inward=False)
    return count


@binds("__kfifo_out")
def kfifo_out(engine: Engine, fifo: int, to: int, count: int) -> int:
    count = kfifo_out_peek(engine, fifo, to, count)
    store(engine, fifo + OUT, load(engine, fifo + OUT, 4) + count, 4)
    return count


def _with_user(
    engine: Engine, fifo: int, other: int, size: int, copied: int, *, inward: bool
) -> int:
    """Copy whole elements; one that came in part only does not count."""
    ring = _Ring(engine, fifo)
    name = "__kfifo_from_user" if inward else "__kfifo_to_user"
    if not ring.esize:
        divide_error_oops(engine.machine, name)
        engine.check()
    count = min(size // ring.esize, ring.free if inward else ring.used)
    position = ring.head if inward else ring.tail
    mover: Mover = copy_from_user if inward else copy_to_user
    left = ring.move(position, count, other, mover, inward=inward)
    lost = -(-left // ring.esize)
    store(engine, copied, (count - lost) * ring.esize, 4)
    store(engine, fifo + (IN if inward else OUT), position + count - lost, 4)
    return -EFAULT if lost else 0


@binds("__kfifo_from_user")
def kfifo_from_user(engine: Engine, fifo: int, source: int, size: int, copied: int) -> int:
    return _with_user(engine, fifo, source, size, copied, inward=True)


@binds("__kfifo_to_user")
def kfifo_to_user(engine: Engine, fifo: int, to: int, size: int, copied: int) -> int:
    return _with_user(engine, fifo, to, size, copied, inward=False)
