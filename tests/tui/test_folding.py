"""Long lines go on in the next row; nothing of a driver or a log is out of sight."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from kmemquest.tui.widgets.folding import FoldedRows, fold


def _parts(text: str, first: int, rest: int) -> list[str]:
    starts = fold(text, first, rest)
    return [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


@pytest.mark.parametrize(
    ("text", "first", "rest", "parts"),
    [
        ("short", 10, 6, ["short"]),
        ("", 10, 6, [""]),
        ("exactly_10", 10, 6, ["exactly_10"]),
        ("call(first, second);", 12, 10, ["call(first, ", "second);"]),
        ("no_blank_at_all_here", 8, 6, ["no_blank", "_at_al", "l_here"]),
        ("内存内存内存", 5, 4, ["内存", "内存", "内存"]),
        ("a b", 1, 1, ["a", " ", "b"]),
    ],
)
def test_a_line_is_folded(text: str, first: int, rest: int, parts: list[str]) -> None:
    assert _parts(text, first, rest) == parts


def test_every_cell_is_shown_once_whatever_the_width() -> None:
    text = "\tif (unlikely(!kmem_cache_alloc(内存, GFP_KERNEL | __GFP_ZERO)))"
    for width in range(2, 70):
        parts = _parts(text, width, max(2, width - 3))
        assert "".join(parts) == text
        assert all(cell_len(part) <= width for part in parts)


def test_rows_and_lines_find_each_other() -> None:
    rows = FoldedRows([[0], [0, 4, 9], [0]])
    assert rows.count == 5
    assert [rows.part(row) for row in range(5)] == [
        (0, 0, None),
        (1, 0, 4),
        (1, 4, 9),
        (1, 9, None),
        (2, 0, None),
    ]
    assert list(rows.rows(1)) == [1, 2, 3]
    assert rows.first(3) == 5
