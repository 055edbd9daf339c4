"""The quiz room as the screens see it."""

from __future__ import annotations

from collections.abc import Sequence

from kmemquest.content.problem import ProblemsFound
from kmemquest.i18n import _, language
from kmemquest.quiz.bank import Bank, open_bank
from kmemquest.quiz.draw import draw, topics
from kmemquest.quiz.generator import GENERATORS
from kmemquest.quiz.grade import grade_choice, grade_number
from kmemquest.quiz.question import Question
from kmemquest.tui.model import LevelUnavailable, QuizItem, QuizOption, Topic


def open_trainer() -> BankTrainer:
    """The bank that ships with the game."""
    try:
        return BankTrainer(open_bank())
    except ProblemsFound as error:
        raise LevelUnavailable(str(error)) from error


class BankTrainer:
    """Bank and generators together."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._questions: dict[str, Question] = {}

    def topics(self) -> Sequence[Topic]:
        """Every topic with how many questions it has; a generator counts as one."""
        counts: dict[str, int] = {}
        for topic in [entry.topic for entry in self._bank.entries] + [
            generator.topic for generator in GENERATORS.values()
        ]:
            counts[topic] = counts.get(topic, 0) + 1
        return [Topic(topic, self._title(topic), counts[topic]) for topic in topics(self._bank)]

    def _title(self, topic: str) -> str:
        try:
            return self._bank.title(topic, language())
        except (ProblemsFound, KeyError, OSError):
            return topic.replace("-", " ")

    def draw(self, topic: str | None, count: int, seed: int) -> Sequence[QuizItem]:
        """Questions of a topic, the same for the same seed."""
        drawn = draw(self._bank, count, seed, topic, language())
        items: list[QuizItem] = []
        for number, question in enumerate(drawn):
            key = question.id if question.seed is None else f"{question.id}#{question.seed}"
            if key in [item.id for item in items]:
                key = f"{key}/{number}"
            self._questions[key] = question
            items.append(_item(key, question))
        return items

    def grade(self, item: QuizItem, given: tuple[str, ...]) -> bool:
        """Whether the answer is right; ValueError says what cannot be read."""
        question = self._questions[item.id]
        if question.kind == "numeric":
            return grade_number(question, given[0]).passed
        return grade_choice(question, frozenset(given)).passed


def _item(key: str, question: Question) -> QuizItem:
    options = tuple(
        QuizOption(option.id, option.text, option.feedback, option.correct)
        for option in question.options
    )
    answers: tuple[str, ...] = ()
    if question.number is not None:
        answers = (f"{question.number:,} {question.unit}".strip(),)
    explanation = question.explanation
    if question.folk:
        explanation = f"{explanation}\n" + _("Often heard: {answer}").format(answer=question.folk)
    return QuizItem(
        key,
        question.topic,
        question.kind,
        question.difficulty,
        question.prompt,
        options,
        explanation,
        ", ".join(question.sources),
        answers,
    )
