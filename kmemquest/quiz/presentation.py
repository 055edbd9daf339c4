"""A question and its key as lines of text: for plain mode, printed papers and exports."""

from __future__ import annotations

from collections.abc import Iterator

from kmemquest.i18n import _
from kmemquest.quiz.given import given_line, setting_line, unit_word
from kmemquest.quiz.number import PAGE_BYTES
from kmemquest.quiz.question import Option, Question


def prompt_lines(question: Question) -> Iterator[str]:
    """Yield claim, prompt, conditions and items; no driver, no options."""
    if question.claim:
        yield _("On trial: “{claim}”").format(claim=question.claim)
    yield from question.prompt.rstrip().split("\n")
    if conditions := given_line(question.given):
        yield conditions
    for number, (_item, text) in enumerate(question.items, 1):
        yield f"  {number}. {text}"


def driver_lines(question: Question) -> Iterator[str]:
    """Yield the machine, the script and the driver with line numbers, if the question has one."""
    if question.experiment is not None:
        yield setting_line(question)
        yield from source_lines(question)


def source_lines(question: Question) -> Iterator[str]:
    """Yield the driver alone, with line numbers, if the question has one."""
    if question.experiment is None:
        return
    source = question.experiment.driver.replace("/*@slot answer*/", "/* ??? */")
    for number, line in enumerate(source.rstrip().expandtabs(8).split("\n"), 1):
        yield f"{number:>4}  {line}"


def option_lines(question: Question) -> Iterator[str]:
    """Yield the lettered options, those that are there to choose from."""
    for index, option in enumerate(question.shown_options):
        first, *rest = option_text(question, option).split("\n")
        yield f"  {chr(ord('a') + index)}) {first}"
        yield from (f"     {line}" for line in rest)


def option_text(question: Question, option: Option) -> str:
    """Return an option's text; suspicious lines with their number."""
    if question.kind == "bug" and question.experiment is not None:
        lines = question.experiment.driver.split("\n")
        text = lines[option.line - 1].strip().replace("\t", " ")
        return _("line {line}: {text}").format(line=option.line, text=text)
    return option.text


def key_text(question: Question) -> str:
    """Return the key of a settled question in one line."""
    by_id = {option.id: option for option in question.options}
    letter = {option.id: chr(ord("a") + n) for n, option in enumerate(question.options)}
    if question.kind == "numeric":
        return number_text(question)
    if question.kind == "order":
        return " ".join(letter[name] for name in question.order)
    if question.kind == "match":
        return " ".join(
            f"{number}{letter[question.pairs[item]]}"
            for number, (item, _text) in enumerate(question.items, 1)
        )
    if question.kind == "bug":
        return _("line {line}").format(line=question.bug_line)
    if question.kind == "code":
        return " · ".join(by_id[name].code for name in by_id if by_id[name].correct)
    return " ".join(letter[option.id] for option in question.options if option.correct)


def number_text(question: Question) -> str:
    """Return the number of a settled question with its unit."""
    assert question.number is not None
    unit = "" if question.unit in ("", "none") else f" {unit_word(question.unit)}"
    shown = f"{question.number:,}{unit}"
    if question.unit == "bytes" and question.number >= PAGE_BYTES:
        if question.number % PAGE_BYTES == 0:
            shown += f" = {question.number >> 10:,} KiB"
    return shown
