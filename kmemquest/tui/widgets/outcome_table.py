"""What every option did, side by side; the rows are really run and open their recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.cells import cell_len

from kmemquest.i18n import _
from kmemquest.tui.glyphs import stars
from kmemquest.tui.model import Outcome
from kmemquest.tui.widgets.choice_list import Choice, ChoiceList
from kmemquest.tui.widgets.row import fit


class OutcomeTable(ChoiceList):
    """Columns: option, result with stars, waste, worst latency, notes below."""

    DEFAULT_CSS = """
    OutcomeTable { height: 1fr; }
    """
    HELP = "outcomes"
    _moved = False
    """Whether the player took the cursor; before, it stays on the player's own row."""

    def action_move(self, by: int) -> None:
        """Move, and stay there while more rows come in."""
        self._moved = True
        super().action_move(by)

    def say(self, text: str) -> None:
        """Words instead of rows."""
        self.show([Choice("", text, tone="quiet")])

    def show_outcomes(self, outcomes: Sequence[Outcome], chosen: Mapping[str, str]) -> None:
        """Show the rows that are known; the player's own is marked."""
        width = max(40, self.size.width)
        code = min(width - 44, max([cell_len(_one_line(o.code)) for o in outcomes] + [12]) + 1)
        result = 22
        heading = (
            "    "
            + fit(_("option"), code)
            + fit(_("result"), result)
            + fit(_("waste"), 7)
            + _("worst")
        )
        choices = [Choice("", heading, tone="quiet")]
        own = None
        for number, outcome in enumerate(outcomes):
            mark = self.glyphs.met if outcome.passed else self.glyphs.unmet
            words = stars(self.glyphs, outcome.stars) if outcome.passed else outcome.result
            label = fit(_one_line(outcome.code), code, self.glyphs.ellipsis)
            if outcome.passed:
                label += fit(words, result)
                label += fit(outcome.waste or self.glyphs.dash, 7)
                label += outcome.worst or self.glyphs.dash
            else:
                label += fit(words, width - 8 - code, self.glyphs.ellipsis)
            mine = dict(outcome.answers) == dict(chosen)
            note = outcome.notes
            if mine:
                own = str(number)
                note = _("your answer") + (f" {self.glyphs.dash} {note}" if note else "")
            choices.append(
                Choice(
                    str(number),
                    label,
                    mark=mark,
                    mark_tone="good" if outcome.passed else "bad",
                    tone="plain",
                    note=note,
                )
            )
        self.show(choices, None if self._moved else own)


def _one_line(code: str) -> str:
    """C of several lines as one."""
    return " ".join(code.split())
