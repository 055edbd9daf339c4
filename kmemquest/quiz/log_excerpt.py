"""The log of an experiment where room is short: reports lose their tails, never their heads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kmemquest.i18n import _
from kmemquest.quiz.experiment import Findings

SHOWN: Final = 40
"""Lines of a log that are shown whole."""
_LEAST: Final = 14
"""Lines of a report that are shown, however many reports there are."""
_TOO_FEW: Final = 3
"""So many lines are never left out."""
_GRAVE: Final = (
    "BUG:", "WARNING:", "kernel BUG", "Oops", "Kernel panic", "general protection", "UBSAN:",
)  # fmt: skip


def is_grave(text: str) -> bool:
    """Tell the first line of a report (without its time) from the lines below it."""
    return text.lstrip().startswith(_GRAVE)


def log_excerpt(findings: Findings, most: int = SHOWN) -> Iterator[str]:
    """Yield the log as dmesg shows it; if it is longer than `most` lines, parts are left out.

    What the driver prints stays, and so does every report's beginning and headline; where lines
    of a report or of a driver's flood are missing, a line says how many.
    """
    if len(findings.log) <= most:
        yield from findings.log
        return
    kept = _kept(findings, most)
    missing: list[str] = []
    for number, line in enumerate(findings.log):
        if number in kept:
            yield from _gap(missing)
            yield line
            missing = []
        else:
            missing.append(line)
    yield from _gap(missing)


def _gap(missing: list[str]) -> Iterator[str]:
    """Yield what stands for missing lines; the lines themselves if a word saves next to nothing."""
    if len(missing) <= _TOO_FEW:
        yield from missing
    else:
        yield _("… {n} lines more").format(n=len(missing))


def _kept(findings: Findings, most: int) -> set[int]:
    """Return the numbers of the lines to show: heads of reports, and both ends of all the rest."""
    texts = findings.texts
    spans = list(_reports(findings))
    inside = {number for start, end in spans for number in range(start, end)}
    rest = [number for number in range(len(texts)) if number not in inside]
    if len(rest) > most:
        rest = [*rest[: most // 2], *rest[-(most // 2) :]]
    kept = {*rest, *(number for number in inside if is_grave(texts[number]))}
    headlines = {report.headline for report in findings.reports if report.spoken}
    share = max(_LEAST, (most - len(rest)) // max(1, len(spans)))
    for start, end in spans:
        kept |= set(range(start, min(end, start + share)))
        kept |= {number for number in range(start, end) if texts[number] in headlines}
    return kept


def _reports(findings: Findings) -> Iterator[tuple[int, int]]:
    """Yield where the lines of each report begin and end in the log."""
    after = 0
    for report in findings.reports:
        length = len(report.lines)
        for start in range(after, len(findings.texts) - length + 1 if length else 0):
            if findings.texts[start : start + length] == report.lines:
                yield start, start + length
                after = start + length
                break
