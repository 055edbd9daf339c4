"""Look after a level file while its author writes: loaded again whenever it changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from kmemquest.content.problem import Problem, ProblemsFound
from kmemquest.level.load import Level
from kmemquest.level.unfinished import load_unfinished


@dataclass(frozen=True)
class Reload:
    """What a change came to: a level, or the reasons why there is none.

    `level` is the last one that could be read, and stays what it was while the files are broken.
    """

    level: Level | None
    problems: tuple[Problem, ...]
    unfinished: str = ""
    """One line that tells how much of a level that runs is not there yet."""

    @property
    def sound(self) -> bool:
        """Whether the level can be played as its files are now."""
        return not self.problems

    def lines(self) -> tuple[str, ...]:
        """Return the problems as text, `file:line:column: message (hint)` each."""
        return tuple(str(problem) for problem in self.problems)


@dataclass
class LevelWatch:
    """A level file under change; `poll()` costs a few stat calls when nothing has changed."""

    path: Path
    _seen: dict[str, tuple[int, int]] | None = field(default=None, repr=False)
    _level: Level | None = field(default=None, repr=False)

    def poll(self) -> Reload | None:
        """Return what came of a change since the last call; None if there was none.

        The first call always returns something. A file that is being written (an editor replaces
        it, for a moment it is gone or half there) is told as a problem, and the next call mends it.
        """
        now = self._stamps()
        if now == self._seen:
            return None
        self._seen = now
        try:
            found = load_unfinished(self.path)
        except ProblemsFound as error:
            return Reload(self._level, error.problems)
        self._level = found.level
        return Reload(found.level, (), found.notice())

    def _stamps(self) -> dict[str, tuple[int, int]]:
        stamps = {}
        for path in sorted(self.path.parent.glob(f"{self.path.stem}*.yaml")):
            try:
                status = path.stat()
            except OSError:
                continue
            stamps[path.name] = (status.st_mtime_ns, status.st_size)
        return stamps
