"""Loads and stores of compiled code: a short way for plain memory, the checked way for the rest.

With KASAN every access asks it first, as instrumented code does. A fault unwinds the driver.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from kmemquest.kernel.address import ADDRESS_MASK, PAGE_SHIFT, PAGE_SIZE

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

    __slots__ = ("readable", "writable")

    def __init__(self) -> None:
        self.readable: dict[int, bytearray] = {}
        """Virtual page number -> the frame's bytes."""
        self.writable: dict[int, tuple[bytearray, bytearray | None]] = {}
        """The same with the marks of bytes never written, if the frame has any."""

    def flush(self) -> None:
        """Forget everything."""
        if self.readable:
            self.readable.clear()
        if self.writable:
            self.writable.clear()


def accessors(machine: Machine, lookaside: Lookaside) -> dict[str, Callable[..., Any]]:
    """Return ld_x and st_x for every scalar kind, and copy and zero, bound to a machine."""
    found: dict[str, Callable[..., Any]] = {"copy": _copy(machine), "zero": _zero(machine)}
    for letter in LETTERS:
        found[f"ld_{letter}"] = _load(machine, letter, lookaside)
        found[f"st_{letter}"] = _store(machine, letter, lookaside)
    return found


def _load(machine: Machine, letter: str, lookaside: Lookaside) -> Callable[[int], int]:
    memory, checks = machine.memory, machine.checks
    form = struct.Struct("<" + letter)
    unpack, size = form.unpack_from, form.size
    last = PAGE_SIZE - size
    pages = lookaside.readable
    find = pages.get

    def slow(address: int) -> int:
        address &= ADDRESS_MASK
        data = memory.load_bytes(address, size)
        if data is None:
            raise Unwind
        if checks.kasan is None:
            physical = memory.translate(address)
            frame = None if physical is None else memory.frames.get(physical >> PAGE_SHIFT)
            if frame is not None:
                pages[address >> PAGE_SHIFT] = frame
        value: int = form.unpack(data)[0]
        return value

    def load(address: int) -> int:
        frame = find(address >> 12)
        if frame is not None:
            place = address & 0xFFF
            if place <= last:
                value: int = unpack(frame, place)[0]
                return value
        return slow(address)

    return load


def _store(machine: Machine, letter: str, lookaside: Lookaside) -> Callable[[int, int], None]:
    memory, checks = machine.memory, machine.checks
    form = struct.Struct("<" + letter)
    pack, size = form.pack_into, form.size
    clean = bytes(size)
    last = PAGE_SIZE - size
    pages = lookaside.writable
    find = pages.get

    def slow(address: int, value: int) -> None:
        address &= ADDRESS_MASK
        if not memory.store_bytes(address, form.pack(value)):
            raise Unwind
        # The store may have given the page its frame: what was read as zeros must not stay so.
        lookaside.readable.pop(address >> PAGE_SHIFT, None)
        if checks.kasan is None:
            physical = memory.translate(address)
            pfn = -1 if physical is None else physical >> PAGE_SHIFT
            frame = memory.frames.get(pfn)
            if frame is not None:
                pages[address >> PAGE_SHIFT] = (frame, memory.stale.get(pfn))

    def store(address: int, value: int) -> None:
        entry = find(address >> 12)
        if entry is not None:
            place = address & 0xFFF
            if place <= last:
                pack(entry[0], place, value)
                if entry[1] is not None:
                    entry[1][place : place + size] = clean
                return
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
