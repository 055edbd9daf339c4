"""Broken files: each mistake is told with its place, what was expected, and how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from kmemquest.content.problem import Problem
from kmemquest.level.check import check_paths
from kmemquest.level.pack import MANIFEST
from kmemquest.level.template import write_new

LEVEL, ENGLISH, CHINESE = "card.yaml", "card.en.yaml", "card.zh_CN.yaml"

FILES = {"level": LEVEL, "english": ENGLISH, "chinese": CHINESE}
SAMPLE = Path(__file__).parent / "samples" / "broken.yaml"
BROKEN = {case["case"]: case for case in yaml.safe_load(SAMPLE.read_text(encoding="utf-8"))}


def problems_after(folder: Path, case: str) -> list[Problem]:
    """Write the template, break it, check it."""
    write_new("level", "card", folder)
    change = BROKEN[case]
    if "also" in change:
        where = change["also"]["before"]
        _replace(folder / LEVEL, where, change["also"]["option"] + where)
    _replace(folder / FILES[change["file"]], change["old"], change["new"])
    return list(check_paths([folder / LEVEL]).errors)


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, old
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_there_are_enough_kinds() -> None:
    assert len(BROKEN) >= 50


@pytest.mark.parametrize("case", BROKEN)
def test_a_mistake_is_told_at_its_place_with_what_to_do(tmp_path: Path, case: str) -> None:
    found = problems_after(tmp_path, case)
    told = [p for p in found if any(word in p.message for word in BROKEN[case]["told"])]
    assert told, [str(problem) for problem in found]
    problem = told[0]
    assert problem.line > 0
    assert problem.column > 0
    assert Path(problem.file).name in FILES.values()
    mendable = problem.hint or "expected" in problem.message or "not YAML" in problem.message
    assert mendable, str(problem)


PLACES = {
    "unknown key": ("dificulty", 1),
    "unknown predicate": ("no-leek", 0),
    "unknown goal": ("clear", 0),
    "telling name": ("right: kmalloc", 0),
    "C does not compile": ("ENOMEN", 0),
    "id is not the file's": ("cart", 0),
}


@pytest.mark.parametrize("case", PLACES)
def test_line_and_column_are_those_of_the_word(tmp_path: Path, case: str) -> None:
    found = problems_after(tmp_path, case)
    word, _ = PLACES[case]
    lines = (tmp_path / LEVEL).read_text(encoding="utf-8").split("\n")
    line = next(n for n, text in enumerate(lines, 1) if word in text)
    at = {(problem.line, problem.column) for problem in found}
    if case == "C does not compile":
        assert line in {place[0] for place in at}
    else:
        assert (line, lines[line - 1].index(word) + 1) in at


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    write_new("level", "card", tmp_path)
    _replace(tmp_path / LEVEL, "difficulty: 1", "dificulty: 1")
    _replace(tmp_path / LEVEL, "kind: choice ", "kind: chioce ")
    _replace(tmp_path / ENGLISH, "title:", "titel:")
    _replace(tmp_path / CHINESE, "story:", "storie:")
    found = "\n".join(str(problem) for problem in check_paths([tmp_path / LEVEL]).errors)
    for word in ("dificulty", "chioce", "titel", "storie", "'difficulty' is missing"):
        assert word in found


# --- packs ----------------------------------------------------------------------------------

BROKEN_PACKS = {
    "version": ("version: 0.1.0", "version: new", "expected text of the form"),
    "unlisted level": ("levels: [first-first]", "levels: [other]", "there is no level file"),
    "listed twice": ("[first-first]", "[first-first, first-first]", "is listed twice"),
    "no authors": ("authors: [Your Name]", "authors: []", "at least 1"),
    "unknown key": ("licence:", "license:", "unknown key 'license'"),
    "language": ("languages: [en, zh_CN]", "languages: [en, de]", "expected one of en, zh_CN"),
}


@pytest.mark.parametrize("case", BROKEN_PACKS)
def test_a_broken_manifest_is_told_at_its_place(tmp_path: Path, case: str) -> None:
    write_new("pack", "first", tmp_path)
    old, new, message = BROKEN_PACKS[case]
    _replace(tmp_path / "first" / MANIFEST, old, new)
    found = check_paths([tmp_path / "first"]).errors
    told = [p for p in found if any(word in p.message for word in message.split("|"))]
    assert told, [str(problem) for problem in found]
    assert told[0].line > 0
    assert told[0].file.endswith(MANIFEST)


def test_a_pack_uses_only_what_was_taught(tmp_path: Path) -> None:
    write_new("pack", "first", tmp_path)
    level = tmp_path / "first" / "levels" / "first-first.yaml"
    _replace(level, "uses: [] ", "uses: [kmalloc, kmaloc] ")
    (error,) = check_paths([tmp_path / "first"]).errors
    assert "first-first uses 'kmaloc', which no level before it teaches" in error.message
    assert error.hint == "did you mean 'kmalloc'?"
    _replace(tmp_path / "first" / MANIFEST, "levels:", "after_campaign: false\nlevels:")
    assert len(check_paths([tmp_path / "first"]).errors) == 2
