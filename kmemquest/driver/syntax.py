"""Sentences for syntax errors, in gcc's words, with what to do about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from kmemquest.driver.diagnostics import Position
from kmemquest.driver.header_index import unknown_type_hint

_SYMBOLS: Final = {
    "SEMI": ";", "COLON": ":", "COMMA": ",", "LPAREN": "(", "RPAREN": ")", "LBRACE": "{",
    "RBRACE": "}", "LBRACKET": "[", "RBRACKET": "]", "EQUALS": "=", "ID": "identifier",
    "WHILE": "while", "PERIOD": ".",
}  # fmt: skip

_STATEMENT_BEGINS_AFTER: Final = ("LBRACE", "RBRACE", "SEMI")
"""Whatever does not fit behind these does not fit as the beginning of a statement."""

_LOOKALIKES: Final = {
    "“": 'use the plain " of the keyboard', "”": 'use the plain " of the keyboard',
    "‘": "use the plain ' of the keyboard", "’": "use the plain ' of the keyboard",
    "\u00a0": "this blank is a no-break space: type an ordinary one",
    "；": "use the plain ; of the keyboard", "，": "use the plain , of the keyboard",
    "（": "use the plain ( of the keyboard", "）": "use the plain ) of the keyboard",
    "–": "use the plain - of the keyboard", "—": "use the plain - of the keyboard",
    "\\": "a \\ joins lines only when it is the last sign of its line",
}  # fmt: skip


def explain_stray(text: str) -> tuple[str, str]:
    """Return (message, hint) for text that is no token of C."""
    if text == "/*":
        return "unterminated comment", "close it with */"
    if text == "''":
        return "empty character constant", "write the character between the quotes, or '\\0'"
    if text[0] in "'\"":
        return f"missing terminating {text[0]} character", "close the literal on the same line"
    shown = text if text.isprintable() else f"\\{ord(text[0]):03o}"
    return f"stray ‘{shown}’ in program", _LOOKALIKES.get(text, "remove it")


def explain(
    token: Any,
    previous: Any,
    wanted: str,
    words: str,
    is_type: Callable[[str], bool],
) -> tuple[Position, str, str]:
    """Return (where, message, hint) for a token that does not fit."""
    if token is None:
        return _at_end(previous, wanted)
    here = Position(token.filename, token.lineno, token.column)
    seen = _name(token)
    if wanted == "SEMI" and token.type == "LBRACE" and previous is not None:
        return (
            here,
            f"expected ‘;’ before {seen}",
            "a function cannot be defined inside another: is a } missing above?"
            if previous.type == "RPAREN" else f"put a semicolon after ‘{previous.value}’",
        )  # fmt: skip
    if wanted == "SEMI" and previous is not None and previous.type in _STATEMENT_BEGINS_AFTER:
        return _no_statement(token, here)
    if wanted == "SEMI" and previous is not None:
        if previous.type == "ID" and token.type == "ID":
            return _two_names(previous, token, is_type)
        where = Position(previous.filename, previous.lineno, previous.column + len(previous.value))
        return (
            where,
            f"expected ‘;’ before {seen}",
            f"put a semicolon after ‘{previous.value}’ on line {previous.lineno}",
        )
    if wanted == "RPAREN" and previous is not None:
        if token.type == "SEMI":
            return here, "expected ‘)’ before ‘;’ token", "close the parenthesis before the ;"
        return (
            here,
            f"expected ‘)’ before {seen}",
            "close the parenthesis, or add the operator or comma",
        )
    if wanted == "ID" and token.type == "RBRACE":
        return here, "expected identifier or ‘(’ before ‘}’ token", "there is one } too many"
    if wanted:
        symbol = _SYMBOLS.get(wanted, wanted.lower())
        shown = symbol if wanted == "ID" else f"‘{symbol}’"
        return (
            here,
            f"expected {shown} before {seen}",
            f"write {symbol} here" if wanted != "ID" else "give it a name",
        )
    if words.startswith(("Invalid expression", "At end")):
        return here, f"expected expression before {seen}", "something is missing before this"
    if "typedef" in words.lower() and "scope" in words:
        return here, words[0].lower() + words[1:], "choose another name"
    if previous is not None and previous.type == "ID" and not is_type(previous.value):
        return (
            Position(previous.filename, previous.lineno, previous.column),
            f"unknown type name ‘{previous.value}’" if token.type in ("ID", "TIMES") else
            f"expected declaration specifiers before {seen}",
            unknown_type_hint(previous.value),
        )  # fmt: skip
    if token.type == "RBRACE":
        return here, "expected identifier or ‘(’ before ‘}’ token", "there is one } too many"
    if token.type in ("IF", "FOR", "WHILE", "RETURN", "GOTO", "SWITCH", "DO"):
        return (
            here,
            f"expected identifier or ‘(’ before ‘{token.value}’",
            "statements belong inside a function: check the braces above",
        )
    return here, f"syntax error before {seen}", "check the line and the end of the line before"


def _no_statement(token: Any, here: Position) -> tuple[Position, str, str]:
    if token.type in ("RPAREN", "RBRACKET"):
        return here, f"expected statement before {_name(token)}", "remove it, or open it before"
    return here, f"expected expression before {_name(token)}", "no statement begins like this"


def _two_names(
    previous: Any, token: Any, is_type: Callable[[str], bool]
) -> tuple[Position, str, str]:
    where = Position(previous.filename, previous.lineno, previous.column)
    if previous.lineno != token.lineno:
        end = Position(previous.filename, previous.lineno, previous.column + len(previous.value))
        return (
            end,
            f"expected ‘;’ before ‘{token.value}’",
            f"put a semicolon after ‘{previous.value}’ on line {previous.lineno}",
        )
    del is_type
    return (
        where,
        f"unknown type name ‘{previous.value}’",
        unknown_type_hint(previous.value),
    )


def _at_end(previous: Any, wanted: str) -> tuple[Position, str, str]:
    if previous is None:
        return Position("", 1, 1), "the file is empty", "write a module"
    where = Position(previous.filename, previous.lineno, previous.column + len(previous.value))
    symbol = _SYMBOLS.get(wanted, "")
    if wanted == "SEMI":
        return where, "expected ‘;’ at end of input", "put a semicolon at the end of the file"
    if symbol and wanted not in ("ID", "RBRACE"):
        return where, f"expected ‘{symbol}’ at end of input", f"add the missing {symbol}"
    return (
        where,
        "expected declaration or statement at end of input",
        "a } is missing: some function or block is not closed",
    )


def _name(token: Any) -> str:
    if token.type == "STRING_LITERAL":
        return "string constant"
    if token.type in ("INT_CONST_DEC", "FLOAT_CONST"):
        return "numeric constant"
    if token.type == "CHAR_CONST":
        return "character constant"
    if token.value and (token.value[0].isalpha() or token.value[0] == "_"):
        return f"‘{token.value}’"
    return f"‘{token.value}’ token"
