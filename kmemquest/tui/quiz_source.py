"""The quiz room as the screens see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kmemquest.content.problem import ProblemsFound
from kmemquest.i18n import language
from kmemquest.quiz.bank import Bank, open_bank
from kmemquest.quiz.draw import draw, topic_title, topics
from kmemquest.quiz.experiment import HOLE, Findings
from kmemquest.quiz.generator import GENERATORS, generate
from kmemquest.quiz.generators import load_generators
from kmemquest.quiz.log_excerpt import is_grave
from kmemquest.quiz.question import Question
from kmemquest.tui.model import LevelUnavailable, LogRow, Source, Span, Topic

LETTERS = "abcdefgh"
"""What the options are called; no other operation of a question uses these keys."""


def open_trainer() -> BankTrainer:
    """The bank that ships with the game."""
    return BankTrainer(checked_bank(open_bank))


def checked_bank(open_it: Callable[[], Bank]) -> Bank:
    """Open a bank and load the generators; LevelUnavailable says why that is impossible."""
    load_generators()
    try:
        return open_it()
    except ProblemsFound as error:
        raise LevelUnavailable(str(error)) from error


class BankTrainer:
    """Bank and generators together."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank

    def topics(self) -> Sequence[Topic]:
        """Every topic with how many questions it has; a generator counts as one."""
        counts: dict[str, int] = {}
        for topic in [entry.topic for entry in self.bank.entries] + [
            generator.topic for generator in GENERATORS.values()
        ]:
            counts[topic] = counts.get(topic, 0) + 1
        return [Topic(topic, self.title(topic), counts[topic]) for topic in topics(self.bank)]

    def title(self, topic: str) -> str:
        """A topic's title; its id in words where no file names it."""
        try:
            return topic_title(self.bank, topic, language())
        except (ProblemsFound, KeyError, OSError):
            return topic.replace("-", " ")

    def draw(self, topic: str | None, count: int, seed: int) -> Sequence[Question]:
        """Questions of a topic, the same for the same seed."""
        return draw(self.bank, count, seed, topic, language())

    def another(self, question: Question) -> Question | None:
        """The next question of the same generator."""
        if question.seed is None:
            return None
        family = question.id.partition("#")[0]
        return generate(family, question.seed % 999_999 + 1, language())

    def belief(self, name: str) -> str:
        """A misconception in words."""
        try:
            return self.bank.belief(name, language())
        except (ProblemsFound, KeyError, OSError):
            return ""


def source_of(question: Question, code: str = "") -> Source:
    """The driver of a question; its hole holds `code`, or stays visibly open."""
    assert question.experiment is not None
    spans: list[Span] = []
    lines: list[str] = []
    for line in question.experiment.driver.rstrip().split("\n"):
        start = line.find(HOLE)
        if start < 0:
            lines.append(line)
            continue
        first, *rest = (code or "▒▒▒▒▒▒▒▒").split("\n")
        before, after = line[:start], line[start + len(HOLE) :]
        spans.append(Span("answer", len(lines), start, start + len(first)))
        lines.append(before + first + ("" if rest else after))
        for number, more in enumerate(rest, 1):
            spans.append(Span("answer", len(lines), 0, len(more)))
            lines.append(more + (after if number == len(rest) else ""))
    letters = {}
    if question.kind == "bug":
        letters = {
            option.line - 1: letter
            for letter, option in zip(LETTERS, question.options, strict=False)
            if option.line
        }
    return Source("driver.c", tuple(lines), tuple(spans), letters)


def hole_line(question: Question) -> int:
    """The line (0-based) of the hole in a question's driver, -1 without one."""
    if question.experiment is None:
        return -1
    lines = question.experiment.driver.split("\n")
    return next((n for n, line in enumerate(lines) if HOLE in line), -1)


def log_rows(findings: Findings) -> list[LogRow]:
    """The log of a run, or what the compiler said; headlines of reports are grave."""
    if not findings.compiled:
        said = (str(each).split("\n") for each in findings.diagnostics)
        return [
            LogRow(line, grave=not number) for lines in said for number, line in enumerate(lines)
        ]
    return [
        LogRow(line, is_grave(text))
        for line, text in zip(findings.log, findings.texts, strict=False)
    ]
