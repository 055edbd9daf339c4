"""`<linux/rbtree.h>`: keeping the trees balanced. Nodes lie in the driver's structures.

A node is red or black; no red node has a red child, and every way from the root down meets equally
many black nodes. So no way is more than twice as long as another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver.binding import binds
from kmemquest.driver.kernel_structure import blamed, load, runs_in_circles, store

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

UP, RIGHT, LEFT = 0, 8, 16
"""Offsets in `struct rb_node`: parent with colour, children."""
BLACK: Final = 1
FLAGS: Final = 3
"""Bits beside the parent."""
DEEPEST: Final = 256
"""No tree of so many nodes fits into memory."""
STEP_COST: Final = 6
"""Nanoseconds per node that is looked at."""


class _Tree:
    """One call's view of a tree."""

    def __init__(self, engine: Engine, root: int, function: str) -> None:
        self.engine, self.root, self.function = engine, root, function
        self._hops = 0

    def hop(self) -> None:
        """Count a step; no healthy tree needs many."""
        self._hops += 1
        self.engine.machine.clock.advance(STEP_COST)
        if self._hops > DEEPEST:
            runs_in_circles(self.engine, self.function)

    def child(self, node: int, side: int) -> int:
        return load(self.engine, node + side)

    def parent(self, node: int) -> int:
        return load(self.engine, node + UP) & ~FLAGS

    def is_red(self, node: int) -> bool:
        """Leaves are black, and they are no nodes."""
        return bool(node) and not load(self.engine, node + UP) & BLACK

    def set_child(self, node: int, side: int, child: int) -> None:
        store(self.engine, node + side, child)

    def set_parent(self, node: int, parent: int) -> None:
        colour = load(self.engine, node + UP) & BLACK
        store(self.engine, node + UP, parent | colour)

    def paint(self, node: int, colour: int) -> None:
        store(self.engine, node + UP, self.parent(node) | colour)

    def replace_child(self, parent: int, old: int, new: int) -> None:
        """Let what led to `old` lead to `new`; without a parent that is the root."""
        if not parent:
            store(self.engine, self.root, new)
        elif self.child(parent, LEFT) == old:
            self.set_child(parent, LEFT, new)
        else:
            self.set_child(parent, RIGHT, new)

    def rotate(self, node: int, side: int) -> None:
        """Let a node sink to one side; its child of the other side takes its place."""
        other = LEFT + RIGHT - side
        risen, parent = self.child(node, other), self.parent(node)
        between = self.child(risen, side)
        self.set_child(node, other, between)
        if between:
            self.set_parent(between, node)
        self.set_child(risen, side, node)
        self.set_parent(node, risen)
        self.set_parent(risen, parent)
        self.replace_child(parent, node, risen)

    def insert_color(self, node: int) -> None:
        """Mend what a new red node broke: its parent may be red too."""
        while True:
            self.hop()
            parent = self.parent(node)
            if not parent:
                store(self.engine, node + UP, BLACK)
                return
            if not self.is_red(parent):
                return
            above = self.parent(parent)
            side = LEFT if self.child(above, LEFT) == parent else RIGHT
            other = LEFT + RIGHT - side
            uncle = self.child(above, other)
            if self.is_red(uncle):
                self.paint(parent, BLACK)
                self.paint(uncle, BLACK)
                self.paint(above, 0)
                node = above
                continue
            if self.child(parent, other) == node:
                self.rotate(parent, side)
                parent = node
            self.paint(parent, BLACK)
            self.paint(above, 0)
            self.rotate(above, other)
            return

    def erase(self, node: int) -> None:
        """Take a node out; with two children the next node in order takes its place."""
        left, right = self.child(node, LEFT), self.child(node, RIGHT)
        word = load(self.engine, node + UP)
        parent, black = word & ~FLAGS, word & BLACK
        if left and right:
            heir = right
            while self.child(heir, LEFT):
                self.hop()
                heir = self.child(heir, LEFT)
            moved, black = self.child(heir, RIGHT), load(self.engine, heir + UP) & BLACK
            if heir == right:
                hole = heir
            else:
                hole = self.parent(heir)
                self.set_child(hole, LEFT, moved)
                if moved:
                    self.set_parent(moved, hole)
                self.set_child(heir, RIGHT, right)
                self.set_parent(right, heir)
            self.set_child(heir, LEFT, left)
            self.set_parent(left, heir)
            store(self.engine, heir + UP, word)
            self.replace_child(parent, node, heir)
        else:
            moved, hole = left or right, parent
            if moved:
                self.set_parent(moved, parent)
            self.replace_child(parent, node, moved)
        if black:
            self._mend(moved, hole)

    def _mend(self, node: int, parent: int) -> None:
        """One black node is missing on the ways through `node`, which may be a leaf."""
        while parent and not self.is_red(node):
            self.hop()
            side = LEFT if self.child(parent, LEFT) == node else RIGHT
            other = LEFT + RIGHT - side
            sibling = self.child(parent, other)
            if self.is_red(sibling):
                self.paint(sibling, BLACK)
                self.paint(parent, 0)
                self.rotate(parent, side)
                sibling = self.child(parent, other)
            near, far = self.child(sibling, side), self.child(sibling, other)
            if not self.is_red(near) and not self.is_red(far):
                self.paint(sibling, 0)
                node, parent = parent, self.parent(parent)
                continue
            if not self.is_red(far):
                self.paint(near, BLACK)
                self.paint(sibling, 0)
                self.rotate(sibling, other)
                sibling, far = near, sibling
            self.paint(sibling, load(self.engine, parent + UP) & BLACK)
            self.paint(parent, BLACK)
            self.paint(far, BLACK)
            self.rotate(parent, side)
            return
        if node:
            self.paint(node, BLACK)

    def furthest(self, node: int, side: int) -> int:
        """Go to one side as far as it goes."""
        while node:
            self.hop()
            following = self.child(node, side)
            if not following:
                break
            node = following
        return node

    def neighbour(self, node: int, side: int) -> int:
        """Return the next node in order, or the one before; 0 at the end."""
        if load(self.engine, node + UP) == node:
            return 0
        below = self.child(node, side)
        if below:
            return self.furthest(below, LEFT + RIGHT - side)
        parent = self.parent(node)
        while parent and self.child(parent, side) == node:
            self.hop()
            node, parent = parent, self.parent(parent)
        return parent

    def deepest(self, node: int) -> int:
        """Return the first leaf in postorder below a node."""
        while node:
            self.hop()
            below = self.child(node, LEFT) or self.child(node, RIGHT)
            if not below:
                break
            node = below
        return node


@binds("rb_insert_color")
def rb_insert_color(engine: Engine, node: int, root: int) -> None:
    with blamed(engine, "rb_insert_color"):
        _Tree(engine, root, "rb_insert_color").insert_color(node)


@binds("rb_erase")
def rb_erase(engine: Engine, node: int, root: int) -> None:
    with blamed(engine, "rb_erase"):
        _Tree(engine, root, "rb_erase").erase(node)


@binds("rb_replace_node")
def rb_replace_node(engine: Engine, victim: int, node: int, root: int) -> None:
    with blamed(engine, "rb_replace_node"):
        tree = _Tree(engine, root, "rb_replace_node")
        for offset in (UP, RIGHT, LEFT):
            store(engine, node + offset, load(engine, victim + offset))
        for side in (LEFT, RIGHT):
            below = tree.child(victim, side)
            if below:
                tree.set_parent(below, node)
        tree.replace_child(tree.parent(victim), victim, node)


def _end(engine: Engine, root: int, side: int, function: str) -> int:
    with blamed(engine, function):
        return _Tree(engine, root, function).furthest(load(engine, root), side)


@binds("rb_first")
def rb_first(engine: Engine, root: int) -> int:
    return _end(engine, root, LEFT, "rb_first")


@binds("rb_last")
def rb_last(engine: Engine, root: int) -> int:
    return _end(engine, root, RIGHT, "rb_last")


@binds("rb_next")
def rb_next(engine: Engine, node: int) -> int:
    with blamed(engine, "rb_next"):
        return _Tree(engine, 0, "rb_next").neighbour(node, RIGHT)


@binds("rb_prev")
def rb_prev(engine: Engine, node: int) -> int:
    with blamed(engine, "rb_prev"):
        return _Tree(engine, 0, "rb_prev").neighbour(node, LEFT)


@binds("rb_first_postorder")
def rb_first_postorder(engine: Engine, root: int) -> int:
    with blamed(engine, "rb_first_postorder"):
        return _Tree(engine, root, "rb_first_postorder").deepest(load(engine, root))


@binds("rb_next_postorder")
def rb_next_postorder(engine: Engine, node: int) -> int:
    """Children come before their parent, so the parent may go after them."""
    if not node:
        return 0
    with blamed(engine, "rb_next_postorder"):
        tree = _Tree(engine, 0, "rb_next_postorder")
        parent = tree.parent(node)
        if parent and tree.child(parent, LEFT) == node:
            right = tree.child(parent, RIGHT)
            if right:
                return tree.deepest(right)
        return parent
