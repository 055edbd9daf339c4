"""What an author reads after a beginner's mistake: the place, the cause and the way to mend it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kmemquest.content import levels_root
from kmemquest.content.problem import Problem, ProblemsFound
from kmemquest.content.safe_yaml import parse_yaml
from kmemquest.level.check import check_paths

PILOT = next(levels_root().glob("*/rx-ring-refill.yaml"))
NOIO = "atomic: kmalloc(RX_LEN, GFP_ATOMIC)"


def problems_after(folder: Path, old: str, new: str) -> tuple[Path, list[Problem]]:
    for file in PILOT.parent.glob("rx-ring-refill*.yaml"):
        shutil.copy(file, folder)
    path = folder / PILOT.name
    text = path.read_text()
    assert old in text, old
    path.write_text(text.replace(old, new, 1))
    return path, list(check_paths([path]).errors)


def test_a_misspelt_call_is_told_at_its_option_once(tmp_path: Path) -> None:
    path, found = problems_after(tmp_path, "vmalloc: vmalloc(", "vmalloc: vmaloc(")
    broken = [error for error in found if "does not compile" in error.message]
    rows = path.read_text().split("\n")
    assert len(broken) == 1
    assert "vmaloc" in rows[broken[0].line - 1]
    assert broken[0].message.startswith("alloc=vmalloc does not compile: ")
    assert "‘vmaloc’" in broken[0].message


def test_a_hint_is_not_said_twice(tmp_path: Path) -> None:
    _, found = problems_after(tmp_path, NOIO, NOIO.replace("kmalloc", "kmaloc"))
    said = [str(error) for error in found if "does not compile" in error.message]
    assert said
    assert all(error.count("did you mean") == 1 for error in said)


def test_a_failing_solution_is_not_asked_to_be_explained(tmp_path: Path) -> None:
    _, found = problems_after(tmp_path, NOIO, "atomic: kmalloc(RX_LEN, GFP_NOIO)")
    assert any("the solution fails" in error.message for error in found)
    assert not any("'atomic' fails" in error.message for error in found)


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("slots:\n\tkind: choice\n", 2, "this line begins with a tab"),
        ("a:\n    b: 1\n   c: 2\n", 3, "in the same column"),
        ("a:\n  - 1\n  -  2\n  b: 3\n", 4, "in the same column"),
        ("a:\n  b: x ? y : z\n", 2, "in quotes"),
        ("a: {b\nc: 1\n", 1, "this bracket is not closed"),
        ("o:\n  x: *ptr = 1\n", 2, "begins with * in quotes"),
        ("o:\n  x: * 2\n", 2, "begins with * or & in quotes"),
        ("o:\n  x: &ring\n", 2, "begins with & in quotes"),
        ("a: |\n  int b;\nstatic int c;\nd: 1\n", 3, "below | deeper than its key"),
    ],
)
def test_broken_yaml_says_how_to_mend_it(text: str, line: int, hint: str) -> None:
    with pytest.raises(ProblemsFound) as found:
        parse_yaml(text, "level.yaml")
    problem = found.value.problems[0]
    assert problem.line == line
    assert hint in problem.hint


def test_a_step_that_meets_nothing_is_told_at_the_step(tmp_path: Path) -> None:
    path, found = problems_after(tmp_path, "irq: {line: 17", "irq: {line: 71")
    rows = path.read_text().split("\n")
    missed = next(error for error in found if "no handler is installed" in error.message)
    assert "line: 71" in rows[missed.line - 1]
    assert "the driver's: 17" in missed.message


def test_a_boot_option_that_nobody_reads_is_told(tmp_path: Path) -> None:
    path, found = problems_after(tmp_path, "machine:\n", "machine:\n  options: [init_on_aloc=0]\n")
    (told,) = [error for error in found if "no boot option" in error.message]
    assert path.read_text().split("\n")[told.line - 1][told.column - 1 :].startswith("init_on_aloc")
    assert "init_on_alloc" in told.hint


def test_a_mistake_in_the_solution_is_told_at_its_option(tmp_path: Path) -> None:
    path, found = problems_after(tmp_path, NOIO, NOIO.replace("kmalloc", "kmaloc"))
    broken = next(error for error in found if "does not compile" in error.message)
    assert "atomic: kmaloc(" in path.read_text().split("\n")[broken.line - 1]


def test_a_failing_solution_names_its_first_bad_step(tmp_path: Path) -> None:
    path, found = problems_after(tmp_path, NOIO, "atomic: kmalloc(RX_LEN, GFP_NOIO)")
    told = next(error for error in found if "the solution fails" in error.message)
    assert told.hint.endswith("kmalloc(RX_LEN, GFP_NOIO);")
    number = int(told.hint.partition("in line ")[2].split()[0])
    assert "/*@slot alloc*/" in path.read_text().split("\n")[number - 1]
