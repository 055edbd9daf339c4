"""Parameters of a module, set as `insmod NAME=VALUE` does (`kernel/params.c:parse_args`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from kmemquest.driver.c_types import ArrayType
from kmemquest.driver.module_image import Parameter
from kmemquest.driver.number_text import NumberTextError, read_number, read_truth
from kmemquest.kernel.log import KERN_ERR, KERN_WARNING

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

EINVAL: Final = 22
ENOSPC: Final = 28
LONGEST_STRING: Final = 1024
"""Bytes of a `charp`, at most."""
NUMBERS: Final = {
    "byte": (1, False),
    "short": (2, True),
    "ushort": (2, False),
    "int": (4, True),
    "uint": (4, False),
    "hexint": (4, False),
    "long": (8, True),
    "ulong": (8, False),
    "ullong": (8, False),
}
"""Type of a parameter -> its bytes, and whether it has a sign."""


def set_parameters(engine: Engine, given: Mapping[str, str]) -> int:
    """Set what was given, in its order; 0, or the last error (negative) if any was refused.

    A name that the module does not have is told and ignored, as modules load in 6.12.
    """
    module, log = engine.module, engine.machine.log
    known = {parameter.name: parameter for parameter in module.parameters}
    result = 0
    for name, text in given.items():
        # Hyphens and underscores are the same in names.
        parameter = known.get(name.replace("-", "_"))
        if parameter is None:
            log.print(f"{module.name}: unknown parameter '{name}' ignored", KERN_WARNING)
            continue
        error = _set(engine, parameter, text)
        if error:
            what = "too large" if error == ENOSPC else "invalid"
            log.print(f"{module.name}: `{text}' {what} for parameter `{name}'", KERN_ERR)
            result = -error
    return result


def _set(engine: Engine, parameter: Parameter, text: str) -> int:
    """Set one parameter; 0 or an error (positive)."""
    address = engine.globals_address(parameter.variable)
    ctype = engine.module.symbols[parameter.variable].type
    if parameter.kind == "string":
        return _copy_string(engine, parameter, address, ctype.size, text)
    try:
        if isinstance(ctype, ArrayType):
            return _set_array(engine, parameter, address, ctype, text)
        engine.machine.memory.poke(address, _value(engine, parameter, text))
    except NumberTextError as error:
        return error.number
    return 0


def _set_array(
    engine: Engine, parameter: Parameter, address: int, ctype: ArrayType, text: str
) -> int:
    log, memory = engine.machine.log, engine.machine.memory
    words = text.split(",")
    room = ctype.size // ctype.element.size
    for index, word in enumerate(words):
        if index == room:
            log.print(f"{parameter.name}: can only take {room} arguments", KERN_ERR)
            return EINVAL
        memory.poke(address + index * ctype.element.size, _value(engine, parameter, word))
    if parameter.counter and parameter.counter != "NULL":
        memory.poke(engine.globals_address(parameter.counter), len(words).to_bytes(4, "little"))
    return 0


def _copy_string(engine: Engine, parameter: Parameter, address: int, room: int, text: str) -> int:
    data = text.encode() + b"\0"
    if len(data) > room:
        message = f"{parameter.name}: string doesn't fit in {room - 1} chars."
        engine.machine.log.print(message, KERN_ERR)
        return ENOSPC
    engine.machine.memory.poke(address, data)
    return 0


def _value(engine: Engine, parameter: Parameter, text: str) -> bytes:
    """Return the bytes of a value; raises NumberTextError."""
    kind = parameter.kind
    if kind in ("bool", "invbool"):
        return bytes([read_truth(text or "1") is (kind == "bool")])
    if kind == "charp":
        return _kept_string(engine, parameter, text).to_bytes(8, "little")
    size, signed = NUMBERS[kind]
    return read_number(text, 0, size, signed=signed).to_bytes(size, "little", signed=signed)


def _kept_string(engine: Engine, parameter: Parameter, text: str) -> int:
    """Put a string where it lives as long as the module, and return its address."""
    data = text.encode() + b"\0"
    if len(data) > LONGEST_STRING + 1:
        engine.machine.log.print(f"{parameter.name}: string parameter too long", KERN_ERR)
        raise NumberTextError(ENOSPC)
    address = engine.reserve(len(data))
    engine.machine.memory.poke(address, data)
    return address
