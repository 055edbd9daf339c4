"""One record per thing a player can do: binding, key line, command palette and help in one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from textual.binding import Binding, BindingType

from kmemquest.i18n import N_, _


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of a screen or of the whole game.

    `label` and `help` are message ids, translated when drawn. `keys` are Textual key names;
    `shown` is what the key line prints, empty for an operation that only help and palette list.
    An operation with `palette` false needs a place on the screen and is not offered there.
    """

    id: str
    keys: str
    action: str
    label: str
    help: str
    shown: str = ""
    palette: bool = True

    @property
    def key_text(self) -> str:
        """The keys as help prints them."""
        names = [_KEY_NAMES.get(key, key.replace("shift+", "⇧")) for key in self.keys.split(",")]
        return " ".join(names)

    @property
    def while_typing(self) -> Operation:
        """The operation as the key line prints it where letters are text."""
        if len(self.shown) != 1 or not self.shown.isascii():
            return self
        for key in self.keys.split(","):
            if len(key) > 1:
                return replace(self, shown=_KEY_NAMES.get(key, key.capitalize()))
        return replace(self, shown="")


_KEY_NAMES: Final = {
    "enter": "⏎",
    "escape": "esc",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "shift+left": "⇧←",
    "shift+right": "⇧→",
    "space": "␣",
    "full_stop": ".",
    "comma": ",",
    "question_mark": "?",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "tab": "tab",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "ctrl+p": "^p",
    "ctrl+q": "^q",
}

_PLAIN_KEYS: Final = str.maketrans({"⏎": "Enter", "←": "<", "→": ">", "↑": "^", "↓": "v"})


def plain_keys(text: str) -> str:
    """Key names in ASCII."""
    return text.replace("⇧", "S-").replace("␣", "space").translate(_PLAIN_KEYS)


def bindings(operations: Iterable[Operation]) -> list[BindingType]:
    """The Textual bindings of operations; their ids let a keymap rebind them."""
    return [
        Binding(
            operation.keys,
            operation.action,
            _(operation.label),
            show=False,
            id=operation.id,
            tooltip=_(operation.help),
        )
        for operation in operations
        if operation.keys
    ]


GAME: Final = (
    Operation(
        "game.help",
        "question_mark,f1",
        "app.show_help",
        N_("help"),
        N_("Explain this screen and list its keys."),
        shown="?",
    ),
    Operation(
        "game.palette",
        "ctrl+p",
        "app.command_palette",
        N_("commands"),
        N_("Search everything that can be done here by name."),
        palette=False,
    ),
    Operation(
        "game.quit",
        "ctrl+q",
        "app.quit",
        N_("quit the game"),
        N_("Leave the game at once; everything is saved already."),
    ),
)
"""What can be done on every screen."""

BACK: Final = Operation(
    "game.back",
    "q,escape",
    "app.leave",
    N_("back"),
    N_("Go back to the screen before. q is quicker than Esc in most terminals."),
    shown="q",
)
