"""What can be done in the driver lab."""

from __future__ import annotations

from dataclasses import replace

from kmemquest.i18n import N_
from kmemquest.tui.operations import BACK, Operation

CANCEL = Operation(
    "lab.cancel", "", "cancel_run", N_("stop the run"), N_("Stop the run."), shown="esc"
)
HELP = Operation(
    "lab.help", "", "app.show_help", N_("help"), N_("Explain this screen."), shown="F1"
)

OPERATIONS = (
    Operation(
        "lab.run",
        "ctrl+r,f5",
        "run",
        N_("run"),
        N_("Build the driver, load it on this machine and play the event script."),
        shown="^r",
    ),
    Operation(
        "lab.hand-in",
        "ctrl+g,f10",
        "hand_in",
        N_("hand in"),
        N_("Take this text as the answer to the level."),
        shown="^g",
    ),
    Operation(
        "lab.problem",
        "ctrl+n,f8",
        "next_problem",
        N_("problem"),
        N_("Go to the next place that the build complains about."),
        shown="^n",
    ),
    Operation(
        "lab.pane",
        "ctrl+t,f4",
        "pane",
        N_("pane"),
        N_("Go round: editor, problems, event script, machine."),
        shown="^t",
    ),
    Operation("lab.save", "ctrl+s,f2", "save", N_("save"), N_("Write the file."), shown="^s"),
    Operation("lab.open", "ctrl+o,f3", "open", N_("open"), N_("Open a file."), shown="^o"),
    Operation(
        "lab.save-as",
        "f12",
        "save_as",
        N_("save as"),
        N_("Write the text to another file."),
    ),
    Operation(
        "lab.last",
        "ctrl+l,f9",
        "last_run",
        N_("last run"),
        N_("Look at the last run again."),
        shown="^l",
    ),
    Operation(
        "lab.anew",
        "ctrl+b",
        "anew",
        N_("begin anew"),
        N_("Put back the text that this began with; undo (^z) takes that back."),
    ),
    replace(BACK, id="lab.back", keys="escape", action="back", shown="esc"),
)
