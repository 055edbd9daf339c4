"""`<linux/idr.h>`: numbers for objects, in a tree of nodes that the user locks.

Source: `lib/idr.c` and `lib/radix-tree.c` of 6.12. An IDR asks for its nodes with the caller's
flags at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from kmemquest.driver.binding import binds
from kmemquest.driver.devices import signed, world_of
from kmemquest.driver.kernel_structure import blamed, load, store
from kmemquest.driver.slot_tree import (
    FLAGS,
    PARENT,
    TRACK_FREE,
    NoNodeError,
    SlotTree,
    cache_node,
)
from kmemquest.kernel.check.oops import warn_once
from kmemquest.kernel.gfp import DIRECT_RECLAIM, NOWARN

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

EINVAL: Final = 22
ENOENT: Final = 2
ENOMEM: Final = 12
ENOSPC: Final = 28
INT_MAX: Final = (1 << 31) - 1
ULONG: Final = (1 << 64) - 1
BASE, NEXT = 16, 20
"""Offsets in `struct idr`."""
PRELOAD: Final = 11
"""The most nodes that one number can need, less the top (`IDR_PRELOAD_SIZE`)."""
KEPT: Final = "radix_tree_preloads"
KEPT_NODES: Final = "radix_tree_preloads.nodes"


def _idr(
    engine: Engine, idr: int, function: str, new_node: Callable[[], int] | None = None
) -> SlotTree:
    return SlotTree(engine, idr, function, new_node, as_idr=True)


@binds("idr_preload")
def idr_preload(engine: Engine, flags: int) -> None:
    """Fill the CPU's own store of nodes; from here to idr_preload_end() nothing sleeps."""
    known = world_of(engine).singletons
    while known.get(KEPT, 0) < PRELOAD:
        node = cache_node(engine, flags)
        if not node:
            break
        store(engine, node + PARENT, known.get(KEPT_NODES, 0))
        known[KEPT_NODES], known[KEPT] = node, known.get(KEPT, 0) + 1
    engine.machine.context.preempt_depth += 1


def _preloaded(engine: Engine) -> int:
    known = world_of(engine).singletons
    node = known.get(KEPT_NODES, 0)
    if node:
        known[KEPT_NODES], known[KEPT] = load(engine, node + PARENT), known[KEPT] - 1
    return node


def _idr_node(engine: Engine, flags: int) -> int:
    """Get a node; who must not sleep and is in no interrupt may use what was laid by."""
    if flags & DIRECT_RECLAIM or engine.machine.context.in_interrupt:
        return cache_node(engine, flags)
    return cache_node(engine, flags | NOWARN) or _preloaded(engine)


def _number(
    engine: Engine, idr: int, pointer: int, start: int, last: int, flags: int, function: str
) -> int:
    """Take the lowest free number of a range, or tell of an error."""
    kind = load(engine, idr + FLAGS, 4)
    if not kind & TRACK_FREE:
        machine = engine.machine
        warn_once(machine, "idr_alloc_u32", "lib/idr.c", 40, "idr_alloc_u32", kind="warning")
        store(engine, idr + FLAGS, kind | TRACK_FREE | 1 << 27, 4)
    base = load(engine, idr + BASE, 4)
    with blamed(engine, "idr_get_free"):
        tree = _idr(engine, idr, function, lambda: _idr_node(engine, flags))
        found = tree.first_free(max(start - base, 0), last - base)
        if found is None:
            return -ENOSPC
        try:
            tree.put(found, pointer)
        except NoNodeError:
            return -ENOMEM
    return found + base


def _last(end: int) -> int:
    return end - 1 if end > 0 else INT_MAX


@binds("idr_alloc")
def idr_alloc(engine: Engine, idr: int, pointer: int, start: int, end: int, flags: int) -> int:
    if start < 0:
        warn_once(engine.machine, "idr_alloc", "lib/idr.c", 84, "idr_alloc", kind="warning")
        return -EINVAL
    return _number(engine, idr, pointer, start, _last(end), flags, "idr_alloc")


@binds("idr_alloc_u32")
def idr_alloc_u32(engine: Engine, idr: int, pointer: int, place: int, last: int, flags: int) -> int:
    start = load(engine, place, 4)
    number = _number(engine, idr, pointer, start, last, flags, "idr_alloc_u32")
    if number < 0:
        return number
    store(engine, place, number, 4)
    return 0


@binds("idr_alloc_cyclic")
def idr_alloc_cyclic(
    engine: Engine, idr: int, pointer: int, start: int, end: int, flags: int
) -> int:
    following = load(engine, idr + NEXT, 4)
    first = max(signed(following), start)
    number = _number(engine, idr, pointer, first, _last(end), flags, "idr_alloc_cyclic")
    if number == -ENOSPC and first > start:
        number = _number(engine, idr, pointer, start, _last(end), flags, "idr_alloc_cyclic")
    if number >= 0:
        store(engine, idr + NEXT, number + 1, 4)
    return number


@binds("__kmq_idr_remove")
def idr_remove(engine: Engine, idr: int, number: int) -> int:
    with blamed(engine, "radix_tree_delete_item"):
        index = (number - load(engine, idr + BASE, 4)) & ULONG
        return _idr(engine, idr, "idr_remove").take_out(index)


@binds("idr_find")
def idr_find(engine: Engine, idr: int, number: int) -> int:
    with blamed(engine, "idr_find"):
        index = (number - load(engine, idr + BASE, 4)) & ULONG
        return _idr(engine, idr, "idr_find").load(index)


def _next_number(engine: Engine, idr: int, start: int) -> tuple[int, int] | None:
    with blamed(engine, "idr_get_next_ul"):
        base = load(engine, idr + BASE, 4)
        found = _idr(engine, idr, "idr_get_next").following(max(start - base, 0), ULONG)
    return (found[0] + base, found[1]) if found is not None else None


@binds("idr_get_next_ul")
def idr_get_next_ul(engine: Engine, idr: int, place: int) -> int:
    found = _next_number(engine, idr, load(engine, place))
    if found is None:
        return 0
    store(engine, place, found[0])
    return found[1]


@binds("idr_get_next")
def idr_get_next(engine: Engine, idr: int, place: int) -> int:
    found = _next_number(engine, idr, load(engine, place, 4))
    if found is None or found[0] > INT_MAX:
        return 0
    store(engine, place, found[0], 4)
    return found[1]


@binds("idr_for_each")
def idr_for_each(engine: Engine, idr: int, function: int, data: int) -> int:
    """Call a function for each pointer, until it returns something."""
    start = 0
    while (found := _next_number(engine, idr, start)) is not None and found[0] <= INT_MAX:
        result = engine.call(function, *found, data)
        engine.check()
        if result:
            return signed(result)
        start = found[0] + 1
    return 0


@binds("idr_replace")
def idr_replace(engine: Engine, idr: int, pointer: int, number: int) -> int:
    with blamed(engine, "idr_replace"):
        index = (number - load(engine, idr + BASE, 4)) & ULONG
        tree = _idr(engine, idr, "idr_replace")
        if tree.is_free(index):
            return -ENOENT & ULONG
        return tree.put(index, pointer)


@binds("idr_destroy")
def idr_destroy(engine: Engine, idr: int) -> None:
    """Free the nodes; the objects behind the numbers are the driver's."""
    with blamed(engine, "idr_destroy"):
        _idr(engine, idr, "idr_destroy").destroy()
