"""Kinds of reports of single subsystems: slab caches, vmalloc, DMA, locks, per-CPU memory."""

from __future__ import annotations

from typing import Final

from kmemquest.i18n import N_
from kmemquest.level.report_kind import Kind

_SAME_WARNING: Final = N_("The same: this warning is in every kernel.")
_HANGS: Final = N_("The same, only that nobody tells you: the task never comes back.")

SUBSYSTEM_KINDS: Final[dict[str, Kind]] = {
    "bad-vfree": Kind(
        N_("vfree of what vmalloc did not give"),
        N_("vfree() takes exactly the pointer that vmalloc() returned, and nothing else."),
        _SAME_WARNING,
        "mm/vmalloc.c:vfree",
    ),
    "bad-vrealloc": Kind(
        N_("vrealloc of what vmalloc did not give"),
        N_("vrealloc() takes exactly the pointer that vmalloc() returned, and nothing else."),
        _SAME_WARNING,
        "mm/vmalloc.c:vrealloc_noprof",
    ),
    "vmalloc-failure": Kind(
        N_("vmalloc failure"),
        N_("vmalloc needs pages and address space; both end. Look at the pointer before use."),
        N_("The same; __GFP_NOWARN only silences the message."),
        "mm/vmalloc.c:__vmalloc_node_range_noprof",
    ),
    "vmalloc-in-interrupt": Kind(
        N_("vmalloc in interrupt context"),
        N_("vmalloc builds page tables under locks that sleep: process context only."),
        N_("The same: the BUG_ON(in_interrupt()) is in every kernel."),
        "mm/vmalloc.c:__get_vm_area_node",
    ),
    "vmalloc-zero": Kind(
        N_("vmalloc of zero bytes"),
        N_("A size of 0 is a bug of the caller: vmalloc warns and returns NULL."),
        _SAME_WARNING,
        "mm/vmalloc.c:__vmalloc_node_range_noprof",
    ),
    "kvmalloc-too-large": Kind(
        N_("kvmalloc above INT_MAX"),
        N_("kvmalloc refuses sizes above 2 GiB: they are overflows far more often than wishes."),
        _SAME_WARNING,
        "mm/util.c:__kvmalloc_node_noprof",
    ),
    "bad-ioremap": Kind(
        N_("ioremap of an impossible range"),
        N_("ioremap takes a physical range that exists, is not empty and does not wrap."),
        _SAME_WARNING,
        "arch/x86/mm/ioremap.c:__ioremap_caller",
    ),
    "bad-iounmap": Kind(
        N_("iounmap of what ioremap did not give"),
        N_("iounmap() takes exactly the pointer that ioremap() returned, once."),
        _SAME_WARNING,
        "arch/x86/mm/ioremap.c:iounmap",
    ),
    "ioremap-ram": Kind(
        N_("ioremap of RAM"),
        N_("ioremap is for device registers; RAM that the kernel manages is already mapped."),
        _SAME_WARNING,
        "arch/x86/mm/ioremap.c:__ioremap_check_ram",
    ),
    "wrong-cache": Kind(
        N_("object freed into the wrong cache"),
        N_("kmem_cache_free() takes the cache from which the object came."),
        N_("The same warning; the object goes back to the cache it really came from."),
        "mm/slub.c:cache_from_obj",
    ),
    "cache-destroyed-busy": Kind(
        N_("cache destroyed with live objects"),
        N_("Free every object before kmem_cache_destroy()."),
        N_("The same: the cache stays around, and its objects are lost."),
        "mm/slab_common.c:kmem_cache_destroy",
    ),
    "cache-not-created": Kind(
        N_("cache that could not be created"),
        N_("kmem_cache_create() checks name, size and flags, and can run out of memory."),
        N_("The same; with SLAB_PANIC the machine stops."),
        "mm/slab_common.c:__kmem_cache_create_args",
    ),
    "ctor-zero": Kind(
        N_("__GFP_ZERO on a cache with a constructor"),
        N_("A constructor and zeroing contradict each other: the zeroing would undo the ctor."),
        _SAME_WARNING,
        "mm/slub.c:new_slab",
    ),
    "slab-out-of-memory": Kind(
        N_("slab cache out of memory"),
        N_("A cache grows by whole slabs; when no pages are to be had, allocations fail."),
        N_("The same; the message is rate-limited."),
        "mm/slub.c:slab_out_of_memory",
    ),
    "unexpected-gfp": Kind(
        N_("flags that slab allocations do not take"),
        N_("__GFP_HIGHMEM and __GFP_DMA32 mean nothing to kmalloc; the kernel drops them."),
        _SAME_WARNING,
        "mm/slub.c:kmalloc_fix_flags",
    ),
    "object-given-twice": Kind(
        N_("object handed out twice"),
        N_("A double free or a write after free had damaged the free list before."),
        N_("Nobody says anything: two owners write into the same memory."),
        "mm/slub.c:get_freepointer",
    ),
    "object-from-damaged-freelist": Kind(
        N_("object from a damaged free list"),
        N_("A write after free changed the link that lies in the free object itself."),
        N_("Nobody says anything: the next owner writes somewhere else."),
        "mm/slub.c:get_freepointer",
    ),
    "dma-api": Kind(
        N_("misuse of the DMA API"),
        N_("Check every mapping, unmap it once, with the same size and direction."),
        N_("Without the DMA debugger nobody says anything."),
        "core-api/dma-api",
    ),
    "dma-bounce-overflow": Kind(
        N_("bounce buffer space exhausted"),
        N_("Memory that a device cannot reach is copied, and the space for copies is small."),
        N_("The same: the mapping fails, and the driver must look at dma_mapping_error()."),
        "core-api/swiotlb",
    ),
    "dma-compound": Kind(
        N_("__GFP_COMP for a coherent buffer"),
        N_("A coherent buffer has no struct page that a driver may use; leave the flag out."),
        _SAME_WARNING,
        "kernel/dma/mapping.c:dma_alloc_attrs",
    ),
    "dma-zone-flag": Kind(
        N_("zone bits for the pages of a device"),
        N_("dma_alloc_pages() returns nothing for __GFP_DMA, __GFP_DMA32 and __GFP_HIGHMEM."),
        _SAME_WARNING,
        "kernel/dma/mapping.c:dma_alloc_pages",
    ),
    "dma-direction": Kind(
        N_("invalid DMA direction"),
        N_("Say which way the data goes: to the device, from it, or both."),
        N_("The same: the kernel stops with a BUG."),
        "kernel/dma/mapping.c:dma_map_page_attrs",
    ),
    "dma-free-irqs-off": Kind(
        N_("coherent buffer freed with interrupts off"),
        N_("dma_free_coherent() may have to unmap and must be able to sleep."),
        _SAME_WARNING,
        "kernel/dma/mapping.c:dma_free_attrs",
    ),
    "dma-map-vmalloc": Kind(
        N_("vmalloc memory mapped for DMA"),
        N_("dma_map_single() needs physically contiguous memory of the direct map."),
        N_("The same: the mapping is refused with a warning."),
        "include/linux/dma-mapping.h:dma_map_single_attrs",
    ),
    "dma-no-mask": Kind(
        N_("DMA without a mask"),
        N_("A device says first how many address bits it has: dma_set_mask_and_coherent()."),
        _SAME_WARNING,
        "core-api/dma-api-howto",
    ),
    "dma-overflow": Kind(
        N_("DMA address beyond the mask"),
        N_("The buffer lies where the device cannot reach, and nothing can bounce it."),
        N_("The same: the mapping fails with a warning."),
        "kernel/dma/direct.c:dma_direct_map_page",
    ),
    "resource": Kind(
        N_("resource conflict"),
        N_("A region of addresses has one owner: request it, and release it when done."),
        _SAME_WARNING,
        "kernel/resource.c:__request_region",
    ),
    "deadlock": Kind(
        N_("deadlock"),
        N_("No lock is recursive, and a spinlock that an interrupt takes too is taken irqsave."),
        N_(
            "The same without the words: who wants the lock waits for ever, a spinlock's CPU "
            "spinning."
        ),
        "locking/spinlocks",
    ),
    "lock-not-released": Kind(
        N_("lock that was not released"),
        N_("Every path out of a function releases what the function took."),
        _HANGS,
        "locking/spinlocks",
    ),
    "fortify": Kind(
        N_("buffer overflow caught by FORTIFY_SOURCE"),
        N_("A copy must fit into its destination: the compiler knew its size."),
        N_("The same: FORTIFY_SOURCE is in every distribution's kernel."),
        "process/deprecated",
    ),
    "lock-inconsistent": Kind(
        N_("lock used in two contexts"),
        N_("What an interrupt takes must be taken with interrupts off everywhere else."),
        N_("Without lockdep nobody says anything, until the interrupt comes at the wrong moment."),
        "locking/lockdep-design",
    ),
    "lock-order": Kind(
        N_("locks taken in both orders"),
        N_("Locks are always taken in the same order; reclaim counts as a lock, too."),
        N_("Without lockdep nobody says anything, until two tasks wait for each other."),
        "locking/lockdep-design",
    ),
    "lock-wait-context": Kind(
        N_("sleeping lock inside a spinning one"),
        N_("Under a spinlock, in an interrupt or an RCU reader only spinning locks may be taken."),
        N_("Without lockdep nobody says anything, unless the lock happens to be taken."),
        "locking/locktypes",
    ),
    "cache-name-taken": Kind(
        N_("two caches of one name"),
        N_("A cache's name is how people find it: choose one that nobody has."),
        N_("Nobody says anything: both caches work, and cannot be told apart."),
        "mm/slab_common.c:kmem_cache_sanity_check",
    ),
    "zone-selectors-conflict": Kind(
        N_("two zones in one mask"),
        N_("GFP_DMA, GFP_DMA32 and __GFP_HIGHMEM exclude each other."),
        N_("Nobody says anything: the request is served from zone DMA."),
        "include/linux/gfp.h:gfp_zone",
    ),
    "unlock-not-held": Kind(
        N_("unlock of a lock that is not held"),
        N_("Locks and unlocks come in pairs, in the same context."),
        N_("Without lockdep nobody says anything, and the lock protects nothing any more."),
        "locking/lockdep-design",
    ),
    "task-hangs": Kind(
        N_("task that waits for ever"),
        N_("Whoever waits needs somebody who will surely wake them."),
        _HANGS,
        "scheduler/completion",
    ),
    "hung-task": Kind(
        N_("hung task"),
        N_("Whoever waits needs somebody who will surely give something back."),
        N_("After 120 seconds the kernel names the task that waits."),
        "kernel/hung_task.c:check_hung_task",
    ),
    "soft-lockup": Kind(
        N_("soft lockup"),
        N_("A CPU that stays in the kernel for 20 seconds is stuck in a loop."),
        N_("The same: the watchdog is in every distribution's kernel."),
        "admin-guide/lockup-watchdogs",
    ),
    "scheduling-while-atomic": Kind(
        N_("scheduling while atomic"),
        N_("Code that holds a spinlock or serves an interrupt must not give up the CPU."),
        N_("The same message: the scheduler itself checks it."),
        "kernel/sched/core.c:__schedule_bug",
    ),
    "endless-allocation": Kind(
        N_("allocation that never returns"),
        N_("__GFP_NOFAIL loops until there is memory, even if there never will be."),
        _HANGS,
        "mm/page_alloc.c:__alloc_pages_slowpath",
    ),
    "out-of-memory-panic": Kind(
        N_("panic for lack of memory"),
        N_("When nothing can be reclaimed and no process can be killed, the kernel gives up."),
        N_("The same: the machine stands still."),
        "mm/oom_kill.c:out_of_memory",
    ),
    "percpu-failed": Kind(
        N_("per-CPU allocation failure"),
        N_("Per-CPU areas come from chunks of limited size; large ones fail early."),
        N_("The same; the message is rate-limited."),
        "mm/percpu.c:pcpu_alloc_noprof",
    ),
    "percpu-illegal-size": Kind(
        N_("illegal size of a per-CPU area"),
        N_("A per-CPU area has at most 32 KiB and an alignment of at most a page."),
        _SAME_WARNING,
        "mm/percpu.c:pcpu_alloc_noprof",
    ),
    "bad-free-irq": Kind(
        N_("free_irq of what was not requested"),
        N_("free_irq() takes the line and the very dev_id that request_irq() was given."),
        _SAME_WARNING,
        "kernel/irq/manage.c:__free_irq",
    ),
    "bad-devm-free": Kind(
        N_("devm_kfree of what devm did not give"),
        N_("devm_kfree() takes the pointer that devm_kmalloc() returned, for the same device."),
        _SAME_WARNING,
        "drivers/base/devres.c:devm_kfree",
    ),
    "invalid-ksize": Kind(
        N_("ksize of what is no object"),
        N_("ksize() takes the pointer of a live kmalloc object."),
        _SAME_WARNING,
        "mm/slab_common.c:__ksize",
    ),
    "list-corruption": Kind(
        N_("list corruption"),
        N_("An entry is in one list at a time, and its neighbours must still be alive."),
        N_("Without CONFIG_DEBUG_LIST the damage spreads in silence."),
        "lib/list_debug.c:__list_add_valid_or_report",
    ),
    "refcount": Kind(
        N_("reference count misuse"),
        N_("Take a reference before you hand the object on, and drop each of them once."),
        _SAME_WARNING,
        "lib/refcount.c:refcount_warn_saturate",
    ),
    "usercopy": Kind(
        N_("copy across the border of an object"),
        N_("A copy to or from user space stays within one object, whatever the user asks for."),
        N_("The same where CONFIG_HARDENED_USERCOPY is set, as distributions do."),
        "mm/usercopy.c:__check_object_size",
    ),
    "copy-overflow": Kind(
        N_("copy longer than its buffer"),
        N_("The compiler knows the size of a local or static buffer: bound the copy by it."),
        N_("The same warning, and the copy is refused."),
        "include/linux/thread_info.h:check_copy_size",
    ),
    "lock-not-initialised": Kind(
        N_("lock that was not initialised"),
        N_("A lock is initialised with spin_lock_init() or mutex_init() before its first use."),
        N_("Nobody says anything, as long as the memory happens to be zero."),
        "locking/lockdep-design",
    ),
    "spinlock": Kind(
        N_("spinlock that is none"),
        N_("A spinlock is initialised once and unlocked by whoever locked it."),
        N_("Nobody says anything: the lock protects nothing."),
        "locking/spinlocks",
    ),
    "mutex": Kind(
        N_("mutex that is none"),
        N_("A mutex is initialised once and unlocked by the task that locked it."),
        N_("Nobody says anything: the lock protects nothing."),
        "locking/mutex-design",
    ),
    "sleep-in-rcu-reader": Kind(
        N_("sleep inside an RCU reader"),
        N_("Between rcu_read_lock() and rcu_read_unlock() nothing may give up the CPU."),
        N_("The same warning; the grace period may end too early or never."),
        "RCU/checklist",
    ),
    "mapping-of-freed-page": Kind(
        N_("freed page still mapped to user space"),
        N_("A page that a process has mapped stays allocated until the mapping is gone."),
        N_("Nobody says anything: the process reads and writes the next owner's memory."),
        "driver-api/uio-howto",
    ),
}
