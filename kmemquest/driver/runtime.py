"""Arithmetic that compiled code calls: division, bit counting, byte swapping, traps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kmemquest.driver.engine_memory import Unwind

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine


def arithmetic(engine: Engine) -> dict[str, Callable[..., Any]]:
    """Return the helpers by the names that compiled code uses."""

    def broken() -> None:
        from kmemquest.kernel.check.oops import divide_error_oops

        site = engine.machine.context.site
        divide_error_oops(engine.machine, site.function if site is not None else "")
        raise Unwind

    def divide_u(left: int, right: int) -> int:
        if not right:
            broken()
        return left // right

    def modulo_u(left: int, right: int) -> int:
        if not right:
            broken()
        return left % right

    def divide_s(left: int, right: int, low: int) -> int:
        # idiv traps on overflow (INT_MIN / -1) as it does on zero.
        if not right or (right == -1 and left == low):
            broken()
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient

    def modulo_s(left: int, right: int, low: int) -> int:
        return left - divide_s(left, right, low) * right

    def trap() -> None:
        from kmemquest.kernel.check.oops import bug

        site = engine.machine.context.site
        if site is not None:
            bug(engine.machine, site.file, site.line, site.function)
        raise Unwind

    return {
        "divide_u": divide_u, "modulo_u": modulo_u, "divide_s": divide_s, "modulo_s": modulo_s,
        "trap": trap, "bit_ffs": bit_ffs, "bit_ctz": bit_ctz, "bit_clz32": bit_clz32,
        "bit_clz64": bit_clz64, "bit_count": bit_count, "swap": swap,
    }  # fmt: skip


def bit_ffs(value: int) -> int:
    """One plus the index of the lowest set bit; 0 for 0."""
    return (value & -value).bit_length()


def bit_ctz(value: int) -> int:
    """Trailing zeros; for 0 what `bsf` leaves is undefined, 64 here."""
    return (value & -value).bit_length() - 1 if value else 64


def bit_clz32(value: int) -> int:
    """Leading zeros of 32 bits."""
    return 32 - value.bit_length()


def bit_clz64(value: int) -> int:
    """Leading zeros of 64 bits."""
    return 64 - value.bit_length()


def bit_count(value: int) -> int:
    """Number of set bits."""
    return value.bit_count()


def swap(value: int, size: int) -> int:
    """Reverse the bytes of an unsigned integer."""
    return int.from_bytes(value.to_bytes(size, "little"), "big")
