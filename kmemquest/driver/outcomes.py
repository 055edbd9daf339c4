"""How a run may end: the one list that levels, questions and sweeps name outcomes from."""

from typing import Final

OUTCOMES: Final = (
    "ran", "init-failed", "does-not-compile", "task-killed", "hangs", "panicked", "stopped",
)  # fmt: skip
"""`hangs`: a task or a CPU waits for what never comes. `stopped` is a limit of the run: an endless
loop, memory, a flood of log lines.
"""

BAD_ENDS: Final = {"panicked": 5, "stopped": 4, "hangs": 4, "task-killed": 4}
"""The ends that no driver should come to, with their gravity."""
