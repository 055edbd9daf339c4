"""Reading a driver's variables by the words a C programmer would use: `dev->ring.dma[2]`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from kmemquest.driver.c_types import ArrayType, CType, IntType, PointerType, RecordType

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

_TOKEN: Final = re.compile(r"\s*(->|\.|\[\s*(\d+)\s*\]|[A-Za-z_]\w*)")


class PathError(ValueError):
    """A path that leads nowhere; the text tells where it ends."""


def read_path(engine: Engine, path: str) -> int:
    """Return the value of a global variable, of a member or an element; a number reads itself.

    Memory is read without checks, for it is not the driver that reads.
    """
    text = path.strip()
    try:
        return int(text, 0)
    except ValueError:
        pass
    address, ctype = locate(engine, text)
    if not isinstance(ctype, IntType | PointerType):
        raise PathError(f"{path!r} is a {ctype}, not a number")
    data = engine.machine.memory.peek(address, ctype.size)
    return int.from_bytes(data, "little")


def locate(engine: Engine, path: str) -> tuple[int, CType]:
    """Return where a path leads and what lies there."""
    tokens = _tokens(path)
    name = tokens.pop(0)
    symbol = engine.module.symbols.get(name)
    address = engine.globals_address(name)
    if symbol is None or not address:
        raise PathError(f"the driver has no variable {name!r}")
    ctype = symbol.type
    while tokens:
        token = tokens.pop(0)
        if token.startswith("["):
            address, ctype = _element(engine, path, address, ctype, int(token[1:-1]))
            continue
        if token == "->":
            if not isinstance(ctype, PointerType):
                raise PathError(f"{path!r}: -> needs a pointer")
            address, ctype = _word(engine, address), ctype.target
        if not tokens:
            raise PathError(f"{path!r} ends after {token!r}")
        address, ctype = _member(path, address, ctype, tokens.pop(0))
    return address, ctype


def _tokens(path: str) -> list[str]:
    tokens, position = [], 0
    while position < len(path):
        match = _TOKEN.match(path, position)
        if match is None:
            raise PathError(f"{path!r} is not a variable such as ring_dma or dev->ring[0].dma")
        tokens.append(f"[{match.group(2)}]" if match.group(2) else match.group(1))
        position = match.end()
    if not tokens or not (tokens[0][0].isalpha() or tokens[0][0] == "_"):
        raise PathError(f"{path!r} does not begin with the name of a variable")
    return tokens


def _word(engine: Engine, address: int) -> int:
    return int.from_bytes(engine.machine.memory.peek(address, 8), "little")


def _element(
    engine: Engine, path: str, address: int, ctype: CType, index: int
) -> tuple[int, CType]:
    if isinstance(ctype, ArrayType):
        return address + index * ctype.element.size, ctype.element
    if isinstance(ctype, PointerType):
        return _word(engine, address) + index * ctype.target.size, ctype.target
    raise PathError(f"{path!r}: [{index}] needs an array")


def _member(path: str, address: int, ctype: CType, name: str) -> tuple[int, CType]:
    if not isinstance(ctype, RecordType):
        raise PathError(f"{path!r}: a {ctype} has no member {name!r}")
    for member in ctype.record.members:
        if member.name == name and member.width is None:
            return address + member.offset, member.type
    raise PathError(f"{path!r}: a {ctype} has no member {name!r}")
