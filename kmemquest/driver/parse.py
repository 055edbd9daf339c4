"""The only module that knows the C parser: pycparser, taught the GNU C that kernel code uses.

Tokens come from our preprocessor, so lines and columns are those of the driver's file. Attributes
are taken out of the token stream and handed back per declaration in `Syntax.attributes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from pycparser import c_ast, c_parser
from pycparser.c_lexer import Token, _fixed_tokens, _keyword_map

from kmemquest.driver.diagnostics import BuildStop, DiagnosticSink, Position
from kmemquest.driver.header_index import unknown_type_hint
from kmemquest.driver.limits import NESTING
from kmemquest.driver.literals import integer_literal
from kmemquest.driver.syntax import explain, explain_stray
from kmemquest.driver.tokens import PPToken

ast = c_ast


@dataclass(frozen=True, slots=True)
class Attribute:
    """One GNU attribute: its name without underscores and its arguments' tokens as text."""

    name: str
    arguments: tuple[str, ...] = ()


@dataclass(slots=True)
class Syntax:
    """The tree of one run of the parser; `attributes` is keyed by the id of tree nodes."""

    declarations: list[Any]
    attributes: dict[int, tuple[Attribute, ...]] = field(default_factory=dict)


class CaseRange(c_ast.Node):  # type: ignore[misc]
    """GNU `case low ... high` and `[low ... high] =`."""

    __slots__ = ("coord", "high", "low")

    def __init__(self, low: Any, high: Any, coord: Any) -> None:
        self.low = low
        self.high = high
        self.coord = coord

    def children(self) -> tuple[Any, ...]:
        """Return the two ends, named."""
        return (("low", self.low), ("high", self.high))


_KEYWORDS: Final = dict(_keyword_map) | {
    "typeof": "TYPEOF", "__typeof__": "TYPEOF", "__typeof": "TYPEOF",
    "typeof_unqual": "TYPEOF_UNQUAL", "__auto_type": "__INT128",
    "__inline__": "INLINE", "__inline": "INLINE", "__const__": "CONST", "__const": "CONST",
    "__volatile__": "VOLATILE", "__volatile": "VOLATILE", "__signed__": "SIGNED",
    "__restrict": "RESTRICT", "__restrict__": "RESTRICT", "__alignof__": "_ALIGNOF",
    "__alignof": "_ALIGNOF", "__builtin_offsetof": "OFFSETOF", "__asm__": "ASM", "asm": "ASM",
    "__asm": "ASM", "__attribute__": "GNU", "__attribute": "GNU", "__extension__": "SKIP",
}  # fmt: skip
for _word in ("offsetof", "_Complex", "_Atomic", "_Thread_local", "_Pragma"):
    _KEYWORDS.pop(_word, None)
_SPELLING: Final = {"CONST": "const", "VOLATILE": "volatile", "INLINE": "inline",
                    "RESTRICT": "restrict", "SIGNED": "signed", "TYPEOF": "typeof",
                    "_ALIGNOF": "_Alignof"}  # fmt: skip
_OPERATORS: Final = {entry.literal: entry.tok_type for entry in _fixed_tokens}
_BASE_TYPES: Final = frozenset({"int", "char", "void", "float", "double", "_Bool"})
_STATEMENT_WORDS: Final = frozenset({
    "FOR", "WHILE", "IF", "DO", "SWITCH", "CASE", "DEFAULT", "RETURN", "GOTO", "BREAK", "CONTINUE",
    "SIZEOF", "ELSE",
})  # fmt: skip
_TYPE_BUILTINS: Final = frozenset({"__builtin_types_compatible_p", "__kmq_type_text"})


def _coordinate(token: Any) -> Any:
    return c_parser.Coord(token.filename, token.lineno, token.column)


class KernelParser(c_parser.CParser):  # type: ignore[misc]
    """pycparser's recursive descent with GNU C added; one instance per run."""

    def __init__(self, sink: DiagnosticSink, typedefs: dict[str, bool] | None = None) -> None:
        super().__init__()
        self.sink = sink
        self._scope_stack = [dict(typedefs or {})]
        self._attributes_after: dict[int, tuple[Attribute, ...]] = {}
        self._found: dict[int, tuple[Attribute, ...]] = {}
        self._last: Any = None

    @property
    def typedefs(self) -> dict[str, bool]:
        """File-scope names: true where the name is a type."""
        scope: dict[str, bool] = self._scope_stack[0]
        return scope

    def parse_tokens(self, tokens: Sequence[PPToken], file: str) -> Syntax:
        """Parse expanded tokens into external declarations; BuildStop on a syntax error."""
        self.clex._filename = file
        buffer = self._prepare(tokens)
        self._end = buffer[-1] if buffer else None
        self._tokens = c_parser._TokenStream(lambda: None)
        self._tokens._buffer = [*buffer, None]
        self._typedef_checked_token = None
        declarations: list[Any] = []
        while self._peek() is not None:
            declarations.extend(self._parse_external_declaration())
        return Syntax(declarations, self._found)

    def parse_within(self, tokens: Sequence[PPToken], file: str) -> Syntax:
        """The same; nesting that is too deep becomes an error where it is met."""
        try:
            return self.parse_tokens(tokens, file)
        except RecursionError:
            at = self._last
            where = Position(at.filename, at.lineno, at.column) if at else Position(file, 1, 1)
        self.sink.error(
            where,
            "this is nested too deeply to be compiled",
            "split the expression, or put the inner statements into a function",
        )
        raise BuildStop

    # --- tokens -----------------------------------------------------------------------------

    def _prepare(self, tokens: Sequence[PPToken]) -> list[Any]:
        out: list[Any] = []
        index, depth = 0, 0
        after = self._attributes_after
        while index < len(tokens):
            token = tokens[index]
            index += 1
            kind, text = token.kind, token.text
            if kind == "id":
                name = _KEYWORDS.get(text)
                if name is None:
                    out.append(Token("ID", text, token.line, token.column, token.file))
                    continue
                if name == "SKIP":
                    continue
                if name == "GNU":
                    group, index = self._attribute_group(tokens, index)
                    key = len(out) - 1
                    after[key] = after.get(key, ()) + group
                    continue
                if name == "ASM":
                    index = self._assembly(tokens, index, token)
                    continue
                value = text if text == "__auto_type" else _SPELLING.get(name, text)
                out.append(Token(name, value, token.line, token.column, token.file))
            elif kind == "op":
                if text in "([{":
                    depth += 1
                    if depth > NESTING:
                        self._stop(
                            token, f"brackets nested deeper than {NESTING} levels",
                            "split the expression or the function",
                        )  # fmt: skip
                elif text in ")]}":
                    depth -= 1
                name = _OPERATORS.get(text)
                if name is None:
                    self._stop(token, f"stray ‘{text}’ in program", "remove it")
                out.append(Token(name, text, token.line, token.column, token.file))
            else:
                out.append(Token(self._literal(token), text, token.line, token.column, token.file))
        return out

    def _literal(self, token: PPToken) -> str:
        if token.kind == "number":
            if integer_literal(token.text) is not None:
                return "INT_CONST_DEC"
            if token.text[:2] not in ("0x", "0X") and (
                "." in token.text or "e" in token.text.lower()
            ):
                return "FLOAT_CONST"
            self._stop(token, f"invalid integer constant ‘{token.text}’", "mend the number")
        if token.kind == "string":
            return "STRING_LITERAL"
        if token.kind == "char":
            return "CHAR_CONST"
        return self._stray(token)

    def _stray(self, token: PPToken) -> NoReturn:
        self._stop(token, *explain_stray(token.text))

    def _attribute_group(
        self, tokens: Sequence[PPToken], index: int
    ) -> tuple[tuple[Attribute, ...], int]:
        start, end = index, _matching(tokens, index)
        if end < start + 4 or [t.text for t in tokens[end - 2 : end]] != [")", ")"]:
            last = tokens[min(end, len(tokens)) - 1]
            self._stop(
                last, "expected ‘)’ at the end of __attribute__((…))", "close both parentheses"
            )
        inner = tokens[start + 2 : end - 2]
        found, position = [], 0
        while position < len(inner):
            token = inner[position]
            position += 1
            if token.kind != "id":
                continue
            arguments: tuple[str, ...] = ()
            if position < len(inner) and inner[position].text == "(":
                close = _matching(inner, position)
                arguments = tuple(t.text for t in inner[position + 1 : close - 1] if t.text != ",")
                position = close
            found.append(Attribute(token.text.strip("_"), arguments))
        return tuple(found), end

    def _assembly(self, tokens: Sequence[PPToken], index: int, word: PPToken) -> int:
        while index < len(tokens) and tokens[index].kind == "id":
            index += 1
        end = _matching(tokens, index)
        template = tokens[index + 1].text if index + 1 < len(tokens) else ""
        if template.strip('" \t') not in ("", "\\n"):
            self._stop(
                word, "inline assembly is not simulated", "use a kernel function instead of asm()"
            )
        return end

    # --- attributes back to declarations ----------------------------------------------------

    def _gather(self, start: int, end: int) -> tuple[Attribute, ...]:
        return tuple(attribute for _, attribute in self._gather_by_declarator(start, end))

    def _gather_by_declarator(self, start: int, end: int) -> list[tuple[int, Attribute]]:
        """Take the attributes between two tokens, each with the number of its declarator."""
        if not self._attributes_after:
            return []
        found: list[tuple[int, Attribute]] = []
        depth = declarator = 0
        buffer = self._tokens._buffer
        for position in range(start - 1, end):
            if position >= start:
                kind = buffer[position].type
                if kind in ("LBRACE", "LPAREN"):
                    depth += 1
                elif kind in ("RBRACE", "RPAREN"):
                    depth -= 1
                elif kind == "COMMA" and depth == 0:
                    declarator += 1
            if depth == 0 and position in self._attributes_after:
                found.extend((declarator, a) for a in self._attributes_after.pop(position))
        return found

    def _with_attributes(self, start: int, nodes: Any) -> Any:
        gathered = self._gather_by_declarator(start, self._mark())
        for number, node in enumerate(nodes if isinstance(nodes, list) else [nodes]):
            target = node.decl if isinstance(node, c_ast.FuncDef) else node
            # An attribute before the first comma may stand among the specifiers, which all share;
            # a cleanup never does.
            own = tuple(
                a for at, a in gathered if at == number or (at == 0 and a.name != "cleanup")
            )
            if own:
                self._found[id(target)] = own
        return nodes

    def _parse_external_declaration(self) -> Any:
        start = self._mark()
        return self._with_attributes(start, super()._parse_external_declaration())

    def _parse_function_definition(self, spec: Any, decl: Any) -> Any:
        # Attributes of the head are before the body; gather them before statements do.
        start = end = self._mark()
        buffer = self._tokens._buffer
        while start > 0 and buffer[start - 1].type not in ("SEMI", "RBRACE"):
            start -= 1
        while buffer[end] is not None and buffer[end].type != "LBRACE":
            end += 1
        gathered = self._gather(start, end)
        node = super()._parse_function_definition(spec, decl)
        if gathered:
            self._found[id(node.decl)] = gathered
        return node

    def _parse_declaration(self) -> Any:
        start = self._mark()
        return self._with_attributes(start, super()._parse_declaration())

    def _parse_struct_declaration(self) -> Any:
        start = self._mark()
        nodes = super()._parse_struct_declaration()
        return self._with_attributes(start, nodes) if nodes else nodes

    def _parse_struct_or_union_specifier(self) -> Any:
        start = self._mark()
        node = super()._parse_struct_or_union_specifier()
        if node.decls is not None and self._attributes_after:
            found: tuple[Attribute, ...] = ()
            spots = (start, start + 1, self._mark() - 1)
            for position in dict.fromkeys(spots):
                found += self._attributes_after.pop(position, ())
            if found:
                self._found[id(node)] = found
        return node

    # --- mistakes with a better explanation than "syntax error" -----------------------------

    def _parse_block_item(self) -> Any:
        token, after, name = self._peek(), self._peek(2), self._peek(3)
        if token is not None and token.type == "ELSE":
            self._stop_at(
                token, "‘else’ without a previous ‘if’",
                "remove it, or check the braces and semicolons of the if before",
            )  # fmt: skip
        unknown = token is not None and token.type == "ID" and not self._declared(token.value)
        if unknown and after is not None and name is not None:
            pointer = after.type == "TIMES" and name.type == "ID"
            behind = self._peek_type(4) in ("EQUALS", "SEMI", "COMMA", "LBRACKET")
            if (after.type == "ID" and after.lineno == token.lineno) or (pointer and behind):
                self._stop_at(
                    token, f"unknown type name ‘{token.value}’",
                    unknown_type_hint(token.value),
                )  # fmt: skip
        return super()._parse_block_item()

    def _declared(self, name: str) -> bool:
        return any(name in scope for scope in self._scope_stack)

    def _parse_specifiers(self, *, allow_storage_and_function: bool) -> Any:
        found = super()._parse_specifiers(allow_storage_and_function=allow_storage_and_function)
        types = found[0]["type"] if found[0] is not None else []
        if len(types) > 1 and isinstance(types[0], c_ast.Struct | c_ast.Union | c_ast.Enum):
            self._missing_after_struct()
        words = [n for t in types for n in getattr(t, "names", None) or ()]
        token = self._peek() or self._last
        if len([w for w in words if w in _BASE_TYPES]) > 1:
            self._stop_at(
                token, "two or more data types in declaration specifiers",
                "keep one type: is a comma, a semicolon or a name missing?",
            )  # fmt: skip
        if words and token.type in _STATEMENT_WORDS:
            self._stop_at(
                token, f"expected identifier or ‘(’ before ‘{token.value}’",
                f"‘{token.value}’ is a word of the C language: choose another name",
            )  # fmt: skip
        return found

    def _parse_statement(self) -> Any:
        expression = self._peek_type() == "LPAREN" and self._peek_type(2) == "LBRACE"
        node = super()._parse_statement()
        if expression and isinstance(node, c_ast.Compound):
            # Tell ({ … }); from a block: its value may go unused.
            return c_ast.ExprList([node], node.coord)
        return node

    def _missing_after_struct(self) -> NoReturn:
        buffer, index = self._tokens._buffer, self._tokens._index - 1
        while index > 0 and buffer[index].type != "RBRACE":
            index -= 1
        brace, following = buffer[index], buffer[index + 1]
        where = Position(brace.filename, brace.lineno, brace.column + 1)
        self.sink.error(
            where, f"expected ‘;’, identifier or ‘(’ before ‘{following.value}’",
            f"a struct, union or enum ends with a semicolon: put it after the }} on line "
            f"{brace.lineno}",
        )  # fmt: skip
        raise BuildStop

    # --- GNU C ------------------------------------------------------------------------------

    def _parse_conditional_expression(self) -> Any:
        expression = self._parse_binary_expression()
        if self._accept("CONDOP"):
            middle = None
            if self._accept("COLON") is None:
                middle = self._parse_expression()
                self._expect("COLON")
            last = self._parse_conditional_expression()
            return c_ast.TernaryOp(expression, middle, last, expression.coord)
        return expression

    def _parse_labeled_statement(self) -> Any:
        if self._peek_type() != "CASE":
            return super()._parse_labeled_statement()
        word = self._advance()
        coord = _coordinate(word)
        value = self._parse_constant_expression()
        if self._accept("ELLIPSIS"):
            value = CaseRange(value, self._parse_constant_expression(), coord)
        self._expect("COLON")
        if self._starts_statement():
            statement = self._parse_pragmacomp_or_statement()
        else:
            statement = c_ast.EmptyStatement(coord)
        return c_ast.Case(value, [statement], coord)

    def _parse_designator(self) -> Any:
        if bracket := self._accept("LBRACKET"):
            value = self._parse_constant_expression()
            if self._accept("ELLIPSIS"):
                value = CaseRange(value, self._parse_constant_expression(), _coordinate(bracket))
            self._expect("RBRACKET")
            return c_ast.ArrayDesignator(value, _coordinate(bracket))
        self._expect("PERIOD")
        return self._parse_identifier_or_typeid()

    def _parse_initializer(self) -> Any:
        # The position of a braced list is its brace, also when its first item is designated.
        brace = self._peek()
        node = super()._parse_initializer()
        if isinstance(node, c_ast.InitList) and brace is not None:
            node.coord = _coordinate(brace)
        return node

    def _parse_unary_expression(self) -> Any:
        kind = self._peek_type()
        if kind == "_ALIGNOF":
            word = self._advance()
            result = self._try_parse_paren_type_name()
            operand = result[0] if result is not None else self._parse_unary_expression()
            return c_ast.UnaryOp("_Alignof", operand, _coordinate(word))
        if kind == "LAND":
            token = self._advance()
            self._stop_at(
                token, "taking the address of a label is not simulated", "use switch or goto label"
            )
        return super()._parse_unary_expression()

    def _parse_primary_expression(self) -> Any:
        token = self._peek()
        if token is not None and token.type == "ID" and token.value in _TYPE_BUILTINS:
            self._advance()
            self._expect("LPAREN")
            arguments = []
            while True:
                if self._starts_declaration():
                    arguments.append(self._parse_type_name())
                else:
                    arguments.append(self._parse_assignment_expression())
                if not self._accept("COMMA"):
                    break
            self._expect("RPAREN")
            coord = _coordinate(token)
            return c_ast.FuncCall(
                c_ast.ID(token.value, coord), c_ast.ExprList(arguments, coord), coord
            )
        return super()._parse_primary_expression()

    # --- errors -----------------------------------------------------------------------------

    def _advance(self) -> Any:
        token = super()._advance()
        self._last = token
        return token

    def _expect(self, token_type: str) -> Any:
        token = self._peek()
        if token is None or token.type != token_type:
            previous = (
                self._tokens._buffer[self._tokens._index - 1] if self._tokens._index else None
            )
            self._explain(token, previous, token_type)
        return self._advance()

    def _parse_error(self, msg: str, coord: Any) -> NoReturn:
        del coord
        index = self._tokens._index
        buffer = self._tokens._buffer
        token = buffer[index] if index < len(buffer) else None
        self._explain(token, buffer[index - 1] if index else None, "", msg)

    def _explain(self, token: Any, previous: Any, wanted: str, words: str = "") -> NoReturn:
        where, message, hint = explain(token, previous, wanted, words, self._is_type_in_scope)
        self.sink.error(where, message, hint)
        raise BuildStop

    def _stop(self, token: PPToken, message: str, hint: str) -> NoReturn:
        self.sink.error(Position(token.file, token.line, token.column), message, hint)
        raise BuildStop

    def _stop_at(self, token: Any, message: str, hint: str) -> NoReturn:
        self.sink.error(Position(token.filename, token.lineno, token.column), message, hint)
        raise BuildStop


def _matching(tokens: Sequence[PPToken], index: int) -> int:
    """Return the index after the bracket that closes the one at `index`."""
    depth = 0
    for position in range(index, len(tokens)):
        text = tokens[position].text
        if text == "(":
            depth += 1
        elif text == ")":
            depth -= 1
            if depth <= 0:
                return position + 1
    return len(tokens)
