"""Checks on the shape of functions: where control ends, what is unused, whose address is taken."""

from __future__ import annotations

from typing import Any

from kmemquest.driver.diagnostics import Position
from kmemquest.driver.literals import integer_literal
from kmemquest.driver.parse import ast
from kmemquest.driver.values import Symbol

_SPARED = frozenset({"unused", "used", "cleanup", "maybe_unused"})


def taken_addresses(body: Any, attributes: dict[int, Any]) -> set[str]:
    """Names of plain variables that & or a cleanup is applied to: they must live in memory."""
    from kmemquest.driver.compile_cleanup import cleaned_up
    from kmemquest.driver.compile_jump import walk

    found = set()
    for node in walk(body):
        if isinstance(node, ast.Decl) and node.name and cleaned_up(node, attributes):
            found.add(node.name)
        if isinstance(node, ast.UnaryOp) and node.op == "&" and isinstance(node.expr, ast.ID):
            found.add(node.expr.name)
    return found


def unused_in(scope: dict[str, Symbol]) -> list[tuple[Position, str, str, str]]:
    """Return -Wunused-variable messages for a block scope."""
    messages = []
    for symbol in scope.values():
        if symbol.kind in ("register", "stack", "object") and not symbol.used:
            if any(a.name in _SPARED for a in symbol.attributes) or symbol.extern:
                continue
            messages.append(
                (
                    symbol.where,
                    "-Wunused-variable",
                    f"unused variable ‘{symbol.name}’",
                    f"remove {symbol.name}, or use it",
                )
            )
    return messages


def falls_through(node: Any) -> bool:
    """Whether control may pass the end of a statement; a cautious answer is false."""
    if node is None or isinstance(node, ast.EmptyStatement):
        return True
    if isinstance(node, ast.Return | ast.Goto | ast.Break | ast.Continue):
        return False
    if isinstance(node, ast.Compound):
        return _list_falls_through(node.block_items or [])
    if isinstance(node, ast.If):
        return falls_through(node.iftrue) or falls_through(node.iffalse)
    if isinstance(node, ast.Label):
        return falls_through(node.stmt)
    if isinstance(node, ast.While | ast.DoWhile | ast.For):
        return not _forever(node) or _breaks(node.stmt)
    if isinstance(node, ast.Switch):
        return _switch_falls_through(node)
    if isinstance(node, ast.FuncCall) and isinstance(node.name, ast.ID):
        return node.name.name not in ("panic", "BUG", "__builtin_unreachable", "do_exit")
    return not isinstance(node, ast.Case | ast.Default)


def _list_falls_through(items: list[Any]) -> bool:
    reachable = True
    for item in items:
        if isinstance(item, ast.Label):
            reachable = True
        if reachable:
            reachable = falls_through(item)
    return reachable


def _forever(node: Any) -> bool:
    condition = node.cond
    if condition is None:
        return isinstance(node, ast.For)
    if isinstance(condition, ast.Constant):
        literal = integer_literal(condition.value)
        return literal is not None and literal.value != 0
    # true is a macro or an enumerator in kernel code; be cautious with any name.
    return isinstance(condition, ast.ID) and condition.name == "true"


def _breaks(node: Any) -> bool:
    stack = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, ast.Break):
            return True
        if isinstance(item, ast.While | ast.DoWhile | ast.For | ast.Switch):
            continue
        if isinstance(item, ast.Node):
            stack.extend(child for _, child in item.children())
    return False


def _switch_falls_through(node: Any) -> bool:
    items = node.stmt.block_items or [] if isinstance(node.stmt, ast.Compound) else []
    if not any(isinstance(item, ast.Default) for item in items):
        return True
    if _breaks(node.stmt):
        return True
    last = items[-1]
    return _list_falls_through(last.stmts) if isinstance(last, ast.Case | ast.Default) else True
