"""Questions are asked from where they were written; what is wrong is told with its place."""

import shutil
from pathlib import Path

import pytest

from kmemquest.content.problem import Problem, ProblemsFound
from kmemquest.quiz.bank import Bank, check_bank_file, open_bank, structure_files
from kmemquest.quiz.bank_check import read_topic
from kmemquest.quiz.bank_references import TREE_FOLDERS, source_mistake
from kmemquest.quiz.draw import draw, topics
from kmemquest.quiz.generators import load_generators
from kmemquest.quiz.own_bank import OwnBank, read_own_bank
from tests.quiz.test_bank import write_bank

FOLDER = Path(__file__).parent / "every_kind"


@pytest.fixture
def kinds(tmp_path: Path) -> Path:
    shutil.copytree(FOLDER, tmp_path / "own")
    return tmp_path / "own" / "kinds.yaml"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def checked(path: Path, old: str, new: str) -> list[Problem]:
    change(path, old, new)
    return check_bank_file(path)[1]


def row(problem: Problem) -> str:
    """Return the text of the file from a problem's place on."""
    lines = Path(problem.file).read_text(encoding="utf-8").split("\n")
    return lines[problem.line - 1][problem.column - 1 :]


# --- reading ------------------------------------------------------------------------------


def test_own_files_give_what_a_bank_gives() -> None:
    own, bank = read_own_bank([FOLDER]), Bank(FOLDER)
    assert own.entries == bank.entries
    for entry in bank.entries:
        for language in ("en", "zh_CN"):
            assert own.question(entry.id, language) == bank.question(entry.id, language)
    own.prove([entry.id for entry in own.entries])
    assert own.title("kinds", "en") == bank.title("kinds", "en")


def test_own_files_are_asked_alone() -> None:
    load_generators()
    own = read_own_bank([FOLDER / "kinds.yaml"])
    assert topics(own) == ("kinds",)
    drawn = draw(own, 100, 1)
    assert sorted(each.id for each in drawn) == sorted(each.id for each in own.entries)


def test_a_language_is_needed_only_where_it_is_asked(tmp_path: Path) -> None:
    path = write_bank(tmp_path)
    (tmp_path / "sample.zh_CN.yaml").unlink()
    assert read_own_bank([path], ("en",)).question("q-one", "en").prompt == "What?"
    with pytest.raises(ProblemsFound, match=r"sample\.zh_CN\.yaml"):
        read_own_bank([path])


def test_a_file_of_words_stands_for_its_topic(tmp_path: Path) -> None:
    write_bank(tmp_path)
    own = read_own_bank(sorted(tmp_path.glob("*.yaml")))
    assert [entry.id for entry in own.entries] == ["q-one"]


def test_the_same_topic_twice_is_told(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_bank(tmp_path / name)
    with pytest.raises(ProblemsFound) as found:
        read_own_bank([tmp_path / "one", tmp_path / "two"])
    topic, question = found.value.problems
    assert "is the topic 'sample', too" in topic.message
    assert "the id 'q-one' is also in" in question.message
    assert topic.line
    assert question.line


def test_a_folder_without_a_topic_is_told(tmp_path: Path) -> None:
    (tmp_path / "level.yaml").write_text("format_version: 1\n", encoding="utf-8")
    with pytest.raises(ProblemsFound, match="no topic in this folder"):
        read_own_bank([tmp_path])


def test_a_huge_topic_of_a_folder_is_told(tmp_path: Path) -> None:
    write_bank(tmp_path)
    (tmp_path / "huge.yaml").write_text("questions:\n" + "# …\n" * 100_000, encoding="utf-8")
    with pytest.raises(ProblemsFound, match=r"huge\.yaml: larger than 256 KiB"):
        read_own_bank([tmp_path])


@pytest.mark.parametrize(
    "text",
    [b"", b"\xff\xfe", b"a: [", b"questions: 3\n", b"- " * 50_000, b"x" * (300 << 10)],
    ids=["empty", "bytes", "open", "number", "deep", "large"],
)
def test_hostile_files_are_refused(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(text)
    with pytest.raises(ProblemsFound):
        read_own_bank([path])


def test_a_key_is_proven_before_it_is_asked(kinds: Path) -> None:
    change(kinds, "correct: [order-1]", "correct: [order-0]")
    own = read_own_bank([kinds])
    own.prove(["k-numeric", "k-single"])
    with pytest.raises(ProblemsFound, match="the run shows 1, the right option says 0"):
        own.prove(["k-single", "k-proven"])


def test_own_files_may_use_the_beliefs_that_ship(tmp_path: Path) -> None:
    bank = open_bank()
    path = write_bank(tmp_path)
    change(path, "correct: [a],", "correct: [a], beliefs: {b: kmalloc-exact},")
    own = read_own_bank([path])
    assert own.belief("kmalloc-exact", "en") == bank.belief("kmalloc-exact", "en") != ""
    assert isinstance(own, OwnBank)


# --- what passed silently -----------------------------------------------------------------


def test_an_unworded_belief_is_told_with_the_nearest(kinds: Path) -> None:
    (problem,) = checked(kinds, "{exactly: kmalloc-exact,", "{exactly: kmalloc-exakt,")
    assert "no topic words the belief 'kmalloc-exakt'" in problem.message
    assert "did you mean 'kmalloc-exact'?" in problem.hint
    assert row(problem).startswith("kmalloc-exakt")


def test_a_belief_worded_in_one_language_only_is_told(kinds: Path) -> None:
    change(kinds, "beliefs: {nothing: kmalloc-zero-is-null}", "beliefs: {nothing: brand-new}")
    change(kinds.with_name("kinds.en.yaml"), "beliefs:\n", "beliefs:\n  brand-new: New\n")
    (problem,) = check_bank_file(kinds)[1]
    assert problem.message == "no topic words the belief 'brand-new' in zh_CN"
    assert "kinds.zh_CN.yaml" in problem.hint


def test_topics_side_by_side_share_beliefs(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    for language in ("en", "zh_CN"):
        words = tmp_path / f"kinds.{language}.yaml"
        change(words, "beliefs:\n", "beliefs:\n  our-own: Ours\n")
    path = write_bank(tmp_path)
    change(path, "correct: [a],", "correct: [a], beliefs: {b: our-own},")
    assert check_bank_file(path) == (1, [])


def test_an_id_of_the_bank_is_told(tmp_path: Path) -> None:
    path = write_bank(tmp_path)
    for language in ("en", "zh_CN"):
        change(tmp_path / f"sample.{language}.yaml", "q-one", "thirty-01")
    (problem,) = checked(path, "q-one", "thirty-01")
    assert "'thirty-01' is already in the bank" in problem.message
    assert row(problem).startswith("thirty-01")


def test_a_new_edition_of_a_topic_that_ships_keeps_its_ids(tmp_path: Path) -> None:
    for path in (open_bank()._folder).glob("boot*.yaml"):
        shutil.copy(path, tmp_path)
    assert read_topic(tmp_path / "boot.yaml")[1] == []


@pytest.mark.parametrize(
    "source",
    ["mm/slub.c", "mm/slub.c:kfree", "Documentation/core-api/", "Makefile:NOSTDINC_FLAGS",
     "include/linux/fs.h:struct file_operations", "mallopt(3)", "my-class.gift"],
)  # fmt: skip
def test_a_source_of_the_right_form_is_taken(source: str) -> None:
    assert source_mistake(source) == ""


@pytest.mark.parametrize(
    "source",
    ["", "slub.c", "https://lwn.net/Articles/1/", "/mm/slub.c", "mm/../etc/passwd", "mm/slub.c:12",
     "memory/slub.c", "see mm/slub.c", "mm/slub.c: kfree", "mm"],
)  # fmt: skip
def test_a_source_of_the_wrong_form_is_told(source: str) -> None:
    assert source_mistake(source)


def test_a_wrong_source_is_told_with_its_place(kinds: Path) -> None:
    new = "sources: [mm/slub.c, inclde/linux/slab.h]"
    (problem,) = checked(kinds, 'sources: ["include/linux/slab.h:ZERO_SIZE_PTR"]', new)
    assert row(problem).startswith("inclde/linux/slab.h")
    assert problem.hint == "did you mean 'include'?"


def test_all_that_ships_passes_and_names_real_folders() -> None:
    used = set()
    for path in structure_files(open_bank()._folder):
        files, problems = read_topic(path)
        assert problems == []
        assert files is not None
        used |= {s.split("/")[0] for e in files.topic.questions for s in e.sources if "/" in s}
    assert used <= set(TREE_FOLDERS)


@pytest.mark.parametrize("name", ["kinds.yaml", "kinds.en.yaml"])
def test_control_characters_are_refused(name: str, kinds: Path) -> None:
    path = kinds.with_name(name)
    old, new = {
        "kinds.yaml": ('{log: "order = {}"}', '{log: "\\e[2Jorder = {}"}'),
        "kinds.en.yaml": ("title: ", 'title: "\\e[2J" #'),
    }[name]
    change(path, old, new)
    found = [each for each in check_bank_file(kinds)[1] if "control character" in each.message]
    assert [(Path(each.file).name, "U+001B" in each.message) for each in found] == [(name, True)]
    assert found[0].line > 0


# --- messages of runs ---------------------------------------------------------------------


def test_a_build_error_is_told_at_its_line_with_the_hint(kinds: Path) -> None:
    problems = checked(kinds, "#include <linux/slab.h>", "#include <linux/types.h>")
    assert [row(each).split("(")[0] for each in problems] == ["kmalloc", "ksize", "kfree"]
    assert all("the driver does not compile" in each.message for each in problems)
    assert all("#include <linux/slab.h>" in each.hint for each in problems)


def test_a_build_error_of_an_answer_is_told_at_the_answer(kinds: Path) -> None:
    (problem,) = checked(kinds, "kmalloc(64, GFP_NOWAIT)", "kmaloc(64, GFP_NOWAIT)")
    assert row(problem).startswith("kmaloc(64")
    assert "'nowait' does not compile" in problem.message


def test_a_build_error_behind_a_longer_answer_is_told_at_its_line(kinds: Path) -> None:
    change(kinds, "nowait: kmalloc(64, GFP_NOWAIT)", 'nowait: "kmalloc(64,\\n\\n GFP_NOWAIT)"')
    problems = checked(
        kinds, "spin_unlock(&lock);\n        \tif", "spin_unlock(&lok);\n        \tif"
    )
    assert problems
    assert {row(each) for each in problems} == {"lok);"}


def test_a_driver_in_quotes_is_told_with_its_own_line(tmp_path: Path) -> None:
    path = write_bank(tmp_path)
    run = 'run: {driver: "int x = y;"}, number: {result: 1}, numbers: {a: 1, b: 2}, sources: '
    problems = checked(path, "sources: ", run)
    assert any("driver.c:1:9" in each.message for each in problems)
    assert all(row(each).startswith('"int x') for each in problems)


def test_a_missing_log_line_shows_the_end_of_the_log(kinds: Path) -> None:
    (problem,) = checked(kinds, 'number: {log: "size = {}"}', 'number: {log: "width = {}"}')
    assert "no line of the log reads 'width = {}'" in problem.message
    assert "the run ended as ran" in problem.hint
    assert problem.hint.endswith("| size = 128")


def test_no_fitting_option_shows_outcome_and_reports(kinds: Path) -> None:
    (problem,) = checked(kinds, "quiet: [silent]", 'quiet: ["KASAN"]')
    assert "reports: slab-use-after-free" in problem.hint


@pytest.mark.parametrize(
    ("line", "fragment", "at", "hint"),
    [
        ("script: [insmod, {raed: {file: cam}}]", "did you mean 'read'?", "{raed", ""),
        ("script: [insmod, {read: {file: cam}}]", "no open file 'cam'", "{read", "order = 1"),
        ("machine: rma=3", "unknown machine word", "rma", ""),
        ("checkers: producton", "unknown checkers", "producton", ""),
    ],
)
def test_what_cannot_be_run_is_told_at_its_part(
    line: str, fragment: str, at: str, hint: str, kinds: Path
) -> None:
    change(kinds, "checkers: production\n      shown", "shown")
    (problem,) = checked(kinds, "shown: false", f"shown: false\n      {line}")
    assert fragment in problem.message
    assert row(problem).startswith(at)
    assert problem.hint.endswith(hint)
