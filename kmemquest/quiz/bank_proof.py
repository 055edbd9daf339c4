"""Proving keys by execution: every number, log line, bad line, piece of code and proven order."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kmemquest.content.problem import Problem
from kmemquest.content.safe_yaml import Document, YamlPath
from kmemquest.quiz.answer_key import (
    NoKey,
    NotRun,
    computed_number,
    findings_of,
    matching_options,
    order_in_log,
    settled,
    try_code,
)
from kmemquest.quiz.bank_model import BankFile, Entry, EntryText, OptionText
from kmemquest.quiz.expectation import failed_text
from kmemquest.quiz.experiment import HOLE, BadExperiment, Findings
from kmemquest.quiz.question import Question
from kmemquest.quiz.wording import worded

if TYPE_CHECKING:
    from kmemquest.driver.diagnostics import Diagnostic

_SHOWN_LINES: Final = 5
_SHOWN_WIDTH: Final = 120
_SHOWN_ERRORS: Final = 5


def proof_problems(
    document: Document, topic: BankFile, only: Collection[str] | None = None
) -> list[Problem]:
    """Run the experiments of a sound structure; return what does not come out as it must.

    `only` are the ids of the questions to prove, all if left out.
    """
    return [
        problem
        for index, entry in enumerate(topic.questions)
        if entry.run is not None and (only is None or entry.id in only)
        for problem in _Proof(document, index, wordless(topic.topic, entry), entry).problems()
    ]


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


@dataclass(frozen=True, slots=True)
class _Proof:
    """One question against its run."""

    document: Document
    index: int
    question: Question
    entry: Entry

    def problems(self) -> list[Problem]:
        """Return all that the run contradicts."""
        try:
            if self.question.kind == "code":
                return self._code()
            return self._run()
        except NotRun as error:
            return [self._not_run(error.reason)]

    def _run(self) -> list[Problem]:
        findings = findings_of(self.question)
        uncompiled = not findings.compiled
        if uncompiled and self.question.kind != "log":
            return self._build_errors(findings)
        try:
            found = self._complaints()
        except NoKey as error:
            found = [str(error)]
        if uncompiled and found:
            return self._build_errors(findings)
        return [self._at_run(message, how_it_went(findings)) for message in found]

    def _complaints(self) -> list[str]:
        name, kind = self.entry.id, self.question.kind
        if kind == "order":
            order = order_in_log(self.question, self.entry.at)
            if order != tuple(self.entry.options):
                return [f"{name}: the run shows the order {', '.join(order)}"]
            return []
        if kind == "single":
            number = computed_number(self.question)
            claimed = self.entry.numbers[self.entry.correct[0]]
            if number != claimed:
                return [f"{name}: the run shows {number}, the right option says {claimed}"]
            return []
        if kind == "log" and len(right := matching_options(self.question)) != 1:
            found = ", ".join(right) or "none"
            return [f"{name}: exactly one option must match the run, found {found}"]
        return _settled_complaints(settled(self.question))

    def _code(self) -> list[Problem]:
        problems = []
        for option in self.question.options:
            name = f"{self.entry.id}: {option.id!r}"
            findings, failed = try_code(self.question, option.code)
            message = ""
            if not findings.compiled:
                if option.correct:
                    problems += self._build_errors(findings, option.id)
            elif option.correct and failed is not None:
                message = f"{name} should be right: {failed_text(failed, findings)}"
            elif not option.correct and failed is None:
                message = f"{name} meets the goals, so it is not wrong"
            if message:
                problems.append(self._at_run(message, how_it_went(findings)))
        return list(dict.fromkeys(problems))

    # --- places ---------------------------------------------------------------------------

    def _at_run(self, message: str, hint: str) -> Problem:
        where: YamlPath = ("questions", self.index, "run")
        return self.document.problem(where, message, hint, key=True)

    def _not_run(self, reason: BadExperiment) -> Problem:
        where: YamlPath = ("questions", self.index, "run", reason.part)
        if reason.part == "script" and (step := self._step(str(reason))):
            where = (*where, step - 1)
        hint = f"the log ends: {_tail(reason.texts)}" if reason.texts else ""
        message = f"{self.entry.id}: {reason}"
        return self.document.problem(where, message, hint)

    def _step(self, message: str) -> int:
        """Return the number of the step that a message is about, 0 if that cannot be told."""
        if found := re.match(r"script: step (\d+):", message):
            return int(found[1])
        word = message.removeprefix("script: ").partition(":")[0].split(" ")[0]
        steps = (self.entry.run.script if self.entry.run else None) or []
        fitting = [
            number
            for number, step in enumerate(steps, 1)
            if step == word or (isinstance(step, dict) and word in step)
        ]
        return fitting[0] if len(fitting) == 1 else 0

    def _build_errors(self, findings: Findings, option: str = "") -> list[Problem]:
        """Return what the compiler says, each message at its line of the file."""
        errors = [each for each in findings.diagnostics if each.severity == "error"]
        if option:
            first, last = self._hole_lines(self.entry.code[option])
            errors = [each for each in errors if first <= each.line <= last] or errors
        return [self._build_error(each, option) for each in errors[:_SHOWN_ERRORS]]

    def _build_error(self, told: Diagnostic, option: str) -> Problem:
        driver: YamlPath = ("questions", self.index, "run", "driver")
        begin = self.document.block_lines.get(driver)
        code = self.entry.code.get(option, "")
        first, last = self._hole_lines(code)
        hint = "" if told.hint in told.message else told.hint
        if option and first <= told.line <= last:
            message = f"{self.entry.id}: {option!r} does not compile: {told.message}"
            where: YamlPath = ("questions", self.index, "code", option)
            return self.document.problem(where, message, hint)
        if begin is None or told.line < 1:
            message = f"{self.entry.id}: the driver does not compile: {told}"
            return self.document.problem(driver, message, hint)
        line = told.line
        if option and line > last:
            line -= code.count("\n")
        hint = re.sub(r"\bline (\d+)", lambda n: f"line {begin + int(n[1]) - 1}", hint)
        at = begin + line - 1
        message = f"{self.entry.id}: the driver does not compile: {told.message}"
        return Problem(self.document.file, at, told.column + self._indent(at, line), message, hint)

    def _hole_lines(self, code: str) -> tuple[int, int]:
        """Return the first and last line of the built driver that an answer takes up."""
        assert self.entry.run is not None
        before, _hole, _after = self.entry.run.driver.partition(HOLE)
        first = before.count("\n") + 1
        return first, first + code.count("\n")

    def _indent(self, at: int, line: int) -> int:
        """Return by how many columns the file indents a line of the driver."""
        assert self.entry.run is not None
        driver = self.entry.run.driver.split("\n")
        try:
            rows = Path(self.document.file).read_text(encoding="utf-8").split("\n")
        except OSError:
            return 0
        if line > len(driver) or at > len(rows):
            return 0
        return max(0, rows[at - 1].find(driver[line - 1]))


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


def how_it_went(findings: Findings) -> str:
    """Say how a run ended, with the last lines of its log."""
    kinds = ", ".join(sorted({report.kind for report in findings.reports}))
    reported = f", reports: {kinds}" if kinds else ""
    log = f"its log ends: {_tail(findings.texts)}" if findings.texts else "its log is empty"
    return f"the run ended as {findings.outcome}{reported}; {log}"


def _tail(texts: Sequence[str]) -> str:
    return " | ".join(text.rstrip()[:_SHOWN_WIDTH] for text in texts[-_SHOWN_LINES:])
