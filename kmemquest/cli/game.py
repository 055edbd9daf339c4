"""`kmemquest` and `kmemquest tour`: the full-screen game, or the plain one on request."""

from __future__ import annotations

import argparse


def command(arguments: argparse.Namespace) -> int:
    """Start the game."""
    if arguments.plain:
        from kmemquest.cli.plain_game import run_plain

        return run_plain(tour=getattr(arguments, "tour", False), language=arguments.language)
    from kmemquest.tui.app import run

    return run(tour=getattr(arguments, "tour", False), language=arguments.language)
