"""The tree behind XArray, IDR and IDA: nodes of 64 slots that lie in the simulated memory.

`shift` of a node tells how many bits of an index lie below it; a leaf has 0. An entry that ends in
the bits 10 and is no small number is a node. Where free places are tracked, bit n of a node's first
word of marks says that something is free below slot n. Source for the layout and for which nodes
come and go when: `include/linux/xarray.h` and `lib/xarray.c`, `lib/radix-tree.c` of 6.12.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from kmemquest.driver.devices import world_of
from kmemquest.driver.holdings import gave_back, got
from kmemquest.driver.kernel_structure import load, need_allocators, store

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

CACHE: Final = "radix_tree_node"
NODE_BYTES: Final = 576
BITS: Final = 6
SLOTS: Final = 64
ALL: Final = (1 << SLOTS) - 1
SHIFT, OFFSET, COUNT, VALUES, PARENT, ARRAY, LIST, PLACES, MARKS = 0, 1, 2, 3, 8, 16, 24, 40, 552
"""Offsets in `struct xa_node`."""
FLAGS, HEAD = 4, 8
"""Offsets in `struct xarray`."""
INTERNAL: Final = 2
ZERO: Final = 1030
"""The entry of a place that is taken and reads as NULL."""
RETRY: Final = 1026
"""The entry that tells a reader to look anew."""
MOST_INTERNAL: Final = 4096
TRACK_FREE: Final = 4
ZERO_BUSY: Final = 8
FREE_MARK: Final = 0
NR_MARKS: Final = 3
MARK_SHIFT: Final = 27
"""`__GFP_BITS_SHIFT`: where the marks of the whole tree begin in its flags."""
HIGHEST_SHIFT: Final = 60
LEVEL_COST: Final = 8
"""Nanoseconds per level."""


class NoNodeError(Exception):
    """There was no memory for a node."""


def is_node(entry: int) -> bool:
    """Tell whether an entry is a node of the next level."""
    return entry & 3 == INTERNAL and MOST_INTERNAL < entry < (1 << 64) - MOST_INTERNAL * 4


def is_value(entry: int) -> bool:
    """Tell whether an entry is a number."""
    return bool(entry & 1)


class SlotTree:
    """One call's view of a tree; `new_node` gets memory for a node, or 0.

    `as_idr` keeps an entry at index 0 in a node, where the others have it in the head.
    """

    def __init__(
        self,
        engine: Engine,
        array: int,
        function: str,
        new_node: Callable[[], int] | None = None,
        *,
        as_idr: bool = False,
    ) -> None:
        self.engine, self.array, self.function = engine, array, function
        self._new_node, self._as_idr = new_node, as_idr
        self.flags = load(engine, array + FLAGS, 4)

    # --- reading ------------------------------------------------------------------------------

    @property
    def tracks_free(self) -> bool:
        """Whether the tree knows where it has room."""
        return self._as_idr or bool(self.flags & TRACK_FREE)

    @property
    def head(self) -> int:
        """The entry at the top."""
        return load(self.engine, self.array + HEAD)

    def _slot(self, node: int, offset: int) -> int:
        return load(self.engine, node + PLACES + 8 * offset)

    def _shift(self, node: int) -> int:
        """Return a node's shift; what damage left there is reduced to something that ends."""
        return min(load(self.engine, node + SHIFT, 1), HIGHEST_SHIFT)

    def _marks(self, node: int, mark: int = FREE_MARK) -> int:
        return load(self.engine, node + MARKS + 8 * mark)

    def _top(self) -> tuple[int, int]:
        """Return the top node and its shift; (0, 0) when there is none."""
        entry = self.head
        if not is_node(entry):
            return 0, 0
        node = entry - INTERNAL
        return node, self._shift(node)

    def _walk(self, index: int) -> tuple[int, int, int]:
        """Return (leaf, offset in it, entry); the leaf is 0 for the head or where none leads."""
        node, shift = self._top()
        if not node:
            return 0, 0, self.head if not index else 0
        if index >> (shift + BITS):
            return 0, 0, 0
        while True:
            self.engine.machine.clock.advance(LEVEL_COST)
            offset = index >> shift & SLOTS - 1
            entry = self._slot(node, offset)
            if not shift:
                return node, offset, entry
            if not is_node(entry):
                return 0, 0, 0
            node, shift = entry - INTERNAL, max(shift - BITS, 0)

    def load(self, index: int) -> int:
        """Return an entry, the reserved one too."""
        return self._walk(index)[2]

    def is_free(self, index: int) -> bool:
        """Tell whether a place is marked as free."""
        leaf, offset, entry = self._walk(index)
        return not entry if not leaf else bool(self._marks(leaf) >> offset & 1)

    def following(self, start: int, last: int, mark: int | None = None) -> tuple[int, int] | None:
        """Return the first (index, entry) in a range that reads as something."""
        node, shift = self._top()
        if not node:
            entry = self.head
            shown = entry not in (0, ZERO) and (mark is None or self._root_marked(mark))
            return (0, entry) if shown and not start else None
        for index, entry in self._entries(node, shift, 0, start, mark):
            if index > last:
                return None
            if entry != ZERO:
                return index, entry
        return None

    def _entries(
        self, node: int, shift: int, base: int, start: int, mark: int | None = None
    ) -> Iterator[tuple[int, int]]:
        first = max(start - base, 0) >> shift
        if first >= SLOTS:
            return
        marks = ALL if mark is None else self._marks(node, mark)
        for offset in range(first, SLOTS):
            entry = self._slot(node, offset) if marks >> offset & 1 else 0
            at = base + (offset << shift)
            if shift and is_node(entry):
                yield from self._entries(entry - INTERNAL, max(shift - BITS, 0), at, start, mark)
            elif entry and not shift:
                yield at, entry

    def _root_marked(self, mark: int) -> bool:
        return bool(load(self.engine, self.array + FLAGS, 4) >> (MARK_SHIFT + mark) & 1)

    def first_free(self, start: int, last: int) -> int | None:
        """Return the lowest free index of a range."""
        if self.flags & ZERO_BUSY:
            start = max(start, 1)
        node, shift = self._top()
        if not node:
            found = max(start, 1) if self.head and not self._root_marked(FREE_MARK) else start
        else:
            inside = self._free_below(node, shift, 0, start)
            found = max(SLOTS << shift, start) if inside is None else inside
        return found if found <= last else None

    def _free_below(self, node: int, shift: int, base: int, start: int) -> int | None:
        self.engine.machine.clock.advance(LEVEL_COST)
        first = max(start - base, 0) >> shift
        marks = self._marks(node) >> first << first if first < SLOTS else 0
        while marks:
            offset = (marks & -marks).bit_length() - 1
            at = base + (offset << shift)
            entry = self._slot(node, offset) if shift else 0
            if not is_node(entry):
                return max(at, start)
            found = self._free_below(entry - INTERNAL, max(shift - BITS, 0), at, start)
            if found is not None:
                return found
            marks &= marks - 1
        return None

    # --- writing ------------------------------------------------------------------------------

    def put(self, index: int, entry: int, *, full: bool = True) -> int:
        """Store something and return what was there; raises NoNodeError.

        `full` takes the place; an entry that has room itself leaves it marked as free. Nodes that
        were made before the memory ran out stay.
        """
        leaf, offset = self._make_way(index, entry)
        if not leaf:
            before = self.head
            store(self.engine, self.array + HEAD, entry)
            if self.tracks_free:
                self._mark_root(FREE_MARK, on=not full)
            return before
        before = self._slot(leaf, offset)
        taken = bool(before) or (self._as_idr and not self._marks(leaf) >> offset & 1)
        store(self.engine, leaf + PLACES + 8 * offset, entry)
        self._count(leaf, not taken, is_value(entry) - is_value(before))
        if self.tracks_free:
            self._mark(leaf, offset, FREE_MARK, on=not full)
        return before

    def _make_way(self, index: int, entry: int) -> tuple[int, int]:
        head = self.head
        node, shift = self._top()
        if not head:
            if not index and not self._as_idr and entry != ZERO:
                return 0, 0
            shift = 0
            while index >> (shift + BITS):
                shift += BITS
            node = self._make(shift, 0, 0)
            self._set_head(node)
        else:
            if not node and not index and entry != ZERO:
                return 0, 0
            if not node:
                node = self._grow(head, 0)
                shift = 0
            while index >> (shift + BITS):
                shift += BITS
                node = self._grow(node + INTERNAL, shift)
        while shift:
            offset = index >> shift & SLOTS - 1
            below = self._slot(node, offset)
            shift -= BITS
            if not is_node(below):
                below = self._make(shift, node, offset) + INTERNAL
                store(self.engine, node + PLACES + 8 * offset, below)
                self._count(node, 1, 0)
            node = below - INTERNAL
        return node, index & SLOTS - 1

    def _grow(self, entry: int, shift: int) -> int:
        """Put a new top over the present one."""
        node = self._make(shift, 0, 0)
        store(self.engine, node + PLACES, entry)
        self._count(node, 1, is_value(entry))
        for mark in range(NR_MARKS):
            on = self._root_marked(mark)
            if mark == FREE_MARK and self.tracks_free:
                if is_node(entry):
                    on = bool(self._marks(entry - INTERNAL))
                store(self.engine, node + MARKS, ALL if on else ALL - 1)
                self._mark_root(mark, on=True)
            elif on:
                store(self.engine, node + MARKS + 8 * mark, 1)
        if is_node(entry):
            below = entry - INTERNAL
            store(self.engine, below + OFFSET, 0, 1)
            store(self.engine, below + PARENT, node)
        self._set_head(node)
        return node

    def _set_head(self, node: int) -> None:
        store(self.engine, self.array + HEAD, node + INTERNAL)

    def _make(self, shift: int, parent: int, offset: int) -> int:
        node = self._new_node() if self._new_node is not None else 0
        self.engine.check()
        if not node:
            raise NoNodeError
        got(self.engine, "cache-object", node, NODE_BYTES, self.function)
        for place, value, size in (
            (SHIFT, shift, 1), (OFFSET, offset, 1), (COUNT, 0, 1), (VALUES, 0, 1),
            (PARENT, parent, 8), (ARRAY, self.array, 8), (MARKS, ALL * self.tracks_free, 8),
        ):  # fmt: skip
            store(self.engine, node + place, value, size)
        return node

    def _count(self, node: int, slots: int, values: int) -> None:
        for place, change in ((COUNT, slots), (VALUES, values)):
            if change:
                before = load(self.engine, node + place, 1)
                store(self.engine, node + place, before + change, 1)

    def _mark(self, node: int, offset: int, mark: int, *, on: bool) -> None:
        """Set or clear a mark, and above it what says that there is one below."""
        for _ in range(HIGHEST_SHIFT):
            place = node + MARKS + 8 * mark
            before = load(self.engine, place)
            after = before | 1 << offset if on else before & ~(1 << offset)
            if after == before:
                return
            store(self.engine, place, after)
            if after and not on:
                return
            parent = load(self.engine, node + PARENT)
            if not parent:
                self._mark_root(mark, on=on)
                return
            offset, node = load(self.engine, node + OFFSET, 1) & SLOTS - 1, parent

    def _mark_root(self, mark: int, *, on: bool) -> None:
        bit = 1 << (MARK_SHIFT + mark)
        flags = load(self.engine, self.array + FLAGS, 4)
        store(self.engine, self.array + FLAGS, flags | bit if on else flags & ~bit, 4)

    def set_mark(self, index: int, mark: int, *, on: bool) -> None:
        """Set or clear a mark of an entry; where nothing is, nothing is marked."""
        leaf, offset, entry = self._walk(index)
        if not entry:
            return
        if leaf:
            self._mark(leaf, offset, mark, on=on)
        else:
            self._mark_root(mark, on=on)

    def has_mark(self, index: int, mark: int) -> bool:
        """Tell whether an entry has a mark."""
        leaf, offset, entry = self._walk(index)
        if not entry:
            return False
        return bool(self._marks(leaf, mark) >> offset & 1) if leaf else self._root_marked(mark)

    def take_out(self, index: int) -> int:
        """Empty a place and return what was there; nodes with nothing left in them go."""
        leaf, offset, before = self._walk(index)
        if not leaf:
            if before:
                store(self.engine, self.array + HEAD, 0)
                for mark in range(NR_MARKS):
                    self._mark_root(mark, on=mark == FREE_MARK and self.tracks_free)
            return before
        taken = bool(before) or (self._as_idr and not self._marks(leaf) >> offset & 1)
        if not taken:
            return 0
        store(self.engine, leaf + PLACES + 8 * offset, 0)
        self._count(leaf, -1, -is_value(before))
        for mark in range(NR_MARKS):
            self._mark(leaf, offset, mark, on=mark == FREE_MARK and self.tracks_free)
        self._drop_empty(leaf)
        return before

    def _drop_empty(self, node: int) -> None:
        while not load(self.engine, node + COUNT, 1):
            parent = load(self.engine, node + PARENT)
            offset = load(self.engine, node + OFFSET, 1)
            self._free(node)
            if not parent:
                store(self.engine, self.array + HEAD, 0)
                return
            store(self.engine, parent + PLACES + 8 * (offset & SLOTS - 1), 0)
            self._count(parent, -1, 0)
            node = parent
        if not load(self.engine, node + PARENT):
            self._shrink()

    def _shrink(self) -> None:
        """Take off tops that hold but the lowest part of the indices."""
        node, shift = self._top()
        while node and load(self.engine, node + COUNT, 1) == 1:
            entry = self._slot(node, 0)
            if not entry or is_node(entry) != bool(shift) or (not shift and self._as_idr):
                return
            if not shift and entry == ZERO:
                return
            store(self.engine, self.array + HEAD, entry)
            if self.tracks_free and not self._marks(node) & 1:
                self._mark_root(FREE_MARK, on=False)
            if not is_node(entry):
                store(self.engine, node + PLACES, RETRY)
            self._free(node)
            if not is_node(entry):
                return
            node, shift = entry - INTERNAL, max(shift - BITS, 0)
            store(self.engine, node + PARENT, 0)

    def _free(self, node: int) -> None:
        """Readers may still stand on a node: it goes after a grace period."""
        gave_back(self.engine, node, self.function, "cache-object")
        world_of(self.engine).rcu_callbacks.append((0, node))

    def destroy(self, *, visit: Callable[[int], None] | None = None) -> None:
        """Free every node; what the entries point to is the driver's. `visit` sees each entry."""
        node, shift = self._top()
        if node:
            self._destroy_below(node, shift, visit)
        elif visit is not None and self.head:
            visit(self.head)
        store(self.engine, self.array + HEAD, 0)
        for mark in range(NR_MARKS):
            self._mark_root(mark, on=mark == FREE_MARK and self.tracks_free)

    def _destroy_below(self, node: int, shift: int, visit: Callable[[int], None] | None) -> None:
        for offset in range(SLOTS):
            entry = self._slot(node, offset)
            if shift and is_node(entry):
                self._destroy_below(entry - INTERNAL, max(shift - BITS, 0), visit)
            elif entry and visit is not None:
                visit(entry)
        self._free(node)


def cache_node(engine: Engine, flags: int) -> int:
    """Take an empty node from the cache that the kernel made at boot; 0 on failure."""
    machine = engine.machine
    need_allocators(engine)
    cache = machine.slub.find(CACHE)
    assert cache is not None
    node = machine.slub.alloc(cache, flags)
    engine.check()
    if node:
        # What the cache's constructor makes once, and whoever frees a node leaves behind.
        machine.memory.fill(node, 0, NODE_BYTES)
        machine.memory.mark_written(node, NODE_BYTES)
        machine.memory.poke(node + LIST, (node + LIST).to_bytes(8, "little") * 2)
    return node
