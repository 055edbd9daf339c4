"""Quiz, review, exam, export and import as commands."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kmemquest.cli import asking, exam, quiz, review
from kmemquest.cli.main import main
from kmemquest.quiz.bank import Bank

FOLDER = Path(__file__).resolve().parents[1] / "quiz" / "every_kind"
START = datetime(2026, 11, 1, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMEMQUEST_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(review, "now", lambda: START)
    monkeypatch.setattr(exam, "now", lambda: START)


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(line + "\n" for line in lines)))


ANSWERS = {
    "k-single": "a",
    "k-proven": "b",
    "k-multiple": "a b",
    "k-numeric": "128 bytes",
    "k-order": "a b c",
    "k-code": "kmalloc(32, GFP_ATOMIC)",
    "k-bug": "13",
    "k-log": "a",
    "k-court": "b",
    "k-match": "a b c",
}


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_every_kind_is_asked_and_explained(
    language: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bank = Bank(FOLDER)
    questions = tuple(bank.question(entry.id, language) for entry in bank.entries)
    lines = []
    for question in questions:
        lines += ["run"] if question.is_court else []
        lines += ["", ANSWERS[question.id]]
    typed(monkeypatch, *lines)
    assert quiz.ask_all(questions, 1, bank) == 0
    out = capsys.readouterr().out
    assert out.count("✓ ") >= len(questions)
    assert "slab-use-after-free" in out
    assert "size = 128" in out
    assert "Traceback" not in out


def test_a_word_is_told_to_the_caller_and_quit_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    question = Bank(FOLDER).question("k-single", "en")
    typed(monkeypatch, "undo")
    with pytest.raises(asking.Word):
        asking.ask(question, ("undo",))
    typed(monkeypatch, "quit")
    with pytest.raises(asking.Ended):
        asking.ask(question)


def test_quiz_takes_one_question_by_id(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quiz", "--question", "kmalloc-cache#12", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert shown["id"] == "kmalloc-cache#12"
    assert shown["key"] in "abcd"
    assert main(["quiz", "--question", "no-such-thing"]) == 2
    assert main(["quiz", "--kind", "riddle"]) == 2
    assert main(["quiz", "--kind", "multiple", "--json", "--count", "2"]) == 0


def test_review_asks_saves_and_takes_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "a", "", "a", "", "suspend", "quit")
    assert main(["review", "--count", "3", "--topic", "classic-thirty"]) == 0
    capsys.readouterr()
    assert main(["review", "--json"]) == 0
    state = json.loads(capsys.readouterr().out)
    assert 1 <= state["done_today"] <= 3
    assert state["cap"] == 40
    assert main(["review", "--undo"]) == 0
    capsys.readouterr()
    monkeypatch.setattr(review, "now", lambda: START + timedelta(days=40))
    assert main(["review", "--json", "--exam-date", "2026-12-24", "--cap", "7", "--new", "2"]) == 0
    later = json.loads(capsys.readouterr().out)
    assert later["done_today"] == 0
    assert (later["exam_date"], later["cap"], later["new_per_day"]) == ("2026-12-24", 7, 2)
    assert main(["review", "--list"]) == 0
    assert "classic-thirty" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--exam-date", "soon"],
        ["--cap", "0"],
        ["--suspend", "q:nothing"],
        ["--topic", "nothing"],
    ],
)
def test_bad_review_options_are_told(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["review", *arguments]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_cram_leaves_the_schedule_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, *["a"] * 10, "quit")
    assert main(["review", "--cram", "--count", "4", "--topic", "slab", "--seed", "1"]) == 0
    capsys.readouterr()
    assert main(["review", "--json"]) == 0
    state = json.loads(capsys.readouterr().out)
    assert state["done_today"] == 0
    assert sum(topic["seen"] for topic in state["topics"]) == 0


def test_an_exam_is_sat_and_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "a", "?!", "flag", "b", "back", "list", "go 4", "c", "finish")
    assert main(["exam", "quick-round", "--seed", "4"]) in (0, 1)
    out = capsys.readouterr().out
    assert "points" in out
    assert "kmemquest play" in out
    assert main(["export", "exams-csv", "-"]) == 0
    assert "quick-round,4," in capsys.readouterr().out
    typed(monkeypatch, "finish")
    assert main(["exam", "quick-round", "--seed", "4", "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert shown["reached"] == 0
    assert shown["study"]


def test_papers_and_blueprints_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exam"]) == 0
    assert "first-job" in capsys.readouterr().out
    papers = []
    for _again in range(2):
        assert main(["exam", "class-test", "--seed", "9", "--print", "html", "--key"]) == 0
        papers.append(capsys.readouterr().out)
    assert papers[0] == papers[1]
    assert main(["exam", "class-test", "--seed", "9", "--print", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert len(shown["questions"]) == 24
    assert not any("key" in question or "correct" in question for question in shown["questions"])
    assert main(["exam", "no-such-exam"]) == 2


def test_export_and_import(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "x.gift"
    assert main(["export", "gift", str(text), "--topic", "classic-thirty", "--generated", "1"]) == 0
    assert "Not carried over" in capsys.readouterr().err
    arguments = ["import", str(text), "--topic", "mine", "--into", str(tmp_path)]
    assert main(arguments) == 0
    assert len(Bank(tmp_path).entries) == 30
    assert main(arguments) == 2, "files that are there are not overwritten"
    package = tmp_path / "x.apkg"
    assert main(["export", "anki", str(package), "--topic", "classic-thirty", "--both"]) == 0
    assert package.stat().st_size > 1000
    assert main(["export", "anki", "-"]) == 2
    assert main(["import", str(tmp_path / "absent.gift"), "--topic", "other"]) == 2
    assert main(["import", str(text), "--topic", "../up"]) == 2
    assert "Traceback" not in capsys.readouterr().err
