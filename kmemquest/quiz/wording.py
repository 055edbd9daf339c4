"""A question's structure and its words, joined into what the player meets."""

from __future__ import annotations

import json

from kmemquest.quiz.bank_model import Entry, EntryText
from kmemquest.quiz.experiment import Experiment
from kmemquest.quiz.question import Option, Question


def worded(topic: str, entry: Entry, text: EntryText) -> Question:
    """Join a question's structure and its words."""
    fragments = {} if isinstance(entry.lines, bool) else entry.lines
    options = tuple(
        Option(
            name,
            text.options[name].text or _plain_text(entry, name),
            text.options[name].feedback,
            name in entry.correct,
            entry.beliefs.get(name, ""),
            entry.code.get(name, ""),
            line_of(entry, fragments.get(name, "")),
            entry.numbers.get(name),
        )
        for name in entry.options or entry.numbers
    )
    if entry.kind == "bug":
        # Letters go down the driver's margin: the author's order would tell where to look first.
        options = tuple(sorted(options, key=lambda option: option.line))
    return Question(
        id=entry.id,
        topic=topic,
        kind=entry.kind,
        difficulty=entry.difficulty,
        prompt=text.prompt,
        options=options,
        explanation=text.explanation,
        sources=tuple(entry.sources),
        folk=text.folk,
        verdict=entry.verdict or "",
        unit=entry.unit if entry.kind == "numeric" else "",
        misconceptions=tuple(
            (number, text.options[name].feedback)
            for name, number in entry.numbers.items()
            if entry.kind == "numeric"
        ),
        revision=entry.revision,
        tags=tuple(entry.tags),
        given=tuple(entry.given),
        claim=text.claim,
        experiment=experiment_of(entry),
        measure=entry.number,
        expects={name: tuple(wanted) for name, wanted in entry.expects.items()},
        goals=tuple(entry.goals),
        several_lines=entry.lines is True,
        bug_report=entry.bug.report if entry.bug else "",
        bug_pointer=entry.bug.line if entry.bug else "here",
        order=tuple(entry.options) if entry.kind == "order" else (),
        either=tuple(tuple(group) for group in entry.either),
        items=tuple((name, text.items[name]) for name in entry.pairs),
        pairs=dict(entry.pairs),
    )


def experiment_of(entry: Entry) -> Experiment | None:
    """Return a question's experiment, None if it has none."""
    run = entry.run
    if run is None:
        return None
    script = ["insmod", "rmmod"] if run.script is None else run.script
    return Experiment(run.driver, json.dumps(script), run.machine, run.checkers, run.shown)


def _plain_text(entry: Entry, name: str) -> str:
    """Return what an option reads if the words leave its text out: its code, line, log, number."""
    if name in entry.code:
        return entry.code[name]
    if name in entry.numbers:
        return f"{entry.numbers[name]:,}"
    if not isinstance(entry.lines, bool) and name in entry.lines:
        number = line_of(entry, entry.lines[name])
        assert entry.run is not None
        return entry.run.driver.splitlines()[number - 1].strip() if number else entry.lines[name]
    wanted = [each if isinstance(each, str) else each.get("log") for each in entry.expects[name]]
    return "\n".join(line for line in wanted if line)


def line_of(entry: Entry, fragment: str) -> int:
    """Return the driver's line that holds the fragment, 0 if none does."""
    if not fragment or entry.run is None:
        return 0
    lines = entry.run.driver.splitlines()
    return next((n for n, line in enumerate(lines, 1) if fragment in line), 0)
