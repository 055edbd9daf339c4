"""FORTIFY_SOURCE at run time: an access beyond the known size of its object is a BUG.

A write that leaves one member of a struct for the next, inside the object, is a warning only.

Source: `include/linux/fortify-string.h`, `lib/string_helpers.c:__fortify_panic`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi
from kmemquest.driver.binding import binds
from kmemquest.driver.bindings import string
from kmemquest.driver.printk_format import read_string
from kmemquest.kernel.check.oops import bug, warn, warn_once

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

FILE: Final = "lib/string_helpers.c"
REPORT_LINE: Final = 1032
PANIC_LINE: Final = 1040
UNKNOWN: Final = (1 << 64) - 1


def _overflows(engine: Engine, function: str, size: int, room: int, access: str = "write") -> bool:
    """Report an access of `size` bytes to `room`; tell whether it was too long."""
    if size <= room:
        return False
    machine = engine.machine
    message = f"{function}: detected buffer overflow: {size} byte {access} of buffer size {room}"
    warn(machine, FILE, REPORT_LINE, "__fortify_report", message, kind="fortify")
    bug(machine, FILE, PANIC_LINE, "__fortify_panic", kind="fortify")
    return True


def _spans_fields(engine: Engine, function: str, size: int, room: int, name: int) -> None:
    """Warn, once per statement, of a write that runs from one member into the next."""
    if size <= room:
        return
    machine = engine.machine
    site = machine.site
    file, line, caller = (site.file, site.line, site.function) if site else ("", 0, function)
    field = abi.get_text(machine, name)
    message = (
        f"{function}: detected field-spanning write (size {size}) of single field "
        f'"{field}" at {file}:{line} (size {room})'
    )
    warn_once(machine, f"fortify {file}:{line}", file, line, caller, message, kind="fortify")


def _copy_refused(
    engine: Engine, function: str, size: int, rooms: tuple[int, int, int], name: int
) -> bool:
    """Check a copy (`fortify_memcpy_chk`); `rooms`: destination, its member, source."""
    whole, field, readable = rooms
    if _overflows(engine, function, size, whole):
        return True
    if _overflows(engine, function, size, readable, "read"):
        return True
    if whole != field:
        _spans_fields(engine, function, size, field, name)
    return False


@binds("__kmq_fortified_memset")
def fortified_memset(
    engine: Engine, address: int, value: int, size: int, whole: int, field: int, name: int
) -> int:
    if _copy_refused(engine, "memset", size, (whole, field, UNKNOWN), name):
        return address
    return string.memset(engine, address, value, size)


@binds("__kmq_fortified_memcpy")
def fortified_memcpy(
    engine: Engine,
    to: int,
    source: int,
    size: int,
    whole: int,
    field: int,
    readable: int,
    name: int,
) -> int:
    if _copy_refused(engine, "memcpy", size, (whole, field, readable), name):
        return to
    return string.memcpy(engine, to, source, size)


@binds("__kmq_fortified_memmove")
def fortified_memmove(
    engine: Engine,
    to: int,
    source: int,
    size: int,
    whole: int,
    field: int,
    readable: int,
    name: int,
) -> int:
    if _copy_refused(engine, "memmove", size, (whole, field, readable), name):
        return to
    return string.memcpy(engine, to, source, size)


@binds("__kmq_fortified_strlen")
def fortified_strlen(engine: Engine, text: int, room: int) -> int:
    data = string.read(engine, text, room)
    if data is None:
        return 0
    end = data.find(b"\0")
    if end >= 0:
        return end
    _overflows(engine, "strlen", room + 1, room, "read")
    return 0


@binds("__kmq_fortified_strcpy")
def fortified_strcpy(engine: Engine, to: int, source: int, room: int) -> int:
    size = len(read_string(engine.machine, source)) + 1
    if _overflows(engine, "strcpy", size, room):
        return to
    return string.strcpy(engine, to, source)


@binds("__kmq_fortified_strcat")
def fortified_strcat(engine: Engine, to: int, source: int, room: int) -> int:
    before = len(read_string(engine.machine, to))
    size = before + len(read_string(engine.machine, source)) + 1
    if _overflows(engine, "strcat", size, room):
        return to
    return string.strcat(engine, to, source)


@binds("__kmq_fortified_strncpy")
def fortified_strncpy(engine: Engine, to: int, source: int, size: int, room: int) -> int:
    if _overflows(engine, "strncpy", size, room):
        return to
    return string.strncpy(engine, to, source, size)
