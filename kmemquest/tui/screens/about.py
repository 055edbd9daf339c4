"""About: what the game is, and how true its kernel is, subsystem by subsystem."""

from __future__ import annotations

import kmemquest
from kmemquest.content.fidelity import read_fidelity
from kmemquest.i18n import _, language
from kmemquest.tui.screens.paper import PaperScreen
from kmemquest.tui.widgets.prose import Paragraph


def about_sheet() -> PaperScreen:
    """The sheet, from the table that the documents show too."""
    paragraphs: list[Paragraph] = [
        (
            "plain",
            _("KMemQuest {version}: a simulated Linux 6.12.").format(version=kmemquest.__version__),
        ),
        (
            "quiet",
            _(
                "“Matched” is how many comparisons with recordings of a real 6.12 kernel held; "
                "“kmemquest conform” counts them."
            ),
        ),
    ]
    for row in read_fidelity(language()):
        paragraphs += [
            ("plain", ""),
            ("accent", row.subsystem),
            ("plain", _("matched") + f"\t{row.matched}"),
            ("plain", _("exact") + f"\t{row.exact}"),
            ("plain", _("modelled") + f"\t{row.modelled}"),
            ("plain", _("left out") + f"\t{row.left_out}"),
        ]
    return PaperScreen(_("about"), paragraphs)
