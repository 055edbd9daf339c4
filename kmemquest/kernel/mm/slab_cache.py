"""Caches, slabs, and the free list that lives inside the free objects themselves.

The free list has no copy: a slab or a CPU knows only the first free object, every further link
is read from simulated memory, decoded as a hardened kernel decodes it. So whatever a driver
writes over a freed object has the consequence it has on a real machine.
Source: `mm/slab.h:struct slab`, `include/linux/slub_def.h`, `mm/slub.c:freelist_ptr_encode`.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import ADDRESS_MASK, PAGE_SHIFT, pfn_to_virt
from kmemquest.kernel.mm.slab_geometry import SLAB_DEBUG_FLAGS, Geometry

if TYPE_CHECKING:
    from kmemquest.kernel.memory import Memory

_BYTES: Final = 8


@dataclass(slots=True, eq=False)
class Slab:
    """A block of 2**order frames cut into objects (`struct slab`).

    `freelist` is the address of the first free object, 0 for none; `inuse` counts the objects
    that are not on it (those waiting on a CPU's list count as used). `owned` is the simulator's
    own knowledge of which slots are handed out; the kernel has no such map and decides nothing
    by it.
    """

    cache: KmemCache
    pfn: int
    order: int
    objects: int
    node: int
    freelist: int = 0
    inuse: int = 0
    frozen: bool = False
    slabs: int = 0
    on_node_list: bool = False
    owned: int = 0

    @property
    def address(self) -> int:
        """The direct-map address of the first byte."""
        return pfn_to_virt(self.pfn)

    def index_of(self, address: int) -> int:
        """Return the slot that an address lies in; -1 outside the slots."""
        index = (address - self.address) // self.cache.size
        return index if 0 <= index < self.objects else -1

    def slot(self, index: int) -> int:
        """Return the address that is handed out for a slot."""
        cache = self.cache
        return self.address + index * cache.size + cache.red_left_pad


@dataclass(slots=True, eq=False)
class CpuSlab:
    """What one CPU keeps of a cache (`struct kmem_cache_cpu`); `partial` head first."""

    slab: Slab | None = None
    freelist: int = 0
    partial: list[Slab] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class NodeSlabs:
    """What one node keeps of a cache (`struct kmem_cache_node`); lists head first, by pfn."""

    partial: OrderedDict[int, Slab] = field(default_factory=OrderedDict)
    full: OrderedDict[int, Slab] = field(default_factory=OrderedDict)
    nr_slabs: int = 0
    total_objects: int = 0

    def add_partial(self, slab: Slab, *, tail: bool) -> None:
        """Put a slab on the partial list (`add_partial`)."""
        self.partial[slab.pfn] = slab
        if not tail:
            self.partial.move_to_end(slab.pfn, last=False)
        slab.on_node_list = True

    def remove_partial(self, slab: Slab) -> None:
        """Take a slab off the partial list (`remove_partial`)."""
        self.partial.pop(slab.pfn, None)
        slab.on_node_list = False


@dataclass(slots=True, eq=False)
class KmemCache:
    """A cache (`struct kmem_cache`). Sizes are bytes; `address` is the struct's own address."""

    name: str
    geometry: Geometry
    random: int
    random_sequence: tuple[int, ...]
    cpus: list[CpuSlab]
    nodes: list[NodeSlabs]
    address: int = 0
    ctor: int = 0
    useroffset: int = 0
    usersize: int = 0
    refcount: int = 1
    aliases: list[str] = field(default_factory=list)
    object_size: int = 0
    inuse: int = 0
    destroyed: bool = False
    cpu_area: int = 0
    """Per-CPU token of its `struct kmem_cache_cpu`."""
    # Copied from the geometry because every allocation reads them.
    size: int = 0
    offset: int = 0
    red_left_pad: int = 0
    flags: int = 0
    is_debug: bool = False

    def __post_init__(self) -> None:
        geometry = self.geometry
        self.object_size = geometry.object_size
        self.inuse = geometry.inuse
        self.size = geometry.size
        self.offset = geometry.offset
        self.red_left_pad = geometry.red_left_pad
        self.flags = geometry.flags
        self.is_debug = bool(geometry.flags & SLAB_DEBUG_FLAGS)

    @property
    def is_kmalloc(self) -> bool:
        """True for the kmalloc-* caches."""
        return bool(self.flags & 0x8)

    @property
    def min_partial(self) -> int:
        """How many empty slabs a node keeps at least."""
        return self.geometry.min_partial

    @property
    def nr_slabs(self) -> int:
        """Slabs of all nodes."""
        return sum(node.nr_slabs for node in self.nodes)


def encode_pointer(cache: KmemCache, pointer: int, location: int) -> int:
    """Encode a free pointer stored at `location` (`freelist_ptr_encode`, hardened)."""
    swapped = int.from_bytes(location.to_bytes(_BYTES, "little"), "big")
    return pointer ^ cache.random ^ swapped


def read_link(memory: Memory, cache: KmemCache, obj: int) -> int | None:
    """Return the free object after `obj` (0 at the end); None if `obj` is unmapped.

    Whatever bytes stand there are decoded; the CPU does not know a damaged link from a good one.
    """
    location = obj + cache.offset & ADDRESS_MASK
    physical = memory.translate(location)
    if physical is None:
        return None
    frame = memory.frames.get(physical >> PAGE_SHIFT)
    start = physical & 0xFFF
    if frame is None:
        stored = 0
    elif start <= 0xFF8:
        stored = int.from_bytes(frame[start : start + _BYTES], "little")
    else:
        stored = int.from_bytes(memory.peek(location, _BYTES), "little")
    return encode_pointer(cache, stored, location)


def write_link(memory: Memory, cache: KmemCache, obj: int, pointer: int) -> bool:
    """Make `pointer` the free object after `obj`; False if `obj` is unmapped."""
    location = obj + cache.offset & ADDRESS_MASK
    physical = memory.translate(location)
    if physical is None:
        return False
    stored = encode_pointer(cache, pointer, location).to_bytes(_BYTES, "little")
    start = physical & 0xFFF
    frame = memory.frames.get(physical >> PAGE_SHIFT)
    if frame is not None and start <= 0xFF8 and physical >> PAGE_SHIFT not in memory.stale:
        frame[start : start + _BYTES] = stored
    else:
        memory.poke(location, stored)
    return True


def walk_freelist(memory: Memory, cache: KmemCache, first: int, limit: int) -> list[int]:
    """Return the free objects from `first` on, at most `limit`; stops at an unmapped address.

    For views, statistics and tests: the kernel never does this outside its debug checks.
    """
    found: list[int] = []
    obj: int | None = first
    while obj and len(found) < limit:
        found.append(obj)
        obj = read_link(memory, cache, obj)
    return found
