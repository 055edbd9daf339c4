"""Lines to bring into order: pick one up, move it, put it down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType

from kmemquest.i18n import _
from kmemquest.tui.widgets.choice_list import Choice, ChoiceList

if TYPE_CHECKING:
    from textual.events import Click


class OrderList(ChoiceList, can_focus=True):
    """Numbered lines; the one that is picked up moves with the cursor."""

    HELP = "order"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pick_up", show=False),
        Binding("shift+up,K,left_square_bracket", "shift(-1)", show=False),
        Binding("shift+down,J,right_square_bracket", "shift(1)", show=False),
    ]

    def __init__(self, lines: Sequence[tuple[str, str, str]], **arguments: Any) -> None:
        """`lines` are (id, text, letter)."""
        super().__init__(click_chooses=False, **arguments)
        self._by_id = {name: (text, letter) for name, text, letter in lines}
        self._order = [name for name, _text, _letter in lines]
        self.held = False
        self.touched = False
        """True as soon as anything was moved."""
        self._draw_order()

    @property
    def order(self) -> tuple[str, ...]:
        """The ids in their present order."""
        return tuple(self._order)

    def put(self, order: Sequence[str]) -> None:
        """Take over an order."""
        self._order = list(order)
        self.held = False
        self._draw_order()

    def _draw_order(self) -> None:
        current = self.current.id if self.current else None
        self.show(
            [
                Choice(
                    name,
                    self._by_id[name][0],
                    f"{place}.",
                    tail=_("moving") if self.held and name == current else "",
                    mark=f"({self._by_id[name][1]})",
                    mark_tone="quiet",
                )
                for place, name in enumerate(self._order, 1)
            ],
            current,
        )

    def action_pick_up(self) -> None:
        """Pick the line up, or put it down."""
        if not self.disabled:
            self.held = not self.held
            self._draw_order()

    def action_shift(self, by: int) -> None:
        """Move the line under the cursor up or down."""
        if self.current is None:
            return
        place = self._order.index(self.current.id)
        target = min(max(place + by, 0), len(self._order) - 1)
        if target != place:
            self._order.insert(target, self._order.pop(place))
            self.touched = True
            self._draw_order()
            self.post_message(self.Moved(self, self._choices[self.index]))

    def action_move(self, by: int) -> None:
        """Move the cursor, and the line with it if one is picked up."""
        if self.held:
            self.action_shift(by)
        else:
            super().action_move(by)

    def press(self, key: str) -> bool:
        """Go to the line with this letter."""
        for number, name in enumerate(self._order):
            if self._by_id[name][1] == key:
                if self.held:
                    self.action_shift(number - self.index)
                else:
                    self._go(number)
                return True
        return False

    def on_click(self, event: Click) -> None:
        """A click picks a line up; the next one puts it down there."""
        row = event.y + self.scroll_offset.y
        if not 0 <= row < len(self._lines):
            return
        self.focus()
        number = self._lines[row].choice
        if self.held:
            self.action_shift(number - self.index)
            self.action_pick_up()
        else:
            self._go(number)
            self.action_pick_up()
