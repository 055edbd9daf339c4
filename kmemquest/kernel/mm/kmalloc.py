"""kmalloc and its family: sizes to caches, large requests to pages.

Source: `include/linux/slab.h`, `mm/slab_common.c`, `mm/slub.c:__do_kmalloc_node`, `kfree`.
Addresses are ints: 0 is NULL, 16 is ZERO_SIZE_PTR.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as gfp_flags
from kmemquest.kernel.address import (
    PAGE_SHIFT,
    PAGE_SIZE,
    ZERO_SIZE_PTR,
    get_order,
    pfn_to_virt,
)
from kmemquest.kernel.check.oops import warn, warn_once
from kmemquest.kernel.events import ObjectAllocated, ObjectFreed
from kmemquest.kernel.mm import slab_debug
from kmemquest.kernel.mm.slab_cache import KmemCache
from kmemquest.kernel.mm.slab_geometry import (
    KMALLOC_MAX_SIZE,
    SLAB_POISON,
    SLAB_RED_ZONE,
    SLAB_STORE_USER,
    SLAB_TYPESAFE_BY_RCU,
)
from kmemquest.kernel.mm.slub_pages import NO_PAGE, fix_flags
from kmemquest.kernel.text.pointer import hashed_pointer

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

KMALLOC_MAX_CACHE_SIZE: Final = 8192
KMALLOC_SIZES: Final = (8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192)
"""Object sizes of the kmalloc caches in bytes."""
_TABLE_END: Final = 192
_SIZE_TABLE: Final = tuple(
    next(bucket for bucket in KMALLOC_SIZES if bucket >= size)
    for size in range(8, _TABLE_END + 1, 8)
)
"""Object size for requests up to 192 bytes, by (size - 1) / 8 (`kmalloc_size_index`)."""
SIZE_MAX: Final = (1 << 64) - 1

LARGE_COST: Final = 60
"""Nanoseconds a large request costs besides the page allocator."""
COPY_COST_PER_16_BYTES: Final = 2
"""Nanoseconds to copy 16 bytes."""


def cache_size(size: int) -> int:
    """Return the object size of the kmalloc cache that serves 1..8192 bytes."""
    if size <= _TABLE_END:
        return _SIZE_TABLE[(size - 1) // 8]
    return 1 << (size - 1).bit_length()


def kmalloc_type(gfp: int) -> str:
    """Return which set of caches serves a mask: DMA before reclaimable before accounted."""
    if gfp & gfp_flags.GFP_DMA_BIT:
        return "dma"
    if gfp & gfp_flags.RECLAIMABLE:
        return "reclaim"
    if gfp & gfp_flags.ACCOUNT:
        return "cgroup"
    return "normal"


def size_roundup(size: int) -> int:
    """Return what kmalloc(size) really gives, in bytes (`kmalloc_size_roundup`).

    0 gives 0; above 4 MiB the argument comes back unchanged.
    """
    if 0 < size <= KMALLOC_MAX_CACHE_SIZE:
        return cache_size(size)
    if size and size <= KMALLOC_MAX_SIZE:
        return PAGE_SIZE << get_order(size)
    return size


class Kmalloc:
    """The kmalloc family; all sizes are bytes."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    # --- allocation -------------------------------------------------------------------------

    def kmalloc(self, size: int, gfp: int, nid: int | None = None, *, call: str = "kmalloc") -> int:
        """Allocate `size` bytes; 0 on failure, 16 (ZERO_SIZE_PTR) for no bytes."""
        if size > KMALLOC_MAX_CACHE_SIZE:
            return self._large(size, gfp, nid)
        if not size:
            return ZERO_SIZE_PTR
        machine = self._machine
        cache = self.cache_for(size, gfp)
        return machine.slub.alloc(cache, gfp, nid, requested=size, call=call)

    def kzalloc(self, size: int, gfp: int, nid: int | None = None) -> int:
        """Allocate zeroed bytes."""
        return self.kmalloc(size, gfp | gfp_flags.ZERO, nid)

    def kmalloc_array(self, count: int, size: int, gfp: int) -> int:
        """Allocate an array; 0 if `count * size` does not fit in 64 bits."""
        total = count * size
        return 0 if total > SIZE_MAX else self.kmalloc(total, gfp)

    def kcalloc(self, count: int, size: int, gfp: int) -> int:
        """Allocate a zeroed array; 0 if `count * size` does not fit in 64 bits."""
        return self.kmalloc_array(count, size, gfp | gfp_flags.ZERO)

    def krealloc(self, address: int, size: int, gfp: int) -> int:
        """Change the size of an object, in place if it still fits (`krealloc_noprof`).

        Size 0 frees it and gives ZERO_SIZE_PTR. On failure 0 comes back and the old object stays.
        """
        if not size:
            self.kfree(address)
            return ZERO_SIZE_PTR
        if address <= ZERO_SIZE_PTR:
            return self.kmalloc(size, gfp)
        machine = self._machine
        if machine.slub.page_fault_behind(address, "krealloc") or self._already_freed(address):
            return 0
        room = self.ksize(address)
        if room >= size:
            if machine.slub.init_on_alloc or gfp & gfp_flags.ZERO:
                machine.memory.fill(address + size, 0, room - size)
            self._resized(address, size)
            return address
        bigger = self.kmalloc(size, gfp)
        if bigger:
            machine.memory.poke(bigger, machine.memory.peek(address, room))
            self._copy_stale_marks(address, bigger, room)
            machine.clock.advance(room // 16 * COPY_COST_PER_16_BYTES)
            self.kfree(address)
        return bigger

    def krealloc_array(self, address: int, count: int, size: int, gfp: int) -> int:
        """Change an array's size; 0 (and the old array stays) if the product overflows."""
        total = count * size
        return 0 if total > SIZE_MAX else self.krealloc(address, total, gfp)

    # --- freeing ----------------------------------------------------------------------------

    def kfree(self, address: int, *, call: str = "kfree") -> None:
        """Free what kmalloc (or kmem_cache_alloc) returned; NULL and 16 are fine."""
        if address <= ZERO_SIZE_PTR:
            return
        slub = self._machine.slub
        if slub.page_fault_behind(address, "kfree"):
            return
        slab = slub.slab_of(address)
        if slab is not None:
            slub.free_to_slab(slab, address, call)
        else:
            self._free_large(address)

    def kfree_sensitive(self, address: int) -> None:
        """Zero the whole object, then free it."""
        if address > ZERO_SIZE_PTR:
            if self._machine.slub.page_fault_behind(address, "kfree_sensitive"):
                return
            room = self.ksize(address)
            self._machine.memory.fill(address, 0, room)
            self._machine.clock.advance(room // 16)
        self.kfree(address)

    # --- sizes ------------------------------------------------------------------------------

    def ksize(self, address: int) -> int:
        """Return the usable bytes behind a pointer, 0 for NULL and ZERO_SIZE_PTR.

        Whoever asks may use them all: slab_debug stops guarding the slack of this object
        (`skip_orig_size_check`).
        """
        if address <= ZERO_SIZE_PTR:
            return 0
        if self._already_freed(address):
            return 0
        machine = self._machine
        cache = machine.slub.cache_of(address)
        if cache is not None:
            slab_debug.set_requested_size(machine.memory, cache, address, cache.object_size)
            # Generic KASAN sets SLAB_KASAN on every cache: its metadata is not for use.
            return cache.object_size if machine.checks.kasan is not None else slab_ksize(cache)
        if machine.slub.page_fault_behind(address, "__ksize"):
            return 0
        frames = machine.pages.frames
        head = frames.compound_head(machine.slub.to_physical(address) >> PAGE_SHIFT)
        size = PAGE_SIZE << frames.compound_order(head)
        if size <= KMALLOC_MAX_CACHE_SIZE or address != pfn_to_virt(head):
            warn(machine, "mm/slab_common.c", 998, "__ksize")
            return 0
        return size

    def size_roundup(self, size: int) -> int:
        """Return what kmalloc(size) really gives (`kmalloc_size_roundup`)."""
        return size_roundup(size)

    def cache_for(self, size: int, gfp: int) -> KmemCache:
        """Return the cache that serves a request of 1..8192 bytes."""
        return self._machine.slub.kmalloc_caches[kmalloc_type(gfp), cache_size(size)]

    # --- the large path ---------------------------------------------------------------------

    def _large(self, size: int, gfp: int, nid: int | None) -> int:
        """Serve more than 8192 bytes with whole pages (`___kmalloc_large_node`)."""
        machine = self._machine
        gfp = fix_flags(machine.slub, gfp)
        order = get_order(size)
        machine.clock.advance(LARGE_COST)
        pfn = machine.pages.alloc_pages(gfp | gfp_flags.COMP, order, nid)
        if pfn == NO_PAGE:
            return 0
        address = pfn_to_virt(pfn)
        block = PAGE_SIZE << order
        if machine.checks.kasan is not None:
            machine.checks.kasan.large_allocated(address, size, block)
        if machine.events.active:
            machine.events.emit(
                ObjectAllocated("", address, size, block, pfn, 0, gfp, machine.site, order)
            )
        return address

    def _free_large(self, address: int) -> None:
        """Free what lies on no slab: a large object, or plain pages by mistake."""
        machine = self._machine
        frames = machine.pages.frames
        pfn = machine.slub.to_physical(address) >> PAGE_SHIFT
        head = frames.compound_head(pfn)
        order = frames.compound_order(head)
        kasan = machine.checks.kasan
        if not order:
            warn_once(
                machine,
                "free_large_kmalloc",
                "mm/slub.c",
                4779,
                "free_large_kmalloc",
                kind="invalid-free",
                after=(f"object pointer: 0x{hashed_pointer(machine, address)}",),
            )
        if kasan is not None:
            if kasan.is_freed(address):
                # The report does not stop the reference from being dropped once more.
                kasan.report_double_free(address, "", address, PAGE_SIZE << order, "kfree")
            elif address != pfn_to_virt(head):
                block = PAGE_SIZE << order
                kasan.report_invalid_free(address, "", pfn_to_virt(head), block, "kfree")
        machine.clock.advance(LARGE_COST)
        if machine.events.active:
            machine.events.emit(ObjectFreed("", address, head, 0, machine.site))
        machine.pages.put_page(head)

    # --- details of krealloc ----------------------------------------------------------------

    def _already_freed(self, address: int) -> bool:
        """KASAN's check of the old pointer (`kasan_check_byte`)."""
        kasan = self._machine.checks.kasan
        if kasan is None or not kasan.is_freed(address):
            return False
        kasan.check_access(address, 1, write=False)
        return True

    def _copy_stale_marks(self, source: int, target: int, size: int) -> None:
        """Bytes that nobody wrote stay so when they are copied."""
        memory = self._machine.memory
        if not memory.stale or not memory.count_stale(source, size)[0]:
            return
        for offset in range(size):
            if memory.count_stale(source + offset, 1)[0]:
                memory.mark_stale(target + offset, 1)

    def _resized(self, address: int, size: int) -> None:
        """Tell KASAN where the object ends now (`kasan_krealloc`)."""
        machine = self._machine
        kasan = machine.checks.kasan
        if kasan is None:
            return
        cache = machine.slub.cache_of(address)
        if cache is not None:
            kasan.object_allocated(address, cache.object_size, size)
        else:
            kasan.large_allocated(address, size, self.ksize(address))


def slab_ksize(cache: KmemCache) -> int:
    """Return the bytes that may be used of a cache's objects (`mm/slab.h:slab_ksize`)."""
    if cache.flags & (SLAB_RED_ZONE | SLAB_POISON):
        return cache.object_size
    if cache.flags & (SLAB_TYPESAFE_BY_RCU | SLAB_STORE_USER):
        return cache.inuse
    return cache.size
