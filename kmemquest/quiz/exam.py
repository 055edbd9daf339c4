"""Mock interviews: a paper drawn by seed, sat against the clock, graded at the end.

The time is always handed in (aware datetimes); nothing here looks at a clock.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kmemquest.quiz.bank import Bank
from kmemquest.quiz.draw import shuffled
from kmemquest.quiz.exam_model import Blueprint, Section, Supply, supplies
from kmemquest.quiz.generator import generate
from kmemquest.quiz.grade import Grade, grade
from kmemquest.quiz.question import Question

MOST_SEED = 1_000_000


class CannotDraw(ValueError):
    """The bank lacks questions for a blueprint; tells for which section."""


class TimeIsUp(Exception):
    """The exam's time is over: no answer is taken any more."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One question of a paper, by reference. `seed` is 0 for a bank question.

    `section` counts from 0.
    """

    name: str
    seed: int
    section: int
    points: int
    topic: str
    difficulty: int
    kind: str


@dataclass(frozen=True, slots=True)
class Paper:
    """A drawn exam: the same blueprint, bank and seed always give the same one."""

    blueprint: Blueprint
    seed: int
    slots: tuple[Slot, ...]

    @property
    def points(self) -> int:
        """What can be reached."""
        return sum(slot.points for slot in self.slots)

    def question(self, index: int, bank: Bank, language: str) -> Question:
        """Return a question of the paper, its options in the paper's own order."""
        slot = self.slots[index]
        if slot.seed:
            return generate(slot.name, slot.seed, language)
        chance = random.Random(f"{self.seed}:{slot.name}")
        return shuffled(bank.question(slot.name, language), chance)


def draw_paper(blueprint: Blueprint, bank: Bank, seed: int) -> Paper:
    """Draw a paper: no bank question twice, no generator family twice. Generators must be loaded.

    Sections with the least to choose from draw first; questions keep the order of the sections.
    """
    chance = random.Random(f"{blueprint.id}:{seed}")
    choices = [supplies(bank, section) for section in blueprint.sections]
    order = sorted(range(len(choices)), key=lambda n: (_slack(blueprint, choices, n), n))
    taken: set[str] = set()
    drawn: dict[int, list[Slot]] = {}
    for index in order:
        section = blueprint.sections[index]
        drawn[index] = _draw_section(section, index, choices[index], taken, chance)
    slots = tuple(slot for index in range(len(choices)) for slot in drawn[index])
    return Paper(blueprint, seed, slots)


def _slack(blueprint: Blueprint, choices: list[list[Supply]], index: int) -> int:
    return len(choices[index]) - blueprint.sections[index].count


def _draw_section(
    section: Section,
    index: int,
    choices: list[Supply],
    taken: set[str],
    chance: random.Random,
) -> list[Slot]:
    pool = [each for each in choices if each.name not in taken]
    chance.shuffle(pool)
    slots = []
    for each in pool[: section.count]:
        taken.add(each.name)
        seed = chance.randrange(1, MOST_SEED) if each.generated else 0
        slots.append(
            Slot(each.name, seed, index, section.points, each.topic, each.difficulty, each.kind)
        )
    if len(slots) < section.count:
        raise CannotDraw(
            f"section {index + 1} needs {section.count} questions, {len(slots)} are left for it"
        )
    return slots


@dataclass(slots=True)
class Sitting:
    """An exam being sat. Answers may be changed and questions flagged until the time is up."""

    paper: Paper
    bank: Bank
    language: str
    started: datetime
    grades: dict[int, Grade] = field(default_factory=dict)
    flagged: set[int] = field(default_factory=set)
    spent: dict[int, float] = field(default_factory=dict)
    """Seconds spent on each question, as told by `answer`."""

    @property
    def ends(self) -> datetime:
        """When the time is up."""
        return self.started + timedelta(minutes=self.paper.blueprint.minutes)

    def seconds_left(self, now: datetime) -> int:
        """Return the whole seconds left, never below 0."""
        return max(0, int((self.ends - now).total_seconds()))

    def question(self, index: int) -> Question:
        """Return a question (counted from 0) in the sitting's language; no key is told."""
        return self.paper.question(index, self.bank, self.language)

    def answer(self, index: int, text: str, now: datetime, seconds: float = 0.0) -> None:
        """Take an answer, or change it. MalformedAnswer costs nothing; TimeIsUp ends it all."""
        if now >= self.ends:
            raise TimeIsUp
        self.grades[index] = grade(self.question(index), text)
        self.spent[index] = self.spent.get(index, 0.0) + seconds

    def clear(self, index: int) -> None:
        """Take an answer back."""
        self.grades.pop(index, None)

    def flag(self, index: int) -> bool:
        """Flag a question to return to, or remove its flag; returns whether it is flagged now."""
        self.flagged ^= {index}
        return index in self.flagged

    @property
    def open_questions(self) -> tuple[int, ...]:
        """What is unanswered or flagged, in the order of the paper."""
        return tuple(
            n for n in range(len(self.paper.slots)) if n not in self.grades or n in self.flagged
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """Points reached and possible."""

    reached: float
    possible: int

    @property
    def share(self) -> float:
        """The share reached, 0 to 1."""
        return self.reached / self.possible if self.possible else 0.0


@dataclass(frozen=True, slots=True)
class ExamReport:
    """How an exam went. `gaps` are topics below the mark, the worst first."""

    blueprint: str
    seed: int
    total: Tally
    passed: bool
    by_topic: Mapping[str, Tally]
    by_difficulty: Mapping[int, Tally]
    beliefs: tuple[str, ...]
    gaps: tuple[str, ...]
    gap_tags: Mapping[str, tuple[str, ...]]
    """For each topic the tags of what was missed in it, each once."""
    answered: int
    minutes: float

    def as_json(self) -> dict[str, object]:
        """Return plain values for `--json` and the save file."""

        def rows(tallies: Mapping[str, Tally] | Mapping[int, Tally]) -> dict[str, object]:
            return {
                str(name): {"reached": round(each.reached, 3), "possible": each.possible}
                for name, each in tallies.items()
            }

        return {
            "blueprint": self.blueprint,
            "seed": self.seed,
            "score": round(self.total.share, 4),
            "reached": round(self.total.reached, 3),
            "possible": self.total.possible,
            "passed": self.passed,
            "topics": rows(self.by_topic),
            "difficulties": rows(self.by_difficulty),
            "beliefs": list(self.beliefs),
            "gaps": list(self.gaps),
            "answered": self.answered,
            "minutes": round(self.minutes, 1),
        }


def report(sitting: Sitting, now: datetime) -> ExamReport:
    """Grade a sitting. Unanswered questions bring nothing; partial credit counts."""
    paper = sitting.paper
    topics: dict[str, list[tuple[float, int]]] = {}
    difficulties: dict[int, list[tuple[float, int]]] = {}
    beliefs: list[str] = []
    missed: dict[str, list[str]] = {}
    for index, slot in enumerate(paper.slots):
        given = sitting.grades.get(index)
        score = given.score if given is not None else 0.0
        row = (score * slot.points, slot.points)
        topics.setdefault(slot.topic, []).append(row)
        difficulties.setdefault(slot.difficulty, []).append(row)
        beliefs += given.beliefs if given is not None else ()
        if score < 1:
            missed.setdefault(slot.topic, []).extend(sitting.question(index).tags)
    by_topic = {name: _tally(rows) for name, rows in sorted(topics.items())}
    total = _tally([row for rows in topics.values() for row in rows])
    mark = paper.blueprint.pass_at
    gaps = sorted(
        (name for name, each in by_topic.items() if each.share < mark),
        key=lambda name: (by_topic[name].share, name),
    )
    return ExamReport(
        paper.blueprint.id,
        paper.seed,
        total,
        total.share >= mark,
        by_topic,
        {level: _tally(rows) for level, rows in sorted(difficulties.items())},
        tuple(dict.fromkeys(beliefs)),
        tuple(gaps),
        {topic: tuple(dict.fromkeys(tags)) for topic, tags in missed.items()},
        len(sitting.grades),
        min((now - sitting.started).total_seconds() / 60, paper.blueprint.minutes),
    )


def _tally(rows: list[tuple[float, int]]) -> Tally:
    return Tally(sum(reached for reached, _of in rows), sum(of for _reached, of in rows))
