"""What SLUB prints about a damaged slab (`mm/slub.c:object_err`, `slab_err`, `print_trailer`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import PAGE_SIZE, pfn_to_page
from kmemquest.kernel.mm.slab_cache import KmemCache, Slab, read_link
from kmemquest.kernel.mm.slab_geometry import (
    SLAB_KMALLOC,
    SLAB_RED_ZONE,
    SLAB_STORE_USER,
    TRACK_SIZE,
    WORD,
)
from kmemquest.kernel.text.dump_stack import format_taint, symbol
from kmemquest.kernel.text.pointer import hashed_pointer

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine
    from kmemquest.kernel.mm.slab_debug import Track
    from kmemquest.kernel.mm.slub import SlabAllocator

DOUBLE_RULE: Final = "=" * 77
RULE: Final = "-" * 77
ROW: Final = 16
TICK: Final = 4_000_000
"""Nanoseconds per jiffy (HZ 250)."""
HEAD: Final = 0x40
WORKINGSET: Final = 0x200
NO_CPU_PID: Final = 0x1FFFFF


def header(machine: Machine, cache: KmemCache, reason: str) -> list[str]:
    """Render the banner; its second line is the report's headline."""
    taint = format_taint(machine.checks.taint)
    return [DOUBLE_RULE, f"BUG {cache.name} ({taint}): {reason}", RULE, ""]


def pointer(slub: SlabAllocator, address: int) -> str:
    """Render `0x%p`: hashed, but not NULL and not on a machine booted with slab_debug."""
    if slub.debug.enabled or not address:
        return f"0x{address:016x}"
    return f"0x{hashed_pointer(slub.machine, address)}"


def slab_line(slub: SlabAllocator, slab: Slab) -> str:
    """Render the line about the slab's page."""
    zone = slub.machine.pages.zone_of(slab.pfn)
    flags = slab.node << 54 | zone.index << 51 | NO_CPU_PID << 30
    names = [f"node={slab.node}", f"zone={zone.index}", f"lastcpupid={NO_CPU_PID:#x}"]
    if slab.order:
        flags |= HEAD
        names.insert(0, "head")
    if slab.on_node_list:
        flags |= WORKINGSET
        names.insert(0, "workingset")
    return (
        f"Slab {pointer(slub, pfn_to_page(slab.pfn))} objects={slab.objects} used={slab.inuse} "
        f"fp={pointer(slub, slab.freelist)} flags={flags:#x}({'|'.join(names)})"
    )


def tracking(slub: SlabAllocator, cache: KmemCache, obj: int) -> list[str]:
    """Render who allocated and who freed an object, if the cache remembers."""
    if not cache.flags & SLAB_STORE_USER:
        return []
    lines = []
    for word, allocated in (("Allocated", True), ("Freed", False)):
        track = slub.tracks.get((obj, allocated))
        if track is not None:
            lines += _track_lines(slub.machine, word, track)
    return lines


def _track_lines(machine: Machine, word: str, track: Track) -> list[str]:
    symbols = [symbol(machine, frame) for frame in reversed(track.stack)]
    where = symbols[0] if symbols else track.call
    age = (machine.clock.now - track.time) // TICK
    head = f"{word} in {where} age={age} cpu={track.cpu} pid={track.pid}"
    return [head, *(f" {line}" for line in symbols)]


def trailer(slub: SlabAllocator, slab: Slab, obj: int) -> list[str]:
    """Render an object: who had it, the slab, and its bytes with what surrounds them."""
    cache, memory = slab.cache, slub.machine.memory
    following = read_link(memory, cache, obj) or 0
    lines = [
        *tracking(slub, cache, obj),
        slab_line(slub, slab),
        f"Object {pointer(slub, obj)} @offset={obj - slab.address} fp={pointer(slub, following)}",
        "",
    ]
    if cache.flags & SLAB_RED_ZONE:
        start = obj - cache.red_left_pad
        lines += section(slub, "Redzone  ", start, cache.red_left_pad)
    elif obj > slab.address + ROW:
        lines += section(slub, "Bytes b4 ", obj - ROW, ROW)
    lines += section(slub, "Object   ", obj, min(cache.object_size, PAGE_SIZE))
    if cache.flags & SLAB_RED_ZONE:
        end = obj + cache.object_size
        lines += section(slub, "Redzone  ", end, cache.inuse - cache.object_size)
    offset = metadata_end(cache)
    room = object_room(cache)
    if offset < room:
        lines += section(slub, "Padding  ", obj + offset, room - offset)
    return lines


def metadata_end(cache: KmemCache) -> int:
    """Return the offset from the object to what follows its free pointer, tracks and size."""
    end = cache.inuse + (WORD if cache.offset >= cache.inuse else 0)
    if cache.flags & SLAB_STORE_USER:
        end += 2 * TRACK_SIZE
        if cache.flags & SLAB_KMALLOC:
            end += WORD
    return end


def object_room(cache: KmemCache) -> int:
    """Return the bytes from the object to the next object's left red zone."""
    return cache.size - cache.red_left_pad


def section(slub: SlabAllocator, text: str, address: int, size: int) -> list[str]:
    """Render memory as rows of 16 bytes with an ASCII column (`print_hex_dump`)."""
    data = slub.machine.memory.peek(address, size)
    lines = []
    for start in range(0, size, ROW):
        row = data[start : start + ROW]
        hexes = row.hex(" ")
        letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        lines.append(f"{text}{address + start:016x}: {hexes:<47}  {letters}")
    return lines
