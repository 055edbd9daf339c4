"""The driver lab, driven by keys as a player does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input
from tui_fake import FakeDesk, FakePlay, services
from tui_pilot import at, game, press, screen_text, until

from kmemquest.store import Draft, Store
from kmemquest.tui.app import GameApp
from kmemquest.tui.lab_files import FileTrouble, case_of_file, write_source
from kmemquest.tui.lab_model import LabCase, ScriptWrong, Setup, empty_case
from kmemquest.tui.lab_source import LabPlay, problems_of, read_script, run_case, script_text
from kmemquest.tui.lab_sweep import sweep_case
from kmemquest.tui.model import Slot, Source
from kmemquest.tui.screens.lab import LabScreen
from kmemquest.tui.screens.lab_run import LabRunScreen
from kmemquest.tui.screens.watch import PlayScreen
from kmemquest.tui.services import Services

UAF = """\
#include <linux/module.h>
#include <linux/slab.h>

static int __init uaf_init(void)
{
	char *p = kmalloc(64, GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	kfree(p);
	p[3] = 1;
	return 0;
}

static void __exit uaf_exit(void)
{
}

module_init(uaf_init);
module_exit(uaf_exit);
MODULE_LICENSE("GPL");
"""
BAD_LINE = UAF.split("\n").index("\tp[3] = 1;") + 1
BUSY = """\
#include <linux/interrupt.h>
#include <linux/module.h>

static int count;

static irqreturn_t busy_irq(int irq, void *dev)
{
	count++;
	return IRQ_HANDLED;
}

static int __init busy_init(void)
{
	return request_irq(17, busy_irq, 0, "busy", &count);
}

static void __exit busy_exit(void)
{
	free_irq(17, &count);
}

module_init(busy_init);
module_exit(busy_exit);
MODULE_LICENSE("GPL");
"""


@asynccontextmanager
async def lab(
    case: LabCase | None = None,
    given: Services | None = None,
    size: tuple[int, int] = (80, 24),
) -> AsyncIterator[tuple[LabScreen, Pilot[None]]]:
    """A lab in front, with what the build says already on the screen."""
    async with game(given, size) as (app, pilot):
        app.open_lab(case)
        await until(pilot, lambda: isinstance(app.screen, LabScreen), "the lab")
        screen = app.screen
        assert isinstance(screen, LabScreen)
        await until(pilot, lambda: screen.is_mounted and bool(screen.size.width), "mounted")
        yield screen, pilot


def case_of(text: str, **setup: str) -> LabCase:
    return LabCase("lab", "uaf.c", text, "uaf.c", setup=Setup(**setup))


def _kept(store: Store) -> str:
    draft = store.draft("lab")
    return draft.text if draft is not None else ""


async def ran(pilot: Pilot[None]) -> LabRunScreen:
    app = pilot.app
    await until(pilot, lambda: isinstance(app.screen, LabRunScreen), "the run")
    screen = app.screen
    assert isinstance(screen, LabRunScreen)
    await until(pilot, lambda: bool(screen.query("#told")), "composed")
    return screen


# --- writing --------------------------------------------------------------------------------


async def test_typing_shows_what_the_build_says_and_mending_takes_it_away() -> None:
    async with lab() as (screen, pilot):
        screen.editor.go(8, 1)
        await press(pilot, *"kmaloc(3);", "enter")
        await until(pilot, lambda: "error" in screen.editor.marks.values(), "a mark in the gutter")
        assert "kmaloc" in screen_text(pilot.app)
        mark = next(row for row, kind in screen.editor.marks.items() if kind == "error")
        await press(pilot, "ctrl+n")
        assert screen.editor.cursor_location[0] == mark
        while screen.editor.text != screen.case.text:
            await press(pilot, "ctrl+z")
        await until(pilot, lambda: not screen.editor.marks, "no mark any more")


async def test_enter_keeps_the_indentation_and_a_brace_closes_it() -> None:
    async with lab(case_of("")) as (screen, pilot):
        await press(pilot, *"f(){", "enter", *"x;", "enter", "}")
        assert screen.editor.text == "f(){\n\tx;\n}"


async def test_comments_and_outdent() -> None:
    async with lab(case_of("\ta\n\tb\n")) as (screen, pilot):
        await press(pilot, "shift+down", "shift+end")
        screen.editor.action_comment()
        assert screen.editor.text == "//\ta\n//\tb\n"
        screen.editor.action_comment()
        screen.editor.action_outdent()
        assert screen.editor.text == "a\nb\n"


async def test_a_row_is_painted_anew_only_when_it_differs() -> None:
    async with lab(case_of(UAF)) as (screen, pilot):
        editor = screen.editor
        await until(pilot, lambda: bool(editor._shown), "painted")
        await press(pilot, "down", "x")
        # What was kept for comparing is what a fresh drawing gives.
        kept = list(editor._shown)
        editor._line_cache.clear()
        assert kept == [editor.render_line(y) for y in range(editor.size.height)]


# --- running --------------------------------------------------------------------------------


async def test_run_step_and_jump_to_the_bug() -> None:
    async with lab(case_of(UAF)) as (screen, pilot):
        await press(pilot, "ctrl+r")
        run = await ran(pilot)
        assert run.step == 0
        await press(pilot, "right")
        assert run.step == 1
        await press(pilot, "left", "e")
        assert run.play.words(run.step).line == BAD_LINE
        assert "use-after-free" in screen_text(pilot.app)
        await press(pilot, "f")
        await at(pilot, "lab-findings")
        assert "the kernel said so" in screen_text(pilot.app)
        await press(pilot, "enter")
        await at(pilot, "lab-run")
        await press(pilot, "enter")
        await at(pilot, "lab")
        assert screen.editor.cursor_location[0] == BAD_LINE - 1
        await press(pilot, "ctrl+l")
        await at(pilot, "lab-run")


async def test_a_production_kernel_says_nothing_and_the_lab_tells() -> None:
    async with lab(case_of(UAF, checkers="production"), size=(160, 50)) as (_screen, pilot):
        await press(pilot, "ctrl+r")
        run = await ran(pilot)
        assert run.lab_play.silent
        assert not any("BUG" in row.text for row in run.play.log)
        text = screen_text(pilot.app)
        assert "The kernel said nothing" in text
        assert f"line {BAD_LINE}" in text


async def test_a_driver_that_does_not_compile_shows_its_problems() -> None:
    async with lab(case_of(UAF.replace("kfree(p)", "kfre(p)"))) as (screen, pilot):
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: bool(screen.editor.marks), "a mark")
        assert pilot.app.screen is screen
        assert "kfre" in screen_text(pilot.app)


async def test_a_run_can_be_stopped() -> None:
    long = "insmod\n" + "irq: {line: 17, times: 100000}\n" * 100
    async with lab(case_of(BUSY, script=long)) as (screen, pilot):
        await press(pilot, "ctrl+r")
        assert screen._busy
        await press(pilot, "escape")
        await until(pilot, lambda: not screen._busy, "stopped")
        assert not screen._plays
        assert pilot.app.screen is screen


async def test_a_script_that_cannot_be_read_is_told_at_its_line() -> None:
    async with lab(case_of(UAF, script="insmod\nirk: 17\n")) as (screen, pilot):
        await press(pilot, "ctrl+r")
        assert not screen._busy
        script = screen.query_one("#script")
        assert pilot.app.focused is script
        assert screen._script_problem is not None
        assert screen._script_problem.line == 2


async def test_the_fault_sweep_lists_every_allocation() -> None:
    async with lab(case_of(UAF)) as (_screen, pilot):
        await press(pilot, "ctrl+r")
        await ran(pilot)
        await press(pilot, "f")
        await at(pilot, "lab-findings")
        await press(pilot, "s")
        await until(pilot, lambda: "1. kmalloc()" in screen_text(pilot.app), "a row")


async def test_two_runs_are_compared() -> None:
    async with lab(case_of(UAF)) as (screen, pilot):
        await press(pilot, "ctrl+r")
        await ran(pilot)
        await press(pilot, "q")
        screen.editor.replace_all(UAF.replace("\tp[3] = 1;\n", ""))
        await press(pilot, "ctrl+r")
        await ran(pilot)
        await press(pilot, "f", "m", "m")
        await until(pilot, lambda: "things gone wrong  0" in screen_text(pilot.app), "figures")


# --- machine --------------------------------------------------------------------------------


async def test_machine_and_checkers_are_chosen_by_keys() -> None:
    async with lab(case_of(UAF)) as (screen, pilot):
        await press(pilot, *["ctrl+t"] * 3, "right", "down", "right")
        assert screen.setup.checkers == "slub_debug=FZPU"
        assert screen.setup.machine == "64M"
        await press(pilot, "escape")
        assert pilot.app.focused is screen.editor


async def test_wide_terminals_show_all_panes() -> None:
    async with lab(size=(160, 50)) as (screen, pilot):
        await until(pilot, lambda: screen.has_class("-wide"), "wide")
        assert all(screen.query_one(f"#{n}").display for n in ("problems", "script", "setup"))


# --- drafts and files -----------------------------------------------------------------------


async def test_text_survives_a_crash(tmp_path: Path) -> None:
    save = tmp_path / "save.db"
    store = Store.open(save)
    async with lab(given=services(store)) as (screen, pilot):
        await press(pilot, *"// mine", "enter")
        await until(pilot, lambda: _kept(store).startswith("// mine\n"), "kept by itself")
        # No leaving, no closing: what is on the disk now is what a crash leaves.
        after = Store.open(save)
        draft = after.draft("lab")
        assert draft is not None
        assert draft.text.startswith("// mine\n")
    async with lab(given=services(after)) as (screen, pilot):
        await until(pilot, lambda: screen.editor.text.startswith("// mine\n"), "recovered")
    store.close()
    after.close()


async def test_the_draft_of_a_file_is_offered(tmp_path: Path) -> None:
    file = tmp_path / "cam.c"
    file.write_text(UAF, encoding="utf-8")
    for answer, expected in (("enter", "// draft\n"), ("down", UAF)):
        store = Store.in_memory()
        case = case_of_file(str(file))
        store.save_draft(Draft(case.draft, "// draft\n", {}))
        async with game(services(store)) as (app, pilot):
            app.open_lab(case)
            await at(pilot, "lab-choose")
            await press(pilot, *([answer, "enter"] if answer == "down" else [answer]))
            await at(pilot, "lab")
            screen = app.screen
            assert isinstance(screen, LabScreen)
            await until(pilot, lambda: screen.editor.text == expected, "chosen text")  # noqa: B023
        assert (store.draft(case.draft) is None) == (answer == "down")


async def test_save_writes_the_file_and_drops_the_draft(tmp_path: Path) -> None:
    store = Store.in_memory()
    target = tmp_path / "new.c"
    async with lab(case_of(UAF), services(store)) as (screen, pilot):
        await press(pilot, "x")
        await until(pilot, lambda: store.draft("lab") is not None, "draft")
        await press(pilot, "ctrl+s")
        await at(pilot, "lab-name")
        pilot.app.screen.query_one("#name", Input).value = str(target)
        await press(pilot, "enter")
        await until(pilot, target.exists, "written")
        assert target.read_text(encoding="utf-8") == "x" + UAF
        assert store.draft("lab") is None
        await press(pilot, "y", "ctrl+s")
        await until(pilot, lambda: target.read_text(encoding="utf-8") == "xy" + UAF, "again")
        assert screen.case.file == "new.c"


async def test_a_file_is_opened_and_a_folder_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.c"
    file.write_text("int other;\n", encoding="utf-8")
    async with lab() as (_screen, pilot):
        for name in (tmp_path, file):
            await press(pilot, "ctrl+o")
            await at(pilot, "lab-name")
            pilot.app.screen.query_one("#name", Input).value = str(name)
            await press(pilot, "enter")
            await at(pilot, "lab")
        await until(pilot, lambda: "int other;" in screen_text(pilot.app), "opened")


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileTrouble, match="folder"):
        case_of_file(str(tmp_path))
    binary = tmp_path / "a.c"
    binary.write_bytes(b"int \xff;")
    with pytest.raises(FileTrouble, match="UTF-8"):
        case_of_file(str(binary))
    binary.write_bytes(b" " * 300_000)
    with pytest.raises(FileTrouble, match="256 KiB"):
        case_of_file(str(binary))
    with pytest.raises(FileTrouble, match="nowhere"):
        write_source(tmp_path / "nowhere" / "a.c", "")


def test_writing_leaves_no_traces_beside_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.c"
    write_source(file, "one")
    write_source(file, "two")
    assert [path.name for path in tmp_path.iterdir()] == ["a.c"]
    assert file.read_text(encoding="utf-8") == "two"


# --- levels -----------------------------------------------------------------------------------


async def test_a_levels_driver_opens_with_the_answer_in_it() -> None:
    async with game() as (app, pilot):
        app.open_level("first")
        await at(pilot, "level")
        await press(pilot, "2", "l")
        await at(pilot, "lab")
        screen = app.screen
        assert isinstance(screen, LabScreen)
        assert "kmalloc(RX_LEN, GFP_ATOMIC)" in screen.editor.text
        await press(pilot, "escape")
        await at(pilot, "level")


# --- without a screen ---------------------------------------------------------------------------


def test_scripts_of_one_step_per_line() -> None:
    text = "# what happens\ninsmod\n- irq: {line: 17, times: 3}\nopen: cam\n\nrmmod\n"
    steps = read_script(text)
    assert steps == ("insmod", {"irq": {"line": 17, "times": 3}}, {"open": "cam"}, "rmmod")
    assert read_script(script_text(list(steps))) == steps
    for bad in ("insmod\nirk\n", "\n\n", "insmod\n{a: [\n"):
        with pytest.raises(ScriptWrong) as wrong:
            read_script(bad)
        assert wrong.value.problem.message


def test_the_start_text_is_clean_and_survives_the_sweep() -> None:
    case = empty_case()
    assert problems_of(case.text, case.file) == ()
    play = run_case(case, case.text, case.setup)
    assert play.findings == ()
    assert play.recording.outcome == "ran"
    sweep = sweep_case(case, case.text, case.setup)
    assert sweep.survives
    assert sweep.points > 0


def test_a_leak_is_found_where_the_memory_was_taken() -> None:
    text = UAF.replace("\tkfree(p);\n\tp[3] = 1;\n", "")
    play = run_case(case_of(text, checkers="production"), text, Setup(checkers="production"))
    (leak,) = play.findings
    assert leak.words.kind == "leak"
    assert leak.step is not None
    assert play.words(leak.step).line == leak.words.line
    assert not leak.spoken


def test_context_tells_interrupts_and_locks() -> None:
    text = UAF.replace(
        "\tkfree(p);\n\tp[3] = 1;\n",
        "\tunsigned long flags;\n\n\tlocal_irq_save(flags);\n\tkfree(p);\n"
        "\tlocal_irq_restore(flags);\n",
    )
    case = case_of(text)
    play = run_case(case, text, case.setup)
    assert isinstance(play, LabPlay)
    words = {play.words(step).line: play.context(step) for step in range(len(play.marks))}
    line = text.split("\n").index("\tkfree(p);") + 1
    assert "irqs off" in words[line]
    assert "no locks" in words[line]


def test_the_run_screen_is_the_watch_screen_with_more() -> None:
    assert issubclass(LabRunScreen, PlayScreen)


async def test_leaving_and_coming_back_keeps_the_text() -> None:
    store = Store.in_memory()
    async with game(services(store)) as (app, pilot):
        for typed in ("a", "b"):
            app.open_lab()
            await at(pilot, "lab")
            await press(pilot, typed, "escape")
            await at(pilot, "home")
        draft = store.draft("lab")
        assert draft is not None
        assert draft.text.startswith("ba")
    assert isinstance(app, GameApp)


class _DriverDesk(FakeDesk):
    """A level whose answer is the whole driver."""

    def __init__(self) -> None:
        super().__init__("mend", "1·9")
        self.brief = replace(self.brief, slots=(Slot("code", "", (), "driver"),))
        self.given: list[str] = []

    def source(self, answers: Mapping[str, str]) -> Source:
        return Source("driver.c", tuple((answers.get("code") or UAF).splitlines()))

    def run(self, answers: Mapping[str, str], prediction: str | None) -> FakePlay:
        self.given.append(answers["code"])
        return super().run({"alloc": "atomic"}, prediction)


async def test_the_answer_to_a_driver_slot_is_written_in_the_lab_and_handed_in() -> None:
    desk = _DriverDesk()
    async with game() as (app, pilot):
        app.show_level(desk)
        await at(pilot, "level")
        await press(pilot, "enter")
        await at(pilot, "lab")
        await press(pilot, *"//", "enter", "ctrl+g")
        await at(pilot, "level")
        await until(pilot, lambda: "Run the driver" in screen_text(app), "the answer is there")
        await press(pilot, "right", "enter")
        await at(pilot, "watch")
    assert desk.given == ["//\n" + UAF]
