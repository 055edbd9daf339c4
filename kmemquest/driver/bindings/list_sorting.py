"""`<linux/list_sort.h>`: a stable merge sort of a linked list."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from kmemquest.driver.binding import binds
from kmemquest.driver.devices import signed
from kmemquest.driver.kernel_structure import MOST_HOPS, blamed, load, runs_in_circles, store

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

NEXT, PREV = 0, 8
HOP_COST: Final = 2
"""Nanoseconds per element and pass."""


@binds("list_sort")
def list_sort(engine: Engine, priv: int, head: int, compare: int) -> None:
    """Sort; equal elements keep their order, and only a positive result swaps two."""
    with blamed(engine, "list_sort"):
        items = _members(engine, head)
    if len(items) < 2:
        return
    width = 1
    while width < len(items):
        merged: list[int] = []
        for start in range(0, len(items), 2 * width):
            left = items[start : start + width]
            right = items[start + width : start + 2 * width]
            merged += _merge(engine, priv, left, right, compare)
        items = merged
        width *= 2
        engine.machine.clock.advance(HOP_COST * len(items))
    with blamed(engine, "list_sort"):
        ring = [head, *items, head]
        for before, after in pairwise(ring):
            store(engine, before + NEXT, after)
            store(engine, after + PREV, before)


def _members(engine: Engine, head: int) -> list[int]:
    items = []
    at = load(engine, head + NEXT)
    while at != head:
        items.append(at)
        if len(items) > MOST_HOPS:
            runs_in_circles(engine, "list_sort")
        at = load(engine, at + NEXT)
    return items


def _merge(engine: Engine, priv: int, left: list[int], right: list[int], compare: int) -> list[int]:
    merged = []
    first = second = 0
    while first < len(left) and second < len(right):
        order = signed(engine.call(compare, priv, left[first], right[second]))
        engine.check()
        if order > 0:
            merged.append(right[second])
            second += 1
        else:
            merged.append(left[first])
            first += 1
    return merged + left[first:] + right[second:]
