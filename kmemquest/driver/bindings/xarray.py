"""`<linux/xarray.h>`: sparse arrays with a lock of their own.

Source: `lib/xarray.c` of 6.12. An XArray first tries to get a node under its lock, without
sleeping, and only then lets go of the lock and asks with the caller's flags.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from kmemquest.driver.binding import binds
from kmemquest.driver.bindings import locks
from kmemquest.driver.devices import kernel_string
from kmemquest.driver.kernel_structure import blamed, load, store
from kmemquest.driver.slot_tree import (
    CACHE,
    FLAGS,
    RETRY,
    TRACK_FREE,
    ZERO,
    NoNodeError,
    SlotTree,
    cache_node,
)
from kmemquest.kernel.check.oops import warn_once
from kmemquest.kernel.gfp import DIRECT_RECLAIM, GFP_NOWAIT

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

EBUSY: Final = 16
EINVAL: Final = 22
ENOMEM: Final = 12
UINT: Final = (1 << 32) - 1
ULONG: Final = (1 << 64) - 1
LOCK_IRQ, LOCK_BH, WRAPPED = 1, 2, 16
"""Flags of an array: how its lock is taken, and whether its numbers began anew."""
HELD, PLAIN, SOFT, HARD = map(ord, "hpbi")
PRESENT: Final = 8


def _error(number: int) -> int:
    """An error as an entry (`XA_ERROR`)."""
    return (-number << 2 | 2) & ULONG


def _shown(entry: int) -> int:
    return 0 if entry == ZERO else entry


# --- the lock of an array -----------------------------------------------------------------


def _lock(engine: Engine, array: int, how: int) -> None:
    if how != HELD:
        take = {PLAIN: locks.spin_lock, SOFT: locks.spin_lock_bh, HARD: locks.spin_lock_irq}[how]
        take(engine, array, kernel_string(engine, "&xa->xa_lock"))
        engine.check()


def _unlock(engine: Engine, array: int, how: int) -> None:
    if how != HELD:
        {PLAIN: locks.spin_unlock, SOFT: locks.spin_unlock_bh, HARD: locks.spin_unlock_irq}[how](
            engine, array
        )
        engine.check()


def _may_alloc(engine: Engine, flags: int, how: int) -> None:
    """The inline functions look at the flags before they take the lock."""
    if how != HELD:
        engine.machine.checks.might_sleep("might_alloc", flags)
        engine.check()


def _node_beside_the_lock(engine: Engine, array: int, flags: int) -> int:
    """Get a node with the caller's flags; the lock is let go if they allow to sleep."""
    if not flags & DIRECT_RECLAIM:
        return cache_node(engine, flags)
    kind = load(engine, array + FLAGS, 4)
    how = HARD if kind & LOCK_IRQ else SOFT if kind & LOCK_BH else PLAIN
    _unlock(engine, array, how)
    node = cache_node(engine, flags)
    _lock(engine, array, how)
    return node


def _changing(
    engine: Engine, array: int, flags: int, how: int, function: str, body: Callable[[SlotTree], int]
) -> int | None:
    """Run `body` on the tree under the lock, again after each node it lacked; None without one."""
    spare = [0]

    def new_node() -> int:
        node, spare[0] = spare[0], 0
        return node or cache_node(engine, GFP_NOWAIT)

    _lock(engine, array, how)
    result: int | None = None
    with blamed(engine, "xas_store"):
        while True:
            try:
                result = body(SlotTree(engine, array, function, new_node))
                break
            except NoNodeError:
                spare[0] = _node_beside_the_lock(engine, array, flags)
                if not spare[0]:
                    break
    if spare[0]:
        cache = engine.machine.slub.find(CACHE)
        assert cache is not None
        engine.machine.slub.free(cache, spare[0])
    _unlock(engine, array, how)
    return result


def _refused(engine: Engine, entry: int, function: str) -> bool:
    """Entries of the array's own matter are not for users."""
    if entry & 3 != 2 or entry > RETRY:
        return False
    key = f"xarray entry {function}"
    warn_once(engine.machine, key, "lib/xarray.c", 1593, function, kind="warning")
    return True


# --- arrays -------------------------------------------------------------------------------


@binds("__kmq_xa_store")
def xa_store(engine: Engine, array: int, index: int, entry: int, flags: int, how: int) -> int:
    """NULL empties a place; where free places are tracked, it only reserves it."""
    if how in (SOFT, HARD):
        _may_alloc(engine, flags, how)
    if _refused(engine, entry, "__xa_store"):
        return _error(-EINVAL)

    def body(tree: SlotTree) -> int:
        wanted = ZERO if not entry and tree.tracks_free else entry
        return tree.put(index, wanted) if wanted else tree.take_out(index)

    before = _changing(engine, array, flags, how, "xa_store", body)
    return _error(-ENOMEM) if before is None else _shown(before)


@binds("__kmq_xa_cmpxchg")
def xa_cmpxchg(
    engine: Engine, array: int, index: int, old: int, entry: int, flags: int, how: int
) -> int:
    _may_alloc(engine, flags, how)
    if _refused(engine, entry, "__xa_cmpxchg"):
        return _error(-EINVAL)

    def body(tree: SlotTree) -> int:
        before = tree.load(index)
        if before == old:
            if entry:
                tree.put(index, entry)
            else:
                tree.take_out(index)
        return before

    before = _changing(engine, array, flags, how, "xa_cmpxchg", body)
    return _error(-ENOMEM) if before is None else _shown(before)


@binds("__kmq_xa_erase")
def xa_erase(engine: Engine, array: int, index: int, how: int) -> int:
    before = _changing(engine, array, 0, how, "xa_erase", lambda tree: tree.take_out(index))
    return _shown(before or 0)


@binds("__kmq_xa_insert")
def xa_insert(engine: Engine, array: int, index: int, entry: int, flags: int, how: int) -> int:
    _may_alloc(engine, flags, how)
    if _refused(engine, entry, "__xa_insert"):
        return -EINVAL

    def body(tree: SlotTree) -> int:
        if tree.load(index):
            return -EBUSY
        tree.put(index, entry or ZERO)
        return 0

    result = _changing(engine, array, flags, how, "xa_insert", body)
    return -ENOMEM if result is None else result


def _alloc(
    engine: Engine,
    array: int,
    place: int,
    entry: int,
    limits: tuple[int, int],
    flags: int,
    how: int,
    function: str,
) -> int:
    if _refused(engine, entry, "__xa_alloc"):
        return -EINVAL
    if not load(engine, array + FLAGS, 4) & TRACK_FREE:
        machine = engine.machine
        warn_once(machine, "xa_alloc", "lib/xarray.c", 1843, "__xa_alloc", kind="warning")
        return -EINVAL

    def body(tree: SlotTree) -> int:
        found = tree.first_free(*limits)
        if found is None:
            return -EBUSY
        store(engine, place, found, 4)
        tree.put(found, entry or ZERO)
        return 0

    result = _changing(engine, array, flags, how, function, body)
    return -ENOMEM if result is None else result


@binds("__kmq_xa_alloc")
def xa_alloc(
    engine: Engine, array: int, place: int, entry: int, low: int, high: int, flags: int, how: int
) -> int:
    _may_alloc(engine, flags, how)
    return _alloc(engine, array, place, entry, (low, high), flags, how, "xa_alloc")


@binds("__kmq_xa_alloc_cyclic")
def xa_alloc_cyclic(
    engine: Engine,
    array: int,
    place: int,
    entry: int,
    low: int,
    high: int,
    following: int,
    flags: int,
    how: int,
) -> int:
    """Go on behind the last number; 1 tells that it began anew."""
    _may_alloc(engine, flags, how)
    function = "xa_alloc_cyclic"
    start = max(low, load(engine, following, 4))
    result = _alloc(engine, array, place, entry, (start, high), flags, how, function)
    kind = load(engine, array + FLAGS, 4)
    if kind & WRAPPED and not result:
        store(engine, array + FLAGS, kind & ~WRAPPED, 4)
        result = 1
    if result < 0 and start > low:
        result = _alloc(engine, array, place, entry, (low, high), flags, how, function)
        result = result or 1
    if result >= 0:
        after = (load(engine, place, 4) + 1) & UINT
        store(engine, following, after, 4)
        if not after:
            store(engine, array + FLAGS, load(engine, array + FLAGS, 4) | WRAPPED, 4)
    return result


@binds("xa_load")
def xa_load(engine: Engine, array: int, index: int) -> int:
    with blamed(engine, "xa_load"):
        return _shown(SlotTree(engine, array, "xa_load").load(index))


def _find(engine: Engine, array: int, place: int, start: int, last: int, mark: int) -> int:
    tree = SlotTree(engine, array, "xa_find")
    found = tree.following(start, last, None if mark == PRESENT else mark)
    if found is None:
        return 0
    store(engine, place, found[0])
    return found[1]


@binds("xa_find")
def xa_find(engine: Engine, array: int, place: int, last: int, mark: int) -> int:
    with blamed(engine, "xa_find"):
        return _find(engine, array, place, load(engine, place), last, mark)


@binds("xa_find_after")
def xa_find_after(engine: Engine, array: int, place: int, last: int, mark: int) -> int:
    with blamed(engine, "xa_find_after"):
        start = load(engine, place) + 1
        return _find(engine, array, place, start, last, mark) if start <= ULONG else 0


@binds("xa_get_mark")
def xa_get_mark(engine: Engine, array: int, index: int, mark: int) -> int:
    with blamed(engine, "xa_get_mark"):
        return SlotTree(engine, array, "xa_get_mark").has_mark(index, mark)


@binds("xa_set_mark")
def xa_set_mark(engine: Engine, array: int, index: int, mark: int) -> None:
    _change_mark(engine, array, index, mark, on=True)


@binds("xa_clear_mark")
def xa_clear_mark(engine: Engine, array: int, index: int, mark: int) -> None:
    _change_mark(engine, array, index, mark, on=False)


def _change_mark(engine: Engine, array: int, index: int, mark: int, *, on: bool) -> None:
    _lock(engine, array, PLAIN)
    with blamed(engine, "xas_set_mark" if on else "xas_clear_mark"):
        SlotTree(engine, array, "xa_set_mark").set_mark(index, mark, on=on)
    _unlock(engine, array, PLAIN)


def lock_save(engine: Engine, array: int) -> int:
    flags = locks.spin_lock_irqsave(engine, array, kernel_string(engine, "&xa->xa_lock"))
    engine.check()
    return flags


@binds("xa_destroy")
def xa_destroy(engine: Engine, array: int) -> None:
    """Free the nodes; the array may be used again."""
    flags = lock_save(engine, array)
    with blamed(engine, "xa_destroy"):
        SlotTree(engine, array, "xa_destroy").destroy()
    locks.spin_unlock_irqrestore(engine, array, flags)
