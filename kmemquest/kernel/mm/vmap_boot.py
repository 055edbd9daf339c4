"""What lies in the vmalloc window of a booted machine before any driver asks for space.

The order and sizes are those of a 512 MiB PC with one CPU (`/proc/vmallocinfo`): the interrupt
stack, ACPI tables, HPET and BIOS data, the maps of the DMA pools, a BPF program, one 16 KiB stack
for every kernel thread, and the console's line discipline. Left out is what belongs to hardware or
modules that this machine does not have. Threads beyond the first CPU's are two stacks per CPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import PAGE_SHIFT, PAGE_SIZE, THREAD_SIZE, VMALLOC_END, VMALLOC_START
from kmemquest.kernel.boot_layout import acpi_start
from kmemquest.kernel.gfp import GFP_KERNEL, ZERO
from kmemquest.kernel.mm.kernel_stack import CALLER as THREAD
from kmemquest.kernel.mm.vmap_area import VM_MAP, VmArea

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine
    from kmemquest.kernel.mm.vmalloc import VmallocSpace

KERNEL_THREADS: Final = 64
"""Threads of a booted one-CPU machine with a shell."""
THREADS_PER_CPU: Final = 5
"""cpuhp, idle_inject, migration, ksoftirqd and a worker for each further CPU."""
STACK_SHARE: Final = 64
"""A small machine runs fewer threads: their stacks take at most one page in so many."""
ACPI_IO: Final = "acpi_os_map_iomem+0x1a9/0x1e0"
GEN_POOL: Final = "gen_pool_add_owner+0x3e/0xc0"
HPET_BASE: Final = 0xFED0_0000
SMBIOS_ENTRY: Final = 0xF5000
N_TTY_DATA: Final = 2 * PAGE_SIZE + 608
"""sizeof(struct n_tty_data): three pages."""


def occupy_at_boot(machine: Machine, vmalloc: VmallocSpace) -> None:
    """Enter the areas that exist before the first driver."""
    _map_irq_stack(machine, vmalloc)
    tables = acpi_start(machine.spec)
    if tables:
        vmalloc.reserve_io(PAGE_SIZE, tables + PAGE_SIZE, ACPI_IO)
        vmalloc.reserve_io(2 * PAGE_SIZE, tables, ACPI_IO)
    vmalloc.reserve_io(PAGE_SIZE, HPET_BASE, "hpet_enable+0x9e/0x500")
    threads = _thread_count(machine)
    between = (
        (1024, GEN_POOL),
        (PAGE_SIZE, "bpf_prog_alloc_no_stats+0x3d/0x240"),
        (1024, GEN_POOL),
        (1024, GEN_POOL),
        (1024, GEN_POOL),
    )
    for size, caller in between:
        _allocate(vmalloc, size, caller)
        threads -= _add_thread(vmalloc, threads)
    vmalloc.reserve_io(PAGE_SIZE, HPET_BASE, ACPI_IO)
    threads -= _add_thread(vmalloc, threads)
    vmalloc.reserve_io(PAGE_SIZE, SMBIOS_ENTRY, "memremap+0x164/0x230")
    while threads > 0:
        threads -= _add_thread(vmalloc, threads)
    _allocate(vmalloc, N_TTY_DATA, "n_tty_open+0x18/0xa0")


def _map_irq_stack(machine: Machine, vmalloc: VmallocSpace) -> None:
    """The hard interrupt stack: four pages of per-CPU memory mapped a second time."""
    size = THREAD_SIZE + PAGE_SIZE
    area = VmArea(VMALLOC_START, size, THREAD_SIZE, VM_MAP, "irq_init_percpu_irqstack+0xf4/0x130")
    first = machine.memblock.boot.percpu_base >> PAGE_SHIFT
    pfns = list(range(first, first + (THREAD_SIZE >> PAGE_SHIFT)))
    vmalloc.tables.map_frames(area.start, pfns, huge=False)
    area.mapped = len(pfns)
    vmalloc.adopt_area(area)


def _thread_count(machine: Machine) -> int:
    pages = sum(zone.managed for zone in machine.pages.zones)
    wanted = KERNEL_THREADS + THREADS_PER_CPU * (machine.spec.cpus - 1)
    stack_pages = THREAD_SIZE >> PAGE_SHIFT
    return min(wanted, pages // STACK_SHARE // stack_pages)


def _add_thread(vmalloc: VmallocSpace, left: int) -> int:
    if left > 0:
        vmalloc.allocate_range(
            THREAD_SIZE, THREAD_SIZE, VMALLOC_START, VMALLOC_END, GFP_KERNEL | ZERO, THREAD
        )
    return 1


def _allocate(vmalloc: VmallocSpace, size: int, caller: str) -> None:
    vmalloc.allocate_range(size, 1, VMALLOC_START, VMALLOC_END, GFP_KERNEL, caller)
