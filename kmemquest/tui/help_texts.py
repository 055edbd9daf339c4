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
    "demonstration": N_(
        "A run before your own turn: first a mistake, at the step where it happens, then how it is "
        "done. Step through it, or go on with Enter; nothing of this is counted."
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
    "sandbox": N_(
        "Type C: a statement, an expression, a definition. Each is compiled and run on a simulated "
        "machine; its value and what lies at its address stand below it, _1, _2 … keep the values. "
        "Words: undo, redo, reset, why, machine, dmesg, /proc/buddyinfo, level ID, save ID, lab. "
        "Page up and page down go through the events; F2 tells why something failed."
    ),
    "size-question": N_(
        "The driver of the level with other sizes: choose the first at which the answer is another "
        "one. The simulator then runs all of them."
    ),
    "quiz-menu": N_("Questions by topic. Where an answer can be computed, the simulator did."),
    "quiz": N_(
        "One question at a time. Press the letter of an answer, then Enter. The explanation tells "
        "why each option is right or wrong in Linux 6.12."
    ),
    "review": N_(
        "What is worth asking today: questions, generators and the predictions of levels you have "
        "passed, each when you are about to forget it. Cap, new ones a day and an exam's date are "
        "set here; the other tabs show topics, weaknesses and misconceptions."
    ),
    "review-round": N_(
        "Every answer is saved at once. After a right one, 1 to 4 say how hard it was, which "
        "decides when it comes again; a wrong one comes again at the end of the round."
    ),
    "exam-menu": N_(
        "A mock interview draws its questions by the number of the paper: the same number gives "
        "the same questions to everybody."
    ),
    "exam": N_(
        "Answer, flag, go back and forth; an answer may be changed until you hand in. What cannot "
        "be read costs nothing. While a text field has the keyboard, use the function keys."
    ),
    "exam-report": N_(
        "Score by topic, what to study and the levels to play for each gap. Enter opens a level, "
        "or a question with its key."
    ),
    "exam-answer": N_("The question with its key, and what you answered."),
    "report": N_("What you answered, what stayed, what is coming: a column per day."),
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
    "line-order": N_(
        "Lines to put in order: the space bar picks the one under the cursor up, the arrow keys "
        "carry it, the space bar puts it down. Shift with an arrow key moves it at once; with the "
        "mouse, drag it."
    ),
    "c-field": N_("One line of C. Ctrl+R or Enter runs; Esc leaves the field."),
    "artefact": N_(
        "A file to read. What is wider than the screen moves with the left and right keys."
    ),
    "prompt": N_(
        "One line of C. Tab or the right arrow key completes a name, up and down bring back what "
        "was typed before."
    ),
    "transcript": N_("The statements with what each came to. A click goes to one."),
    "source": N_("The driver as it is compiled. The highlighted part is the open place."),
    "log": N_("The kernel log up to this step; a pointer marks lines printed by this step."),
    "order": N_(
        "Lines to bring into order: space picks the line up, the arrow keys move it, space puts it "
        "down. Shift with the arrow keys moves it at once; with the mouse click twice."
    ),
    "choices": N_("Move with the arrow keys, choose with Enter, or press an entry's own key."),
    "outcomes": N_("Enter on a row watches that run."),
}
