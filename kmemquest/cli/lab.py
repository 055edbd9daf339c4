"""`kmemquest lab [FILE.c]`: the driver lab on the full screen."""

from __future__ import annotations

import argparse
from pathlib import Path

from kmemquest.cli.errors import BadInput


def command(arguments: argparse.Namespace) -> int:
    """Open the lab; a file that does not exist yet is written when it is saved."""
    if arguments.plain:
        raise BadInput("the lab needs the full screen; `kmemquest run FILE.c` works line by line")
    if arguments.file:
        # The same reading, size limit and words as `kmemquest run` has.
        from kmemquest.cli.run import read_source

        path = Path(arguments.file)
        if path.exists():
            read_source(arguments.file)
        elif not path.absolute().parent.is_dir():
            raise BadInput(f"{arguments.file}: there is no folder {path.absolute().parent}")
    from kmemquest.tui.app import run

    return run(lab=arguments.file, language=arguments.language)
