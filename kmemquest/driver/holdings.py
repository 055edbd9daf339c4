"""Noting in the ledger what the driver got and gave back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver.devices import world_of
from kmemquest.kernel.address import PAGE_SIZE, STRUCT_PAGE_SIZE, page_to_pfn, pfn_to_virt

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

KMALLOC: Final = ("kmalloc", "kvmalloc", "cache-object")
"""What kfree may be given."""
VMALLOC: Final = ("vmalloc", "kvmalloc")
ANY: Final = ("kmalloc", "kvmalloc", "vmalloc", "cache-object")
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
    served with whole pages is gone just so; its objects on slabs are not.
    """
    machine = engine.machine
    checks = machine.checks
    holding = checks.ledger.released("pages", page, function)
    if holding is None:
        address = pfn_to_virt(page_to_pfn(page))
        if machine.slab_is_available and machine.slub.slab_of(address) is None:
            for kind in ("kmalloc", "kvmalloc"):
                holding = holding or checks.ledger.released(kind, address, function)
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
