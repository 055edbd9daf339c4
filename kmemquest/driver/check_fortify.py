"""Writes of constant size past an object of known size, as FORTIFY_SOURCE finds them at build time.

The macros of <linux/string.h> pass what is known of the object's size as the last argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kmemquest.driver.diagnostics import DiagnosticSink, Position
from kmemquest.driver.values import Value

_WRITERS: Final = {
    f"__kmq_fortified_{name}": name for name in ("memset", "memcpy", "memmove")
}  # fmt: skip


def check_bounds(
    sink: DiagnosticSink, where: Position, function: str, values: Sequence[Value]
) -> None:
    """Tell a constant size in bytes above the object's (include/linux/fortify-string.h)."""
    name = _WRITERS.get(function)
    if name is None or len(values) not in (6, 7):
        return
    size, room = values[2].const, values[4].const
    if size is None or room is None or values[2].symbol or size <= room:
        return
    sink.advise(
        where, "-Wattribute-warning",
        "call to ‘__write_overflow_field’ declared with attribute warning: detected write beyond "
        "size of field (1st parameter); maybe use struct_group()?",
        f"the object has {room} bytes, and {name}() writes {size}",
    )  # fmt: skip
