"""Character devices: misc, cdev, and the helpers of `<linux/fs.h>`."""

# ruff: noqa: ARG001 - a binding has the parameters of the C function, needed or not

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi
from kmemquest.driver.binding import binds
from kmemquest.driver.bindings.uaccess import bring_in, copy_to_user
from kmemquest.driver.devices import MISC_MAJOR, CharacterDevice, SimDevice, world_of
from kmemquest.driver.holdings import gave_back, got

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

DYNAMIC: Final = 255
EBUSY: Final = 16
EFAULT: Final = 14
EINVAL: Final = 22
ESPIPE: Final = 29
SEEK_SET: Final = 0
SEEK_CUR: Final = 1
SEEK_END: Final = 2
SEEKABLE: Final = 0x4 | 0x8 | 0x10
"""FMODE_LSEEK, FMODE_PREAD and FMODE_PWRITE."""
REGISTER_COST: Final = 9_000
CDEV_BYTES: Final = 104
"""sizeof(struct cdev)."""
MOST_NODES: Final = 256
"""Nodes in /dev that one cdev_add() makes; the numbers beyond work in no script."""


@binds("misc_register")
def misc_register(engine: Engine, misc: int) -> int:
    machine, world = engine.machine, world_of(engine)
    machine.checks.might_sleep("misc_register", None, "kernel/locking/mutex.c", 585)
    machine.clock.advance(REGISTER_COST)
    name = abi.get_text(machine, abi.get(machine, misc, abi.MISCDEVICE, "name"))
    if not name:
        return -EINVAL
    minor = abi.get(machine, misc, abi.MISCDEVICE, "minor")
    taken = {device.minor for device in world.characters.values() if device.misc}
    if name in world.characters or (minor != DYNAMIC and minor in taken):
        return -EBUSY
    if minor == DYNAMIC:
        world.next_minor -= 1
        minor = world.next_minor
        abi.put(machine, misc, abi.MISCDEVICE, "minor", minor)
    operations = abi.get(machine, misc, abi.MISCDEVICE, "fops")
    world.characters[name] = CharacterDevice(name, MISC_MAJOR, minor, operations, misc, misc=True)
    dev = engine.reserve(abi.DEVICE_SIZE)
    world.by_dev[dev] = SimDevice(name, "misc", misc, dev, machine.dma.device(name, "misc"))
    abi.put(machine, misc, abi.MISCDEVICE, "this_device", dev)
    got(engine, "misc-device", misc, 0, "misc_register")
    return 0


@binds("misc_deregister")
def misc_deregister(engine: Engine, misc: int) -> None:
    world = world_of(engine)
    for name, device in list(world.characters.items()):
        if device.owner == misc and device.misc:
            del world.characters[name]
    world.by_dev.pop(abi.get(engine.machine, misc, abi.MISCDEVICE, "this_device"), None)
    gave_back(engine, misc, "misc_deregister", "misc-device")


# --- cdev ---------------------------------------------------------------------------------


@binds("alloc_chrdev_region")
def alloc_chrdev_region(engine: Engine, dev: int, base: int, count: int, name: int) -> int:
    world = world_of(engine)
    major = world.next_major
    world.next_major -= 1
    engine.machine.memory.store(dev, 4, major << 20 | base)
    return region(engine, major, base, count, name)


@binds("register_chrdev_region")
def register_chrdev_region(engine: Engine, first: int, count: int, name: int) -> int:
    return region(engine, first >> 20, first & 0xFFFFF, count, name)


def region(engine: Engine, major: int, minor: int, count: int, name: int) -> int:
    """Take device numbers; 0 or -EBUSY."""
    regions = world_of(engine).regions
    if (major, minor) in regions:
        return -EBUSY
    regions[major, minor] = (count, abi.get_text(engine.machine, name))
    engine.machine.checks.ledger.acquired(
        "chrdev-region", major << 20 | minor, 0, "register_chrdev_region"
    )
    return 0


@binds("unregister_chrdev_region")
def unregister_chrdev_region(engine: Engine, first: int, count: int) -> None:
    world_of(engine).regions.pop((first >> 20, first & 0xFFFFF), None)
    gave_back(engine, first, "unregister_chrdev_region", "chrdev-region")


@binds("cdev_init")
def cdev_init(engine: Engine, cdev: int, operations: int) -> None:
    engine.machine.memory.store_bytes(cdev, bytes(CDEV_BYTES))
    engine.machine.memory.store(cdev + abi.CDEV["ops"][0], 8, operations)


@binds("cdev_add")
def cdev_add(engine: Engine, cdev: int, first: int, count: int) -> int:
    """Make a region's numbers lead to the driver; the node in /dev is named after the region."""
    machine, world = engine.machine, world_of(engine)
    operations = machine.memory.load(cdev + abi.CDEV["ops"][0], 8)
    machine.memory.store(cdev + abi.CDEV["dev"][0], 4, first)
    major, minor = first >> 20, first & 0xFFFFF
    _, name = world.regions.get((major, minor), (0, f"char{major}"))
    for index in range(min(count, MOST_NODES)):
        node = name if count == 1 else f"{name}{index}"
        world.characters[node] = CharacterDevice(
            node, major, minor + index, operations, cdev, misc=False
        )
        for (_, number), (named, _) in world.class_nodes.items():
            if number == first + index:
                world.characters[named] = replace(world.characters[node], name=named)
    got(engine, "cdev", cdev, 0, "cdev_add")
    return 0


@binds("cdev_del")
def cdev_del(engine: Engine, cdev: int) -> None:
    world = world_of(engine)
    for name, device in list(world.characters.items()):
        if device.owner == cdev:
            del world.characters[name]
    gave_back(engine, cdev, "cdev_del", "cdev")
    if cdev in world.allocated_cdevs:
        world.allocated_cdevs.discard(cdev)
        engine.machine.kmalloc.kfree(cdev)


# --- helpers of file operations -----------------------------------------------------------


@binds("simple_read_from_buffer")
def simple_read_from_buffer(
    engine: Engine, to: int, count: int, position: int, source: int, available: int
) -> int:
    memory = engine.machine.memory
    at = memory.load(position, 8)
    if at >= 1 << 63:
        return -EINVAL
    count = min(count, max(available - at, 0))
    if not count:
        return 0
    left = copy_to_user(engine, to, source + at, count)
    if left == count:
        return -EFAULT
    memory.store(position, 8, at + count - left)
    return count - left


@binds("simple_write_to_buffer")
def simple_write_to_buffer(
    engine: Engine, to: int, available: int, position: int, source: int, count: int
) -> int:
    memory = engine.machine.memory
    at = memory.load(position, 8)
    if at >= 1 << 63:
        return -EINVAL
    count = min(count, max(available - at, 0))
    if not count:
        return 0
    left = bring_in(engine, to + at, source, count)
    if left == count:
        return -EFAULT
    memory.store(position, 8, at + count - left)
    return count - left


@binds("noop_llseek")
def noop_llseek(engine: Engine, file: int, offset: int, whence: int) -> int:
    return abi.get(engine.machine, file, abi.FILE, "f_pos")


@binds("no_llseek")
def no_llseek(engine: Engine, file: int, offset: int, whence: int) -> int:
    return -ESPIPE


@binds("default_llseek")
def default_llseek(engine: Engine, file: int, offset: int, whence: int) -> int:
    """Move to anywhere; the end is that of the inode (`fs/read_write.c`)."""
    inode = abi.get(engine.machine, file, abi.FILE, "f_inode")
    end = abi.get(engine.machine, inode, abi.INODE, "i_size") if inode else 0
    return _seek(engine, file, offset, whence, end, limited=False)


@binds("fixed_size_llseek")
def fixed_size_llseek(engine: Engine, file: int, offset: int, whence: int, size: int) -> int:
    return _seek(engine, file, offset, whence, size, limited=True)


def _seek(engine: Engine, file: int, offset: int, whence: int, end: int, *, limited: bool) -> int:
    if whence == SEEK_CUR:
        offset += abi.get(engine.machine, file, abi.FILE, "f_pos")
    elif whence == SEEK_END:
        offset += end
    elif whence != SEEK_SET:
        return -EINVAL
    if offset < 0 or (limited and offset > end):
        return -EINVAL
    abi.put(engine.machine, file, abi.FILE, "f_pos", offset)
    return offset


@binds("nonseekable_open")
def nonseekable_open(engine: Engine, inode: int, file: int) -> int:
    mode = abi.get(engine.machine, file, abi.FILE, "f_mode")
    abi.put(engine.machine, file, abi.FILE, "f_mode", mode & ~SEEKABLE)
    return 0


@binds("poll_wait")
def poll_wait(engine: Engine, file: int, queue: int, table: int) -> None:
    """Note the queue that will wake the program; with no table or no queue nothing happens."""
    if table and queue:
        engine.machine.memory.load(queue, 4)
