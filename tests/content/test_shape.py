"""Every mistake of a file at once, each with its place."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import pytest

from kmemquest.content.problem import ProblemsFound, did_you_mean
from kmemquest.content.safe_yaml import parse_yaml
from kmemquest.content.shape import convert


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    order: Annotated[int, msgspec.Meta(ge=0, le=10)]
    kind: Literal["choice", "fill"] = "choice"


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    inner: list[Inner]
    flag: bool = False
    either: str | dict[str, int] | None = None


def problems_of(text: str) -> list[str]:
    with pytest.raises(ProblemsFound) as caught:
        convert(parse_yaml(text, "x.yaml"), Outer)
    return [str(problem) for problem in caught.value.problems]


def test_good_data_is_converted() -> None:
    found = convert(parse_yaml("id: a\ninner: [{order: 3}]\n"), Outer)
    assert found == Outer("a", [Inner(3)])


def test_all_mistakes_are_told_at_once_with_places_and_hints() -> None:
    found = problems_of(
        "idd: a\ninner:\n  - order: many\n  - {order: 11, knid: fill}\n"
        "  - {order: 1, kind: chioce}\n"
        "flag: 1\neither: [1]\n"
    )
    assert found == [
        "x.yaml:1:1: unknown key 'idd' (did you mean 'id'?)",
        "x.yaml:1:1: the key 'id' is missing (add id: text)",
        "x.yaml:3:12: expected a whole number, found 'many'",
        "x.yaml:4:17: unknown key 'knid' (did you mean 'kind'?)",
        "x.yaml:4:13: expected a whole number of at least 0 and of at most 10, found 11",
        "x.yaml:5:22: expected one of choice, fill, found 'chioce' (did you mean 'choice'?)",
        "x.yaml:6:7: expected true or false, found 1",
        "x.yaml:7:9: expected text or a mapping or nothing, found a list",
    ]


def test_the_nearest_branch_of_a_union_is_complained_about() -> None:
    assert problems_of("id: a\ninner: []\neither: {x: many}\n") == [
        "x.yaml:3:13: expected a whole number, found 'many'"
    ]


def test_did_you_mean_lists_few_words_and_keeps_silent_about_many() -> None:
    assert did_you_mean("kmaloc", ["kmalloc", "vmalloc"]) == "did you mean 'kmalloc'?"
    assert did_you_mean("zzz", ["a", "b"]) == "known here: a, b"
    assert did_you_mean("zzz", [str(n) for n in range(99)]) == ""
