"""`<linux/uaccess.h>`: bytes across the border to user space."""

# ruff: noqa: ARG001 - a binding has the parameters of the C function, needed or not

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver.binding import binds
from kmemquest.driver.bindings.string import spend
from kmemquest.kernel.address import (
    ADDRESS_MASK,
    PAGE_SIZE,
    TASK_SIZE,
    is_direct_map_address,
    is_vmalloc_address,
    pfn_to_virt,
    virt_to_pfn,
)
from kmemquest.kernel.events import CopiedFromUser, CopiedToUser

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

EFAULT: Final = 14
ZERO_SIZE: Final = 16
MIGHT_FAULT: Final = ("include/linux/uaccess.h", 192)
"""Where `_inline_copy_to_user` says that it may fault, and sleep over it."""
MIGHT_FAULT_IN: Final = ("include/linux/uaccess.h", 162)
"""The same of `_inline_copy_from_user`."""


@binds("access_ok")
def access_ok(engine: Engine, address: int, size: int) -> int:
    return size <= TASK_SIZE and address <= TASK_SIZE - size


def mapped(engine: Engine, address: int) -> bool:
    """Tell whether a user address can be accessed, after the page fault it may take."""
    from kmemquest.driver.bindings.mappings import touch_user

    return engine.machine.memory.translate(address) is not None or touch_user(engine, address)


def reachable(engine: Engine, address: int, size: int) -> int:
    """Return how many of `size` user bytes from `address` on are mapped."""
    if not access_ok(engine, address, size):
        return 0
    done = 0
    while done < size and mapped(engine, address + done):
        done += PAGE_SIZE - (address + done) % PAGE_SIZE
    return min(done, size)


@binds("copy_to_user")
def copy_to_user(engine: Engine, to: int, source: int, size: int) -> int:
    """Return how many bytes could not be copied."""
    return _copy_out(engine, to, source, size)


def _copy_out(engine: Engine, to: int, source: int, size: int, *, trusted: bool = False) -> int:
    machine = engine.machine
    machine.checks.might_sleep("copy_to_user", None, *MIGHT_FAULT)
    if not size or (not trusted and _usercopy_refused(engine, source, size, to_user=True)):
        return size
    count = reachable(engine, to, size)
    stale, revealed = machine.memory.count_stale(source, count)
    data = machine.memory.load_bytes(source, size)
    if data is None:
        return size
    machine.memory.poke(to, data[:count])
    spend(engine, count)
    if machine.events.active:
        machine.events.emit(CopiedToUser(to, source, count, stale, revealed, machine.site))
    return size - count


@binds("copy_from_user")
def copy_from_user(engine: Engine, to: int, source: int, size: int) -> int:
    """Return how many bytes could not be copied; those are zeroed in the kernel's buffer."""
    return bring_in(engine, to, source, size)


def bring_in(engine: Engine, to: int, source: int, size: int, *, trusted: bool = False) -> int:
    """Copy user bytes into the kernel (`copy_from_user`).

    Hardened usercopy looks at the kernel's buffer, not where the size is constant (`trusted`).
    """
    machine = engine.machine
    machine.checks.might_sleep("copy_from_user", None, *MIGHT_FAULT_IN)
    if not size or (not trusted and _usercopy_refused(engine, to, size, to_user=False)):
        return size
    count = reachable(engine, source, size)
    data = machine.memory.peek(source, count) + bytes(size - count)
    if not machine.memory.store_bytes(to, data):
        return size
    spend(engine, count)
    if machine.events.active:
        machine.events.emit(CopiedFromUser(to, source, count, machine.site))
    return size - count


def _usercopy_refused(engine: Engine, address: int, size: int, *, to_user: bool) -> bool:
    """Hardened usercopy: a copy that leaves its slab object is a BUG (`mm/usercopy.c`)."""
    machine = engine.machine
    words = _bogus(engine, address, size)
    if words:
        return _abort(engine, *words, size, to_user=to_user)
    slab = machine.slub.slab_of(address) if machine.slab_is_available else None
    if slab is None:
        return False
    index = slab.index_of(address)
    cache = slab.cache
    offset = address - slab.slot(index) if index >= 0 else -1
    allowed = cache.object_size if cache.is_kmalloc or not cache.usersize else cache.usersize
    start = 0 if cache.is_kmalloc else cache.useroffset
    if not cache.is_kmalloc and not cache.usersize:
        allowed = 0
    if offset >= start and offset + size <= start + allowed:
        return False
    return _abort(engine, f"SLUB object '{cache.name}'", offset, size, to_user=to_user)


def _bogus(engine: Engine, address: int, size: int) -> tuple[str, int] | None:
    """Look for a range that no object can have (`check_bogus_address`, `check_stack_object`, …).

    Returns what the range is said to be and the offset, None when it is not that bad.
    """
    machine = engine.machine
    if address <= ZERO_SIZE:
        return "null address", address
    low, high = engine.stack_bounds
    if address < high and address + size > low and not low <= address <= high - size:
        return "process stack", (engine.stack_pointer - address) & ADDRESS_MASK
    if is_vmalloc_address(address) and not low <= address < high:
        area = machine.vmalloc.space.find(address)
        if area is None:
            return "vmalloc 'no area'", 0
        if address + size > area.start + PAGE_SIZE * (len(area.pfns) + 1):
            return "vmalloc", address - area.start
    if is_direct_map_address(address) and machine.phase == "running":
        frames = machine.pages.frames
        head = frames.compound_head(virt_to_pfn(address))
        order = frames.compound_order(head)
        offset = address - pfn_to_virt(head)
        if order and not frames.is_slab(head) and size > (PAGE_SIZE << order) - offset:
            return "page alloc", offset
    return None


def _abort(engine: Engine, words: str, offset: int, size: int, *, to_user: bool) -> bool:
    from kmemquest.kernel.check.oops import bug

    machine = engine.machine
    action = "exposure" if to_user else "overwrite"
    way = "from" if to_user else "to"
    machine.log.print(
        f"usercopy: Kernel memory {action} attempt detected {way} {words} "
        f"(offset {offset}, size {size})!",
        0,
    )
    bug(machine, "mm/usercopy.c", 102, "usercopy_abort", kind="usercopy")
    return True


@binds("__kmq_checked_copy_to_user")
def checked_copy_to_user(
    engine: Engine, to: int, source: int, size: int, room: int, fixed: int
) -> int:
    if _too_long(engine, size, room):
        return size
    return _copy_out(engine, to, source, size, trusted=bool(fixed))


@binds("__kmq_checked_copy_from_user")
def checked_copy_from_user(
    engine: Engine, to: int, source: int, size: int, room: int, fixed: int
) -> int:
    if _too_long(engine, size, room):
        return size
    return bring_in(engine, to, source, size, trusted=bool(fixed))


def _too_long(engine: Engine, size: int, room: int) -> bool:
    """Refuse a copy longer than the object that the compiler knows of (`__copy_overflow`)."""
    if size <= room:
        return False
    from kmemquest.kernel.check.oops import warn

    message = f"Buffer overflow detected ({room} < {size})!"
    warn(engine.machine, "mm/maccess.c", 234, "__copy_overflow", message, kind="copy-overflow")
    return True


@binds("clear_user")
def clear_user(engine: Engine, to: int, size: int) -> int:
    machine = engine.machine
    machine.checks.might_sleep("clear_user", None, *MIGHT_FAULT)
    count = reachable(engine, to, size)
    machine.memory.poke(to, bytes(count))
    spend(engine, count)
    return size - count


@binds("strncpy_from_user")
def strncpy_from_user(engine: Engine, to: int, source: int, limit: int) -> int:
    machine = engine.machine
    machine.checks.might_sleep("strncpy_from_user", None, *MIGHT_FAULT)
    if limit <= 0:
        return 0
    count = reachable(engine, source, limit)
    text = machine.memory.peek(source, count)
    end = text.find(b"\0")
    if end < 0 and count < limit:
        return -EFAULT
    data = text[: end + 1] if end >= 0 else text
    machine.memory.store_bytes(to, data)
    return end if end >= 0 else count


@binds("strnlen_user")
def strnlen_user(engine: Engine, text: int, limit: int) -> int:
    count = reachable(engine, text, limit)
    end = engine.machine.memory.peek(text, count).find(b"\0")
    if end >= 0:
        return end + 1
    return limit + 1 if count == limit else 0
