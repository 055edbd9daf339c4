"""File scope: typedefs, objects, prototypes, function definitions; what a module needs to load."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kmemquest.driver.c_types import (
    INT,
    ArrayType,
    CType,
    FunctionType,
    PointerType,
    RecordType,
    compatible,
    decayed,
    is_scalar,
    without_const,
)
from kmemquest.driver.check_flow import falls_through, taken_addresses, unused_in
from kmemquest.driver.compile_base import CannotCompile, Emission
from kmemquest.driver.compile_jump import walk
from kmemquest.driver.compile_static import Statics
from kmemquest.driver.diagnostics import Position
from kmemquest.driver.module_image import FunctionCode
from kmemquest.driver.parse import Attribute, Syntax, ast
from kmemquest.driver.values import Line, Place, StepPoint, Symbol, Value, access_letter

_FRAME_BASE = 48
"""Bytes of a frame besides its variables: return address, saved registers."""


class UnitCompiler(Statics):
    """Compiles a translation unit: first the headers, then the driver."""

    in_headers = False

    def run(self, syntax: Syntax) -> None:
        """Compile all external declarations of one parse."""
        self.attributes = syntax.attributes
        self.start_function_state()
        for node in syntax.declarations:
            self.here = self.at(node)
            try:
                self._external(node)
            except CannotCompile:
                name = getattr(getattr(node, "decl", node), "name", None)
                if name and name not in self.scopes[0]:
                    self.scopes[0][name] = Symbol(name, "poison", INT, self.here)

    def _external(self, node: Any) -> None:
        if isinstance(node, ast.FuncDef):
            self._function_definition(node)
        elif isinstance(node, ast.Decl):
            self._declaration(node)
        elif isinstance(node, ast.Typedef):
            self._typedef(node)
        elif isinstance(node, ast.StaticAssert):
            self.static_assert(node)

    def _typedef(self, node: Any) -> None:
        ctype = self.read_type(node.type)
        known = self.scopes[0].get(node.name)
        if known is not None and (known.kind != "typedef" or not compatible(known.type, ctype)):
            self.fail(node, f"conflicting types for ‘{node.name}’", "use another name")
        self.scopes[0][node.name] = Symbol(node.name, "typedef", ctype, self.at(node))

    # --- declarations -------------------------------------------------------------------------

    def _declaration(self, node: Any) -> None:
        ctype = self.read_type(node.type)
        if node.name is None:
            return
        attributes: tuple[Attribute, ...] = self.attributes.get(id(node), ())
        if isinstance(ctype, FunctionType):
            self.declare_function(node, ctype, attributes)
            return
        self._object(node, ctype, attributes)

    # --- locals -------------------------------------------------------------------------------

    def local_declaration(self, node: Any) -> None:
        """Compile a declaration in a block; a wrong one makes its name poisonous, not unknown."""
        try:
            self._local_declaration(node)
        except CannotCompile:
            known = self.scopes[-1].get(node.name or "")
            if known is not None:
                known.assigned = known.used = True
            elif node.name:
                where = self.at(node)
                self.scopes[-1][node.name] = Symbol(node.name, "poison", INT, where)
            raise

    def _local_declaration(self, node: Any) -> None:
        if node.init is not None:
            self.step_point(node)
        if node.name is not None and node.name in self.scopes[-1]:
            known = self.scopes[-1][node.name]
            if known.kind != "object" or not known.extern:
                self.sink.error(self.at(node), f"redefinition of ‘{node.name}’", "use another name")
                self.sink.note(known.where, f"previous definition of ‘{node.name}’")
                raise CannotCompile
        attributes: tuple[Attribute, ...] = self.attributes.get(id(node), ())
        if _is_auto(node.type):
            value = self.value(node.init)
            ctype = without_const(value.type)
            self._local(node, ctype, attributes, value)
            self.will_clean_up(self.scopes[-1][node.name], node)
            return
        ctype = self.read_type(node.type)
        if node.name is None:
            return
        storage = node.storage or ()
        if isinstance(ctype, FunctionType):
            self.declare_function(node, ctype, attributes)
            return
        if "extern" in storage:
            self._object(node, ctype, attributes)
            return
        if "static" in storage:
            self.counter += 1
            self.define_object(
                node, ctype, attributes, f"{node.name}.{self.counter}", self.scopes[-1]
            )
            return
        self._local(node, ctype, attributes, None)
        self.will_clean_up(self.scopes[-1][node.name], node)

    def _local(
        self, node: Any, ctype: CType, attributes: tuple[Attribute, ...], value: Value | None
    ) -> None:
        unfinished = isinstance(ctype, ArrayType) and ctype.count is None
        if unfinished and node.init is not None:
            assert isinstance(ctype, ArrayType)
            ctype = self.counted_array(ctype, node.init, node)
        self.require_complete(ctype, node, node.name)
        if unfinished and node.init is None:
            self.fail(node, f"array size missing in ‘{node.name}’", "give it a size")
        where = self.at(node)
        if is_scalar(ctype) and node.name not in self.address_taken:
            symbol = Symbol(
                node.name, "register", ctype, where, code=self.name_for(node.name),
                attributes=attributes,
            )  # fmt: skip
            self.registers.append(symbol.code)
            symbol.offset = len(self.levels)
            if node.init is None:
                self.scopes[-1][node.name] = symbol
                return
            init = node.init
            while isinstance(init, ast.InitList):
                init = init.exprs[0] if init.exprs else ast.Constant("int", "0", node.coord)
            # The name is in scope in its own initialiser (C11 6.2.1p7).
            self.scopes[-1][node.name] = symbol
            if value is None:
                value = self.value(init)
            value = self.assign_convert(value, ctype, init, "initialization")
            self.emit(f"{symbol.code} = {value.code}")
            symbol.assigned = True
            return
        symbol = Symbol(node.name, "stack", ctype, where, assigned=True, attributes=attributes)
        symbol.code = self.reserve_stack(ctype)
        symbol.offset = int(symbol.code.removeprefix("fp + ")) if "+" in symbol.code else 0
        self.scopes[-1][node.name] = symbol
        address = Value(PointerType(ctype), f"({symbol.code})")
        if node.init is None:
            # Kernel builds have -ftrivial-auto-var-init=zero (CONFIG_INIT_STACK_ALL_ZERO).
            self.emit(f"zero({symbol.code}, {ctype.size})")
        elif is_scalar(ctype):
            init = node.init
            while isinstance(init, ast.InitList):
                init = init.exprs[0] if init.exprs else ast.Constant("int", "0", node.coord)
            value = value or self.value(init)
            value = self.assign_convert(value, ctype, init, "initialization")
            self.write(Place(without_const(ctype), address=address), value)
        elif isinstance(ctype, RecordType) and not isinstance(node.init, ast.InitList):
            value = value or self.value(node.init)
            value = self.assign_convert(value, ctype, node.init, "initialization")
            self.emit(f"copy({symbol.code}, {value.code}, {ctype.size})")
        else:
            self.initialise(ctype, address, node.init, node)

    def uninitialised(self, symbol: Symbol, node: Any) -> None:
        """Tell a read that no assignment can have preceded."""
        if self.silent or self.quiet or self.has_goto or len(self.levels) > symbol.offset:
            return
        self.flow.append(
            (
                self.at(node),
                "-Wuninitialized",
                f"‘{symbol.name}’ is used uninitialized",
                f"give {symbol.name} a value first",
            )
        )

    def leaving(self, scope: dict[str, Symbol]) -> None:
        """Tell unused variables of a scope that ends."""
        if self.quiet or self.inside_expression or self.silent:
            return
        self.flow.extend(unused_in(scope))

    # --- functions ----------------------------------------------------------------------------

    def _function_definition(self, node: Any) -> None:
        ctype = self.read_type(node.decl.type)
        if not isinstance(ctype, FunctionType):
            self.fail(node.decl, "expected a function definition", "check the declarator")
        if node.param_decls:
            self.fail(node.decl, "old-style function definition", "declare the types in the ()")
        if node.decl.type.args is None:
            ctype = replace(ctype, prototype=True)
        attributes: tuple[Attribute, ...] = self.attributes.get(id(node.decl), ())
        known = self.scopes[0].get(node.decl.name)
        if known is not None and known.kind == "function" and known.node is not None:
            self.sink.error(
                self.at(node.decl), f"redefinition of ‘{node.decl.name}’",
                f"a kernel header defines {node.decl.name}() already: choose another name"
                if known.where.file != self.file else "remove one of them",
            )  # fmt: skip
            self.sink.note(known.where, f"previous definition of ‘{node.decl.name}’")
            raise CannotCompile
        symbol = self.declare_function(node.decl, ctype, attributes)
        symbol.node, symbol.tables = node, self.attributes
        symbol.type, symbol.defined = ctype, True
        symbol.where = self.at(node.decl)
        if self.in_headers or symbol.inline:
            return
        self.compile_function(symbol)

    def compile_function(self, symbol: Symbol) -> None:
        """Compile the body of a function that is defined in C."""
        node, ctype = symbol.node, symbol.type
        assert isinstance(ctype, FunctionType)
        saved = (
            self.function, self.function_symbol, self.frame_size, self.quiet, self.out, self.depth,
            self.attributes, self.scopes, self.tags, self.cleanups,
        )  # fmt: skip
        self.scopes, self.tags = self.scopes[:1], self.tags[:1]
        self.cleanups = [[]]
        self.start_function_state()
        self.attributes = symbol.tables
        self.quiet = symbol.where.file != self.file
        self.function = FunctionCode(
            symbol.name, symbol.where.line, symbol.section, quiet=self.quiet,
            variadic=ctype.variadic,
        )  # fmt: skip
        self.function_symbol = symbol
        self.draft.functions[symbol.name] = self.function
        self.frame_size = 0
        self.out = Emission()
        self.depth = 2
        self.address_taken = taken_addresses(node.body, self.attributes)
        for item in walk(node.body):
            if isinstance(item, ast.Label):
                self.all_labels[item.name] = item
            elif isinstance(item, ast.Goto):
                self.has_goto = True
        mistakes = self.sink.mistakes
        self.push()
        try:
            parameters = self._parameters(node.decl.type, ctype)
            items = node.body.block_items or []
            self.push()
            self.block_items(items, node.body)
            self.end_of_block()
            self.pop()
            if self.sink.mistakes == mistakes:
                # What does not compile says nothing about where control or values go.
                self._flow_checks(symbol, node)
                self._finish(symbol, node, parameters)
        except CannotCompile:
            pass
        finally:
            (
                self.function, self.function_symbol, self.frame_size, self.quiet, self.out,
                self.depth, self.attributes, self.scopes, self.tags, self.cleanups,
            ) = saved  # fmt: skip

    def _parameters(self, declarator: Any, ctype: FunctionType) -> list[str]:
        while not isinstance(declarator, ast.FuncDecl):
            declarator = declarator.type
        names: list[str] = []
        items = declarator.args.params if declarator.args is not None else []
        items = [i for i in items if not isinstance(i, ast.EllipsisParam)]
        for item, parameter in zip(items, ctype.parameters, strict=False):
            name = getattr(item, "name", None)
            local = self.name_for(name or "unnamed")
            names.append(local)
            if not name:
                continue
            declared = decayed(self.read_type(item))
            symbol = Symbol(
                name, "register", declared, self.at(item), code=local, used=True, assigned=True
            )
            if name in self.scopes[-1]:
                self.fail(item, f"redefinition of parameter ‘{name}’", "use another name")
            if isinstance(parameter, RecordType):
                symbol.kind = "stack"
                symbol.code = self.reserve_stack(parameter)
                self.emit(f"copy({symbol.code}, {local}, {parameter.size})")
            elif name in self.address_taken:
                symbol.kind = "stack"
                symbol.code = self.reserve_stack(parameter)
                self.emit(f"st_{access_letter(parameter)}({symbol.code}, {local})")
            symbol.offset = int(symbol.code[5:]) if symbol.code.startswith("fp + ") else 0
            self.scopes[-1][name] = symbol
        return names

    def _flow_checks(self, symbol: Symbol, node: Any) -> None:
        assert isinstance(symbol.type, FunctionType)
        for message in self.flow:
            self.sink.warn(*message)
        if self.quiet:
            return
        for name, label in self.all_labels.items():
            if name not in self.used_labels:
                self.sink.warn(
                    self.at(label), "-Wunused-label", f"label ‘{name}’ defined but not used",
                    "remove the label",
                )  # fmt: skip
        result = without_const(symbol.type.result)
        if is_scalar(result) and falls_through(node.body) and not symbol.attribute("noreturn"):
            self.sink.error(
                self.at(node.decl), f"control reaches end of non-void function ‘{symbol.name}’",
                "return a value at the end", "-Wreturn-type",
            )  # fmt: skip

    def _finish(self, symbol: Symbol, node: Any, parameters: list[str]) -> None:
        function = self.function
        assert function is not None
        assert isinstance(symbol.type, FunctionType)
        if any(line.depth > 95 for line in self.out):
            self.fail(node, "blocks nested too deeply to be simulated", "split the function")
        function.frame = -(-(self.frame_size + 8 * len(self.registers)) // 16) * 16 + _FRAME_BASE
        function.parameters = tuple(parameters)
        function.text_size = 16 + 16 * (self.tally[0] + 2)
        head = ", ".join([*parameters, *(["tail"] if symbol.type.variadic else [])])
        lines = [Line(0, f"def F_{symbol.name}({head}):")]
        needs_stack = self.frame_size > 0
        if self.quiet:
            if needs_stack:
                lines.append(Line(1, f"fp = enter_quiet({function.frame})"))
        else:
            index = len(self.draft.steps)
            self.here = symbol.where
            self._entry_point(symbol)
            lines.append(Line(1, f"fp, st = enter({function.frame}, P[{index}])"))
            lines.append(Line(1, f"C[0] -= {self.tally[0] + 1}", "count"))
        lines.append(Line(1, "try:"))
        if self.escapes:
            lines.append(Line(2, "esc = 0"))
        for start in range(0, len(self.registers), 8):
            lines.append(Line(2, " = ".join([*self.registers[start : start + 8], "0"])))
        lines.extend(self.out)
        lines.append(Line(2, "return 0"))
        lines.append(Line(1, "finally:"))
        if self.quiet:
            lines.append(Line(2, f"leave_quiet({function.frame})" if needs_stack else "pass"))
        else:
            lines.append(Line(2, f"leave({function.frame}, st)"))
        function.lines = lines

    def _entry_point(self, symbol: Symbol) -> None:
        self.draft.steps.append(StepPoint(symbol.where.line, symbol.name))

    # --- what is needed -------------------------------------------------------------------------

    def need(self, symbol: Symbol, node: Any) -> None:
        """Note that a function or object must exist when the module is loaded."""
        label = symbol.names[0] if symbol.names else symbol.name
        if label not in self.needed:
            self.needed[label] = self.at(node)

    @property
    def needed(self) -> dict[str, Position]:
        """Names referred to, with the first place."""
        found: dict[str, Position] = self.__dict__.setdefault("_needed", {})
        return found

    def compile_needed(self) -> None:
        """Compile the inline functions that are used, and theirs, until nothing is missing."""
        done: set[str] = set()
        while True:
            missing = [n for n in self.needed if n not in done]
            if not missing:
                return
            for name in missing:
                done.add(name)
                symbol = self.scopes[0].get(name)
                if symbol is None or name in self.draft.functions:
                    continue
                if symbol.kind == "function" and symbol.node is not None:
                    self.compile_function(symbol)


def _is_auto(node: Any) -> bool:
    return (
        isinstance(node, ast.TypeDecl)
        and isinstance(node.type, ast.IdentifierType)
        and node.type.names == ["__auto_type"]
    )
