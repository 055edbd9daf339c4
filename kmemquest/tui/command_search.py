"""The command palette: every operation of the current screen and of the game, by name."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from kmemquest.i18n import N_, _
from kmemquest.tui.operations import GAME, Operation

PLACES = tuple(
    Operation(f"go.{place}", "", f"app.go('{place}')", label, help_text)
    for place, label, help_text in (
        ("campaign", N_("campaign map"), N_("All levels with your stars.")),
        ("quiz", N_("interview trainer"), N_("Questions as interviewers ask them.")),
        ("lab", N_("driver lab"), N_("Write a driver and see what the kernel would do.")),
        ("tour", N_("guided tour"), N_("Five minutes with a guide, to a first win.")),
        ("progress", N_("progress"), N_("What you have done so far.")),
        ("settings", N_("settings"), N_("Language, colours, motion, glyphs.")),
        ("about", N_("about"), N_("How true the simulator is, and what it leaves out.")),
    )
)


class OperationSearch(Provider):
    """Searches labels and help texts."""

    def _operations(self) -> list[Operation]:
        own: tuple[Operation, ...] = getattr(self.screen, "OPERATIONS", ())
        return [operation for operation in (*own, *PLACES, *GAME) if operation.palette]

    async def discover(self) -> Hits:
        """Everything, before anything is typed."""
        for operation in self._operations():
            yield DiscoveryHit(
                _(operation.label),
                partial(self.screen.run_action, operation.action),
                help=_(operation.help),
            )

    async def search(self, query: str) -> Hits:
        """What matches by label or help."""
        matcher = self.matcher(query)
        for operation in self._operations():
            label = _(operation.label)
            score = max(matcher.match(label), matcher.match(_(operation.help)) * 0.8)
            if score > 0:
                yield Hit(
                    score,
                    matcher.highlight(label),
                    partial(self.screen.run_action, operation.action),
                    help=_(operation.help),
                )
