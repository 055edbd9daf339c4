"""Where a module lies in memory: text, data and read-only data in the module area, init apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kmemquest.driver.binding import REGISTRY
from kmemquest.driver.module_image import DataObject, Module
from kmemquest.kernel.address import (
    KERNEL_IMAGE_START,
    MODULES_END,
    PAGE_SIZE,
    page_align,
)
from kmemquest.kernel.check.kasan import REDZONE
from kmemquest.kernel.gfp import GFP_KERNEL

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

KERNEL_TEXT: Final = KERNEL_IMAGE_START + 0x20_0000
"""Where bound kernel functions pretend to lie, 0x100 bytes each."""
KERNEL_DATA: Final = KERNEL_IMAGE_START + 0x140_0000
KERNEL_INIT: Final = KERNEL_IMAGE_START + 0x180_0000
"""Where the image's init sections were: given back after boot, mapped but not to be executed."""
_IMAGE_FRAMES: Final = 1 << 40
"""Frames of the kernel image and of built-in code: beyond all RAM, never seen by an allocator."""
UNLOADED: Final = (".modinfo", ".kmq.", "__ksymtab", ".discard")


@dataclass(slots=True)
class Area:
    """A mapped run of pages."""

    start: int
    size: int
    allocated: bool


@dataclass(slots=True)
class Placement:
    """Addresses of a loaded module."""

    symbols: dict[str, int] = field(default_factory=dict)
    areas: list[Area] = field(default_factory=list)
    read_only: list[Area] = field(default_factory=list)
    """Those of `areas` that hold text and constants."""
    init_area: Area | None = None
    init_symbols: set[str] = field(default_factory=set)


def kernel_function_addresses() -> dict[str, int]:
    """Name -> text address of every bound function."""
    return {name: KERNEL_TEXT + 0x100 * n for n, name in enumerate(sorted(REGISTRY))}


def place(machine: Machine, module: Module) -> Placement:
    """Map the module's memory and give every symbol its address."""
    result = Placement()
    groups: dict[str, list[tuple[str, int, int]]] = {
        "text": [],
        "rodata": [],
        "data": [],
        "init": [],
    }
    for function in module.functions.values():
        group = "init" if function.section.startswith(".init") else "text"
        groups[group].append((function.name, function.text_size, 16))
        if group == "init":
            result.init_symbols.add(function.name)
    for item in module.objects.values():
        if item.section.startswith(UNLOADED):
            group = "rodata"
        elif item.section.startswith(".init"):
            group = "init"
            result.init_symbols.add(item.name)
        elif item.section.startswith(".rodata"):
            group = "rodata"
        else:
            group = "data"
        if machine.checks.kasan is not None and padded_for_kasan(item):
            groups[group].append((item.name, padded_size(item.size), max(item.align, REDZONE)))
        else:
            groups[group].append((item.name, item.size, item.align))
    for group, members in groups.items():
        if not members:
            continue
        offsets, size = _offsets(members)
        area = _map(machine, size, builtin=module.builtin)
        if group == "init":
            result.init_area = area
        else:
            result.areas.append(area)
            if group in ("text", "rodata"):
                result.read_only.append(area)
        for name, offset in offsets.items():
            result.symbols[name] = area.start + offset
    return result


def padded_for_kasan(item: DataObject) -> bool:
    """Tell whether gcc puts a red zone behind a static object: not where a section is named."""
    return item.section in (".data", ".bss", ".rodata") and item.size > 0


def padded_size(size: int) -> int:
    """Bytes of a static object with its red zone (`asan_padded_size` of gcc)."""
    return (-(-size // REDZONE) + 1) * REDZONE


def fill(machine: Machine, module: Module, symbols: dict[str, int]) -> None:
    """Write the initial bytes of the module's objects, with addresses put in."""
    for item in module.objects.values():
        address = symbols[item.name]
        data = bytearray(item.data)
        for relocation in item.relocations:
            value = symbols.get(relocation.symbol, 0) + relocation.addend
            data[relocation.offset : relocation.offset + 8] = (value & (1 << 64) - 1).to_bytes(
                8, "little"
            )
        if any(data):
            machine.memory.poke(address, bytes(data))


def unmap(machine: Machine, area: Area) -> None:
    """Give an area back."""
    if area.allocated:
        machine.vmalloc.vfree(area.start)
        return
    for address in range(area.start, area.start + area.size, PAGE_SIZE):
        pfn = machine.memory.page_table.get(address >> 12)
        machine.memory.unmap_page(address)
        if pfn is not None:
            machine.memory.frames.pop(pfn, None)


def map_image(machine: Machine, size: int, base: int) -> Area:
    """Map zeroed image memory at the first free page from `base` on."""
    table = machine.memory.page_table
    size = page_align(size)
    start = base
    while any((start + n >> 12) in table for n in range(0, size, PAGE_SIZE)):
        start += PAGE_SIZE
    for offset in range(0, size, PAGE_SIZE):
        pfn = _IMAGE_FRAMES + (start + offset >> 12) % (1 << 30)
        machine.memory.map_page(start + offset, pfn)
        machine.memory.frames.pop(pfn, None)
    return Area(start, size, allocated=False)


def _map(machine: Machine, size: int, *, builtin: bool) -> Area:
    vmalloc = getattr(machine, "vmalloc", None)
    if not builtin and vmalloc is not None and machine.phase == "running":
        start = vmalloc.allocate_range(
            size,
            PAGE_SIZE,
            machine.spec.modules_start,
            MODULES_END,
            GFP_KERNEL,
            "load_module+0x5d4/0x1fb0",
        )
        if start:
            machine.memory.fill(start, 0, page_align(size))
            return Area(start, page_align(size), allocated=True)
    return map_image(machine, size, KERNEL_DATA if builtin else machine.spec.modules_start)


def _offsets(members: list[tuple[str, int, int]]) -> tuple[dict[str, int], int]:
    offsets: dict[str, int] = {}
    position = 0
    for name, size, align in members:
        position = -(-position // align) * align
        offsets[name] = position
        position += max(size, 1)
    return offsets, max(position, 1)
