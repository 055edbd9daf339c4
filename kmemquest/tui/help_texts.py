"""What each screen and widget is for, told by `?`."""

from __future__ import annotations

from typing import Final

from kmemquest.i18n import N_

SCREENS: Final = {
    "home": N_(
        "Everything the game offers. The tour shows how a level is played; the campaign has all "
        "levels; the interview trainer asks questions as interviewers do."
    ),
    "campaign": N_(
        "All levels in an order in which each builds on the ones before. A circle is open, a "
        "dotted circle builds on levels you have not passed, a check mark is passed."
    ),
    "level": N_(
        "A driver for real hardware with one call missing. Choose what goes into the hole, predict "
        "what will happen, run it. The driver is compiled and executed on a simulated Linux 6.12; "
        "every answer, right or wrong, has its real consequences."
    ),
    "watch": N_(
        "The run, statement by statement, forwards and backwards. What a step changed is marked in "
        "reverse. The log is exactly what the kernel prints."
    ),
    "verdict": N_(
        "What came of it: the goals, the first bad step, the rule behind it, and what every other "
        "option does. All rows are really run; Enter opens a row's recording."
    ),
    "debrief": N_("What the level wanted to teach, and where to read on."),
    "lab": N_(
        "Write C as a driver author would; the build looks at it while you type. Choose the "
        "machine, what its kernel is built with, and the events that happen to the driver; then "
        "run it and step through what came of it. What is not saved is kept as a draft."
    ),
    "lab-run": N_(
        "The run, statement by statement, with context, variables, call stack, memory and log. A "
        "production kernel is silent about most mistakes: the findings tell what happened anyway."
    ),
    "lab-findings": N_(
        "Everything that went wrong, in order: the first is the first bad step. Each with its "
        "line, the rule that it breaks, and the lines of allocation and free. Below, this run "
        "beside the one before it."
    ),
    "quiz-menu": N_("Questions by topic. Where an answer can be computed, the simulator did."),
    "quiz": N_(
        "One question at a time. Press the letter of an answer, then Enter. The explanation tells "
        "why each option is right or wrong in Linux 6.12."
    ),
    "progress": N_("What you have done, and the file in which it is saved."),
    "settings": N_("Every change is in force and saved at once."),
}
WIDGETS: Final = {
    "frame-map": N_(
        "The map of page frames: each cell is a frame of 4096 bytes, or several when zoomed out "
        "with - (+ zooms in). Move the cursor to read what a frame is used for."
    ),
    "lists": N_(
        "The buddy allocator's free lists: how many free blocks of 2^order pages each zone has. An "
        "arrow tells which way a number went in this step."
    ),
    "slabs": N_(
        "Slabs are blocks of pages cut into objects of one size. Each cell is an object: free, in "
        "use, or your driver's."
    ),
    "zones": N_(
        "Each zone's free pages against its watermarks min, low and high. Below low, kswapd is "
        "woken; below min, only requests that may dip into reserves are served."
    ),
    "table": N_("One row per thing; rows that the step changed are marked in reverse."),
    "editor": N_(
        "Text to edit: Tab indents, Shift+Tab takes a tab off, Ctrl+/ makes comments, Ctrl+Z "
        "undoes, Shift with the arrow keys selects, Ctrl+C and Ctrl+V copy and paste."
    ),
    "source": N_("The driver as it is compiled. The highlighted part is the open place."),
    "log": N_("The kernel log up to this step; a pointer marks lines printed by this step."),
    "choices": N_("Move with the arrow keys, choose with Enter, or press an entry's own key."),
    "outcomes": N_("Enter on a row watches that run."),
}
