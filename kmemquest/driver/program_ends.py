"""Programs whose system call never came back: what is left of them, and what it keeps open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kmemquest.driver.devices import OpenFile
    from kmemquest.driver.script import ScriptStep
    from kmemquest.driver.user_process import UserProcess


@dataclass(slots=True)
class ProgramEnds:
    """Who died in the kernel, and who waits there for ever."""

    dead: dict[str, str] = field(default_factory=dict)
    """Name of a file or mapping in the script -> the program that an oops killed."""
    stuck: set[str] = field(default_factory=set)
    """Programs that wait for ever: they do nothing more, and close nothing."""
    half_way: list[OpenFile] = field(default_factory=list)
    """Files whose open or release never came back: nobody puts their module any more."""

    def why_not(self, step: ScriptStep, owner: UserProcess | None) -> str:
        """Say why nobody can make a step's call; empty when somebody can.

        `owner` has the file or mapping that the step names.
        """
        values = step.values
        if step.word in ("open", "exit"):
            comm = values["by" if step.word == "open" else "program"]
        elif owner is not None:
            comm = owner.comm
        else:
            killed = self.dead.get(values["map" if "map" in values else "file"], "")
            return f"{killed} is dead" if killed else ""
        return f"{comm} waits for ever" if comm in self.stuck else ""


def dies_with_its_own_lock(step: ScriptStep) -> bool:
    """Tell whether an oops in a step's call leaves the address space locked.

    The dying task waits for that lock itself: in exit_mm() after mmap(), in exit_mmap() after a
    page fault, whose lock is one for reading. Its files are closed after that, so never.
    """
    return step.word in ("mmap", "peek", "poke")
