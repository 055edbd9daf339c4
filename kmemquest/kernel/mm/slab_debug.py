"""The checks of slab_debug=FZPU: red zones, poison, who-did-it, consistency.

Reports come when an object is freed or handed out again, never at the bad access itself.
Source: `mm/slub.c:init_object`, `check_object`, `alloc_debug_processing`,
`free_debug_processing`, `on_freelist`, `slab_pad_check`, `setup_slub_debug`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import PAGE_SIZE, get_order
from kmemquest.kernel.check.oops import warn
from kmemquest.kernel.context import Frame
from kmemquest.kernel.events import Report
from kmemquest.kernel.log import KERN_ERR, KERN_WARNING
from kmemquest.kernel.mm.slab_cache import KmemCache, Slab, read_link, write_link
from kmemquest.kernel.mm.slab_geometry import (
    METADATA_FLAGS,
    OBJECT_POISON,
    SLAB_CONSISTENCY_CHECKS,
    SLAB_KMALLOC,
    SLAB_NO_USER_FLAGS,
    SLAB_POISON,
    SLAB_RED_ZONE,
    SLAB_STORE_USER,
    SLAB_TRACE,
    TRACK_SIZE,
)
from kmemquest.kernel.text import slab_report

if TYPE_CHECKING:
    from kmemquest.kernel.memory import Memory
    from kmemquest.kernel.mm.slub import SlabAllocator
    from kmemquest.kernel.spec import MachineSpec

POISON_INUSE: Final = 0x5A
POISON_FREE: Final = 0x6B
POISON_END: Final = 0xA5
RED_INACTIVE: Final = 0xBB
RED_ACTIVE: Final = 0xCC

OBJECT_ERR_LINE: Final = 1124
SLAB_ERR_LINE: Final = 1149

_LETTERS: Final = {
    "F": SLAB_CONSISTENCY_CHECKS,
    "Z": SLAB_RED_ZONE,
    "P": SLAB_POISON,
    "U": SLAB_STORE_USER,
    "T": SLAB_TRACE,
    "A": 0,
}
DEFAULT_FLAGS: Final = SLAB_CONSISTENCY_CHECKS | METADATA_FLAGS
_KINDS: Final = {
    "Left Redzone": "slab-out-of-bounds",
    "Right Redzone": "slab-out-of-bounds",
    "kmalloc Redzone": "slab-out-of-bounds",
    "Alignment padding": "slab-out-of-bounds",
    "Object padding": "slab-out-of-bounds",
    "Poison": "slab-use-after-free",
    "End Poison": "slab-use-after-free",
    "Object already free": "double-free",
}


@dataclass(frozen=True, slots=True)
class DebugOption:
    """What `slab_debug=` asks for: blocks of (flags, cache name patterns), the last match wins."""

    blocks: tuple[tuple[int, tuple[str, ...]], ...] = ()
    sparing: bool = False
    """`O`: no metadata for caches whose slabs would need a higher order."""

    @property
    def enabled(self) -> bool:
        """True when pointers are printed as they are."""
        return bool(self.blocks)

    def flags_for(self, name: str, size: int, flags: int) -> int:
        """Return a new cache's flags with the boot option's added (`kmem_cache_flags`)."""
        if flags & SLAB_NO_USER_FLAGS:
            return flags
        chosen = 0
        for bits, patterns in self.blocks:
            if not patterns:
                chosen = bits
        for bits, patterns in self.blocks:
            if any(fnmatchcase(name, pattern) for pattern in patterns):
                chosen = bits
                break
        if self.sparing and chosen & METADATA_FLAGS:
            bigger = size + 2 * TRACK_SIZE + 32
            if get_order(bigger) > get_order(size):
                chosen &= ~METADATA_FLAGS
        return flags | chosen


def parse_debug_option(spec: MachineSpec) -> DebugOption:
    """Read `slab_debug=FZPU,kmalloc-64;Z,dentry` and the machine's slub_debug checkers."""
    text = spec.option("slab_debug", spec.option("slub_debug"))
    if not text:
        text = spec.checkers.slub_debug
    elif text == "1":
        text = "FZPU"
    blocks: list[tuple[int, tuple[str, ...]]] = []
    sparing = False
    for block in filter(None, text.split(";")):
        letters, *names = block.split(",")
        if letters == "-":
            continue
        sparing |= "O" in letters
        bits = 0
        for letter in letters:
            bits |= _LETTERS.get(letter.upper(), 0)
        blocks.append((bits if letters else DEFAULT_FLAGS, tuple(names)))
    return DebugOption(tuple(blocks), sparing)


@dataclass(frozen=True, slots=True)
class Track:
    """Who allocated or freed an object, and when (nanoseconds since boot)."""

    stack: tuple[Frame, ...]
    call: str
    cpu: int
    pid: int
    time: int


def set_track(slub: SlabAllocator, cache: KmemCache, obj: int, *, allocated: bool) -> None:
    """Remember the running code as the object's allocator or freer."""
    machine = slub.machine
    if not machine.context.stack:
        slub.tracks.pop((obj, allocated), None)
        return
    slub.tracks[obj, allocated] = Track(
        tuple(machine.context.stack),
        cache.name,
        slub.cpu,
        machine.context.task.pid,
        machine.clock.now,
    )


# --- writing the patterns ---------------------------------------------------------------------


def init_object(memory: Memory, cache: KmemCache, obj: int, value: int) -> None:
    """Write red zones and poison for an object that is free (0xbb) or in use (0xcc)."""
    poisoned = cache.object_size
    if cache.flags & SLAB_RED_ZONE:
        memory.fill(obj - cache.red_left_pad, value, cache.red_left_pad)
        if keeps_request(cache) and value == RED_ACTIVE:
            poisoned = requested_size(memory, cache, obj)
    if cache.flags & OBJECT_POISON and poisoned:
        memory.fill(obj, POISON_FREE, poisoned - 1)
        memory.poke(obj + poisoned - 1, bytes([POISON_END]))
    if cache.flags & SLAB_RED_ZONE:
        memory.fill(obj + poisoned, value, cache.inuse - poisoned)


def keeps_request(cache: KmemCache) -> bool:
    """True when the size asked for is stored beside the object (`slub_debug_orig_size`)."""
    return bool(cache.flags & SLAB_STORE_USER and cache.flags & SLAB_KMALLOC)


def requested_size(memory: Memory, cache: KmemCache, obj: int) -> int:
    """Read the size that was asked for, as it is stored behind the tracks."""
    stored = memory.peek(obj + slab_report.metadata_end(cache) - 8, 4)
    return min(int.from_bytes(stored, "little"), cache.object_size)


def set_requested_size(memory: Memory, cache: KmemCache, obj: int, size: int) -> None:
    """Store the size that was asked for (`set_orig_size`)."""
    if keeps_request(cache):
        memory.poke(obj + slab_report.metadata_end(cache) - 8, size.to_bytes(8, "little"))


# --- the checks at allocation and free ----------------------------------------------------------


def check_allocation(slub: SlabAllocator, slab: Slab, obj: int, requested: int) -> bool:
    """Check an object that leaves the free list; on False the slab is out of use."""
    cache, memory = slab.cache, slub.machine.memory
    if cache.flags & SLAB_CONSISTENCY_CHECKS and not _allocation_is_sound(slub, slab, obj):
        _fix(slub, cache, "Marking all objects used")
        slab.inuse = slab.objects
        slab.freelist = 0
        return False
    set_requested_size(memory, cache, obj, requested)
    init_object(memory, cache, obj, RED_ACTIVE)
    return True


def _allocation_is_sound(slub: SlabAllocator, slab: Slab, obj: int) -> bool:
    if not is_valid_pointer(slab, obj):
        object_error(slub, slab, obj, "Freelist Pointer check fails", "slab-corruption")
        return False
    return check_object(slub, slab, obj, RED_INACTIVE)


def check_free(slub: SlabAllocator, slab: Slab, objects: list[int]) -> bool:
    """Check objects that come back and mark them free; False leaves them allocated."""
    cache, machine = slab.cache, slub.machine
    strict = bool(cache.flags & SLAB_CONSISTENCY_CHECKS)
    if strict and slab.inuse < len(objects):
        reason = f"Slab has {slab.inuse} allocated objects but {len(objects)} are to be freed"
        slab_error(slub, slab, reason, "double-free")
        _fix(slub, cache, f"Object at {slab_report.pointer(slub, objects[0])} not freed")
        return False
    for obj in objects:
        if strict and not _free_is_sound(slub, slab, obj):
            _fix(slub, cache, f"Object at {slab_report.pointer(slub, obj)} not freed")
            return False
        if cache.flags & SLAB_STORE_USER:
            set_track(slub, cache, obj, allocated=False)
        init_object(machine.memory, cache, obj, RED_INACTIVE)
    return True


def _free_is_sound(slub: SlabAllocator, slab: Slab, obj: int) -> bool:
    if not is_valid_pointer(slab, obj):
        reason = f"Invalid object pointer {slab_report.pointer(slub, obj)}"
        slab_error(slub, slab, reason, "invalid-free", address=obj)
        return False
    if _on_freelist(slub, slab, obj):
        object_error(slub, slab, obj, "Object already free", "double-free")
        return False
    return check_object(slub, slab, obj, RED_ACTIVE)


def is_valid_pointer(slab: Slab, obj: int) -> bool:
    """True for 0 and for the address of one of the slab's objects (`check_valid_pointer`)."""
    if not obj:
        return True
    offset = obj - slab.cache.red_left_pad - slab.address
    return 0 <= offset < slab.objects * slab.cache.size and offset % slab.cache.size == 0


def _on_freelist(slub: SlabAllocator, slab: Slab, search: int) -> bool:
    """Walk the free list; repair it if it is broken; tell whether `search` is on it."""
    memory, cache = slub.machine.memory, slab.cache
    obj, previous, count = slab.freelist, 0, 0
    while obj and count <= slab.objects:
        if obj == search:
            return True
        if not is_valid_pointer(slab, obj):
            if not previous:
                slab_error(slub, slab, "Freepointer corrupt", "slab-corruption")
                slab.freelist, slab.inuse = 0, slab.objects
                _fix(slub, cache, "Freelist cleared")
                return False
            object_error(slub, slab, previous, "Freechain corrupt", "slab-corruption")
            write_link(memory, cache, previous, 0)
            break
        previous, obj = obj, read_link(memory, cache, obj) or 0
        count += 1
    if slab.inuse != slab.objects - count:
        reason = (
            f"Wrong object count. Counter is {slab.inuse} but counted were {slab.objects - count}"
        )
        slab_error(slub, slab, reason, "slab-corruption")
        slab.inuse = slab.objects - count
        _fix(slub, cache, "Object count adjusted")
    return search == 0


def check_object(slub: SlabAllocator, slab: Slab, obj: int, value: int) -> bool:
    """Check everything around and (if free) in an object; repairs what it reports."""
    cache, memory = slab.cache, slub.machine.memory
    good = True
    for what, start, expected, size in _areas(memory, cache, obj, value):
        if not _check_bytes(slub, slab, obj, what, start, expected, size, dump=good):
            good = False
    outside = cache.offset >= cache.inuse
    if (outside or value != RED_ACTIVE) and not is_valid_pointer(
        slab, read_link(memory, cache, obj) or 0
    ):
        object_error(slub, slab, obj, "Freepointer corrupt", "slab-corruption")
        write_link(memory, cache, obj, 0)
        good = False
    return good


def _areas(
    memory: Memory, cache: KmemCache, obj: int, value: int
) -> list[tuple[str, int, int, int]]:
    """The areas to check as (name, address, expected byte, bytes), in the kernel's order."""
    end = obj + cache.object_size
    areas: list[tuple[str, int, int, int]] = []
    if cache.flags & SLAB_RED_ZONE:
        pad = cache.red_left_pad
        areas.append(("Left Redzone", obj - pad, value, pad))
        areas.append(("Right Redzone", end, value, cache.inuse - cache.object_size))
        if keeps_request(cache) and value == RED_ACTIVE:
            requested = requested_size(memory, cache, obj)
            slack = cache.object_size - requested
            areas.append(("kmalloc Redzone", obj + requested, value, slack))
    elif cache.flags & SLAB_POISON and cache.object_size < cache.inuse:
        areas.append(("Alignment padding", end, POISON_INUSE, cache.inuse - cache.object_size))
    if cache.flags & SLAB_POISON:
        if value != RED_ACTIVE and cache.flags & OBJECT_POISON:
            areas.append(("Poison", obj, POISON_FREE, cache.object_size - 1))
            areas.append(("End Poison", end - 1, POISON_END, 1))
        tail = slab_report.metadata_end(cache)
        room = slab_report.object_room(cache)
        areas.append(("Object padding", obj + tail, POISON_INUSE, room - tail))
    return areas


def _check_bytes(
    slub: SlabAllocator,
    slab: Slab,
    obj: int,
    what: str,
    start: int,
    expected: int,
    size: int,
    *,
    dump: bool,
) -> bool:
    """Check one area (`check_bytes_and_report`); only the first damage dumps the object."""
    memory, cache = slub.machine.memory, slab.cache
    data = memory.peek(start, size)
    if data.count(expected) == size:
        return True
    wrong = [index for index, byte in enumerate(data) if byte != expected]
    first, last = start + wrong[0], start + wrong[-1]
    span = f"{slab_report.pointer(slub, first)}-{slab_report.pointer(slub, last)}"
    slub.machine.log.print(
        f"[{what} overwritten] {span} @offset={first - slab.address}. "
        f"First byte {data[wrong[0]]:#x} instead of {expected:#x}",
        KERN_ERR,
    )
    if dump:
        object_error(slub, slab, obj, "Object corrupt", _KINDS[what], detail=what)
    _fix(slub, cache, f"Restoring {what} {span}={expected:#x}")
    memory.fill(first, expected, last - first + 1)
    return False


def check_before_discard(slub: SlabAllocator, slab: Slab) -> None:
    """Check all objects and the tail of a slab whose pages go back (`free_slab`)."""
    memory, cache = slub.machine.memory, slab.cache
    if cache.flags & SLAB_POISON:
        used = slab.objects * cache.size
        tail = slab.address + used
        size = (PAGE_SIZE << slab.order) - used
        data = memory.peek(tail, size)
        if data.count(POISON_INUSE) != size:
            wrong = [index for index, byte in enumerate(data) if byte != POISON_INUSE]
            first, last = tail + wrong[0], tail + wrong[-1]
            span = f"{slab_report.pointer(slub, first)}-{slab_report.pointer(slub, last)}"
            reason = f"Padding overwritten. {span} @offset={first - slab.address}"
            slab_error(slub, slab, reason, "slab-out-of-bounds", padding=(tail, size))
            _fix(slub, cache, f"Restoring slab padding {span}={POISON_INUSE:#x}")
            memory.fill(first, POISON_INUSE, last - first + 1)
    for index in range(slab.objects):
        check_object(slub, slab, slab.slot(index), RED_INACTIVE)


# --- reports ------------------------------------------------------------------------------------


def object_error(
    slub: SlabAllocator, slab: Slab, obj: int, reason: str, kind: str, *, detail: str = ""
) -> None:
    """Print a report with a dump of the object (`object_err`)."""
    lines = slab_report.header(slub.machine, slab.cache, reason)
    lines += slab_report.trailer(slub, slab, obj)
    _emit(slub, slab, lines, kind, obj, detail or reason, OBJECT_ERR_LINE, "object_err")


def slab_error(
    slub: SlabAllocator,
    slab: Slab,
    reason: str,
    kind: str,
    *,
    address: int = 0,
    padding: tuple[int, int] | None = None,
) -> None:
    """Print a report about a whole slab (`slab_err`)."""
    lines = slab_report.header(slub.machine, slab.cache, reason)
    if padding is not None:
        lines += slab_report.section(slub, "Padding  ", *padding)
    lines.append(slab_report.slab_line(slub, slab))
    _emit(slub, slab, lines, kind, address, reason, SLAB_ERR_LINE, "slab_err")


def report_remaining(slub: SlabAllocator, slab: Slab, objects: list[int]) -> None:
    """Print the objects alive in a slab of a cache that is being destroyed."""
    reason = "Objects remaining on __kmem_cache_shutdown()"
    lines = slab_report.header(slub.machine, slab.cache, reason)
    for obj in objects:
        where = slab_report.pointer(slub, obj)
        lines.append(f"Object {where} @offset={obj - slab.address}")
        lines += slab_report.tracking(slub, slab.cache, obj)
    lines.append(slab_report.slab_line(slub, slab))
    function = "__kmem_cache_shutdown"
    _emit(slub, slab, lines, "cache-destroyed-busy", 0, reason, SLAB_ERR_LINE, function)


def _emit(
    slub: SlabAllocator,
    slab: Slab,
    lines: list[str],
    kind: str,
    address: int,
    detail: str,
    line: int,
    function: str,
) -> None:
    machine = slub.machine
    related = []
    for role, allocated in (("allocated", True), ("freed", False)):
        track = slub.tracks.get((address, allocated))
        if track is not None and slab.cache.flags & SLAB_STORE_USER:
            related.append((role, track.stack[-1]))
    machine.report(
        Report(
            kind,
            "BUG report",
            lines[1],
            tuple(lines),
            address=address,
            site=machine.site,
            related=tuple(related),
            detail=detail,
        )
    )
    if machine.checks.once("lock-debugging-disabled"):
        machine.log.print("Disabling lock debugging due to kernel taint", KERN_WARNING)
    machine.checks.taint.add("B")
    warn(machine, "mm/slub.c", line, function, kind=kind)


def _fix(slub: SlabAllocator, cache: KmemCache, text: str) -> None:
    """Print what was repaired (`slab_fix`)."""
    slub.machine.log.print(f"FIX {cache.name}: {text}", KERN_ERR)
