"""Search a level's answers: which pass, with how many stars, at what cost, which win for nothing.

All options are combined with each other. Where an option calls an allocator, the search also tries
what the author did not write: the same call with other gfp flags, and other allocators of the same
arguments. Answers that pass without being meant to are the level's loopholes.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from kmemquest.i18n import _, ngettext
from kmemquest.level.attempt import Attempt, answer_text
from kmemquest.level.diagnose import NAMED
from kmemquest.level.goals_memory import duration
from kmemquest.level.habits import habits_of
from kmemquest.level.load import Level
from kmemquest.level.model import Slot
from kmemquest.level.source import substitute
from kmemquest.level.verdict import Figures, Verdict, judge

MAX_ANSWERS: Final = 400
"""Answers tried; what is beyond is counted and told."""
FLAGS: Final = ("GFP_KERNEL", "GFP_ATOMIC", "GFP_NOWAIT", "GFP_NOIO", "GFP_NOFS")
FAMILIES: Final = (
    ("kmalloc", "kzalloc", "kvmalloc", "kvzalloc"),
    ("kmalloc_array", "kcalloc", "kvmalloc_array", "kvcalloc"),
    ("vmalloc", "vzalloc", "vmalloc_user", "vmalloc_32"),
    ("kmem_cache_alloc", "kmem_cache_zalloc"),
    ("dma_pool_alloc", "dma_pool_zalloc"),
    ("devm_kmalloc", "devm_kzalloc"),
)
"""Allocators that take the same arguments."""

NOTHING_ANSWERED: Final = "nothing answered"
"""Name of the loophole of a level that asks for no answer."""

_BASE_FLAG: Final = re.compile(r"\bGFP_(?:KERNEL|ATOMIC|NOWAIT|NOIO|NOFS)\b")


@dataclass(frozen=True, slots=True)
class Solved:
    """One answer and what became of it. `tried` is true for C that no option of the level holds."""

    answers: tuple[tuple[str, str], ...]
    passed: bool
    stars: int
    outcome: str
    failed: tuple[str, ...]
    figures: Figures
    tried: bool = False
    declared_wrong: bool = False
    """Whether the level says of this answer that it fails."""

    def as_json(self) -> dict[str, object]:
        """Return one row of `kmemquest solve --json`."""
        figures = self.figures
        return {
            "answers": dict(self.answers),
            "passed": self.passed,
            "stars": self.stars,
            "outcome": self.outcome,
            "fails": list(self.failed),
            "waste": figures.waste,
            "worst_ns": figures.worst_ns,
            "peak_pages": figures.peak_pages,
            "unwritten": self.tried,
            "declared_wrong": self.declared_wrong,
        }


@dataclass(frozen=True, slots=True)
class Solution:
    """The whole table. `left_out` answers were not tried, for there are too many."""

    level: str
    rows: tuple[Solved, ...]
    left_out: int
    loopholes: tuple[str, ...]
    habits: tuple[str, ...]

    @property
    def passing(self) -> tuple[Solved, ...]:
        """The answers that pass, best first."""
        rows = [row for row in self.rows if row.passed]
        return tuple(sorted(rows, key=lambda row: (-row.stars, row.tried)))

    @property
    def par(self) -> dict[str, float | int | None]:
        """The least that any passing answer costs: waste, ns of the slowest call, pages held."""
        figures = [row.figures for row in self.passing]
        waste = [f.waste for f in figures if f.waste is not None]
        worst = [f.worst_ns for f in figures if f.worst_ns is not None]
        pages = [f.peak_pages for f in figures]
        return {
            "waste": min(waste, default=None),
            "worst_ns": min(worst, default=None),
            "peak_pages": min(pages, default=None),
        }

    def star_limits(self) -> dict[str, dict[str, float | int | None]]:
        """For each number of stars, the most that an answer with so many costs."""
        limits: dict[str, dict[str, float | int | None]] = {}
        for stars in (1, 2, 3):
            figures = [row.figures for row in self.passing if row.stars == stars]
            limits[str(stars)] = {
                "answers": len(figures),
                "waste": max((f.waste for f in figures if f.waste is not None), default=None),
                "worst_ns": max(
                    (f.worst_ns for f in figures if f.worst_ns is not None), default=None
                ),
                "peak_pages": max((f.peak_pages for f in figures), default=None),
            }
        return limits

    def as_json(self) -> dict[str, object]:
        """Return the shape of `kmemquest solve --json`."""
        return {
            "level": self.level,
            "answers": [row.as_json() for row in self.rows],
            "left_out": self.left_out,
            "par": self.par,
            "star_limits": self.star_limits(),
            "trivial_wins": list(self.loopholes),
            "habits": list(self.habits),
        }


def solve(level: Level) -> Solution:
    """Try everything, at most `MAX_ANSWERS` answers; equal levels give equal tables."""
    rows: list[Solved] = []
    left_out = 0
    seen: set[tuple[tuple[str, str], ...]] = set()
    empty: tuple[dict[str, str], str] = ({}, "")
    for answers, unwritten in itertools.chain((empty,), _candidates(level)):
        key = tuple(sorted(answers.items()))
        if key in seen:
            continue
        seen.add(key)
        if len(rows) >= MAX_ANSWERS:
            left_out += 1
            continue
        verdict = _verdict(level, answers, unwritten)
        tried = bool(unwritten)
        if verdict is not None and not (tried and verdict.outcome == "does-not-compile"):
            rows.append(_row(key, verdict, tried=tried))
    return Solution(
        level.id, tuple(rows), left_out, tuple(_loopholes(level, rows)), tuple(_habits(level, rows))
    )


def _verdict(level: Level, answers: dict[str, str], unwritten: str) -> Verdict | None:
    """Run answers; `unwritten` is the slot that holds C which is no option. None: not an answer."""
    if not unwritten:
        return judge(level, Attempt(level, answers).run())
    texts = {
        name: answers[name] if name == unwritten else answer_text(level, name, answers[name])
        for name, slot in level.file.slots.items()
        if slot.kind not in (*NAMED, "driver")
    }
    trial = Attempt(level, level.file.solution).trial()
    source = substitute(level.file.driver, texts)
    recording = replace(trial, source=source, answers=tuple(sorted(answers.items()))).run()
    return judge(level, recording)


def _row(key: tuple[tuple[str, str], ...], verdict: Verdict, *, tried: bool) -> Solved:
    return Solved(
        key,
        verdict.passed,
        verdict.stars,
        verdict.outcome,
        verdict.failed_goals,
        verdict.figures,
        tried,
        verdict.misconception is not None,
    )


def _candidates(level: Level) -> Iterator[tuple[dict[str, str], str]]:
    """Yield answers: all combinations of options, then one place changed to unwritten C."""
    choices = {name: _offered(slot) for name, slot in level.file.slots.items()}
    for combination in itertools.product(*choices.values()):
        yield dict(zip(choices, combination, strict=True)), ""
    for name, slot in level.file.slots.items():
        if slot.kind in NAMED or slot.kind in ("order", "driver"):
            continue
        for text in variants(slot):
            yield {**level.file.solution, name: text}, name


def _offered(slot: Slot) -> list[str]:
    if slot.kind == "order":
        return [",".join(order) for order in itertools.permutations(slot.options)][:120]
    return list(slot.names)


def variants(slot: Slot) -> list[str]:
    """Return C that the options suggest and do not hold: other flags, sister functions."""
    found: dict[str, None] = {}
    for text in slot.options.values():
        for family in FAMILIES:
            for one in family:
                if re.search(rf"\b{one}\s*\(", text):
                    for other in family:
                        found[re.sub(rf"\b{one}(\s*\()", rf"{other}\1", text)] = None
        for flag in FLAGS:
            for written in (text, *list(found)):
                if _BASE_FLAG.search(written):
                    found[_BASE_FLAG.sub(flag, written)] = None
    return [text for text in found if text not in slot.options.values()]


def _loopholes(level: Level, rows: list[Solved]) -> Iterator[str]:
    """Tell answers that win without the lesson: nothing at all, or three stars for another call."""
    solution = tuple(sorted(level.file.solution.items()))
    for row in rows:
        if row.passed and not row.answers:
            yield NOTHING_ANSWERED
        elif row.passed and row.stars == 3 and row.answers != solution:
            yield ", ".join(f"{slot}={answer}" for slot, answer in row.answers)


def _habits(level: Level, rows: list[Solved]) -> Iterator[str]:
    passing = {row.answers for row in rows if row.passed}
    for habit, answers in habits_of(level.file).items():
        if tuple(sorted(answers.items())) in passing:
            yield f"always {habit}"


def table(solution: Solution) -> Iterator[str]:
    """Tell a solution line by line: the table, par, star limits, what wins for nothing."""
    for row in sorted(solution.rows, key=lambda row: (-row.passed, -row.stars, row.tried)):
        stars = "★" * row.stars + "·" * (3 - row.stars) if row.passed else "–  "
        words = ", ".join(f"{slot}={answer}" for slot, answer in row.answers) or _("(nothing)")
        mark = "+ " if row.tried else "  "
        yield f"{stars} {_cost(row.figures):32} {mark}{words}{_why(row)}"
    par = solution.par
    cost = _figures(par["waste"], par["worst_ns"], par["peak_pages"])
    yield _("par: {cost}").format(cost=cost)
    for stars, limit in solution.star_limits().items():
        if limit["answers"]:
            cost = _figures(limit["waste"], limit["worst_ns"], limit["peak_pages"])
            yield ngettext(
                "{stars}: {n} answer, up to {cost}", "{stars}: {n} answers, up to {cost}",
                int(limit["answers"]),
            ).format(stars="★" * int(stars), n=limit["answers"], cost=cost)  # fmt: skip
    yield from _warnings(solution)
    tried = sum(row.tried for row in solution.rows)
    yield _("{n} answers, {passing} pass; {tried} (+) are in no option").format(
        n=len(solution.rows), passing=len(solution.passing), tried=tried
    )


def _warnings(solution: Solution) -> Iterator[str]:
    """Tell what an author should think about, each in one line."""
    if solution.habits:
        yield _("habits that pass: {habits}").format(habits="; ".join(solution.habits))
    if NOTHING_ANSWERED in solution.loopholes:
        yield _("it passes with nothing answered")
    wins = len([each for each in solution.loopholes if each != NOTHING_ANSWERED])
    if wins:
        yield ngettext(
            "{n} answer besides the solution wins three stars",
            "{n} answers besides the solution win three stars",
            wins,
        ).format(n=wins)
    if solution.left_out:
        yield ngettext(
            "{n} more answer was not tried", "{n} more answers were not tried", solution.left_out
        ).format(n=solution.left_out)


def _why(row: Solved) -> str:
    if not row.passed:
        return f"  [{row.outcome}: {', '.join(row.failed)}]"
    return "  " + _("[declared wrong, but it passes]") if row.declared_wrong else ""


def _cost(figures: Figures) -> str:
    return _figures(figures.waste, figures.worst_ns, figures.peak_pages)


def _figures(waste: float | None, worst: float | None, pages: float | None) -> str:
    parts = []
    if waste is not None:
        parts.append(_("waste {percent} %").format(percent=round(waste * 100)))
    if worst is not None:
        parts.append(duration(int(worst)))
    if pages is not None:
        parts.append(ngettext("{n} page", "{n} pages", int(pages)).format(n=int(pages)))
    return ", ".join(parts)
