"""`<linux/gfp.h>` and `<linux/mm.h>`: whole pages, and the arithmetic between their names."""

# ruff: noqa: ARG001 - a binding has the parameters of the C function, needed or not

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver.binding import binds
from kmemquest.driver.bindings.pointer_arrays import load_pointers, store_pointer
from kmemquest.driver.devices import kernel_string, world_of
from kmemquest.driver.holdings import gave_back, gave_back_pages, got, node
from kmemquest.driver.struct_page import (
    FLAGS_AT,
    HEAD_AT,
    PG_HEAD,
    TAIL,
    count_of_other_memory,
    drop_reference_of_other_memory,
    frame_of,
)
from kmemquest.kernel import address as addresses
from kmemquest.kernel import gfp
from kmemquest.kernel.address import (
    PAGE_OFFSET,
    PAGE_SHIFT,
    PAGE_SIZE,
    page_to_pfn,
    pfn_to_page,
    pfn_to_virt,
)
from kmemquest.kernel.mm.page_check import COUNT_AT, PG_LOCKED, PG_RESERVED, taken_while_free

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine


START_KERNEL_MAP: Final = 0xFFFF_FFFF_8000_0000


def to_physical(address: int) -> int:
    """Return what `__pa` makes of any address, nonsense included (`__phys_addr_nodebug`)."""
    base = START_KERNEL_MAP if address >= START_KERNEL_MAP else PAGE_OFFSET
    return (address - base) & ((1 << 64) - 1)


@binds("alloc_pages")
def alloc_pages(engine: Engine, flags: int, order: int) -> int:
    return _alloc(engine, flags, order, None, "alloc_pages")


@binds("alloc_pages_node")
def alloc_pages_node(engine: Engine, nid: int, flags: int, order: int) -> int:
    return _alloc(engine, flags, order, node(nid), "alloc_pages_node")


def _alloc(engine: Engine, flags: int, order: int, nid: int | None, function: str) -> int:
    pfn = engine.machine.pages.alloc_pages(flags, order, nid)
    if pfn < 0:
        return 0
    return got(engine, "pages", pfn_to_page(pfn), PAGE_SIZE << order, function)


@binds("__get_free_pages")
def get_free_pages(engine: Engine, flags: int, order: int) -> int:
    return _free_pages_address(engine, flags, order, "__get_free_pages")


@binds("get_zeroed_page")
def get_zeroed_page(engine: Engine, flags: int) -> int:
    return _free_pages_address(engine, flags | gfp.ZERO, 0, "get_zeroed_page")


def _free_pages_address(engine: Engine, flags: int, order: int, function: str) -> int:
    pfn = engine.machine.pages.alloc_pages(flags & ~gfp.HIGHMEM, order)
    if pfn < 0:
        return 0
    got(engine, "pages", pfn_to_page(pfn), PAGE_SIZE << order, function)
    return pfn_to_virt(pfn)


@binds("__free_pages")
def free_pages_page(engine: Engine, page: int, order: int) -> None:
    pfn = frame_of(engine, page, FLAGS_AT)
    if pfn is None:
        drop_reference_of_other_memory(engine, page, order)
        return
    engine.machine.pages.free_pages(pfn, order)
    gave_back_pages(engine, page, order, "__free_pages")


@binds("free_pages")
def free_pages(engine: Engine, address: int, order: int) -> None:
    if not address:
        return
    pfn = to_physical(address) >> PAGE_SHIFT
    if engine.machine.slub.page_fault_behind(address):
        return
    engine.machine.pages.free_pages(pfn, order)
    gave_back_pages(engine, pfn_to_page(pfn), order, "free_pages")


@binds("alloc_pages_exact")
def alloc_pages_exact(engine: Engine, size: int, flags: int) -> int:
    pfn = engine.machine.pages.alloc_pages_exact(size, flags)
    address = pfn_to_virt(pfn) if pfn >= 0 else 0
    return got(engine, "pages-exact", address, size, "alloc_pages_exact")


@binds("free_pages_exact")
def free_pages_exact(engine: Engine, address: int, size: int) -> None:
    engine.machine.pages.free_pages_exact((address - PAGE_OFFSET) >> PAGE_SHIFT, size)
    gave_back(engine, address, "free_pages_exact", "pages-exact")


@binds("alloc_pages_bulk_array")
def alloc_pages_bulk_array(engine: Engine, flags: int, count: int, array: int) -> int:
    """Fill the empty slots of an array of page pointers; return how many slots are full."""
    slots = load_pointers(engine, array, count)
    empty = [slot for slot, page in enumerate(slots) if not page]
    found = engine.machine.pages.alloc_pages_bulk(flags, len(empty))
    for slot, pfn in zip(empty, found, strict=False):
        page = pfn_to_page(pfn)
        got(engine, "pages", page, PAGE_SIZE, "alloc_pages_bulk_array")
        store_pointer(engine, array, slot, page)
    return count - len(empty) + len(found)


@binds("get_page")
def get_page(engine: Engine, page: int) -> None:
    pfn = frame_of(engine, page)
    if pfn is None:
        memory = engine.machine.memory
        memory.store(page + COUNT_AT, 4, memory.load(page + COUNT_AT, 4) + 1)
    elif not taken_while_free(engine.machine.pages, pfn):
        engine.machine.pages.get_page(pfn)


@binds("put_page")
def put_page(engine: Engine, page: int) -> None:
    pfn = frame_of(engine, page)
    if pfn is None:
        drop_reference_of_other_memory(engine, page)
        return
    pages = engine.machine.pages
    head = pages.frames.compound_head(pfn)
    order = pages.frames.compound_order(head)
    pages.put_page(pfn)
    if pages.page_count(head) == 0:
        gave_back_pages(engine, pfn_to_page(head), order, "put_page")


@binds("page_count")
def page_count(engine: Engine, page: int) -> int:
    pfn = frame_of(engine, page)
    if pfn is None:
        return count_of_other_memory(engine, page)
    return engine.machine.pages.page_count(pfn)


@binds("split_page")
def split_page(engine: Engine, page: int, order: int) -> None:
    pfn = frame_of(engine, page)
    if pfn is None:
        return
    engine.machine.pages.split_page(pfn, order)
    gave_back(engine, page, "split_page", "pages")
    for index in range(1 << order):
        got(engine, "pages", pfn_to_page(pfn + index), PAGE_SIZE, "split_page")


# --- names of a page ----------------------------------------------------------------------


@binds("virt_to_page")
def virt_to_page(engine: Engine, address: int) -> int:
    return pfn_to_page(to_physical(address) >> PAGE_SHIFT)


@binds("pfn_to_page")
def pfn_to_page_(engine: Engine, pfn: int) -> int:
    return pfn_to_page(pfn)


@binds("page_to_pfn")
def page_to_pfn_(engine: Engine, page: int) -> int:
    return page_to_pfn(page)


@binds("page_to_phys")
def page_to_phys(engine: Engine, page: int) -> int:
    return page_to_pfn(page) << PAGE_SHIFT


@binds("page_address")
def page_address(engine: Engine, page: int) -> int:
    return pfn_to_virt(page_to_pfn(page))


@binds("virt_to_phys", "__kmq_pa")
def virt_to_phys(engine: Engine, address: int) -> int:
    return to_physical(address)


@binds("phys_to_virt")
def phys_to_virt(engine: Engine, physical: int) -> int:
    return PAGE_OFFSET + physical


@binds("virt_addr_valid")
def virt_addr_valid(engine: Engine, address: int) -> int:
    return pfn_valid(engine, to_physical(address) >> PAGE_SHIFT)


@binds("pfn_valid")
def pfn_valid(engine: Engine, pfn: int) -> int:
    return pfn < engine.machine.memory.max_pfn


@binds("is_vmalloc_addr")
def is_vmalloc_addr(engine: Engine, address: int) -> int:
    return addresses.is_vmalloc_address(address)


@binds("is_vmalloc_or_module_addr")
def is_vmalloc_or_module_addr(engine: Engine, address: int) -> int:
    module = engine.machine.spec.modules_start <= address < addresses.MODULES_END
    return module or addresses.is_vmalloc_address(address)


@binds("get_order")
def get_order(engine: Engine, size: int) -> int:
    return addresses.get_order(size)


@binds("compound_order")
def compound_order(engine: Engine, page: int) -> int:
    pfn = frame_of(engine, page, FLAGS_AT)
    return 0 if pfn is None else engine.machine.pages.frames.compound_order(pfn)


@binds("PageCompound")
def page_compound(engine: Engine, page: int) -> int:
    pfn = frame_of(engine, page, FLAGS_AT)
    if pfn is None:
        memory = engine.machine.memory
        return bool(memory.load(page, 8) & PG_HEAD or memory.load(page + HEAD_AT, 8) & TAIL)
    frames = engine.machine.pages.frames
    return frames.compound_order(frames.compound_head(pfn)) > 0


@binds("PageSlab")
def page_slab(engine: Engine, page: int) -> int:
    pfn = frame_of(engine, page)
    return pfn is not None and engine.machine.pages.frames.is_slab(pfn)


@binds("PageReserved")
def page_reserved(engine: Engine, page: int) -> int:
    marked = engine.machine.memory.load(page, 8) & PG_RESERVED
    return bool(marked) or engine.machine.pages.frames.is_reserved(page_to_pfn(page))


@binds("SetPageReserved")
def set_page_reserved(engine: Engine, page: int) -> None:
    """Old drivers mark pages for mmap; nothing depends on it but the check when they are freed."""
    _set_flag(engine, page, PG_RESERVED, on=True)


@binds("ClearPageReserved")
def clear_page_reserved(engine: Engine, page: int) -> None:
    _set_flag(engine, page, PG_RESERVED, on=False)


@binds("__kmq_lock_page")
def lock_page(engine: Engine, page: int) -> None:
    engine.machine.checks.might_sleep("lock_page", None, "include/linux/pagemap.h", 1160)
    _set_flag(engine, page, PG_LOCKED, on=True)


@binds("unlock_page")
def unlock_page(engine: Engine, page: int) -> None:
    _set_flag(engine, page, PG_LOCKED, on=False)


@binds("PageLocked")
def page_locked(engine: Engine, page: int) -> int:
    return bool(engine.machine.memory.load(page, 8) & PG_LOCKED)


def _set_flag(engine: Engine, page: int, flag: int, *, on: bool) -> None:
    memory = engine.machine.memory
    before = memory.load(page, 8)
    memory.store(page, 8, before | flag if on else before & ~flag)


@binds("page_to_nid")
def page_to_nid(engine: Engine, page: int) -> int:
    pfn = frame_of(engine, page, FLAGS_AT)
    return 0 if pfn is None else engine.machine.pages.zone_of(pfn).node


@binds("page_zone")
def page_zone(engine: Engine, page: int) -> int:
    """Return a `struct zone` that carries the zone's name."""
    pfn = frame_of(engine, page, FLAGS_AT)
    if pfn is None:
        return 0
    zone = engine.machine.pages.zone_of(pfn)
    singletons = world_of(engine).singletons
    key = f"zone {zone.node} {zone.name}"
    address = singletons.get(key)
    if address is None:
        address = singletons[key] = engine.reserve(8)
        name = kernel_string(engine, zone.name)
        engine.machine.memory.poke(address, name.to_bytes(8, "little"))
    return address


@binds("clear_page")
def clear_page(engine: Engine, address: int) -> None:
    engine.machine.memory.store_bytes(address, bytes(PAGE_SIZE))


@binds("clear_highpage")
def clear_highpage(engine: Engine, page: int) -> None:
    clear_page(engine, pfn_to_virt(page_to_pfn(page)))


@binds("copy_page")
def copy_page(engine: Engine, to: int, source: int) -> None:
    data = engine.machine.memory.load_bytes(source, PAGE_SIZE)
    if data is not None:
        engine.machine.memory.store_bytes(to, data)


@binds("nr_free_pages")
def nr_free_pages(engine: Engine) -> int:
    return engine.machine.pages.nr_free_pages()


@binds("global_zone_page_state")
def global_zone_page_state(engine: Engine, item: int) -> int:
    """Only NR_FREE_PAGES (0) is simulated."""
    return 0 if item else engine.machine.pages.nr_free_pages()


@binds("totalram_pages")
def totalram_pages(engine: Engine) -> int:
    return sum(zone.managed for zone in engine.machine.pages.zones)


@binds("gfpflags_allow_blocking")
def gfpflags_allow_blocking(engine: Engine, flags: int) -> int:
    return gfp.allows_blocking(flags)
