"""Exchange: a real Anki collection, GIFT out and in, CSV."""

import csv
import io
from contextlib import suppress
from pathlib import Path

import pytest
from anki.collection import Collection, ImportAnkiPackageOptions, ImportAnkiPackageRequest
from hypothesis import given
from hypothesis import strategies as st

from kmemquest.content.problem import ProblemsFound
from kmemquest.i18n import LANGUAGES
from kmemquest.quiz.anki import FIELDS, AnkiNote, anki_notes, write_anki
from kmemquest.quiz.answer_key import settled
from kmemquest.quiz.bank import Bank, open_bank
from kmemquest.quiz.generator import GENERATORS
from kmemquest.quiz.generators import load_generators
from kmemquest.quiz.gift import prompt_lines_without_items, write_gift
from kmemquest.quiz.gift_read import as_yaml, read_gift
from kmemquest.quiz.results_csv import exams_csv, grades_csv
from kmemquest.store import ExamResult, ReviewGrade

load_generators()
KINDS = Bank(Path(__file__).parent / "every_kind")


def notes() -> list[AnkiNote]:
    return anki_notes(KINDS, LANGUAGES) + anki_notes(
        open_bank(), ("zh_CN",), topics=("classic-thirty",)
    )


def bring(collection: Collection, package: Path) -> tuple[int, int]:
    """Import a package; returns how many notes were new and how many were updated."""
    options = ImportAnkiPackageOptions(with_scheduling=True, merge_notetypes=True)
    request = ImportAnkiPackageRequest(package_path=str(package), options=options)
    log = collection.import_anki_package(request).log
    return len(log.new), len(log.updated)


def test_a_real_anki_collection_takes_everything(tmp_path: Path) -> None:
    made = notes()
    package = tmp_path / "kmemquest.apkg"
    assert write_anki(made, package) == len(made) == len(LANGUAGES) * len(KINDS.entries) + 30
    collection = Collection(str(tmp_path / "collection.anki2"))
    try:
        assert bring(collection, package) == (len(made), 0)
        assert collection.note_count() == collection.card_count() == len(made)
        by_id = {(note.fields[0], note.guid_of[1]): note for note in made}
        decks = {deck.id: deck.name for deck in collection.decks.all_names_and_ids()}
        for number in collection.find_notes(""):
            note = collection.get_note(number)
            assert tuple(note.keys()) == FIELDS
            spoken = next(tag for tag in note.tags if tag.startswith("language::"))
            wanted = by_id[note["Id"], spoken.removeprefix("language::")]
            assert tuple(note.fields) == wanted.fields
            assert sorted(note.tags) == sorted(wanted.tags)
            (card,) = note.cards()
            assert decks[card.did] == wanted.deck
    finally:
        collection.close()


def test_a_second_import_keeps_scheduling_and_brings_new_words(tmp_path: Path) -> None:
    package = tmp_path / "kmemquest.apkg"
    made = notes()
    write_anki(made, package)
    collection = Collection(str(tmp_path / "collection.anki2"))
    try:
        bring(collection, package)
        numbers = sorted(collection.find_cards(""))
        for days, number in enumerate(numbers, 3):
            collection.sched.set_due_date([number], str(days))
        before = {
            n: (c.due, c.ivl, c.type, c.nid) for n in numbers for c in [collection.get_card(n)]
        }
        assert len({state[0] for state in before.values()}) == len(numbers)
        edited = [
            AnkiNote(
                n.deck, n.guid_of, (*n.fields[:5], n.fields[5] + " (edited)", n.fields[6]), n.tags
            )
            for n in made
        ]
        write_anki(edited, package)
        new, _updated = bring(collection, package)
        assert new == 0
        assert sorted(collection.find_cards("")) == numbers
        for number, state in before.items():
            card = collection.get_card(number)
            assert (card.due, card.ivl, card.type, card.nid) == state
    finally:
        collection.close()


def test_generated_questions_are_exported_by_seed() -> None:
    made = anki_notes(KINDS, ("en",), topics=["slab"], generated=2)
    families = [name for name in GENERATORS if GENERATORS[name].topic == "slab"]
    assert {note.fields[0] for note in made} == {f"{n}#{seed}" for n in families for seed in (1, 2)}


# --- GIFT ---------------------------------------------------------------------------------


def test_gift_lists_what_it_drops_and_comes_back() -> None:
    questions = [KINDS.question(entry.id, "en") for entry in KINDS.entries]
    text, dropped = write_gift(questions)
    gone = {each.question for each in dropped if "kind" in each.what}
    assert gone == {"k-order", "k-code", "k-bug"}
    imported = read_gift(text)
    by_id = {entry["id"]: entry for entry in imported.questions}
    assert set(by_id) == {"k-single", "k-proven", "k-multiple", "k-log", "k-court", "k-match"}
    assert any(each.question == "k-numeric" for each in imported.dropped)
    for name in ("k-single", "k-proven", "k-multiple", "k-log", "k-court"):
        question = settled(KINDS.question(name, "en"))
        right = [f"option-{n}" for n, o in enumerate(question.options, 1) if o.correct]
        assert by_id[name]["correct"] == right
        assert by_id[name]["difficulty"] == question.difficulty
        words = imported.words[name]["options"]
        assert [words[o]["text"] for o in by_id[name]["options"]] == [
            o.text for o in question.options
        ]
        assert [words[o]["feedback"] for o in words] == [o.feedback for o in question.options]


@pytest.mark.parametrize("spoken", LANGUAGES)
def test_the_shipped_bank_survives_gift(spoken: str, tmp_path: Path) -> None:
    questions = [open_bank().question(f"thirty-{n:02}", spoken) for n in range(1, 31)]
    imported = read_gift(write_gift(questions)[0])
    assert [entry["id"] for entry in imported.questions] == [q.id for q in questions]
    structure, words = as_yaml(imported, "again", spoken)
    (tmp_path / "again.yaml").write_text(structure, encoding="utf-8")
    (tmp_path / f"again.{spoken}.yaml").write_text(words, encoding="utf-8")
    again = Bank(tmp_path)
    for question in questions:
        back = again.question(question.id, spoken)
        assert [o.text for o in back.options] == [o.text for o in question.options]
        assert [o.correct for o in back.options] == [o.correct for o in question.options]
        assert back.prompt == "\n".join(prompt_lines_without_items(question))
        assert back.explanation == question.explanation


@pytest.mark.parametrize(
    ("text", "kept", "dropped"),
    [
        ("::Q1:: Two plus two? {=4 #yes ~5 #no}", 1, "no source"),
        ("Is it so? {T}", 1, "feedback"),
        ("Is it so? {FALSE#why}", 1, "feedback"),
        ("How many? {#42:1}", 0, "typed number"),
        ("Write. {}", 0, "essay"),
        ("Just text", 0, "description"),
        ("Type it. {=a =b}", 0, "short answer"),
        ("Match. {=a -> 1 =b -> 2}", 1, "match has no feedback"),
        ("The {=right ~wrong} word", 1, "no source"),
        (r"Escaped \{ \} \: {=x\=1#good ~y\~2#bad}", 1, "source"),
    ],
)
def test_gift_of_others(text: str, kept: int, dropped: str) -> None:
    imported = read_gift(text)
    assert len(imported.questions) == kept
    assert any(dropped in str(each) for each in imported.dropped)
    if text.startswith("The"):
        assert imported.words["line-1"]["prompt"] == "The _____ word"
    if "Escaped" in text:
        (words,) = imported.words.values()
        assert words["prompt"] == "Escaped { } :"
        assert [o["text"] for o in words["options"].values()] == ["x=1", "y~2"]


@given(st.text(alphabet="{}=~#:\\%-> ab\n1", max_size=80))
def test_no_gift_text_crashes_the_reader(text: str) -> None:
    with suppress(ProblemsFound):
        imported = read_gift(text)
        assert len(imported.words) == len(imported.questions)


def test_a_huge_gift_text_is_refused() -> None:
    with pytest.raises(ProblemsFound):
        read_gift("x" * (2 << 20))


def test_ids_that_are_spoken_for_get_the_topic() -> None:
    text = "::thirty-01:: Two? {=2 ~3}\n\n::mine:: Four? {=4 ~5}"
    imported = read_gift(text, "class.gift", "my-class", {"thirty-01"})
    assert [entry["id"] for entry in imported.questions] == ["my-class-thirty-01", "mine"]
    taken = {"thirty-01", "my-class-thirty-01"}
    again = read_gift(text, "class.gift", "my-class", taken)
    assert again.questions[0]["id"] == "my-class-thirty-01-2"


def test_what_a_topic_cannot_hold_is_counted_not_listed() -> None:
    text = "\n\n".join(f"::q{n}:: Is it {n}? {{=yes#y ~no#n####so}}" for n in range(230))
    imported = read_gift(text)
    assert (len(imported.questions), imported.left_out) == (200, 30)
    assert not any("more than" in each.what for each in imported.dropped)


# --- CSV ----------------------------------------------------------------------------------


def test_results_as_csv() -> None:
    grades = [
        ReviewGrade(0.0, "q:a", "=cmd()", 0.5, 2, ("b1", "b2"), (), "", 0.75),
        ReviewGrade(86400.0, "g:b", "slab", 1.0, 3),
    ]
    rows = list(csv.DictReader(io.StringIO(grades_csv(grades))))
    assert rows[0]["at"] == "1970-01-01T00:00:00Z"
    assert rows[0]["topic"] == "'=cmd()"
    assert (rows[0]["score"], rows[0]["beliefs"]) == ("0.500", "b1 b2")
    assert rows[1]["recall_foretold"] == ""
    exams = list(csv.DictReader(io.StringIO(exams_csv([ExamResult(0.0, "x", 7, 0.25, "{}")]))))
    assert exams == [
        {"at": "1970-01-01T00:00:00Z", "blueprint": "x", "seed": "7", "score": "0.250"}
    ]
