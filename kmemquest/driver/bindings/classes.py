"""Device classes and the nodes that they make: `class_create()`, `device_create()`, and kin.

udev makes a node in /dev for each device of a class; the simulator names it at once.
Source: `drivers/base/class.c`, `drivers/base/core.c`, `fs/char_dev.c`.
"""

# ruff: noqa: ARG001 - a binding has the parameters of the C function, needed or not

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi
from kmemquest.driver.binding import Argument, binds
from kmemquest.driver.bindings.files import (
    CDEV_BYTES,
    cdev_add,
    cdev_del,
    region,
    unregister_chrdev_region,
)
from kmemquest.driver.devices import SimDevice, world_of
from kmemquest.driver.holdings import gave_back, got
from kmemquest.driver.printk_format import format_text, read_string
from kmemquest.kernel.gfp import GFP_KERNEL

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

CLASS_BYTES: Final = 96
"""sizeof(struct class)."""
DEVICE_BYTES: Final = 744
"""sizeof(struct device); what matters is that it comes from kmalloc-1k."""
MINORS: Final = 256
"""Minor numbers that register_chrdev() takes."""
EBUSY: Final = 16
EEXIST: Final = 17
ENOMEM: Final = 12


@binds("class_create")
def class_create(engine: Engine, name: int) -> int:
    machine = engine.machine
    machine.checks.might_sleep("class_create", GFP_KERNEL)
    address = machine.kmalloc.kzalloc(CLASS_BYTES, GFP_KERNEL)
    if not address:
        return -ENOMEM
    text = abi.get_text(machine, name)
    if text in world_of(engine).classes.values():
        machine.log.print(f"sysfs: cannot create duplicate filename '/class/{text}'", 4)
        machine.kmalloc.kfree(address)
        return -EEXIST
    world_of(engine).classes[address] = text
    machine.memory.store(address, 8, name)
    return got(engine, "class", address, CLASS_BYTES, "class_create")


@binds("class_destroy")
def class_destroy(engine: Engine, address: int) -> None:
    if address == 0 or address >= (1 << 64) - 4095:
        return
    engine.machine.memory.load(address, 8)
    world_of(engine).classes.pop(address, None)
    gave_back(engine, address, "class_destroy", "class")
    engine.machine.kmalloc.kfree(address)


@binds("device_create", variadic=True)
def device_create(
    engine: Engine,
    of_class: int,
    parent: int,
    number: int,
    data: int,
    template: int,
    arguments: list[Argument],
) -> int:
    machine, world = engine.machine, world_of(engine)
    machine.checks.might_sleep("device_create", GFP_KERNEL)
    machine.memory.load(of_class, 8)
    name = format_text(engine, read_string(machine, template), arguments).decode("latin-1")
    address = machine.kmalloc.kzalloc(DEVICE_BYTES, GFP_KERNEL)
    if not address:
        return -ENOMEM
    world.by_dev[address] = SimDevice(
        name, "class", of_class, address, machine.dma.device(name, "class")
    )
    abi.put(machine, address, abi.DEVICE, "driver_data", data)
    world.class_nodes[of_class, number] = (name, address)
    for device in list(world.characters.values()):
        if not device.misc and device.major << 20 | device.minor == number:
            world.characters[name] = replace(device, name=name)
    return got(engine, "class-device", address, DEVICE_BYTES, "device_create")


@binds("device_destroy")
def device_destroy(engine: Engine, of_class: int, number: int) -> None:
    world = world_of(engine)
    _, address = world.class_nodes.pop((of_class, number), ("", 0))
    if not address:
        return
    world.by_dev.pop(address, None)
    gave_back(engine, address, "device_destroy", "class-device")
    engine.machine.kmalloc.kfree(address)


@binds("get_device")
def get_device(engine: Engine, dev: int) -> int:
    if dev:
        engine.machine.memory.load(dev, 8)
    return dev


@binds("put_device")
def put_device(engine: Engine, dev: int) -> None:
    """Give a reference back; the simulated bus keeps its own until the device is gone."""
    if dev:
        engine.machine.memory.load(dev, 8)


# --- the old way to register ---------------------------------------------------------------


@binds("register_chrdev")
def register_chrdev(engine: Engine, major: int, name: int, operations: int) -> int:
    machine, world = engine.machine, world_of(engine)
    machine.checks.might_sleep("register_chrdev", GFP_KERNEL)
    chosen = major or world.next_major
    if not major:
        world.next_major -= 1
    result = region(engine, chosen, 0, MINORS, name)
    if result:
        return result
    cdev = machine.kmalloc.kzalloc(CDEV_BYTES, GFP_KERNEL)
    if not cdev:
        world.regions.pop((chosen, 0))
        gave_back(engine, chosen << 20, "unregister_chrdev", "chrdev-region")
        return -ENOMEM
    machine.memory.store(cdev + abi.CDEV["ops"][0], 8, operations)
    world.old_majors[chosen] = cdev
    cdev_add(engine, cdev, chosen << 20, 1)
    return 0 if major else chosen


@binds("unregister_chrdev")
def unregister_chrdev(engine: Engine, major: int, name: int) -> None:
    cdev = world_of(engine).old_majors.pop(major, 0)
    if cdev:
        cdev_del(engine, cdev)
        engine.machine.kmalloc.kfree(cdev)
        unregister_chrdev_region(engine, major << 20, MINORS)


@binds("cdev_alloc")
def cdev_alloc(engine: Engine) -> int:
    """Return a cdev that cdev_del() frees (its reference count ends there)."""
    address = engine.machine.kmalloc.kzalloc(CDEV_BYTES, GFP_KERNEL)
    if address:
        world_of(engine).allocated_cdevs.add(address)
    return address
