"""The whole game line by line: choose a level, play it, go on."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from kmemquest.cli.language_option import choose_language
from kmemquest.cli.plain_play import play_plainly
from kmemquest.cli.save import open_save
from kmemquest.cli.terminal import read_line
from kmemquest.i18n import _
from kmemquest.level.library import Library

if TYPE_CHECKING:
    from kmemquest.store import Store


def run_plain(*, tour: bool, language: str | None) -> int:
    """Offer the campaign; the tour is its first level."""
    choose_language(language)
    library = Library.open()
    with closing(open_save()) as store:
        if tour:
            print(_("Five guided minutes: read, choose, predict, watch."))
            return play_plainly(library.entries[0].load(), {}, store)
        return _campaign(library, store)


def _campaign(library: Library, store: Store) -> int:
    while True:
        print()
        print(_("Levels:"))
        for number, entry in enumerate(library.entries, 1):
            known = store.level(entry.id)
            stars = "★" * known.best_stars if known.passed else ""
            print(f"  {number}) {entry.label} {entry.title()} {stars}".rstrip())
        print(_("Type a number, or “quit”. For questions use: kmemquest quiz."))
        line = read_line()
        word = (line or "").strip()
        if line is None or word in ("q", "quit"):
            return 0
        if word.isdigit() and 1 <= int(word) <= len(library.entries):
            play_plainly(library.entries[int(word) - 1].load(), {}, store)
        else:
            print(_("Type a number from 1 to {last}.").format(last=len(library.entries)))
