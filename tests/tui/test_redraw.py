"""Only cells that differ are written again."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip

from kmemquest.tui.widgets.line_view import _difference


def _strip(*texts: str) -> Strip:
    return Strip([Segment(text) for text in texts])


def test_equal_rows_cost_nothing() -> None:
    assert _difference(_strip("ab", "cd"), _strip("ab", "cd")) == (0, 0)


def test_a_change_in_the_middle_leaves_both_ends() -> None:
    assert _difference(_strip("abcd", "ef", "gh"), _strip("abcd", "XY", "gh")) == (4, 6)


def test_more_pieces_than_before() -> None:
    assert _difference(_strip("aaaa"), _strip("aa", "b", "a")) == (0, 4)


def test_wide_characters_are_counted_in_cells() -> None:
    assert _difference(_strip("内存", "1", "zz"), _strip("内存", "2", "zz")) == (4, 5)


def test_no_wide_character_is_cut_in_two() -> None:
    """The region is what is written; half a character would become a blank."""
    before, after = _strip("xx", " " * 10, "答对"), _strip("xxxx", " " * 8, "答对")
    start, end = _difference(before, after)
    assert (start, end) == (0, 12)
    assert after.crop(start, end).text == "xxxx" + " " * 8
