"""Who got which memory, and who gave it back: what a reader of a corrupted heap would like to know.

Folded from the event stream while driver code is on the stack; no allocator knows of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kmemquest.kernel.address import PAGE_SHIFT, PAGE_SIZE, pfn_to_virt
from kmemquest.kernel.events import (
    Event,
    ObjectAllocated,
    ObjectFreed,
    PagesAllocated,
    PagesFreed,
    VmAreaCreated,
    VmAreaFreed,
)

if TYPE_CHECKING:
    from kmemquest.kernel.context import Frame
    from kmemquest.kernel.machine import Machine

MOST_LIVES: Final = 20_000
"""Objects remembered; older ones are forgotten, oldest first."""


@dataclass(slots=True)
class Life:
    """One piece of memory: `size` bytes that were asked for, in a slot or block of `room` bytes.

    `kind` is object, large, pages or area. `freed_before` is where the free before the last one
    was: the first of a double free.
    """

    kind: str
    address: int
    size: int
    room: int
    cache: str
    allocated: Frame | None
    freed: Frame | None = None
    freed_before: Frame | None = None
    live: bool = True

    @property
    def sites(self) -> tuple[tuple[str, Frame], ...]:
        """The driver's statements in its life, each with a word for its role."""
        named = (("allocated", self.allocated), ("freed", self.freed))
        return tuple((role, frame) for role, frame in named if frame is not None)


class History:
    """Lives by address, by frame and by area."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._objects: dict[int, Life] = {}
        self._by_page: dict[int, dict[int, Life]] = {}
        self._frames: dict[int, Life] = {}
        self._areas: dict[int, Life] = {}

    def note(self, event: Event) -> None:
        """Take an event of the stream."""
        act = _ACTS.get(type(event))
        if act is not None:
            act(self, event)

    # --- questions ----------------------------------------------------------------------------

    def object(self, address: int) -> Life | None:
        """Return the last life of the object that begins at an address."""
        return self._objects.get(address)

    def object_around(self, address: int) -> Life | None:
        """Return the last life of an object that an address lies in."""
        page = address >> PAGE_SHIFT
        for candidate in (page, page - 1):
            for life in self._by_page.get(candidate, {}).values():
                if life.address <= address < life.address + life.room:
                    return life
        return None

    def frame(self, pfn: int) -> Life | None:
        """Return the last block that the driver had a frame in."""
        return self._frames.get(pfn)

    def area(self, start: int) -> Life | None:
        """Return the last area that began at an address."""
        return self._areas.get(start)

    def around(self, address: int) -> Life | None:
        """Return whatever is known of an address of the direct map or of vmalloc's window."""
        found = self.object_around(address)
        if found is not None:
            return found
        translated = self._machine.memory.translate(address)
        if translated is None:
            return self._areas.get(address)
        area = self._machine.vmalloc.space.find(address)
        if area is not None:
            return self._areas.get(area.start)
        return self._frames.get(translated >> PAGE_SHIFT)

    # --- the stream -----------------------------------------------------------------------------

    def _object_allocated(self, event: ObjectAllocated) -> None:
        kind, room = "object", event.size
        if not event.cache:
            kind, room = "large", PAGE_SIZE << event.order
        life = Life(kind, event.address, event.requested, room, event.cache, event.site)
        if len(self._objects) >= MOST_LIVES:
            oldest = next(iter(self._objects))
            self._by_page.get(oldest >> PAGE_SHIFT, {}).pop(oldest, None)
            del self._objects[oldest]
        self._objects.pop(event.address, None)
        self._objects[event.address] = life
        self._by_page.setdefault(event.address >> PAGE_SHIFT, {})[event.address] = life
        if kind == "large":
            for pfn in range(event.pfn, event.pfn + (1 << event.order)):
                self._frames[pfn] = life

    def _object_freed(self, event: ObjectFreed) -> None:
        life = self._objects.get(event.address)
        if life is not None:
            life.freed_before = life.freed
            life.freed, life.live = event.site, False

    def _pages_allocated(self, event: PagesAllocated) -> None:
        site = self._machine.site
        frames = range(event.pfn, event.pfn + (1 << event.order))
        if site is None:
            if self._frames:
                for pfn in frames:
                    self._frames.pop(pfn, None)
            return
        size = PAGE_SIZE << event.order
        life = Life("pages", pfn_to_virt(event.pfn), size, size, "", site)
        for pfn in frames:
            self._frames[pfn] = life
        if self._by_page:
            for pfn in frames:
                self._by_page.pop(pfn_to_virt(pfn) >> PAGE_SHIFT, None)

    def _pages_freed(self, event: PagesFreed) -> None:
        life = self._frames.get(event.pfn)
        if life is None:
            return
        site = self._machine.site
        if life.address == pfn_to_virt(event.pfn) and life.room == PAGE_SIZE << event.order:
            life.freed_before, life.freed, life.live = life.freed, site, False
            return
        size = PAGE_SIZE << event.order
        part = Life("pages", pfn_to_virt(event.pfn), size, size, "", life.allocated, site)
        part.live = False
        for pfn in range(event.pfn, event.pfn + (1 << event.order)):
            self._frames[pfn] = part

    def _area_created(self, event: VmAreaCreated) -> None:
        size = event.end - event.start
        site = self._machine.site
        self._areas[event.start] = Life("area", event.start, size, size, event.kind, site)

    def _area_freed(self, event: VmAreaFreed) -> None:
        life = self._areas.get(event.start)
        if life is not None:
            life.freed_before, life.freed, life.live = life.freed, self._machine.site, False


_ACTS: Final[dict[type[Event], Callable[[History, Any], None]]] = {
    ObjectAllocated: History._object_allocated,
    ObjectFreed: History._object_freed,
    PagesAllocated: History._pages_allocated,
    PagesFreed: History._pages_freed,
    VmAreaCreated: History._area_created,
    VmAreaFreed: History._area_freed,
}
HEEDED: Final = frozenset(_ACTS)
"""Types of events that change what is known."""
