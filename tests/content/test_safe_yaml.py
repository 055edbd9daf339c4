"""YAML 1.2 core schema, places, limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from kmemquest.content.problem import ProblemsFound
from kmemquest.content.safe_yaml import (
    MAX_ALIASES,
    MAX_BYTES,
    MAX_DEPTH,
    Mark,
    parse_yaml,
    read_yaml,
)


def problems_of(text: str) -> list[str]:
    with pytest.raises(ProblemsFound) as caught:
        parse_yaml(text, "level.yaml")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("-7", -7),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1:30", "1:30"),
        ("12:30:45", "12:30:45"),
        ("no", "no"),
        ("on", "on"),
        ("True", True),
        ("false", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("4K", "4K"),
        ("2024-01-02", "2024-01-02"),
        ("GFP_KERNEL", "GFP_KERNEL"),
        ("'12'", "12"),
        ("1_000", "1_000"),
        (".inf", float("inf")),
        ("=", "="),
        ("9" * 50, "9" * 50),
    ],
)
def test_scalars_have_their_yaml_1_2_type(text: str, value: object) -> None:
    found = parse_yaml(f"key: {text}").data["key"]
    assert found == value
    assert type(found) is type(value)


def test_every_value_knows_its_line_and_column() -> None:
    document = parse_yaml("a: 1\nb:\n  - x\n  - {deep: yes}\n")
    assert document.mark(("a",)) == Mark(1, 4)
    assert document.mark(("b", 0)) == Mark(3, 5)
    assert document.mark(("b", 1, "deep")) == Mark(4, 12)
    assert document.mark(("b", 1, "deep"), key=True) == Mark(4, 6)
    assert document.mark(("b", 1, "nothing", "here")) == Mark(4, 5), "the nearest thing around"


def test_a_block_scalar_tells_where_its_text_begins() -> None:
    document = parse_yaml("id: x\ndriver: |\n  first\n  second\n")
    assert document.block_lines[("driver",)] == 3


def test_all_duplicate_keys_are_told_with_both_places() -> None:
    found = problems_of("a: 1\nb: 2\na: 3\nb: 4\n")
    assert len(found) == 2
    assert found[0].startswith("level.yaml:3:1: the key 'a' is here for a second time")
    assert "the first is in line 1" in found[0]


def test_a_syntax_error_has_its_place() -> None:
    (found,) = problems_of("a: 1\nb: [1, 2\nc: 3\n")
    assert found.startswith("level.yaml:2:4:")


def test_tags_and_objects_are_refused() -> None:
    (found,) = problems_of("a: !!python/object/apply:os.system [ls]\n")
    assert "are not allowed here" in found


def test_nested_aliases_cannot_multiply() -> None:
    bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 9):
        row = ", ".join([f"*a{level - 1}"] * 10)
        bomb.append(f"a{level}: &a{level} [{row}]")
    (found,) = problems_of("\n".join(bomb))
    assert "more than" in found


def test_a_few_aliases_are_fine() -> None:
    assert parse_yaml("a: &x {k: 1}\nb: *x\n").data == {"a": {"k": 1}, "b": {"k": 1}}
    many = "a: &x 1\nb: [" + ", ".join(["*x"] * (MAX_ALIASES + 1)) + "]\n"
    assert f"more than {MAX_ALIASES} aliases" in problems_of(many)[0]


def test_an_anchor_within_itself_is_refused() -> None:
    assert "no finished anchor" in problems_of("a: &x [1, *x]\n")[0]


@pytest.mark.parametrize("text", ["[" * 200, "- " * 200 + "x", "{a: " * 200])
def test_depth_is_limited(text: str) -> None:
    assert f"nested deeper than {MAX_DEPTH} levels" in problems_of(text)[0]


def test_size_is_limited(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_text("a: " + "x" * MAX_BYTES)
    with pytest.raises(ProblemsFound, match="larger than 256 KiB"):
        read_yaml(path)


def test_unreadable_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(ProblemsFound, match="cannot read"):
        read_yaml(tmp_path / "absent.yaml")
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: \xe9\n")
    with pytest.raises(ProblemsFound, match="not UTF-8"):
        read_yaml(path)


def test_a_second_document_is_refused() -> None:
    assert "a second document" in problems_of("a: 1\n---\nb: 2\n")[0]


@pytest.mark.parametrize(
    "text", ["\x00", "a: \x07", "? [1, 2]\n: x", "a: *nowhere", "\t- x", "%TAG"]
)
def test_hostile_text_gives_problems_and_no_traceback(text: str) -> None:
    assert problems_of(text)
