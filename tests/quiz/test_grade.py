"""Grading: full, partial and no credit; what cannot be read costs nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmemquest.quiz.grade import MalformedAnswer, grade, grade_choice
from kmemquest.quiz.question import Option, Question


def question(kind: str, correct: str, options: str = "abcd") -> Question:
    return Question(
        id="q",
        topic="t",
        kind=kind,
        difficulty=1,
        prompt="?",
        options=tuple(Option(f"o{o}", o, "why", o in correct) for o in options),
        explanation="because",
        sources=("mm/slub.c",),
    )


def number_question() -> Question:
    return Question(
        id="n",
        topic="t",
        kind="numeric",
        difficulty=1,
        prompt="?",
        options=(),
        explanation="because",
        sources=(),
        number=4096,
        unit="bytes",
        misconceptions=((4000, "thinks a page has 4000 bytes"),),
    )


def test_single_choice_is_all_or_nothing() -> None:
    assert grade(question("single", "b"), "b").passed
    assert grade(question("single", "b"), "a").score == 0
    assert grade(question("single", "b"), "ob").passed
    assert grade(question("single", "b"), "2").passed


@pytest.mark.parametrize(("answer", "score"), [("ab", 1.0), ("a", 0.5), ("abc", 0.5), ("cd", 0.0)])
def test_multiple_choice_gives_partial_credit(answer: str, score: float) -> None:
    assert grade(question("multiple", "ab"), answer).score == score


@pytest.mark.parametrize("answer", ["", "z", "ab", "o9"])
def test_unreadable_single_answers_cost_nothing(answer: str) -> None:
    with pytest.raises(MalformedAnswer):
        grade(question("single", "b"), answer)


@pytest.mark.parametrize("answer", ["4096", "4,096", "0x1000", " 4 096 "])
def test_numbers_are_read_as_people_type_them(answer: str) -> None:
    assert grade(number_question(), answer).passed


def test_a_wrong_number_names_the_belief_behind_it() -> None:
    result = grade(number_question(), "4000")
    assert not result.passed
    assert "4000" in result.remark


@given(
    st.sets(st.sampled_from(["oa", "ob", "oc", "od"]), min_size=1),
    st.sampled_from(["a", "bd", "abc"]),
)
def test_scores_lie_between_zero_and_one_and_are_full_only_for_the_key(
    chosen: set[str], correct: str
) -> None:
    result = grade_choice(question("multiple", correct), chosen)
    assert 0 <= result.score <= 1
    assert result.passed == (chosen == {f"o{letter}" for letter in correct})
