"""Parameters of a module, set as `insmod NAME=VALUE` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver.module_image import Parameter

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

YES: Final = ("1", "y", "yes", "on", "")


def set_parameter(engine: Engine, parameter: Parameter, text: str) -> None:
    """Write the value of a parameter into its variable; what is no number leaves it as it is."""
    memory = engine.machine.memory
    address = engine.globals_address(parameter.variable)
    symbol = engine.module.symbols[parameter.variable]
    if parameter.kind == "charp":
        data = text.encode() + b"\0"
        string = engine.reserve(len(data))
        memory.poke(string, data)
        value, size = string, 8
    elif parameter.kind in ("bool", "invbool"):
        value, size = int(text.strip().lower() in YES), 1
    else:
        try:
            value = int(text, 0)
        except ValueError:
            return
        size = symbol.type.size
    memory.poke(address, (value & (1 << 8 * size) - 1).to_bytes(size, "little"))
