"""The cleanup attribute: what `__free()`, `guard()` and `scoped_guard()` of cleanup.h rest on.

A variable with the attribute has a function called with its address whenever control leaves the
variable's block: at the end, by return, break, continue or goto, the last declared first.
"""

from __future__ import annotations

from typing import Any

from kmemquest.driver.c_types import VOID, RecordType
from kmemquest.driver.compile_init import Initialising
from kmemquest.driver.parse import ast
from kmemquest.driver.values import Symbol, Value


class Cleanups(Initialising):
    """Knows which variables of the open blocks wait for their cleanup, and calls it."""

    def waiting_from(self, scope: int) -> bool:
        """Tell whether a variable of the blocks from `scope` inwards waits for its cleanup."""
        return any(self.cleanups[scope:])

    def will_clean_up(self, symbol: Symbol, node: Any) -> None:
        """Note a variable that has just been declared, when it has the attribute."""
        attribute = symbol.attribute("cleanup")
        if attribute is None:
            return
        function = self.lookup(attribute.arguments[0]) if attribute.arguments else None
        if function is None or function.kind != "function":
            self.fail(
                node,
                "‘cleanup’ argument not a function",
                "name a function that takes the variable's address; __free(x) needs DEFINE_FREE(x)",
            )
        symbol.used = True
        call = ast.FuncCall(
            ast.ID(function.name, node.coord),
            ast.ExprList([ast.UnaryOp("&", ast.ID(node.name, node.coord), node.coord)], node.coord),
            node.coord,
        )
        self.cleanups[-1].append(call)

    def returned_copy(self, value: Value) -> Value:
        """Evaluate a value that leaves a block now, before the block's cleanups run."""
        if value.type == VOID:
            return value
        if isinstance(value.type, RecordType):
            slot = self.reserve_stack(value.type)
            self.emit(f"copy({slot}, {value.code}, {value.type.size})")
            return Value(value.type, f"({slot})")
        return Value(value.type, self.temp(value.code), literal=value.literal)

    def clean_up(self, scope: int, keep: int = 0) -> None:
        """Call the cleanups of the open blocks from `scope` inwards, the innermost first.

        The first `keep` variables of block `scope` itself stay. The calls belong to the line of
        the declaration, as gcc has it (gcc/c/c-decl.cc:finish_decl).
        """
        scopes, tags = self.scopes, self.tags
        for index in range(len(scopes) - 1, scope - 1, -1):
            waiting = self.cleanups[index][keep if index == scope else 0 :]
            if not waiting:
                continue
            # An inner variable of the same name must not be taken for the outer one.
            self.scopes, self.tags = scopes[: index + 1], tags[: index + 1]
            for call in reversed(waiting):
                self.place_point(call)
                self.discard(self.value(call))
            self.scopes, self.tags = scopes, tags


def cleaned_up(node: Any, attributes: dict[int, Any]) -> bool:
    """Tell whether a block item declares a variable with the attribute."""
    return isinstance(node, ast.Decl) and any(
        attribute.name == "cleanup" for attribute in attributes.get(id(node), ())
    )
