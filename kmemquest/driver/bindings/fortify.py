"""FORTIFY_SOURCE at run time: a write beyond the known size of its destination is a BUG.

Source: `include/linux/fortify-string.h`, `lib/string_helpers.c:__fortify_panic`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver.binding import binds
from kmemquest.driver.bindings import string
from kmemquest.driver.printk_format import read_string
from kmemquest.kernel.check.oops import bug, warn

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

FILE: Final = "lib/string_helpers.c"
REPORT_LINE: Final = 1032
PANIC_LINE: Final = 1040


def _overflows(engine: Engine, function: str, size: int, room: int) -> bool:
    """Report a write of `size` bytes into `room`; tell whether it was too long."""
    if size <= room:
        return False
    machine = engine.machine
    message = f"{function}: detected buffer overflow: {size} byte write of buffer size {room}"
    warn(machine, FILE, REPORT_LINE, "__fortify_report", message, kind="fortify")
    bug(machine, FILE, PANIC_LINE, "__fortify_panic", kind="fortify")
    return True


@binds("__kmq_fortified_memset")
def fortified_memset(engine: Engine, address: int, value: int, size: int, room: int) -> int:
    if _overflows(engine, "memset", size, room):
        return address
    return string.memset(engine, address, value, size)


@binds("__kmq_fortified_memcpy")
def fortified_memcpy(engine: Engine, to: int, source: int, size: int, room: int) -> int:
    if _overflows(engine, "memcpy", size, room):
        return to
    return string.memcpy(engine, to, source, size)


@binds("__kmq_fortified_memmove")
def fortified_memmove(engine: Engine, to: int, source: int, size: int, room: int) -> int:
    if _overflows(engine, "memmove", size, room):
        return to
    return string.memcpy(engine, to, source, size)


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
