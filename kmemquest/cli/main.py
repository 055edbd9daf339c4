"""Where a command line arrives: parse, choose the command, turn every failure into a sentence."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from kmemquest.cli.errors import BadInput
from kmemquest.cli.parser import build_parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the process's exit status (0 good, 1 not passed, 2 bad input)."""
    arguments = build_parser().parse_args(argv)
    try:
        return int(arguments.command(arguments))
    except BadInput as error:
        print(f"kmemquest: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader went away (`| head`): point stdout at nothing so that the exit stays quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
