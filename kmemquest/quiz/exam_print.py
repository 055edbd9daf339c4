"""A paper for a written test: Markdown and HTML, with and without the key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape

from kmemquest.i18n import _, language, ngettext, set_language
from kmemquest.quiz.answer_key import settled
from kmemquest.quiz.bank import Bank
from kmemquest.quiz.exam import Paper
from kmemquest.quiz.exam_model import blueprint_text
from kmemquest.quiz.given import setting_line
from kmemquest.quiz.presentation import key_text, option_text, prompt_lines, source_lines
from kmemquest.quiz.question import Question

_STYLE = """
body { font: 11pt/1.45 Georgia, "Noto Serif CJK SC", serif; max-width: 44em; margin: 2em auto; }
pre { font: 9pt/1.3 monospace; background: #f4f4f4; padding: .6em; white-space: pre-wrap; }
section { break-inside: avoid; margin: 1.4em 0; } ol.options { list-style: lower-alpha; }
.line { border-bottom: 1px solid #888; height: 1.6em; } .key { border-left: 3px solid #888;
padding-left: .8em; } .meta { color: #555; }
"""

_WRITTEN = ("numeric", "code", "order", "match", "bug")
"""Kinds that are answered on a line of their own; the options of others are ticked."""


def paper_hint(question: Question) -> str:
    """Tell how to answer with a pen, in the language in force; empty for a single choice."""
    return {
        "numeric": _("Write the number."),
        "multiple": _("Tick all that apply."),
        "order": _("Write the letters in the right order."),
        "code": _("Write the C that belongs in the gap."),
        "bug": _("Write the number of the bad line."),
        "match": _("Write a letter for each item, in their order."),
    }.get(question.kind, "")


def paper_markdown(paper: Paper, bank: Bank, in_language: str, *, key: bool) -> str:
    """Return a paper as Markdown; with the key each question is followed by it."""
    return _in_language(in_language, lambda: "\n".join(_markdown(paper, bank, in_language, key)))


def paper_html(paper: Paper, bank: Bank, in_language: str, *, key: bool) -> str:
    """Return a paper as one HTML page without scripts or outside resources."""
    return _in_language(in_language, lambda: "\n".join(_html(paper, bank, in_language, key)))


def _in_language(name: str, make: Callable[[], str]) -> str:
    before = language()
    set_language(name)
    try:
        return make() + "\n"
    finally:
        set_language(before)


def _questions(paper: Paper, bank: Bank, name: str, key: bool) -> Iterator[tuple[int, Question]]:
    for index in range(len(paper.slots)):
        question = paper.question(index, bank, name)
        yield index, settled(question) if key else question


def _head(paper: Paper, name: str) -> tuple[str, str, str]:
    text = blueprint_text(paper.blueprint, name)
    return text.title, paper_facts(paper), _("Name: ____________________    Date: ____________")


def paper_facts(paper: Paper) -> str:
    """Return how long a paper is: questions, minutes, points, and its number."""
    count, minutes, points = len(paper.slots), paper.blueprint.minutes, paper.points
    return " · ".join(
        (
            ngettext("{count} question", "{count} questions", count).format(count=count),
            ngettext("{n} minute", "{n} minutes", minutes).format(n=minutes),
            ngettext("{n} point", "{n} points", points).format(n=points),
            _("paper {seed}").format(seed=paper.seed),
        )
    )


def _points(paper: Paper, index: int) -> str:
    return _("points: {points}").format(points=paper.slots[index].points)


def _markdown(paper: Paper, bank: Bank, name: str, key: bool) -> Iterator[str]:
    title, facts, form = _head(paper, name)
    yield from (f"# {title}", "", facts, "", form, "")
    for index, question in _questions(paper, bank, name, key):
        yield f"## {index + 1}. ({_points(paper, index)})"
        yield ""
        for line in prompt_lines(question):
            yield _marked(line)
            yield ""
        if question.experiment is not None and not question.hides_driver:
            yield from (_marked(setting_line(question)), "")
            yield from ("```", *source_lines(question), "```", "")
        for n, option in enumerate(question.shown_options):
            text = _marked(option_text(question, option)).replace("\n", "  \n   ")
            yield f"- {chr(ord('a') + n)}) {text}"
        if hint := paper_hint(question):
            yield from ("", f"*{_marked(hint)}*")
        if question.kind in _WRITTEN:
            yield from ("", "\\_" * 40)
        yield ""
        if key:
            answer = _("Key: {key}").format(key=_marked(key_text(question)))
            yield from (f"> **{answer}**", ">", f"> {_marked(question.explanation)}", ">")
            yield f"> {_sources(question)}"
            yield ""


def _marked(text: str) -> str:
    """Escape what Markdown would take for markup; backquotes keep their meaning."""
    parts = text.split("`")
    for n in range(0, len(parts), 2):
        for sign in "\\*_<>#[]|":
            parts[n] = parts[n].replace(sign, "\\" + sign)
    return "`".join(parts)


def _sources(question: Question) -> str:
    return _("Source: {sources}").format(
        sources=" · ".join(f"`{source}`" for source in question.sources)
    )


def _html(paper: Paper, bank: Bank, name: str, key: bool) -> Iterator[str]:
    title, facts, form = _head(paper, name)
    yield f'<!doctype html><html lang="{name.replace("_", "-")}"><head><meta charset="utf-8">'
    yield f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
    yield f'<h1>{escape(title)}</h1><p class="meta">{escape(facts)}</p><p>{escape(form)}</p>'
    for index, question in _questions(paper, bank, name, key):
        yield f'<section><h2>{index + 1}. <small class="meta">({escape(_points(paper, index))})'
        yield "</small></h2>"
        yield from (f"<p>{_coded(line)}</p>" for line in prompt_lines(question))
        if question.experiment is not None and not question.hides_driver:
            yield f"<p>{escape(setting_line(question))}</p>"
            yield f"<pre>{escape(chr(10).join(source_lines(question)))}</pre>"
        if question.shown_options:
            yield '<ol class="options">'
            yield from (
                f"<li>{_coded(option_text(question, o))}</li>" for o in question.shown_options
            )
            yield "</ol>"
        if hint := paper_hint(question):
            yield f'<p class="meta">{escape(hint)}</p>'
        if question.kind in _WRITTEN:
            yield '<p class="line"></p>'
        if key:
            answer = _("Key: {key}").format(key=key_text(question))
            yield f'<div class="key"><p><b>{escape(answer)}</b></p>'
            yield f"<p>{_coded(question.explanation)}</p><p>{_coded(_sources(question))}</p></div>"
        yield "</section>"
    yield "</body></html>"


def _coded(text: str) -> str:
    """Escape text for HTML; what stands between backquotes becomes code, line ends are kept."""
    parts = escape(text).split("`")
    if len(parts) % 2 == 0:
        return "`".join(parts).replace("\n", "<br>")
    for n in range(1, len(parts), 2):
        parts[n] = f"<code>{parts[n]}</code>"
    return "".join(parts).replace("\n", "<br>")
