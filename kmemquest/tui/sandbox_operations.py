"""What can be done in the sandbox."""

from __future__ import annotations

from typing import Final

from kmemquest.i18n import N_
from kmemquest.tui.operations import Operation

LEAVE: Final = Operation(
    "sandbox.leave",
    "escape",
    "back",
    N_("back"),
    N_("From the prompt to the panes; from there back to the screen before."),
    shown="esc",
)
OPERATIONS: Final = (
    Operation(
        "sandbox.run",
        "",
        "run_line",
        N_("run"),
        N_("Run what stands at the prompt: a statement, an expression, a definition, a word."),
        shown="⏎",
        palette=False,
    ),
    Operation(
        "sandbox.undo",
        "ctrl+z",
        "undo",
        N_("undo"),
        N_("Take the last statement back; everything else is run again, exactly."),
        shown="^z",
    ),
    Operation(
        "sandbox.redo",
        "ctrl+y",
        "redo",
        N_("redo"),
        N_("Bring the statement back that was undone last."),
    ),
    Operation(
        "sandbox.why",
        "f2,ctrl+t",
        "why",
        N_("why"),
        N_("Why did this fail? The chain of events, the zones, the free blocks and their holders."),
        shown="F2",
    ),
    Operation(
        "sandbox.pane",
        "f3",
        "pane(1)",
        N_("pane"),
        N_("Show the next pane: memory, lists, slabs, vmalloc, zones, dma, calls."),
        shown="F3",
    ),
    Operation(
        "sandbox.machine",
        "f4",
        "machine",
        N_("machine"),
        N_("Choose memory, CPUs, checkers and history; the statements are run again there."),
        shown="F4",
    ),
    Operation(
        "sandbox.save",
        "ctrl+s",
        "save_level",
        N_("save"),
        N_("Write a level file from these statements: driver, open place, goals, texts to edit."),
        shown="^s",
    ),
    Operation(
        "sandbox.step-back",
        "pageup",
        "step(-1)",
        N_("event before"),
        N_("Go back by one event; the panes show the machine as it was."),
    ),
    Operation(
        "sandbox.step",
        "pagedown",
        "step(1)",
        N_("next event"),
        N_("Go on by one event."),
    ),
    Operation(
        "sandbox.previous",
        "ctrl+pageup,shift+pageup",
        "jump(-1)",
        N_("statement before"),
        N_("Go back by one statement."),
    ),
    Operation(
        "sandbox.next",
        "ctrl+pagedown,shift+pagedown",
        "jump(1)",
        N_("next statement"),
        N_("Go on by one statement."),
    ),
    Operation(
        "sandbox.anew",
        "ctrl+b",
        "anew",
        N_("begin anew"),
        N_("Forget all statements; the machine is as it was when it had booted."),
    ),
    Operation(
        "sandbox.lab",
        "f6",
        "lab",
        N_("open in the lab"),
        N_("Open the generated module in the driver lab."),
    ),
    LEAVE,
)
