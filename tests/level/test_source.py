"""Markers, substitution, and where the slots are afterwards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmemquest.level.source import fragments, slots_in, substitute, with_constant

DRIVER = "int f(void)\n{\n\tp = /*@slot alloc*/;\n\t/*@slot a*/ /*@slot b*/\n}\n"


def test_one_line_answers_keep_every_line_number() -> None:
    source = substitute(DRIVER, {"alloc": "kmalloc(8, GFP_KERNEL)", "a": "x();", "b": "y();"})
    assert source.text.split("\n")[2] == "\tp = kmalloc(8, GFP_KERNEL);"
    assert [(p.slot, p.first, p.last, p.column) for p in source.places] == [
        ("alloc", 3, 3, 6),
        ("a", 4, 4, 2),
        ("b", 4, 4, 7),
    ]


def test_long_answers_move_the_slots_behind_them() -> None:
    source = substitute(DRIVER, {"alloc": "g(1,\n 2)", "a": "x();", "b": "y();"})
    assert source.lines_of("alloc") == range(3, 5)
    assert source.lines_of("b") == range(5, 6)
    assert source.lines_of("nothing") == range(0)


def test_an_open_slot_keeps_its_marker() -> None:
    assert substitute(DRIVER, {}).text == DRIVER
    assert slots_in(DRIVER) == ["alloc", "a", "b"]


def test_fragments_put_together_are_the_driver() -> None:
    lines = fragments(DRIVER)
    assert "\n".join("".join(f.text for f in line) for line in lines) + "\n" == DRIVER
    assert [f.slot for f in lines[3]] == ["", "a", "", "b"]


@given(st.text(alphabet="ab \n\t;", max_size=20), st.text(alphabet="xy\n(", max_size=12))
def test_places_always_point_at_their_text(before: str, answer: str) -> None:
    source = substitute(f"{before}/*@slot s*/ tail", {"s": answer})
    (place,) = source.places
    lines = source.text.split("\n")
    offset = sum(len(line) + 1 for line in lines[: place.first - 1]) + place.column - 1
    assert source.text[offset : offset + len(answer)] == answer
    assert place.last - place.first == answer.count("\n")


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("#define SIZE 64", "#define SIZE 128"),
        ("#define SIZE 64\t/* bytes */", "#define SIZE 128\t/* bytes */"),
        ("#define SIZE (2592 * 1944)", "#define SIZE 128"),
        ("#define SIZE (6 * SZ_1M / 2)  // half", "#define SIZE 128  // half"),
        ("# define\tSIZE  4096", "# define\tSIZE  128"),
    ],
)
def test_a_constant_gets_another_value_and_keeps_its_comment(line: str, becomes: str) -> None:
    driver = f"#define SIZES 9\n{line}\nint other = SIZE;\n"
    assert with_constant(driver, "SIZE", "128") == driver.replace(line, becomes)
