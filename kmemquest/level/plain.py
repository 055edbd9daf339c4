"""Steps and verdicts in words, line by line: for `--plain`, screen readers and tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kmemquest.i18n import _, ngettext
from kmemquest.kernel import events as ev
from kmemquest.level.demonstrate import demonstrations
from kmemquest.level.diagnose import artefacts, has_diagnosis, is_sealed
from kmemquest.level.goals_memory import duration
from kmemquest.level.goals_run import context_word, report_sentence
from kmemquest.level.load import Level
from kmemquest.level.model import WRITTEN
from kmemquest.level.predicate import Predicate
from kmemquest.level.probes import answer_label
from kmemquest.level.recording import Recording
from kmemquest.level.verdict import GoalResult, Verdict, remark_of
from kmemquest.level.views.viewset import StepViews
from kmemquest.level.why import tell

SHOWN_STEPS: Final = 40
"""Steps of a demonstration that are told."""


def brief_lines(level: Level, *, story: bool = True) -> Iterator[str]:
    """Tell a level before it is played: story, driver, goals, options, the prediction.

    Training leaves the `story` out. Of a diagnosis the driver is not told: it is shown when what
    went wrong has been named.
    """
    text = level.text()
    yield text.title
    yield from text.story.rstrip().split("\n") if story else ()
    yield ""
    for number, fragments in enumerate(() if has_diagnosis(level) else level.lines, 1):
        code = "".join(f"[{part.slot}]" if part.slot else part.text for part in fragments)
        yield f"{number:4d}  {code}".rstrip()
    if not has_diagnosis(level):
        yield ""
    yield _("Goals:")
    for named in level.goals:
        yield f"  - {named.predicate.text()}"
    for stars, named in zip(("★★", "★★★"), level.stars, strict=True):
        yield f"  {stars} {named.predicate.text()}"
    for name in level.file.slots:
        yield from slot_lines(level, name)
    yield level.text().ask or level.probe.text()
    for answer in level.file.predict.of:
        yield f"  {answer}: {answer_label(answer)}"


def slot_lines(level: Level, name: str) -> Iterator[str]:
    """Tell a slot: its question and its options; what the player writes has none to show."""
    slot = level.file.slots[name]
    if slot.kind in WRITTEN:
        yield _("Write C for {slot}.").format(slot=name)
        return
    question = level.question(name)
    yield question or _("Options for {slot}:").format(slot=name)
    for option in slot.options:
        yield f"  {option}: {level.option_label(name, option)}"
    if slot.kind == "order":
        yield _("Put all of them in order, parted by commas.")


def artefact_lines(level: Level, seed: int | None = None) -> Iterator[str]:
    """Tell what the player of a diagnosis is handed: the log and files of /proc."""
    for artefact in artefacts(level, seed):
        yield _("What the machine left: {file}").format(file=artefact.name)
        yield from artefact.text.rstrip("\n").split("\n")
        yield ""


def demonstration_lines(level: Level) -> Iterator[str]:
    """Tell the runs that the engine demonstrates before the player's turn."""
    for shown in demonstrations(level):
        yield shown.text
        for index in range(min(len(shown.recording.steps), SHOWN_STEPS)):
            yield "  " + step_line(shown.recording, index)
        if shown.verdict is not None:
            for goal in shown.verdict.goals:
                if not goal.met:
                    yield "  " + _goal_line(goal)
        yield ""


def step_line(recording: Recording, index: int) -> str:
    """Tell one step in a line: where, in which context, what code, what came of it."""
    step = recording.steps[index]
    source = recording.source.text.split("\n")
    code = source[step.line - 1].strip() if 0 < step.line <= len(source) else ""
    place = _("Step {n} of {total}, line {line}, {context}").format(
        n=index + 1,
        total=len(recording.steps),
        line=step.line,
        context=context_word(step.context_kind),
    )
    if step.irq is not None:
        place += _(", interrupt {irq}").format(irq=step.irq)
    if step.locks:
        place += _(", holding {locks}").format(locks=", ".join(step.locks))
    outcome = _outcome(recording.events_of(index))
    line = _("{place}: {code}").format(place=place, code=code)
    return line + (f" → {outcome}" if outcome else "")


def _outcome(events: tuple[ev.Event, ...]) -> str:
    for event in events:
        if isinstance(event, ev.Report):
            return report_sentence(event)
    returned = [event for event in events if isinstance(event, ev.CallReturned)]
    if returned:
        return "; ".join(tell(event) for event in returned)
    return ""


def step_lines(recording: Recording, index: int) -> Iterator[str]:
    """Tell a step with its variables and all that the kernel did."""
    yield step_line(recording, index)
    step = recording.steps[index]
    for local in step.locals:
        yield f"  {local.name} = {local.text}"
    for event in recording.events_of(index):
        text = tell(event)
        if text and event.topic not in ("call", "report"):
            yield f"  {text}"


def verdict_lines(level: Level, recording: Recording, verdict: Verdict) -> Iterator[str]:
    """Tell a verdict: goals, the first bad step, the rule, stars, the prediction."""
    if verdict.passed:
        yield _("Passed: {stars} of 3 stars.").format(stars=verdict.stars)
    else:
        yield _("Not yet.")
    sealed = is_sealed(level, verdict.failed_goals)
    for diagnostic in recording.diagnostics:
        yield f"  {diagnostic}"
    for goal in verdict.goals:
        yield "  " + _goal_line(goal)
    if verdict.passed:
        for stars, goal in zip(("★★", "★★★"), verdict.star_goals, strict=True):
            yield f"  {stars} {_goal_line(goal)}"
    bad = verdict.first_bad
    if sealed:
        yield _("The driver is shown when you have named what went wrong.")
    elif bad is not None and bad.line:
        where = _("First bad step: line {line}").format(line=bad.line)
        if bad.function:
            where += f", {bad.function}()"
        if bad.context:
            where += f", {context_word(bad.context)}"
        yield _("{place}: {code}").format(place=where, code=bad.what)
    if verdict.rule is not None and not sealed:
        yield _("Rule: {rule}").format(rule=verdict.rule.text)
        if verdict.rule.silently:
            yield _("On a production kernel: {what}").format(what=verdict.rule.silently)
        yield _("Read: {reference}").format(reference=verdict.rule.reference)
    if remark := remark_of(level, verdict).rstrip():
        yield from remark.split("\n")
    yield from _figures(verdict)
    if verdict.predicted is not None:
        said = _("Your prediction was right: {truth}.")
        if not verdict.predicted:
            said = _("Your prediction was wrong; the run says: {truth}.")
        yield said.format(truth=answer_label(verdict.truth))
    yield from recording.remarks()


def _goal_line(goal: GoalResult) -> str:
    template = _("met: {goal}. {why}") if goal.met else _("not met: {goal}. {why}")
    return template.format(goal=goal.text, why=goal.why)


def _figures(verdict: Verdict) -> Iterator[str]:
    figures = verdict.figures
    if figures.allocations:
        yield ngettext(
            "{n} allocation, {failed} failed.", "{n} allocations, {failed} failed.",
            figures.allocations,
        ).format(n=figures.allocations, failed=figures.failures)  # fmt: skip
    if figures.waste is not None:
        yield _("Waste: {percent} %").format(percent=round(figures.waste * 100))
    if figures.worst_ns is not None:
        yield _("Slowest allocation: {time}").format(time=duration(figures.worst_ns))


def goal_lines(goals: tuple[Predicate, ...]) -> Iterator[str]:
    """Tell predicates as sentences."""
    for goal in goals:
        yield goal.text()


def lists_lines(views: StepViews) -> Iterator[str]:
    """Tell the free lists per zone, with what this step changed."""
    for node, zone in views.lists.zones():
        row = views.lists.zone(node, zone)
        counts = " ".join(str(count) for count in row.counts)
        yield _("node {node}, zone {zone}, free blocks of order 0 to 10: {counts}").format(
            node=node, zone=zone, counts=counts
        )
        for order, delta in enumerate(row.deltas):
            if delta:
                yield _("  order {order}: {delta} in this step").format(
                    order=order, delta=f"{delta:+d}"
                )


def slabs_lines(views: StepViews) -> Iterator[str]:
    """Tell the caches that the attempt has touched."""
    for cache in views.slabs.touched():
        yield _("{cache}: {used} of {total} objects of {size} bytes in use, {slabs} slabs").format(
            cache=cache.name,
            used=cache.used,
            total=cache.total,
            size=cache.size,
            slabs=len(cache.slabs),
        )


def log_lines(views: StepViews, last: int = 20) -> Iterator[str]:
    """Tell the newest lines of the kernel log as dmesg prints them."""
    yield from views.log.rendered(last)
