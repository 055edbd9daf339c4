"""A list to choose from: menus, answer cards, quiz options, the table of outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from rich.cells import cell_len
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.message import Message

from kmemquest.tui.highlight import highlight
from kmemquest.tui.widgets.line_view import LineView
from kmemquest.tui.widgets.row import Row, fit, wrap

if TYPE_CHECKING:
    from textual.events import Click, Resize


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry. An empty id makes a heading that cannot be chosen.

    `key` is what the player may press instead of moving there; `tail` stands at the right edge;
    `note` follows below, wrapped and quiet. `code` colours the label as C. `one_row` cuts a label
    that is too long where others wrap.
    """

    id: str
    label: str
    key: str = ""
    tail: str = ""
    note: str = ""
    tone: str = "plain"
    mark: str = ""
    mark_tone: str = "plain"
    code: bool = False
    one_row: bool = False


@dataclass(frozen=True, slots=True)
class _Line:
    """A screen row: which entry, which part of it, what text."""

    choice: int
    part: str
    text: str


class ChoiceList(LineView, can_focus=True):
    """Entries with one cursor; long labels wrap."""

    HELP = "choices"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("home", "edge(-1)", show=False),
        Binding("end", "edge(1)", show=False),
        Binding("pageup", "move(-8)", show=False),
        Binding("pagedown", "move(8)", show=False),
        Binding("enter", "choose", show=False),
    ]
    DEFAULT_CSS = """
    ChoiceList { height: auto; }
    """

    class _About(Message):
        def __init__(self, widget: ChoiceList, choice: Choice) -> None:
            super().__init__()
            self.widget = widget
            self.choice = choice

        @property
        def control(self) -> ChoiceList:
            """The list."""
            return self.widget

    class Moved(_About):
        """The cursor is on another entry."""

    class Chosen(_About):
        """The player wants this entry."""

    def __init__(
        self,
        choices: Sequence[Choice] = (),
        *,
        click_chooses: bool = True,
        undecided: bool = False,
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self._choices: tuple[Choice, ...] = tuple(choices)
        self._lines: list[_Line] = []
        self._click_chooses = click_chooses
        self._undecided = undecided
        self._laid_out = -1
        self.index = -1 if undecided else self._first()
        """The entry under the cursor; -1 when there is nothing to choose."""

    @property
    def choices(self) -> tuple[Choice, ...]:
        """All entries."""
        return self._choices

    @property
    def current(self) -> Choice | None:
        """The entry under the cursor."""
        return self._choices[self.index] if 0 <= self.index < len(self._choices) else None

    def show(self, choices: Sequence[Choice], current: str | None = None) -> None:
        """Show other entries; the cursor stays on the same id if it is still there."""
        keep = current or (self.current.id if self.current else "")
        same_count = len(choices) == len(self._choices)
        self._choices = tuple(choices)
        ids = [choice.id for choice in self._choices]
        nowhere = -1 if self._undecided else self._first()
        self.index = ids.index(keep) if keep and keep in ids else nowhere
        rows = len(self._lines)
        self._lay_out()
        self.touch_all()
        if not same_count or rows != len(self._lines):
            self.refresh(layout=True)
        if self.is_mounted:
            self._show_cursor()

    def leave(self) -> None:
        """Forget where the cursor is; the next entries begin anew."""
        rows = self._rows_of(self.index)
        self.index = -1
        self.touch(*rows)

    def move_to(self, identifier: str) -> None:
        """Put the cursor on an entry."""
        for number, choice in enumerate(self._choices):
            if choice.id == identifier:
                self._go(number)

    # --- layout -------------------------------------------------------------------------------

    def _first(self) -> int:
        for number, choice in enumerate(self._choices):
            if choice.id:
                return number
        return -1

    def _indent(self) -> int:
        """Cells before a label: pointer, key, mark."""
        key = max((cell_len(choice.key) + 1 for choice in self._choices if choice.key), default=0)
        mark = max(
            (cell_len(choice.mark) + 1 for choice in self._choices if choice.mark), default=0
        )
        return 2 + key + mark

    def _lay_out(self, width: int | None = None) -> None:
        room = (width or self.size.width or 78) - self._indent() - 1
        self._laid_out = width or self.size.width
        self._lines = []
        for number, choice in enumerate(self._choices):
            if choice.code or not choice.id:
                texts = choice.label.split("\n")
            else:
                tail = cell_len(choice.tail) + 2 if choice.tail else 0
                room_here = max(8, room - tail)
                texts = (
                    [fit(choice.label, room_here, self.glyphs.ellipsis).rstrip()]
                    if choice.one_row
                    else wrap(choice.label, room_here)
                )
            for position, text in enumerate(texts):
                self._lines.append(_Line(number, "more" if position else "label", text))
            if choice.note:
                for text in wrap(choice.note, max(8, room)):
                    self._lines.append(_Line(number, "note", text))

    def get_content_height(self, container: Any, viewport: Any, width: int) -> int:
        """Rows needed at a width."""
        del container, viewport
        if width != self._laid_out:
            self._lay_out(width)
        return len(self._lines)

    def row_count(self) -> int:
        """All lines of all entries."""
        return len(self._lines)

    def on_resize(self, event: Resize) -> None:
        """Wrap anew."""
        if self.size.width != self._laid_out:
            self._lay_out()
            self._strips.clear()
        super().on_resize(event)

    # --- drawing ------------------------------------------------------------------------------

    def draw_row(self, index: int, row: Row) -> None:
        """One line of an entry."""
        line = self._lines[index]
        choice = self._choices[line.choice]
        if not choice.id:
            row.add(line.text, self.inks["title" if choice.tone == "plain" else choice.tone])
            return
        here = line.choice == self.index
        under = self.inks.cursor if here else None
        strong = here and line.part != "note"

        def ink(tone: str) -> Any:
            style = self.inks["strong" if strong and tone == "plain" else tone]
            return style + under if under else style

        if line.part == "label":
            row.add(f"{self.glyphs.pointer if here else ' '} ", ink("accent"))
            if choice.key:
                row.add(f"{choice.key} ", ink("key"))
            if choice.mark:
                row.add(f"{choice.mark} ", ink(choice.mark_tone))
        row.pad_to(self._indent(), ink("plain"))
        tone = "quiet" if line.part == "note" else choice.tone
        if choice.code and line.part != "note":
            for piece, text in highlight(line.text)[0]:
                row.add(text.replace("\t", "    "), ink(piece))
        else:
            row.add(line.text, ink(tone))
        if line.part == "label" and choice.tail:
            start = row.width - cell_len(choice.tail) - 1
            if start > row.used:
                row.pad_to(start, ink("plain")).add(choice.tail, ink("quiet"))
        if here:
            row.pad_to(row.width, ink("plain"))

    # --- moving and choosing ------------------------------------------------------------------

    def _rows_of(self, number: int) -> list[int]:
        return [row for row, line in enumerate(self._lines) if line.choice == number]

    def _go(self, number: int) -> None:
        if number == self.index or not self._choices[number].id:
            return
        before = self._rows_of(self.index)
        self.index = number
        self.touch(*before, *self._rows_of(number))
        self._show_cursor()
        self.post_message(self.Moved(self, self._choices[number]))

    def _show_cursor(self) -> None:
        rows = self._rows_of(self.index)
        if rows:
            if self.index == self._first():
                self.show_row(0)
            self.show_row(rows[-1])
            self.show_row(rows[0])

    def show_heading(self) -> None:
        """Scroll so that the entry under the cursor stands at the top, below its heading."""
        rows = self._rows_of(self.index)
        if rows:
            headed = self.index > 0 and not self._choices[self.index - 1].id
            self.scroll_to(y=rows[0] - headed, animate=False)

    def action_move(self, by: int) -> None:
        """Move the cursor over headings."""
        able = [number for number, choice in enumerate(self._choices) if choice.id]
        if not able:
            return
        if self.index in able:
            place = able.index(self.index) + by
        else:
            # Nothing is chosen yet: the first key goes to an end of the list.
            place = 0 if by > 0 else len(able) - 1
        self._go(able[min(max(place, 0), len(able) - 1)])

    def action_edge(self, direction: int) -> None:
        """Move to the first or last entry."""
        self.action_move(direction * len(self._choices))

    def action_choose(self) -> None:
        """Choose the entry under the cursor; without one the key is the screen's."""
        if self.current is None:
            raise SkipAction
        self.post_message(self.Chosen(self, self.current))

    def press(self, key: str) -> bool:
        """Go to the entry with this key; True if there is one."""
        for number, choice in enumerate(self._choices):
            if choice.id and choice.key == key:
                self._go(number)
                return True
        return False

    def on_click(self, event: Click) -> None:
        """Point at an entry, and choose it where that is meant."""
        row = event.y + self.scroll_offset.y
        if 0 <= row < len(self._lines):
            number = self._lines[row].choice
            again = number == self.index
            self.focus()
            if not self._choices[number].id:
                return
            self._go(number)
            if self._click_chooses or (again and event.chain > 1):
                self.action_choose()
