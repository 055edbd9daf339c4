"""The smallest fix for each kind of report, in words, and the page that explains it.

Pages are paths below `Documentation/` of Linux 6.12.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kmemquest.i18n import N_


@dataclass(frozen=True, slots=True)
class Fix:
    """`text` is what to change, `page` where to read on."""

    text: str
    page: str


_ALLOCATION: Final = "core-api/memory-allocation.rst"
_MM_API: Final = "core-api/mm-api.rst"
_KASAN: Final = "dev-tools/kasan.rst"
_SLUB: Final = "mm/slub.rst"
_DMA: Final = "core-api/dma-api.rst"
_DMA_HOWTO: Final = "core-api/dma-api-howto.rst"
_LOCKS: Final = "kernel-hacking/locking.rst"
_LOCKDEP: Final = "locking/lockdep-design.rst"
_BUGS: Final = "admin-guide/bug-hunting.rst"
_DEPRECATED: Final = "process/deprecated.rst"

_CHECK_SIZE: Final = N_(
    "Compare index and length with the size that was allocated, before the use."
)
_FREE_LATER: Final = N_(
    "Move the free behind the last use, or set the pointer to NULL and test it."
)
_FREE_ONCE: Final = N_("Remove one of the two frees, or set the pointer to NULL after the first.")
_FREE_RIGHT: Final = N_(
    "Hand the pointer that the allocator returned to the free that belongs to it."
)
_ARGUMENT: Final = N_(
    "Check the size before the call; 0 and overflows are for the caller to catch."
)
_TEST_NULL: Final = N_("Test the pointer after the allocation and return -ENOMEM.")
_ASK_LESS: Final = N_("Ask for less at once, use kvmalloc(), or return -ENOMEM in good order.")
_ONCE: Final = N_(
    "Release the lock before you take it again; if an interrupt wants it, take a spinlock, with "
    "spin_lock_irqsave()."
)
_IRQSAVE: Final = N_("Take the lock with spin_lock_irqsave() wherever an interrupt may want it.")

FIXES: Final[dict[str, Fix]] = {
    "sleep-in-atomic": Fix(
        N_(
            "An allocation takes GFP_ATOMIC here; any other call that may sleep moves out of the "
            "lock or the interrupt, into a workqueue for example."
        ),
        _ALLOCATION,
    ),
    "page-allocation-failure": Fix(_ASK_LESS, _ALLOCATION),
    "order-too-large": Fix(N_("Use vmalloc() or kvmalloc() for more than 4 MiB."), _ALLOCATION),
    "slab-out-of-bounds": Fix(_CHECK_SIZE, _KASAN),
    "page-out-of-bounds": Fix(_CHECK_SIZE, _MM_API),
    "vmalloc-out-of-bounds": Fix(_CHECK_SIZE, _KASAN),
    "global-out-of-bounds": Fix(_CHECK_SIZE, _KASAN),
    "stack-out-of-bounds": Fix(_CHECK_SIZE, _KASAN),
    "slab-use-after-free": Fix(_FREE_LATER, _KASAN),
    "page-use-after-free": Fix(_FREE_LATER, _KASAN),
    "double-free": Fix(_FREE_ONCE, _SLUB),
    "invalid-free": Fix(_FREE_RIGHT, _ALLOCATION),
    "free-size-mismatch": Fix(
        N_("Free with the order or size of the allocation; keep it beside the pointer."), _MM_API
    ),
    "leak": Fix(
        N_("Free it on this path as well: unwind with goto, in the opposite order."),
        "dev-tools/kmemleak.rst",
    ),
    "irq-not-freed": Fix(
        N_("Call free_irq() on every way out, or use devm_request_irq()."),
        "core-api/genericirq.rst",
    ),
    "timer-not-stopped": Fix(
        N_("Call timer_shutdown_sync() before the memory or the module goes."),
        "kernel-hacking/locking.rst",
    ),
    "device-not-removed": Fix(
        N_("Undo the registration on every way out, in the opposite order."),
        "driver-api/driver-model/index.rst",
    ),
    "oom-kill": Fix(N_("Put a bound on what a user can make the driver allocate."), "mm/oom.rst"),
    "null-dereference": Fix(_TEST_NULL, _ALLOCATION),
    "page-fault": Fix(
        N_("Look where the pointer comes from: it was never set, or its memory is gone."), _BUGS
    ),
    "user-pointer-dereference": Fix(
        N_("Use copy_from_user() or copy_to_user() and return -EFAULT if bytes are left."),
        "core-api/mm-api.rst",
    ),
    "general-protection-fault": Fix(
        N_("Look for the use after free that put the strange value into the pointer."), _BUGS
    ),
    "kernel-bug": Fix(N_("Keep to what the function asks for: context, state, argument."), _BUGS),
    "panic": Fix(N_("Mend the first report above: the panic is what became of it."), _BUGS),
    "warning": Fix(N_("Keep to what the function asks for: read the line it names."), _DEPRECATED),
    "bad-page": Fix(
        N_("Free the pages when nobody uses them any more, once, and drop no reference twice."),
        _MM_API,
    ),
    "endless-loop": Fix(
        N_("Give the loop an end: a counter, a timeout, or a way out when the device is silent."),
        "admin-guide/lockup-watchdogs.rst",
    ),
    "endless-recursion": Fix(
        N_("Turn the recursion into a loop."), "mm/vmalloced-kernel-stacks.rst"
    ),
    "stack-overflow": Fix(
        N_("Allocate large buffers with kmalloc() instead of on the stack."),
        "mm/vmalloced-kernel-stacks.rst",
    ),
    "host-memory": Fix(
        N_("Touch less memory in one run, or give the machine less RAM."), _ALLOCATION
    ),
    "simulator-defect": Fix(N_("Report it, with the driver that does it."), _BUGS),
    "divide-error": Fix(N_("Test the divisor and return -EINVAL."), _BUGS),
    "slab-corruption": Fix(
        N_("Look for the write outside of an object or after its free that came before."), _SLUB
    ),
    "uninitialised-to-user": Fix(
        N_("Use kzalloc() or __GFP_ZERO, or copy only the bytes that were written."),
        "security/self-protection.rst",
    ),
    "object-given-twice": Fix(N_("Mend the double free or the write after free before it."), _SLUB),
    "object-from-damaged-freelist": Fix(N_("Mend the write after free before it."), _SLUB),
    "bad-vfree": Fix(_FREE_RIGHT, _ALLOCATION),
    "bad-vrealloc": Fix(_FREE_RIGHT, _ALLOCATION),
    "bad-iounmap": Fix(_FREE_RIGHT, "driver-api/device-io.rst"),
    "bad-devm-free": Fix(
        N_("Let the device core free it, or call devm_kfree() with the same device."),
        "driver-api/driver-model/devres.rst",
    ),
    "wrong-cache": Fix(N_("Keep the cache beside the object, or use kfree()."), _MM_API),
    "cache-destroyed-busy": Fix(
        N_("Free every object of the cache before kmem_cache_destroy()."), _SLUB
    ),
    "cache-not-created": Fix(N_("Test what kmem_cache_create() returned."), _MM_API),
    "cache-name-taken": Fix(N_("Give the cache a name of its own."), _MM_API),
    "ctor-zero": Fix(N_("Drop __GFP_ZERO, or the constructor."), _MM_API),
    "slab-out-of-memory": Fix(_ASK_LESS, _ALLOCATION),
    "unexpected-gfp": Fix(
        N_("Take pages with alloc_pages() where the zone matters."),
        "core-api/gfp_mask-from-fs-io.rst",
    ),
    "zone-selectors-conflict": Fix(N_("Keep one zone modifier in the mask."), _ALLOCATION),
    "vmalloc-failure": Fix(_TEST_NULL, _ALLOCATION),
    "vmalloc-in-interrupt": Fix(
        N_("Allocate in process context beforehand; vmalloc() may sleep."), _ALLOCATION
    ),
    "vmalloc-zero": Fix(_ARGUMENT, _ALLOCATION),
    "kvmalloc-too-large": Fix(_ARGUMENT, _ALLOCATION),
    "bad-ioremap": Fix(
        N_("Take address and size from the device's resource."), "driver-api/device-io.rst"
    ),
    "ioremap-ram": Fix(N_("Use memremap() or the direct map for RAM."), "driver-api/device-io.rst"),
    "invalid-ksize": Fix(N_("Remember the size yourself."), _ALLOCATION),
    "percpu-failed": Fix(_ASK_LESS, "core-api/this_cpu_ops.rst"),
    "percpu-illegal-size": Fix(_ARGUMENT, "core-api/this_cpu_ops.rst"),
    "fortify": Fix(
        N_("Bound the copy by the size of the destination: sizeof, strscpy()."), _DEPRECATED
    ),
    "usercopy": Fix(
        N_("Bound the length that comes from user space by the size of the object."), _DEPRECATED
    ),
    "dma-api": Fix(
        N_("Pair every map with one check and one unmap of the same size and direction."), _DMA
    ),
    "dma-ownership": Fix(
        N_("Put dma_sync_single_for_cpu() before the access and …_for_device() behind it."), _DMA
    ),
    "dma-after-unmap": Fix(N_("Stop the device, then unmap, then free."), _DMA),
    "dma-freed-while-mapped": Fix(N_("Call dma_unmap_single() before the free."), _DMA),
    "dma-outside-mapping": Fix(
        N_(
            "Program the device with the handle that the mapping returned, not with virt_to_phys()."
        ),
        _DMA_HOWTO,
    ),
    "dma-unreachable": Fix(
        N_("Call dma_set_mask_and_coherent() with the bits that the device really has."), _DMA_HOWTO
    ),
    "dma-bounce-overflow": Fix(
        N_("Test dma_mapping_error(); map less at once or use coherent memory."),
        "core-api/swiotlb.rst",
    ),
    "dma-compound": Fix(N_("Leave __GFP_COMP out."), _DMA),
    "dma-zone-flag": Fix(N_("Leave the zone bits out: the DMA mask chooses the zone."), _DMA),
    "dma-direction": Fix(N_("Use DMA_TO_DEVICE, DMA_FROM_DEVICE or DMA_BIDIRECTIONAL."), _DMA),
    "dma-free-irqs-off": Fix(N_("Free it after the lock, in process context."), _DMA),
    "dma-map-vmalloc": Fix(
        N_("Use kmalloc() memory, or map a vmalloc buffer page by page."), _DMA_HOWTO
    ),
    "dma-no-mask": Fix(N_("Call dma_set_mask_and_coherent() in probe."), _DMA_HOWTO),
    "dma-overflow": Fix(
        N_("Allocate with GFP_DMA32 or let swiotlb bounce; test dma_mapping_error()."), _DMA_HOWTO
    ),
    "resource": Fix(
        N_("Request the region once and release it on every way out."), "driver-api/device-io.rst"
    ),
    "deadlock": Fix(_ONCE, _LOCKS),
    "lock-inconsistent": Fix(_IRQSAVE, _LOCKDEP),
    "lock-order": Fix(N_("Take the locks in one order everywhere."), _LOCKDEP),
    "lock-wait-context": Fix(
        N_("Take the sleeping lock first, or make it a spinlock."), "locking/locktypes.rst"
    ),
    "lock-not-released": Fix(N_("Unlock on every way out of the function."), _LOCKS),
    "unlock-not-held": Fix(N_("Pair each unlock with one lock."), _LOCKDEP),
    "task-hangs": Fix(
        N_("Make sure that somebody wakes the waiter, or wait with a timeout."),
        "scheduler/completion.rst",
    ),
    "hung-task": Fix(
        N_("Make sure that somebody gives back what is waited for, or do not wait."),
        "admin-guide/sysctl/kernel.rst",
    ),
    "soft-lockup": Fix(
        N_("Give the loop an end; call cond_resched() where it may sleep."),
        "admin-guide/lockup-watchdogs.rst",
    ),
    "scheduling-while-atomic": Fix(N_("Do not sleep here: release the lock first."), _LOCKS),
    "endless-allocation": Fix(N_("Drop __GFP_NOFAIL and handle NULL."), _ALLOCATION),
    "out-of-memory-panic": Fix(N_("Put a bound on what the driver allocates."), "mm/oom.rst"),
    "bad-free-irq": Fix(
        N_("Call free_irq() once, with the dev_id that was given to request_irq()."),
        "core-api/genericirq.rst",
    ),
    "list-corruption": Fix(
        N_("Take the entry off its list before it is freed or added again."),
        "core-api/kernel-api.rst",
    ),
    "refcount": Fix(
        N_("Take a reference for every pointer that is kept, drop each once."),
        "core-api/refcount-vs-atomic.rst",
    ),
    "copy-overflow": Fix(
        N_("Bound the length by sizeof the buffer and return -EINVAL beyond."), _DEPRECATED
    ),
    "lock-not-initialised": Fix(
        N_("Call spin_lock_init() or mutex_init() before the first use."), _LOCKS
    ),
    "spinlock": Fix(
        N_("Initialise the lock, and pair each unlock with one lock."), "locking/spinlocks.rst"
    ),
    "mutex": Fix(
        N_("Initialise the lock, and unlock it in the task that took it."),
        "locking/mutex-design.rst",
    ),
    "sleep-in-rcu-reader": Fix(
        N_("Move the sleeping call out of the reader, or use SRCU."), "RCU/checklist.rst"
    ),
    "mapping-of-freed-page": Fix(
        N_("Keep the page, with get_page(), until vm_operations .close is called."), _MM_API
    ),
}

UNKNOWN_FIX: Final = Fix(N_("Read the first line of the report and the line of the driver."), _BUGS)


def fix_of(kind: str) -> Fix:
    """Return the fix for a kind of report; unknown kinds get the general one."""
    return FIXES.get(kind, UNKNOWN_FIX)
