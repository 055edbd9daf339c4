"""`<linux/string.h>`: bytes and strings, all through the checked memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar, cast

from kmemquest.driver.binding import binds
from kmemquest.driver.printk_format import read_string
from kmemquest.kernel.address import PAGE_SIZE, is_user_address

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


def _kasan_refuses(engine: Engine, address: int, size: int, *, write: bool) -> bool:
    """Let KASAN look at user memory handed to memcpy or memset; True when nothing is copied."""
    kasan = engine.machine.checks.kasan
    if kasan is None or not size or not is_user_address(address) or address < PAGE_SIZE:
        return False
    return kasan.refuses_user_address(address, size, write=write)


@binds("memset")
def memset(engine: Engine, address: int, value: int, size: int) -> int:
    if _kasan_refuses(engine, address, size, write=True):
        return 0
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


@binds("memcpy", "memmove")
def memcpy(engine: Engine, to: int, source: int, size: int) -> int:
    if _kasan_refuses(engine, source, size, write=False):
        return 0
    if _kasan_refuses(engine, to, size, write=True):
        return 0
    data = read(engine, source, size)
    if data is not None:
        write(engine, to, data)
    return to


def blamed_on(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
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
@blamed_on("memcmp")
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
@blamed_on("memchr")
def memchr(engine: Engine, address: int, value: int, size: int) -> int:
    at = (read(engine, address, size) or b"").find(bytes([value & 0xFF]))
    return address + at if at >= 0 else 0


@binds("memscan")
def memscan(engine: Engine, address: int, value: int, size: int) -> int:
    return memchr(engine, address, value, size) or address + size


@binds("memchr_inv")
@blamed_on("memchr_inv")
def memchr_inv(engine: Engine, address: int, value: int, size: int) -> int:
    data = read(engine, address, size) or b""
    rest = data.lstrip(bytes([value & 0xFF]))
    return address + len(data) - len(rest) if rest else 0


@binds("mem_is_zero")
def mem_is_zero(engine: Engine, address: int, size: int) -> int:
    return not memchr_inv(engine, address, 0, size)


# --- strings ------------------------------------------------------------------------------


@binds("strlen")
@blamed_on("strlen")
def strlen(engine: Engine, text: int) -> int:
    return len(read_string(engine.machine, text))


@binds("strnlen")
@blamed_on("strnlen")
def strnlen(engine: Engine, text: int, limit: int) -> int:
    return len(read_string(engine.machine, text, limit))


@binds("strcpy")
@blamed_on("strcpy")
def strcpy(engine: Engine, to: int, source: int) -> int:
    write(engine, to, read_string(engine.machine, source) + b"\0")
    return to


@binds("strncpy")
@blamed_on("strncpy")
def strncpy(engine: Engine, to: int, source: int, size: int) -> int:
    write(engine, to, read_string(engine.machine, source, size).ljust(size, b"\0"))
    return to


@binds("__kmq_strscpy")
@blamed_on("sized_strscpy")
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
@blamed_on("strcat")
def strcat(engine: Engine, to: int, source: int) -> int:
    used = len(read_string(engine.machine, to))
    write(engine, to + used, read_string(engine.machine, source) + b"\0")
    return to


@binds("strlcat")
@blamed_on("strlcat")
def strlcat(engine: Engine, to: int, source: int, size: int) -> int:
    used = len(read_string(engine.machine, to))
    text = read_string(engine.machine, source)
    if size > used:
        write(engine, to + used, text[: size - used - 1] + b"\0")
    return used + len(text)


@binds("strcmp")
@blamed_on("strcmp")
def strcmp(engine: Engine, first: int, second: int) -> int:
    left = read_string(engine.machine, first)
    return _compare(left, read_string(engine.machine, second))


@binds("strncmp")
@blamed_on("strncmp")
def strncmp(engine: Engine, first: int, second: int, size: int) -> int:
    left = read_string(engine.machine, first, size)
    return _compare(left, read_string(engine.machine, second, size))


@binds("strcasecmp")
@blamed_on("strcasecmp")
def strcasecmp(engine: Engine, first: int, second: int) -> int:
    left = read_string(engine.machine, first).lower()
    return _compare(left, read_string(engine.machine, second).lower())


@binds("strchr")
@blamed_on("strchr")
def strchr(engine: Engine, text: int, value: int) -> int:
    data = read_string(engine.machine, text) + b"\0"
    at = data.find(bytes([value & 0xFF]))
    return text + at if at >= 0 else 0


@binds("strrchr")
@blamed_on("strrchr")
def strrchr(engine: Engine, text: int, value: int) -> int:
    data = read_string(engine.machine, text) + b"\0"
    at = data.rfind(bytes([value & 0xFF]))
    return text + at if at >= 0 else 0


@binds("strnchr")
@blamed_on("strnchr")
def strnchr(engine: Engine, text: int, size: int, value: int) -> int:
    at = read_string(engine.machine, text, size).find(bytes([value & 0xFF]))
    return text + at if at >= 0 else 0


@binds("strstr")
@blamed_on("strstr")
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
