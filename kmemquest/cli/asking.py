"""Asking a question line by line: printing it, reading answers until one can be read, feedback."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable

from kmemquest.i18n import _
from kmemquest.quiz.answer_key import NoKey, findings_of
from kmemquest.quiz.bank import Bank
from kmemquest.quiz.grade import Grade, MalformedAnswer, answer_hint, grade
from kmemquest.quiz.presentation import (
    driver_lines,
    key_text,
    option_lines,
    option_text,
    prompt_lines,
)
from kmemquest.quiz.question import Question

QUIT = ("q", "quit")
SHOWN_LOG = 40
"""Log lines shown after a run; the first ones beyond that are left out."""


class Ended(Exception):
    """The player has quit, or the input has ended."""


class Word(Exception):
    """A word that the caller asked to be told of was typed instead of an answer."""

    def __init__(self, word: str) -> None:
        self.word = word
        super().__init__(word)


def print_lines(lines: Iterable[str]) -> None:
    """Print each line."""
    for line in lines:
        print(line)


def read_word(prompt: str = "> ") -> str:
    """Read a line without its end; Ended at the end of the input."""
    print(prompt, end="", flush=True)
    line = sys.stdin.readline()
    if not line:
        raise Ended
    return line.rstrip("\n")


def print_question(question: Question, head: str) -> None:
    """Print a question as it is asked: prompt, driver, options, how to answer."""
    first, *rest = prompt_lines(question)
    print(f"{head}  {first}")
    print_lines(rest)
    if not question.hides_driver:
        print_lines(driver_lines(question))
    print_lines(option_lines(question))
    if hint := answer_hint(question):
        print(hint)
    if question.is_court:
        print(_("Type “run” to carry out the experiment and read the log, then your verdict."))
    if question.several_lines:
        print(_("End your code with a line that holds a dot only."))


def read_answer(question: Question, prompt: str = "> ") -> str:
    """Read an answer; several lines up to a dot where the question allows them."""
    text = read_word(prompt)
    if not question.several_lines or text.strip() in QUIT:
        return text
    lines = []
    while text.strip() != ".":
        lines.append(text)
        text = read_word(prompt)
    return "\n".join(lines)


def ask(question: Question, words: Collection[str] = ()) -> Grade:
    """Ask until an answer can be read; Ended when the player quits, Word for one of `words`."""
    while True:
        text = read_answer(question)
        word = text.strip().lower()
        if word in QUIT:
            raise Ended
        if word in words:
            raise Word(word)
        if word == "run" and question.is_court:
            print_run(question)
            continue
        try:
            return grade(question, text)
        except MalformedAnswer as error:
            print(error)


def print_run(question: Question) -> None:
    """Carry out a question's experiment and print its log."""
    try:
        findings = findings_of(question)
    except NoKey as error:
        print(error)
        return
    print_lines(findings.log[-SHOWN_LOG:])
    print(_("The run ended as: {outcome}.").format(outcome=findings.outcome))
    if any(not report.spoken for report in findings.reports):
        kinds = sorted({report.kind for report in findings.reports if not report.spoken})
        print(_("The kernel said nothing of: {kinds}").format(kinds=", ".join(kinds)))


def print_feedback(result: Grade, bank: Bank | None = None, language: str = "en") -> None:
    """Print why each option is right or wrong, beliefs, run, explanation and sources."""
    question = result.question
    if result.passed:
        print("✓ " + _("Right."))
    elif result.score > 0:
        share = f"{100 * result.score:.0f}%"
        print("✗ " + _("Partly right: {share}.").format(share=share))
    else:
        print("✗ " + _("Not quite."))
    if question.kind in ("numeric", "bug", "order", "match", "code"):
        print(_("Key: {key}").format(key=key_text(question)))
    if result.remark and result.remark not in [o.feedback for o, _chosen in result.feedback]:
        print(f"     {result.remark}")
    for option, chosen in result.feedback:
        if question.kind in ("single", "multiple", "log"):
            mark = ("→" if chosen else " ") + ("✓" if option.correct else "✗")
        else:
            mark = "→ " if chosen else "  "
        first, *rest = option_text(question, option).split("\n")
        print(f" {mark} {first}")
        print_lines(f"     {line}" for line in rest)
        print(f"     {option.feedback}")
    if bank is not None:
        for belief in result.beliefs:
            if words := bank.belief(belief, language):
                print(_("The belief behind it: {belief}").format(belief=words))
    if result.findings is not None and not question.is_court:
        if question.hides_driver:
            print_lines(driver_lines(question))
        print_lines(result.findings.log[-SHOWN_LOG:])
    if question.folk:
        print(_("What circulates: {folk}").format(folk=question.folk))
    print(question.explanation)
    print(_("Source: {sources}").format(sources=" · ".join(question.sources)))
