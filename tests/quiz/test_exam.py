"""Mock interviews: drawn by seed, against the clock, partial credit, printable."""

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from kmemquest.i18n import LANGUAGES, language
from kmemquest.quiz import schema
from kmemquest.quiz.answer_key import settled
from kmemquest.quiz.bank import Bank, open_bank
from kmemquest.quiz.draw import topics
from kmemquest.quiz.exam import CannotDraw, Sitting, TimeIsUp, draw_paper, report
from kmemquest.quiz.exam_model import (
    Blueprint,
    Section,
    blueprint_files,
    blueprint_text,
    check_blueprint,
    exams_root,
    shipped_blueprints,
    supplies,
)
from kmemquest.quiz.exam_print import paper_html, paper_markdown
from kmemquest.quiz.generators import load_generators
from kmemquest.quiz.grade import MalformedAnswer
from kmemquest.quiz.presentation import key_text
from kmemquest.quiz.study import check_study, study_file, study_map

load_generators()
START = datetime(2026, 11, 1, 9, tzinfo=UTC)
KINDS = Bank(Path(__file__).parent / "every_kind")
ALL_KINDS = Blueprint(
    format_version=1,
    id="all-kinds",
    minutes=30,
    sections=[Section(count=9, difficulty=[1, 2, 3, 4, 5], generated=False, points=2)],
)


def sitting() -> Sitting:
    return Sitting(draw_paper(ALL_KINDS, KINDS, 5), KINDS, "en", START)


def test_four_blueprints_ship_and_can_be_met() -> None:
    assert len(shipped_blueprints()) >= 4
    for path in blueprint_files(exams_root()):
        assert check_blueprint(path, open_bank()) == []
    committed = exams_root().parent / "schema" / "exam-v1.json"
    assert committed.read_text(encoding="utf-8") == schema.render(schema.exam_schema())
    for blueprint in shipped_blueprints():
        english, chinese = (blueprint_text(blueprint, each) for each in LANGUAGES)
        assert english.title != chinese.title


@pytest.mark.parametrize("blueprint", shipped_blueprints(), ids=lambda blueprint: blueprint.id)
def test_draws_meet_their_blueprint_for_a_thousand_seeds(blueprint: Blueprint) -> None:
    bank = open_bank()
    allowed = [
        {(each.name, each.generated) for each in supplies(bank, section)}
        for section in blueprint.sections
    ]
    drawn = set()
    for seed in range(1000):
        paper = draw_paper(blueprint, bank, seed)
        assert len({slot.name for slot in paper.slots}) == len(paper.slots)
        for index, section in enumerate(blueprint.sections):
            slots = [slot for slot in paper.slots if slot.section == index]
            assert len(slots) == section.count
            for slot in slots:
                assert (slot.name, slot.seed > 0) in allowed[index]
                assert slot.difficulty in section.difficulty
                assert not section.topics or slot.topic in section.topics
                assert not section.kinds or slot.kind in section.kinds
                assert slot.points == section.points
        drawn.add(paper.slots)
    assert len(drawn) > 900


def test_a_seed_is_a_paper() -> None:
    blueprint = shipped_blueprints()[0]
    papers = [draw_paper(blueprint, open_bank(), seed) for seed in (7, 7, 8)]
    assert papers[0] == papers[1] != papers[2]
    for index in range(3):
        first, second = (paper.question(index, open_bank(), "en") for paper in papers[:2])
        assert first == second


def test_what_the_bank_lacks_is_refused_with_its_section() -> None:
    count = len(KINDS.entries) + 1
    greedy = Blueprint(
        format_version=1,
        id="greedy",
        minutes=5,
        sections=[Section(count=count, difficulty=[1, 2, 3, 4, 5], generated=False)],
    )
    with pytest.raises(CannotDraw, match="section 1"):
        draw_paper(greedy, KINDS, 1)


@pytest.mark.parametrize(
    ("old", "new", "fragment"),
    [
        ("count: 3,", "count: 60, kinds: [bug], topics: [gfp],", "there are"),
        ("difficulty: [1, 2]", "difficulty: [1, 9]", "found 9"),
        ("difficulty: [1, 2]", "difficulty: [1, 2], topics: [gpf]", "did you mean 'gfp'"),
        ("minutes: 8", "minutes: 0", "found 0"),
        ("id: quick-round", "id: other", "other"),
    ],
)
def test_broken_blueprints_are_told(tmp_path: Path, old: str, new: str, fragment: str) -> None:
    for path in exams_root().glob("quick-round*"):
        text = path.read_text(encoding="utf-8")
        if path.name == "quick-round.yaml":
            assert old in text
            text = text.replace(old, new, 1)
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    problems = check_blueprint(tmp_path / "quick-round.yaml", open_bank())
    assert any(fragment in str(problem) for problem in problems)


def test_right_answers_get_all_points_and_wrong_ones_none() -> None:
    sat = sitting()
    for index in range(len(sat.paper.slots)):
        question = settled(sat.question(index))
        text = question.options[0].code if question.kind == "code" else key_text(question)
        if question.kind in ("numeric", "bug"):
            text = str(question.number or question.bug_line)
        sat.answer(index, text, START)
    result = report(sat, START + timedelta(minutes=4))
    assert result.total.share == 1
    assert result.passed
    assert result.gaps == ()
    assert result.minutes == 4
    assert report(sitting(), START).total.reached == 0


def test_partial_credit_flags_and_changes() -> None:
    sat = sitting()
    index = next(n for n, slot in enumerate(sat.paper.slots) if slot.kind == "match")
    question = sat.question(index)
    letter = {option.id: "abcd"[n] for n, option in enumerate(question.options)}
    right = [letter[question.pairs[item]] for item, _text in question.items]
    unused = next(iter(set("abcd") - set(right)))
    sat.answer(index, " ".join([*right[:2], unused]), START)
    assert report(sat, START).total.reached == pytest.approx(2 * 2 / 3)
    assert sat.flag(index)
    assert index in sat.open_questions
    sat.answer(index, " ".join(right), START, seconds=5)
    assert not sat.flag(index)
    assert index not in sat.open_questions
    assert report(sat, START).total.reached == 2
    sat.clear(index)
    assert index in sat.open_questions


def test_malformed_answers_cost_nothing_and_time_ends() -> None:
    sat = sitting()
    with pytest.raises(MalformedAnswer):
        sat.answer(0, "?!", START)
    assert sat.grades == {}
    assert sat.seconds_left(START + timedelta(minutes=29)) == 60
    with pytest.raises(TimeIsUp):
        sat.answer(0, "a", START + timedelta(minutes=30))
    assert sat.seconds_left(START + timedelta(hours=3)) == 0


def test_the_report_names_gaps_beliefs_and_levels() -> None:
    blueprint = next(each for each in shipped_blueprints() if each.id == "class-test")
    sat = Sitting(draw_paper(blueprint, open_bank(), 3), open_bank(), "en", START)
    for index in range(len(sat.paper.slots)):
        question = sat.question(index)
        if question.kind == "single" and question.experiment is None:
            wanted = index % 2 == 0
            options = question.shown_options
            choice = next(
                n for n, o in enumerate(options) if (o.id in question.correct_ids) == wanted
            )
            sat.answer(index, "abcdefgh"[choice], START)
    result = report(sat, START)
    assert 0 < result.total.share < 1
    assert result.gaps
    assert sum(tally.possible for tally in result.by_topic.values()) == sat.paper.points
    assert sum(tally.possible for tally in result.by_difficulty.values()) == sat.paper.points
    for topic in result.gaps:
        assert study_map().advise(topic).levels
    assert result.as_json()["seed"] == 3


def test_the_study_map_names_levels_of_the_campaign() -> None:
    from kmemquest.level.library import Library

    levels = [entry.id for entry in Library.open().entries]
    assert check_study(study_file(), levels, topics(open_bank())) == []
    (problem, *_more) = check_study(study_file(), levels[:1], ["no-such-topic"])
    assert problem.line > 0


class _Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("spoken", LANGUAGES)
def test_papers_print_with_and_without_key(spoken: str) -> None:
    paper = draw_paper(ALL_KINDS, KINDS, 5)
    for make in (paper_markdown, paper_html):
        bare, full = (make(paper, KINDS, spoken, key=key) for key in (False, True))
        assert make(paper, KINDS, spoken, key=True) == full
        assert "k-numeric" in bare.replace("\\", "")
        assert "kmalloc_info" not in bare
        assert "kmalloc_info" in full.replace("\\", "")
        assert "ksize" not in bare, "the driver of this number would give it away"
        assert "buf[31] = 1" in bare
    assert language() == "en"
    balance = _Balance()
    balance.feed(paper_html(paper, KINDS, spoken, key=True))
    assert balance.open == []
