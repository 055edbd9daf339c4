"""`<linux/firmware.h>`: files that the script put below /lib/firmware."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi
from kmemquest.driver.binding import binds
from kmemquest.driver.bindings.buses import _device
from kmemquest.driver.devices import world_of
from kmemquest.driver.holdings import gave_back, got
from kmemquest.driver.printk_format import read_string
from kmemquest.kernel.gfp import GFP_KERNEL

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

ENOENT: Final = 2
ENOMEM: Final = 12
EINVAL: Final = 22
READ_COST: Final = 400_000
"""Nanoseconds to find and read the file."""


@binds("request_firmware")
def request_firmware(engine: Engine, place: int, name: int, dev: int) -> int:
    return _request(engine, place, name, dev, quiet=False)


@binds("firmware_request_nowarn")
def firmware_request_nowarn(engine: Engine, place: int, name: int, dev: int) -> int:
    return _request(engine, place, name, dev, quiet=True)


def _request(engine: Engine, place: int, name: int, dev: int, *, quiet: bool) -> int:
    """Read a file into vmalloc memory (`drivers/base/firmware_loader/main.c`)."""
    machine = engine.machine
    machine.checks.might_sleep("request_firmware", None, "kernel/locking/mutex.c", 585)
    text = read_string(machine, name).decode("utf-8", "replace") if name else ""
    device = _device(engine, dev)
    if not text:
        return -EINVAL
    machine.memory.store(place, 8, 0)
    machine.clock.advance(READ_COST)
    contents = world_of(engine).firmware.get(text)
    if contents is None:
        if not quiet and device is not None:
            who = f"{device.driver_name or device.bus} {device.name}"
            machine.log.print(f"{who}: Direct firmware load for {text} failed with error -2", 4)
        return -ENOENT
    structure = machine.kmalloc.kzalloc(abi.FIRMWARE_SIZE, GFP_KERNEL)
    data = machine.vmalloc.vmalloc(max(len(contents), 1)) if structure else 0
    if not data:
        if structure:
            machine.kmalloc.kfree(structure)
        return -ENOMEM
    machine.memory.store_bytes(data, contents)
    abi.put(machine, structure, abi.FIRMWARE, "size", len(contents))
    abi.put(machine, structure, abi.FIRMWARE, "data", data)
    machine.memory.mark_written(structure, abi.FIRMWARE_SIZE)
    machine.memory.store(place, 8, structure)
    got(engine, "firmware", structure, len(contents), "request_firmware")
    return 0


@binds("release_firmware")
def release_firmware(engine: Engine, structure: int) -> None:
    if not structure:
        return
    machine = engine.machine
    offset, size = abi.FIRMWARE["data"]
    data = machine.memory.load(structure + offset, size)
    machine.vmalloc.vfree(data)
    machine.kmalloc.kfree(structure)
    gave_back(engine, structure, "release_firmware", "firmware")
