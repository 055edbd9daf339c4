"""What players read on paper, on cards and in lists: in order, in their words, and all of it."""

from pathlib import Path

import pytest
import yaml

from kmemquest.i18n import LANGUAGES, set_language
from kmemquest.quiz.anki import FIELDS, anki_notes
from kmemquest.quiz.answer_key import settled
from kmemquest.quiz.bank import Bank, open_bank
from kmemquest.quiz.bank_index import scan_title
from kmemquest.quiz.bank_references import bank_root
from kmemquest.quiz.draw import topic_title
from kmemquest.quiz.exam import draw_paper
from kmemquest.quiz.exam_model import Blueprint, Section
from kmemquest.quiz.exam_print import paper_html, paper_markdown
from kmemquest.quiz.generator import generate
from kmemquest.quiz.generators import load_generators
from kmemquest.quiz.generators.watermark_marks import most_refused
from kmemquest.quiz.given import setting_line
from kmemquest.quiz.grade import MalformedAnswer, grade
from kmemquest.quiz.presentation import option_lines

load_generators()
KINDS = Bank(Path(__file__).parent / "every_kind")


# --- bugs ---------------------------------------------------------------------------------


def test_suspicious_lines_go_down_the_driver() -> None:
    bank = open_bank()
    names = [entry.id for entry in bank.entries if entry.kind == "bug"]
    assert len(names) > 15
    for name in names:
        question = bank.question(name, "en")
        lines = [option.line for option in question.options]
        assert lines == sorted(lines), name
        assert [int(row.split("line ")[1].split(":")[0]) for row in option_lines(question)] == lines


# --- cards --------------------------------------------------------------------------------


def card(name: str) -> dict[str, str]:
    bank = KINDS if name in KINDS else open_bank()
    note = next(n for n in anki_notes(bank, ["en"], topics=topics_of(name)) if n.fields[0] == name)
    return dict(zip(FIELDS, note.fields, strict=True))


def topics_of(name: str) -> list[str]:
    return [] if name in KINDS else [open_bank().entry(name).topic]


def test_an_order_is_told_as_steps_and_a_match_as_pairs() -> None:
    order = KINDS.question("k-order", "en")
    text = {option.id: option.text for option in order.options}
    told = card("k-order")["Feedback"]
    places = [told.index(f"{n}. {text[name]}") for n, name in enumerate(order.order, 1)]
    assert places == sorted(places)
    match = KINDS.question("k-match", "en")
    partner = {option.id: option.text for option in match.options}
    told = card("k-match")["Feedback"]
    for item, words in match.items:
        assert f"{words} → {partner[match.pairs[item]]}" in told
    assert "✗" not in card("k-order")["Feedback"]


def test_marks_are_those_of_the_key_and_bugs_name_their_line() -> None:
    for name in ("k-single", "k-multiple", "k-log", "k-bug"):
        question = settled(KINDS.question(name, "en"))
        told = card(name)["Feedback"]
        assert told.count("✓") == sum(option.correct for option in question.options)
    bug = settled(KINDS.question("k-bug", "en"))
    assert f"✓ line {bug.bug_line}: " in card("k-bug")["Feedback"]


# --- paper --------------------------------------------------------------------------------


def paper(count: int, points: int) -> Blueprint:
    section = Section(count=count, difficulty=[1, 2, 3, 4, 5], generated=False, points=points)
    return Blueprint(format_version=1, id="a-paper", minutes=1, sections=[section])


def test_one_of_anything_is_no_plural() -> None:
    one = paper_markdown(draw_paper(paper(1, 1), KINDS, 3), KINDS, "en", key=False)
    assert "1 question · 1 minute · 1 point · paper 3" in one
    two = paper_markdown(draw_paper(paper(2, 2), KINDS, 3), KINDS, "en", key=False)
    assert "2 questions · 1 minute · 4 points · paper 3" in two


@pytest.mark.parametrize("make", [paper_markdown, paper_html])
def test_paper_asks_for_a_pen_and_keeps_code_apart(make: object) -> None:
    drawn = draw_paper(paper(len(KINDS.entries), 1), KINDS, 5)
    text = make(drawn, KINDS, "en", key=False)  # type: ignore[operator]
    assert "Type " not in text
    assert "Write the C that belongs in the gap" in text
    setting = setting_line(KINDS.question("k-bug", "en")).split(".")[0]
    blocks = text.split("```" if make is paper_markdown else "pre>")[1::2]
    assert any("module_init" in block for block in blocks)
    assert not any("Machine:" in block for block in blocks)
    assert setting.split(",")[0] in text.replace("\\", "")


# --- numbers ------------------------------------------------------------------------------


def refused(name: str, text: str, spoken: str = "en") -> str:
    bank = KINDS if name in KINDS else open_bank()
    set_language(spoken)
    try:
        with pytest.raises(MalformedAnswer) as told:
            grade(bank.question(name, spoken), text)
    finally:
        set_language("en")
    return str(told.value)


def test_a_number_without_a_unit_is_asked_for_without_one() -> None:
    assert refused("gfp-atomic-min", "4a") == "“4a”: “a” does not fit; a plain number is wanted"
    assert "bytes" in refused("k-numeric", "4 parsecs")
    assert refused("k-numeric", " ") == "Give an answer first."


@pytest.mark.parametrize("name", ["gfp-atomic-min", "k-numeric", "k-multiple", "k-match"])
def test_refusals_are_in_the_players_language(name: str) -> None:
    for text in ("4z", "z", "4.5.6"):
        assert refused(name, text) != refused(name, text, "zh_CN")


def test_a_refusal_repeats_nothing_that_a_terminal_obeys() -> None:
    for name in ("k-numeric", "k-multiple", "k-match"):
        told = refused(name, "\x1b[31m")
        assert told.isprintable()
        assert "'" not in told


# --- titles and words ---------------------------------------------------------------------


@pytest.mark.parametrize("spoken", LANGUAGES)
def test_titles_are_read_without_the_questions(spoken: str) -> None:
    bank = Bank(bank_root())
    titles = {topic: bank.title(topic, spoken) for topic in bank.topics}
    for topic, title in titles.items():
        words = yaml.safe_load((bank_root() / f"{topic}.{spoken}.yaml").read_text("utf-8"))
        assert title == words["title"]
    assert not bank._texts, "a title must not cost a parsed file"


def test_a_title_below_the_questions_is_found_all_the_same(tmp_path: Path) -> None:
    for path in (Path(__file__).parent / "every_kind").glob("kinds*.yaml"):
        lines = path.read_text(encoding="utf-8").rstrip().split("\n")
        moved = [line for line in lines if line.startswith("title:")]
        rest = [line for line in lines if not line.startswith("title:")]
        (tmp_path / path.name).write_text("\n".join(rest + moved) + "\n", encoding="utf-8")
    assert scan_title(tmp_path / "kinds.en.yaml") == ""
    assert Bank(tmp_path).title("kinds", "en") == KINDS.title("kinds", "en")


def test_topics_without_a_file_are_called_by_words() -> None:
    assert topic_title(KINDS, "no-such-topic", "en") == "no such topic"
    assert topic_title(KINDS, "levels", "en") == "Predictions of levels"


def test_no_text_is_cut_off_by_a_comment() -> None:
    """A number sign after a blank begins a comment in YAML: the sentence would end there."""
    for path in sorted(bank_root().glob("*.*.yaml")):
        text = path.read_text(encoding="utf-8")
        kept = " ".join(_strings(yaml.load(text, Loader=yaml.CSafeLoader)))
        for line in text.split("\n"):
            _before, sign, after = line.partition(" #")
            if sign:
                assert f" #{after[:6]}".rstrip("\"'") in kept, f"{path.name}: {line}"


def _strings(data: object) -> list[str]:
    if isinstance(data, str):
        return [data]
    values = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return [text for value in values for text in _strings(value)]


# --- a mark is counted before the request -------------------------------------------------


def test_one_page_above_the_mark_is_enough() -> None:
    """Served with mark + 1 free pages: the request may leave just the mark, not more."""
    assert most_refused(4000, "GFP_KERNEL") == 4000
    question = generate("reserve-depth", 1)
    assert "counted before the request" in question.explanation
    assert "must leave more" not in question.explanation
