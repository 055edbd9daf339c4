"""Asking a question line by line: printing it, reading answers until one can be read, feedback."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from kmemquest.cli.terminal import print_prose, read_line
from kmemquest.i18n import _
from kmemquest.quiz.answer_key import NoKey, findings_of
from kmemquest.quiz.bank import Bank
from kmemquest.quiz.experiment import Findings
from kmemquest.quiz.given import setting_line
from kmemquest.quiz.grade import Grade, MalformedAnswer, answer_hint, grade
from kmemquest.quiz.log_excerpt import log_excerpt
from kmemquest.quiz.outcome_words import run_words
from kmemquest.quiz.presentation import (
    key_text,
    option_lines,
    option_text,
    prompt_lines,
    source_lines,
)
from kmemquest.quiz.question import Question

QUIT = ("q", "quit")


class Ended(Exception):
    """The player has quit, or the input has ended."""


class Word(Exception):
    """A word that the caller asked to be told of was typed instead of an answer."""

    def __init__(self, word: str) -> None:
        self.word = word
        super().__init__(word)


def print_lines(lines: Iterable[str]) -> None:
    """Print each line as it is: C and logs."""
    for line in lines:
        print(line)


def read_word(prompt: str = "> ") -> str:
    """Read a line without its end; Ended at the end of the input."""
    line = read_line(prompt)
    if line is None:
        raise Ended
    return line


def print_question(question: Question, head: str) -> None:
    """Print a question as it is asked: prompt, driver, options, how to answer."""
    first, *rest = prompt_lines(question)
    print_prose([f"{head}  {first}", *rest])
    if not question.hides_driver:
        _print_driver(question)
    print_prose(option_lines(question))
    if hint := answer_hint(question):
        print_prose([hint])
    if question.is_court:
        words = _("Type “run” to carry out the experiment and read the log, then your verdict.")
        print_prose([words])
    if question.several_lines:
        print_prose([_("End your code with a line that holds a dot only.")])


def _print_driver(question: Question) -> None:
    if question.experiment is not None:
        print_prose([setting_line(question)])
        print_lines(source_lines(question))


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
            print_prose([str(error)])


def print_run(question: Question) -> None:
    """Carry out a question's experiment and print what came of it."""
    try:
        findings = findings_of(question)
    except NoKey as error:
        print_prose([str(error)])
        return
    _print_findings(findings)
    if words := run_words(findings):
        print_prose([words])


def _print_findings(findings: Findings) -> None:
    """Print the log, and what the compiler said of a driver that never ran."""
    print_lines(log_excerpt(findings))
    if not findings.compiled:
        print_prose(str(diagnostic) for diagnostic in findings.diagnostics)


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
        print_prose([_("Key: {key}").format(key=key_text(question))])
    if result.remark and result.remark not in [o.feedback for o, _chosen in result.feedback]:
        print_prose([f"     {result.remark}"])
    for option, chosen in result.feedback:
        if question.kind in ("single", "multiple", "log"):
            mark = ("→" if chosen else " ") + ("✓" if option.correct else "✗")
        else:
            mark = "→ " if chosen else "  "
        first, *rest = option_text(question, option).split("\n")
        print_prose([f" {mark} {first}", *(f"     {line}" for line in rest)])
        print_prose([f"     {option.feedback}"])
    if bank is not None:
        for belief in result.beliefs:
            if words := bank.belief(belief, language):
                print_prose([_("The belief behind it: {belief}").format(belief=words)])
    if result.findings is not None and not question.is_court:
        if question.hides_driver:
            _print_driver(question)
        _print_findings(result.findings)
    if question.folk:
        print_prose([_("What circulates: {folk}").format(folk=question.folk)])
    print_prose(question.explanation.split("\n"))
    print_prose([_("Source: {sources}").format(sources=" · ".join(question.sources))])
