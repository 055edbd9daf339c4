"""Levels and answers as they are named on the command line."""

from __future__ import annotations

from pathlib import Path

from kmemquest.cli.errors import BadInput
from kmemquest.content.problem import ProblemsFound
from kmemquest.level.library import Library, UnknownLevel
from kmemquest.level.load import Level


def find_level(word: str) -> Level:
    """Load a level by id or file; BadInput tells every mistake of a broken file."""
    try:
        return Library.open().find(word)
    except UnknownLevel as error:
        raise BadInput(str(error.args[0])) from None
    except ProblemsFound as found:
        raise BadInput("\n".join(str(problem) for problem in found.problems)) from None


def find_workpiece(word: str) -> tuple[Level, str]:
    """Load a level as its author tries it: a file need not be finished, only be fit to run.

    The second is the line that tells what is missing; it is empty for a finished level.
    """
    path = Path(word)
    if path.suffix not in (".yaml", ".yml") or not path.is_file():
        return find_level(word), ""
    from kmemquest.level.unfinished import load_unfinished

    try:
        found = load_unfinished(path)
    except ProblemsFound as error:
        raise BadInput("\n".join(str(problem) for problem in error.problems)) from None
    return found.level, found.notice()


def read_answers(words: list[str]) -> dict[str, str]:
    """Read `SLOT=OPTION` words; the last one for a slot wins."""
    answers = {}
    for word in words:
        slot, equals, option = word.partition("=")
        if not equals or not slot:
            raise BadInput(f"--answer {word}: expected SLOT=OPTION")
        answers[slot.strip()] = option.strip()
    return answers
