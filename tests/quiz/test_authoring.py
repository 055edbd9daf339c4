"""The authors' guide: its way from nothing to an asked question works as it is printed."""

import re
from pathlib import Path

import pytest

from kmemquest.cli.main import main
from kmemquest.content import assets_root
from kmemquest.quiz.answer_key import settled
from kmemquest.quiz.bank import Bank, check_bank_file
from kmemquest.quiz.bank_model import BankFile, Entry, EntryText

GUIDE = (assets_root() / "quiz" / "AUTHORING.md").read_text(encoding="utf-8")


def block(first: str) -> str:
    """Return the indented block of the guide that begins with a line, without its indentation."""
    lines = GUIDE.split("\n")
    start = next(n for n, line in enumerate(lines) if line.strip() == first)
    taken = []
    for line in lines[start:]:
        if line and not line.startswith("    "):
            break
        taken.append(line[4:])
    return "\n".join(taken).rstrip() + "\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KMEMQUEST_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert main(["new", "question", "my-topic"]) == 0
    parts = {
        "my-topic.yaml": "- id: my-topic-kmalloc-100",
        "my-topic.en.yaml": "my-topic-kmalloc-100:",
        "my-topic.zh_CN.yaml": "my-topic-kmalloc-100:",
    }
    for name, first in parts.items():
        with (tmp_path / name).open("a", encoding="utf-8") as file:
            file.write(block(first))
    (tmp_path / "paper.yaml").write_text(block("format_version: 1"), encoding="utf-8")
    return tmp_path


def test_the_question_of_the_guide_is_proven(folder: Path) -> None:
    assert check_bank_file(folder / "my-topic.yaml") == (2, [])
    (folder / "paper.yaml").unlink()
    question = settled(Bank(folder).question("my-topic-kmalloc-100", "en"))
    assert question.number == 128


def test_the_paper_of_the_guide_is_drawn(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["exam", "paper.yaml", "--from", "my-topic.yaml", "--print", "md", "--key"]) == 0
    assert "128" in capsys.readouterr().out


def test_every_command_of_the_guide_is_one(folder: Path) -> None:
    """Those that name the topic at hand are carried out."""
    for line in re.findall(r"^    kmemquest ([^#\n]*)", GUIDE, re.MULTILINE):
        words = line.split()
        if words[0] in ("check", "export") or "--print" in words:
            assert main(words) == 0, line


def test_the_guide_explains_every_key() -> None:
    for model in (BankFile, Entry, EntryText):
        for name in model.__struct_fields__:
            assert re.search(rf"\b{name}\b", GUIDE), name
