"""Which kernel build the messages speak for: its name, its source lines, its symbols.

Source lines and symbol offsets belong to one build of the kernel. The simulated machine speaks
for a build of 6.12.107 of its own; a machine booted with the word `kmemquest.build=debian` (no
kernel knows it, so it is harmless) speaks for Debian's 6.12.95 cloud kernel, whose lines and
offsets are known from recordings. A symbol whose true offset is not known gets one derived from
its name: always the same, plausible, and simulated.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from zlib import crc32

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

KERNEL_TEXT: Final = 0xFFFFFFFF_81000000
TEXT_SPAN: Final = 0x00FF_FFF0
"""Simulated kernel functions lie within this many bytes of the start of the kernel's text."""
BUILD_OPTION: Final = "kmemquest.build"

Place = tuple[str, int, str]
"""(source file, line, function without offset) of a WARN or BUG, as our code names it."""


@dataclass(frozen=True, slots=True)
class KernelBuild:
    """The names of one kernel build.

    `package` follows the version after two blanks when there is one. `module_flags` are the taint
    letters of an out-of-tree module. `smap`: the machines of this build's recordings have SMAP,
    so a fault on a user address dies before interrupts are enabled again.
    """

    release: str
    version: str
    package: str
    hardware: str
    module_flags: str
    smap: bool
    places: dict[Place, tuple[int, str]] = field(default_factory=dict)
    """Where this build has a WARN or BUG: (source line, symbol with offset)."""
    symbols: dict[str, str] = field(default_factory=dict)
    """Function -> symbol with offset, as it stands in a call trace."""

    @property
    def identity(self) -> str:
        """Return release, version and package; without a package a blank stays at the end."""
        return f"{self.release} {self.version} {' ' + self.package if self.package else ''}"


OWN: Final = KernelBuild(
    release="6.12.107",
    version="#1",
    package="",
    hardware="QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.16.2-1 04/01/2014",
    module_flags="O",
    smap=True,
    symbols={
        "dump_stack_lvl": "dump_stack_lvl+0x62/0x90",
        "do_one_initcall": "do_one_initcall+0x6e/0x290",
        "do_init_module": "do_init_module+0x5b/0x220",
        "init_module_from_file": "init_module_from_file+0x70/0x90",
        "__x64_sys_finit_module": "__x64_sys_finit_module+0x148/0x360",
        "__x64_sys_delete_module": "__x64_sys_delete_module+0x2dd/0x530",
        "do_syscall_64": "do_syscall_64+0x37/0xb0",
        "entry_SYSCALL_64_after_hwframe": "entry_SYSCALL_64_after_hwframe+0x4b/0x53",
        "asm_sysvec_apic_timer_interrupt": "asm_sysvec_apic_timer_interrupt+0x16/0x20",
        "sysvec_apic_timer_interrupt": "sysvec_apic_timer_interrupt+0x66/0x80",
        "default_idle": "default_idle+0x13/0x20",
        "default_idle_call": "default_idle_call+0x67/0x96",
        "do_idle": "do_idle+0x127/0x1c0",
        "cpu_startup_entry": "cpu_startup_entry+0x4b/0x60",
        "rest_init": "rest_init+0x131/0x200",
        "start_kernel": "start_kernel+0x2f5/0x360",
        "x86_64_start_reservations": "x86_64_start_reservations+0x14/0x30",
        "x86_64_start_kernel": "x86_64_start_kernel+0xac/0xc0",
        "common_startup_64": "common_startup_64+0x129/0x138",
    },
)

DEBIAN: Final = KernelBuild(
    release="6.12.95+deb12-cloud-amd64",
    version="#1",
    package="Debian 6.12.95-1~bpo12+1",
    hardware="QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.16.2-debian-1.16.2-1 04/01/2014",
    module_flags="OE",
    smap=False,
    places={
        ("mm/page_alloc.c", 4817, "__alloc_pages_noprof"): (
            4817,
            "__alloc_pages_noprof+0x303/0x310",
        ),
        ("mm/util.c", 670, "__kvmalloc_node_noprof"): (670, "__kvmalloc_node_noprof+0xc1/0xd0"),
        ("mm/vmalloc.c", 3838, "__vmalloc_node_range_noprof"): (
            3790,
            "__vmalloc_node_range_noprof+0x7d3/0x850",
        ),
        ("mm/vmalloc.c", 3426, "vfree"): (3378, "vfree.part.0+0x10f/0x240"),
        ("mm/vmalloc.c", 3291, "remove_vm_area"): (3243, "remove_vm_area+0x61/0x70"),
        ("mm/slub.c", 4779, "free_large_kmalloc"): (4765, "free_large_kmalloc+0x3f/0x70"),
        ("mm/slub.c", 2697, "___slab_alloc"): (2685, "___slab_alloc+0x792/0xbd0"),
        ("mm/slub.c", 4750, "kmem_cache_free"): (4736, "kmem_cache_free+0x2ca/0x450"),
        ("mm/slub.c", 1149, "__kmem_cache_shutdown"): (1149, "__kmem_cache_shutdown+0x246/0x320"),
        ("mm/slub.c", 1149, "slab_err"): (1149, "slab_err+0x90/0xc0"),
        ("mm/slub.c", 1124, "object_err"): (1124, "object_err+0x1dc/0x2c0"),
        ("mm/slub.c", 547, "kfree"): (547, "kfree+0x254/0x370"),
        ("mm/slab_common.c", 521, "kmem_cache_destroy"): (521, "kmem_cache_destroy+0x134/0x140"),
        ("mm/slab_common.c", 998, "__ksize"): (998, "__ksize+0x10a/0x130"),
        ("kernel/dma/mapping.c", 158, "dma_map_page_attrs"): (
            164,
            "dma_map_page_attrs+0x24c/0x340",
        ),
        ("kernel/dma/direct.h", 104, "dma_map_page_attrs"): (
            103,
            "dma_map_page_attrs+0x30f/0x340",
        ),
        ("", 0, "kfree"): (0, "kfree+0x72/0x370"),
        ("", 0, "reciprocal_value"): (0, "reciprocal_value+0x2a/0x60"),
        ("", 0, "strlen"): (0, "strlen+0x4/0x30"),
    },
    symbols={
        "dump_stack_lvl": "dump_stack_lvl+0x64/0x80",
        "warn_alloc": "warn_alloc+0x164/0x1e0",
        "bad_page": "bad_page+0x70/0x110",
        "dump_header": "dump_header+0x43/0x1d0",
        "oom_kill_process": "oom_kill_process+0xfa/0x200",
        "out_of_memory": "out_of_memory+0x257/0x520",
        "__alloc_pages_slowpath.constprop.0": "__alloc_pages_slowpath.constprop.0+0x2ac/0xe00",
        "__alloc_pages_noprof": "__alloc_pages_noprof+0x2ef/0x310",
        "alloc_pages_mpol_noprof": "alloc_pages_mpol_noprof+0x8f/0x1e0",
        "__vmalloc_node_range_noprof": "__vmalloc_node_range_noprof+0x7ae/0x850",
        "__vmalloc_node_noprof": "__vmalloc_node_noprof+0x4e/0x70",
        "proc_reg_write": "proc_reg_write+0x5a/0xa0",
        "vfs_write": "vfs_write+0xfb/0x450",
        "ksys_write": "ksys_write+0x6f/0xf0",
        "do_syscall_64": "do_syscall_64+0x87/0x180",
        "entry_SYSCALL_64_after_hwframe": "entry_SYSCALL_64_after_hwframe+0x76/0x7e",
        "asm_exc_page_fault": "asm_exc_page_fault+0x26/0x30",
        "exc_page_fault": "exc_page_fault+0x76/0x190",
        "do_user_addr_fault": "do_user_addr_fault+0x20c/0x670",
        "handle_mm_fault": "handle_mm_fault+0x180/0x2d0",
        "__handle_mm_fault": "__handle_mm_fault+0xb52/0xf90",
    },
)


def build_of(machine: Machine) -> KernelBuild:
    """Return the build that a machine's messages speak for."""
    return DEBIAN if machine.spec.option(BUILD_OPTION) == "debian" else OWN


def located(build: KernelBuild, file: str, line: int, function: str) -> tuple[int, str]:
    """Return (source line, symbol with offset) of a WARN, BUG or faulting kernel function.

    `function` may come with an offset already; it stands where the build does not know better.
    An empty `file` (line 0) asks for the faulting instruction of a kernel function.
    """
    name = function.partition("+")[0]
    known = build.places.get((file, line, name))
    if known is not None:
        return known
    return line, function if "+" in function else symbol_of(build, name)


def symbol_of(build: KernelBuild, function: str) -> str:
    """Render a kernel function as it stands in a call trace; one with an offset stays as it is."""
    if "+" in function or function.startswith("0x"):
        return function
    known = build.symbols.get(function)
    if known is not None:
        return known
    mark = crc32(function.encode())
    length = 0x40 + (mark & 0x3F) * 0x10
    offset = 5 + (mark >> 8) % (length - 0x10)
    return f"{function}+{offset:#x}/{length:#x}"


def text_address(symbol: str) -> int:
    """Return the simulated address of the instruction that `function+0x…/0x…` names."""
    name, _, rest = symbol.partition("+")
    offset = int(rest.partition("/")[0] or "0", 16)
    start = KERNEL_TEXT + (crc32(name.encode()) & TEXT_SPAN)
    return (start & ~0xF) + offset
