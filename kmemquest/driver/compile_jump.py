"""Jumps: Python loops to leave or repeat, dispatch loops for labels and switch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kmemquest.driver.c_types import (
    IntType,
    promoted,
)
from kmemquest.driver.compile_cleanup import Cleanups, cleaned_up
from kmemquest.driver.diagnostics import Position
from kmemquest.driver.limits import LOOP_NESTING
from kmemquest.driver.parse import CaseRange, ast
from kmemquest.driver.values import Line


@dataclass(eq=False, slots=True)
class Level:
    """A Python loop being emitted: a C loop, a switch, or a block with labels."""

    kind: str
    variable: str = ""
    scope: int = 0
    """Index of the first scope that a jump to this loop leaves."""
    leave: Callable[[], None] | None = None
    repeat: Callable[[], None] | None = None
    pending: list[tuple[int, Level, Callable[[], None]]] = field(default_factory=list)


class Jumping(Cleanups):
    """Compiles break, continue, goto, labels and switch."""

    def start_function_state(self) -> None:
        """Reset what belongs to one function."""
        self.levels: list[Level] = []
        self.labels: dict[str, tuple[Level, int]] = {}
        self.declared_before: dict[str, int] = {}
        """For each label how many variables of its block with a cleanup stand before it."""
        self.all_labels: dict[str, Any] = {}
        self.used_labels: set[str] = set()
        self.escapes = 0
        self.tally = [0]
        self.registers: list[str] = []
        self.address_taken: set[str] = set()
        self.inside_expression = 0
        self.has_goto = False
        self.flow: list[tuple[Position, str, str, str]] = []
        """Messages of the flow checks, told when the function has no mistakes."""

    # --- jumps ------------------------------------------------------------------------------

    def _jump(self, target: Level, act: Callable[[], None]) -> None:
        if self.levels[-1] is target:
            act()
            return
        self.escapes += 1
        code = self.escapes
        self.emit(f"esc = {code}")
        self.emit("break")
        for level in reversed(self.levels):
            if level is target:
                break
            level.pending.append((code, target, act))

    def _open(self, level: Level, node: Any) -> int:
        if len(self.levels) >= LOOP_NESTING:
            self.fail(
                node,
                f"loops and switches nested deeper than {LOOP_NESTING} levels are not simulated",
                "move the inner loop to a function of its own",
            )
        self.check_depth(node)
        level.scope = len(self.scopes)
        self.levels.append(level)
        self.emit("while True:")
        self.depth += 1
        self.tally.append(0)
        return len(self.out)

    def _close(self, level: Level, start: int) -> None:
        count = self.tally.pop() + 1
        counting = [
            Line(self.depth, f"C[0] -= {count}", "count"),
            Line(self.depth, "if C[0] < 0: stop()", "count"),
        ]
        self.out[start:start] = counting
        if not any(line.kind == "code" for line in self.out[start:]):
            self.emit("pass")
        self.depth -= 1
        self.levels.pop()
        for code, target, act in level.pending:
            self.emit(f"if esc == {code}:")
            self.depth += 1
            if self.levels[-1] is target:
                self.emit("esc = 0")
                act()
            else:
                self.emit("break")
            self.depth -= 1

    def _suite(self, header: str, body: Callable[[], None]) -> None:
        self.emit(header)
        self.depth += 1
        start = len(self.out)
        body()
        if not any(line.kind == "code" for line in self.out[start:]):
            self.emit("pass")
        self.depth -= 1

    # --- labels, goto, switch -----------------------------------------------------------------

    def _stmt_Label(self, node: Any) -> None:  # noqa: N802
        # Reached only when the label is the body of an if or a loop without braces.
        self._region([node], node)

    def _stmt_Goto(self, node: Any) -> None:  # noqa: N802
        self.step_point(node)
        self.used_labels.add(node.name)
        found = self.labels.get(node.name)
        if found is None or found[0] not in self.levels:
            if node.name in self.all_labels:
                self.fail(
                    node,
                    f"goto into a block (label ‘{node.name}’) is not simulated",
                    "move the label to the end of the function",
                )
            self.fail(
                node, f"label ‘{node.name}’ used but not defined", "add the label, or mend its name"
            )
        level, number = found
        self._leave_for_label(node, level)

        def act() -> None:
            self.emit(f"{level.variable} = {number}")
            self.emit("continue")

        self._jump(level, act)

    def _region(self, items: list[Any], node: Any) -> None:
        segments: list[list[Any]] = [[]]
        names: list[tuple[str, int]] = []
        cleaned = len(self.cleanups[-1])
        for item in items:
            while isinstance(item, ast.Label):
                if segments[-1] or not names or names[-1][1] != len(segments) - 1:
                    segments.append([])
                names.append((item.name, len(segments) - 1))
                self.declared_before[item.name] = cleaned
                item = item.stmt
            segments[-1].append(item)
            cleaned += cleaned_up(item, self.attributes)
        self._dispatch(segments, names, node, entry="0", is_switch=False)

    def _leave_for_label(self, node: Any, level: Level) -> None:
        before = self.declared_before.get(node.name, 0)
        block = level.scope - 1
        if before > len(self.cleanups[block]):
            # gcc lets it pass and cleans up what was never set; clang refuses it.
            self.fail(
                node,
                "cannot jump from this goto statement to its label: jump bypasses initialization "
                "of a variable with __attribute__((cleanup))",
                "gcc would clean up what was never set (see core-api/cleanup): return instead",
            )
        self.clean_up(block, keep=before)

    def _dispatch(
        self,
        segments: list[list[Any]],
        names: list[tuple[str, int]],
        node: Any,
        entry: str,
        *,
        is_switch: bool,
    ) -> None:
        self.counter += 1
        level = Level("switch" if is_switch else "region", variable=f"g{self.counter}")
        if is_switch:
            level.leave = lambda: self.emit("break")
        for name, number in names:
            if name in self.labels:
                self.sink.error(self.at(node), f"duplicate label ‘{name}’", "use another name")
            self.labels[name] = (level, number)
        self.emit(f"{level.variable} = {entry}")
        start = self._open(level, node)
        for number, segment in enumerate(segments):
            if segment:
                self._suite(
                    f"if {level.variable} <= {number}:",
                    lambda s=segment: self._segment(s),  # type: ignore[misc]
                )
        self.emit("break")
        self._close(level, start)

    def _segment(self, items: list[Any]) -> None:
        for item in items:
            self.block(item)

    def _stmt_Switch(self, node: Any) -> None:  # noqa: N802
        self.step_point(node)
        value = self.value(node.cond)
        if not isinstance(value.type, IntType):
            self.fail(node.cond, "switch quantity not an integer", "switch on an integer")
        ctype = promoted(value.type)
        assert isinstance(ctype, IntType)
        chosen = self.temp(self.convert(value, ctype).code)
        body = node.stmt.block_items or [] if isinstance(node.stmt, ast.Compound) else [node.stmt]
        self.push()
        segments: list[list[Any]] = [[]]
        names: list[tuple[str, int]] = []
        cases: list[tuple[int, int, int]] = []
        default = None
        pending = list(reversed(body))
        while pending:
            item = pending.pop()
            if isinstance(item, ast.Case | ast.Default):
                segments.append([])
                if isinstance(item, ast.Default):
                    if default is not None:
                        self.fail(item, "multiple default labels in one switch", "keep one")
                    default = len(segments) - 1
                else:
                    cases.append((*self._case_range(item, ctype), len(segments) - 1))
                    self._check_duplicate(cases, item)
                pending.extend(reversed(item.stmts))
            elif isinstance(item, ast.Label):
                segments.append([])
                names.append((item.name, len(segments) - 1))
                pending.append(item.stmt)
            else:
                if cleaned_up(item, self.attributes):
                    self.fail(
                        item,
                        "switch case is in protected scope: jump bypasses initialization of a "
                        "variable with __attribute__((cleanup))",
                        "put braces around the statements of this case",
                    )
                segments[-1].append(item)
        for item in segments[0]:
            if isinstance(item, ast.Decl) and item.init is None:
                self.block(item)
        segments[0] = []
        fallback = default if default is not None else len(segments)
        entry = self._case_entry(cases, fallback, chosen)
        self._dispatch(segments, names, node, entry, is_switch=True)
        self.pop()

    def _case_range(self, item: Any, ctype: IntType) -> tuple[int, int]:
        if isinstance(item.expr, CaseRange):
            return (
                ctype.wrap(self.integer_constant(item.expr.low)),
                ctype.wrap(self.integer_constant(item.expr.high)),
            )
        found = self.integer_constant_or_none(item.expr)
        if found is None:
            self.fail(item, "case label does not reduce to an integer constant", "use constants")
        return ctype.wrap(found), ctype.wrap(found)

    def _check_duplicate(self, cases: list[tuple[int, int, int]], item: Any) -> None:
        low, high, _ = cases[-1]
        if any(low <= h and l <= high for l, h, _ in cases[:-1]):
            self.sink.error(self.at(item), "duplicate case value", "remove one of them")

    def _case_entry(self, cases: list[tuple[int, int, int]], fallback: int, chosen: str) -> str:
        singles = [(low, number) for low, high, number in cases if low == high]
        entry = str(fallback)
        for low, high, number in cases:
            if low != high:
                entry = f"({number} if {low} <= {chosen} <= {high} else {entry})"
        if singles:
            table = ", ".join(f"{low}: {number}" for low, number in singles)
            entry = f"{{{table}}}.get({chosen}, {entry})"
        return entry

    def _stmt_Case(self, node: Any) -> None:  # noqa: N802
        self.fail(
            node,
            "a case label inside an inner block is not simulated"
            if self.levels
            else "case label not within a switch statement",
            "put the case directly into the switch",
        )

    _stmt_Default = _stmt_Case  # noqa: N815


def walk(node: Any) -> Any:
    """Yield a node and all below it."""
    stack = [node]
    while stack:
        item = stack.pop()
        if item is None:
            continue
        yield item
        for slot in type(item).__slots__:
            if slot in ("coord", "__weakref__"):
                continue
            child = getattr(item, slot, None)
            if isinstance(child, ast.Node):
                stack.append(child)
            elif isinstance(child, list):
                stack.extend(c for c in child if isinstance(c, ast.Node))
