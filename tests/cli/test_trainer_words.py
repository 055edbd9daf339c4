"""What the trainer says line by line: evidence, counts, titles, limits."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kmemquest.cli import asking, exam, quiz, review
from kmemquest.cli.main import main
from kmemquest.quiz.answer_key import findings_of
from kmemquest.quiz.bank import open_bank
from kmemquest.quiz.gift_read import MAX_QUESTIONS

FOLDER = Path(__file__).resolve().parents[1] / "quiz" / "every_kind"
START = datetime(2026, 11, 1, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMEMQUEST_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(review, "now", lambda: START)
    monkeypatch.setattr(exam, "now", lambda: START)
    monkeypatch.chdir(tmp_path)


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(line + "\n" for line in lines)))


# --- evidence -----------------------------------------------------------------------------

UNCOMPILED = ("court-request-hugepages", "court-licence-missing", "court-wrong-format")


@pytest.mark.parametrize("name", UNCOMPILED)
def test_what_does_not_compile_shows_why(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    question = open_bank().question(name, "en")
    asking.print_run(question)
    out = capsys.readouterr().out
    for diagnostic in findings_of(question).diagnostics:
        assert str(diagnostic) in out
    assert "does-not-compile" not in out
    assert "it does not compile" in out


def test_a_plain_run_ends_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    asking.print_run(open_bank().question("court-vfree-null", "en"))
    out = capsys.readouterr().out
    assert "still here" in out
    assert "run ended" not in out
    asking.print_run(open_bank().question("report-sleep-court", "en"))
    out = capsys.readouterr().out
    assert "The kernel said nothing of: sleep in atomic context" in out


def test_the_headline_of_a_long_report_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    question = open_bank().question("mmio-copy-under-lock", "en")
    typed(monkeypatch, "22")
    assert quiz.ask_all((question,), 1) == 0
    out = capsys.readouterr().out
    assert "BUG: sleeping function called from invalid context" in out
    assert "lines more" in out


# --- review -------------------------------------------------------------------------------


def test_a_cram_or_a_drill_is_no_plan_of_what_is_due(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "quit")
    assert main(["review", "--cram", "--topic", "gfp"]) == 0
    out = capsys.readouterr().out
    assert "20 questions to cram" in out
    assert "due" not in out.split("\n", 1)[0]
    assert main(["review", "--drill"]) == 0
    assert "No misconception is left to drill." in capsys.readouterr().out


def test_lists_name_topics_and_questions(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["review", "--list"]) == 0
    out = capsys.readouterr().out
    assert open_bank().title("gfp", "en") in out
    assert "0%" not in out, "nothing was asked yet"
    assert main(["review", "--suspend", "q:basic-err-ptr"]) == 0
    begins = open_bank().question("basic-err-ptr", "en").prompt[:30]
    assert begins in capsys.readouterr().out
    assert main(["review", "--resume", "q:basic-err-ptr"]) == 0
    assert begins in capsys.readouterr().out
    typed(monkeypatch, "a", "", "quit")
    main(["review", "--count", "1", "--topic", "classic-thirty"])
    capsys.readouterr()
    assert main(["review", "--undo"]) == 0
    assert "(q:thirty-" in capsys.readouterr().out


@pytest.mark.parametrize("day", ["2026-11-01", "2020-01-01"])
def test_an_exam_in_the_past_is_refused(day: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review", "--exam-date", day, "--list"]) == 2
    assert "must lie ahead" in capsys.readouterr().err
    assert main(["review", "--exam-date", "2026-11-02", "--list"]) == 0
    assert "Exam on 2026-11-02" in capsys.readouterr().out
    assert main(["review", "--exam-date", "none", "--list"]) == 0
    assert "Exam on" not in capsys.readouterr().out


def test_an_exam_report_names_topics_by_title(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "finish")
    assert main(["exam", "quick-round", "--seed", "4"]) == 1
    out = capsys.readouterr().out
    gaps = [line.removeprefix("To study: ") for line in out.split("\n") if "To study: " in line]
    titles = {open_bank().title(topic, "en") for topic in open_bank().topics}
    assert gaps
    assert set(gaps) <= titles


# --- files --------------------------------------------------------------------------------


def test_a_bank_that_went_out_comes_back_and_is_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["export", "gift", "all.gift", "--topic", "gfp", "--topic", "dma"]) == 0
    assert main(["import", "all.gift", "--topic", "my-class"]) == 0
    capsys.readouterr()
    assert main(["quiz", "my-class.yaml", "--json", "--count", "3"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert len(shown) == 3
    assert all(each["id"].startswith("my-class-") for each in shown)


def test_the_limit_of_an_import_stands_on_its_own_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    most = MAX_QUESTIONS
    text = "\n\n".join(f"::q{n}:: Is it {n}? {{=yes ~no}}" for n in range(most + 32))
    Path("many.gift").write_text(text, encoding="utf-8")
    assert main(["import", "many.gift", "--topic", "many"]) == 0
    lines = capsys.readouterr().err.split("\n")
    assert lines[0] == f"{most} entries."
    assert lines[1].startswith("32 more questions were left out")
    assert str(most) in lines[1]


def test_a_long_list_of_problems_ends(capsys: pytest.CaptureFixture[str]) -> None:
    text = "\n\n".join(f"::q{n}:: Is it {n}? {{=yes ~no}}" for n in range(90))
    Path("many.gift").write_text(text, encoding="utf-8")
    assert main(["import", "many.gift", "--topic", "many"]) == 0
    structure = Path("many.yaml")
    broken = structure.read_text(encoding="utf-8").replace("- option-1\n", "- option-9\n")
    structure.write_text(broken, encoding="utf-8")
    capsys.readouterr()
    assert main(["quiz", "many.yaml"]) == 2
    lines = capsys.readouterr().err.strip().split("\n")
    assert len(lines) == 21
    assert "kmemquest check" in lines[-1]


def test_check_counts_in_grammar(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "question", "my-topic"]) == 0
    capsys.readouterr()
    assert main(["check", "my-topic.yaml"]) == 0
    out = capsys.readouterr().out
    assert "3 files, 0 levels, 1 question, 0 wrong answers proven, 0 errors" in out
