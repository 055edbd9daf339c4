"""The fault sweep as the lab sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kmemquest.i18n import N_, _
from kmemquest.level.explanation import explain
from kmemquest.level.goals_run import context_word
from kmemquest.tui.lab_model import LabCase, Setup, Sweep, SweepRow

if TYPE_CHECKING:
    from kmemquest.driver.fault_sweep import FaultResult

VERDICTS = {
    "panic": N_("panic"),
    "hang": N_("hangs"),
    "null-used": N_("NULL used"),
    "oops": N_("oops"),
    "double-free": N_("double free"),
    "damage": N_("memory damaged"),
    "leak": N_("leak"),
    "report": N_("kernel warning"),
    "error-returned": N_("error returned"),
    "absorbed": N_("the kernel found another way"),
    "carried-on": N_("the driver carried on"),
}


def sweep_case(case: LabCase, text: str, setup: Setup) -> Sweep:
    """Fail each allocation in turn; a row for each, and whether all went well."""
    from kmemquest.level.trial import sweep
    from kmemquest.tui.lab_source import trial_of

    found = sweep(trial_of(case, text, setup))
    if found is None:
        return Sweep((), 0, False)
    return Sweep(tuple(map(_row, found.results)), found.points, found.survives, found.cut)


def _row(result: FaultResult) -> SweepRow:
    point = result.point
    notes: Sequence[str] = ()
    if result.first_bad is not None:
        words = explain(result.first_bad)
        notes = (
            _("line {line}: {what}").format(line=words.line, what=words.name),
            *(site.text for site in words.sites),
            _("Fix: {fix}").format(fix=words.fix),
        )
    elif result.error_returned:
        notes = (_("{step} returned {result}").format(step=result.step, result=result.result),)
    return SweepRow(
        point.number,
        point.site.line,
        f"{result.call}()",
        context_word(point.context),
        result.survived,
        _(VERDICTS.get(result.verdict, "report")),
        "\n".join(notes),
    )
