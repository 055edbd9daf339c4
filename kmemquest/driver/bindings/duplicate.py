"""Copies in fresh memory: kstrdup, kmemdup and their user-space relatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver.binding import binds
from kmemquest.driver.bindings import string as strings
from kmemquest.driver.bindings.uaccess import bring_in, strnlen_user
from kmemquest.driver.holdings import KMALLOC, gave_back, got
from kmemquest.driver.printk_format import read_string
from kmemquest.kernel.gfp import GFP_KERNEL, GFP_USER, NOWARN

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

ENOMEM: Final = 12
EFAULT: Final = 14
EINVAL: Final = 22
SIZE_MAX: Final = (1 << 64) - 1


def _fresh(engine: Engine, data: bytes, flags: int, function: str) -> int:
    address = engine.machine.kmalloc.kmalloc(len(data), flags)
    if address:
        strings.write(engine, address, data)
    return got(engine, "kmalloc", address, len(data), function)


@binds("kstrdup", "kstrdup_const")
def kstrdup(engine: Engine, text: int, flags: int) -> int:
    if not text:
        return 0
    return _fresh(engine, read_string(engine.machine, text) + b"\0", flags, "kstrdup")


@binds("kstrndup", "kmemdup_nul")
def kstrndup(engine: Engine, text: int, limit: int, flags: int) -> int:
    if not text:
        return 0
    data = read_string(engine.machine, text, limit)
    return _fresh(engine, data + b"\0", flags, "kstrndup")


@binds("kfree_const")
def kfree_const(engine: Engine, address: int) -> None:
    engine.machine.kmalloc.kfree(address)
    gave_back(engine, address, "kfree_const", *KMALLOC)


@binds("kmemdup")
@strings.blamed_on("kmemdup_noprof")
def kmemdup(engine: Engine, source: int, size: int, flags: int) -> int:
    address = engine.machine.kmalloc.kmalloc(size, flags)
    if address:
        strings.memcpy(engine, address, source, size)
    return got(engine, "kmalloc", address, size, "kmemdup")


@binds("kmemdup_array")
def kmemdup_array(engine: Engine, source: int, count: int, size: int, flags: int) -> int:
    return kmemdup(engine, source, min(count * size, SIZE_MAX), flags)


@binds("kvmemdup")
@strings.blamed_on("kvmemdup")
def kvmemdup(engine: Engine, source: int, size: int, flags: int) -> int:
    address = engine.machine.vmalloc.kvmalloc(size, flags)
    if address:
        strings.memcpy(engine, address, source, size)
    return got(engine, "kvmalloc", address, size, "kvmemdup")


@binds("memdup_user")
def memdup_user(engine: Engine, source: int, size: int) -> int:
    address = engine.machine.kmalloc.kmalloc(size, GFP_USER | NOWARN)
    return _from_user(engine, address, source, size, "kmalloc", "memdup_user")


@binds("vmemdup_user")
def vmemdup_user(engine: Engine, source: int, size: int) -> int:
    address = engine.machine.vmalloc.kvmalloc(size, GFP_USER)
    return _from_user(engine, address, source, size, "kvmalloc", "vmemdup_user")


def _from_user(
    engine: Engine, address: int, source: int, size: int, kind: str, function: str
) -> int:
    if not address:
        return -ENOMEM
    if bring_in(engine, address, source, size):
        engine.machine.vmalloc.kvfree(address)
        return -EFAULT
    return got(engine, kind, address, size, function)


@binds("memdup_user_nul")
def memdup_user_nul(engine: Engine, source: int, size: int) -> int:
    address = engine.machine.kmalloc.kmalloc(size + 1, GFP_KERNEL)
    if not address:
        return -ENOMEM
    if bring_in(engine, address, source, size):
        engine.machine.kmalloc.kfree(address)
        return -EFAULT
    engine.machine.memory.store(address + size, 1, 0)
    return got(engine, "kmalloc", address, size + 1, "memdup_user_nul")


@binds("strndup_user")
def strndup_user(engine: Engine, source: int, limit: int) -> int:
    length = strnlen_user(engine, source, limit)
    if not length:
        return -EFAULT
    if length > limit:
        return -EINVAL
    result = memdup_user(engine, source, length)
    if result > 0:
        engine.machine.memory.store(result + length - 1, 1, 0)
    return result
