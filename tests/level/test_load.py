"""Level files: every mistake at once, each with its place and how to mend it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kmemquest.content import assets_root, levels_root
from kmemquest.content.problem import ProblemsFound
from kmemquest.level import schema
from kmemquest.level.load import load_level
from kmemquest.level.predicate import load_predicates

PILOT = next(levels_root().glob("*/rx-ring-refill.yaml"))


@pytest.fixture
def level(tmp_path: Path) -> Path:
    for file in PILOT.parent.glob("rx-ring-refill*.yaml"):
        shutil.copy(file, tmp_path)
    return tmp_path / PILOT.name


def edit(path: Path, *changes: tuple[str, str]) -> list[str]:
    text = path.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)
    with pytest.raises(ProblemsFound) as caught:
        load_level(path, path.name)
    return [str(problem) for problem in caught.value.problems]


def test_the_pilot_level_loads() -> None:
    level = load_level(PILOT)
    assert level.id == "rx-ring-refill"
    assert [goal.id for goal in level.goals][-1] == "survives"
    assert level.text("zh_CN").title != level.text("en").title
    slots = [f.slot for line in level.lines for f in line if f.slot]
    assert slots == ["alloc"]


def test_unknown_keys_are_told_all_at_once_with_a_suggestion(level: Path) -> None:
    found = edit(
        level, ("teaches:", "teeches:"), ("cpus: 1", "cups: 1"), ("minutes: 5", "minutes: no")
    )
    assert any("unknown key 'teeches' (did you mean 'teaches'?)" in line for line in found)
    assert any("unknown key 'cups' (did you mean 'cpus'?)" in line for line in found)
    assert any("expected a whole number, found 'no'" in line for line in found)
    assert any("the key 'teaches' is missing" in line for line in found)
    assert all(line.startswith("rx-ring-refill.yaml:") for line in found)


def test_meaning_is_checked_all_at_once(level: Path) -> None:
    found = edit(
        level,
        ("ram: 256M", "ram: 256X"),
        ("all-allocations-succeed: 64", "all-alocations-succeed: 64"),
        ("fails: no-sleep", "fails: no-sleeep"),
        ("solution: {alloc: atomic}", "solution: {alloc: atomics}"),
        ("never: sleep-in-atomic", "never: sleep-in-atomics"),
        ("ask: first-report", "ask: {context-of-slott: alloc}"),
        ("{on: no-sleep}", "{on: no-slep}"),
    )
    text = "\n".join(found)
    assert "'256X' is not a size" in text
    assert "did you mean 'all-allocations-succeed'?" in text
    assert "no goal is called 'no-sleeep' (did you mean 'no-sleep'?)" in text
    assert "slot 'alloc' has no option 'atomics' (did you mean 'atomic'?)" in text
    assert "did you mean 'sleep-in-atomic'?" in text
    assert "did you mean 'context-of-slot'?" in text
    assert "no goal is called 'no-slep'" in text
    assert len(found) == 8  # `fails: no-sleep` stands twice: in `wrong` and in `shows`


def test_problems_point_at_the_value(level: Path) -> None:
    (found,) = edit(level, ("fraction: 0.05", "fraction: 1.5"))
    lines = level.read_text().split("\n")
    row = next(i for i, line in enumerate(lines, 1) if "fraction: 1.5" in line)
    column = lines[row - 1].index("1.5") + 1
    assert found.startswith(f"rx-ring-refill.yaml:{row}:{column}: ")


def test_markers_and_slots_must_agree(level: Path) -> None:
    found = edit(level, ("/*@slot alloc*/", "/*@slot aloc*/"))
    assert any("names no slot" in line and "did you mean 'alloc'?" in line for line in found)
    assert any("the driver has no marker for 'alloc'" in line for line in found)


def test_unknown_script_steps_are_told(level: Path) -> None:
    found = edit(level, ("- rmmod", "- rmodd"))
    assert len(found) == 1
    assert "rmodd" in found[0]


def test_text_files_are_complete_in_both_languages(level: Path) -> None:
    english = level.with_name("rx-ring-refill.en.yaml")
    english.write_text(english.read_text().replace("title:", "titel:"))
    level.with_name("rx-ring-refill.zh_CN.yaml").unlink()
    with pytest.raises(ProblemsFound) as caught:
        load_level(level, level.name)
    found = [str(problem) for problem in caught.value.problems]
    assert any("did you mean 'title'?" in line for line in found)
    assert any("the text file for zh_CN is missing" in line for line in found)


def test_a_missing_explanation_is_told(level: Path) -> None:
    chinese = level.with_name("rx-ring-refill.zh_CN.yaml")
    text = chinese.read_text()
    start, end = text.index("wrong:"), text.index("debrief:")
    chinese.write_text(text[:start] + "wrong: [甲, 乙, 丙]\n" + text[end:])
    with pytest.raises(ProblemsFound, match="2 wrong answers, this file 3"):
        load_level(level, level.name)


def test_the_committed_schema_is_the_generated_one() -> None:
    committed = (assets_root() / "schema" / "level-v1.json").read_text(encoding="utf-8")
    assert committed == schema.render(), "run python -m kmemquest.level.schema"


def test_every_predicate_has_words_and_a_schema() -> None:
    definitions = schema.level_schema()["$defs"]
    for word, kind in load_predicates().items():
        assert kind.word == word
        assert kind.__name__ in definitions
        assert kind.__doc__


def test_levels_name_their_schema_in_the_first_line() -> None:
    for path in levels_root().glob("*/*.yaml"):
        if path.stem.endswith((".en", ".zh_CN")):
            continue
        first = path.read_text(encoding="utf-8").split("\n")[0]
        word, _, target = first.partition("$schema=")
        assert word == "# yaml-language-server: "
        assert (path.parent / target).resolve() == assets_root() / "schema" / "level-v1.json"
