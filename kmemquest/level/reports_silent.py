"""Kinds of damage that only the simulator knows of, and of what a driver leaves behind."""

from __future__ import annotations

from typing import Final

from kmemquest.i18n import N_
from kmemquest.level.report_kind import Kind

_SILENCE: Final = N_("Nobody says anything; somebody else finds the damage much later.")
_OLD_DATA: Final = N_("Nobody says anything: the buffer holds old or half-written data.")

SILENT_KINDS: Final[dict[str, Kind]] = {
    "page-out-of-bounds": Kind(
        N_("access behind a block of pages"),
        N_("A block of order n has 2^n pages; the page behind it belongs to somebody else."),
        _SILENCE,
        "core-api/memory-allocation",
    ),
    "global-out-of-bounds": Kind(
        N_("access outside of a static variable"),
        N_("An array at file scope ends with its last element, like any other."),
        _SILENCE,
        "dev-tools/kasan",
    ),
    "stack-out-of-bounds": Kind(
        N_("access outside of a local variable"),
        N_("A local array ends with its last element; behind it lie other locals."),
        _SILENCE,
        "dev-tools/kasan",
    ),
    "uninitialised-to-user": Kind(
        N_("memory that was never written reaches user space"),
        N_("What goes to user space must be written or zeroed first, padding included."),
        N_("Nobody says anything: a program reads what somebody else left in the kernel."),
        "security/self-protection",
    ),
    "free-size-mismatch": Kind(
        N_("free with another size"),
        N_("Pages are freed with the very order or size that they were allocated with."),
        N_("Nobody says anything: pages are lost, or somebody else's are freed."),
        "core-api/mm-api",
    ),
    "dma-ownership": Kind(
        N_("buffer used by both sides"),
        N_("A mapped buffer belongs to the device until it is unmapped or synced for the CPU."),
        _OLD_DATA,
        "core-api/dma-api",
    ),
    "dma-after-unmap": Kind(
        N_("DMA after the mapping ended"),
        N_("Stop the device first, then unmap: it writes to an address, not to a buffer."),
        N_("Nobody says anything: the device writes into whoever has the memory now."),
        "core-api/dma-api",
    ),
    "dma-outside-mapping": Kind(
        N_("DMA outside of every mapping"),
        N_("A device is given the DMA address that the mapping returned, and its length."),
        N_("Nobody says anything: without an IOMMU the device reaches all memory."),
        "core-api/dma-api-howto",
    ),
    "dma-unreachable": Kind(
        N_("DMA to an address that leads nowhere"),
        N_("A device reaches only as many address bits as it has: set the mask, then map."),
        N_("Nobody says anything: what the device writes is lost, what it reads is all ones."),
        "core-api/dma-api-howto",
    ),
    "dma-freed-while-mapped": Kind(
        N_("memory freed while it is mapped for a device"),
        N_("Unmap first, free then: the device still knows the address."),
        N_("Nobody says anything: the device writes into the next owner's memory."),
        "core-api/dma-api",
    ),
    "irq-not-freed": Kind(
        N_("interrupt line that was not freed"),
        N_("Every request_irq() needs its free_irq(), on error paths as well."),
        N_("The next interrupt jumps into code that is gone."),
        "core-api/genericirq",
    ),
    "timer-not-stopped": Kind(
        N_("timer that was not stopped"),
        N_("A timer is shut down before its memory or its code goes away."),
        N_("The timer fires later and jumps into code that is gone."),
        "timers/timers-howto",
    ),
    "device-not-removed": Kind(
        N_("registration that was not undone"),
        N_("What a driver registers it takes back, in the opposite order."),
        N_("The next open jumps into code that is gone."),
        "driver-api/basics",
    ),
    "slab-corruption": Kind(
        N_("damaged slab"),
        N_("Free objects carry the allocator's own pointers: nobody may write into them."),
        N_("Without slab_debug nobody says anything, until a later kmalloc crashes."),
        "mm/slub",
    ),
    "divide-error": Kind(
        N_("division by zero"),
        N_("The kernel checks every divisor that comes from outside."),
        N_("The same oops: this does not depend on checkers."),
        "admin-guide/bug-hunting",
    ),
    "endless-recursion": Kind(
        N_("endless recursion"),
        N_("A kernel stack has 16 KiB: recursion needs a depth that is surely small."),
        N_("The guard page below the stack turns it into a panic."),
        "mm/vmap-stack",
    ),
    "host-memory": Kind(
        N_("run that was stopped: too much memory"),
        N_("The simulator keeps the bytes that a driver has really touched, up to a limit."),
        "",
        "Documentation/index",
    ),
    "simulator-defect": Kind(
        N_("defect of the simulator"),
        N_("This is not the driver's fault; please report it."),
        "",
        "Documentation/index",
    ),
}
