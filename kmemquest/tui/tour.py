"""The tour: five guided minutes over the first level, told beside the real screens.

Each remark belongs to a screen and waits for something the player does there. Nothing is locked
meanwhile: who already knows a key may use it, and the remark about it is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kmemquest.i18n import N_, _


@dataclass(frozen=True, slots=True)
class Remark:
    """What the guide says on a screen until the player did `done_by`."""

    screen: str
    done_by: str
    title: str
    text: str


REMARKS: Final = (
    Remark(
        "level",
        "answer-moved",
        N_("A driver with a hole in it"),
        N_(
            "This C really runs, on a simulated Linux 6.12. One call is missing. Press ↓ and ↑ to "
            "try the cards: each is written into the line at once."
        ),
    ),
    Remark(
        "level",
        "predicted",
        N_("Guess before you look"),
        N_("The line below the cards asks what you expect. Press → or ← to choose a prediction."),
    ),
    Remark(
        "level",
        "ran",
        N_("Now run it"),
        N_("Press Enter. Right or wrong, the driver is executed: nothing here is scripted."),
    ),
    Remark(
        "watch",
        "stepped",
        N_("Step by step"),
        N_("Press → to execute the next line and ← to go back. The marked cells have changed."),
    ),
    Remark(
        "watch",
        "jumped",
        N_("Skip the dull lines"),
        N_("Press n: it jumps to the next step in which the machine's memory changed."),
    ),
    Remark(
        "watch",
        "why",
        N_("Ask why"),
        N_("Press w to see the chain of events behind this step, and q to close it again."),
    ),
    Remark(
        "watch",
        "verdict",
        N_("What came of it?"),
        N_("Tab walks through the panes, ? explains the one you are in. Press v for the verdict."),
    ),
    Remark(
        "verdict",
        "retried",
        N_("Not yet, and now you know why"),
        N_("The rule that was broken stands above. Press r, choose another card, run again."),
    ),
)
WON: Final = (
    N_("Your first win"),
    N_("The tour ends here. Press d for the debrief, n for the next level, q to look around."),
)


class Tour:
    """Which remarks are done."""

    def __init__(self) -> None:
        self._done: set[str] = set()
        self.won = False

    def happened(self, deed: str) -> None:
        """The player did something."""
        self._done.add(deed)
        if deed == "won":
            self.won = True
        if deed == "retried":
            # The way is known now; only the last key matters in further rounds.
            self._done -= {"ran", "verdict"}

    def remark(self, screen: str) -> tuple[str, str]:
        """Title and text for a screen; empty when there is nothing to say."""
        if screen == "verdict" and self.won:
            return _(WON[0]), _(WON[1])
        for remark in REMARKS:
            if remark.screen == screen and remark.done_by not in self._done:
                return _(remark.title), _(remark.text)
        return "", ""
