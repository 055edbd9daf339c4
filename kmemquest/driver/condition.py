"""The expression after `#if`: integers, `defined`, operators (C11 6.10.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kmemquest.driver.literals import char_value, integer_literal
from kmemquest.driver.tokens import PPToken

_LEVELS: Final = {
    "||": 1, "&&": 2, "|": 3, "^": 4, "&": 5, "==": 6, "!=": 6,
    "<": 7, ">": 7, "<=": 7, ">=": 7, "<<": 8, ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "%": 10,
}  # fmt: skip


class BadCondition(Exception):
    """The expression is not one; the text tells why."""


class Condition:
    """Evaluates one expanded `#if` line."""

    def __init__(self, tokens: Sequence[PPToken]) -> None:
        self._tokens = tokens
        self._index = 0

    def value(self) -> int:
        """Return the value; BadCondition when the line is not an expression."""
        if not self._tokens:
            raise BadCondition("#if with no expression")
        result = self._ternary(0)
        if self._index < len(self._tokens):
            rest = self._tokens[self._index].text
            raise BadCondition(f'missing binary operator before token "{rest}"')
        return result

    def _peek(self) -> str:
        return self._tokens[self._index].text if self._index < len(self._tokens) else ""

    def _ternary(self, depth: int) -> int:
        if depth > 60:
            raise BadCondition("expression nested too deeply")
        chosen = self._binary(1, depth)
        if self._peek() != "?":
            return chosen
        self._index += 1
        first = self._ternary(depth + 1)
        if self._peek() != ":":
            raise BadCondition("‘?’ without following ‘:’")
        self._index += 1
        second = self._ternary(depth + 1)
        return first if chosen else second

    def _binary(self, level: int, depth: int) -> int:
        left = self._unary(depth)
        while (own := _LEVELS.get(self._peek(), 0)) >= level:
            operator = self._peek()
            self._index += 1
            right = self._binary(own + 1, depth)
            left = _apply(operator, left, right)
        return left

    def _unary(self, depth: int) -> int:
        if self._index >= len(self._tokens):
            raise BadCondition("operator has no right operand")
        if depth > 60:
            raise BadCondition("expression nested too deeply")
        token = self._tokens[self._index]
        self._index += 1
        if token.text == "(":
            value = self._ternary(depth + 1)
            if self._peek() != ")":
                raise BadCondition("missing ‘)’ in expression")
            self._index += 1
            return value
        if token.text in ("!", "-", "+", "~"):
            value = self._unary(depth + 1)
            return {"!": int(not value), "-": -value, "+": value, "~": ~value}[token.text]
        if token.kind == "number":
            literal = integer_literal(token.text)
            if literal is None:
                raise BadCondition("floating constant in preprocessor expression")
            return literal.value
        if token.kind == "char":
            return char_value(token.text)
        if token.kind == "id":
            return 0
        raise BadCondition(f'token "{token.text}" is not valid in preprocessor expressions')


def _apply(operator: str, left: int, right: int) -> int:
    if operator in ("/", "%"):
        if right == 0:
            raise BadCondition("division by zero in #if")
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return quotient if operator == "/" else left - quotient * right
    results = {
        "||": lambda: int(bool(left or right)), "&&": lambda: int(bool(left and right)),
        "|": lambda: left | right, "^": lambda: left ^ right, "&": lambda: left & right,
        "==": lambda: int(left == right), "!=": lambda: int(left != right),
        "<": lambda: int(left < right), ">": lambda: int(left > right),
        "<=": lambda: int(left <= right), ">=": lambda: int(left >= right),
        "<<": lambda: left << (right & 63), ">>": lambda: left >> (right & 63),
        "+": lambda: left + right, "-": lambda: left - right, "*": lambda: left * right,
    }  # fmt: skip
    return int(results[operator]())
