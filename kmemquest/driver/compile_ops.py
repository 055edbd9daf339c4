"""Operators on values: conversions, arithmetic with wrap-around, comparisons, pointers."""

from __future__ import annotations

from typing import Any, Final

from kmemquest.driver.c_types import (
    INT,
    LONG,
    VOID,
    CType,
    FloatType,
    FunctionType,
    IntType,
    PointerType,
    RecordType,
    common_type,
    compatible,
    is_scalar,
    promoted,
    quoted,
    without_const,
)
from kmemquest.driver.compile_types import TypeReader
from kmemquest.driver.values import Value, constant, fits, wrap_code, wrap_constant

_COMPARISONS: Final = frozenset({"==", "!=", "<", ">", "<=", ">="})
_SPILL_DEPTH: Final = 24


class Operators(TypeReader):
    """Arithmetic."""

    # --- conversions ------------------------------------------------------------------------

    def convert(self, value: Value, target: CType) -> Value:
        """Convert between scalars; no check is made."""
        if isinstance(target, FloatType) or isinstance(value.type, FloatType):
            self.fail(
                self.here,
                "floating point is not available in the kernel (SSE is disabled)",
                "compute in integers, e.g. thousandths",
            )
        if not is_scalar(target) or not is_scalar(value.type):
            return Value(target, value.code, depth=value.depth)
        if value.const is not None:
            if value.symbol:
                if target.size == 8:
                    return Value(target, value.code, const=value.const, symbol=value.symbol)
                return Value(target, wrap_code(value.code, target))
            result = constant(wrap_constant(value.const, target), target)
            if isinstance(target, PointerType):
                result.null_constant = (
                    value.const == 0 and value.null_constant and target.target == VOID
                )
            return result
        if isinstance(target, IntType) and target.is_bool:
            if isinstance(value.type, IntType) and value.type.is_bool:
                return value
            test = value.condition
            return Value(target, f"(1 if {test} else 0)", test=test, depth=value.depth + 1)
        if fits(value.type, target):
            # Unreduced code is right modulo the old width only.
            raw = value.raw if _bits(target) <= _bits(value.type) else ""
            return Value(target, value.code, raw, value.test, depth=value.depth)
        # A narrower or equally wide target sees only low bits: the unreduced code will do.
        raw = value.loose if _bits(target) <= _bits(value.type) else value.code
        code = wrap_code(raw, target)
        return Value(target, code, raw, depth=value.depth + 1)

    def spilled(self, value: Value) -> Value:
        """Put a deeply nested expression into a local, so that none nests without bound."""
        if value.depth > _SPILL_DEPTH:
            return Value(value.type, self.temp(value.code), literal=value.literal)
        return value

    # --- binary -----------------------------------------------------------------------------

    def binary(self, operator: str, left: Value, right: Value, node: Any) -> Value:
        """Apply a binary operator other than && and ||."""
        left, right = self.spilled(left), self.spilled(right)
        for side in (left, right):
            if not is_scalar(side.type):
                self.fail(
                    node,
                    f"invalid operands to binary {operator} (have {quoted(left.type)} and "
                    f"{quoted(right.type)})",
                    "use a member of the struct, or convert the operand",
                )
        first = isinstance(left.type, PointerType)
        second = isinstance(right.type, PointerType)
        if operator in _COMPARISONS:
            return self._compare(operator, left, right, node)
        if first or second:
            return self._pointer_arithmetic(operator, left, right, node)
        if operator in ("<<", ">>"):
            return self._shift(operator, left, right, node)
        ctype = common_type(left.type, right.type)
        left, right = self.convert(left, ctype), self.convert(right, ctype)
        if operator in ("/", "%"):
            return self._divide(operator, left, right, ctype, node)
        if left.known is not None and right.known is not None:
            return constant(ctype.wrap(_fold(operator, left.known, right.known)), ctype)
        depth = max(left.depth, right.depth) + 1
        if operator in ("&", "|", "^"):
            if operator == "&" and not ctype.signed and right.known is not None:
                # Masking with a constant reduces by itself.
                return Value(ctype, f"({left.loose} & {right.code})", depth=depth)
            return Value(ctype, f"({left.code} {operator} {right.code})", depth=depth)
        raw = f"({left.loose} {operator} {right.loose})"
        return Value(ctype, wrap_code(raw, ctype), raw, depth=depth)

    def _compare(self, operator: str, left: Value, right: Value, node: Any) -> Value:
        first, second = left.type, right.type
        if isinstance(first, PointerType) != isinstance(second, PointerType):
            other = right if isinstance(first, PointerType) else left
            if not (other.known == 0 and other.null_constant):
                self.sink.warn(
                    self.at(node),
                    "",
                    "comparison between pointer and integer",
                    "compare with NULL or another pointer, or cast",
                )
        elif isinstance(first, PointerType) and isinstance(second, PointerType):
            if not self._comparable(first, second) and not (
                left.null_constant or right.null_constant
            ):
                self.sink.warn(
                    self.at(node),
                    "-Wcompare-distinct-pointer-types",
                    "comparison of distinct pointer types lacks a cast",
                    "compare pointers of one type, or cast one side",
                )
        if not isinstance(first, PointerType) and not isinstance(second, PointerType):
            ctype: CType = common_type(first, second)
        else:
            ctype = first if isinstance(first, PointerType) else second
        left, right = self.convert(left, ctype), self.convert(right, ctype)
        if left.known is not None and right.known is not None:
            return constant(int(_relation(operator, left.known, right.known)), INT)
        test = f"{left.code} {operator} {right.code}"
        depth = max(left.depth, right.depth) + 1
        return Value(INT, f"(1 if {test} else 0)", test=f"({test})", depth=depth)

    def _comparable(self, first: PointerType, second: PointerType) -> bool:
        a, b = without_const(first.target), without_const(second.target)
        return VOID in (a, b) or compatible(a, b)

    def _shift(self, operator: str, left: Value, right: Value, node: Any) -> Value:
        ctype = promoted(left.type)
        assert isinstance(ctype, IntType)
        left = self.convert(left, ctype)
        amount = right.known
        if amount is not None and not 0 <= amount < ctype.bits and not self.silent:
            what = "negative" if amount < 0 else ">= width of type"
            side = "left" if operator == "<<" else "right"
            code = "-Wshift-count-negative" if amount < 0 else "-Wshift-count-overflow"
            self.sink.warn(
                self.at(node), code, f"{side} shift count {'is negative' if amount < 0 else what}",
                "use a wider type, e.g. 1ULL << n or BIT_ULL(n)",
            )  # fmt: skip
        if amount is not None:
            amount &= ctype.bytes * 8 - 1
            if left.known is not None:
                shifted = left.known << amount if operator == "<<" else left.known >> amount
                return constant(ctype.wrap(shifted), ctype)
            count = str(amount)
        else:
            count = f"({right.code} & {ctype.bytes * 8 - 1})"
        depth = max(left.depth, right.depth) + 2
        if operator == ">>":
            return Value(ctype, f"({left.code} >> {count})", depth=depth)
        raw = f"({left.loose} << {count})"
        return Value(ctype, wrap_code(raw, ctype), raw, depth=depth)

    def _divide(self, operator: str, left: Value, right: Value, ctype: IntType, node: Any) -> Value:
        divisor = right.known
        if divisor == 0 and not self.silent:
            self.sink.warn(
                self.at(node), "-Wdiv-by-zero", "division by zero", "test the divisor first"
            )
        if divisor and left.known is not None:
            quotient = abs(left.known) // abs(divisor)
            if (left.known < 0) != (divisor < 0):
                quotient = -quotient
            result = quotient if operator == "/" else left.known - quotient * divisor
            return constant(ctype.wrap(result), ctype)
        depth = max(left.depth, right.depth) + 1
        if divisor and not ctype.signed:
            symbol = "//" if operator == "/" else "%"
            return Value(ctype, f"({left.code} {symbol} {right.code})", depth=depth)
        name = "divide" if operator == "/" else "modulo"
        if ctype.signed:
            low = -(1 << ctype.bits - 1)
            return Value(ctype, f"{name}_s({left.code}, {right.code}, {low})", depth=depth)
        return Value(ctype, f"{name}_u({left.code}, {right.code})", depth=depth)

    def _pointer_arithmetic(self, operator: str, left: Value, right: Value, node: Any) -> Value:
        first, second = left.type, right.type
        if operator == "-" and isinstance(first, PointerType) and isinstance(second, PointerType):
            if not compatible(without_const(first.target), without_const(second.target)):
                self.fail(
                    node,
                    f"invalid operands to binary - (have {quoted(first)} and {quoted(second)})",
                    "subtract pointers into the same array",
                )
            size = self._step(first, node)
            if left.symbol and left.symbol == right.symbol:
                assert left.const is not None
                assert right.const is not None
                return constant((left.const - right.const) // size, LONG)
            if left.known is not None and right.known is not None:
                return constant(LONG.wrap(left.known - right.known) // size, LONG)
            raw = f"({left.code} - {right.code})"
            code = wrap_code(raw, LONG)
            if size != 1:
                code = f"({code} // {size})"
            return Value(LONG, code, depth=max(left.depth, right.depth) + 2)
        if operator == "+" and isinstance(second, PointerType):
            left, right, first, second = right, left, second, first
        if operator not in ("+", "-") or not isinstance(second, IntType):
            self.fail(
                node,
                f"invalid operands to binary {operator} (have {quoted(left.type)} and "
                f"{quoted(right.type)})",
                "cast the pointer to unsigned long to compute with it",
            )
        assert isinstance(first, PointerType)
        return self.advanced(left, right, operator, self._step(first, node))

    def _step(self, pointer: PointerType, node: Any) -> int:
        target = pointer.target
        if isinstance(target, FunctionType):
            return 1
        if isinstance(target, RecordType) and not target.complete:
            self.fail(
                node,
                f"invalid use of undefined type ‘{without_const(target).spelled()}’",
                "include the header that defines it",
            )
        return max(target.size, 1)

    def advanced(self, pointer: Value, index: Value, operator: str, size: int) -> Value:
        """Return pointer ± index * size."""
        if index.known is not None and pointer.const is not None:
            offset = index.known * size
            moved = pointer.const + (offset if operator == "+" else -offset)
            return self.address_constant(pointer, moved)
        if index.known is not None:
            amount = index.known * size if operator == "+" else -index.known * size
            if amount == 0:
                return pointer
            raw = (
                f"({pointer.loose} + {amount})" if amount > 0 else f"({pointer.loose} - {-amount})"
            )
        else:
            scaled = f"{index.code} * {size}" if size != 1 else index.code
            raw = f"({pointer.loose} {operator} {scaled})"
        depth = max(pointer.depth, index.depth) + 1
        return Value(pointer.type, f"({raw} & 0xffffffffffffffff)", raw, depth=depth)

    def address_constant(self, base: Value, offset: int) -> Value:
        """Return a constant address moved to another offset from its symbol."""
        if not base.symbol:
            return constant(offset & (1 << 64) - 1, base.type)
        stem = base.code.split(" + ")[0].split(" - ")[0].strip("()")
        code = stem
        if offset:
            code = f"({stem} + {offset})" if offset > 0 else f"({stem} - {-offset})"
        return Value(base.type, code, const=offset, symbol=base.symbol)

    # --- unary ------------------------------------------------------------------------------

    def negated(self, operator: str, operand: Value, node: Any) -> Value:
        """Apply unary +, - or ~."""
        if not isinstance(operand.type, IntType):
            self.fail(
                node, f"wrong type argument to unary {_UNARY[operator]}", "use it on an integer"
            )
        ctype = promoted(operand.type)
        operand = self.convert(self.spilled(operand), ctype)
        assert isinstance(ctype, IntType)
        if operator == "+":
            return operand
        if operand.known is not None:
            folded = -operand.known if operator == "-" else ~operand.known
            return constant(ctype.wrap(folded), ctype)
        raw = f"({operator}{operand.loose})"
        if operator == "~" and ctype.signed:
            return Value(ctype, f"(~{operand.code})", depth=operand.depth + 1)
        return Value(ctype, wrap_code(raw, ctype), raw, depth=operand.depth + 1)

    def inverted(self, operand: Value, node: Any) -> Value:
        """Apply `!`."""
        if not is_scalar(operand.type):
            self.fail(node, "wrong type argument to unary exclamation mark", "test a member of it")
        operand = self.spilled(operand)
        if operand.symbol:
            return constant(0, INT)
        if operand.known is not None:
            return constant(int(not operand.known), INT)
        test = f"(not {operand.condition})"
        return Value(INT, f"(1 if {test} else 0)", test=test, depth=operand.depth + 1)

    def truth(self, value: Value, node: Any) -> Value:
        """Check that a value can be a condition."""
        if isinstance(value.type, RecordType):
            self.fail(
                node, "used struct type value where scalar is required", "compare a member of it"
            )
        if not is_scalar(value.type):
            self.fail(
                node, "void value not ignored as it ought to be", "the function returns nothing"
            )
        return self.spilled(value)


_UNARY: Final = {"-": "minus", "+": "plus", "~": "complement"}


def _fold(operator: str, left: int, right: int) -> int:
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "*":
        return left * right
    if operator == "&":
        return left & right
    return left | right if operator == "|" else left ^ right


def _relation(operator: str, left: int, right: int) -> bool:
    if operator == "==":
        return left == right
    if operator == "!=":
        return left != right
    if operator == "<":
        return left < right
    if operator == ">":
        return left > right
    return left <= right if operator == "<=" else left >= right


def _bits(ctype: CType) -> int:
    """Width of a scalar: a wide bit-field has fewer bits than its bytes hold."""
    return ctype.bits if isinstance(ctype, IntType) else ctype.size * 8
