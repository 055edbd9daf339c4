"""The bank that ships is complete; broken files are told precisely."""

from pathlib import Path

import pytest

from kmemquest.i18n import LANGUAGES
from kmemquest.quiz.bank import Bank, check_bank_file, open_bank, structure_files

STRUCTURE = """\
format_version: 1
topic: sample
questions:
  - {id: q-one, kind: single, difficulty: 2, options: [a, b], correct: [a], sources: [mm/slub.c]}
"""
WORDS = """\
language: LANGUAGE
title: Sample
questions:
  q-one:
    prompt: What?
    options:
      a: {text: This, feedback: "Yes"}
      b: {text: That, feedback: "No"}
    explanation: Because.
"""


def write_bank(folder: Path, structure: str = STRUCTURE, words: str = WORDS) -> Path:
    for language in LANGUAGES:
        text = words.replace("LANGUAGE", language)
        (folder / f"sample.{language}.yaml").write_text(text, encoding="utf-8")
    path = folder / "sample.yaml"
    path.write_text(structure, encoding="utf-8")
    return path


def test_the_thirty_classic_questions_ship_in_both_languages() -> None:
    bank = open_bank()
    classic = [entry for entry in bank.entries if entry.topic == "classic-thirty"]
    assert len(classic) == 30
    for entry in classic:
        english, chinese = (bank.question(entry.id, language) for language in LANGUAGES)
        assert english.prompt != chinese.prompt
        assert [o.id for o in english.options] == [o.id for o in chinese.options]
        assert all(o.feedback for o in (*english.options, *chinese.options))
        assert english.folk
        assert english.verdict in ("ok", "partly", "outdated", "wrong")


@pytest.mark.slow  # The gate's content step, `kmemquest check`, proves the same.
def test_every_shipped_bank_file_is_proven() -> None:
    for path in structure_files(open_bank()._folder):
        count, problems = check_bank_file(path)
        assert problems == []
        assert count > 0


def test_a_sound_bank_has_no_problems(tmp_path: Path) -> None:
    assert check_bank_file(write_bank(tmp_path)) == (1, [])
    assert Bank(tmp_path).question("q-one", "zh_CN").options[0].correct


@pytest.mark.parametrize(
    ("old", "new", "line", "fragment"),
    [
        ("kind: single", "kind: singel", 4, "expected one of"),
        ("difficulty: 2", "difficulty: 9", 4, "at most 5"),
        ("correct: [a]", "correct: [c]", 4, "'c' is not an option"),
        ("correct: [a]", "correct: [a, b]", 4, "exactly one"),
        ("topic: sample", "topic: other", 2, "other"),
        ("sources: [mm/slub.c]", "source: [mm/slub.c]", 4, "unknown key 'source'"),
    ],
)
def test_broken_structure_names_the_place(
    tmp_path: Path, old: str, new: str, line: int, fragment: str
) -> None:
    assert old in STRUCTURE
    _count, problems = check_bank_file(write_bank(tmp_path, STRUCTURE.replace(old, new)))
    assert any(problem.line == line and fragment in problem.message for problem in problems)


def test_missing_words_are_told_per_language(tmp_path: Path) -> None:
    path = write_bank(tmp_path)
    text = (tmp_path / "sample.zh_CN.yaml").read_text(encoding="utf-8")
    (tmp_path / "sample.zh_CN.yaml").write_text(
        text.replace('      b: {text: That, feedback: "No"}\n', ""), encoding="utf-8"
    )
    _count, problems = check_bank_file(path)
    assert [problem.file.endswith("sample.zh_CN.yaml") for problem in problems] == [True]
    assert "'b'" in problems[0].message
