"""GIFT, the text format of Moodle and others: what it can hold goes out, the rest is listed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kmemquest.i18n import _
from kmemquest.quiz.answer_key import settled
from kmemquest.quiz.presentation import driver_lines, prompt_lines
from kmemquest.quiz.question import Option, Question

_SPECIAL = "\\~=#{}:"


@dataclass(frozen=True, slots=True)
class Dropped:
    """Something that an exchange format cannot hold: a whole question, or a part of it."""

    question: str
    what: str

    def __str__(self) -> str:
        """Return it as `id: what`."""
        return f"{self.question}: {self.what}"


def write_gift(questions: Iterable[Question]) -> tuple[str, list[Dropped]]:
    """Return the GIFT text of questions, and what was dropped."""
    parts = ["// KMemQuest", ""]
    dropped: list[Dropped] = []
    for question in questions:
        body = _body(question, dropped)
        if body is None:
            continue
        text = "\n".join(prompt_lines_without_items(question))
        if question.experiment is not None and not question.hides_driver:
            text += "\n\n" + "\n".join(driver_lines(question))
        parts.append(f"// topic: {question.topic}, difficulty: {question.difficulty}")
        parts.append(f"::{_escape(question.id)}::[plain]{_escape(text)} {{")
        parts += body
        parts += [f"####{_escape(question.explanation)}", "}", ""]
        dropped.append(Dropped(question.id, _("sources and conditions are not a part of GIFT")))
        if question.folk:
            dropped.append(Dropped(question.id, _("what circulates (folk) has no place in GIFT")))
    return "\n".join(parts), dropped


def prompt_lines_without_items(question: Question) -> Iterator[str]:
    """Yield the prompt without the left-hand sides of a match, which GIFT has elsewhere."""
    lines = list(prompt_lines(question))
    yield from lines[: len(lines) - len(question.items)]


def _body(question: Question, dropped: list[Dropped]) -> list[str] | None:
    if question.kind in ("order", "code", "bug"):
        dropped.append(
            Dropped(
                question.id, _("GIFT has no questions of kind {kind}").format(kind=question.kind)
            )
        )
        return None
    question = settled(question)
    if question.kind == "numeric":
        lines = [f"#=%100%{question.number}:0"]
        lines += [f"={'%0%'}{o.number}:0#{_escape(o.feedback)}" for o in question.options]
        if question.unit not in ("", "none"):
            dropped.append(Dropped(question.id, _("the unit is not checked")))
        return lines
    if question.kind == "match":
        by_id = {option.id: option for option in question.options}
        if any(option.id not in question.pairs.values() for option in question.options):
            dropped.append(Dropped(question.id, _("right-hand sides without a partner")))
        dropped.append(Dropped(question.id, _("feedback of a match")))
        return [
            f"={_escape(text)} -> {_escape(by_id[question.pairs[item]].text)}"
            for item, text in question.items
        ]
    return [_choice(question, option) for option in question.options]


def _choice(question: Question, option: Option) -> str:
    sign = "=" if option.correct else "~"
    if question.kind == "multiple":
        right = sum(each.correct for each in question.options)
        wrong = len(question.options) - right
        share = 100 / right if option.correct else -100 / wrong
        sign = f"~%{share:.5f}%"
    return f"{sign}{_escape(option.text)}#{_escape(option.feedback)}"


def _escape(text: str) -> str:
    for sign in _SPECIAL:
        text = text.replace(sign, "\\" + sign)
    return text.replace("\n", "\\n")
