"""A fault sweep in words: the table, what it comes to, and the first bad step of the worst."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from unicodedata import east_asian_width

from kmemquest.i18n import _, ngettext
from kmemquest.level.explanation import explain, explain_all, lines_of
from kmemquest.level.goals_run import context_word
from kmemquest.level.reports import kind_of

if TYPE_CHECKING:
    from kmemquest.driver.fault_sweep import FaultResult, FaultSweep

GAP: Final = "  "


def verdict_word(verdict: str) -> str:
    """Return the word for what one failed request led to, in the language in force."""
    words = {
        "error-returned": _("error returned"),
        "absorbed": _("the kernel found another way"),
        "carried-on": _("the driver went on without it"),
        "leak": _("leak"),
        "null-used": _("NULL used"),
        "double-free": _("double free"),
        "damage": _("memory damaged"),
        "oops": _("oops"),
        "panic": _("panic"),
        "hang": _("never came back"),
        "report": _("report"),
    }
    return words.get(verdict, verdict)


def rows_of(sweep: FaultSweep) -> list[tuple[str, ...]]:
    """Return the table: a heading and a row for each request that was made to fail."""
    heading = (
        _("no."),
        _("line"),
        _("function"),
        _("call"),
        _("context"),
        _("result"),
        _("what came of it"),
    )
    return [heading, *(_row(result) for result in sweep.results)]


def _row(result: FaultResult) -> tuple[str, ...]:
    point = result.point
    returned = "–" if result.result is None else f"{result.step} {result.result}"
    what = verdict_word(result.verdict)
    kinds = dict.fromkeys(_(kind_of(item.kind).name) for item in result.findings)
    others = [name for name in kinds if name != what]
    if others:
        what += _(": {things}").format(things=", ".join(others))
    call = f"{result.call}()" if result.call else "–"
    mark = "✓" if result.survived else "✗"
    return (
        str(point.number), str(point.site.line), f"{point.site.function}()", call,
        context_word(point.context), returned, f"{mark} {what}",
    )  # fmt: skip


def summary(sweep: FaultSweep) -> str:
    """Return one sentence that tells how the sweep went."""
    if not sweep.points:
        return _("Nothing was allocated that could fail.")
    bad = sum(not result.survived for result in sweep.results)
    tried = len(sweep.results)
    if sweep.before:
        return _("The driver goes wrong even when nothing fails; mend that first.")
    if not bad:
        return ngettext(
            "{n} allocation was made to fail; the driver took it well.",
            "{n} allocations were made to fail in turn; the driver took each of them well.",
            tried,
        ).format(n=tried)
    return ngettext(
        "{n} allocation was made to fail in turn, {bad} of them ended badly.",
        "{n} allocations were made to fail in turn, {bad} of them ended badly.",
        tried,
    ).format(n=tried, bad=bad)


def cut_note(sweep: FaultSweep) -> str:
    """Return a sentence that tells what was left out; empty when nothing was."""
    if not sweep.cut:
        return ""
    why = {
        "failures": _("the limit of failures was reached"),
        "statements": _("the limit of statements was reached"),
    }[sweep.cut]
    return _("Only {tried} of {points} requests were tried: {why}.").format(
        tried=len(sweep.results), points=sweep.points, why=why
    )


def sweep_lines(sweep: FaultSweep, file: str) -> list[str]:
    """Return the whole report as lines of text."""
    lines = _aligned(rows_of(sweep)) if sweep.results else []
    lines += ["", summary(sweep)] if lines else [summary(sweep)]
    note = cut_note(sweep)
    if note:
        lines.append(note)
    if sweep.before:
        for explanation in explain_all(sweep.before):
            lines += ["", *lines_of(explanation, file)]
        return lines
    worst = sweep.worst
    if worst is not None and worst.first_bad is not None:
        text = _("The worst is no. {n}; its first bad step:").format(n=worst.point.number)
        lines += ["", text, "", *lines_of(explain(worst.first_bad), file)]
    return lines


def sweep_json(sweep: FaultSweep) -> dict[str, Any]:
    """Return the sweep as plain values, with explanations of what went wrong."""
    shown = sweep.as_json()
    for row, result in zip(shown["results"], sweep.results, strict=True):
        row["explanations"] = [item.as_json() for item in explain_all(result.findings)]
    worst = sweep.worst
    first = worst.first_bad if worst is not None else None
    shown["summary"] = summary(sweep)
    shown["first_bad"] = explain(first).as_json() if first is not None else None
    return shown


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        GAP.join(
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def _width(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
