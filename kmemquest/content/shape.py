"""Check plain data against msgspec types and report every mistake, each with its place.

msgspec itself stops at the first error and knows no file; authors want the whole list.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect as shapes

from kmemquest.content.problem import Problem, ProblemsFound, did_you_mean
from kmemquest.content.safe_yaml import Document, YamlPath

T = TypeVar("T")


def convert(document: Document, kind: type[T]) -> T:
    """Return the document's data as `kind`; ProblemsFound holds every mistake."""
    problems = mistakes(document, (), document.data, kind)
    if problems:
        raise ProblemsFound(problems)
    return msgspec.convert(document.data, kind)


def mistakes(document: Document, path: YamlPath, value: Any, kind: Any) -> list[Problem]:
    """Return all that is wrong with `value` at `path` as a `kind` (a type or its msgspec info)."""
    info = kind if isinstance(kind, shapes.Type) else shapes.type_info(kind)
    return _Checker(document).check(path, value, info)


class _Checker:
    def __init__(self, document: Document) -> None:
        self._document = document

    def check(self, path: YamlPath, value: Any, info: shapes.Type) -> list[Problem]:
        """Dispatch on the expected type."""
        if isinstance(info, shapes.Metadata):
            return self.check(path, value, info.type)
        if isinstance(info, shapes.StructType):
            return self._struct(path, value, info)
        if isinstance(info, shapes.UnionType):
            return self._union(path, value, info)
        if isinstance(info, shapes.ListType | shapes.VarTupleType):
            return self._list(path, value, info)
        if isinstance(info, shapes.DictType):
            return self._dict(path, value, info)
        if isinstance(info, shapes.LiteralType):
            return self._literal(path, value, info)
        if isinstance(info, shapes.AnyType):
            return []
        return self._scalar(path, value, info)

    def _struct(self, path: YamlPath, value: Any, info: shapes.StructType) -> list[Problem]:
        if not isinstance(value, dict):
            return [self._expected(path, value, "a mapping")]
        problems = []
        fields = {field.encode_name: field for field in info.fields}
        for key in value:
            if key not in fields:
                problems.append(
                    self._document.problem(
                        (*path, key),
                        f"unknown key {key!r}",
                        did_you_mean(str(key), fields),
                        key=True,
                    )
                )
        for name, field in fields.items():
            if name in value:
                problems += self.check((*path, name), value[name], field.type)
            elif field.required:
                problems.append(
                    self._document.problem(
                        path, f"the key {name!r} is missing", f"add {name}: {describe(field.type)}"
                    )
                )
        return problems

    def _union(self, path: YamlPath, value: Any, info: shapes.UnionType) -> list[Problem]:
        best: list[Problem] | None = None
        for option in info.types:
            found = self.check(path, value, option)
            if not found:
                return []
            if _same_family(value, option) and (best is None or len(found) < len(best)):
                best = found
        return best if best is not None else [self._expected(path, value, describe(info))]

    def _list(
        self, path: YamlPath, value: Any, info: shapes.ListType | shapes.VarTupleType
    ) -> list[Problem]:
        if not isinstance(value, list):
            return [self._expected(path, value, "a list")]
        problems = []
        if info.min_length is not None and len(value) < info.min_length:
            problems.append(
                self._document.problem(
                    path, f"expected at least {info.min_length} entries, found {len(value)}"
                )
            )
        if info.max_length is not None and len(value) > info.max_length:
            problems.append(
                self._document.problem(
                    path, f"expected at most {info.max_length} entries, found {len(value)}"
                )
            )
        for index, item in enumerate(value):
            problems += self.check((*path, index), item, info.item_type)
        return problems

    def _dict(self, path: YamlPath, value: Any, info: shapes.DictType) -> list[Problem]:
        if not isinstance(value, dict):
            return [self._expected(path, value, "a mapping")]
        problems = []
        if info.min_length is not None and len(value) < info.min_length:
            problems.append(
                self._document.problem(path, f"expected at least {info.min_length} entries")
            )
        for key, item in value.items():
            problems += self.check((*path, key), key, info.key_type)
            problems += self.check((*path, key), item, info.value_type)
        return problems

    def _literal(self, path: YamlPath, value: Any, info: shapes.LiteralType) -> list[Problem]:
        if value in info.values and not isinstance(value, bool):
            return []
        words = [str(word) for word in info.values]
        hint = did_you_mean(value, words) if isinstance(value, str) else ""
        return [self._expected(path, value, "one of " + ", ".join(words), hint)]

    def _scalar(self, path: YamlPath, value: Any, info: shapes.Type) -> list[Problem]:
        if not _same_family(value, info):
            return [self._expected(path, value, describe(info), _hint_of_text(value, info))]
        try:
            msgspec.convert(value, _bounded(info))
        except msgspec.ValidationError:
            hint = "write it" if value == "" else ""
            return [self._expected(path, value, describe(info) + _bounds(info), hint)]
        return []

    def _expected(self, path: YamlPath, value: Any, what: str, hint: str = "") -> Problem:
        return self._document.problem(path, f"expected {what}, found {_found(value)}", hint)


def describe(info: shapes.Type) -> str:
    """Name an expected type in an author's words."""
    if isinstance(info, shapes.Metadata):
        return describe(info.type)
    if isinstance(info, shapes.UnionType):
        return " or ".join(describe(option) for option in info.types)
    if isinstance(info, shapes.LiteralType):
        return "one of " + ", ".join(str(word) for word in info.values)
    if isinstance(info, shapes.StructType | shapes.DictType):
        return "a mapping"
    if isinstance(info, shapes.ListType | shapes.VarTupleType):
        return "a list"
    words = {
        shapes.IntType: "a whole number",
        shapes.FloatType: "a number",
        shapes.StrType: "text",
        shapes.BoolType: "true or false",
        shapes.NoneType: "nothing",
    }
    return words.get(type(info), "a value")


def _hint_of_text(value: Any, info: shapes.Type) -> str:
    """Say how to make a value text, if text is expected."""
    if not isinstance(info, shapes.StrType):
        return ""
    if value is None:
        return "write it"
    if isinstance(value, dict):
        return "put text that holds ': ' in quotes"
    return "quote it to make it text"


def _same_family(value: Any, info: shapes.Type) -> bool:
    if isinstance(info, shapes.Metadata):
        return _same_family(value, info.type)
    if isinstance(info, shapes.BoolType):
        return isinstance(value, bool)
    if isinstance(info, shapes.IntType):
        return isinstance(value, int) and not isinstance(value, bool)
    if isinstance(info, shapes.FloatType):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(info, shapes.StrType):
        return isinstance(value, str)
    if isinstance(info, shapes.LiteralType):
        return isinstance(value, str)
    if isinstance(info, shapes.NoneType):
        return value is None
    if isinstance(info, shapes.StructType | shapes.DictType):
        return isinstance(value, dict)
    if isinstance(info, shapes.ListType | shapes.VarTupleType):
        return isinstance(value, list)
    return True


def _bounded(info: shapes.Type) -> Any:
    """Rebuild a scalar type with its bounds, for msgspec to check."""
    kinds = {shapes.IntType: int, shapes.FloatType: float, shapes.StrType: str}
    base = kinds.get(type(info))
    if base is None:
        return Any
    names = ("gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length")
    bounds = {name: getattr(info, name, None) for name in names}
    from typing import Annotated

    meta = msgspec.Meta(**{k: cast(Any, v) for k, v in bounds.items() if v is not None})
    return Annotated[base, meta]


def _bounds(info: shapes.Type) -> str:
    """Tell the bounds of a scalar in an author's words."""
    words = {
        "ge": "of at least {}",
        "gt": "above {}",
        "le": "of at most {}",
        "lt": "below {}",
        "multiple_of": "in multiples of {}",
        "min_length": "of at least {} characters",
        "max_length": "of at most {} characters",
        "pattern": "of the form {}",
    }
    told = [
        text.format(getattr(info, name))
        for name, text in words.items()
        if getattr(info, name, None) is not None
    ]
    return " " + " and ".join(told) if told else ""


def _found(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "…"
