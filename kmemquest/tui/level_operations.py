"""What can be done on a level's first screen; each has a key that also works while C is typed."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from kmemquest.i18n import N_
from kmemquest.tui.operations import BACK, GAME, Operation

RUN: Final = Operation(
    "level.run",
    "enter,r,ctrl+r,f5",
    "run",
    N_("run"),
    N_("Compile the driver with this answer, load it and play the script."),
    shown="⏎",
)
ANSWER: Final = Operation(
    "level.answer",
    "",
    "next_answer",
    N_("answer"),
    N_("Move over the cards; each is written into the driver at once. Digits work too."),
    shown="↑↓",
    palette=False,
)
ORDER: Final = Operation(
    "level.order",
    "",
    "pick",
    N_("pick up"),
    N_("Pick a line up with the space bar, carry it with the arrow keys, put it down again."),
    shown="␣",
    palette=False,
)
PREDICT: Final = Operation(
    "level.predict",
    "right,f3",
    "predict(1)",
    N_("predict"),
    N_("Choose what you expect to happen; the run answers it."),
    shown="←→",
)
PREDICT_BACK: Final = Operation(
    "level.predict-back",
    "left",
    "predict(-1)",
    N_("predict (backwards)"),
    N_("Choose the prediction before."),
    palette=False,
)
SLOT: Final = Operation(
    "level.slot",
    "s,f4",
    "next_slot",
    N_("next slot"),
    N_("Go to the next open place, where a driver has several."),
)
HINT: Final = Operation(
    "level.hint",
    "h,f2",
    "hint",
    N_("hint"),
    N_("Open the next hint. There are three; the last one nearly tells."),
    shown="h",
)
FILES: Final = Operation(
    "level.files",
    "f,f9",
    "files(1)",
    N_("files"),
    N_("Show the next file that the machine left: the log, files of /proc, at last the driver."),
    shown="f",
)
STORY: Final = Operation(
    "level.brief",
    "b,f8",
    "brief",
    N_("story"),
    N_("Read the whole story and all goals."),
    shown="b",
)
DEMONSTRATE: Final = Operation(
    "level.demonstrate",
    "d,f7",
    "demonstrate",
    N_("demo"),
    N_("Watch the runs that come before your turn."),
    shown="d",
)
LAB: Final = Operation(
    "level.lab",
    "l,f10",
    "lab",
    N_("lab"),
    N_("Open this driver, with your answers in it, in the driver lab."),
)
SANDBOX: Final = Operation(
    "level.sandbox",
    "t",
    "sandbox",
    N_("sandbox"),
    N_("Try C statements on this level's machine, with this driver loaded."),
)
ANOTHER: Final = Operation(
    "level.another",
    "n,f6",
    "another",
    N_("another"),
    N_("In training: draw another level instead of this one."),
    shown="n",
)
OPERATIONS: Final = (
    RUN, ANSWER, PREDICT, PREDICT_BACK, SLOT, HINT, FILES, STORY, DEMONSTRATE, ANOTHER, LAB,
    SANDBOX, BACK,
)  # fmt: skip
_TYPED_KEYS: Final = {
    RUN.id: "^r",
    PREDICT.id: "F3",
    SLOT.id: "F4",
    HINT.id: "F2",
    STORY.id: "F8",
    FILES.id: "F9",
    ANOTHER.id: "F6",
    DEMONSTRATE.id: "F7",
}


def shown_operations(
    kind: str, *, typing: bool, slots: int, hints: bool, sealed: bool, shows: bool, training: bool
) -> tuple[Operation, ...]:
    """The key line for a slot of a kind; while C is typed, letters are text."""
    chosen = [RUN]
    if not typing:
        chosen.append(ORDER if kind == "order" else ANSWER)
    chosen.append(PREDICT)
    if slots > 1:
        chosen.append(replace(SLOT, shown="s"))
    if hints:
        chosen.append(HINT)
    if sealed:
        chosen.append(FILES)
    if training:
        chosen.append(ANOTHER)
    if shows and len(chosen) < 6:
        chosen.append(DEMONSTRATE)
    if len(chosen) < 6:
        chosen.append(STORY)
    if typing:
        chosen = [replace(op, shown=_TYPED_KEYS.get(op.id, "")) for op in chosen]
        leave = replace(BACK, id="level.leave-field", label=N_("leave the field"), shown="esc")
        return (*chosen, leave)
    return (*chosen, BACK, GAME[0])
