"""Lines of C to put in order: one is picked up and carried, by keys or with the mouse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from rich.style import Style
from textual.binding import Binding, BindingType
from textual.message import Message

from kmemquest.tui.highlight import highlight
from kmemquest.tui.model import Option
from kmemquest.tui.widgets.line_view import LineView
from kmemquest.tui.widgets.row import Row

if TYPE_CHECKING:
    from textual.events import MouseDown, MouseMove, MouseUp


class LineOrder(LineView, can_focus=True):
    """Entries that change places. Space picks the one under the cursor up and puts it down."""

    HELP = "line-order"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "go(-1)", show=False),
        Binding("down,j", "go(1)", show=False),
        Binding("shift+up,K,minus", "carry(-1)", show=False),
        Binding("shift+down,J,plus", "carry(1)", show=False),
        Binding("space", "pick", show=False),
    ]
    DEFAULT_CSS = """
    LineOrder { height: auto; }
    """

    class Ordered(Message):
        """The order is another one; `order` are the ids."""

        def __init__(self, widget: LineOrder, order: tuple[str, ...]) -> None:
            super().__init__()
            self.widget = widget
            self.order = order

        @property
        def control(self) -> LineOrder:
            """The list."""
            return self.widget

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._entries: list[Option] = []
        self._starts: list[int] = []
        self._rows = 0
        self.index = 0
        self.picked = False
        """Whether the entry under the cursor goes along with it."""

    @property
    def order(self) -> tuple[str, ...]:
        """The ids, from the first to the last."""
        return tuple(option.id for option in self._entries)

    def show(self, options: Sequence[Option], order: Sequence[str] = ()) -> None:
        """Show entries in an order; without one (or with a strange one) as they are given."""
        found = {option.id: option for option in options}
        if sorted(order) == sorted(found):
            self._entries = [found[name] for name in order]
        else:
            self._entries = list(options)
        self.index = 0
        self.picked = False
        self._changed()
        self.refresh(layout=True)

    def _changed(self) -> None:
        self._starts = []
        self._rows = 0
        for option in self._entries:
            self._starts.append(self._rows)
            self._rows += len(option.code.rstrip("\n").split("\n"))
        self.touch_all()

    def row_count(self) -> int:
        """Lines of all entries."""
        return self._rows

    def get_content_height(self, container: Any, viewport: Any, width: int) -> int:
        """Rows needed."""
        del container, viewport, width
        return self._rows

    def _entry_at(self, row: int) -> int:
        found = 0
        for number, start in enumerate(self._starts):
            if start <= row:
                found = number
        return found

    def draw_row(self, index: int, row: Row) -> None:
        """A line of an entry: its place, a handle when it is carried, the code."""
        number = self._entry_at(index)
        here = number == self.index
        under = self.inks.cursor if here else Style.null()
        first = index == self._starts[number]
        mark = (self.glyphs.up if self.picked else self.glyphs.pointer) if here else " "
        tone = "glow" if self.picked and here else "accent"
        row.add(f"{mark if first else ' '} ", self.inks[tone] + under)
        row.add(f"{number + 1} " if first else "  ", self.inks["key"] + under)
        line = self._entries[number].code.rstrip("\n").split("\n")[index - self._starts[number]]
        for piece, text in highlight(line.strip())[0]:
            row.add(text.replace("\t", "    "), self.inks[piece] + under)
        if here:
            row.pad_to(row.width, under)

    # --- moving -------------------------------------------------------------------------------

    def action_go(self, by: int) -> None:
        """Move the cursor; a picked entry comes along."""
        if self.picked:
            self.action_carry(by)
            return
        place = min(max(self.index + by, 0), len(self._entries) - 1)
        if place != self.index:
            self.index = place
            self.touch_all()
            self.show_row(self._starts[place])

    def action_carry(self, by: int) -> None:
        """Move the entry under the cursor by one place."""
        place = self.index + by
        if not 0 <= place < len(self._entries):
            return
        entry = self._entries.pop(self.index)
        self._entries.insert(place, entry)
        self.index = place
        self._changed()
        self.show_row(self._starts[place])
        self.post_message(self.Ordered(self, self.order))

    def action_pick(self) -> None:
        """Pick up, or put down; putting down says that this order is meant."""
        self.picked = not self.picked
        self.touch_all()
        if not self.picked:
            self.post_message(self.Ordered(self, self.order))

    def press(self, key: str) -> bool:
        """Go to the entry in a place, or carry the picked one there."""
        if not key.isdigit() or not 1 <= int(key) <= len(self._entries):
            return False
        place = int(key) - 1
        if self.picked:
            self._carry_to(place)
        else:
            self.action_go(place - self.index)
        return True

    def _carry_to(self, place: int) -> None:
        while self.index != place:
            self.action_carry(1 if place > self.index else -1)

    # --- the mouse ----------------------------------------------------------------------------

    def on_mouse_down(self, event: MouseDown) -> None:
        """Take hold of an entry."""
        self.focus()
        row = event.y + self.scroll_offset.y
        if 0 <= row < self._rows:
            self.index = self._entry_at(row)
            self.picked = True
            self.capture_mouse()
            self.touch_all()

    def on_mouse_move(self, event: MouseMove) -> None:
        """Drag it along."""
        if self.picked and self.app.mouse_captured is self:
            row = min(max(event.y + self.scroll_offset.y, 0), self._rows - 1)
            self._carry_to(self._entry_at(row))

    def on_mouse_up(self, event: MouseUp) -> None:
        """Let it go."""
        del event
        if self.app.mouse_captured is self:
            self.release_mouse()
            self.picked = False
            self.touch_all()
