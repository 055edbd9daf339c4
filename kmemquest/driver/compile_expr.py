"""Expressions: names, members, indexing, assignment, conditionals, casts, sizeof."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kmemquest.driver.c_types import (
    CHAR,
    INT,
    LLONG,
    LONG,
    UINT,
    ULLONG,
    ULONG,
    VOID,
    ArrayType,
    CType,
    FunctionType,
    IntType,
    PointerType,
    RecordType,
    common_type,
    compatible,
    decayed,
    is_scalar,
    quoted,
    with_const,
    without_const,
)
from kmemquest.driver.compile_place import Places
from kmemquest.driver.literals import char_value, integer_literal, string_bytes
from kmemquest.driver.parse import ast
from kmemquest.driver.values import (
    Place,
    Symbol,
    Value,
    constant,
    int_range,
)


class Expressions(Places):
    """Compiles expression trees."""

    def value(self, node: Any) -> Value:
        """Compile an expression to an rvalue; arrays and functions decay."""
        method = getattr(self, "_value_" + type(node).__name__, None)
        if method is None:
            self.fail(node, "this expression is not simulated", "write it in a simpler way")
        result: Value = method(node)
        return result

    def type_of(self, node: Any) -> CType:
        """Return the type of an expression, not decayed, without evaluating it."""
        saved = self.capture()
        self.silent += 1
        try:
            if self._is_lvalue(node):
                place = self.place(node)
                if place.member is not None:
                    self.fail(node, "‘typeof’ applied to a bit-field", "name the type instead")
                return place.type
            if isinstance(node, ast.Constant) and node.type == "string":
                return ArrayType(CHAR, len(string_bytes(node.value)) + 1)
            return self.value(node).type
        finally:
            self.release(saved)
            self.silent -= 1

    def _is_lvalue(self, node: Any) -> bool:
        if isinstance(node, ast.ID):
            symbol = self.lookup(node.name)
            return symbol is not None and symbol.kind in ("register", "stack", "object", "function")
        if isinstance(node, ast.UnaryOp):
            return bool(node.op == "*")
        return isinstance(node, ast.ArrayRef | ast.StructRef | ast.CompoundLiteral)

    # --- leaves -----------------------------------------------------------------------------

    def _value_Constant(self, node: Any) -> Value:  # noqa: N802
        if node.type == "string":
            data = string_bytes(node.value)
            return self.string_value(data)
        if node.type == "char":
            return constant(char_value(node.value), INT)
        literal = integer_literal(node.value)
        if literal is None:
            self.fail(
                node,
                "floating point is not available in the kernel (SSE is disabled)",
                "compute in integers, e.g. thousandths",
            )
        order: list[IntType] = []
        unsigned, longs = "u" in literal.suffix, literal.suffix.count("l")
        for signed_type, unsigned_type, length in (
            (INT, UINT, 0), (LONG, ULONG, 1), (LLONG, ULLONG, 2),
        ):  # fmt: skip
            if length >= longs:
                if not unsigned:
                    order.append(signed_type)
                if unsigned or not literal.decimal:
                    order.append(unsigned_type)
        for ctype in order:
            if literal.value <= (ctype.mask >> 1 if ctype.signed else ctype.mask):
                return constant(literal.value, ctype)
        raise self.failure(
            node,
            "integer constant is too large for its type",
            f"no integer has more than 64 bits: the largest is {(1 << 64) - 1:#x}",
        )

    def _value_ID(self, node: Any) -> Value:  # noqa: N802
        symbol = self.lookup(node.name)
        if symbol is not None and symbol.kind == "constant":
            return constant(symbol.value, symbol.type)
        if symbol is not None and symbol.kind == "register" and not symbol.assigned:
            self.uninitialised(symbol, node)
        return self.read(self.place(node))

    def uninitialised(self, symbol: Symbol, node: Any) -> None:
        """Called when a local is read that no statement before has assigned."""

    # --- assignment and increments ----------------------------------------------------------

    def _value_Assignment(self, node: Any) -> Value:  # noqa: N802
        place = self.place(node.lvalue)
        self._check_assignable(place, node)
        if node.op == "=":
            value = self.value(node.rvalue)
            value = self.assign_convert(value, place.type, node, "assignment")
            if place.symbol is not None:
                place.symbol.assigned = True
            return self.write(place, value)
        if place.address is not None:
            place.address = self.pure(place.address)
        current = self.read(place)
        result = self.binary(node.op[:-1], current, self.value(node.rvalue), node)
        return self.write(place, self.convert(result, without_const(place.type)))

    def _read_only(self, place: Place, node: Any) -> str:
        """Say what is const, as gcc does: a variable, a member, its object, or any location."""
        if place.symbol is not None:
            return f"read-only variable ‘{place.symbol.name}’"
        target = getattr(node, "lvalue", None)
        if not isinstance(target, ast.StructRef):
            return "read-only location"
        holder = self.type_of(target.name)
        if isinstance(holder, PointerType):
            holder = holder.target
        name = f"member ‘{target.field.name}’"
        return f"{name} in read-only object" if holder.const else f"read-only {name}"

    def _check_assignable(self, place: Place, node: Any) -> None:
        if isinstance(place.type, ArrayType):
            self.fail(node, "assignment to expression with array type", "copy with memcpy()")
        if isinstance(place.type, FunctionType):
            self.fail(node, "lvalue required as left operand of assignment", "functions are fixed")
        if place.type.const:
            what = self._read_only(place, node)
            self.fail(node, f"assignment of {what}", "remove the const, or do not assign")
        if not place.type.complete:
            self.fail(
                node,
                f"invalid use of undefined type {quoted(place.type)}",
                "dereference another type",
            )

    def _increment(self, node: Any) -> Value:
        operator = node.op[-1]
        place = self.place(node.expr)
        self._check_assignable(place, node)
        if place.address is not None:
            place.address = self.pure(place.address)
        current = self.read(place)
        if not is_scalar(current.type):
            self.fail(node, "wrong type argument to increment", "only numbers and pointers count")
        if node.op[0] == "p":
            before = self.temp(current.code)
            current = Value(current.type, before)
        bounded = self._stepped_local(place, current, operator)
        if bounded is not None:
            written = self.write(place, bounded)
            return current if node.op[0] == "p" else written
        result = self.binary(operator, current, constant(1, INT), node)
        written = self.write(place, self.convert(result, without_const(place.type)))
        return current if node.op[0] == "p" else written

    def _stepped_local(self, place: Place, current: Value, operator: str) -> Value | None:
        """A loop counter's next value: one comparison is cheaper than reducing the sum."""
        ctype = without_const(place.type)
        if not place.register or not isinstance(ctype, IntType) or ctype.is_bool:
            return None
        low, high = int_range(ctype)
        end, start = (high, low) if operator == "+" else (low, high)
        code = current.code
        if not code.isidentifier():
            return None
        return Value(ctype, f"({code} {operator} 1 if {code} != {end} else {start})", depth=1)

    # --- operators --------------------------------------------------------------------------

    def _value_UnaryOp(self, node: Any) -> Value:  # noqa: N802
        operator = node.op
        if operator == "*":
            return self.read(self.place(node))
        if operator == "&":
            return self._address_of(node)
        if operator in ("++", "--", "p++", "p--"):
            return self._increment(node)
        if operator == "sizeof":
            return self._sizeof(node)
        if operator == "_Alignof":
            ctype = (
                self.read_type(node.expr)
                if isinstance(node.expr, ast.Typename)
                else self.type_of(node.expr)
            )
            return constant(ctype.align, ULONG)
        if operator == "!":
            return self.inverted(self.value(node.expr), node)
        return self.negated(operator, self.value(node.expr), node)

    def _address_of(self, node: Any) -> Value:
        place = self.place(node.expr)
        if place.member is not None:
            self.fail(
                node, f"cannot take address of bit-field ‘{place.member.name}’", "copy it first"
            )
        if place.register or place.address is None:
            self.fail(node, "cannot take the address of this", "use a variable")
        return replace(place.address, type=PointerType(place.type), literal=None)

    def _sizeof(self, node: Any) -> Value:
        operand = node.expr
        if isinstance(operand, ast.Typename):
            ctype = self.read_type(operand)
        else:
            ctype = self.type_of(operand)
        if isinstance(ctype, RecordType) and not ctype.complete:
            self.fail(
                node,
                f"invalid application of ‘sizeof’ to incomplete type ‘{ctype.spelled()}’",
                "include the header that defines it",
            )
        return constant(1 if isinstance(ctype, FunctionType) else ctype.size, ULONG)

    def _value_BinaryOp(self, node: Any) -> Value:  # noqa: N802
        if node.op in ("&&", "||"):
            return self._logical(node)
        # A long chain a + b + c … leans to the left: walk it without recursion.
        chain = []
        inner = node
        while isinstance(inner, ast.BinaryOp) and inner.op not in ("&&", "||"):
            chain.append(inner)
            inner = inner.left
        result = self.value(inner)
        for item in reversed(chain):
            result = self.binary(item.op, result, self.value(item.right), item)
        return result

    def _logical(self, node: Any) -> Value:
        conjunction = node.op == "&&"
        left = self.truth(self.value(node.left), node)
        if left.known is not None and bool(left.known) != conjunction:
            saved = self.capture()
            self.silent += 1
            self.truth(self.value(node.right), node)
            self.silent -= 1
            self.release(saved)
            return constant(int(not conjunction), INT)
        saved = self.capture()
        right = self.truth(self.value(node.right), node)
        emitted = self.release(saved)
        if left.known is not None and right.known is not None:
            return constant(int(bool(right.known)), INT)
        depth = max(left.depth, right.depth) + 1
        if not emitted:
            test = f"({left.condition} {'and' if conjunction else 'or'} {right.condition})"
            return Value(INT, f"(1 if {test} else 0)", test=test, depth=depth)
        flag = self.temp(f"1 if {left.condition} else 0")
        saved = self.capture()
        self.out.extend(emitted)
        self.emit(f"{flag} = 1 if {right.condition} else 0")
        block = self.release(saved)
        self.indented(f"if {flag}:" if conjunction else f"if not {flag}:", block)
        return Value(INT, flag)

    def _value_TernaryOp(self, node: Any) -> Value:  # noqa: N802
        test = self.truth(self.value(node.cond), node)
        if node.iftrue is None:
            test = self.pure(test)
        known = 1 if test.symbol else test.known
        saved = self.capture()
        self.silent += known == 0
        first = test if node.iftrue is None else self.value(node.iftrue)
        self.silent -= known == 0
        first_lines = self.release(saved)
        saved = self.capture()
        self.silent += bool(known)
        second = self.value(node.iffalse)
        self.silent -= bool(known)
        second_lines = self.release(saved)
        ctype = self._conditional_type(first, second, node)
        if known is not None:
            chosen, lines = (second, second_lines) if known == 0 else (first, first_lines)
            self.out.extend(lines)
            return self.convert(chosen, ctype) if is_scalar(ctype) else replace(chosen, type=ctype)
        if is_scalar(ctype):
            first, second = self.convert(first, ctype), self.convert(second, ctype)
        depth = max(test.depth, first.depth, second.depth) + 1
        if not first_lines and not second_lines:
            code = f"({first.code} if {test.condition} else {second.code})"
            return self.spilled(Value(ctype, code, depth=depth))
        self.counter += 1
        name = f"t{self.counter}"
        for header, lines, value in (
            (f"if {test.condition}:", first_lines, first), ("else:", second_lines, second),
        ):  # fmt: skip
            saved = self.capture()
            self.out.extend(lines)
            if ctype != VOID:
                self.emit(f"{name} = {value.code}")
            self.indented_swap(saved, header)
        return Value(ctype, name if ctype != VOID else "0")

    def indented_swap(self, saved: Any, header: str) -> None:
        """Finish a captured block and emit it under a header."""
        block = self.release(saved)
        self.indented(header, block)

    def _conditional_type(self, first: Value, second: Value, node: Any) -> CType:
        a, b = without_const(first.type), without_const(second.type)
        if isinstance(a, IntType) and isinstance(b, IntType):
            return common_type(a, b)
        if VOID in (a, b):
            return VOID
        if isinstance(a, RecordType) and a == b:
            return a
        if isinstance(a, PointerType) and isinstance(b, PointerType):
            if first.null_constant:
                return b
            if second.null_constant:
                return a
            one, two = without_const(a.target), without_const(b.target)
            if compatible(one, two):
                return PointerType(with_const(a.target)) if b.target.const else a
            if one == VOID or two == VOID:
                return PointerType(with_const(VOID) if a.target.const or b.target.const else VOID)
            self.sink.warn(
                self.at(node), "", "pointer type mismatch in conditional expression",
                "give both sides one type",
            )  # fmt: skip
            return PointerType(VOID)
        if (isinstance(a, PointerType) and isinstance(b, IntType)) or (
            isinstance(b, PointerType) and isinstance(a, IntType)
        ):
            number = second if isinstance(b, IntType) else first
            if not number.null_constant:
                self.sink.warn(
                    self.at(node), "", "pointer/integer type mismatch in conditional expression",
                    "use NULL or a cast",
                )  # fmt: skip
            return a if isinstance(a, PointerType) else b
        raise self.failure(
            node, "type mismatch in conditional expression", "give both sides one type"
        )

    def _value_Cast(self, node: Any) -> Value:  # noqa: N802
        target = without_const(self.read_type(node.to_type))
        if target == VOID and isinstance(node.expr, ast.ID) and self.lookup(node.expr.name):
            # (void)x; marks a variable as used and reads nothing.
            self.place(node.expr)
            return Value(VOID, "0")
        value = self.value(node.expr)
        if without_const(target) == VOID:
            self.discard(value)
            return Value(VOID, "0")
        if isinstance(target, RecordType) or isinstance(value.type, RecordType):
            self.fail(node, "conversion to non-scalar type requested", "cast pointers, not structs")
        if not is_scalar(target):
            self.fail(node, f"cast specifies {quoted(target)}", "cast to a number or pointer type")
        if without_const(value.type) == VOID:
            self.fail(
                node, "void value not ignored as it ought to be", "the function returns nothing"
            )
        if isinstance(target, PointerType) and isinstance(value.type, IntType):
            if value.type.size != 8 and value.known is None:
                self.sink.warn(
                    self.at(node), "-Wint-to-pointer-cast",
                    "cast to pointer from integer of different size",
                    "go through unsigned long",
                )  # fmt: skip
        elif isinstance(value.type, PointerType) and isinstance(target, IntType):
            if target.size != 8 and not target.is_bool:
                self.sink.warn(
                    self.at(node), "-Wpointer-to-int-cast",
                    "cast from pointer to integer of different size",
                    "go through unsigned long",
                )  # fmt: skip
        result = self.convert(value, target)
        if result is value:
            result = replace(value, type=target)
        if isinstance(target, PointerType):
            result.null_constant = (
                value.known == 0 and target.target == VOID and isinstance(value.type, IntType)
            )
        return result

    def _value_ExprList(self, node: Any) -> Value:  # noqa: N802
        for item in node.exprs[:-1]:
            self.discard(self.value(item))
        return self.value(node.exprs[-1])

    def discard(self, value: Value) -> None:
        """Evaluate for effect: only loads can fault."""
        if "ld_" in value.code and value.type != VOID:
            self.emit(value.code)

    def _value_ArrayRef(self, node: Any) -> Value:  # noqa: N802
        return self.read(self.place(node))

    def _value_StructRef(self, node: Any) -> Value:  # noqa: N802
        return self.read(self.place(node))

    def _value_CompoundLiteral(self, node: Any) -> Value:  # noqa: N802
        return self.read(self.place(node))

    def _value_Compound(self, node: Any) -> Value:  # noqa: N802
        return self.statement_expression(node)

    def _value_GenericSelection(self, node: Any) -> Value:  # noqa: N802
        controlling = without_const(decayed(self.type_of(node.expr)))
        fallback = None
        for item in node.associations:
            if item.type is None:
                fallback = item.expr
            elif compatible(without_const(self.read_type(item.type)), controlling):
                return self.value(item.expr)
        if fallback is None:
            self.fail(
                node,
                f"‘_Generic’ selector of type {quoted(controlling)} is not compatible with any "
                "association",
                "add a default: branch",
            )  # fmt: skip
        return self.value(fallback)

    def boolean(self, node: Any) -> Value:
        """Compile a controlling expression."""
        return self.truth(self.value(node), node)
