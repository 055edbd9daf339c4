"""One table of what can go wrong: the rule behind each kind of report, and where it is written.

Goals, verdicts and plain mode take their words from here; kinds are those of
`kmemquest.kernel.events.Report`.
"""

from __future__ import annotations

from typing import Final

from kmemquest.i18n import N_
from kmemquest.level.report_kind import Kind
from kmemquest.level.reports_silent import SILENT_KINDS
from kmemquest.level.reports_subsystems import SUBSYSTEM_KINDS

_UNKNOWN: Final = Kind(
    N_("report of the kernel"),
    N_("The kernel only complains when one of its rules was broken; read the first line."),
    "",
    "admin-guide/bug-hunting",
)

KINDS: Final[dict[str, Kind]] = {
    **SUBSYSTEM_KINDS,
    **SILENT_KINDS,
    "sleep-in-atomic": Kind(
        N_("sleep in atomic context"),
        N_(
            "A call that may sleep is forbidden in interrupts, under spinlocks, with interrupts "
            "off and inside RCU readers, even if it does not sleep today."
        ),
        N_(
            "A production kernel says nothing until the call really has to wait; then the machine "
            "hangs or schedules while atomic."
        ),
        "include/linux/sched/mm.h:might_alloc",
    ),
    "page-allocation-failure": Kind(
        N_("page allocation failure"),
        N_(
            "A request that may not wait, or needs many contiguous pages, can fail at any time: "
            "ask for less, ask earlier, or be ready for NULL."
        ),
        N_("The driver gets NULL; whatever it does next without looking is its own doing."),
        "core-api/memory-allocation",
    ),
    "order-too-large": Kind(
        N_("request above the largest order"),
        N_("The buddy system hands out at most 2^10 contiguous pages (4 MiB) at once."),
        N_("The request fails, every time, with a warning once."),
        "mm/page_alloc.c:__alloc_pages_noprof",
    ),
    "slab-out-of-bounds": Kind(
        N_("access outside of an object"),
        N_("Only the bytes that were asked for are yours, even if the slab slot is larger."),
        N_("A neighbouring object is read or damaged, and somebody else crashes much later."),
        "dev-tools/kasan",
    ),
    "vmalloc-out-of-bounds": Kind(
        N_("access outside of a vmalloc area"),
        N_("A vmalloc area ends with the requested size; after its last page there is a hole."),
        N_("Within the last page nothing happens; one page further the kernel oopses."),
        "mm/vmalloc.c:__get_vm_area_node",
    ),
    "slab-use-after-free": Kind(
        N_("use after free"),
        N_("After kfree() the object may belong to anybody; drop every pointer to it first."),
        N_("The next owner of the object is damaged, silently."),
        "dev-tools/kasan",
    ),
    "page-use-after-free": Kind(
        N_("use of a freed page"),
        N_("After the free the pages may belong to anybody; drop every pointer to them first."),
        N_("The next owner of the page is damaged, silently."),
        "dev-tools/kasan",
    ),
    "double-free": Kind(
        N_("double free"),
        N_("Every allocation is freed exactly once; set the pointer to NULL after freeing."),
        N_("Two owners get the same object later; with luck the slab allocator notices."),
        "mm/slub.c:set_freepointer",
    ),
    "invalid-free": Kind(
        N_("invalid free"),
        N_("Free the pointer that the allocator returned, with the function that belongs to it."),
        N_("It depends on the pointer: a warning, a BUG, lost pages, or damage nobody mentions."),
        "core-api/memory-allocation",
    ),
    "leak": Kind(
        N_("leak"),
        N_("What a driver took it gives back: on every error path, and when it is unloaded."),
        N_("Nobody says anything; the memory is gone until the next reboot."),
        "dev-tools/kmemleak",
    ),
    "oom-kill": Kind(
        N_("OOM kill"),
        N_("The kernel gives a process up when nothing else can be reclaimed."),
        N_("A process of the user dies for the driver's appetite."),
        "mm/oom_kill.c:out_of_memory",
    ),
    "null-dereference": Kind(
        N_("use of a NULL pointer"),
        N_("Every allocation can fail: look at the pointer before using it."),
        N_("The same oops: this does not depend on checkers."),
        "core-api/memory-allocation",
    ),
    "page-fault": Kind(
        N_("access to an unmapped address"),
        N_("Only addresses that an allocator returned, and only as many bytes, may be touched."),
        N_("The same oops: this does not depend on checkers."),
        "arch/x86/mm/fault.c:page_fault_oops",
    ),
    "user-pointer-dereference": Kind(
        N_("direct use of a user-space pointer"),
        N_("User memory is reached only by copy_from_user() and copy_to_user()."),
        N_("The same oops (SMAP), or a security hole on older machines."),
        "include/linux/uaccess.h:copy_from_user",
    ),
    "general-protection-fault": Kind(
        N_("use of a damaged pointer"),
        N_("A pointer that is not canonical was never valid: it was read from freed memory."),
        N_("The same oops: this does not depend on checkers."),
        "arch/x86/kernel/traps.c:exc_general_protection",
    ),
    "kernel-bug": Kind(
        N_("kernel BUG"),
        N_("BUG() guards what must never be; here the context or the argument was impossible."),
        N_("The same: BUG() is in every kernel."),
        "process/deprecated",
    ),
    "panic": Kind(
        N_("panic"),
        N_("A panic stops the machine: an oops in interrupt context leaves no other way."),
        N_("The same: the machine stands still."),
        "admin-guide/bug-hunting",
    ),
    "warning": Kind(
        N_("kernel warning"),
        N_("WARN() marks a bug of the caller from which the kernel can go on."),
        N_("The same: WARN() is in every kernel."),
        "process/deprecated",
    ),
    "bad-page": Kind(
        N_("bad page state"),
        N_("A page that is freed while somebody uses it is taken out of service."),
        N_("The same: these checks are always on for pages that go to the buddy lists."),
        "mm/page_alloc.c:bad_page",
    ),
    "endless-loop": Kind(
        N_("endless loop"),
        N_("The kernel has no one to stop it: every loop needs an end that it surely reaches."),
        N_("The CPU is lost; the watchdog reports a soft lockup after some 20 seconds."),
        "admin-guide/lockup-watchdogs",
    ),
    "stack-overflow": Kind(
        N_("stack overflow"),
        N_("A kernel stack has 16 KiB: no deep recursion and no large local arrays."),
        N_("The guard page below the stack turns it into a panic."),
        "mm/vmap-stack",
    ),
}

ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "out-of-bounds": (
        "slab-out-of-bounds",
        "vmalloc-out-of-bounds",
        "page-out-of-bounds",
        "global-out-of-bounds",
        "stack-out-of-bounds",
    ),
    "use-after-free": ("slab-use-after-free", "page-use-after-free"),
    "bad-free": (
        "double-free",
        "invalid-free",
        "free-size-mismatch",
        "bad-vfree",
        "wrong-cache",
        "bad-iounmap",
        "bad-free-irq",
    ),
    "deadlocks": ("deadlock", "task-hangs", "hung-task", "soft-lockup", "lock-not-released"),
    "dma-misuse": (
        "dma-api",
        "dma-after-unmap",
        "dma-compound",
        "dma-direction",
        "dma-free-irqs-off",
        "dma-freed-while-mapped",
        "dma-map-vmalloc",
        "dma-no-mask",
        "dma-outside-mapping",
        "dma-overflow",
        "dma-ownership",
        "dma-unreachable",
        "dma-zone-flag",
    ),
    "oops": (
        "null-dereference",
        "page-fault",
        "user-pointer-dereference",
        "general-protection-fault",
        "kernel-bug",
        "divide-error",
        "fortify",
        "usercopy",
        "panic",
    ),
}
"""Words that authors may use for several kinds at once."""


def kind_of(word: str) -> Kind:
    """Return the facts of a kind; unknown kinds get the general ones."""
    return KINDS.get(word, _UNKNOWN)


def expand(word: str) -> tuple[str, ...]:
    """Return the kinds that a word of a level file stands for."""
    return ALIASES.get(word, (word,))


def known_words() -> tuple[str, ...]:
    """Return every word that a level file may use."""
    return (*KINDS, *ALIASES)
