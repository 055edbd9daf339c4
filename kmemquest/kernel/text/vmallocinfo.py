"""/proc/vmallocinfo (`mm/vmalloc.c:vmalloc_info_show`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmemquest.kernel.address import PAGE_SHIFT, is_vmalloc_address
from kmemquest.kernel.mm.vmap_area import (
    VM_ALLOC,
    VM_DMA_COHERENT,
    VM_IOREMAP,
    VM_MAP,
    VM_UNINITIALIZED,
    VM_USERMAP,
    VmArea,
)

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine


def vmallocinfo(machine: Machine) -> str:
    """Render the file: areas node by node, then what is lazily freed and not yet purged."""
    space = machine.vmalloc.space
    lines = [
        format_area(machine, area)
        for area in space.areas_by_node()
        if not area.flags & VM_UNINITIALIZED
    ]
    for lazy in space.lazy_ranges():
        size = lazy.pages << PAGE_SHIFT
        lines.append(f"{lazy.start:#018x}-{lazy.start + size:#018x} {size:7d} unpurged vm_area")
    return "\n".join(lines) + "\n" if lines else ""


def format_area(machine: Machine, area: VmArea) -> str:
    """Render one row; start, end and size include the guard page."""
    words = [f"{area.start:#018x}-{area.end:#018x} {area.size:7d}"]
    if area.caller:
        words.append(area.caller)
    if area.pfns:
        words.append(f"pages={len(area.pfns)}")
    if area.physical:
        words.append(f"phys={area.physical:#018x}")
    for flag, word in (
        (VM_IOREMAP, "ioremap"),
        (VM_ALLOC, "vmalloc"),
        (VM_MAP, "vmap"),
        (VM_USERMAP, "user"),
        (VM_DMA_COHERENT, "dma-coherent"),
    ):
        if area.flags & flag:
            words.append(word)
    if is_vmalloc_address(area.array):
        words.append("vpages")
    words += [f"N{node}={count}" for node, count in sorted(_per_node(machine, area).items())]
    return " ".join(words)


def _per_node(machine: Machine, area: VmArea) -> dict[int, int]:
    """Count an area's frames by NUMA node."""
    counts: dict[int, int] = {}
    for pfn in area.pfns:
        node = machine.pages.zone_of(pfn).node
        counts[node] = counts.get(node, 0) + 1
    return counts
