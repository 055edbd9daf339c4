"""What x86-64 does with memblock from the first instruction to the hand-over, call by call.

Every reservation and allocation is a real memblock call in the order of `setup_arch`,
`setup_per_cpu_areas`, `vfs_caches_init_early` and `mem_init`. Sizes are bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel import boot_layout as layout
from kmemquest.kernel.address import PAGE_OFFSET, PAGE_SHIFT, PAGE_SIZE
from kmemquest.kernel.boot_record import HASH_BUCKET_BYTES, HashTable
from kmemquest.kernel.mm.memblock import Memblock
from kmemquest.kernel.mm.memblock_map import (
    ALLOC_ACCESSIBLE,
    ARCH_LOW_ADDRESS_LIMIT,
    NUMA_NO_NODE,
)
from kmemquest.kernel.spec import GIB, MIB, MachineSpec

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

PMD_SIZE: Final = 2 * MIB
PGDAT_BYTES: Final = 174_464
REAL_MODE_BYTES: Final = 28_672
SECTIONS_PER_ROOT: Final = 256
SECTION_ROOT_ARRAY_BYTES: Final = 16_384
SECTION_USAGE_BYTES: Final = 56
SECTION_MEMMAP_BYTES: Final = 2 * MIB
VMEMMAP_PER_PMD_PAGE: Final = 1 * GIB
VMEMMAP_PER_PUD_PAGE: Final = 512 * GIB

PERCPU_UNIT_BYTES: Final = 0x42000
"""Static 233472 + reserved 8192 + dynamic 28672 bytes for every CPU."""
PERCPU_STATIC: Final = 233_472
PERCPU_RESERVED: Final = 8_192
PERCPU_DYNAMIC: Final = 28_672

ADAPT_SCALE_PAGES: Final = 64 * GIB >> PAGE_SHIFT

SWIOTLB_BYTES: Final = 64 * MIB
SWIOTLB_SLOT_BYTES: Final = 2_048
SWIOTLB_SLOT_INFO_BYTES: Final = 24


# --- setup_arch ---------------------------------------------------------------------------


def reserve_early(memblock: Memblock, spec: MachineSpec) -> None:
    """Protect what must survive before any memory is known (`early_reserve_memory`)."""
    image = layout.kernel_image(spec)
    debug, memblock.debug = memblock.debug, False  # The command line is not parsed yet.
    memblock.reserve(image.start, image.end - image.start, "early_reserve_memory")
    memblock.reserve(0, 64 * 1024, "early_reserve_memory")
    start, end = layout.initrd_range(spec)
    if end > start:
        memblock.reserve(start, end - start, "early_reserve_memory")
    if layout.acpi_start(spec):
        low = layout.BIOS_RESERVED_START
        memblock.reserve(low, layout.ISA_END - low, "reserve_bios_regions")
    memblock.debug = debug
    memblock.reserve(image.brk[0], image.brk[1] - image.brk[0], "setup_arch")


def add_firmware_map(memblock: Memblock, spec: MachineSpec) -> None:
    """Tell memblock of the RAM (`e820__memblock_setup`)."""
    memblock.allow_resize()
    for start, end in layout.usable_ranges(spec):
        memblock.add(start, end - start, "e820__memblock_setup")
    memblock.trim_memory(PAGE_SIZE)


def map_direct(memblock: Memblock) -> None:
    """Take the real-mode trampoline, reserve the first MiB, build the direct map."""
    memblock.set_current_limit(layout.ISA_END)
    memblock.phys_alloc_range(REAL_MODE_BYTES, PAGE_SIZE, 0, layout.ISA_END, "reserve_real_mode")
    memblock.reserve(0, layout.ISA_END, "setup_arch")
    end = memblock.end_of_dram()
    memblock.set_current_limit(end)
    probe = memblock.phys_alloc_range(PMD_SIZE, PMD_SIZE, layout.ISA_END, end, "init_mem_mapping")
    memblock.phys_free(probe, PMD_SIZE, "init_mem_mapping")
    start, stop, pages = _page_table_window(end, probe)
    for _ in range(pages):
        memblock.phys_alloc_range(PAGE_SIZE, PAGE_SIZE, start, stop, "alloc_low_pages")


def _page_table_window(end: int, probe: int) -> tuple[int, int, int]:
    """Return (from, to, pages) of the page tables that do not fit into the brk area.

    With 1 GiB pages only the ragged top needs tables; every 512 GiB more take one page.
    """
    if end > layout.FOUR_GIB:
        return end - GIB // 2, end, 3 + end // (512 * GIB)
    if end > 2 * GIB + GIB // 2:
        return 2 * GIB, probe + PMD_SIZE, 1
    return 0, 0, 0


def reserve_acpi(memblock: Memblock, spec: MachineSpec) -> None:
    """Reserve the ACPI tables, which lie outside RAM (`acpi_reserve_initial_tables`)."""
    for _, start, size in layout.acpi_tables(spec):
        memblock.reserve(start, size, "acpi_reserve_initial_tables")


def set_up_nodes(memblock: Memblock, spec: MachineSpec) -> None:
    """Give memory its nodes and every node its data (`initmem_init`)."""
    ranges = layout.node_ranges(spec)
    nodes = sorted({entry.node for entry in ranges})
    if len(nodes) > 1:
        size = len(nodes) ** 2
        memblock.alloc_try_nid(
            size, PAGE_SIZE, 0, ALLOC_ACCESSIBLE, NUMA_NO_NODE, "numa_alloc_distance"
        )
    lowest, highest = memblock.start_of_dram(), memblock.end_of_dram()
    for entry in ranges:
        # Firmware affinity is cut to where there is RAM (`numa_cleanup_meminfo`).
        start, end = max(entry.base, lowest), min(entry.end, highest)
        memblock.set_node(start, end - start, memblock.memory, entry.node)
        memblock.set_node(start, end - start, memblock.reserved, entry.node)
    for node in nodes:
        memblock.phys_alloc_try_nid(PGDAT_BYTES, memblock.cache_bytes, node, "alloc_node_data")


# --- sparse_init --------------------------------------------------------------------------


def allocate_memmap(machine: Machine) -> None:
    """Allocate section tables and the array of struct pages (`sparse_init`)."""
    memblock = machine.memblock
    cache = memblock.cache_bytes
    sections = _sections_by_node(memblock)
    roots = sorted({section // SECTIONS_PER_ROOT for run in sections for section in run[1:]})
    array = memblock.alloc(SECTION_ROOT_ARRAY_BYTES, cache, "sparse_init")
    memblock.boot.section_roots = array
    first, last = roots[0], roots[-1]
    for _ in range(first, last + 1):
        memblock.alloc_node(PAGE_SIZE, cache, 0, "sparse_index_alloc")
    puds: set[int] = set()
    pmds: set[int] = set()
    total = 0
    for node in sorted({run[0] for run in sections}):
        count = sum(end - start + 1 for nid, start, end in sections if nid == node)
        _allocate_usage(memblock, node, count)
        memblock.alloc_exact_nid_raw(
            count * SECTION_MEMMAP_BYTES,
            PMD_SIZE,
            layout.MAX_DMA_ADDRESS,
            ALLOC_ACCESSIBLE,
            node,
            "sparse_init_nid",
        )
        total += count * SECTION_MEMMAP_BYTES
        for nid, start, end in sections:
            if nid == node:
                _populate(memblock, node, start, end, puds, pmds)
    memblock.boot.memmap_bytes = total


def _sections_by_node(memblock: Memblock) -> list[tuple[int, int, int]]:
    """Return (node, first section, last section) runs of present sections, each once."""
    runs: list[tuple[int, int, int]] = []
    for start, end, nid in memblock.pfn_ranges():
        first = (start << PAGE_SHIFT) // layout.SECTION_BYTES
        last = ((end << PAGE_SHIFT) - 1) // layout.SECTION_BYTES
        if runs and first <= runs[-1][2]:
            if nid == runs[-1][0]:
                runs[-1] = (nid, runs[-1][1], max(last, runs[-1][2]))
                continue
            first = runs[-1][2] + 1
        if first <= last:
            runs.append((nid, first, last))
    return runs


def _allocate_usage(memblock: Memblock, node: int, sections: int) -> None:
    """Allocate the sections' usage maps near the node's data, or anywhere."""
    node_end = max(end for start, end, nid in memblock.pfn_ranges(node)) << PAGE_SHIFT
    goal = (node_end - 1) // layout.SECTION_BYTES * layout.SECTION_BYTES
    limit = goal + layout.SECTION_BYTES
    size = sections * SECTION_USAGE_BYTES
    found = memblock.alloc_try_nid(size, memblock.cache_bytes, goal, limit, node, "sparse_init_nid")
    if not found:
        memblock.alloc_try_nid(
            size, memblock.cache_bytes, 0, ALLOC_ACCESSIBLE, node, "sparse_init_nid"
        )


def _populate(
    memblock: Memblock, node: int, first: int, last: int, puds: set[int], pmds: set[int]
) -> None:
    """Take the page-table pages that map the vmemmap of sections [first, last]."""
    start, end = first * SECTION_MEMMAP_BYTES, (last + 1) * SECTION_MEMMAP_BYTES
    for pud in range(start // VMEMMAP_PER_PUD_PAGE, (end - 1) // VMEMMAP_PER_PUD_PAGE + 1):
        if pud not in puds:
            puds.add(pud)
            _page_table_page(memblock, node)
    for pmd in range(start // VMEMMAP_PER_PMD_PAGE, (end - 1) // VMEMMAP_PER_PMD_PAGE + 1):
        if pmd not in pmds:
            pmds.add(pmd)
            _page_table_page(memblock, node)


def _page_table_page(memblock: Memblock, node: int) -> None:
    memblock.alloc_try_nid_raw(
        PAGE_SIZE,
        PAGE_SIZE,
        layout.MAX_DMA_ADDRESS,
        ALLOC_ACCESSIBLE,
        node,
        "vmemmap_alloc_block_zero",
    )


# --- the rest of setup_arch and start_kernel ------------------------------------------------


def allocate_tables(machine: Machine) -> None:
    """Make the many small boot-time tables, in the kernel's order."""
    memblock, spec = machine.memblock, machine.spec
    cache = memblock.cache_bytes
    firmware = layout.firmware_map(spec)
    memblock.alloc(73, cache, "acpi_parse_hpet")
    memblock.alloc(75, cache, "io_apic_init_mappings")
    # The kernel's own table has one more entry: page 0 became reserved.
    memblock.alloc(64 * (len(firmware) + 1), cache, "e820__reserve_resources")
    for _ in firmware:
        memblock.alloc(104, cache, "firmware_map_add_early")
    for _ in layout.usable_ranges(spec):
        memblock.alloc(32, cache, "register_nosave_region")
    command_line_bytes = len(layout.command_line(spec)) + 1
    memblock.alloc(command_line_bytes, cache, "setup_command_line")
    memblock.alloc(command_line_bytes, cache, "setup_command_line")


def allocate_percpu(machine: Machine) -> None:
    """Embed the first per-CPU chunk (`pcpu_embed_first_chunk`)."""
    memblock, spec = machine.memblock, machine.spec
    cache = memblock.cache_bytes
    info = memblock.alloc(PAGE_SIZE, PAGE_SIZE, "pcpu_build_alloc_info")
    areas = memblock.alloc(PAGE_SIZE, cache, "pcpu_embed_first_chunk")
    nodes = len({entry.node for entry in layout.node_ranges(spec)})
    groups = _cpu_groups(spec.cpus, nodes)
    units = _units_per_block(groups)
    unit_bytes = PMD_SIZE // units
    for node, cpus in groups:
        size = -(-cpus // units) * PMD_SIZE
        base = memblock.alloc_try_nid(
            size, PMD_SIZE, layout.MAX_DMA_ADDRESS, ALLOC_ACCESSIBLE, node, "pcpu_fc_alloc"
        )
        memblock.boot.percpu_base = memblock.boot.percpu_base or base
        for unit in range(size // unit_bytes):
            start = base + unit * unit_bytes
            used = PERCPU_UNIT_BYTES if unit < cpus else 0
            memblock.free(start + used, unit_bytes - used, "pcpu_embed_first_chunk")
    memblock.boot.percpu_unit_bytes = unit_bytes
    for size in (8 * len(groups), 8 * len(groups), 4 * spec.cpus, 8 * spec.cpus):
        memblock.alloc(size, cache, "pcpu_setup_first_chunk")
    memblock.alloc(16 * (unit_bytes.bit_length() + 1), cache, "pcpu_setup_first_chunk")
    for region in (PERCPU_RESERVED, PERCPU_DYNAMIC):
        bitmap = region // 4 // 8
        for size in (200, bitmap, bitmap + 8, region // PAGE_SIZE * 32):
            memblock.alloc(size, cache, "pcpu_alloc_first_chunk")
    memblock.free(info, PAGE_SIZE, "pcpu_embed_first_chunk")
    memblock.free(areas, PAGE_SIZE, "pcpu_embed_first_chunk")
    for _ in range(nodes + 1):
        memblock.alloc(-(-spec.cpus // 64) * 8, cache, "alloc_bootmem_cpumask_var")


def _cpu_groups(cpus: int, nodes: int) -> list[tuple[int, int]]:
    """Return (node, number of CPUs) of the nodes that have CPUs."""
    nodes_of = [cpu * nodes // cpus for cpu in range(cpus)]
    return [(node, nodes_of.count(node)) for node in range(nodes) if node in nodes_of]


def _units_per_block(groups: list[tuple[int, int]]) -> int:
    """Return how many per-CPU units share 2 MiB without wasting much (`pcpu_build_alloc_info`)."""
    cpus = sum(count for _, count in groups)
    most = PMD_SIZE // PERCPU_UNIT_BYTES
    while PMD_SIZE % most or PMD_SIZE // most % PAGE_SIZE:
        most -= 1
    best, last = 1, 1 << 62
    for units in range(most, 0, -1):
        if PMD_SIZE % units or PMD_SIZE // units % PAGE_SIZE:
            continue
        blocks = sum(-(-count // units) for _, count in groups)
        wasted = sum(-(-count // units) * units - count for _, count in groups)
        if wasted > cpus // 3:
            continue
        if blocks > last:
            break
        last, best = blocks, units
    return best


def allocate_hash_tables(machine: Machine) -> None:
    """Allocate dentry and inode hash tables; on several nodes they wait for vmalloc."""
    memblock, spec = machine.memblock, machine.spec
    memblock.free(memblock.alloc(9, memblock.cache_bytes, "start_kernel"), 9, "start_kernel")
    memblock.boot.hash_tables = (
        hash_table(memblock, "Dentry cache", 13),
        hash_table(memblock, "Inode-cache", 14),
    )
    if not distributes_hash_tables(spec):
        for table in memblock.boot.hash_tables:
            memblock.alloc(table.bytes, memblock.cache_bytes, "alloc_large_system_hash")
    for _ in range(3):
        memblock.alloc(PAGE_SIZE, PAGE_SIZE, "spp_getpage")


def distributes_hash_tables(spec: MachineSpec) -> bool:
    """Tell whether hash tables are spread over the nodes with vmalloc (`hashdist`)."""
    return len({entry.node for entry in layout.node_ranges(spec)}) > 1


def hash_table(memblock: Memblock, name: str, scale: int) -> HashTable:
    """Size a table with one bucket per 2**scale bytes of memory (`alloc_large_system_hash`)."""
    pages = memblock.estimated_nr_free_pages()
    pages = -(-pages // 256) * 256
    adapt = ADAPT_SCALE_PAGES
    while adapt < pages:
        scale += 1
        adapt <<= 2
    entries = pages >> (scale - PAGE_SHIFT)
    limit = min((memblock.phys_mem_size() >> 4) // HASH_BUCKET_BYTES, 0x8000_0000)
    entries = min(entries, limit)
    return HashTable(name, 1 << max(entries - 1, 1).bit_length())


def allocate_swiotlb(machine: Machine) -> None:
    """Reserve the bounce buffers when some memory lies above 4 GiB (`swiotlb_init_remap`)."""
    memblock, spec = machine.memblock, machine.spec
    words = spec.option("swiotlb").split(",")
    if memblock.end_of_dram() <= layout.FOUR_GIB and "force" not in words:
        return
    if "noforce" in words:
        return
    slots = next((int(word, 0) for word in words if word[:1].isdigit()), 0)
    size = slots * SWIOTLB_SLOT_BYTES if slots > 1 else SWIOTLB_BYTES
    pool = memblock.alloc_try_nid(
        size, PAGE_SIZE, 0, ARCH_LOW_ADDRESS_LIMIT, NUMA_NO_NODE, "swiotlb_init_remap"
    )
    if not pool:
        return
    info = size // SWIOTLB_SLOT_BYTES * SWIOTLB_SLOT_INFO_BYTES
    memblock.alloc(-(-info // PAGE_SIZE) * PAGE_SIZE, PAGE_SIZE, "swiotlb_init_remap")
    areas = 1 << (spec.cpus - 1).bit_length()
    memblock.alloc(16 * areas, memblock.cache_bytes, "swiotlb_init_remap")
    memblock.boot.swiotlb_base = pool - PAGE_OFFSET
    memblock.boot.swiotlb_bytes = size
