"""What came of an experiment in the player's words: outcomes and kinds of reports.

The words themselves are those that levels use, so that a kind is called the same everywhere.
"""

from __future__ import annotations

from kmemquest.i18n import _
from kmemquest.quiz.experiment import Findings


def outcome_words(outcome: str) -> str:
    """Return how a run ended, e.g. “it does not compile”, in the language in force."""
    from kmemquest.level.probes import answer_label

    return answer_label(outcome)


def report_words(kind: str) -> str:
    """Return what a kind of report is called, e.g. “sleep in atomic context”."""
    from kmemquest.level.reports import kind_of

    return _(kind_of(kind).name)


def run_words(findings: Findings) -> str:
    """Return what a log does not tell of its run; empty for a plain run to the end.

    That is how the run ended, and what went wrong without a word of the kernel.
    """
    sentences = []
    if findings.outcome != "ran":
        sentences.append(
            _("How the run ended: {outcome}.").format(outcome=outcome_words(findings.outcome))
        )
    silent = sorted({report.kind for report in findings.reports if not report.spoken})
    if silent:
        kinds = ", ".join(report_words(kind) for kind in silent)
        sentences.append(_("The kernel said nothing of: {kinds}").format(kinds=kinds))
    return " ".join(sentences)
