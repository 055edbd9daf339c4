"""No habit may win a pack; what a pack covers is counted from its drivers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kmemquest.cli.main import main
from kmemquest.level.campaign_check import check_habits
from kmemquest.level.coverage import APIS, coverage
from kmemquest.level.habits import calls_in, habits_of, most_allowed, winners
from kmemquest.level.load import load_level
from kmemquest.level.prove import LevelProof, prove
from tests.level.workshop import changed, diagnosis, template


def proofs(*habits: tuple[str, ...]) -> list[LevelProof]:
    return [LevelProof(f"l{n}.yaml", f"l{n}", (), habits=won) for n, won in enumerate(habits)]


def test_a_fifth_is_allowed_and_one_more_is_not() -> None:
    won = ("the first option",)
    assert check_habits(proofs(won, won, *[()] * 8)) == []
    (problem,) = check_habits(proofs(won, won, won, *[()] * 7))
    assert problem.message == (
        "a habit wins: always the first option passes 3 of 10 levels, 2 are allowed"
    )
    assert problem.hint == "change some of l0, l1, l2"


def test_small_packs_are_not_judged() -> None:
    won = ("the first option",)
    assert check_habits(proofs(*[won] * 9)) == []
    assert most_allowed(60) == 12
    assert winners([("a", won), ("b", won)]) == {"the first option": ["a", "b"]}


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("kzalloc(sizeof(*p), GFP_KERNEL)", ("kzalloc(…, GFP_KERNEL)",)),
        ("kmalloc(n, GFP_KERNEL | __GFP_ZERO)", ("kmalloc(…, GFP_KERNEL | __GFP_ZERO)",)),
        ("kmalloc(n, __GFP_ZERO | GFP_KERNEL)", ("kmalloc(…, GFP_KERNEL | __GFP_ZERO)",)),
        ("vmalloc(n)", ("vmalloc(…)",)),
        ("rmb()", ()),
        ("p = kmalloc(1, GFP_ATOMIC); q = vmalloc(2)", ("kmalloc(…, GFP_ATOMIC)", "vmalloc(…)")),
    ],
)
def test_calls_are_named_with_their_flags(text: str, calls: tuple[str, ...]) -> None:
    assert calls_in(text) == calls


def test_the_habits_of_a_choice(tmp_path: Path) -> None:
    found = habits_of(load_level(template(tmp_path)).file)
    assert found["the first option"] == {"alloc": "page"}
    assert found["the third option"] == found["the last option"] == {"alloc": "virtual"}
    assert found["the longest option"] == {"alloc": "page"}
    assert found["the shortest option"] == {"alloc": "virtual"}
    assert found["kmalloc(…, GFP_KERNEL)"] == {"alloc": "plain"}
    assert found["what is given"] == {}
    assert "the fourth option" not in found


def test_what_is_written_has_no_places(tmp_path: Path) -> None:
    path = changed(template(tmp_path), ("kind: choice ", "kind: fill "))
    found = habits_of(load_level(path).file)
    assert set(found) == {
        "what is given",
        "kmalloc(…, GFP_KERNEL)",
        "vmalloc(…)",
    }


def test_a_proof_tells_which_habits_pass(tmp_path: Path) -> None:
    assert set(prove(template(tmp_path)).habits) == {
        "the second option",
        "kmalloc(…, GFP_KERNEL)",
    }
    assert set(prove(diagnosis(tmp_path)).habits) == {"the longest option"}


def test_coverage_counts_what_solutions_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = coverage([template(tmp_path), diagnosis(tmp_path)])
    assert found.apis["kmalloc"] == ["card-record", "ring-report"]
    assert found.apis["vmalloc"] == []
    assert found.offered["vmalloc"] == ["card-record"]
    assert "vmalloc" in found.missing
    assert found.kinds["diagnose"] == 3
    assert found.forms["artefacts"] == ["ring-report"]
    assert found.concepts == {"card-record-concept": "card-record"}
    assert main(["check", "--coverage", str(tmp_path)]) == 0
    assert "vmalloc" in capsys.readouterr().out
    assert main(["check", "--coverage", "--json", str(tmp_path)]) == 0
    data = json.loads(capsys.readouterr().out)
    assert set(data["apis"]) == {api for group in APIS.values() for api in group}
