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


# --- an author's own files ----------------------------------------------------------------


@pytest.fixture
def topic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new topic in the folder in which the author stands."""
    monkeypatch.chdir(tmp_path)
    assert main(["new", "question", "my-topic"]) == 0
    return Path("my-topic.yaml")


def test_a_new_topic_ends_by_naming_how_to_ask_it(
    topic: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", "question", "other"]) == 0
    last = capsys.readouterr().out.strip().split("\n")[-1]
    words = last.partition("kmemquest ")[2].split()
    assert words == ["quiz", "other.yaml"]
    typed(monkeypatch, "a b", "quit")
    assert main(words) == 1
    assert "What does kfree(NULL) do?" in capsys.readouterr().out


@pytest.mark.parametrize("where", ["my-topic.yaml", ".", "my-topic.zh_CN.yaml"])
def test_own_questions_are_asked_where_they_are(
    where: str, topic: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["quiz", where, "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert shown["id"] == "my-topic-free-of-null"
    assert main(["quiz", where, "--json", "--topic", "slab"]) == 2
    assert "there are my-topic" in capsys.readouterr().err
    assert main(["quiz", where, "--question", "thirty-01"]) == 2
    assert main(["quiz", where, "--question", "kmalloc-cache#12"]) == 2
    assert main(["quiz", where, "--kind", "single", "--json", "--language", "zh_CN"]) == 0
    assert "kfree(NULL) 会做什么" in capsys.readouterr().out


def test_answers_to_own_questions_are_not_recorded(
    topic: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("paper.yaml").write_text(
        "format_version: 1\nid: paper\nminutes: 9\nsections: [{count: 1, difficulty: [1]}]\n",
        encoding="utf-8",
    )
    for arguments in (["quiz", "my-topic.yaml"], ["exam", "paper.yaml", "--from", "my-topic.yaml"]):
        typed(monkeypatch, "a", "finish")
        assert main(arguments) in (0, 1)
        assert "not recorded" in capsys.readouterr().out
    for form in ("csv", "exams-csv"):
        assert main(["export", form, "-"]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 1, "the head alone"


def test_a_paper_is_printed_from_own_questions_alone(
    topic: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    Path("paper.yaml").write_text(
        "format_version: 1\nid: paper\nminutes: 9\nsections: [{count: 1, difficulty: [1, 2, 3]}]\n",
        encoding="utf-8",
    )
    assert main(["exam", "paper.yaml", "--from", ".", "--print", "json"]) == 0
    (asked,) = json.loads(capsys.readouterr().out)["questions"]
    assert asked["topic"] == "my-topic"
    assert main(["exam", "class-test", "--from", ".", "--print", "json"]) == 2
    assert "needs 10 questions" in capsys.readouterr().err


def test_own_questions_are_exported(topic: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["export", "gift", "-", "--from", "my-topic.yaml"]) == 0
    assert capsys.readouterr().out.count("\n::") == 1
    assert main(["export", "anki", "x.apkg", "--from", ".", "--both"]) == 0
    assert "2 entries" in capsys.readouterr().err
    assert main(["export", "gift", "-", "--from", ".", "--generated", "1"]) == 2
    assert main(["export", "csv", "-", "--from", "."]) == 2
    Path("my-topic.zh_CN.yaml").unlink()
    assert main(["export", "gift", "-", "--from", "."]) == 0
    assert main(["export", "anki", "x.apkg", "--from", ".", "--both"]) == 2
    assert "my-topic.zh_CN.yaml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--topic", "my-topic"], "but a file: kmemquest quiz my-topic.yaml"),
        (["--topic", "my-topic.yaml"], "but a file: kmemquest quiz my-topic.yaml"),
        (["my-topic"], "is my-topic.yaml meant?"),
        (["slab"], "--topic slab"),
        (["absent.yaml"], "no file 'absent.yaml'"),
        (["/dev/null"], "not a file"),
    ],
)
def test_what_names_no_file_is_told_what_does(
    arguments: list[str], told: str, topic: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quiz", *arguments]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [["quiz"], ["export", "gift", "-", "--from"], ["exam", "quick-round", "--from"]]
)
def test_mistakes_in_own_questions_are_told_with_their_place(
    command: list[str], topic: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = topic.read_text(encoding="utf-8")
    topic.write_text(text.replace("[nothing]", "[nothink]"), encoding="utf-8")
    line = text.split("\n").index("    correct: [nothing]") + 1
    assert main([*command, "my-topic.yaml"]) == 2
    err = capsys.readouterr().err
    assert f"my-topic.yaml:{line}:14: 'nothink' is not an option" in err
    assert "Traceback" not in err


def test_a_wrong_key_is_told_before_it_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in FOLDER.glob("kinds*.yaml"):
        text = path.read_text(encoding="utf-8").replace('"size = {}"', '"width = {}"')
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    assert main(["quiz", str(tmp_path), "--question", "k-numeric"]) == 2
    assert "no line of the log reads 'width = {}'" in capsys.readouterr().err
    assert main(["quiz", str(tmp_path), "--question", "k-single", "--json"]) == 0


def test_a_folder_of_topics_may_hold_papers_and_is_checked_as_one(
    topic: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a-paper.yaml").write_text(
        "format_version: 1\nid: a-paper\nminutes: 9\nsections: [{count: 1, difficulty: [1]}]\n",
        encoding="utf-8",
    )
    for words in (["."], sorted(map(str, Path().glob("my-topic*.yaml")))):
        capsys.readouterr()
        assert main(["check", "--json", *words]) == 0
        report = json.loads(capsys.readouterr().out)
        assert (report["questions"], report["levels"], report["errors"]) == (1, 0, [])
    Path("card.yaml").write_text("format_version: 1\n", encoding="utf-8")
    assert main(["check", "."]) == 1, "a level beside the topics is still looked at"
    assert "card.yaml:1:1" in capsys.readouterr().out
