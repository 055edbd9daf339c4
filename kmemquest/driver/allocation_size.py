"""What the compiler knows of the size behind a local pointer: `__builtin_object_size`.

As gcc, it sees through a pointer that is set once, from a function that declares alloc_size, with
arguments that are constants. Whatever hides the value (a second assignment, its address taken,
OPTIMIZER_HIDE_VAR) hides the size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kmemquest.driver.compile_jump import walk
from kmemquest.driver.parse import ast


def only_source(body: Any, name: str) -> Any | None:
    """Return the call that gives a local its only value, None if there is more to it."""
    sources: list[Any] = []
    for item in walk(body):
        if isinstance(item, ast.Decl) and item.name == name:
            if item.init is not None:
                sources.append(item.init)
        elif isinstance(item, ast.Assignment) and _is_name(item.lvalue, name):
            sources.append(item.rvalue if item.op == "=" else None)
        elif isinstance(item, ast.UnaryOp) and _is_name(item.expr, name):
            if item.op in ("&", "++", "--", "p++", "p--"):
                sources.append(None)
    if len(sources) != 1:
        return None
    source = sources[0]
    while isinstance(source, ast.Cast):
        source = source.expr
    return source if isinstance(source, ast.FuncCall) else None


def _is_name(node: Any, name: str) -> bool:
    return isinstance(node, ast.ID) and node.name == name


def allocated_size(
    call: Any, indices: tuple[int, ...], constant: Callable[[Any], int | None]
) -> int | None:
    """Return the product of the arguments that alloc_size names (from 1), None if unknown."""
    arguments = call.args.exprs if call.args is not None else []
    size = 1
    for index in indices:
        value = constant(arguments[index - 1]) if 0 < index <= len(arguments) else None
        if value is None:
            return None
        size *= value
    return size
