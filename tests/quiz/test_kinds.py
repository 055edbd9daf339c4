"""All eight kinds: keys come out of runs, any right answer is accepted, broken files are told."""

import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmemquest.i18n import LANGUAGES
from kmemquest.quiz.answer_key import NoKey, settled
from kmemquest.quiz.bank import Bank, check_bank_file
from kmemquest.quiz.grade import Grade, MalformedAnswer, grade
from kmemquest.quiz.number import NotANumber, read_quantity
from kmemquest.quiz.presentation import driver_lines, key_text, option_lines, prompt_lines
from kmemquest.quiz.question import EXECUTED_KINDS, KINDS, Question

FOLDER = Path(__file__).parent / "every_kind"
BANK = Bank(FOLDER)


def asked(name: str, language: str = "en") -> Question:
    return BANK.question(name, language)


def answer(name: str, text: str) -> Grade:
    return grade(asked(name), text)


def test_the_sample_holds_every_kind_and_is_proven() -> None:
    assert {entry.kind for entry in BANK.entries} == set(KINDS)
    assert check_bank_file(FOLDER / "kinds.yaml") == (10, [])


@pytest.mark.parametrize("language", LANGUAGES)
def test_keys_of_executed_kinds_are_unknown_until_run(language: str) -> None:
    for entry in BANK.entries:
        question = asked(entry.id, language)
        if entry.kind in ("numeric", "bug", "log"):
            assert not question.is_settled
        assert settled(question).is_settled
        assert key_text(settled(question))
        assert list(prompt_lines(question))
        assert bool(list(driver_lines(question))) == (question.experiment is not None)
        assert len(list(option_lines(question))) == len(question.shown_options)
        assert (entry.kind in EXECUTED_KINDS) <= (question.experiment is not None)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("k-single", "a", "b"),
        ("k-proven", "b", "a"),
        ("k-multiple", "a b", "c d"),
        ("k-numeric", "128", "100"),
        ("k-numeric", "0x80 bytes", "4 KiB"),
        ("k-order", "a b c", "c b a"),
        ("k-code", "kmalloc(8, GFP_NOWAIT | __GFP_ZERO)", "kmalloc(64, GFP_KERNEL)"),
        ("k-code", "kzalloc( 64,GFP_ATOMIC )", "NULL"),
        ("k-bug", "13", "11"),
        ("k-bug", "c", "a"),
        ("k-log", "a", "b"),
        ("k-court", "b", "a"),
        ("k-match", "a b c", "b a d"),
        ("k-match", "1a 2b 3c", "d d d"),
    ],
)
def test_each_kind_is_graded(name: str, right: str, wrong: str) -> None:
    assert answer(name, right).passed
    result = answer(name, wrong)
    assert result.score == 0
    assert result.given


@pytest.mark.parametrize(
    ("name", "text", "score"),
    [("k-order", "a c b", 1 / 3), ("k-match", "a b d", 2 / 3), ("k-multiple", "a b c", 0.5)],
)
def test_partial_credit(name: str, text: str, score: float) -> None:
    assert answer(name, text).score == pytest.approx(score)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("k-numeric", "many"),
        ("k-numeric", "3 apples"),
        ("k-numeric", "0.5"),
        ("k-order", "a b"),
        ("k-order", "a b b"),
        ("k-code", ""),
        ("k-code", "kmalloc(64, GFP_ATOMIC"),
        ("k-code", "no_such_function(1)"),
        ("k-code", "x" * 3000),
        ("k-bug", "0"),
        ("k-bug", "999"),
        ("k-bug", "ab"),
        ("k-bug", ""),
        ("k-match", "a b"),
        ("k-match", "a b z"),
        ("k-match", "9a 1b 2c"),
        ("k-log", "ab"),
    ],
)
def test_what_cannot_be_read_costs_nothing(name: str, text: str) -> None:
    with pytest.raises(MalformedAnswer):
        answer(name, text)


def test_beliefs_are_named() -> None:
    assert answer("k-numeric", "100").beliefs == ("kmalloc-exact",)
    assert answer("k-multiple", "a c").beliefs == ("gfp-kernel-everywhere",)
    assert answer("k-code", "kmalloc(64,GFP_KERNEL)").beliefs == ("gfp-kernel-everywhere",)
    assert answer("k-bug", "11").beliefs == ("last-index-is-outside",)
    assert answer("k-single", "a").beliefs == ()
    assert BANK.belief("kmalloc-exact", "en") != BANK.belief("kmalloc-exact", "zh_CN") != ""
    assert BANK.belief("no-such-belief", "en") == ""


def test_wrong_code_is_told_what_went_wrong() -> None:
    result = answer("k-code", "kmalloc(64, GFP_KERNEL)")
    assert "sleeping function" in result.remark
    assert result.findings is not None
    assert result.findings.reports


def test_the_first_bad_step_is_computed_by_the_run() -> None:
    question = settled(asked("k-bug"))
    lines = list(driver_lines(question))
    assert "buf[0] = 2" in lines[question.bug_line]
    assert question.correct_ids == {"late-store"}
    assert "13" in answer("k-bug", "3").remark


# --- numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "4096",
        "4 KiB",
        "4k",
        "4 kB",
        "4KB",
        "0x1000",
        "1 page",
        "4,096",
        "4 096",
        "４０９６",
        "4096 B",
    ],
)
def test_bytes_are_read_as_people_type_them(text: str) -> None:
    assert read_quantity(text, "bytes") == 4096


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("8 KiB", "pages", 2),
        ("3 pages", "pages", 3),
        ("order 3", "order", 3),
        ("-12", "none", -12),
        ("2 us", "ns", 2000),
        ("5 objects", "objects", 5),
        ("1.5 MiB", "bytes", 1572864),
        ("12 字节", "bytes", 12),
    ],
)
def test_units(text: str, unit: str, value: int) -> None:
    assert read_quantity(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit"),
    [("5 KiB", "pages"), ("4 KiB", "objects"), ("1e9", "none"), ("", "bytes"), ("9" * 99, "none")],
)
def test_what_fits_no_unit_is_refused(text: str, unit: str) -> None:
    with pytest.raises(NotANumber):
        read_quantity(text, unit)


@given(st.integers(0, 2**64), st.sampled_from(["{}", "{:,}", "{:#x}", " {} "]))
def test_numbers_survive_every_way_of_writing(number: int, form: str) -> None:
    assert read_quantity(form.format(number), "bytes") == number


@given(st.text(max_size=40), st.sampled_from([entry.id for entry in BANK.entries]))
def test_no_answer_crashes_the_grader(text: str, name: str) -> None:
    if asked(name).kind == "code":
        text = text[:4]
    with suppress(MalformedAnswer):
        assert 0 <= answer(name, text).score <= 1


# --- broken files -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "fragment"),
    [
        ("number: {log: ", "number: {lag: ", "unknown measure"),
        ('number: {log: "size = {}"}', 'number: {log: "width = {}"}', "no line of the log"),
        ("exactly: 100,", "exactly: 128,", "is the key (128)"),
        ("correct: [order-1]", "correct: [order-0]", "the run shows 1, the right option says 0"),
        ("numbers: {order-0: 0, order-1: 1, order-2: 2}", "numbers: {order-1: 1, order-2: 2}",
         "missing in numbers"),
        ("numbers: {order-0: 0, order-1: 1, order-2: 2}", "verdict: ok", "belong together"),
        ("order-2: 2}", "order-2: 1}", "stands here twice"),
        ("options: [first, second, third]", "options: [second, first, third]", "shows the order"),
        ("p = /*@slot answer*/", "p = NULL", "exactly once"),
        ("correct: [atomic, nowait]\n    beliefs: {kernel: gfp-kernel-everywhere}",
         "correct: [atomic]\n    beliefs: {kernel: gfp-kernel-everywhere}", "meets the goals"),
        ("kmalloc(64, GFP_NOWAIT)", "kmalloc(64, GFP_KERNEL)", "should be right"),
        ('late-store: "buf[0] = 2"', 'late-store: "kfree(buf)"', "which is no option"),
        ('last-byte: "buf[31] = 1"', 'last-byte: "buf"', "lines of the driver, not on one"),
        ("quiet: [silent]", "quiet: [no-log]", "needs a parameter"),
        ("quiet: [silent]", "quiet: [{logg: x}]", "unknown expectation"),
        ("quiet: [silent]", 'quiet: ["KASAN"]', "exactly one option"),
        ("by-vmalloc: vfree-it", "by-vmalloc: gone", "not an option"),
        ("kind: order", "kind: multiple", "takes no at"),
        ("    difficulty: 4\n", "    given: [kasan]\n    difficulty: 4\n", "second time"),
        ("- id: k-match\n    kind: match", "- kind: match\n    id: k-match", "index cannot read"),
        ("given: [kasan]", "given: [kassan]", "expected one of"),
        ("production\n      shown", "producton\n      shown", "unknown checkers"),
        ("beliefs: {nothing:", "beliefs: {zero-size-ptr:", "no belief leads to it"),
    ],
)  # fmt: skip
def test_broken_topics_are_told_with_their_place(
    tmp_path: Path, old: str, new: str, fragment: str
) -> None:
    shutil.copytree(FOLDER, tmp_path / "bank")
    path = tmp_path / "bank" / "kinds.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    _count, problems = check_bank_file(path)
    assert any(fragment in str(problem) for problem in problems), problems
    assert all(problem.line > 0 for problem in problems)


def test_an_experiment_that_shows_nothing_is_no_key() -> None:
    from dataclasses import replace

    question = asked("k-numeric")
    with pytest.raises(NoKey):
        settled(replace(question, measure={"result": 99}))
    with pytest.raises(NoKey):
        settled(replace(question, measure={"proc": {"file": "meminfo", "line": "Nope", "word": 1}}))


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        ({"calls": "kmalloc"}, 1),
        ({"failures": "kmalloc"}, 0),
        ({"reports": "any"}, 0),
        ({"result": 1}, 0),
        ({"count": "CallMade"}, 4),
    ],
)
def test_measures(measure: dict[str, object], value: int) -> None:
    from dataclasses import replace

    assert settled(replace(asked("k-numeric"), measure=measure)).number == value


def test_proc_files_can_be_measured() -> None:
    from dataclasses import replace

    measure = {"proc": {"file": "meminfo", "line": "MemTotal:", "word": 2}}
    number = settled(replace(asked("k-numeric"), measure=measure)).number
    assert number is not None
    assert 100_000 < number < 256 * 1024


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("address: 0000000000000028", 0x28),
        ("address: 000000000000002a", 0x2A),
        ("address: ffff888003c00000", 0xFFFF_8880_03C0_0000),
        ("address: 0x0010", 0x10),
        ("address: 007", 7),
        ("address: -12", -12),
    ],
)
def test_numbers_are_read_as_the_kernel_prints_them(line: str, number: int) -> None:
    from types import SimpleNamespace
    from typing import cast

    from kmemquest.quiz.expectation import measured
    from kmemquest.quiz.experiment import Findings

    findings = cast(Findings, SimpleNamespace(texts=[line]))
    assert measured({"log": "address: {}"}, findings) == number
