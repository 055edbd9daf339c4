"""`<linux/vmalloc.h>`: memory that is contiguous only to the CPU."""

# ruff: noqa: ARG001 - a binding has the parameters of the C function, needed or not

from __future__ import annotations

from typing import TYPE_CHECKING

from kmemquest.driver.binding import binds
from kmemquest.driver.bindings.pointer_arrays import load_pointers
from kmemquest.driver.holdings import VMALLOC, gave_back, got, node
from kmemquest.kernel.address import page_to_pfn, pfn_to_page
from kmemquest.kernel.gfp import GFP_KERNEL

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

SIZE_MAX = (1 << 64) - 1


@binds("vmalloc")
def vmalloc(engine: Engine, size: int) -> int:
    return got(engine, "vmalloc", engine.machine.vmalloc.vmalloc(size), size, "vmalloc")


@binds("vzalloc")
def vzalloc(engine: Engine, size: int) -> int:
    return got(engine, "vmalloc", engine.machine.vmalloc.vzalloc(size), size, "vzalloc")


@binds("vmalloc_node")
def vmalloc_node(engine: Engine, size: int, nid: int) -> int:
    address = engine.machine.vmalloc.vmalloc(size, node(nid))
    return got(engine, "vmalloc", address, size, "vmalloc_node")


@binds("vzalloc_node")
def vzalloc_node(engine: Engine, size: int, nid: int) -> int:
    address = engine.machine.vmalloc.vzalloc(size, node(nid))
    return got(engine, "vmalloc", address, size, "vzalloc_node")


@binds("vmalloc_user")
def vmalloc_user(engine: Engine, size: int) -> int:
    address = engine.machine.vmalloc.vmalloc_user(size)
    return got(engine, "vmalloc", address, size, "vmalloc_user")


@binds("vmalloc_32")
def vmalloc_32(engine: Engine, size: int) -> int:
    return got(engine, "vmalloc", engine.machine.vmalloc.vmalloc_32(size), size, "vmalloc_32")


@binds("vmalloc_32_user")
def vmalloc_32_user(engine: Engine, size: int) -> int:
    address = engine.machine.vmalloc.vmalloc_32_user(size)
    return got(engine, "vmalloc", address, size, "vmalloc_32_user")


@binds("vmalloc_huge")
def vmalloc_huge(engine: Engine, size: int, flags: int) -> int:
    address = engine.machine.vmalloc.vmalloc_huge(size, flags)
    return got(engine, "vmalloc", address, size, "vmalloc_huge")


@binds("__vmalloc")
def vmalloc_gfp(engine: Engine, size: int, flags: int) -> int:
    address = engine.machine.vmalloc.vmalloc_gfp(size, flags)
    return got(engine, "vmalloc", address, size, "__vmalloc")


@binds("vmalloc_array")
def vmalloc_array(engine: Engine, count: int, size: int) -> int:
    if count * size > SIZE_MAX:
        return 0
    address = engine.machine.vmalloc.vmalloc_gfp(count * size, GFP_KERNEL)
    return got(engine, "vmalloc", address, count * size, "vmalloc_array")


@binds("vcalloc")
def vcalloc(engine: Engine, count: int, size: int) -> int:
    if count * size > SIZE_MAX:
        return 0
    address = engine.machine.vmalloc.vzalloc(count * size)
    return got(engine, "vmalloc", address, count * size, "vcalloc")


@binds("vfree")
def vfree(engine: Engine, address: int) -> None:
    engine.machine.vmalloc.vfree(address)
    gave_back(engine, address, "vfree", *VMALLOC, "vmap")


@binds("vfree_atomic")
def vfree_atomic(engine: Engine, address: int) -> None:
    engine.machine.vmalloc.vfree_atomic(address)
    gave_back(engine, address, "vfree_atomic", *VMALLOC, "vmap")


@binds("vmap")
def vmap(engine: Engine, pages: int, count: int, flags: int, protection: int) -> int:
    if engine.machine.vmalloc.exceeds_ram(count):
        return 0
    frames = [page_to_pfn(page) for page in load_pointers(engine, pages, count)]
    return got(engine, "vmap", engine.machine.vmalloc.vmap(frames), count << 12, "vmap")


@binds("vunmap")
def vunmap(engine: Engine, address: int) -> None:
    engine.machine.vmalloc.vunmap(address)
    gave_back(engine, address, "vunmap", "vmap")


@binds("vm_unmap_aliases")
def vm_unmap_aliases(engine: Engine) -> None:
    engine.machine.vmalloc.purge()


@binds("vmalloc_to_page")
def vmalloc_to_page(engine: Engine, address: int) -> int:
    pfn = engine.machine.vmalloc.vmalloc_to_pfn(address)
    return pfn_to_page(pfn) if pfn >= 0 else 0


@binds("vmalloc_to_pfn")
def vmalloc_to_pfn(engine: Engine, address: int) -> int:
    return max(engine.machine.vmalloc.vmalloc_to_pfn(address), 0)
