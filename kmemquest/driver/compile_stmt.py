"""Statements: Python loops for C loops, dispatch loops for switch and goto."""

from __future__ import annotations

from typing import Any

from kmemquest.driver.c_types import (
    VOID,
    FunctionType,
    quoted,
    without_const,
)
from kmemquest.driver.compile_base import CannotCompile
from kmemquest.driver.compile_jump import Jumping, Level, walk
from kmemquest.driver.diagnostics import BuildStop
from kmemquest.driver.limits import STATEMENTS
from kmemquest.driver.parse import ast
from kmemquest.driver.values import Symbol, Value


def spoken_name(name: str) -> str:
    """Return the name that the source used for a function whose arguments a macro checks."""
    return name.removeprefix("__kmq_checked_")


class Statements(Jumping):
    """Compiles statements."""

    def step_point(self, node: Any) -> None:
        """Count the statement and emit its step."""
        self.tally[-1] += 1
        if self.inside_expression:
            return
        super().step_point(node)
        if len(self.draft.steps) > STATEMENTS:
            self.sink.error(
                self.here,
                f"the driver has more than {STATEMENTS:,} statements",
                "keep to the part of the driver that is about memory",
            )
            raise BuildStop

    # --- statements -------------------------------------------------------------------------

    def block(self, node: Any) -> None:
        """Compile one statement; a wrong one is told and skipped."""
        if node is None:
            return
        try:
            method = getattr(self, "_stmt_" + type(node).__name__, None)
            if method is not None:
                method(node)
            else:
                self._expression_statement(node)
        except CannotCompile:
            pass

    def _stmt_EmptyStatement(self, node: Any) -> None:  # noqa: N802
        del node

    def _stmt_Pragma(self, node: Any) -> None:  # noqa: N802
        del node

    def _stmt_StaticAssert(self, node: Any) -> None:  # noqa: N802
        self.static_assert(node)

    def static_assert(self, node: Any) -> None:
        """Check _Static_assert."""
        if not self.integer_constant(node.cond):
            words = node.message.value.strip('"') if node.message is not None else ""
            self.fail(
                node,
                f'static assertion failed: "{words}"' if words else "static assertion failed",
                "the asserted condition is false",
            )

    def _expression_statement(self, node: Any) -> None:
        self.step_point(node)
        self.effect(node)
        self._check_result_used(node)

    def effect(self, node: Any) -> None:
        """Compile an expression whose value is not wanted."""
        if isinstance(node, ast.UnaryOp) and node.op in ("p++", "p--"):
            node = ast.UnaryOp(node.op[1:], node.expr, node.coord)
        elif isinstance(node, ast.ExprList):
            for item in node.exprs:
                self.effect(item)
            return
        self.discard(self.value(node))

    def _check_result_used(self, node: Any) -> None:
        inner = node
        while isinstance(inner, ast.Cast):
            inner = inner.expr
        if isinstance(inner, ast.Compound):
            # The value of a statement expression may go unused: macros are full of them.
            inner = inner.block_items[-1] if inner.block_items else None
            if not isinstance(inner, ast.FuncCall):
                return
        if not isinstance(inner, ast.FuncCall) or not isinstance(inner.name, ast.ID):
            self._check_effect(node)
            return
        symbol = self.lookup(inner.name.name)
        if symbol is not None and symbol.attribute("warn_unused_result") and not self.silent:
            self.sink.warn(
                self.at(inner),
                "-Wunused-result",
                f"ignoring return value of ‘{spoken_name(symbol.name)}’ declared with attribute "
                "‘warn_unused_result’",
                "keep the result and test it for failure",
            )

    def _check_effect(self, node: Any) -> None:
        useless = isinstance(
            node, ast.ID | ast.Constant | ast.BinaryOp | ast.ArrayRef | ast.StructRef
        )
        if useless and self.inside_expression == 0 and not self.quiet:
            self.sink.warn(
                self.at(node), "-Wunused-value", "statement with no effect",
                "did you mean = instead of ==, or forget the () of a call?",
            )  # fmt: skip

    def _stmt_Compound(self, node: Any) -> None:  # noqa: N802
        self.push()
        self.block_items(node.block_items or [], node)
        self.end_of_block()

    def end_of_block(self) -> None:
        """Clean up what the innermost block declared, and close it."""
        self.clean_up(len(self.scopes) - 1)
        self.pop()

    def block_items(self, items: list[Any], node: Any) -> None:
        """Compile the items of a block; labels among them make it a dispatch loop."""
        if any(isinstance(item, ast.Label) for item in items):
            self._region(items, node)
            return
        for item in items:
            self.block(item)

    def _stmt_DeclList(self, node: Any) -> None:  # noqa: N802
        for item in node.decls:
            self.block(item)

    def _stmt_Decl(self, node: Any) -> None:  # noqa: N802
        self.local_declaration(node)

    def local_declaration(self, node: Any) -> None:
        """Compile a declaration in a block."""
        raise NotImplementedError

    def _stmt_Typedef(self, node: Any) -> None:  # noqa: N802
        self.scopes[-1][node.name] = Symbol(
            node.name, "typedef", self.read_type(node.type), self.at(node)
        )

    def _stmt_If(self, node: Any) -> None:  # noqa: N802
        self.check_depth(node)
        self.step_point(node)
        test = self.boolean(node.cond)
        known = 1 if test.symbol else test.known
        if known is not None:
            live, dead = (node.iftrue, node.iffalse) if known else (node.iffalse, node.iftrue)
            self.block(live)
            self._dead(dead)
            return
        self._suite(f"if {test.condition}:", lambda: self.block(node.iftrue))
        if node.iffalse is not None:
            self._suite("else:", lambda: self.block(node.iffalse))

    def _dead(self, node: Any) -> None:
        if node is None or _contains_label(node):
            return
        saved = self.capture()
        self.silent += 1
        self.block(node)
        self.silent -= 1
        self.release(saved)

    def _stmt_While(self, node: Any) -> None:  # noqa: N802
        self._loop(node, node.cond, None, node.stmt)

    def _stmt_For(self, node: Any) -> None:  # noqa: N802
        self.push()
        if node.init is not None:
            if isinstance(node.init, ast.DeclList):
                self.block(node.init)
            else:
                self.step_point(node)
                self.effect(node.init)
        self._loop(node, node.cond, node.next, node.stmt)
        self.end_of_block()

    def _loop(self, node: Any, condition: Any, following: Any, body: Any) -> None:
        def advance() -> None:
            if following is None:
                return
            # The body has moved the site on: what goes wrong here goes wrong in the loop's head.
            if not self.inside_expression and not self._only_registers(following):
                self.place_point(following)
            self.effect(following)

        def repeat() -> None:
            advance()
            self.emit("continue")

        level = Level("loop", leave=lambda: self.emit("break"), repeat=repeat)
        start = self._open(level, node)
        self.step_point(node)
        if condition is not None:
            test = self.boolean(condition)
            known = 1 if test.symbol else test.known
            if known == 0:
                self.emit("break")
            elif known is None:
                self.emit(f"if not {test.condition}: break")
        self.block(body)
        advance()
        self._close(level, start)

    def _only_registers(self, node: Any) -> bool:
        """Tell whether an expression only counts in local variables: nothing can go wrong then."""
        for item in walk(node):
            if isinstance(item, ast.ID):
                symbol = self.lookup(item.name)
                if symbol is None or symbol.kind != "register":
                    return False
            elif isinstance(item, ast.BinaryOp | ast.UnaryOp | ast.Assignment):
                if item.op.rstrip("=") in ("*", "&", "/", "%") and item.op != "*=":
                    return False
            elif not isinstance(item, ast.Constant | ast.ExprList):
                return False
        return True

    def _stmt_DoWhile(self, node: Any) -> None:  # noqa: N802
        if self._never(node.cond) and not _contains_loop_jump(node.stmt):
            self.block(node.stmt)
            return

        def decide() -> None:
            test = self.boolean(node.cond)
            known = 1 if test.symbol else test.known
            if known is None:
                self.emit(f"if not {test.condition}: break")
            elif known == 0:
                self.emit("break")

        def repeat() -> None:
            decide()
            self.emit("continue")

        level = Level("loop", leave=lambda: self.emit("break"), repeat=repeat)
        start = self._open(level, node)
        self.block(node.stmt)
        self.step_point(node.cond)
        decide()
        self._close(level, start)

    def _never(self, condition: Any) -> bool:
        return self.integer_constant_or_none(condition) == 0

    def _stmt_Break(self, node: Any) -> None:  # noqa: N802
        self.step_point(node)
        for level in reversed(self.levels):
            if level.leave is not None:
                self.clean_up(level.scope)
                self._jump(level, level.leave)
                return
        self.fail(node, "break statement not within loop or switch", "remove it, or use return")

    def _stmt_Continue(self, node: Any) -> None:  # noqa: N802
        self.step_point(node)
        for level in reversed(self.levels):
            if level.repeat is not None:
                self.clean_up(level.scope)
                self._jump(level, level.repeat)
                return
        self.fail(node, "continue statement not within a loop", "remove it")

    def _stmt_Return(self, node: Any) -> None:  # noqa: N802
        self.step_point(node)
        assert self.function_symbol is not None
        prototype = self.function_symbol.type
        assert isinstance(prototype, FunctionType)
        wanted = without_const(prototype.result)
        if node.expr is None:
            if wanted != VOID:
                self.sink.error(
                    self.at(node),
                    "‘return’ with no value, in function returning non-void",
                    f"return a value of type {quoted(wanted)}",
                    "-Wreturn-type",
                )
            self.clean_up(1)
            self.emit("return 0")
            return
        value = self.value(node.expr)
        if wanted == VOID:
            if without_const(value.type) != VOID:
                self.sink.error(
                    self.at(node.expr),
                    "‘return’ with a value, in function returning void",
                    "remove the value, or give the function a result type",
                    "-Wreturn-type",
                )
            self.clean_up(1)
            self.emit("return 0")
            return
        value = self.assign_convert(value, wanted, node.expr, "return")
        if self.waiting_from(1):
            # The value is made before the cleanups: `return p->error;` reads a live p.
            value = self.returned_copy(value)
            self.clean_up(1)
        self.emit(f"return {value.code}")

    # --- statement expressions ----------------------------------------------------------------

    def statement_expression(self, node: Any) -> Value:
        """Compile `({ … })`: the value of its last expression."""
        items = node.block_items or []
        if self.function is None:
            self.fail(
                node,
                "braced-group within expression allowed only inside a function",
                "write a plain constant here",
            )
        self.push()
        self.inside_expression += 1
        try:
            if not items:
                return Value(VOID, "0")
            *before, last = items
            for item in before:
                self.block(item)
            return self._last_of(last)
        finally:
            self.inside_expression -= 1
            self.pop()

    def _last_of(self, last: Any) -> Value:
        scope = len(self.scopes) - 1
        if hasattr(self, "_stmt_" + type(last).__name__) and not isinstance(last, ast.Compound):
            self.block(last)
            self.clean_up(scope)
            return Value(VOID, "0")
        value = self.value(last)
        if self.waiting_from(scope):
            value = self.returned_copy(value)
            self.clean_up(scope)
        return value


def _contains_label(node: Any) -> bool:
    return any(isinstance(n, ast.Label) for n in walk(node))


def _contains_loop_jump(node: Any) -> bool:
    return any(isinstance(n, ast.Break | ast.Continue) for n in walk(node))
