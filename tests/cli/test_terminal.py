"""Lines at a terminal: edited while they are typed, wrapped when they are printed."""

import io
import os
import pty
import sys
import time
from collections.abc import Iterator

import pytest

from kmemquest.cli.terminal import print_prose, read_line, wrapped

OPTION = "  b) the second of the two words stands on a row of its own"


def cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


WORDS = "word and another word " * 9
WIDE = "把水位线减半；GFP_ATOMIC 能用到。" * 7


@pytest.mark.parametrize("width", [30, 41, 80])
@pytest.mark.parametrize("text", [WORDS, WIDE])
def test_rows_fit_and_nothing_is_lost(text: str, width: int) -> None:
    rows = list(wrapped(text, width))
    assert len(rows) > 1
    assert all(cells(row) <= width for row in rows)
    assert "".join(rows).replace(" ", "") == text.replace(" ", "")
    assert not any(row.startswith(("；", "。")) for row in rows)


def test_words_stay_whole() -> None:
    for width in range(30, 90):
        words = [word for row in wrapped(WORDS, width) for word in row.split()]
        assert words == WORDS.split()


def test_further_rows_stand_below_the_text_of_an_option() -> None:
    rows = list(wrapped(OPTION, 40))
    assert rows[0].startswith("  b) the second")
    assert len(rows[1]) - len(rows[1].lstrip()) == len("  b) ")


def test_a_pipe_gets_whole_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_prose([OPTION * 5])
    assert capsys.readouterr().out == OPTION * 5 + "\n"


def test_a_pipe_is_read_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a c\n\n"))
    assert [read_line(), read_line(), read_line()] == ["a c", "", None]


@pytest.fixture
def child() -> Iterator[tuple[int, int]]:
    """A process that reads one line at a terminal of its own and prints it in brackets."""
    process, terminal = pty.fork()
    if process == 0:
        code = "from kmemquest.cli.terminal import read_line; print(f'[{read_line()}]')"
        os.environ["TERM"] = "xterm"
        os.execv(sys.executable, [sys.executable, "-c", code])
    try:
        yield process, terminal
    finally:
        os.close(terminal)
        os.waitpid(process, 0)


def read_until(terminal: int, wanted: bytes) -> bytes:
    got = b""
    end = time.monotonic() + 20
    while wanted not in got and time.monotonic() < end:
        try:
            got += os.read(terminal, 1024)
        except OSError:
            break
    return got


def test_a_line_can_be_edited_at_a_terminal(child: tuple[int, int]) -> None:
    pytest.importorskip("readline")
    _process, terminal = child
    read_until(terminal, b"> ")
    os.write(terminal, b"ac\x1b[Db\x01x\n")
    assert b"[xabc]" in read_until(terminal, b"[xabc]")
