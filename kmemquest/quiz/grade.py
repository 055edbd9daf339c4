"""Grading: what an answer is worth, and what to say about it."""

from __future__ import annotations

from dataclasses import dataclass

from kmemquest.quiz.question import Option, Question


class MalformedAnswer(ValueError):
    """The answer cannot be read; it costs nothing, the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Grade:
    """How an answer did: `score` lies between 0 and 1; feedback is in option order."""

    question: Question
    chosen: frozenset[str]
    number: int | None
    score: float
    feedback: tuple[tuple[Option, bool], ...]
    """Every option, with whether it was chosen."""
    remark: str = ""

    @property
    def passed(self) -> bool:
        """True only for a wholly right answer."""
        return self.score >= 1.0


def grade_choice(question: Question, chosen: frozenset[str] | set[str]) -> Grade:
    """Grade a single or multiple choice; partial credit only for multiple.

    In a multiple choice each rightly ticked or rightly left option counts one share, wrong ones
    count against it, never below zero.
    """
    known = {option.id for option in question.options}
    if unknown := set(chosen) - known:
        raise MalformedAnswer(f"no such option: {', '.join(sorted(unknown))}")
    if not chosen:
        raise MalformedAnswer("choose at least one option")
    if question.kind == "single" and len(chosen) > 1:
        raise MalformedAnswer("choose exactly one option")
    right = question.correct_ids
    if question.kind == "single":
        score = 1.0 if frozenset(chosen) == right else 0.0
    else:
        agree = sum((option.id in chosen) == option.correct for option in question.options)
        score = max(0.0, 2 * agree / len(question.options) - 1)
    feedback = tuple((option, option.id in chosen) for option in question.options)
    return Grade(question, frozenset(chosen), None, score, feedback)


def grade_number(question: Question, text: str) -> Grade:
    """Grade a numeric answer: a whole number, decimal or 0x…, digit grouping allowed."""
    number = read_number(text)
    right = number == question.number
    remark = "" if right else dict(question.misconceptions).get(number, "")
    return Grade(question, frozenset(), number, 1.0 if right else 0.0, (), remark)


def grade(question: Question, answer: str) -> Grade:
    """Grade what was typed: option letters (`a`, `a c`, `ac`), option ids, or a number."""
    if question.kind == "numeric":
        return grade_number(question, answer)
    return grade_choice(question, read_choice(question, answer))


def read_choice(question: Question, text: str) -> frozenset[str]:
    """Turn `b`, `a,c` or an option's id into option ids."""
    by_letter = {chr(ord("a") + i): option.id for i, option in enumerate(question.options)}
    by_letter |= {str(i + 1): option.id for i, option in enumerate(question.options)}
    ids = {option.id for option in question.options}
    words = text.replace(",", " ").split()
    chosen: set[str] = set()
    for word in words:
        if word in ids:
            chosen.add(word)
            continue
        for letter in word.lower():
            if letter not in by_letter:
                last = chr(ord("a") + len(question.options) - 1)
                raise MalformedAnswer(f"{word!r} is no option: type a letter from a to {last}")
            chosen.add(by_letter[letter])
    return frozenset(chosen)


def read_number(text: str) -> int:
    """Read a whole number as people type it."""
    cleaned = text.strip().replace(",", "").replace("_", "").replace(" ", "")
    try:
        return int(cleaned, 0)
    except ValueError:
        raise MalformedAnswer(f"{text.strip()!r} is not a whole number") from None
