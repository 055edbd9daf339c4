"""Which bank a command asks from: the one that ships, or files named on the command line."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from kmemquest.cli.errors import BadInput
from kmemquest.content.problem import ProblemsFound
from kmemquest.i18n import language, ngettext
from kmemquest.quiz.bank import Bank, open_bank

_SHOWN = 20
"""Problems that are told at once; `kmemquest check` tells all."""


def bank_of(words: Sequence[str], languages: Sequence[str] | None = None) -> Bank:
    """Return the bank of the named files, or the one that ships if there are none.

    Words must be there in the given languages, by default in the one in force. BadInput tells
    everything that is wrong, with its place.
    """
    from kmemquest.quiz.own_bank import read_own_bank

    if not words:
        return open_bank()
    for word in words:
        _look(word)
    try:
        return read_own_bank([Path(word) for word in words], languages or (language(),))
    except ProblemsFound as found:
        raise BadInput(problem_text(found)) from None


def problem_text(found: ProblemsFound) -> str:
    """Return what is wrong with a file, a line each; of many problems the first ones."""
    lines = [str(problem) for problem in found.problems[:_SHOWN]]
    more = len(found.problems) - _SHOWN
    if more > 0:
        words = ngettext(
            "… and {n} more; kmemquest check tells all",
            "… and {n} more; kmemquest check tells all",
            more,
        )
        lines.append(words.format(n=more))
    return "\n".join(lines)


def prove(bank: Bank, names: Collection[str]) -> None:
    """Run the experiments of questions from named files; BadInput tells what is wrong.

    Those of the bank that ships are proven before it ships.
    """
    from kmemquest.quiz.own_bank import OwnBank

    if not isinstance(bank, OwnBank):
        return
    try:
        bank.prove(names)
    except ProblemsFound as found:
        raise BadInput(problem_text(found)) from None


def _look(word: str) -> None:
    """Refuse what is not there, with the topic or the file that may be meant."""
    if Path(word).exists():
        return
    if word in open_bank().topics:
        raise BadInput(f"no file {word!r}: the topic that ships is --topic {word}")
    if Path(f"{word}.yaml").is_file():
        raise BadInput(f"no file {word!r}: is {word}.yaml meant?")
    raise BadInput(f"no file {word!r}: name a topic's structure file, e.g. my-topic.yaml")
