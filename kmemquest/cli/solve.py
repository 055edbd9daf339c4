"""`kmemquest solve LEVEL`: the table of all answers."""

from __future__ import annotations

import argparse
import json

from kmemquest.cli.errors import BadInput
from kmemquest.cli.language_option import choose_language
from kmemquest.cli.level_argument import find_workpiece
from kmemquest.cli.play import tell_unfinished
from kmemquest.level.solve import solve, table


def command(arguments: argparse.Namespace) -> int:
    """Search, print; exit 1 when no answer passes."""
    choose_language(arguments.language)
    level, notice = find_workpiece(arguments.level)
    if level.file.student:
        raise BadInput(f"{level.id} is a student's copy: it has no answers to search")
    tell_unfinished(notice, as_json=arguments.json)
    solution = solve(level)
    if arguments.json:
        print(json.dumps(solution.as_json(), ensure_ascii=False, indent=1))
    else:
        for line in table(solution):
            print(line)
    return 0 if solution.passing else 1
