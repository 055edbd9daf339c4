"""`kmemquest new level|pack|question NAME`: commented files to begin with."""

from __future__ import annotations

import argparse
from pathlib import Path

from kmemquest.cli.errors import BadInput
from kmemquest.cli.language_option import choose_language
from kmemquest.content import assets_root, levels_root
from kmemquest.i18n import _
from kmemquest.level.template import CannotWrite, write_new


def command(arguments: argparse.Namespace) -> int:
    """Write the files and tell what to do next."""
    choose_language(arguments.language)
    folder = Path(arguments.folder)
    try:
        written = write_new(arguments.kind, arguments.name, folder)
    except CannotWrite as error:
        raise BadInput(str(error)) from None
    for path in written:
        print(path)
    target = folder / arguments.name if arguments.kind == "pack" else written[0]
    print(_("Change the lines marked EDIT, then: kmemquest check {path}").format(path=target))
    print(_("Every key and word is explained in {path}").format(path=_guide(arguments.kind)))
    if arguments.kind == "question":
        print(_("Answer it yourself: kmemquest quiz {path}").format(path=target))
    return 0


def _guide(kind: str) -> Path:
    """Return the authors' guide that ships: levels and packs have one, questions another."""
    root = assets_root() / "quiz" if kind == "question" else levels_root()
    return root / "AUTHORING.md"
