"""The rows of the lab's panes, and how keys change them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kmemquest.i18n import _, ngettext
from kmemquest.tui.lab_model import (
    CHECKER_WORDS,
    LEVEL,
    UPTIMES,
    LabCase,
    Problem,
    Setup,
    checkers_words,
)
from kmemquest.tui.widgets.choice_list import Choice

if TYPE_CHECKING:
    from kmemquest.tui.glyphs import Glyphs

SWITCH_INTERVAL: Final = 0.001
"""Seconds that a run may keep the interpreter while a key waits."""
DEFAULT_INTERVAL: Final = 0.005


@contextmanager
def polite() -> Iterator[None]:
    """Let keys be answered while a thread computes."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(max(before, DEFAULT_INTERVAL))


def problem_choices(problems: Sequence[Problem], glyphs: Glyphs) -> list[Choice]:
    """A row per problem, with its place and its way out."""
    if not problems:
        words = _("The build has nothing to complain about.")
        return [Choice("", f" {glyphs.met} {words}", tone="good")]
    choices = []
    for number, problem in enumerate(problems):
        bad = problem.severity == "error"
        place = f"{problem.line}:{problem.column}"
        if problem.where == "script":
            place = _("script, line {line}").format(line=problem.line)
        choices.append(
            Choice(
                str(number),
                f"{place} {_severity(problem.severity)}: {problem.message}",
                mark=glyphs.unmet if bad else glyphs.flag,
                mark_tone="bad" if bad else "warn",
                note=f"→ {problem.hint}" if problem.hint else "",
            )
        )
    return choices


def setup_choices(case: LabCase, setup: Setup) -> list[Choice]:
    """Checkers, memory, and what was before."""
    machine = _("as the level has it") if setup.machine == LEVEL else setup.machine
    spec = case.machine_of(setup)
    about = ngettext("{count} CPU", "{count} CPUs", spec.cpus).format(count=spec.cpus)
    if spec.nodes > 1:
        about += " · " + _("{count} nodes").format(count=spec.nodes)
    words = CHECKER_WORDS.get(setup.checkers)
    return [
        Choice(
            "checkers",
            _("Checkers"),
            tail=f"‹ {checkers_words(setup)} ›",
            note=_(words) if words else "",
        ),
        Choice("machine", _("Memory"), tail=f"‹ {machine} ›", note=about),
        Choice("uptime", _("Before"), tail=f"‹ {_(UPTIMES[setup.uptime])} ›"),
    ]


def changed(case: LabCase, setup: Setup, row: str, by: int) -> Setup:
    """The set-up with the next value in a row."""
    if row == "checkers":
        return replace(setup, checkers=_next(case.checkers(), setup.checkers, by))
    if row == "machine":
        return replace(setup, machine=_next(case.machines(), setup.machine, by))
    return replace(setup, uptime=_next(tuple(UPTIMES), setup.uptime, by))


def _next(values: tuple[str, ...], now: str, by: int) -> str:
    place = values.index(now) if now in values else 0
    return values[(place + by) % len(values)]


def _severity(word: str) -> str:
    return {"error": _("error"), "warning": _("warning"), "note": _("note")}.get(word, word)
