"""`<linux/io.h>`: device registers and memory behind them."""

# ruff: noqa: ARG001 - a binding has the parameters of the C function, needed or not

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi
from kmemquest.driver.binding import binds
from kmemquest.driver.bindings.string import fill, memcpy
from kmemquest.driver.devices import Managed, world_of
from kmemquest.driver.holdings import gave_back, got
from kmemquest.kernel.mm.ioremap import WRITE_COMBINING

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

MMIO_COST: Final = 250
"""Nanoseconds of a transaction on the bus: one uncached access, or one combined line."""
COMBINED_LINE: Final = 64
"""Bytes that a write-combining buffer sends in one transaction: a cache line."""
COPY_WIDTH: Final = 4
"""Bytes of one access of memcpy_toio() and memcpy_fromio() (`arch/x86/lib/iomem.c`)."""
SET_WIDTH: Final = 8
"""Bytes of one access of memset_io(), which is memset() on x86."""


@binds("ioremap")
def ioremap(engine: Engine, physical: int, size: int) -> int:
    return got(engine, "ioremap", engine.machine.ioremap.ioremap(physical, size), size, "ioremap")


@binds("ioremap_wc")
def ioremap_wc(engine: Engine, physical: int, size: int) -> int:
    address = engine.machine.ioremap.ioremap_wc(physical, size)
    return got(engine, "ioremap", address, size, "ioremap_wc")


@binds("iounmap")
def iounmap(engine: Engine, address: int) -> None:
    engine.machine.ioremap.iounmap(address)
    gave_back(engine, address, "iounmap", "ioremap")


def managed_ioremap(engine: Engine, dev: int, physical: int, size: int) -> int:
    """Map registers until the driver is unbound."""
    address = engine.machine.ioremap.ioremap(physical, size)
    device = world_of(engine).by_dev.get(dev)
    if address and device is not None:
        unmap = partial(engine.machine.ioremap.iounmap, address)
        device.managed.append(Managed(address, unmap, "devm_ioremap"))
    return address


@binds("devm_ioremap")
def devm_ioremap(engine: Engine, dev: int, physical: int, size: int) -> int:
    return managed_ioremap(engine, dev, physical, size)


@binds("request_mem_region")
def request_mem_region(engine: Engine, start: int, size: int, name: int) -> int:
    address = engine.reserve(abi.RESOURCE_SIZE)
    machine = engine.machine
    for field, value in (("start", start), ("end", start + size - 1), ("name", name)):
        abi.put(machine, address, abi.RESOURCE, field, value)
    return got(engine, "mem-region", address, size, "request_mem_region")


@binds("release_mem_region")
def release_mem_region(engine: Engine, start: int, size: int) -> None:
    ledger = engine.machine.checks.ledger
    for holding in ledger.live():
        if holding.kind == "mem-region" and holding.size == size:
            gave_back(engine, holding.address, "release_mem_region", "mem-region")
            return


def spend_reading(engine: Engine, address: int, size: int, width: int) -> None:
    """Let the time of reading a window pass: no cache helps, whatever kind of mapping it is."""
    remap = engine.machine.ioremap
    if remap.memory_type(address):
        remap.flush_line()
        engine.machine.clock.advance(MMIO_COST * -(-size // width))


def spend_writing(engine: Engine, address: int, size: int, width: int) -> None:
    """Let the time of writing a window pass: each access crosses the bus, or each full line."""
    remap = engine.machine.ioremap
    memory_type = remap.memory_type(address)
    if memory_type == WRITE_COMBINING:
        first, last = address // COMBINED_LINE, (address + size - 1) // COMBINED_LINE
        engine.machine.clock.advance(MMIO_COST * remap.fill_lines(first, last))
    elif memory_type:
        remap.flush_line()
        engine.machine.clock.advance(MMIO_COST * -(-size // width))


def _reader(size: int) -> Callable[..., int]:
    def read(engine: Engine, address: int) -> int:
        spend_reading(engine, address, size, size)
        return engine.machine.memory.load(address, size)

    return read


def _writer(size: int) -> Callable[..., None]:
    def write(engine: Engine, value: int, address: int) -> None:
        spend_writing(engine, address, size, size)
        engine.machine.memory.store(address, size, value)

    return write


for _letter, _size in (("b", 1), ("w", 2), ("l", 4), ("q", 8)):
    binds(f"read{_letter}")(_reader(_size))
    binds(f"write{_letter}")(_writer(_size))


@binds("memset_io")
def memset_io(engine: Engine, address: int, value: int, size: int) -> None:
    if size:
        spend_writing(engine, address, size, SET_WIDTH)
    fill(engine, address, size, bytes([value & 0xFF]))


@binds("memcpy_toio")
def memcpy_toio(engine: Engine, to: int, source: int, size: int) -> None:
    if size:
        spend_writing(engine, to, size, COPY_WIDTH)
    memcpy(engine, to, source, size)


@binds("memcpy_fromio")
def memcpy_fromio(engine: Engine, to: int, source: int, size: int) -> None:
    if size:
        spend_reading(engine, source, size, COPY_WIDTH)
    memcpy(engine, to, source, size)
