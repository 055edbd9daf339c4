"""Grading: what an answer is worth, and what to say about it.

Answers come as text (`grade`) or as values (`grade_choice`, `grade_order`, …). What cannot be read
raises MalformedAnswer and costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from kmemquest.i18n import _
from kmemquest.quiz.answer_key import findings_of, settled, try_code
from kmemquest.quiz.expectation import failed_text
from kmemquest.quiz.experiment import Findings
from kmemquest.quiz.number import NotANumber, quoted, read_quantity
from kmemquest.quiz.question import Option, Question

MAX_CODE: Final = 2000
"""Longest piece of C that is taken as an answer, in characters."""


class MalformedAnswer(ValueError):
    """The answer cannot be read; it costs nothing, the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Grade:
    """How an answer did: `score` lies between 0 and 1; feedback is in option order.

    `question` is the settled one: its key is known. `beliefs` are the misconceptions that the
    answer shows, `findings` the run behind it (of the player's own code, for kind code).
    """

    question: Question
    chosen: frozenset[str]
    number: int | None
    score: float
    feedback: tuple[tuple[Option, bool], ...]
    """Every option, with whether it was chosen."""
    remark: str = ""
    beliefs: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    """The answer as it is saved: option ids, a number, a line, code, `item=option` pairs."""
    findings: Findings | None = None

    @property
    def passed(self) -> bool:
        """True only for a wholly right answer."""
        return self.score >= 1.0


def grade(question: Question, answer: str) -> Grade:
    """Grade what was typed; see `answer_hint` for what may be typed for each kind."""
    if question.kind == "numeric":
        return grade_number(question, answer)
    if question.kind == "code":
        return grade_code(question, answer)
    if question.kind == "bug":
        return grade_line(question, read_line(question, answer))
    if question.kind == "order":
        return grade_order(question, read_order(question, answer))
    if question.kind == "match":
        return grade_match(question, read_match(question, answer))
    return grade_choice(question, read_choice(question, answer))


def answer_hint(question: Question) -> str:
    """Tell what to type for a question, in the language in force; empty for a single choice."""
    if question.kind == "numeric":
        if question.unit == "bytes":
            return _("Type a number, e.g. 4096, 4 KiB or 0x1000.")
        return _("Type a number, e.g. 12, -3 or 0x1f.")
    return {
        "multiple": _("Choose all that apply, e.g. “a c”."),
        "order": _("Type the letters in the right order, e.g. “b a d c”."),
        "code": _("Type the C that belongs in the gap."),
        "bug": _("Type the number of the bad line, or a letter."),
        "match": _("Type a letter for each item, in their order, e.g. “b a c”."),
    }.get(question.kind, "")


# --- choices ------------------------------------------------------------------------------


def grade_choice(question: Question, chosen: frozenset[str] | set[str]) -> Grade:
    """Grade a single or multiple choice or a predicted log; partial credit only for multiple.

    In a multiple choice each rightly ticked or rightly left option counts one share, wrong ones
    count against it, never below zero.
    """
    known = {option.id for option in question.options}
    if unknown := set(chosen) - known:
        names = ", ".join(sorted(unknown))
        raise MalformedAnswer(_("no such option: {names}").format(names=names))
    if not chosen:
        raise MalformedAnswer(_("choose at least one option"))
    if question.kind != "multiple" and len(chosen) > 1:
        raise MalformedAnswer(_("choose exactly one option"))
    question = settled(question)
    right = question.correct_ids
    if question.kind != "multiple":
        score = 1.0 if frozenset(chosen) == right else 0.0
    else:
        agree = sum((option.id in chosen) == option.correct for option in question.options)
        score = max(0.0, 2 * agree / len(question.options) - 1)
    return Grade(
        question,
        frozenset(chosen),
        None,
        score,
        tuple((option, option.id in chosen) for option in question.options),
        beliefs=_beliefs(question, chosen),
        given=tuple(option.id for option in question.options if option.id in chosen),
        findings=findings_of(question) if question.kind == "log" else None,
    )


def _beliefs(question: Question, chosen: frozenset[str] | set[str]) -> tuple[str, ...]:
    """Return the misconceptions behind wrongly chosen options.

    A generated question's wrong options are named after theirs.
    """
    return tuple(
        option.belief or option.id
        for option in question.options
        if option.id in chosen and not option.correct and (option.belief or question.seed)
    )


# --- numbers, lines, code -----------------------------------------------------------------


def grade_number(question: Question, text: str) -> Grade:
    """Grade a numeric answer: decimal or 0x…, digit grouping and units allowed."""
    try:
        number = read_quantity(text, question.unit or "none")
    except NotANumber as error:
        raise MalformedAnswer(str(error)) from None
    question = settled(question)
    right = number == question.number
    hit = frozenset(
        option.id for option in question.options if option.number == number and not right
    )
    return Grade(
        question,
        hit,
        number,
        1.0 if right else 0.0,
        tuple((option, option.id in hit) for option in question.options),
        "" if right else dict(question.misconceptions).get(number, ""),
        beliefs=_beliefs(question, hit),
        given=(str(number),),
        findings=findings_of(question) if question.experiment else None,
    )


def grade_line(question: Question, line: int) -> Grade:
    """Grade a picked line of the driver (counted from 1)."""
    assert question.experiment is not None
    last = len(question.experiment.driver.splitlines())
    if not 1 <= line <= last:
        raise MalformedAnswer(_("pick a line from 1 to {last}").format(last=last))
    question = settled(question)
    hit = frozenset(option.id for option in question.options if option.line == line)
    right = line == question.bug_line
    remark = ""
    if not right and not hit:
        remark = _("Line {line} is sound. The first bad step is on line {bad}.").format(
            line=line, bad=question.bug_line
        )
    return Grade(
        question,
        hit,
        line,
        1.0 if right else 0.0,
        tuple((option, option.id in hit) for option in question.options),
        remark,
        beliefs=_beliefs(question, hit),
        given=(str(line),),
        findings=findings_of(question),
    )


def grade_code(question: Question, code: str) -> Grade:
    """Grade C by running the driver with it: whatever meets the goals is right."""
    code = code.strip() if question.several_lines else " ".join(code.split())
    if not code:
        raise MalformedAnswer(_("type some C"))
    if len(code) > MAX_CODE:
        raise MalformedAnswer(_("at most {count} characters of C, please").format(count=MAX_CODE))
    findings, failed = try_code(question, code)
    same = _without_spaces(code)
    hit = frozenset(o.id for o in question.options if _without_spaces(o.code) == same)
    if not findings.compiled and not hit:
        said = next((str(each.message) for each in findings.diagnostics), "")
        raise MalformedAnswer(_("It does not compile: {message}").format(message=said))
    remark = failed_text(failed, findings) if failed is not None else ""
    return Grade(
        question,
        hit,
        None,
        1.0 if failed is None else 0.0,
        tuple((option, option.id in hit) for option in question.options),
        remark,
        beliefs=_beliefs(question, hit),
        given=(code,),
        findings=findings,
    )


def _without_spaces(code: str) -> str:
    return "".join(code.split()).rstrip(";")


# --- orders and pairs ---------------------------------------------------------------------


def grade_order(question: Question, order: Sequence[str]) -> Grade:
    """Grade an order of all options: pairs in the right order count for it, others against."""
    if sorted(order) != sorted(question.order):
        raise MalformedAnswer(_("use every letter exactly once"))
    rank = {name: place for place, name in enumerate(question.order)}
    for group in question.either:
        rank.update(dict.fromkeys(group, min(rank[name] for name in group)))
    pairs = list(combinations([rank[name] for name in order], 2))
    agree = sum(first <= second for first, second in pairs)
    score = max(0.0, 2 * agree / len(pairs) - 1)
    misplaced = {
        name
        for name, wanted in zip(order, sorted(rank[name] for name in order), strict=True)
        if rank[name] != wanted
    }
    return Grade(
        question,
        frozenset(misplaced),
        None,
        1.0 if agree == len(pairs) else score,
        tuple((option, option.id in misplaced) for option in question.options),
        given=tuple(order),
        beliefs=tuple(o.belief for o in question.options if o.id in misplaced and o.belief),
    )


def grade_match(question: Question, pairs: Mapping[str, str]) -> Grade:
    """Grade pairs (item id -> option id): each right pair counts its share."""
    known = {option.id for option in question.options}
    for item, _text in question.items:
        if pairs.get(item) not in known:
            raise MalformedAnswer(_("give every item a partner"))
    right = sum(pairs[item] == question.pairs[item] for item, _text in question.items)
    wrongly = {pairs[i] for i, _text in question.items if pairs[i] != question.pairs[i]}
    return Grade(
        question,
        frozenset(wrongly),
        None,
        right / len(question.items),
        tuple((option, option.id in wrongly) for option in question.options),
        given=tuple(f"{item}={pairs[item]}" for item, _text in question.items),
        beliefs=tuple(o.belief for o in question.options if o.id in wrongly and o.belief),
    )


# --- reading what was typed ---------------------------------------------------------------


def letters(question: Question) -> dict[str, str]:
    """Map the letters shown before the options to their ids."""
    return {chr(ord("a") + i): option.id for i, option in enumerate(question.options)}


def read_choice(question: Question, text: str) -> frozenset[str]:
    """Turn `b`, `a,c` or an option's id into option ids."""
    return frozenset(_named(question, text, digits=True))


def read_order(question: Question, text: str) -> tuple[str, ...]:
    """Turn `b a d c`, `badc` or ids into option ids in that order."""
    return tuple(_named(question, text.replace(">", " "), digits=True))


def read_line(question: Question, text: str) -> int:
    """Turn a line number, or the letter of a suspicious line, into a line number."""
    word = text.strip().lower().removeprefix("line").strip()
    if word.isascii() and word.isdigit() and len(word) < 7:
        return int(word)
    (name, *more) = _named(question, word, digits=False) or [""]
    if more or not name:
        raise MalformedAnswer(_("pick one line"))
    return next(option.line for option in question.options if option.id == name)


def read_match(question: Question, text: str) -> dict[str, str]:
    """Turn `b a c`, `1b 2a 3c` or `item=option …` into pairs."""
    items = [item for item, _text in question.items]
    known = letters(question)
    ids = set(known.values())
    pairs: dict[str, str] = {}
    words = text.replace(",", " ").split()
    if len(words) == 1 and len(words[0]) == len(items) and words[0].isalpha():
        words = list(words[0])
    for place, word in enumerate(words):
        item, equals, option = word.partition("=")
        if not equals:
            number = word.rstrip("abcdefghABCDEFGH")
            item = items[place] if place < len(items) and not number else number
            option = word[len(number) :]
            if word in ids:
                item, option = items[place] if place < len(items) else "", word
        if item.isascii() and item.isdigit() and 1 <= int(item[:4]) <= len(items):
            item = items[int(item) - 1]
        option = option if option in ids else known.get(option.lower(), "")
        if item not in items or not option:
            raise MalformedAnswer(
                _("“{word}” names no pair: type a letter for each item, e.g. “b a c”").format(
                    word=quoted(word)
                )
            )
        pairs[item] = option
    return pairs


def _named(question: Question, text: str, *, digits: bool) -> list[str]:
    known = letters(question)
    last = max(known, default="a")
    if digits:
        known |= {str(i + 1): option.id for i, option in enumerate(question.options)}
    ids = {option.id for option in question.options}
    chosen: list[str] = []
    for word in text.replace(",", " ").split():
        if word in ids:
            chosen.append(word)
            continue
        for letter in word.lower():
            if letter not in known:
                raise MalformedAnswer(
                    _("“{word}” is no option: type a letter from a to {last}").format(
                        word=quoted(word), last=last
                    )
                )
            chosen.append(known[letter])
    return chosen
