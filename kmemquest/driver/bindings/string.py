"""`<linux/string.h>`: bytes and strings, all through the checked memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar, cast

from kmemquest.driver.binding import binds
from kmemquest.driver.printk_format import read_string

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

P = ParamSpec("P")
R = TypeVar("R")
BYTES_PER_NANOSECOND: Final = 10
"""memset and memcpy move about ten bytes in a nanosecond."""
CALL_COST: Final = 4
MAX_COPY: Final = 1 << 30
E2BIG: Final = 7
INT_MAX: Final = (1 << 31) - 1


def spend(engine: Engine, size: int) -> None:
    """Let the time of touching `size` bytes pass."""
    engine.machine.clock.advance(CALL_COST + size // BYTES_PER_NANOSECOND)


def read(engine: Engine, address: int, size: int) -> bytes | None:
    """Load bytes through the checkers; None when the access faulted. Zero bytes touch nothing."""
    if not size:
        return b""
    spend(engine, size)
    return engine.machine.memory.load_bytes(address, min(size, MAX_COPY))


def write(engine: Engine, address: int, data: bytes) -> None:
    """Store bytes through the checkers."""
    if data:
        spend(engine, len(data))
        engine.machine.memory.store_bytes(address, data)


@binds("memset")
def memset(engine: Engine, address: int, value: int, size: int) -> int:
    fill(engine, address, size, bytes([value & 0xFF]))
    return address


@binds("memset32")
def memset32(engine: Engine, address: int, value: int, count: int) -> int:
    fill(engine, address, 4 * count, (value & 0xFFFF_FFFF).to_bytes(4, "little"))
    return address


def fill(engine: Engine, address: int, size: int, pattern: bytes) -> None:
    """Store a repeated pattern; a huge size runs off the mapped memory at once."""
    if size > MAX_COPY:
        size = MAX_COPY
    if not size:
        return
    memory = engine.machine.memory
    last = address + size - 1
    if size >= 1 << 22 and memory.translate(last) is None:
        # Where the first unmapped page lies decides the fault; no need to build the bytes.
        _fault_at_hole(engine, address, size)
        return
    write(engine, address, (pattern * (size // len(pattern) + 1))[:size])


def _fault_at_hole(engine: Engine, address: int, size: int) -> None:
    memory = engine.machine.memory
    kasan = engine.machine.checks.kasan
    if kasan is not None:
        kasan.check_access(address, size, write=True)
    page = address
    while page < address + size and memory.translate(page) is not None:
        page = (page | 4095) + 1
    engine.machine.fault(page, 8, write=True)


@binds("memzero_explicit")
def memzero_explicit(engine: Engine, address: int, size: int) -> None:
    fill(engine, address, size, b"\0")


@binds("memcpy", "memmove", "memcpy_fromio", "memcpy_toio")
def memcpy(engine: Engine, to: int, source: int, size: int) -> int:
    data = read(engine, source, size)
    if data is not None:
        write(engine, to, data)
    return to


def _named(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let KASAN name the kernel's own function: `lib/string.c` is instrumented like a driver."""

    def wrap(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def named(*arguments: P.args, **keywords: P.kwargs) -> R:
            engine = cast("Engine", arguments[0])
            kasan = engine.machine.checks.kasan
            if kasan is None:
                return function(*arguments, **keywords)
            before, kasan.inside = kasan.inside, name
            try:
                return function(*arguments, **keywords)
            finally:
                kasan.inside = before

        return named

    return wrap


@binds("memcmp")
@_named("memcmp")
def memcmp(engine: Engine, first: int, second: int, size: int) -> int:
    return _compare(read(engine, first, size) or b"", read(engine, second, size) or b"")


def _compare(left: bytes, right: bytes) -> int:
    for one, other in zip(left, right, strict=False):
        if one != other:
            return one - other
    if len(left) == len(right):
        return 0
    return left[len(right)] if len(left) > len(right) else -right[len(left)]


@binds("memchr")
@_named("memchr")
def memchr(engine: Engine, address: int, value: int, size: int) -> int:
    at = (read(engine, address, size) or b"").find(bytes([value & 0xFF]))
    return address + at if at >= 0 else 0


@binds("memscan")
def memscan(engine: Engine, address: int, value: int, size: int) -> int:
    return memchr(engine, address, value, size) or address + size


@binds("memchr_inv")
@_named("memchr_inv")
def memchr_inv(engine: Engine, address: int, value: int, size: int) -> int:
    data = read(engine, address, size) or b""
    rest = data.lstrip(bytes([value & 0xFF]))
    return address + len(data) - len(rest) if rest else 0


@binds("mem_is_zero")
def mem_is_zero(engine: Engine, address: int, size: int) -> int:
    return not memchr_inv(engine, address, 0, size)


# --- strings ------------------------------------------------------------------------------


@binds("strlen")
@_named("strlen")
def strlen(engine: Engine, text: int) -> int:
    return len(read_string(engine.machine, text))


@binds("strnlen")
@_named("strnlen")
def strnlen(engine: Engine, text: int, limit: int) -> int:
    return len(read_string(engine.machine, text, limit))


@binds("strcpy")
@_named("strcpy")
def strcpy(engine: Engine, to: int, source: int) -> int:
    write(engine, to, read_string(engine.machine, source) + b"\0")
    return to


@binds("strncpy")
@_named("strncpy")
def strncpy(engine: Engine, to: int, source: int, size: int) -> int:
    write(engine, to, read_string(engine.machine, source, size).ljust(size, b"\0"))
    return to


@binds("__kmq_strscpy")
@_named("sized_strscpy")
def strscpy(engine: Engine, to: int, source: int, size: int) -> int:
    return _strscpy(engine, to, source, size, pad=False)


@binds("strscpy_pad")
def strscpy_pad(engine: Engine, to: int, source: int, size: int) -> int:
    return _strscpy(engine, to, source, size, pad=True)


def _strscpy(engine: Engine, to: int, source: int, size: int, *, pad: bool) -> int:
    if not size or size > INT_MAX:
        return -E2BIG
    text = read_string(engine.machine, source, size)
    if len(text) >= size:
        write(engine, to, text[: size - 1] + b"\0")
        return -E2BIG
    write(engine, to, text.ljust(size, b"\0") if pad else text + b"\0")
    return len(text)


@binds("strcat")
@_named("strcat")
def strcat(engine: Engine, to: int, source: int) -> int:
    used = len(read_string(engine.machine, to))
    write(engine, to + used, read_string(engine.machine, source) + b"\0")
    return to


@binds("strlcat")
@_named("strlcat")
def strlcat(engine: Engine, to: int, source: int, size: int) -> int:
    used = len(read_string(engine.machine, to))
    text = read_string(engine.machine, source)
    if size > used:
        write(engine, to + used, text[: size - used - 1] + b"\0")
    return used + len(text)


@binds("strcmp")
@_named("strcmp")
def strcmp(engine: Engine, first: int, second: int) -> int:
    left = read_string(engine.machine, first)
    return _compare(left, read_string(engine.machine, second))


@binds("strncmp")
@_named("strncmp")
def strncmp(engine: Engine, first: int, second: int, size: int) -> int:
    left = read_string(engine.machine, first, size)
    return _compare(left, read_string(engine.machine, second, size))


@binds("strcasecmp")
@_named("strcasecmp")
def strcasecmp(engine: Engine, first: int, second: int) -> int:
    left = read_string(engine.machine, first).lower()
    return _compare(left, read_string(engine.machine, second).lower())


@binds("strchr")
@_named("strchr")
def strchr(engine: Engine, text: int, value: int) -> int:
    data = read_string(engine.machine, text) + b"\0"
    at = data.find(bytes([value & 0xFF]))
    return text + at if at >= 0 else 0


@binds("strrchr")
@_named("strrchr")
def strrchr(engine: Engine, text: int, value: int) -> int:
    data = read_string(engine.machine, text) + b"\0"
    at = data.rfind(bytes([value & 0xFF]))
    return text + at if at >= 0 else 0


@binds("strnchr")
@_named("strnchr")
def strnchr(engine: Engine, text: int, size: int, value: int) -> int:
    at = read_string(engine.machine, text, size).find(bytes([value & 0xFF]))
    return text + at if at >= 0 else 0


@binds("strstr")
@_named("strstr")
def strstr(engine: Engine, text: int, wanted: int) -> int:
    data = read_string(engine.machine, text)
    at = data.find(read_string(engine.machine, wanted))
    return text + at if at >= 0 else 0


@binds("strim")
def strim(engine: Engine, text: int) -> int:
    """Cut white space at the end, return the first character that is none."""
    data = read_string(engine.machine, text)
    kept = data.rstrip()
    if len(kept) < len(data):
        write(engine, text + len(kept), b"\0")
    return text + len(kept) - len(kept.lstrip())


@binds("sysfs_streq")
def sysfs_streq(engine: Engine, first: int, second: int) -> int:
    left = read_string(engine.machine, first).removesuffix(b"\n")
    return left == read_string(engine.machine, second).removesuffix(b"\n")
