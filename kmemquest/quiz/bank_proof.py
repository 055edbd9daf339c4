"""Proving keys by execution: every number, log line, bad line, piece of code and proven order."""

from __future__ import annotations

from kmemquest.content.problem import Problem
from kmemquest.content.safe_yaml import Document
from kmemquest.quiz.answer_key import (
    NoKey,
    computed_number,
    findings_of,
    matching_options,
    order_in_log,
    settled,
    try_code,
)
from kmemquest.quiz.bank_model import BankFile, Entry, EntryText, OptionText
from kmemquest.quiz.expectation import failed_text
from kmemquest.quiz.question import Question
from kmemquest.quiz.wording import worded


def proof_problems(document: Document, topic: BankFile) -> list[Problem]:
    """Run every experiment of a sound structure; return what does not come out as it must."""
    problems = []
    for index, entry in enumerate(topic.questions):
        if entry.run is None:
            continue
        try:
            found = _complaints(wordless(topic.topic, entry), entry)
        except NoKey as error:
            found = [str(error)]
        problems += [
            document.problem(("questions", index, "run"), message, key=True) for message in found
        ]
    return problems


def wordless(topic: str, entry: Entry) -> Question:
    """Return a question with placeholders for words: enough to compute its key."""
    names = entry.options or list(entry.numbers)
    words = EntryText(
        prompt="?",
        explanation="?",
        options={name: OptionText(feedback="?", text="?") for name in names},
        items=dict.fromkeys(entry.pairs, "?"),
    )
    return worded(topic, entry, words)


def _complaints(question: Question, entry: Entry) -> list[str]:
    if question.kind == "code":
        return _code_complaints(question)
    findings = findings_of(question)
    if findings.outcome == "does-not-compile" and question.kind != "log":
        return [f"{entry.id}: the driver does not compile: {findings.diagnostics[0]}"]
    if question.kind == "order":
        found = order_in_log(question, entry.at)
        if found != tuple(entry.options):
            return [f"{entry.id}: the run shows the order {', '.join(found)}"]
        return []
    if question.kind == "single":
        return _single_complaints(question, entry)
    if question.kind == "log":
        right = matching_options(question)
        if len(right) != 1:
            shown = "; ".join(findings.texts[-6:])
            return [
                f"{entry.id}: exactly one option must match the run, found "
                f"{', '.join(right) or 'none'}; outcome {findings.outcome}, the log ends: {shown}"
            ]
    return _settled_complaints(settled(question))


def _settled_complaints(question: Question) -> list[str]:
    if question.kind == "numeric":
        return [
            f"{question.id}: the wrong number of {option.id!r} is the key ({option.number})"
            for option in question.options
            if option.number == question.number
        ]
    if question.kind == "bug" and not question.correct_ids:
        return [f"{question.id}: the bad line is {question.bug_line}, which is no option"]
    wrong = [option.id for option in question.options if option.correct and option.belief]
    return [f"{question.id}: {name!r} is right, so no belief leads to it" for name in wrong]


def _single_complaints(question: Question, entry: Entry) -> list[str]:
    number = computed_number(question)
    claimed = entry.numbers[entry.correct[0]]
    if number == claimed:
        return []
    return [f"{entry.id}: the run shows {number}, the right option says {claimed}"]


def _code_complaints(question: Question) -> list[str]:
    complaints = []
    for option in question.options:
        findings, failed = try_code(question, option.code)
        if findings.outcome == "does-not-compile":
            first = findings.diagnostics[0] if findings.diagnostics else ""
            if option.correct:
                complaints.append(f"{question.id}: {option.id!r} does not compile: {first}")
        elif option.correct and failed is not None:
            why = failed_text(failed, findings)
            complaints.append(f"{question.id}: {option.id!r} should be right: {why}")
        elif not option.correct and failed is None:
            complaints.append(f"{question.id}: {option.id!r} meets the goals, so it is not wrong")
    return complaints
