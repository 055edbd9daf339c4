"""Keys that come out of a run: number, log, bad line, and whether typed code is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kmemquest.quiz.expectation import NoNumber, first_failed, measured, proc_files
from kmemquest.quiz.experiment import BadExperiment, Findings, run_experiment
from kmemquest.quiz.question import Question


class NoKey(ValueError):
    """The experiment of a question does not lead to a key; tells why. Never of a proven bank."""


class NotRun(NoKey):
    """The experiment of a question cannot be run; `reason` tells which part of it is wrong."""

    def __init__(self, name: str, reason: BadExperiment) -> None:
        self.reason = reason
        super().__init__(f"{name}: {reason}")


def findings_of(question: Question) -> Findings:
    """Run the experiment of a question (or remember the last run); NoKey if it has none."""
    if question.experiment is None:
        raise NoKey(f"{question.id} has no experiment")
    looked_at = (question.measure, *question.expects.values(), question.goals)
    try:
        return run_experiment(question.experiment, proc_files(looked_at))
    except BadExperiment as error:
        raise NotRun(question.id, error) from None


def settled(question: Question) -> Question:
    """Return the question with its key filled in; nothing is run for kinds that need no run."""
    if question.is_settled:
        return question
    if question.kind == "numeric":
        return replace(question, number=computed_number(question))
    if question.kind == "bug":
        line = computed_bug_line(question)
        options = tuple(replace(each, correct=each.line == line) for each in question.options)
        return replace(question, bug_line=line, options=options)
    right = matching_options(question)
    if len(right) != 1:
        found = ", ".join(right) or "none"
        raise NoKey(f"{question.id}: exactly one option must match the run, found {found}")
    options = tuple(replace(each, correct=each.id == right[0]) for each in question.options)
    return replace(question, options=options)


def computed_number(question: Question) -> int:
    """Return the number that the measure takes from the run."""
    assert question.measure is not None
    try:
        return measured(question.measure, findings_of(question))
    except NoNumber as error:
        raise NoKey(f"{question.id}: {error}") from None


def computed_bug_line(question: Question) -> int:
    """Return the driver's line of the first bad step, or of the report that the question names."""
    findings = findings_of(question)
    if not question.bug_report and question.bug_pointer == "here":
        line = findings.bad_line
    else:
        line = _line_of_report(question, findings)
    if not line:
        raise NoKey(f"{question.id}: nothing went wrong on a line of the driver")
    return line


def _line_of_report(question: Question, findings: Findings) -> int:
    for report, line in zip(findings.reports, findings.report_lines, strict=True):
        if question.bug_report in ("", report.kind):
            if question.bug_pointer == "here":
                return line
            frames = [frame for role, frame in report.related if question.bug_pointer in role]
            return frames[0].line if frames else 0
    return 0


def matching_options(question: Question) -> tuple[str, ...]:
    """Return the ids of the options whose expectations hold of the run."""
    findings = findings_of(question)
    return tuple(
        name for name, wanted in question.expects.items() if first_failed(wanted, findings) is None
    )


def order_in_log(question: Question, at: Mapping[str, str]) -> tuple[str, ...]:
    """Return the options in the order in which their fragments first appear in the log."""
    texts = findings_of(question).texts
    found = {
        name: next((n for n, text in enumerate(texts) if fragment in text), -1)
        for name, fragment in at.items()
    }
    if missing := [name for name, place in found.items() if place < 0]:
        raise NoKey(f"{question.id}: the log does not show {', '.join(missing)}")
    return tuple(sorted(found, key=lambda name: found[name]))


def try_code(question: Question, code: str) -> tuple[Findings, object | None]:
    """Run the driver with the player's code; returns the findings and the goal that fails first."""
    if question.experiment is None:
        raise NoKey(f"{question.id} has no experiment")
    try:
        findings = run_experiment(question.experiment.with_code(code), proc_files(question.goals))
    except BadExperiment as error:
        raise NotRun(question.id, error) from None
    if not findings.compiled:
        return findings, {"outcome": "ran"}
    return findings, first_failed(question.goals, findings)
