"""Packs: installed, played by id, exported whole and without answers."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from kmemquest.cli.main import main
from kmemquest.level.attempt import Attempt
from kmemquest.level.check import check_paths
from kmemquest.level.library import Library
from kmemquest.level.load import load_level
from kmemquest.level.pack import open_pack
from kmemquest.level.pack_export import export_pack
from kmemquest.level.pack_store import UnknownPack, find_pack, install, installed, remove
from kmemquest.level.template import write_new
from kmemquest.level.verdict import judge
from tests.level.workshop import changed, diagnosis


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMEMQUEST_HOME", str(tmp_path / "home"))


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """Write a pack of two levels: the template's, and a diagnosis."""
    write_new("pack", "course", tmp_path)
    root = tmp_path / "course"
    diagnosis(root / "levels")
    changed(root / "pack.yaml", ("[course-first]", "[course-first, ring-report]"))
    return root


def test_the_pack_is_sound(pack: Path) -> None:
    result = check_paths([pack])
    assert result.errors == ()
    assert result.levels == 2
    assert result.files == 9


def test_installed_levels_are_played_by_id(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack", "install", str(pack)]) == 0
    for word in ("course/course-first", "course-first"):
        assert Library.open().find(word).id == "course-first"
    capsys.readouterr()
    assert main(["play", "course/course-first", "--json", "--answer", "alloc=plain"]) == 0
    assert json.loads(capsys.readouterr().out)["stars"] == 3
    assert main(["play", "course/course-first", "--headless", "--answer", "alloc=page"]) == 1
    assert main(["play", "course/absent", "--headless"]) == 2


def test_list_and_remove(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(pack)
    assert main(["pack", "list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["packs"]
    assert row["levels"] == ["course/course-first", "course/ring-report"]
    assert main(["pack", "remove", "course"]) == 0
    assert installed() == ([], [])
    assert main(["pack", "remove", "course"]) == 2
    with pytest.raises(UnknownPack):
        remove("../course")


def test_a_second_install_needs_replace(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(pack)
    changed(pack / "pack.yaml", ("version: 0.1.0", "version: 0.2.0"))
    assert main(["pack", "install", str(pack)]) == 2
    assert "already installed" in capsys.readouterr().err
    assert find_pack("course").file.version == "0.1.0"
    assert main(["pack", "install", str(pack), "--replace"]) == 0
    assert find_pack("course").file.version == "0.2.0"


def test_a_pack_that_breaks_later_is_listed_as_broken(pack: Path) -> None:
    folder = install(pack).root
    (folder / "pack.yaml").write_text("id: [")
    sound, broken = installed()
    assert sound == []
    assert broken[0].id == "course"
    remove("course")
    assert installed() == ([], [])


def test_a_broken_level_is_not_installed(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed(pack / "levels" / "course-first.yaml", ("difficulty: 1 ", "difficulty: 11 "))
    assert main(["pack", "install", str(pack)]) == 2
    assert "course-first.yaml:" in capsys.readouterr().err
    assert installed() == ([], [])


def test_one_language_is_enough(pack: Path) -> None:
    for path in pack.rglob("*.zh_CN.yaml"):
        path.unlink()
    changed(pack / "pack.yaml", ("[en, zh_CN]", "[en]"))
    assert check_paths([pack]).errors == ()
    assert install(pack).level("ring-report").text("zh_CN").title == "The ring that spoke twice"


def test_an_export_is_the_same_every_time_and_can_be_installed(pack: Path, tmp_path: Path) -> None:
    one, two = export_pack(open_pack(pack)), export_pack(open_pack(pack))
    assert one == two
    target = tmp_path / "course.zip"
    target.write_bytes(one)
    assert check_paths([target]).errors == ()
    assert install(target).id == "course"


# --- for students ---------------------------------------------------------------------------


def student_copy(pack: Path, tmp_path: Path) -> Path:
    target = tmp_path / "student.zip"
    target.write_bytes(export_pack(open_pack(pack), student=True))
    return target


def test_a_student_copy_holds_no_answer(pack: Path, tmp_path: Path) -> None:
    """Nothing that only a solution, a mistake or a debrief says is in any file of it."""
    first = pack / "levels" / "course-first.yaml"
    changed(first, ("minutes: 5", "minutes: 5   # the note: plain is what I want to hear"))
    data = student_copy(pack, tmp_path).read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    together = "\n".join(texts.values())
    for word in ("solution:", "wrong:", "misconception", "reveals", "debrief:", "the note"):
        assert word not in together
    for path in (pack / "levels").glob("*.en.yaml"):
        level = load_level(path.with_name(path.name.replace(".en", "")))
        text = level.text("en")
        for secret in (*text.wrong, text.hints[2], *text.debrief.strip().split("\n")):
            assert not secret or secret not in together
        for option in level.file.solution.values():
            assert together.count(f": {option}\n") == 0


def test_a_student_copy_plays_and_is_judged_like_the_whole(pack: Path, tmp_path: Path) -> None:
    whole = {
        path.id: path
        for path in (open_pack(pack).level(n) for n in ("course-first", "ring-report"))
    }
    copy = install(student_copy(pack, tmp_path))
    assert copy.file.student
    for name, full in whole.items():
        level = copy.level(name)
        assert level.file.student
        assert level.play_digest == full.play_digest
        assert level.digest != full.digest
        for answers in (full.file.solution, *(w.answers for w in full.file.wrong)):
            chosen = {**full.file.solution, **answers}
            one = judge(full, Attempt(full, chosen).run())
            other = judge(level, Attempt(level, chosen).run())
            assert (one.passed, one.stars, one.failed_goals) == (
                other.passed,
                other.stars,
                other.failed_goals,
            )


def test_a_student_copy_can_be_checked_but_not_solved(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = student_copy(pack, tmp_path)
    assert check_paths([target]).errors == ()
    install(target)
    assert main(["solve", "course/course-first"]) == 2
    assert "student's copy" in capsys.readouterr().err
    assert main(["play", "course/course-first", "--headless", "--answer", "alloc=plain"]) == 0


def test_a_copy_that_holds_a_solution_is_told(pack: Path) -> None:
    changed(pack / "levels" / "course-first.yaml", ("minutes: 5", "minutes: 5\nstudent: true"))
    found = [str(error) for error in check_paths([pack]).errors]
    assert any("must not hold 'solution'" in error for error in found)
    assert any("must not hold a hint that reveals" in error for error in found)


def test_written_slots_lose_their_samples(pack: Path, tmp_path: Path) -> None:
    """Who has to write C must not find it among the samples that the checker runs."""
    changed(pack / "levels" / "course-first.yaml", ("kind: choice ", "kind: fill "))
    full = open_pack(pack).level("course-first")
    level = install(student_copy(pack, tmp_path)).level("course-first")
    assert level.file.slots["alloc"].options == {}
    assert level.play_digest == full.play_digest
    answer = {"alloc": "kmalloc(RECORD_BYTES, GFP_KERNEL)"}
    assert judge(level, Attempt(level, answer).run()).stars == 3


def test_an_export_is_proven_first(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed(pack / "levels" / "course-first.yaml", ("uses: [", "uses: [kmaloc, "))
    export = ["pack", "export", str(pack), "--output", str(tmp_path)]
    assert main(export) == 2
    told = capsys.readouterr().err
    assert "nothing was written" in told
    assert "'kmaloc'" in told
    assert not list(tmp_path.glob("*.zip"))
    assert main([*export, "--unproven"]) == 0
    assert list(tmp_path.glob("*.zip"))


def test_a_level_checked_alone_uses_what_is_taught_somewhere(pack: Path) -> None:
    second = pack / "levels" / "ring-report.yaml"
    assert check_paths([second]).errors == ()
    changed(second, ("uses: [", "uses: [no-such-concept, "))
    (error,) = check_paths([second]).errors
    assert "no level of the campaign or of this folder" in error.message
    assert error.line > 1


def test_a_concept_without_a_name_is_missed_where_names_stand(pack: Path) -> None:
    text = (pack / "pack.en.yaml").read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith("concepts:"))
    lines[at + 1] = f"  another: {lines[at + 1].partition(':')[2].strip()}\n"
    (pack / "pack.en.yaml").write_text("".join(lines), encoding="utf-8")
    told = check_paths([pack]).errors
    (missing,) = [error for error in told if "has no name" in error.message]
    assert missing.line == at + 1
    (left,) = [
        error for error in told if "no level of this pack teaches 'another'" in error.message
    ]
    assert left.line == at + 2
