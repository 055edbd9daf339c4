"""Loads and stores of compiled code: a short way for plain memory, the checked way for the rest.

With KASAN every access asks it first, as instrumented code does. A fault unwinds the driver.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from kmemquest.kernel.address import ADDRESS_MASK, PAGE_SHIFT, PAGE_SIZE, is_user_address

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

LETTERS: Final = "bBhHiIqQ"


class Unwind(BaseException):
    """Leaves all C frames: the task died, or the run was stopped."""


class Lookaside:
    """Translations that stay true until the next kernel call: what a CPU's TLB is.

    Kernel functions change mappings, drop frames and mark bytes stale; driver code does none of
    it. So entries live from one kernel call to the next.
    """

    __slots__ = ("changeable", "known", "marked", "readable", "writable")

    def __init__(self) -> None:
        self.readable: dict[int, bytearray] = {}
        """Virtual page number -> the frame's bytes."""
        self.writable: dict[int, bytearray] = {}
        """The same for stores to frames without marks of bytes never written."""
        self.marked: dict[int, tuple[bytearray, bytearray]] = {}
        """The same for frames with marks: (bytes, marks)."""
        self.known: dict[int, bytearray] = {}
        """Address / 8 -> the frame's bytes, where a shadow watches and only part of a page is the
        driver's: eight bytes that are."""
        self.changeable: dict[int, tuple[bytearray, bytearray | None]] = {}
        """The same for stores, with the marks of bytes never written, if there are any."""

    def flush(self) -> None:
        """Forget everything."""
        if self.readable:
            self.readable.clear()
        if self.writable:
            self.writable.clear()
        if self.marked:
            self.marked.clear()
        if self.known:
            self.known.clear()
        if self.changeable:
            self.changeable.clear()


def accessors(machine: Machine, lookaside: Lookaside) -> dict[str, Callable[..., Any]]:
    """Return ld_x and st_x for every scalar kind, and copy and zero, bound to a machine."""
    found: dict[str, Callable[..., Any]] = {"copy": _copy(machine), "zero": _zero(machine)}
    for letter in LETTERS:
        found[f"ld_{letter}"] = _load(machine, letter, lookaside)
        found[f"st_{letter}"] = _store(machine, letter, lookaside)
    return found


def _no_shadow_there(machine: Machine, address: int, size: int, *, write: bool) -> None:
    """End in the fault that KASAN's own check takes on a user address, mapped or not.

    The shadow of the user half would lie at non-canonical addresses.
    """
    if machine.checks.kasan is not None and is_user_address(address):
        machine.fault(address, size, write=write)
        raise Unwind


def _load(machine: Machine, letter: str, lookaside: Lookaside) -> Callable[[int], int]:
    memory, checks = machine.memory, machine.checks
    form = struct.Struct("<" + letter)
    unpack, size = form.unpack_from, form.size
    pages, known = lookaside.readable, lookaside.known
    misaligned = size - 1

    def slow(address: int) -> int:
        granule = known.get(address >> 3)
        if granule is not None and not address & misaligned:
            return int(unpack(granule, address & 0xFFF)[0])
        address &= ADDRESS_MASK
        _no_shadow_there(machine, address, size, write=False)
        data = memory.load_bytes(address, size)
        if data is None:
            raise Unwind
        if checks.kasan is None:
            physical = memory.translate(address)
            frame = None if physical is None else memory.frames.get(physical >> PAGE_SHIFT)
            if frame is not None:
                shadow = checks.shadow
                if shadow is None or shadow.plain(address):
                    pages[address >> PAGE_SHIFT] = frame
                elif shadow.good_granule(address):
                    known[address >> 3] = frame
        value: int = form.unpack(data)[0]
        return value

    def load(address: int) -> int:
        # An access over the end of the page fails in struct, at no cost to the others.
        try:
            value: int = unpack(pages[address >> 12], address & 0xFFF)[0]
        except (KeyError, struct.error):
            return slow(address)
        return value

    return load


def _store(machine: Machine, letter: str, lookaside: Lookaside) -> Callable[[int, int], None]:
    memory, checks = machine.memory, machine.checks
    form = struct.Struct("<" + letter)
    pack, size = form.pack_into, form.size
    clean = bytes(size)
    last = PAGE_SIZE - size
    pages, marked = lookaside.writable, lookaside.marked
    changeable, misaligned = lookaside.changeable, size - 1

    def slow(address: int, value: int) -> None:
        granule = changeable.get(address >> 3)
        if granule is not None and not address & misaligned:
            place = address & 0xFFF
            pack(granule[0], place, value)
            if granule[1] is not None:
                granule[1][place : place + size] = clean
            return
        entry = marked.get(address >> 12)
        place = address & 0xFFF
        if entry is not None and place <= last:
            pack(entry[0], place, value)
            entry[1][place : place + size] = clean
            return
        address &= ADDRESS_MASK
        _no_shadow_there(machine, address, size, write=True)
        if not memory.store_bytes(address, form.pack(value)):
            raise Unwind
        # The store may have given the page its frame: what was read as zeros must not stay so.
        lookaside.readable.pop(address >> PAGE_SHIFT, None)
        if checks.kasan is None:
            physical = memory.translate(address)
            pfn = -1 if physical is None else physical >> PAGE_SHIFT
            frame = memory.frames.get(pfn)
            if frame is not None:
                marks = memory.stale.get(pfn)
                shadow = checks.shadow
                if shadow is not None and not shadow.plain(address):
                    if shadow.good_granule(address):
                        changeable[address >> 3] = (frame, marks)
                elif marks is None:
                    pages[address >> PAGE_SHIFT] = frame
                else:
                    marked[address >> PAGE_SHIFT] = (frame, marks)

    def store(address: int, value: int) -> None:
        try:
            pack(pages[address >> 12], address & 0xFFF, value)
        except (KeyError, struct.error):
            slow(address, value)

    return store


def _copy(machine: Machine) -> Callable[[int, int, int], None]:
    memory = machine.memory

    def copy(target: int, source: int, size: int) -> None:
        if not size:
            return
        data = memory.load_bytes(source & ADDRESS_MASK, size)
        if data is None or not memory.store_bytes(target & ADDRESS_MASK, data):
            raise Unwind

    return copy


def _zero(machine: Machine) -> Callable[[int, int], None]:
    memory = machine.memory

    def zero(target: int, size: int) -> None:
        if size and not memory.store_bytes(target & ADDRESS_MASK, bytes(size)):
            raise Unwind

    return zero
