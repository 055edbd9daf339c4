"""Macros: definitions, argument collection, `#`, `##`, variadic arguments, expansion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kmemquest.driver.diagnostics import BuildStop, DiagnosticSink, Position
from kmemquest.driver.limits import EXPANDED_TOKENS, LITERAL_CHARACTERS, MACRO_NESTING
from kmemquest.driver.tokens import PPToken, cut


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro; `parameters` is None for an object-like one."""

    name: str
    body: tuple[PPToken, ...]
    parameters: tuple[str, ...] | None
    variadic: str
    """The name of the variadic parameter, empty when there is none."""
    where: Position

    def same_as(self, other: Macro) -> bool:
        """Whether a second definition is a benign repetition (C11 6.10.3p2)."""
        return (
            self.parameters == other.parameters
            and self.variadic == other.variadic
            and [(t.text, t.space) for t in self.body[1:]]
            == [(t.text, t.space) for t in other.body[1:]]
            and [t.text for t in self.body[:1]] == [t.text for t in other.body[:1]]
        )


class TooMuch(Exception):
    """Expansion passed its limit; `place` is the use of the macro where it did."""

    def __init__(self, place: PPToken) -> None:
        super().__init__()
        self.place = place


class MacroExpander:
    """Expands token sequences by the algorithm of hide sets (Prosser)."""

    def __init__(self, sink: DiagnosticSink) -> None:
        self.macros: dict[str, Macro] = {}
        self.counter = 0
        self.budget = EXPANDED_TOKENS
        self._sink = sink

    def expand(self, tokens: Sequence[PPToken]) -> list[PPToken]:
        """Return the tokens fully expanded."""
        macros = self.macros
        out: list[PPToken] = []
        stack = list(reversed(tokens))
        while stack:
            token = stack.pop()
            if token.kind != "id":
                out.append(token)
                continue
            name = token.text
            macro = macros.get(name)
            if macro is None:
                if name[:2] == "__" and name in _DYNAMIC:
                    out.append(self._dynamic(token))
                else:
                    out.append(token)
                continue
            if name in token.hide:
                out.append(token)
                continue
            if macro.parameters is None:
                hide = token.hide | {name}
                replaced = self._paste(macro.body, {}, {}, token, hide, macro)
            else:
                if not stack or stack[-1].text != "(" or stack[-1].kind != "op":
                    out.append(token)
                    continue
                raw, end_hide = self._arguments(macro, token, stack)
                hide = (token.hide & end_hide) | {name}
                replaced = self._paste(macro.body, raw, {}, token, hide, macro)
            self.budget -= len(replaced) + 1
            if self.budget < 0 or len(hide) > MACRO_NESTING:
                raise TooMuch(token)
            if replaced:
                first = replaced[0]
                if first.space != token.space:
                    replaced[0] = PPToken(
                        first.kind,
                        first.text,
                        first.file,
                        first.line,
                        first.column,
                        token.space,
                        first.hide,
                    )
            replaced.reverse()
            stack.extend(replaced)
        return out

    def _dynamic(self, token: PPToken) -> PPToken:
        if token.text == "__LINE__":
            kind, text = "number", str(token.line)
        elif token.text == "__COUNTER__":
            kind, text = "number", str(self.counter)
            self.counter += 1
        elif token.text == "__INCLUDE_LEVEL__":
            kind, text = "number", "0"
        else:
            kind, text = "string", '"' + token.file.replace("\\", "/").replace('"', "'") + '"'
        return PPToken(kind, text, token.file, token.line, token.column, token.space)

    def _arguments(
        self, macro: Macro, name: PPToken, stack: list[PPToken]
    ) -> tuple[dict[str, list[PPToken]], frozenset[str]]:
        position = len(stack) - 2
        depth = 1
        groups: list[list[PPToken]] = [[]]
        assert macro.parameters is not None
        fixed = len(macro.parameters)
        while position >= 0:
            token = stack[position]
            text = token.text
            if token.kind == "op":
                if text == "(":
                    depth += 1
                    if depth > MACRO_NESTING:
                        raise TooMuch(name)
                elif text == ")":
                    depth -= 1
                    if depth == 0:
                        break
                elif text == "," and depth == 1 and not (macro.variadic and len(groups) > fixed):
                    groups.append([])
                    position -= 1
                    continue
            groups[-1].append(token)
            position -= 1
        where = Position(name.file, name.line, name.column)
        if position < 0:
            self._sink.error(
                where,
                f'unterminated argument list invoking macro "{macro.name}"',
                "add the missing )",
            )
            raise BuildStop
        end = stack[position]
        del stack[position:]
        if fixed == 0 and not macro.variadic and groups == [[]]:
            groups = []
        if len(groups) < fixed:
            if len(groups) == fixed - 1 and fixed == 1:
                groups.append([])
            else:
                self._sink.error(
                    where,
                    f'macro "{macro.name}" requires {fixed} arguments, but only '
                    f"{len(groups)} given",
                    f"pass {fixed} arguments separated by commas",
                )
                raise BuildStop
        if len(groups) > fixed + bool(macro.variadic):
            self._sink.error(
                where,
                f'macro "{macro.name}" passed {len(groups)} arguments, but takes just {fixed}',
                f"pass {fixed} arguments; a comma inside an argument needs parentheses",
            )
            raise BuildStop
        raw = dict(zip(macro.parameters, groups, strict=False))
        if macro.variadic:
            raw[macro.variadic] = groups[fixed] if len(groups) > fixed else []
            raw["#absent"] = [] if len(groups) > fixed else [end]
        return raw, end.hide

    def _paste(
        self,
        body: tuple[PPToken, ...],
        raw: dict[str, list[PPToken]],
        expanded: dict[str, list[PPToken]],
        place: PPToken,
        hide: frozenset[str],
        macro: Macro,
    ) -> list[PPToken]:
        out: list[PPToken] = []
        index, count = 0, len(body)
        function_like = macro.parameters is not None
        while index < count:
            token = body[index]
            text = token.text
            following = body[index + 1] if index + 1 < count else None
            if function_like and text == "#" and following is not None and following.text in raw:
                literal = stringify(raw[following.text])
                if len(literal) > LITERAL_CHARACTERS:
                    raise TooMuch(place)
                out.append(
                    PPToken(
                        "string", literal, place.file, place.line, place.column, token.space, hide
                    )
                )
                index += 2
                continue
            if text == "##" and token.kind == "op" and out and following is not None:
                right = raw.get(following.text) if following.kind == "id" else None
                if right is None:
                    self._join(out, [following.at(place, hide)])
                elif out[-1].text == "," and following.text == macro.variadic:
                    if not right:
                        out.pop()
                    else:
                        out.extend(t for t in self._expanded(following.text, raw, expanded))
                else:
                    self._join(out, list(right))
                index += 2
                continue
            if text == "__VA_OPT__" and macro.variadic and following is not None:
                inner, index = _balanced(body, index + 1)
                if raw.get(macro.variadic):
                    out.extend(self._paste(inner, raw, expanded, place, hide, macro))
                continue
            if token.kind == "id" and text in raw:
                if following is not None and following.text == "##":
                    argument = raw[text]
                    if not argument:
                        # A placemarker: the paste that follows takes its right side alone.
                        after = body[index + 2] if index + 2 < count else None
                        if after is not None and after.kind == "id" and after.text in raw:
                            out.extend(raw[after.text])
                        elif after is not None:
                            out.append(after.at(place, hide))
                        index += 3
                        continue
                    out.extend(argument)
                else:
                    pieces = self._expanded(text, raw, expanded)
                    if pieces:
                        head = pieces[0]
                        out.append(
                            PPToken(
                                head.kind,
                                head.text,
                                head.file,
                                head.line,
                                head.column,
                                token.space,
                                head.hide,
                            )
                        )
                        out.extend(pieces[1:])
                index += 1
                continue
            out.append(token.at(place, hide))
            index += 1
        return [
            t
            if t.hide >= hide
            else PPToken(t.kind, t.text, t.file, t.line, t.column, t.space, t.hide | hide)
            for t in out
        ]

    def _expanded(
        self, name: str, raw: dict[str, list[PPToken]], expanded: dict[str, list[PPToken]]
    ) -> list[PPToken]:
        if name not in expanded:
            expanded[name] = self.expand(raw[name])
        return expanded[name]

    def _join(self, out: list[PPToken], right: list[PPToken]) -> None:
        if not right:
            return
        left = out.pop()
        pieces = [t for line in cut(left.text + right[0].text, left.file) for t in line]
        if len(pieces) != 1:
            self._sink.error(
                Position(left.file, left.line, left.column),
                f'pasting "{left.text}" and "{right[0].text}" does not give a valid '
                "preprocessing token",
                "use ## only to build one name or number",
            )
            raise BuildStop
        hide = left.hide & right[0].hide
        for piece in pieces:
            out.append(
                PPToken(piece.kind, piece.text, left.file, left.line, left.column, left.space, hide)
            )
        out.extend(right[1:])


_DYNAMIC = frozenset({"__LINE__", "__FILE__", "__COUNTER__", "__INCLUDE_LEVEL__"})


def stringify(tokens: Sequence[PPToken]) -> str:
    """Return the string literal that `#` makes of an argument."""
    parts = []
    for number, token in enumerate(tokens):
        if number and token.space:
            parts.append(" ")
        text = token.text
        if token.kind in ("string", "char"):
            text = text.replace("\\", "\\\\").replace('"', '\\"')
        parts.append(text)
    return '"' + "".join(parts) + '"'


def _balanced(body: tuple[PPToken, ...], start: int) -> tuple[tuple[PPToken, ...], int]:
    depth = 0
    for index in range(start, len(body)):
        if body[index].text == "(":
            depth += 1
        elif body[index].text == ")":
            depth -= 1
            if depth == 0:
                return body[start + 1 : index], index + 1
    return body[start + 1 :], len(body)
