"""The few shell commands that are typed around a module: a shell small enough to be sure of.

Commands end at `;`, `&` or a line's end. The body of a loop runs once. Programs need memory of
their own; what they print is not simulated, except for kmemleak's file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from kmemquest.driver import pending
from kmemquest.driver.contexts import process
from kmemquest.driver.kmemleak import Kmemleak
from kmemquest.kernel.gfp import GFP_KERNEL, ZERO
from kmemquest.kernel.machine import Fate
from kmemquest.kernel.mm.user_memory import Process

if TYPE_CHECKING:
    from kmemquest.driver.session import DriverSession

SECOND: Final = 1_000_000_000
PROGRAM_PAGES: Final = 48
"""Pages that starting a small program touches: stack, data, page tables."""
PAGE_TABLES: Final = 6
PAGE_TABLE_GFP: Final = GFP_KERNEL | ZERO
ENDLESS: Final = 1 << 40
_LOOP: Final = re.compile(r"\b(while|for)\b.*?\bdo\b(.*?)\bdone\b", re.DOTALL)
_NOTHING: Final = ("[", "test", ":", "true", "i=", "cd", "export")


class Shell:
    """Runs command lines beside a driver session."""

    def __init__(self, session: DriverSession) -> None:
        self._session = session
        self.kmemleak = Kmemleak(session.engine)
        running = session.machine.reclaim.user.processes.values()
        self._had_shell = any(process.comm == "sh" for process in running)
        self.printed: list[str] = []
        """What kmemleak's file showed."""

    def run(self, text: str) -> None:
        """Run a line of commands."""
        text = _LOOP.sub(lambda match: match[2], text)
        text = re.sub(r"'[^']*'|\"[^\"]*\"", "text", text)
        for part in re.split(r"(?<![>&])([;&\n])", text.replace("2>&1", "").replace("&&", ";")):
            words = part.split()
            if words and part not in ";&\n" and self._session.alive and self.lives:
                self._command(words, part)

    @property
    def lives(self) -> bool:
        """Whether the shell itself was spared by the OOM killer."""
        processes = self._session.machine.reclaim.user.processes.values()
        return not self._had_shell or any(process.comm == "sh" for process in processes)

    def _command(self, words: list[str], text: str) -> None:
        session = self._session
        name = words[0]
        if name.startswith(_NOTHING):
            return
        if name == "echo":
            self._echo(words)
        elif name == "sleep":
            seconds = float(words[1]) if len(words) > 1 else 1.0
            if seconds > 100:
                self._start(name)
            else:
                pending.advance(session.engine, int(seconds * SECOND))
        elif name == "tail" and "/dev/zero" in words:
            self._hog(name)
        elif name == "tail" and "/dev/null" in words:
            self._start(name)
        else:
            self._program(name)
            if "kmemleak" in text:
                self.printed += self.kmemleak.file()
        session.settle()

    def _echo(self, words: list[str]) -> None:
        if ">" not in words:
            return
        value, path = words[1], words[words.index(">") + 1]
        if path.endswith("/kmemleak") and value == "scan":
            self.kmemleak.scan()
        elif path.endswith("/validate"):
            self._validate(path.split("/")[-2])
        elif path.endswith("/panic_on_oom"):
            self._session.machine.reclaim.oom.panic_on_oom = value != "0"

    def _validate(self, name: str) -> None:
        """Check every object of a cache (`/sys/kernel/slab/…/validate`)."""
        slub = self._session.machine.slub
        cache = slub.find(name)
        if cache is not None and hasattr(slub, "validate"):
            slub.validate(cache)

    def _start(self, name: str) -> None:
        """Leave a program running in the background."""
        machine, world = self._session.machine, self._session.world
        machine.reclaim.user.start(Process(world.new_pid(), name, shmem=331))

    def _program(self, name: str) -> None:
        """Run a program to its end: it takes pages and gives them back."""
        machine, world = self._session.machine, self._session.world
        pid = world.new_pid()
        with process(machine, name, pid):
            program = machine.reclaim.user.start(Process(pid, name))
            tables = [machine.pages.alloc_pages(PAGE_TABLE_GFP, 0) for _ in range(PAGE_TABLES)]
            machine.reclaim.user.touch(program, PROGRAM_PAGES)
            if machine.fate is Fate.RUNNING:
                machine.reclaim.user.exit(program)
                for pfn in tables:
                    if pfn >= 0:
                        machine.pages.free_pages(pfn, 0)
                pending.let_kernel_work(machine)

    def _hog(self, name: str) -> None:
        """Run a program that takes memory until somebody stops it."""
        machine, world = self._session.machine, self._session.world
        pid = world.new_pid()
        with process(machine, name, pid):
            hog = machine.reclaim.user.start(Process(pid, name))
            machine.reclaim.user.touch(hog, ENDLESS)
