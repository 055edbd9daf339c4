"""SLUB: named caches of equal objects, cut from pages (`mm/slub.c`, `mm/slab_common.c`).

A driver's objects come from `SlabAllocator.create`, `alloc`, `free`; kmalloc stands on the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import (
    ADDRESS_MASK,
    KERNEL_IMAGE_START,
    PAGE_OFFSET,
    PAGE_SHIFT,
    STRUCT_PAGE_SIZE,
    VMEMMAP_START,
)
from kmemquest.kernel.boot_layout import kernel_image
from kmemquest.kernel.check.oops import page_fault_oops, warn, warn_once
from kmemquest.kernel.events import CacheCreated
from kmemquest.kernel.log import KERN_ERR
from kmemquest.kernel.mm import (
    page_poison,
    slab_debug,
    slub_alloc,
    slub_create,
    slub_free,
    slub_pages,
)
from kmemquest.kernel.mm.slab_cache import KmemCache, Slab, walk_freelist
from kmemquest.kernel.mm.slab_geometry import NO_OBJ_EXT, SLAB_HWCACHE_ALIGN, WORD
from kmemquest.kernel.mm.slub_quarantine import Quarantine
from kmemquest.kernel.text import slab_report

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

START_KERNEL_MAP: Final = 0xFFFF_FFFF_8000_0000
"""`__START_KERNEL_map`: addresses from here on are translated as kernel image."""
SECTION_PAGES: Final = 1 << 15
"""Pages per memory section: the vmemmap exists in whole sections of 128 MiB."""
BULK_LOOKAHEAD: Final = 3


class SlabAllocator:
    """All caches of the machine, those that the kernel itself creates at boot included."""

    def __init__(self, machine: Machine, *, boot: bool = True) -> None:
        """Bootstrap (`kmem_cache_init`); with `boot` false no cache exists yet."""
        spec = machine.spec
        self.machine = machine
        self.cpu = 0
        """The CPU that runs now; whoever simulates several CPUs sets it."""
        self.nr_cpus = spec.cpus
        self.nr_nodes = max(spec.nodes, *(entry.node + 1 for entry in spec.map), 1)
        self.caches: list[KmemCache] = []
        """All caches in the order of their creation (aliases are not caches)."""
        self.by_address: dict[int, KmemCache] = {}
        """Address of the `struct kmem_cache` -> cache, for pointers that a driver holds."""
        self.slabs: dict[int, Slab] = {}
        """pfn -> slab, for every frame of every slab."""
        self.kmalloc_caches: dict[tuple[str, int], KmemCache] = {}
        """(type, size in bytes) -> kmalloc cache; types are normal, reclaim, dma, cgroup."""
        self.run_constructor: Callable[[int, int], None] | None = None
        """Calls a constructor (function address, object address); set by the driver room."""
        self.choose_order: Callable[[Slab], Sequence[int]] | None = None
        """Overrides the random order of a new slab's objects (replaying a recording)."""
        self.tracks: dict[tuple[int, bool], slab_debug.Track] = {}
        """(object, allocated) -> who did it: what `struct track` points to."""
        self.released_pages = 0
        """Pages of slabs given back to the page allocator so far: reclaim counts them."""
        self.deferred: deque[tuple[int, Slab]] = deque()
        """(time in ns, slab) whose pages go back after an RCU grace period."""
        self.quarantine = Quarantine(self) if machine.checks.kasan is not None else None
        self.debug = slab_debug.parse_debug_option(spec)
        self.merging = not (spec.option("slab_nomerge") or spec.option("slub_nomerge"))
        poisoned = page_poison.wanted(spec)
        self.init_on_alloc = not poisoned and spec.option("init_on_alloc", "1") not in (
            "0",
            "off",
            "n",
        )
        self.call = ""
        """The entry point being served, for the text of an oops inside it."""
        image_start, _ = kernel_image(spec).code
        self._phys_base = image_start - (KERNEL_IMAGE_START - START_KERNEL_MAP)
        self._messages: deque[int] = deque()
        if boot:
            self._boot()

    def _boot(self) -> None:
        from kmemquest.kernel.mm.slub_boot import (
            create_kmalloc_caches,
            create_named_caches,
            settle_residents,
        )

        flags = SLAB_HWCACHE_ALIGN | NO_OBJ_EXT
        sizes = {"kmem_cache": 216 + 8 * self.nr_nodes, "kmem_cache_node": 64}
        for name, size in sizes.items():
            cache = slub_create.open_cache(self, name, size, flags=flags)
            assert cache is not None
            cache.refcount = -1
            self.caches.append(cache)
        for cache in self.caches:
            slub_create.register(self, cache)
        create_kmalloc_caches(self)
        create_named_caches(self)
        settle_residents(self)

    # --- caches -----------------------------------------------------------------------------

    def create(
        self,
        name: str,
        size: int,
        align: int = 0,
        flags: int = 0,
        ctor: int = 0,
        *,
        useroffset: int = 0,
        usersize: int = 0,
        freeptr_offset: int | None = None,
    ) -> KmemCache | None:
        """Create a cache of `size`-byte objects or alias an existing one; None on failure.

        `kmem_cache_create`: sleeps. The same KmemCache comes back for an alias, as in the kernel.
        """
        return slub_create.create(
            self,
            name,
            size,
            align,
            flags,
            ctor,
            useroffset=useroffset,
            usersize=usersize,
            freeptr_offset=freeptr_offset,
        )

    def destroy(self, cache: KmemCache | None) -> None:
        """Destroy a cache (`kmem_cache_destroy`); complains when objects are still alive."""
        if cache is not None:
            slub_create.destroy(self, cache)

    def shrink(self, cache: KmemCache) -> int:
        """Give all empty slabs back (`kmem_cache_shrink`); 1 if slabs remain."""
        if self.quarantine is not None:
            self.quarantine.flush(cache)
        return slub_free.shrink(self, cache)

    def find(self, name: str) -> KmemCache | None:
        """Return the cache with this name, or the one that a cache of this name was merged into."""
        for cache in self.caches:
            if cache.name == name or name in cache.aliases:
                return cache
        return None

    # --- objects ----------------------------------------------------------------------------

    def alloc(
        self,
        cache: KmemCache,
        gfp: int,
        nid: int | None = None,
        *,
        requested: int | None = None,
        call: str = "kmem_cache_alloc",
    ) -> int:
        """Return the address of a new object, or 0 (`kmem_cache_alloc`, `_node`)."""
        wanted = cache.object_size if requested is None else requested
        return slub_alloc.allocate(self, cache, gfp, nid, wanted, call)

    def alloc_bulk(self, cache: KmemCache, gfp: int, count: int) -> list[int]:
        """Return `count` objects or none at all (`kmem_cache_alloc_bulk`)."""
        self.machine.checks.might_sleep("kmem_cache_alloc_bulk", gfp)
        faults = self.machine.checks.faults
        if faults is not None and faults.should_failslab(cache, gfp):
            return []
        objects: list[int] = []
        for _ in range(count):
            obj = slub_alloc.take_object(self, cache, gfp, None, cache.object_size)
            if not obj:
                self.free_bulk(cache, objects)
                return []
            slub_alloc.finish(self, cache, obj, gfp, cache.object_size)
            objects.append(obj)
        return objects

    def free(self, cache: KmemCache, address: int, call: str = "kmem_cache_free") -> None:
        """Free an object of a cache (`kmem_cache_free`)."""
        slab = self._slab_behind(address)
        if slab is None:
            return
        if slab.cache is not cache:
            warn(
                self.machine,
                "mm/slub.c",
                4750,
                "kmem_cache_free",
                f"cache_from_obj: Wrong slab cache. {cache.name} "
                f"but object is from {slab.cache.name}",
                kind="wrong-cache",
            )
            for line in slab_report.tracking(self, slab.cache, address):
                self.machine.log.print(line, KERN_ERR)
        self.free_to_slab(slab, address, call)

    def free_bulk(self, cache: KmemCache | None, addresses: Sequence[int]) -> None:
        """Free many objects, grouped by slab (`kmem_cache_free_bulk`); None is `kfree_bulk`."""
        del cache  # The real cache is found through the page, as in `build_detached_freelist`.
        left = list(addresses)
        while left:
            slab, group = self._detach_group(left)
            if slab is not None:
                self._free_group(slab, group, "kmem_cache_free_bulk")

    def _detach_group(self, left: list[int]) -> tuple[Slab | None, list[int]]:
        """Take the last object and its slab mates off the array (`build_detached_freelist`)."""
        address = left.pop()
        slab = self.slab_of(address)
        if slab is None:
            self.machine.kmalloc.kfree(address)
            return None, []
        group = [address]
        same = position = len(left)
        look = BULK_LOOKAHEAD
        while position:
            position -= 1
            if self.slab_of(left[position]) is slab:
                group.append(left[position])
                same -= 1
                if position != same:
                    left[position], left[same] = left[same], left[position]
            else:
                look -= 1
                if not look:
                    break
        del left[same:]
        return slab, group

    def _free_group(self, slab: Slab, group: list[int], call: str) -> None:
        if self.quarantine is None:
            slub_free.free_objects(self, slab, group, call)
            return
        for address in group:
            self.free_to_slab(slab, address, call)

    def free_to_slab(self, slab: Slab, address: int, call: str) -> None:
        """Free an object whose slab is known (`slab_free`)."""
        if self.quarantine is None:
            slub_free.free_objects(self, slab, [address], call)
        else:
            self.quarantine.put(slab, address, call)

    # --- questions --------------------------------------------------------------------------

    def cache_of(self, address: int) -> KmemCache | None:
        """Return the cache whose slab an address lies in."""
        slab = self.slab_of(address)
        return slab.cache if slab is not None else None

    def slab_of(self, address: int) -> Slab | None:
        """Return the slab an address lies in (`virt_to_slab`)."""
        return self.slabs.get(self.to_physical(address) >> PAGE_SHIFT)

    def free_objects_of(self, slab: Slab) -> list[int]:
        """Return the addresses on a slab's own list, head first."""
        memory = self.machine.memory
        return walk_freelist(memory, slab.cache, slab.freelist, slab.objects)

    def cpu_freelist(self, cache: KmemCache, cpu: int = 0) -> list[int]:
        """Return the addresses on a CPU's list, head first."""
        state = cache.cpus[cpu]
        limit = state.slab.objects if state.slab is not None else 0
        return walk_freelist(self.machine.memory, cache, state.freelist, limit)

    # --- what the parts need ----------------------------------------------------------------

    def to_physical(self, address: int) -> int:
        """Return what `__pa` makes of any address, nonsense included."""
        if address >= START_KERNEL_MAP:
            return address - START_KERNEL_MAP + self._phys_base
        return (address - PAGE_OFFSET) & ADDRESS_MASK

    def fault(self, address: int, *, write: bool) -> None:
        """The allocator itself hit an unmapped address: oops in the function being served."""
        name = "__kmalloc" if self.call == "kmalloc" else self.call
        function = f"{name}_noprof" if name and "free" not in name else name
        page_fault_oops(self.machine, address & ADDRESS_MASK, WORD, write=write, function=function)

    def page_fault_behind(self, address: int, call: str = "") -> bool:
        """Fault if `virt_to_page` of this address has no `struct page`; tell whether it did.

        `call` is the kernel function that looks; empty when it is the driver's own code.
        """
        pfn = self.to_physical(address) >> PAGE_SHIFT
        sections = -(-self.machine.memory.max_pfn // SECTION_PAGES)
        if pfn < sections * SECTION_PAGES:
            return False
        self.call = call
        self.fault(VMEMMAP_START + pfn * STRUCT_PAGE_SIZE + 8, write=False)
        return True

    def _slab_behind(self, address: int) -> Slab | None:
        """Find the slab for a free; complain and return None when there is none."""
        if self.page_fault_behind(address, "kmem_cache_free"):
            return None
        slab = self.slab_of(address)
        if slab is None:
            warn_once(
                self.machine,
                "virt_to_cache",
                "mm/slub.c",
                4737,
                "kmem_cache_free",
                "virt_to_cache: Object is not a Slab page!",
                kind="invalid-free",
            )
        return slab

    @property
    def node_of_cpu(self) -> int:
        """The node of the running CPU."""
        return self.node_of_cpu_number(self.cpu)

    def node_of_cpu_number(self, cpu: int) -> int:
        """Return the node a CPU is near; CPUs are spread evenly over the nodes."""
        return cpu * self.nr_nodes // self.nr_cpus

    def node_of(self, pfn: int) -> int:
        """Return the node of a frame."""
        return self.machine.pages.zone_of(pfn).node if self.nr_nodes > 1 else 0

    def fallback_nodes(self, nid: int) -> list[int]:
        """Return the nodes to try after `nid`'s own, in zonelist order."""
        if self.nr_nodes == 1:
            return [0]
        order: list[int] = []
        for zone in self.machine.pages.zonelist(nid):
            if zone.node not in order:
                order.append(zone.node)
        return order

    def object_order(self, slab: Slab) -> Sequence[int]:
        """Draw the order in which a new slab hands out its objects (`shuffle_freelist`)."""
        if self.choose_order is not None:
            return self.choose_order(slab)
        sequence = slab.cache.random_sequence
        if not sequence or slab.objects < 2:
            return range(slab.objects)
        start = self.machine.random.randrange(len(sequence))
        turned = sequence[start:] + sequence[:start]
        if slab.objects == len(sequence):
            return turned
        return [index for index in turned if index < slab.objects]

    def may_complain(self, burst: int, interval: int) -> bool:
        """Apply a rate limit of `burst` messages per `interval` nanoseconds."""
        now = self.machine.clock.now
        while self._messages and now - self._messages[0] > interval:
            self._messages.popleft()
        if len(self._messages) >= burst:
            return False
        self._messages.append(now)
        return True

    def run_deferred(self) -> None:
        """Release the pages of RCU slabs whose grace period is over."""
        now = self.machine.clock.now
        while self.deferred and self.deferred[0][0] <= now:
            slub_pages.release_pages(self, self.deferred.popleft()[1])

    def announce(self, cache: KmemCache, name: str) -> None:
        """Emit that a cache exists, or that `name` is now an alias of it."""
        events = self.machine.events
        if events.active:
            geometry = cache.geometry
            merged = cache.name if name != cache.name else ""
            events.emit(
                CacheCreated(
                    name,
                    cache.object_size,
                    cache.size,
                    geometry.align,
                    geometry.order,
                    geometry.objects,
                    merged,
                )
            )
