"""The address space of x86-64 with four page-table levels and no KASLR.

Source: `Documentation/arch/x86/x86_64/mm.rst`, `arch/x86/include/asm/page_64_types.h`,
`pgtable_64_types.h`. All sizes are in bytes; a pfn is a physical address divided by PAGE_SIZE.
"""

PAGE_SHIFT = 12
PAGE_SIZE = 1 << PAGE_SHIFT
PAGE_MASK = ~(PAGE_SIZE - 1)
ADDRESS_MASK = (1 << 64) - 1

PAGE_OFFSET = 0xFFFF_8880_0000_0000
DIRECT_MAP_END = 0xFFFF_C87F_FFFF_FFFF
VMALLOC_START = 0xFFFF_C900_0000_0000
VMALLOC_END = 0xFFFF_E8FF_FFFF_FFFF
VMEMMAP_START = 0xFFFF_EA00_0000_0000
VMEMMAP_END = 0xFFFF_EB00_0000_0000
KERNEL_IMAGE_START = 0xFFFF_FFFF_8100_0000
MODULES_VADDR = 0xFFFF_FFFF_C000_0000
MODULES_END = 0xFFFF_FFFF_FF00_0000
TASK_SIZE = (1 << 47) - PAGE_SIZE

STRUCT_PAGE_SIZE = 64
THREAD_SIZE = 16384

ZERO_SIZE_PTR = 16
"""What `kmalloc(0)` returns (`include/linux/slab.h`)."""


def page_align(size: int) -> int:
    """Round `size` bytes up to whole pages."""
    return (size + PAGE_SIZE - 1) & PAGE_MASK


def pages_for(size: int) -> int:
    """Return how many pages hold `size` bytes."""
    return (size + PAGE_SIZE - 1) >> PAGE_SHIFT


def get_order(size: int) -> int:
    """Return the smallest order whose block holds `size` bytes (`include/asm-generic/getorder.h`).

    Zero gives 52, as the run-time version of the kernel does.
    """
    if size == 0:
        return 64 - PAGE_SHIFT
    return ((size - 1) >> PAGE_SHIFT).bit_length()


def phys_to_virt(physical: int) -> int:
    """Return the direct-map address of a physical address."""
    return PAGE_OFFSET + physical


def virt_to_phys(address: int) -> int:
    """Return the physical address behind a direct-map address."""
    return address - PAGE_OFFSET


def pfn_to_virt(pfn: int) -> int:
    """Return the direct-map address of a page frame."""
    return PAGE_OFFSET + (pfn << PAGE_SHIFT)


def virt_to_pfn(address: int) -> int:
    """Return the page frame behind a direct-map address."""
    return (address - PAGE_OFFSET) >> PAGE_SHIFT


def pfn_to_page(pfn: int) -> int:
    """Return the address of the `struct page` of a frame."""
    return VMEMMAP_START + pfn * STRUCT_PAGE_SIZE


def page_to_pfn(page: int) -> int:
    """Return the frame that a `struct page` address describes."""
    return (page - VMEMMAP_START) // STRUCT_PAGE_SIZE


def is_direct_map_address(address: int) -> bool:
    """Tell whether an address lies in the direct map's window (mapped or not)."""
    return PAGE_OFFSET <= address <= DIRECT_MAP_END


def is_vmalloc_address(address: int) -> bool:
    """Tell whether an address lies in the vmalloc window (`is_vmalloc_addr`)."""
    return VMALLOC_START <= address <= VMALLOC_END


def is_user_address(address: int) -> bool:
    """Tell whether an address lies in the lower, user half."""
    return 0 <= address < TASK_SIZE
