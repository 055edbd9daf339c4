"""Noting in the ledger what the driver got and gave back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver.devices import world_of
from kmemquest.kernel.address import PAGE_SIZE, STRUCT_PAGE_SIZE, page_to_pfn, pfn_to_virt

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

KMALLOC: Final = ("kmalloc", "kvmalloc", "cache-object", "mempool-element")
"""What kfree may be given; an element of a pool goes to the backend then, past the reserve."""
VMALLOC: Final = ("vmalloc", "kvmalloc")
ANY: Final = (*KMALLOC, "vmalloc")
"""What kvfree may be given."""
ZERO_SIZE_PTR: Final = 16


def got(engine: Engine, kind: str, address: int, size: int, function: str) -> int:
    """Note a successful allocation of `size` bytes and return its address."""
    if address and address != ZERO_SIZE_PTR:
        machine = engine.machine
        machine.checks.ledger.acquired(kind, address, size, function)
        task = machine.context.task
        world_of(engine).takers[address] = (task.comm, task.pid)
    return address


def gave_back(engine: Engine, address: int, function: str, *kinds: str) -> None:
    """Note that the driver freed `address`, under the first kind it is held as."""
    ledger = engine.machine.checks.ledger
    for kind in kinds:
        if ledger.released(kind, address, function) is not None:
            return


def gave_back_pages(engine: Engine, page: int, order: int, function: str) -> None:
    """Note that 2**order pages from a `struct page` on were freed; what is left stays held.

    A block does not know its order: freeing it with a smaller one loses the rest. What kmalloc
    served with whole pages is gone just so; its objects on slabs are not. A page that somebody has
    another reference of is not free: it stays held until the last one is dropped.
    """
    machine = engine.machine
    checks = machine.checks
    ledger = checks.ledger
    holding = ledger.released("pages", page, function)
    holding = holding or ledger.released("mempool-element", page, function)
    if holding is None:
        address = pfn_to_virt(page_to_pfn(page))
        if machine.slab_is_available and machine.slub.slab_of(address) is None:
            for kind in ("kmalloc", "kvmalloc"):
                holding = holding or ledger.released(kind, address, function)
    if holding is not None and machine.pages.page_count(page_to_pfn(page)) != 0:
        # Of a block that is not compound only the first page is kept (`___free_pages`).
        kept = PAGE_SIZE << machine.pages.frames.compound_order(page_to_pfn(page))
        checks.book.acquired(
            holding.kind, page, min(kept, holding.size), holding.function, holding.site,
            holding.time,
        )  # fmt: skip
    freed = PAGE_SIZE << order
    if holding is not None and freed < holding.size:
        rest = page + STRUCT_PAGE_SIZE * (1 << order)
        checks.book.acquired(
            "pages", rest, holding.size - freed, holding.function, holding.site, holding.time
        )
        takers = world_of(engine).takers
        if page in takers:
            takers[rest] = takers[page]


def node(number: int) -> int | None:
    """Turn the C argument NUMA_NO_NODE into no preference."""
    return None if number < 0 else number
