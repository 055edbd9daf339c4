"""The sandbox's prompt: one line of C, with history and completion of names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input


class _Names(Suggester):
    """Completes the name at the end of the line."""

    def __init__(self, prompt: Prompt) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._prompt = prompt

    async def get_suggestion(self, value: str) -> str | None:
        """The line with its last name completed."""
        from kmemquest.level.sandbox_names import completions, last_word

        word = last_word(value)
        if len(word) < 2:
            return None
        for name in completions(word, self._prompt.known):
            if name != word:
                return value + name[len(word) :]
        return None


class Prompt(Input):
    """Enter runs; the arrow keys up and down bring back what was typed before."""

    HELP = "prompt"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "history(-1)", show=False),
        Binding("down", "history(1)", show=False),
        Binding("tab", "complete", show=False),
    ]
    DEFAULT_CSS = """
    Prompt {
        border: none; height: 1; padding: 0 1; background: $panel;
        &:focus { border: none; background: $panel; }
    }
    """

    class Complained(Message):
        """A column of the line is wrong."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(select_on_focus=False, **arguments)
        self.suggester = _Names(self)
        self.known: tuple[str, ...] = ()
        """Variables and functions of the player's own."""
        self._lines: list[str] = []
        self._place = 0

    def remember(self, line: str) -> None:
        """Add a line to the history."""
        if line and (not self._lines or self._lines[-1] != line):
            self._lines.append(line)
        self._place = len(self._lines)

    def remember_all(self, lines: Sequence[str]) -> None:
        """Take up a history."""
        self._lines = list(lines)
        self._place = len(self._lines)

    def action_history(self, by: int) -> None:
        """A line typed before, or the empty line after the last."""
        place = min(max(self._place + by, 0), len(self._lines))
        if place != self._place:
            self._place = place
            self.value = self._lines[place] if place < len(self._lines) else ""
            self.cursor_position = len(self.value)

    def action_complete(self) -> None:
        """Take the suggestion; without one Tab goes on to the panes."""
        if self._suggestion and self.cursor_position >= len(self.value):
            self.value = self._suggestion
            self.cursor_position = len(self.value)
        else:
            self.screen.focus_next()
