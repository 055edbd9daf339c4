r"""The kernel's printf (`lib/vsprintf.c:vsnprintf`): C conversions and the pointer extensions.

    text = format_text(engine, b"%zu bytes at %p\n", arguments)

Strings are read through the checked memory of the machine, so a freed or unterminated one is the
driver's mistake here as it is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kmemquest.driver.errno_names import errno_name
from kmemquest.kernel import gfp
from kmemquest.kernel.address import PAGE_SIZE
from kmemquest.kernel.text.pointer import hashed_pointer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kmemquest.driver.binding import Argument
    from kmemquest.driver.engine import Engine
    from kmemquest.kernel.machine import Machine

MAX_TEXT: Final = 64 * 1024
"""Longest text that one call produces, in bytes."""
MAX_STRING: Final = 16 * 1024
MAX_WIDTH: Final = 8192
MAX_PRECISION: Final = (1 << 15) - 1
"""`lib/vsprintf.c:PRECISION_MAX`."""
HEX_DUMP_MAX: Final = 64
"""`%*ph` prints at most this many bytes."""
ERR_FIRST: Final = (1 << 64) - 4095
HASH_READY: Final = ("late", "running")
_SIZES: Final = {"hh": 1, "h": 2, "": 4, "l": 8, "ll": 8, "L": 8, "q": 8, "z": 8, "t": 8, "j": 8}


@dataclass(slots=True)
class _Spec:
    left: bool = False
    plus: bool = False
    space: bool = False
    special: bool = False
    zero: bool = False
    width: int = -1
    precision: int = -1
    qualifier: str = ""


class _Arguments:
    """The variadic tail; what is missing reads as zero."""

    def __init__(self, arguments: Sequence[Argument]) -> None:
        self._values = [argument.value for argument in arguments]
        self._next = 0

    def take(self) -> int:
        if self._next >= len(self._values):
            return 0
        value = self._values[self._next]
        self._next += 1
        return value


def format_text(engine: Engine, template: bytes, arguments: Sequence[Argument]) -> bytes:
    """Return the formatted bytes, without the terminating NUL."""
    machine = engine.machine
    values = _Arguments(arguments)
    out: list[bytes] = []
    length = 0
    position = 0
    while position < len(template) and length < MAX_TEXT:
        percent = template.find(b"%", position)
        if percent < 0:
            piece, position = template[position:], len(template)
        elif percent > position:
            piece, position = template[position:percent], percent
        else:
            piece, position = _conversion(machine, engine, template, percent + 1, values)
        out.append(piece)
        length += len(piece)
    return b"".join(out)


def read_string(machine: Machine, address: int, limit: int = MAX_STRING) -> bytes:
    """Read a NUL-terminated string as the CPU would; stops at `limit` bytes or a fault."""
    parts: list[bytes] = []
    while limit > 0:
        chunk = min(limit, PAGE_SIZE - address % PAGE_SIZE)
        data = machine.memory.peek(address, chunk)
        end = data.find(b"\0")
        if end >= 0 and machine.memory.translate(address) is not None:
            if machine.memory.load_bytes(address, end + 1) is None:
                break
            parts.append(data[:end])
            break
        if machine.memory.load_bytes(address, chunk) is None:
            break
        parts.append(data)
        address += chunk
        limit -= chunk
    return b"".join(parts)


def pointer_text(machine: Machine, value: int) -> str:
    """Return what a plain `%p` prints (`lib/vsprintf.c:ptr_to_id`)."""
    if value == 0 or value >= ERR_FIRST or _prints_real_pointers(machine):
        return f"{value:016x}"
    if machine.phase not in HASH_READY:
        return "(____ptrval____)"
    return hashed_pointer(machine, value)


def _prints_real_pointers(machine: Machine) -> bool:
    spec = machine.spec
    options = ("no_hash_pointers", "slab_debug", "slub_debug")
    return bool(spec.checkers.slub_debug) or any(spec.option(name) for name in options)


# --- one conversion -----------------------------------------------------------------------


def _conversion(
    machine: Machine, engine: Engine, template: bytes, position: int, values: _Arguments
) -> tuple[bytes, int]:
    spec, position = _read_spec(template, position, values)
    letter = chr(template[position]) if position < len(template) else ""
    position += 1
    if letter in ("d", "i", "u", "x", "X", "o"):
        return _integer(values.take(), spec, letter), position
    if letter == "p":
        return _pointer(machine, engine, template, position, spec, values.take())
    if letter == "s":
        return _string(machine, values.take(), spec), position
    if letter == "c":
        return _pad(bytes([values.take() & 0xFF]), spec), position
    if letter == "%":
        return b"%", position
    # An unknown conversion ends the formatting in the kernel too, after a WARN.
    return b"%" + letter.encode(), len(template)


def _read_spec(template: bytes, position: int, values: _Arguments) -> tuple[_Spec, int]:
    spec = _Spec()
    text = template.decode("latin-1")
    while position < len(text) and text[position] in "-+ #0":
        flag = text[position]
        spec.left |= flag == "-"
        spec.plus |= flag == "+"
        spec.space |= flag == " "
        spec.special |= flag == "#"
        spec.zero |= flag == "0"
        position += 1
    spec.width, position = _read_number(text, position, values)
    if spec.width < -1:
        spec.left, spec.width = True, -spec.width
    if position < len(text) and text[position] == ".":
        spec.precision, position = _read_number(text, position + 1, values)
        spec.precision = min(max(spec.precision, 0), MAX_PRECISION)
    for qualifier in ("hh", "ll", "h", "l", "L", "q", "z", "t", "j"):
        if text.startswith(qualifier, position):
            spec.qualifier = qualifier
            position += len(qualifier)
            break
    spec.width = min(spec.width, MAX_WIDTH)
    return spec, position


def _read_number(text: str, position: int, values: _Arguments) -> tuple[int, int]:
    if text.startswith("*", position):
        value = values.take() & 0xFFFFFFFF
        return (value - (1 << 32) if value >= 1 << 31 else value), position + 1
    start = position
    while position < len(text) and text[position] in "0123456789":
        position += 1
    digits = text[start:position]
    return (int(digits[:6]) if digits else -1), position


def _integer(value: int, spec: _Spec, letter: str) -> bytes:
    bits = 8 * _SIZES[spec.qualifier]
    value &= (1 << bits) - 1
    negative = letter in ("d", "i") and value >= 1 << (bits - 1)
    magnitude = (1 << bits) - value if negative else value
    base = {"x": "x", "X": "X", "o": "o"}.get(letter, "d")
    digits = format(magnitude, base)
    sign = "-" if negative else ""
    if letter in ("d", "i") and not negative:
        sign = "+" if spec.plus else " " if spec.space else ""
    prefix = {"x": "0x", "X": "0X", "o": "0"}.get(letter, "") if spec.special else ""
    if letter == "o" and magnitude == 0:
        prefix = ""
    if spec.precision >= 0:
        digits = digits.rjust(spec.precision, "0")
    elif spec.zero and not spec.left:
        digits = digits.rjust(spec.width - len(sign) - len(prefix), "0")
    return _pad((sign + prefix + digits).encode(), spec)


def _string(machine: Machine, address: int, spec: _Spec) -> bytes:
    if address < PAGE_SIZE:
        data = b"(null)" if address == 0 else b"(efault)"
    elif address >= ERR_FIRST:
        data = b"(efault)"
    else:
        limit = MAX_STRING if spec.precision < 0 else spec.precision
        data = read_string(machine, address, limit)
    if spec.precision >= 0:
        data = data[: spec.precision]
    return _pad(data, spec)


def _pad(data: bytes, spec: _Spec) -> bytes:
    if spec.width <= len(data):
        return data
    return data.ljust(spec.width) if spec.left else data.rjust(spec.width)


# --- %p and its extensions ----------------------------------------------------------------


def _pointer(
    machine: Machine, engine: Engine, template: bytes, position: int, spec: _Spec, value: int
) -> tuple[bytes, int]:
    start = position
    while position < len(template) and chr(template[position]).isalnum():
        position += 1
    extension = template[start:position].decode("latin-1")
    kind = extension[:1]
    text: str | None = None
    if kind == "x":
        text = f"{value:0{max(spec.width, 16)}x}"
    elif kind == "e" and value >= ERR_FIRST:
        text = f"-{errno_name((1 << 64) - value)}"
    elif kind in ("S", "s", "B", "F", "f"):
        text = _symbol(engine, value, offset=kind in ("S", "B", "F"))
    elif kind == "V" and value >= PAGE_SIZE:
        return _pad(_format_within(engine, value), spec), position
    elif kind == "h":
        return _hex_bytes(machine, value, spec, extension), position
    elif kind in ("a", "G", "M", "m", "I", "i", "r", "R"):
        text = _object(machine, value, extension)
    if text is None:
        text = pointer_text(machine, value)
    return _pad(text.encode(), spec), position


def _object(machine: Machine, address: int, extension: str) -> str | None:
    """Extensions that read what the pointer points to."""
    if address < PAGE_SIZE:
        return "(null)"
    memory = machine.memory
    kind, variant = extension[0], extension[1:2]
    if kind == "a":
        return f"{memory.load(address, 8):#018x}"
    if kind == "G":
        flags = memory.load(address, 8 if variant in ("p", "v") else 4)
        return gfp.format_gfp(flags) if variant == "g" else f"{flags:#x}"
    if kind in ("M", "m"):
        data = memory.load_bytes(address, 6) or bytes(6)
        separator = {"F": "-", "R": ":"}.get(variant, ":" if kind == "M" else "")
        return separator.join(f"{byte:02x}" for byte in data)
    if kind in ("I", "i") and variant == "4":
        data = memory.load_bytes(address, 4) or bytes(4)
        return ".".join(str(byte) for byte in data)
    if kind in ("r", "R"):
        return _resource(machine, address)
    return None


def _format_within(engine: Engine, address: int) -> bytes:
    """Print a `struct va_format`: its format with the arguments of its list."""
    memory = engine.machine.memory
    template, place = memory.load(address, 8), memory.load(address + 8, 8)
    engine.check()
    arguments = engine.va_lists.left(memory.load(place, 8))
    engine.check()
    return format_text(engine, read_string(engine.machine, template), arguments)


def _resource(machine: Machine, address: int) -> str:
    memory = machine.memory
    start, end = memory.load(address, 8), memory.load(address + 8, 8)
    flags = memory.load(address + 24, 8)
    word = {0x100: "io ", 0x200: "mem", 0x400: "irq"}.get(flags & 0x700, "???")
    if word == "irq":
        return f"[irq {start}]" if start == end else f"[irq {start}-{end}]"
    width = 6 if word == "io " else 10
    return f"[{word} {start:#0{width}x}-{end:#0{width}x}]"


def _hex_bytes(machine: Machine, address: int, spec: _Spec, extension: str) -> bytes:
    if spec.width == 0:
        return b""
    if address < PAGE_SIZE:
        return b"(null)"
    count = min(max(spec.width, 1), HEX_DUMP_MAX)
    separator = {"C": ":", "D": "-", "N": ""}.get(extension[1:2], " ")
    data = machine.memory.load_bytes(address, count) or b""
    return separator.join(f"{byte:02x}" for byte in data).encode()


def _symbol(engine: Engine, address: int, *, offset: bool) -> str:
    found = engine.symbol_at(address)
    if found is None:
        return f"{address:#x}"
    name, distance, size = found
    kernels = engine.module.builtin or engine.kernel_symbol_at(address) is not None
    module = "" if kernels else f" [{engine.module.name}]"
    return f"{name}+{distance:#x}/{size:#x}{module}" if offset else f"{name}{module}"
