"""`<linux/io.h>`: device registers and memory behind them."""

# ruff: noqa: ARG001 - a binding has the parameters of the C function, needed or not

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi
from kmemquest.driver.binding import binds
from kmemquest.driver.bindings.string import fill
from kmemquest.driver.devices import world_of
from kmemquest.driver.holdings import gave_back, got

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

MMIO_COST: Final = 250
"""Nanoseconds of an uncached access across the bus."""


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
        device.managed.append((address, lambda: engine.machine.ioremap.iounmap(address)))
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


def _reader(size: int) -> Callable[..., int]:
    def read(engine: Engine, address: int) -> int:
        engine.machine.clock.advance(MMIO_COST)
        return engine.machine.memory.load(address, size)

    return read


def _writer(size: int) -> Callable[..., None]:
    def write(engine: Engine, value: int, address: int) -> None:
        engine.machine.clock.advance(MMIO_COST)
        engine.machine.memory.store(address, size, value)

    return write


for _letter, _size in (("b", 1), ("w", 2), ("l", 4), ("q", 8)):
    binds(f"read{_letter}")(_reader(_size))
    binds(f"write{_letter}")(_writer(_size))


@binds("memset_io")
def memset_io(engine: Engine, address: int, value: int, size: int) -> None:
    fill(engine, address, size, bytes([value & 0xFF]))
