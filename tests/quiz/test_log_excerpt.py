"""What is shown of a long log: what a report says first, and all that the driver prints."""

import pytest

from kmemquest.kernel.events import Report
from kmemquest.quiz.answer_key import findings_of
from kmemquest.quiz.bank import open_bank
from kmemquest.quiz.experiment import Findings
from kmemquest.quiz.log_excerpt import SHOWN, is_grave, log_excerpt


def findings(*texts: str, reports: tuple[Report, ...] = ()) -> Findings:
    return Findings("ran", texts, texts, reports)


def report(headline: str, lines: int, at: int = 0) -> Report:
    body = [f"of {headline}: {n}" for n in range(lines)]
    body[at] = headline
    return Report("warning", "WARN", headline, tuple(body))


def test_a_short_log_is_shown_whole() -> None:
    texts = [f"line {n}" for n in range(SHOWN)]
    assert list(log_excerpt(findings(*texts))) == texts


def test_reports_lose_their_tails_and_the_driver_loses_nothing() -> None:
    first, second = report("BUG: one", 60), report("Killed: two", 50, at=48)
    texts = ("begin", *first.lines, "between", *second.lines, "end")
    shown = list(log_excerpt(findings(*texts, reports=(first, second))))
    assert [line for line in shown if line in ("begin", "between", "end")] == [
        "begin", "between", "end",
    ]  # fmt: skip
    assert shown[1] == "BUG: one", "a headline is where the report begins"
    assert "Killed: two" in shown, "and stays if it comes last"
    assert shown[2] == "of BUG: one: 1"
    assert "of BUG: one: 59" not in shown
    assert len(shown) < SHOWN + 10
    hidden = sum(int(line.split()[1]) for line in shown if line.startswith("… "))
    assert hidden + sum(not line.startswith("… ") for line in shown) == len(texts)


def test_a_flood_of_the_driver_keeps_both_ends() -> None:
    texts = [f"line {n}" for n in range(3000)]
    shown = list(log_excerpt(findings(*texts)))
    assert (shown[0], shown[-1]) == ("line 0", "line 2999")
    assert len(shown) == SHOWN + 1
    assert f"{3000 - SHOWN} " in shown[SHOWN // 2]


def test_a_few_lines_are_never_left_out() -> None:
    one = report("BUG: one", SHOWN)
    texts = ("begin", *one.lines)
    assert list(log_excerpt(findings(*texts, reports=(one,)))) == list(texts)


@pytest.mark.parametrize(
    ("name", "headline"),
    [
        ("mmio-copy-under-lock", "BUG: sleeping function called from invalid context"),
        ("debug-use-after-kfree", "BUG: KASAN: slab-use-after-free"),
        ("rc-oom-report", "Out of memory: Killed process"),
        ("zone-dma-used-up", "page allocation failure"),
    ],
)
def test_the_bank_shows_what_its_questions_ask_for(name: str, headline: str) -> None:
    found = findings_of(open_bank().question(name, "en"))
    assert len(found.log) > SHOWN
    shown = "\n".join(log_excerpt(found))
    assert headline in shown
    for line, text in zip(found.log, found.texts, strict=True):
        if is_grave(text):
            assert line in shown
