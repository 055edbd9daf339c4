"""Review: deterministic scheduling, saved at once, undo, suspend, the way to an exam's date."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from kmemquest.i18n import set_language
from kmemquest.quiz.bank import Bank, open_bank
from kmemquest.quiz.generators import load_generators
from kmemquest.quiz.grade import grade
from kmemquest.quiz.review import AGAIN, EASY, GOOD, HARD, Review, note_outside, rating_for
from kmemquest.quiz.review_item import (
    ReviewItem,
    item_words,
    items_of,
    key_of,
    offered_beliefs,
    prediction_item,
    question_of,
)
from kmemquest.quiz.review_plan import NoExamDay, Settings, plan, read_exam_day
from kmemquest.quiz.review_state import (
    belief_states,
    cram,
    drill,
    forecast,
    retention,
    topic_states,
    weaknesses,
)
from kmemquest.store import Store

load_generators()
KINDS = Bank(Path(__file__).parent / "every_kind")
START = datetime(2026, 11, 1, 9, tzinfo=UTC)


def some_items(count: int = 30) -> list[ReviewItem]:
    return [ReviewItem(f"q:item-{n}", f"t{n % 3}", 1 + n % 5) for n in range(count)]


def review(items: list[ReviewItem] | None = None, store: Store | None = None) -> Review:
    return Review(store or Store.in_memory(), some_items() if items is None else items)


def test_every_question_family_and_prediction_is_an_item() -> None:
    items = items_of(open_bank(), [prediction_item("some-level", "levels", 2)])
    keys = [item.key for item in items]
    assert len(set(keys)) == len(keys)
    assert {key[:2] for key in keys} == {"q:", "g:", "p:"}
    for item in items:
        if not item.is_prediction:
            assert key_of(question_of(item, open_bank(), "en", 3)) == item.key


def test_scheduling_is_deterministic_and_saved_at_once(tmp_path: Path) -> None:
    states = []
    for name in ("one", "two"):
        path = tmp_path / name / "save.sqlite3"
        first = review(store=Store.open(path))
        for day, rating in enumerate((GOOD, GOOD, HARD, AGAIN, EASY)):
            moment = START + timedelta(days=day)
            first.rated("q:item-1", 1.0, moment, rating=rating)
        again = review(store=Store.open(path))
        assert again.record("q:item-1") == first.record("q:item-1")
        assert again.store.review.grades == first.store.review.grades
        states.append((again.record("q:item-1"), again.store.review.grades))
    assert states[0] == states[1]


def test_better_ratings_come_back_later() -> None:
    state = review()
    state.rated("q:item-1", 1.0, START, rating=GOOD)
    moment = START + timedelta(days=3)
    dues = state.previews("q:item-1", moment)
    assert dues[AGAIN] < dues[HARD] < dues[GOOD] < dues[EASY]
    assert state.recall("q:item-1", moment) < state.recall("q:item-1", START) <= 1
    assert state.recall("q:item-2", moment) == 0


def test_undo_takes_the_last_grade_back_even_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "save.sqlite3"
    state = review(store=Store.open(path))
    state.rated("q:item-1", 1.0, START, rating=GOOD)
    before = state.record("q:item-1")
    state.rated("q:item-1", 0.0, START + timedelta(days=1), rating=AGAIN)
    assert state.undo() == "q:item-1"
    for each in (state, review(store=Store.open(path))):
        assert each.record("q:item-1") == before
        assert len(each.store.review.grades) == 1
    assert state.undo() == "q:item-1"
    assert state.due("q:item-1") is None
    assert state.undo() is None


def test_suspended_items_are_not_asked() -> None:
    state = review()
    state.suspend("q:item-0")
    today = plan(state, START, Settings(cap=99, new_per_day=99))
    assert "q:item-0" not in today.queue
    assert len(today.queue) == 29
    state.suspend("q:item-0", suspended=False)
    assert "q:item-0" in plan(state, START, Settings(cap=99, new_per_day=99)).queue


def test_an_edited_question_keeps_its_history_unless_it_changed_materially() -> None:
    store = Store.in_memory()
    review(store=store).rated("q:item-1", 1.0, START, rating=GOOD)
    card = review(store=store).record("q:item-1").card
    assert card
    edited = [ReviewItem("q:item-1", "another-topic", 5)]
    assert Review(store, edited).record("q:item-1").card == card
    changed = [ReviewItem("q:item-1", "t1", 2, revision=2)]
    fresh = Review(store, changed)
    assert fresh.record("q:item-1").card == ""
    assert fresh.record("q:item-1").revision == 2
    assert len(store.review.grades) == 1


def test_a_removed_question_leaves_no_orphan(tmp_path: Path) -> None:
    from kmemquest.store import QuizAnswer

    path = tmp_path / "save.sqlite3"
    store = Store.open(path)
    state = review(store=store)
    for name in ("item-1", "item-2"):
        state.rated(f"q:{name}", 1.0, START, rating=GOOD)
        store.record_quiz(QuizAnswer(name, "t", ("a",), True))
    store.record_quiz(QuizAnswer("family#3", "t", ("a",), True))
    state.suspend("q:item-2")
    left = [item for item in some_items() if item.key != "q:item-2"]
    Review(store, left)
    for each in (store, Store.open(path)):
        assert set(each.review.cards) == {"q:item-1"}
        assert {grade.item for grade in each.review.grades} == {"q:item-1"}
        assert set(each.questions()) == {"item-1", "family#3"}


def test_predictions_are_kept_when_the_levels_are_not_known() -> None:
    store = Store.in_memory()
    levels = [prediction_item("a-level", "levels", 1)]
    Review(store, levels).rated("p:a-level", 1.0, START, rating=GOOD)
    Review(store, some_items())
    assert "p:a-level" in store.review.cards
    Review(store, [prediction_item("other", "levels", 1)])
    assert "p:a-level" not in store.review.cards


def test_the_cap_and_the_quota_of_new_items_hold() -> None:
    state = review()
    settings = Settings(cap=8, new_per_day=5)
    for day in range(12):
        moment = START + timedelta(days=day)
        today = plan(state, moment, settings)
        assert len(today.queue) <= 8
        assert len(today.new) <= 5
        assert not today.over_cap
        for key in today.queue:
            state.rated(key, 1.0, moment, rating=GOOD)
        assert plan(state, moment, settings).done_today == len(today.queue)
        assert len(plan(state, moment, settings).new) == 0 or len(today.new) < 5


@hypothesis_settings(max_examples=20, deadline=None)
@given(st.integers(1, 30), st.integers(5, 60), st.lists(st.booleans(), min_size=1, max_size=9))
def test_everything_is_seen_before_an_exam(days: int, count: int, outcomes: list[bool]) -> None:
    state = review(some_items(count))
    exam = START.date() + timedelta(days=days)
    settings = Settings(cap=3, new_per_day=1, exam=exam)
    asked = 0
    for day in range(days):
        moment = START + timedelta(days=day)
        for key in plan(state, moment, settings).queue:
            rating = GOOD if outcomes[asked % len(outcomes)] else AGAIN
            state.rated(key, float(rating == GOOD), moment, rating=rating)
            asked += 1
    assert len(state.store.review.cards) == count
    last = {grade.item: grade.at for grade in state.store.review.grades}
    earliest = datetime.fromtimestamp(min(last.values()), UTC).date()
    assert earliest >= max(START.date(), exam - timedelta(days=8 + days // 3))


def test_the_exam_date_pulls_far_items_into_the_last_week() -> None:
    state = review()
    for key in state.items:
        for day in range(0, 9, 2):
            state.rated(key, 1.0, START + timedelta(days=day), rating=EASY)
    exam = START.date() + timedelta(days=30)
    ahead = forecast(state, START + timedelta(days=9), Settings(exam=exam), 60)
    assert sum(ahead[:21]) == len(state.items)
    assert sum(forecast(state, START + timedelta(days=9), Settings(), 21)) < len(state.items)
    assert sum(count > 0 for count in ahead[14:21]) >= 5


def test_cram_moves_no_schedule_and_takes_the_worst_known() -> None:
    state = review()
    state.rated("q:item-3", 0.0, START, rating=AGAIN)
    state.rated("q:item-4", 1.0, START, rating=EASY)
    later = START + timedelta(days=4)
    assert cram(state, later, 10, seed=1) == cram(state, later, 10, seed=1)
    everything = cram(state, later, 99, seed=1)
    assert everything.index("q:item-3") < len(everything)
    assert everything[-1] == "q:item-4"
    assert set(cram(state, later, 99, 1, ["t0"])) == {
        k for k, i in state.items.items() if i.topic == "t0"
    }
    question = KINDS.question("k-numeric", "en")
    state = Review(Store.in_memory(), [ReviewItem("q:k-numeric", "kinds", 2)])
    state.answered("q:k-numeric", grade(question, "100"), START, cram=True)
    assert state.due("q:k-numeric") is None
    assert [b.belief for b in belief_states(state.store.review.grades)] == ["kmalloc-exact"]


def test_beliefs_are_tracked_across_questions_until_resisted_twice() -> None:
    items = items_of(KINDS)
    state = Review(Store.in_memory(), items)
    state.answered(
        "q:k-code", grade(KINDS.question("k-code", "en"), "kmalloc(64, GFP_KERNEL)"), START
    )
    (held,) = belief_states(state.store.review.grades)
    assert (held.belief, held.held, held.overcome) == ("gfp-kernel-everywhere", 1, False)
    keys = drill(KINDS, ["gfp-kernel-everywhere"])
    assert {"q:k-code", "q:k-multiple"} <= set(keys)
    right = grade(KINDS.question("k-multiple", "en"), "a b")
    state.answered("q:k-multiple", right, START)
    note_outside(state.store, right, START)
    (held,) = belief_states(state.store.review.grades)
    assert held.overcome


def test_states_for_reports() -> None:
    state = review()
    for n in range(6):
        state.rated(f"q:item-{n}", float(n > 1), START, rating=rating_for(float(n > 1)))
        state.rated(f"q:item-{n}", 1.0, START + timedelta(days=3), rating=GOOD)
    now = START + timedelta(days=4)
    topics = topic_states(state, now, Settings())
    assert [each.topic for each in topics] == ["t0", "t1", "t2"]
    assert sum(each.seen for each in topics) == 6
    assert [each.key for each in weaknesses(state, now)] == ["q:item-0", "q:item-1"]
    days = retention(state.store.review.grades, now, 5)
    assert [each.grades for each in days] == [6, 0, 0, 6, 0]
    assert (days[0].known, days[3].known, days[3].recalled) == (0, 6, 6)
    assert 0.5 < days[3].foretold <= 1
    assert days[1].foretold == -1
    assert sum(forecast(state, now, Settings(), 365)) == 6


def test_settings_survive_and_nonsense_is_the_default() -> None:
    store = Store.in_memory()
    wanted = Settings(12, 3, date(2026, 12, 24))
    wanted.save(store)
    assert Settings.of(store) == wanted
    store.set("review-cap", "-4")
    store.set("review-exam-date", "soon")
    assert Settings.of(store) == Settings(new_per_day=3)


@pytest.mark.parametrize("card", ["{", "[]", '{"card_id": 1}', "nonsense"])
def test_an_unreadable_card_is_forgotten_not_fatal(card: str) -> None:
    from kmemquest.store import ReviewCard

    store = Store.in_memory()
    store.review.put(ReviewCard("q:item-1", "t1", 1, card))
    state = review(store=store)
    assert state.due("q:item-1") is None
    state.rated("q:item-1", 1.0, START, rating=GOOD)
    assert state.due("q:item-1") is not None


def test_generated_wrong_options_are_beliefs() -> None:
    from kmemquest.quiz.generator import generate

    question = generate("kmalloc-cache", 5)
    wrong = next(n for n, option in enumerate(question.options) if not option.correct)
    result = grade(question, "abcd"[wrong])
    assert result.beliefs == (question.options[wrong].id,)
    assert len(offered_beliefs(question)) == 3


# --- what lists and settings say ------------------------------------------------------------


def test_shares_are_unknown_until_review_itself_has_asked() -> None:
    items = items_of(KINDS)
    desk = review(items)
    result = grade(KINDS.question("k-single", "en"), "a")
    note_outside(desk.store, result, START)
    (kinds,) = [s for s in topic_states(desk, START, Settings()) if s.topic == "kinds"]
    assert (kinds.seen, kinds.right, kinds.recall) == (0, None, None)
    desk.rated("q:k-single", 0.5, START, rating=HARD)
    (kinds,) = [s for s in topic_states(desk, START, Settings()) if s.topic == "kinds"]
    assert (kinds.seen, kinds.right) == (1, 0.5), "answers elsewhere are no answers of review"
    assert kinds.recall is not None
    assert kinds.recall > 0.9


@pytest.mark.parametrize("text", ["2026-11-01", "2020-01-01", "soon", "2026-13-01", "tomorrow"])
def test_an_exam_lies_ahead(text: str) -> None:
    with pytest.raises(NoExamDay, match="2026"):
        read_exam_day(text, START.date())


def test_exam_days_are_read_in_either_language() -> None:
    assert read_exam_day(" 2026-11-02 ", START.date()) == date(2026, 11, 2)
    for spoken, word in (("en", "None"), ("zh_CN", "none"), ("zh_CN", "无"), ("en", "")):
        set_language(spoken)
        try:
            assert read_exam_day(word, START.date()) is None
        finally:
            set_language("en")


def test_items_are_listed_by_what_they_ask() -> None:
    items = {item.key: item for item in items_of(KINDS)}
    court = KINDS.question("k-court", "en")
    assert item_words(items["q:k-court"], KINDS, "en") == " ".join(court.claim.split())
    assert item_words(items["q:k-single"], KINDS, "zh_CN") == " ".join(
        KINDS.question("k-single", "zh_CN").prompt.split()
    )
    family = items["g:reserve-depth"]
    assert "watermark" in item_words(family, KINDS, "en", 7)
    with pytest.raises(KeyError):
        item_words(prediction_item("some-level", "levels", 2), KINDS, "en")
