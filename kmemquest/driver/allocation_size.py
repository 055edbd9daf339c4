"""What the compiler knows of the size behind a local pointer: `__builtin_object_size`.

As gcc, it sees through a pointer that is set once, from a function that declares alloc_size, with
arguments that are constants; `__builtin_dynamic_object_size` also through arguments that the
function never changes. Whatever hides the value (a second assignment, its address taken,
OPTIMIZER_HIDE_VAR) hides the size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kmemquest.driver.compile_jump import walk
from kmemquest.driver.parse import ast


def only_source(body: Any, name: str) -> Any | None:
    """Return the call that gives a local its only value, None if there is more to it."""
    sources = _sources(body, name)
    if len(sources) != 1:
        return None
    source = sources[0]
    while isinstance(source, ast.Cast):
        source = source.expr
    return source if isinstance(source, ast.FuncCall) else None


def _sources(body: Any, name: str) -> list[Any]:
    """Return what a variable is set to in a function, None for each change that hides it."""
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
    return sources


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


def lasting_arguments(
    call: Any, indices: tuple[int, ...], is_lasting: Callable[[Any], bool]
) -> list[Any] | None:
    """Return the arguments that alloc_size names if their values last, None otherwise."""
    arguments = call.args.exprs if call.args is not None else []
    chosen = [arguments[index - 1] for index in indices if 0 < index <= len(arguments)]
    if not chosen or len(chosen) != len(indices):
        return None
    return chosen if all(is_lasting(argument) for argument in chosen) else None


def parameter_names(definition: Any) -> frozenset[str]:
    """Return the names of a function definition's parameters."""
    listed = definition.decl.type.args
    parameters = listed.params if listed is not None else []
    return frozenset(each.name for each in parameters if isinstance(each, ast.Decl) and each.name)


def lasts(node: Any, body: Any, parameters: frozenset[str]) -> bool:
    """Tell whether an expression has one value wherever it stands in a function.

    It may hold constants, parameters that are never set, and locals that are set once.
    """
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Cast):
        return lasts(node.expr, body, parameters)
    if isinstance(node, ast.BinaryOp):
        return all(lasts(side, body, parameters) for side in (node.left, node.right))
    if isinstance(node, ast.UnaryOp):
        return node.op == "sizeof" or (
            node.op in ("-", "+", "~") and lasts(node.expr, body, parameters)
        )
    if not isinstance(node, ast.ID):
        return False
    declared = sum(isinstance(item, ast.Decl) and item.name == node.name for item in walk(body))
    sources = _sources(body, node.name)
    if node.name in parameters:
        return not declared and not sources
    return declared == 1 and len(sources) == 1 and sources[0] is not None
