"""The author's workshop: templates, the search of answers, sweeps, demonstrations, watching."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kmemquest.cli.main import main
from kmemquest.level.check import check_paths
from kmemquest.level.demonstrate import demonstrations
from kmemquest.level.load import load_level
from kmemquest.level.prove import prove
from kmemquest.level.solve import solve, table
from kmemquest.level.sweep import run_sweep, sweep_question
from kmemquest.level.template import CannotWrite, new_files, write_new
from kmemquest.level.watch import LevelWatch
from tests.level.workshop import changed, diagnosis, template

CONCLUSION = "minutes: 5"


# --- templates ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["level", "pack", "question"])
def test_a_template_passes_the_check_as_it_stands(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", kind, "my-first", "--folder", str(tmp_path)]) == 0
    told = capsys.readouterr().out.strip().split("\n")
    files = [line for line in told if Path(line).is_file()]
    assert len(files) == {"level": 3, "pack": 6, "question": 3}[kind]
    what_next, guide = told[len(files) :][:2]
    assert Path(guide.split()[-1]).read_text("utf-8").startswith("# ")
    target = what_next.split()[-1]
    assert main(["check", target, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["errors"] == []
    assert report["levels"] + report["questions"] == 1


def test_a_template_overwrites_nothing(tmp_path: Path) -> None:
    template(tmp_path, "card")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "card.yaml").unlink()
    with pytest.raises(CannotWrite, match="already there"):
        write_new("level", "card", tmp_path)
    assert not (tmp_path / "card.yaml").exists()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()}.items() <= before.items()


@pytest.mark.parametrize("name", ["Card", "../card", "a/b", "", "-x", "x" * 70])
def test_a_name_that_is_no_id_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CannotWrite, match="is no id"):
        new_files("level", name, tmp_path)


def test_no_word_of_a_template_is_left_unfilled(tmp_path: Path) -> None:
    for kind in ("level", "pack", "question"):
        for text in new_files(kind, "card", tmp_path).values():
            assert not any(word in text for word in ("@ID@", "@LEVEL@", "SCHEMA@"))


# --- solve ----------------------------------------------------------------------------------


def test_solve_finds_what_passes_and_what_nobody_wrote(tmp_path: Path) -> None:
    solution = solve(load_level(template(tmp_path)))
    written = {dict(row.answers).get("alloc", ""): row for row in solution.rows if not row.tried}
    assert written["plain"].stars == 3
    assert not written["page"].passed
    assert not written["virtual"].passed
    assert not written[""].passed
    tried = {dict(row.answers)["alloc"] for row in solution.rows if row.tried and row.passed}
    assert "kzalloc(RECORD_BYTES, GFP_KERNEL)" in tried
    assert "kmalloc(RECORD_BYTES, GFP_ATOMIC)" in tried
    assert solution.par["waste"] == pytest.approx(4 / 64)
    assert solution.star_limits()["3"]["answers"] == len(
        [row for row in solution.rows if row.stars == 3]
    )
    assert "always kmalloc(…, GFP_KERNEL)" in solution.habits
    assert any("GFP_ATOMIC" in win for win in solution.loopholes)


def test_a_level_that_wins_with_nothing_is_a_trivial_win(tmp_path: Path) -> None:
    path = changed(template(tmp_path), ('empty: "NULL"', "empty: kmalloc(RECORD_BYTES, GFP_NOIO)"))
    assert "nothing answered" in solve(load_level(path)).loopholes


def test_solve_tries_all_parts_together(tmp_path: Path) -> None:
    solution = solve(load_level(diagnosis(tmp_path)))
    assert len(solution.rows) == 1 + 2 * 2 * 3 * 2
    (only,) = solution.passing
    assert dict(only.answers)["unwind"] == "stop,free"


def test_the_table_and_the_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = template(tmp_path)
    told = "\n".join(table(solve(load_level(path))))
    assert "★★★ waste 6 %" in told
    assert "par: waste 6 %" in told
    assert main(["solve", str(path), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert {"answers", "par", "star_limits", "trivial_wins", "habits", "left_out"} <= set(data)


# --- sweeps ---------------------------------------------------------------------------------

SWEEP = (
    "minutes: 5\nsweep: {constant: RECORD_BYTES, values: [60, 64, 65, 96, 97, 8K, 8193], "
    "probe: cache-of-slot}"
)


def test_a_sweep_is_run_and_its_answer_computed(tmp_path: Path) -> None:
    level = load_level(changed(template(tmp_path), (CONCLUSION, SWEEP)))
    question = sweep_question(level)
    assert question is not None
    assert question.first == "60"
    assert question.values == ("64", "65", "96", "97", "8K", "8193")
    assert "RECORD_BYTES" in question.text
    result = run_sweep(level)
    assert [(point.value, point.answer) for point in result.points] == [
        ("60", "kmalloc-64"),
        ("64", "kmalloc-64"),
        ("65", "kmalloc-96"),
        ("96", "kmalloc-96"),
        ("97", "kmalloc-128"),
        ("8K", "kmalloc-8k"),
        ("8193", "nothing"),
    ]
    assert result.change == "65"
    assert result.changes == ("65", "97", "8K", "8193")


def test_a_level_without_a_sweep_asks_nothing(tmp_path: Path) -> None:
    level = load_level(template(tmp_path))
    assert sweep_question(level) is None
    assert run_sweep(level).points == ()


def test_a_value_with_which_nothing_builds_is_told_with_the_compilers_words(tmp_path: Path) -> None:
    path = changed(
        template(tmp_path),
        (CONCLUSION, SWEEP),
        ("static int __init", "static_assert(RECORD_BYTES < 4096);\n\n  static int __init"),
    )
    problems = [problem.message for problem in prove(path).problems]
    assert [problem for problem in problems if problem.startswith("with 8K the driver")] == [
        'with 8K the driver does not compile: static assertion failed: "RECORD_BYTES < 4096"'
    ]


# --- demonstrations -------------------------------------------------------------------------

WORKED = """\
minutes: 5
shows:
  - {answers: {alloc: virtual}, fails: clean}
  - driver: |
      #include <linux/module.h>
      #include <linux/slab.h>
      static void *p;
      static int __init a(void)
      {
      \tp = kmalloc(8, GFP_KERNEL);
      \treturn p ? 0 : -ENOMEM;
      }
      static void __exit b(void)
      {
      \tkfree(p);
      }
      module_init(a);
      module_exit(b);
      MODULE_LICENSE("GPL");"""


def shown(path: Path) -> Path:
    changed(path, (CONCLUSION, WORKED))
    for lang, words in (("en", "[It fails., It works.]"), ("zh_CN", "[失败。, 成功。]")):
        text = path.with_name(f"{path.stem}.{lang}.yaml")
        text.write_text(f"shows: {words}\n" + text.read_text(encoding="utf-8"), encoding="utf-8")
    return path


def test_demonstrations_are_runs(tmp_path: Path) -> None:
    path = shown(template(tmp_path))
    assert check_paths([path]).errors == ()
    failure, example = demonstrations(load_level(path))
    assert failure.verdict is not None
    assert "clean" in failure.verdict.failed_goals
    assert failure.text == "It fails."
    assert example.verdict is None
    assert example.clean


def test_a_worked_example_that_leaks_is_told(tmp_path: Path) -> None:
    path = changed(shown(template(tmp_path)), ("      \tkfree(p);\n", "      \treturn;\n"))
    (error,) = check_paths([path]).errors
    assert error.message == "this run is not clean: leak"


def test_a_demonstrated_failure_must_fail_as_claimed(tmp_path: Path) -> None:
    path = changed(shown(template(tmp_path)), ("virtual}, fails: clean}\n  -", "page}, fails: returned}\n  -"))  # fmt: skip # noqa: E501
    (error,) = check_paths([path]).errors
    assert error.message == "this run fails clean, not returned"


# --- watching -------------------------------------------------------------------------------


def test_a_watch_tells_each_change_once(tmp_path: Path) -> None:
    path = template(tmp_path)
    watch = LevelWatch(path)
    first = watch.poll()
    assert first is not None
    assert first.sound
    assert first.level is not None
    assert watch.poll() is None
    changed(path, ("ram: 64M", "ram: 64X"))
    broken = watch.poll()
    assert broken is not None
    assert not broken.sound
    assert broken.level is first.level
    assert "64X" in broken.lines()[0]
    assert watch.poll() is None
    changed(path, ("ram: 64X", "ram: 64M"), ("difficulty: 1 ", "difficulty: 2 "))
    mended = watch.poll()
    assert mended is not None
    assert mended.level is not None
    assert mended.level.file.difficulty == 2
    changed(path.with_name("card-record.en.yaml"), ("The record of an event", "Another title"))
    again = watch.poll()
    assert again is not None
    assert again.level is not None
    assert again.level.text("en").title == "Another title"


def test_a_file_that_is_gone_for_a_moment_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    path = template(tmp_path)
    watch = LevelWatch(path)
    watch.poll()
    text = path.read_text(encoding="utf-8")
    path.unlink()
    gone = watch.poll()
    assert gone is not None
    assert not gone.sound
    path.write_text(text, encoding="utf-8")
    back = watch.poll()
    assert back is not None
    assert back.sound
