"""The sandbox: statements run for real, undo is exact, failures are explained, levels saved."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from kmemquest.i18n import language, set_language
from kmemquest.kernel.spec import Checkers, MachineSpec
from kmemquest.level.check import check_paths
from kmemquest.level.sandbox import MAX_STATEMENTS, Ground, Refusal, Sandbox, SandboxRun
from kmemquest.level.sandbox_names import completions, open_call, signatures
from kmemquest.level.sandbox_save import write_level
from kmemquest.level.sandbox_words import result_words, why_lines
from kmemquest.level.template import CannotWrite
from kmemquest.level.views.viewset import ViewSet


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    before = language()
    set_language("en")
    yield
    set_language(before)


def taken(sandbox: Sandbox, *texts: str) -> SandboxRun:
    for text in texts:
        result = sandbox.enter(text)
        assert not isinstance(result, Refusal), (text, result)
    return sandbox.run


def result(run: SandboxRun, number: int) -> str:
    return result_words(run, ViewSet(run.recording), number).text


def chain(run: SandboxRun, number: int) -> str:
    return "\n".join(said.text for said in why_lines(run, ViewSet(run.recording), number))


def test_values_and_variables_last_from_statement_to_statement() -> None:
    run = taken(Sandbox(), "p = kmalloc(100, GFP_KERNEL);", "ksize(p)", "_2 + 1", "int a[2] = {7}")
    assert [run.value(n) for n in (2, 3)] == [
        ("size_t", "128"),
        ("long unsigned int", "129"),
    ]
    kind, address = run.value(1) or ("", "")
    assert kind == "void *"
    assert address.startswith("0xffff8880")
    assert ("a", "int[2]", "{7, 0}") in run.variables()


def test_an_address_is_decoded_for_what_lies_there() -> None:
    run = taken(
        Sandbox(),
        "p = kmalloc(100, GFP_KERNEL)",
        "p + 4",
        "vmalloc(5000)",
        "alloc_pages(GFP_KERNEL, 1)",
        "kmalloc(0, GFP_KERNEL)",
        "ERR_PTR(-ENOMEM)",
        "kfree(p)",
        "p",
        "-EINVAL",
    )
    assert "kmalloc-128" in result(run, 1)
    assert "4 bytes into kmalloc-128" in result(run, 2)
    assert "page 0 of an area of 2 pages" in result(run, 3)
    assert "struct page of frame 0x" in result(run, 4)
    assert "ZERO_SIZE_PTR" in result(run, 5)
    assert "ERR_PTR(-ENOMEM)" in result(run, 6)
    assert "freed: kmalloc-128" in result(run, 8)
    assert result(run, 9) == "(int) -22 = -EINVAL"


def test_definitions_macros_and_loops_are_taken_too() -> None:
    run = taken(
        Sandbox(),
        "#define N 4",
        "static int twice(int x) { return 2 * x; }",
        "int i, sum = 0;",
        "for (i = 0; i < N; i++) sum += twice(i);",
        "sum",
    )
    assert run.value(5) == ("int", "12")


def test_what_does_not_build_is_refused_with_column_and_hint_and_changes_nothing() -> None:
    sandbox = Sandbox()
    taken(sandbox, "p = kmalloc(8, GFP_KERNEL)")
    before = sandbox.run.recording.digest()
    refused = sandbox.enter("kfree(p")
    assert isinstance(refused, Refusal)
    assert refused.column == 8
    assert "parenthesis" in refused.hint
    assert isinstance(sandbox.enter("no_such_thing(1)"), Refusal)
    assert isinstance(sandbox.enter("   "), Refusal)
    assert isinstance(sandbox.enter("1;" * 2000), Refusal)
    assert sandbox.run.recording.digest() == before


def test_undo_and_redo_are_exact() -> None:
    sandbox = Sandbox()
    first = taken(sandbox, "p = kmalloc(100, GFP_KERNEL)", "q = vmalloc(9000)").recording.digest()
    taken(sandbox, "kfree(p)")
    assert sandbox.undo()
    assert sandbox.run.recording.digest() == first
    assert sandbox.redo()
    assert [statement.text for statement in sandbox.statements][-1] == "kfree(p)"
    taken(sandbox, "vfree(q)")
    assert not sandbox.redo()
    while sandbox.undo():
        pass
    assert sandbox.statements == ()
    assert sandbox.run.passages == ()


def test_events_belong_to_their_statements_and_end_with_the_last() -> None:
    run = taken(Sandbox(), "DEFINE_SPINLOCK(lock)", "spin_lock(&lock)", "kmalloc(8, GFP_KERNEL)")
    spans = [(p.first_event, p.last_event) for p in run.passages]
    assert spans == sorted(spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert spans[-1][1] == run.end_event
    assert "sleeping function" in result(run, 3)


def test_nothing_runs_after_the_machine_died_until_that_is_undone() -> None:
    sandbox = Sandbox()
    run = taken(sandbox, "int x = 1", "*(int *)0 = x")
    assert run.died_at == 2
    refused = sandbox.enter("x")
    assert isinstance(refused, Refusal)
    assert "2" in refused.message
    sandbox.undo()
    assert taken(sandbox, "x").value(2) == ("int", "1")


def test_an_endless_loop_ends() -> None:
    run = taken(Sandbox(), "for (;;) kfree(NULL);")
    assert run.recording.outcome == "stopped"
    assert run.died_at == 1


def test_why_tells_watermarks_free_blocks_and_who_holds_them() -> None:
    sandbox = Sandbox(Ground(uptime="fragmented"))
    text = chain(taken(sandbox, "kmalloc(4 << 20, GFP_ATOMIC)"), 1)
    assert "wanted: 1024 pages in one block (order 10, 4096 KiB)" in text
    assert "may not sleep" in text
    assert "no block of order 10" in text
    assert "of 1024 are in use" in text
    lists = sandbox.proc("buddyinfo")
    free = int(lists.split("DMA32")[1].split()[0])
    row = next(line for line in text.split("\n") if line.startswith("0 DMA32") and "," not in line)
    assert int(row.split()[2]) == free
    assert "no failure" not in text


def test_what_did_not_fail_says_so() -> None:
    run = taken(Sandbox(), "kmalloc(8, GFP_KERNEL)", "int x = 3")
    assert "It did not fail." in chain(run, 1)
    assert "Nothing happened to memory." in chain(run, 2)


def test_another_machine_runs_the_same_statements() -> None:
    sandbox = Sandbox()
    taken(sandbox, "p = kmalloc(100, GFP_KERNEL)", "kfree(p)", "*(char *)p")
    assert "KASAN" in result(sandbox.run, 3)
    quiet = MachineSpec(ram=64 << 20, checkers=Checkers.preset("production"))
    assert sandbox.move_to(Ground(quiet)) == []
    assert "KASAN" not in result(sandbox.run, 3)
    assert sandbox.run.recording.spec.ram == 64 << 20


def test_the_number_of_statements_is_bounded() -> None:
    sandbox = Sandbox()
    sandbox.load([";"] * (MAX_STATEMENTS + 5))
    assert len(sandbox.statements) == MAX_STATEMENTS
    assert isinstance(sandbox.enter("int x;"), Refusal)


def test_names_complete_with_their_prototypes() -> None:
    assert completions("kmallo")[0] == "kmalloc"
    assert completions("my", ("mine", "my_page"))[0] == "my_page"
    assert signatures()["kmalloc"] == "void *kmalloc(size_t size, gfp_t flags)"
    assert open_call("p = kmalloc(sizeof(int), ") == "kmalloc"
    assert open_call("p = kmalloc(8, GFP_KERNEL)") == ""


@pytest.mark.parametrize(
    "texts",
    [
        (
            "#define RECORD 60",
            "p = kmalloc(RECORD, GFP_KERNEL)",
            "memset(p, 0, RECORD)",
            "kfree(p)",
        ),
        ("kmalloc(3000, GFP_KERNEL)", "((char *)_1)[0] = 1", "kfree(_1)"),
        ("struct page *pg = alloc_pages(GFP_KERNEL, 2)", "__free_pages(pg, 2)"),
    ],
    ids=["record", "result", "pages"],
)
def test_a_saved_level_passes_the_check(texts: tuple[str, ...], tmp_path: Path) -> None:
    sandbox = Sandbox()
    assert sandbox.load(texts) == []
    files = write_level(sandbox, "from-sandbox", tmp_path)
    assert files[0].name == "from-sandbox.yaml"
    checked = check_paths([files[0]])
    assert checked.errors == ()
    assert checked.wrong_answers_proven >= 2
    assert "EDIT" in files[0].read_text(encoding="utf-8")


def test_saving_refuses_what_would_lose_something(tmp_path: Path) -> None:
    sandbox = Sandbox()
    with pytest.raises(CannotWrite, match="no statement allocates"):
        write_level(sandbox, "nothing", tmp_path)
    taken(sandbox, "p = kmalloc(60, GFP_KERNEL)", "kfree(p)")
    with pytest.raises(CannotWrite, match="no id"):
        write_level(sandbox, "../elsewhere", tmp_path)
    (tmp_path / "there.en.yaml").write_text("mine", encoding="utf-8")
    with pytest.raises(CannotWrite, match="already there"):
        write_level(sandbox, "there", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["there.en.yaml"]


def test_the_hint_of_a_saved_level_names_one_of_its_goals(tmp_path: Path) -> None:
    sandbox = Sandbox()
    sandbox.load(["p = kmalloc(100, GFP_KERNEL)", "kfree(p)", "((char *)p)[3] = 1"])
    written = write_level(sandbox, "bad-end", tmp_path)[0]
    level = yaml.safe_load(written.read_text(encoding="utf-8"))
    goals = {goal["id"] for goal in level["goals"]}
    assert {name for hint in level["hints"] for name in hint.get("on", ())} <= goals
