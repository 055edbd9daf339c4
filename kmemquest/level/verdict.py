"""From recording to verdict: goals, stars, the first bad step, and the rule behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kmemquest.i18n import _
from kmemquest.kernel.events import Report
from kmemquest.kernel.log import format_line
from kmemquest.level.evidence import Evidence
from kmemquest.level.goals_run import report_sentence
from kmemquest.level.load import RUNS_TO_THE_END, Level
from kmemquest.level.predicate import Outcome
from kmemquest.level.recording import Recording
from kmemquest.level.report_fixes import fix_of
from kmemquest.level.reports import kind_of

MAX_LOG_LINES: Final = 400
"""Lines of the kernel log that a verdict's JSON carries; the rest is cut in the middle."""


@dataclass(frozen=True, slots=True)
class GoalResult:
    """One goal: its sentence, whether it was met, and why (in the language in force)."""

    id: str
    text: str
    met: bool
    why: str
    event: int | None = None
    kind: str = ""
    line: int = 0
    function: str = ""
    context: str = ""


@dataclass(frozen=True, slots=True)
class FirstBad:
    """Where it went wrong first: a step, its driver line, and what happened there."""

    step: int | None
    line: int
    function: str
    context: str
    what: str
    event: int | None


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule that was broken, what a production kernel makes of it, where it is written."""

    kind: str
    text: str
    silently: str
    reference: str
    fix: str = ""
    page: str = ""
    """A path of the kernel's documentation, empty when unknown."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What an attempt cost; None where it does not apply. Waste is a fraction, time in ns."""

    waste: float | None
    worst_ns: int | None
    peak_pages: int
    allocations: int
    failures: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one attempt. `predicted` is None when nothing was predicted."""

    level: str
    passed: bool
    stars: int
    goals: tuple[GoalResult, ...]
    star_goals: tuple[GoalResult, ...]
    first_bad: FirstBad | None
    rule: Rule | None
    figures: Figures
    predicted: bool | None
    truth: str
    outcome: str
    misconception: int | None = None
    """Index of the declared wrong answer that was given, if it was one."""

    @property
    def failed_goals(self) -> tuple[str, ...]:
        """Ids of the goals that were not met."""
        return tuple(goal.id for goal in self.goals if not goal.met)


def judge(level: Level, recording: Recording) -> Verdict:
    """Judge an attempt; the same recording always gives the same verdict."""
    evidence = Evidence(recording)
    compiled = recording.outcome != "does-not-compile"
    goals = []
    for named in level.goals:
        if compiled or named.id == RUNS_TO_THE_END:
            outcome = named.predicate.judge(evidence)
        else:
            outcome = Outcome(False, _("Nothing ran."))
        goals.append(_result(named.id, named.predicate.text(), outcome))
    passed = compiled and all(goal.met for goal in goals)
    star_goals = tuple(
        _result(
            named.id,
            named.predicate.text(),
            named.predicate.judge(evidence) if compiled else Outcome(False, _("Nothing ran.")),
        )
        for named in level.stars
    )
    stars = 0
    if passed:
        stars = 1 + star_goals[0].met + (star_goals[0].met and star_goals[1].met)
    truth = level.probe.answer(evidence) if compiled else ""
    bad = None if passed else _first_bad(evidence, goals)
    return Verdict(
        level.id,
        passed,
        stars,
        tuple(goals),
        star_goals,
        bad,
        None if passed else _rule(goals),
        _figures(evidence, level),
        None if recording.prediction is None else recording.prediction == truth,
        truth,
        recording.outcome,
        _misconception(level, recording),
    )


def remark_of(level: Level, verdict: Verdict) -> str:
    """Return what the author says to this answer; empty unless it is declared wrong.

    To one that passes nobody says why it fails: the level contradicts itself, and that is told.
    """
    if verdict.misconception is None:
        return ""
    if verdict.passed:
        return _(
            "The level declares this answer wrong, and it passes: `kmemquest check` refuses it."
        )
    return level.text().wrong[verdict.misconception]


def verdict_json(level: Level, recording: Recording, verdict: Verdict) -> dict[str, object]:
    """Return what `kmemquest play --headless --json` prints."""
    del level
    return {
        "level": verdict.level,
        "passed": verdict.passed,
        "stars": verdict.stars,
        "outcome": verdict.outcome,
        "goals": [{"id": g.id, "met": g.met, "why": g.why} for g in verdict.goals],
        "reports": [report_json(report) for report in recording.reports],
        "diagnostics": [str(d) for d in recording.diagnostics],
        "log": log_lines(recording),
        "digest": recording.digest(),
    }


def report_json(report: Report) -> dict[str, object]:
    """Return one report as JSON; `line` is the driver's, 0 when unknown."""
    return {
        "kind": report.kind,
        "headline": report_sentence(report),
        "severity": report.severity,
        "line": report.site.line if report.site else 0,
    }


def log_lines(recording: Recording, limit: int = MAX_LOG_LINES) -> list[str]:
    """Return the log as dmesg prints it, cut in the middle when it is long."""
    lines = [format_line(line) for line in recording.log]
    if len(lines) <= limit:
        return lines
    half = limit // 2
    return [*lines[:half], f"… {len(lines) - 2 * half} lines …", *lines[-half:]]


def _result(goal_id: str, text: str, outcome: Outcome) -> GoalResult:
    return GoalResult(
        goal_id, text, outcome.met, outcome.why, outcome.event, outcome.kind, outcome.line,
        outcome.function, outcome.context,
    )  # fmt: skip


def _first_bad(evidence: Evidence, goals: list[GoalResult]) -> FirstBad | None:
    recording = evidence.recording
    errors = [d for d in recording.diagnostics if d.severity == "error"]
    if recording.outcome == "does-not-compile" and errors:
        return FirstBad(None, errors[0].line, "", "", errors[0].message, None)
    broken = [goal for goal in goals if not goal.met and goal.event is not None]
    if not broken:
        missing = next((goal for goal in goals if not goal.met), None)
        if missing is None:
            return None
        where = missing.line, missing.function, missing.context
        return FirstBad(None, *where, missing.why, None)
    goal = min(broken, key=lambda goal: goal.event or 0)
    assert goal.event is not None
    step = recording.step_at(goal.event)
    event = recording.events[goal.event]
    site = getattr(event, "site", None)
    line = site.line if site is not None else (step.line if step else 0)
    function = site.function if site is not None else (step.function if step else "")
    return FirstBad(
        step.index if step else None,
        line,
        function,
        step.context_kind if step else "",
        goal.why,
        goal.event,
    )


def _rule(goals: list[GoalResult]) -> Rule | None:
    broken = sorted(
        (goal for goal in goals if not goal.met and goal.kind),
        key=lambda goal: goal.event if goal.event is not None else 1 << 62,
    )
    if not broken:
        return None
    kind = kind_of(broken[0].kind)
    silently = _(kind.silently) if kind.silently else ""
    fix = fix_of(broken[0].kind)
    page = f"Documentation/{fix.page}"
    return Rule(broken[0].kind, _(kind.rule), silently, kind.reference, _(fix.text), page)


def _figures(evidence: Evidence, level: Level) -> Figures:
    from kmemquest.level.goals_memory import WasteBelow

    needed = next(
        (n.predicate.needed for n in level.stars if isinstance(n.predicate, WasteBelow)), 0
    )
    worst = evidence.worst_latency()
    calls = evidence.allocation_calls()
    return Figures(
        evidence.waste(needed),
        None if worst is None else worst.cost,
        evidence.peak_pages,
        len(calls),
        sum(call.failed for call in calls),
    )


def _misconception(level: Level, recording: Recording) -> int | None:
    given = dict(recording.answers)
    for index, wrong in enumerate(level.file.wrong):
        complete: Mapping[str, str] = {**level.file.solution, **wrong.answers}
        if given in (complete, wrong.answers):
            return index
    return None
