"""The later part of booting: initcalls, init memory given back, user space, some uptime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel import boot_layout as layout
from kmemquest.kernel import boot_memblock, gfp
from kmemquest.kernel.address import (
    PAGE_SHIFT,
    PAGE_SIZE,
    VMALLOC_END,
    VMALLOC_START,
    get_order,
    pages_for,
)
from kmemquest.kernel.mm.user_memory import Process
from kmemquest.kernel.mm.zone import MAX_ORDER_NR_PAGES
from kmemquest.kernel.text import boot_lines

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

HASH_TABLE_CALLER: Final = "alloc_large_system_hash+0x15c/0x2c0"
KERNEL_BLOCKS: Final = ((0, 1100), (1, 40), (2, 60), (3, 40))
"""(order, blocks): what a booted kernel holds in page tables, stacks, buffers and the like."""
DMA_POOL_SHARE: Final = 8192
DMA_POOL_MINIMUM_BYTES: Final = 128 << 10
KERNEL_SHARE: Final = 24
"""A small machine's kernel holds at most one page in so many."""
ROOTFS_PAGES: Final = 529
SHELL_SHARED_PAGES: Final = 400
SHELL_ANON_PAGES: Final = 24
TOOL_SHARED_PAGES: Final = 331
FIRST_USER_PID: Final = 120
INIT_PID: Final = 1
INIT_ANON_PAGES: Final = 8
SHELL_PID: Final = 101
"""The idle shell; pids below belong to init and kernel threads."""
ROOTFS_SHARE: Final = 48
"""A small machine's root file system holds at most one page in so many."""


def set_watermarks(machine: Machine) -> None:
    """Set the marks; huge pages raise them (`init_per_zone_wmark_min`, `hugepage_init`)."""
    _free_section(machine, "SMP alternatives", layout.kernel_image(machine.spec).smp_locks)
    boot_lines.print_memory(machine)
    machine.pages.setup_watermarks()
    enabled = machine.spec.option("transparent_hugepage", "always") != "never"
    machine.pages.recommend_min_free(thp=enabled)


def start_kernel_services(machine: Machine) -> None:
    """Take what the kernel itself keeps: hash tables in vmalloc space, stacks, page tables."""
    if boot_memblock.distributes_hash_tables(machine.spec):
        for table in machine.memblock.boot.hash_tables:
            machine.vmalloc.allocate_range(
                table.bytes, 1, VMALLOC_START, VMALLOC_END, gfp.GFP_KERNEL, HASH_TABLE_CALLER
            )
    start_dma_pools(machine)
    pages = machine.pages
    managed = sum(zone.managed for zone in pages.zones)
    wanted = sum(blocks << order for order, blocks in KERNEL_BLOCKS)
    budget = min(wanted, managed // KERNEL_SHARE)
    for order, blocks in KERNEL_BLOCKS:
        for _ in range(blocks * budget // wanted):
            pages.alloc_pages(gfp.GFP_KERNEL, order)


def start_dma_pools(machine: Machine) -> None:
    """Take the pools for coherent DMA from atomic context (`kernel/dma/pool.c`)."""
    pages = machine.pages
    managed = sum(zone.managed for zone in pages.zones)
    share = min(managed // DMA_POOL_SHARE, MAX_ORDER_NR_PAGES) << PAGE_SHIFT
    order = get_order(max(share, DMA_POOL_MINIMUM_BYTES))
    for selector in (0, gfp.GFP_DMA, gfp.GFP_DMA32):
        mask = gfp.GFP_KERNEL | selector
        taken = next(
            (
                have
                for have in range(order, -1, -1)
                if pages.alloc_pages(mask | gfp.NOWARN, have) >= 0
            ),
            None,
        )
        if taken is not None:
            boot_lines.print_dma_pool(machine, PAGE_SIZE << taken, mask)


def free_init_memory(machine: Machine) -> None:
    """Give back the initial RAM disk and the sections only booting needed."""
    image = layout.kernel_image(machine.spec)
    _free_section(machine, "initrd", machine.memblock.boot.initrd)
    _free_section(machine, "unused decrypted", image.decrypted)
    _free_section(machine, "unused kernel image (initmem)", image.init)
    _free_section(machine, "unused kernel image (rodata/data gap)", image.gap)


def _free_section(machine: Machine, what: str, section: tuple[int, int]) -> None:
    first, last = pages_for(section[0]), section[1] >> PAGE_SHIFT
    if last > first:
        machine.pages.free_reserved_range(first, last)
        boot_lines.print_freeing(machine, what, section[1] - section[0])


def start_processes(machine: Machine) -> None:
    """Unpack the root file system, start init, the shell and the processes of the spec."""
    user = machine.reclaim.user
    managed = sum(zone.managed for zone in machine.pages.zones)
    small = min(managed // ROOTFS_SHARE, ROOTFS_PAGES)
    user.fill_rootfs(small)
    tool_pages = min(small, TOOL_SHARED_PAGES)
    init = user.start(Process(INIT_PID, "init", shmem=tool_pages))
    user.touch(init, INIT_ANON_PAGES)
    shell = user.start(Process(SHELL_PID, "sh", shmem=min(small, SHELL_SHARED_PAGES)))
    user.touch(shell, SHELL_ANON_PAGES)
    for number, (comm, resident, adjustment) in enumerate(machine.spec.processes):
        process = Process(FIRST_USER_PID + number, comm, adjustment, shmem=tool_pages)
        user.start(process)
        user.touch(process, pages_for(resident))


def settle(machine: Machine) -> None:
    """Fill the page cache and let the system run until the uptime of the spec."""
    if machine.spec.page_cache:
        machine.reclaim.page_cache.fill(pages_for(machine.spec.page_cache))
    machine.reclaim.run_kswapd()
    for _ in range(2):
        machine.pages.vmstat_tick()
    machine.clock.now = max(machine.clock.now, machine.spec.uptime)
