"""What all parts of the compiler share: scopes, emission of Python lines, positions, messages."""

from __future__ import annotations

from typing import Any, NoReturn

from kmemquest.driver.c_types import ArrayType, CType, Record, RecordType
from kmemquest.driver.diagnostics import DiagnosticSink, Position
from kmemquest.driver.limits import BLOCK_NESTING
from kmemquest.driver.module_image import FunctionCode, ModuleDraft
from kmemquest.driver.values import Line, Place, StepPoint, Symbol, Value
from kmemquest.kernel.check.kasan import REDZONE


class CannotCompile(Exception):
    """The current statement or declaration is wrong; the sink has the message."""


class Emission(list[Line]):
    """A block of generated lines."""


class CompilerBase:
    """State of one translation unit while it is compiled; the parts are subclasses in a row."""

    def __init__(self, sink: DiagnosticSink, draft: ModuleDraft, file: str) -> None:
        self.sink = sink
        self.draft = draft
        self.file = file
        self.scopes: list[dict[str, Symbol]] = [{}]
        self.tags: list[dict[str, Any]] = [{}]
        self.cleanups: list[list[Any]] = [[]]
        """For each open scope the calls of `__attribute__((cleanup))` that wait for its end."""
        self.attributes: dict[int, Any] = {}
        self.here = Position(file, 1, 1)
        self.out = Emission()
        self.depth = 0
        self.counter = 0
        self.function: FunctionCode | None = None
        self.function_symbol: Symbol | None = None
        self.frame_size = 0
        self.quiet = False
        """True in functions of headers: no steps, no frames."""
        self.completed: set[int] = set()
        """Ids of records completed by this unit, to spot a shared prelude being changed."""
        self.silent = 0
        """Above 0 in code that is never run (typeof, sizeof, `if (0)`): no references count."""
        self.nesting = 0

    # --- scopes -----------------------------------------------------------------------------

    def lookup(self, name: str) -> Symbol | None:
        """Return what a name means here."""
        for scope in reversed(self.scopes):
            symbol = scope.get(name)
            if symbol is not None:
                return symbol
        return None

    def lookup_tag(self, name: str) -> Any:
        """Return the record or enum of a tag."""
        for scope in reversed(self.tags):
            found = scope.get(name)
            if found is not None:
                return found
        return None

    def push(self) -> None:
        """Open a block scope."""
        self.scopes.append({})
        self.tags.append({})
        self.cleanups.append([])

    def pop(self) -> None:
        """Close it; unused variables are told by the flow checks."""
        self.leaving(self.scopes.pop())
        self.tags.pop()
        self.cleanups.pop()

    def leaving(self, scope: dict[str, Symbol]) -> None:
        """Called with a scope that ends."""

    # --- emission ---------------------------------------------------------------------------

    def emit(self, text: str, kind: str = "code") -> None:
        """Add one line at the current indentation."""
        self.out.append(Line(self.depth, text, kind))

    def temp(self, code: str) -> str:
        """Evaluate code into a fresh Python local now; return its name."""
        self.counter += 1
        name = f"t{self.counter}"
        self.emit(f"{name} = {code}")
        return name

    def name_for(self, name: str) -> str:
        """Return a fresh Python local for a C variable."""
        self.counter += 1
        return f"v_{name}_{self.counter}"

    def capture(self) -> Emission:
        """Begin to collect lines apart; give the result to `release`."""
        saved = self.out
        self.out = Emission()
        return saved

    def release(self, saved: Emission) -> Emission:
        """Stop collecting; return what was collected."""
        collected, self.out = self.out, saved
        return collected

    def indented(self, header: str, block: list[Line], depth: int = 1) -> None:
        """Emit a header and a block that was collected at the current depth, deeper by `depth`."""
        self.emit(header)
        if not any(line.kind == "code" for line in block):
            self.out.append(Line(self.depth + depth, "pass"))
        self.out.extend(Line(line.depth + depth, line.text, line.kind) for line in block)

    def pure(self, value: Value) -> Value:
        """Make a value cheap to repeat and shallow."""
        if value.const is not None or value.code.isidentifier():
            return value
        name = self.temp(value.code)
        return Value(value.type, name, literal=value.literal)

    # --- messages ---------------------------------------------------------------------------

    def at(self, node: Any) -> Position:
        """Return the position of a tree node, or the current statement's."""
        coord = getattr(node, "coord", None)
        if coord is None or isinstance(coord, str):
            return self.here
        return Position(coord.file, coord.line, coord.column or 1)

    def fail(self, node: Any, message: str, hint: str = "", code: str = "") -> NoReturn:
        """Tell an error and give up the current statement."""
        where = node if isinstance(node, Position) else self.at(node)
        self.sink.error(where, message, hint, code)
        raise CannotCompile

    def failure(self, node: Any, message: str, hint: str = "") -> CannotCompile:
        """Tell an error; return the exception to raise."""
        self.sink.error(self.at(node), message, hint)
        return CannotCompile()

    def check_depth(self, node: Any) -> None:
        """Refuse blocks nested beyond what can be compiled."""
        if self.depth > BLOCK_NESTING:
            self.fail(
                node,
                f"blocks nested deeper than {BLOCK_NESTING} levels are not simulated",
                "move the inner part to a function of its own",
            )

    # --- filled in by the parts -------------------------------------------------------------

    def value(self, node: Any) -> Value:
        """Compile an expression to an rvalue."""
        raise NotImplementedError

    def place(self, node: Any) -> Place:
        """Compile an expression to an lvalue."""
        raise NotImplementedError

    def read_type(self, node: Any) -> CType:
        """Return the type that a type tree describes."""
        raise NotImplementedError

    def type_of(self, node: Any) -> CType:
        """Return the type of an expression without evaluating it."""
        raise NotImplementedError

    def integer_constant(self, node: Any) -> int:
        """Evaluate an integer constant expression."""
        raise NotImplementedError

    def convert(self, value: Value, target: CType) -> Value:
        """Convert a value without any check."""
        raise NotImplementedError

    def assign_convert(self, value: Value, target: CType, node: Any, what: str) -> Value:
        """Convert as if by assignment, with the checks and messages of one."""
        raise NotImplementedError

    def read(self, place: Place) -> Value:
        """Return the value at a place."""
        raise NotImplementedError

    def write(self, place: Place, value: Value) -> Value:
        """Store a converted value; return it."""
        raise NotImplementedError

    def initialise(self, ctype: CType, address: Value, init: Any, node: Any) -> CType:
        """Emit stores that initialise an object in memory; return its completed type."""
        raise NotImplementedError

    def statement_expression(self, node: Any) -> Value:
        """Compile `({ … })`."""
        raise NotImplementedError

    def block(self, node: Any) -> None:
        """Compile a statement."""
        raise NotImplementedError

    def reserve_stack(self, ctype: CType) -> str:
        """Reserve a slot of the frame; return the Python code of its address."""
        align = max(ctype.align, 1)
        size = max(ctype.size, 1)
        watched = isinstance(ctype, ArrayType | RecordType) and not self.quiet
        if watched:
            # As a kernel with KASAN_STACK lays variables out; the gaps do no harm in others.
            align = max(align, REDZONE)
            self.frame_size += REDZONE
        self.frame_size = -(-self.frame_size // align) * align
        offset = self.frame_size
        self.frame_size += size
        if watched:
            self.frame_size = (-(-self.frame_size // REDZONE) + 1) * REDZONE
            if self.function is not None:
                self.function.watched.append((offset, size))
        return f"fp + {offset}" if offset else "fp"

    def step_point(self, node: Any) -> None:
        """Emit the lines that tell observers and reports where the driver is."""
        where = self.at(node)
        self.here = where
        if self.quiet or self.function is None:
            return
        visible = tuple(
            symbol
            for scope in self.scopes[1:]
            for symbol in scope.values()
            if symbol.kind in ("register", "stack")
        )
        index = len(self.draft.steps)
        self.draft.steps.append(StepPoint(where.line, self.function.name, visible))
        self.emit(f"step({index})", "step")
        self.emit(f"st[-1] = P[{index}]", "site")

    def place_point(self, node: Any) -> None:
        """Emit the line that tells reports where the driver is, without a step of its own."""
        self.here = self.at(node)
        if self.quiet or self.function is None:
            return
        index = len(self.draft.steps)
        self.draft.steps.append(StepPoint(self.here.line, self.function.name))
        self.emit(f"st[-1] = P[{index}]", "place")

    def record_of(self, tag: str, kind: str, *, local: bool) -> Record:
        """Return the record of a tag, made when it is new."""
        found = self.tags[-1].get(tag) if local else self.lookup_tag(tag)
        if isinstance(found, Record):
            return found
        record = Record(kind, tag)
        self.tags[-1][tag] = record
        return record
