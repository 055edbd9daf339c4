"""Read a level with its texts: every mistake at once, each with file, line, column and mending."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec

from kmemquest.content.problem import Problem, ProblemsFound, did_you_mean
from kmemquest.content.safe_yaml import Document, YamlPath, read_yaml
from kmemquest.content.shape import mistakes
from kmemquest.i18n import LANGUAGES, language
from kmemquest.kernel.spec import GIB, check_spec
from kmemquest.level.model import LevelFile, LevelText, to_bytes
from kmemquest.level.predicate import Predicate, parse_predicate
from kmemquest.level.probes import Probe, parse_probe
from kmemquest.level.source import Fragment, duplicates, fragments, slots_in

MAX_RAM: Final = 64 * GIB
"""A level's map of page frames is shown whole: one byte per frame and keyframe."""

RUNS_TO_THE_END: Final = "survives"
"""Id of the goal that every level has without saying so."""


@dataclass(frozen=True)
class NamedPredicate:
    """A goal, a thing forbidden or a star: its id and its predicate."""

    id: str
    predicate: Predicate


@dataclass(frozen=True)
class Level:
    """A level ready to be played."""

    path: Path
    file: LevelFile
    texts: Mapping[str, LevelText]
    goals: tuple[NamedPredicate, ...]
    stars: tuple[NamedPredicate, NamedPredicate]
    probe: Probe
    slot_probes: Mapping[str, Probe]
    digest: str
    """SHA-256 of the level file: part of a play's identity."""
    document: Document = field(repr=False)

    @property
    def id(self) -> str:
        """The level's stable name."""
        return self.file.id

    def text(self, lang: str | None = None) -> LevelText:
        """Return the texts in a language (the one in force), else in English."""
        return self.texts.get(lang or language()) or self.texts["en"]

    def option_label(self, slot: str, option: str, lang: str | None = None) -> str:
        """Return an option as the player reads it: its label, else its C text."""
        label = self.text(lang).options.get(slot, {}).get(option)
        return label or self.file.slots[slot].options[option]

    def hint_text(self, index: int, lang: str | None = None) -> str:
        """Return the text of a hint, 0..2."""
        return self.text(lang).hints[index]

    def hints_open(self, attempts: int, failed: tuple[str, ...] = ()) -> tuple[int, ...]:
        """Return which hints (0..2) are open after so many failed attempts at these goals."""
        return tuple(
            index
            for index, hint in enumerate(self.file.hints)
            if (hint.on in failed if hint.on is not None else attempts >= hint.after)
        )

    @cached_property
    def lines(self) -> tuple[tuple[Fragment, ...], ...]:
        """The driver's lines as fragments, open slots kept apart."""
        return fragments(self.file.driver)

    @cached_property
    def watched_globals(self) -> tuple[str, ...]:
        """Globals whose final values goals and stars need."""
        needed: dict[str, None] = {}
        for named in (*self.goals, *self.stars):
            needed.update(dict.fromkeys(named.predicate.watched()))
        return tuple(needed)


def load_level(path: Path, name: str | None = None) -> Level:
    """Load a level and its texts; ProblemsFound holds every mistake of all its files."""
    file = name or str(path)
    document = read_yaml(path, file)
    problems = mistakes(document, (), document.data, LevelFile)
    if problems:
        # Deeper checks would only repeat what a wrong shape already says; texts are told anyway.
        texts, text_problems = _load_texts(path, file, None)
        raise ProblemsFound([*problems, *text_problems])
    model = msgspec.convert(document.data, LevelFile)
    reader = _Reader(document, model, path)
    reader.check_all()
    texts, text_problems = _load_texts(path, file, model)
    if reader.problems or text_problems:
        raise ProblemsFound([*reader.problems, *text_problems])
    assert reader.stars is not None
    assert reader.probe is not None
    return Level(
        path,
        model,
        texts,
        tuple(reader.goals),
        reader.stars,
        reader.probe,
        reader.slot_probes,
        hashlib.sha256(path.read_bytes()).hexdigest(),
        document,
    )


def text_path(level: Path, lang: str) -> Path:
    """Return where the texts of a level lie: `<id>.<lang>.yaml` beside it."""
    return level.with_name(f"{level.stem}.{lang}.yaml")


def _load_texts(
    path: Path, file: str, model: LevelFile | None
) -> tuple[dict[str, LevelText], list[Problem]]:
    texts: dict[str, LevelText] = {}
    problems: list[Problem] = []
    for lang in LANGUAGES:
        where = text_path(path, lang)
        shown = str(Path(file).with_name(where.name))
        if not where.is_file():
            hint = f"write {where.name} beside the level"
            problems.append(Problem(shown, 0, 0, f"the text file for {lang} is missing", hint))
            continue
        try:
            document = read_yaml(where, shown)
        except ProblemsFound as found:
            problems += found.problems
            continue
        mine = mistakes(document, (), document.data, LevelText)
        if not mine:
            text = msgspec.convert(document.data, LevelText)
            mine = _check_text(document, text, model) if model is not None else []
            texts[lang] = text
        problems += mine
    return texts, problems


def _check_text(document: Document, text: LevelText, model: LevelFile) -> list[Problem]:
    problems = []
    if len(text.wrong) != len(model.wrong):
        message = f"the level has {len(model.wrong)} wrong answers, this file {len(text.wrong)}"
        problems.append(document.problem(("wrong",), message, "write one explanation for each"))
    for slot, labels in text.options.items():
        if slot not in model.slots:
            hint = did_you_mean(slot, model.slots)
            problems.append(
                document.problem(("options", slot), f"unknown slot {slot!r}", hint, key=True)
            )
            continue
        for option in labels:
            if option not in model.slots[slot].options:
                hint = did_you_mean(option, model.slots[slot].options)
                message = f"slot {slot!r} has no option {option!r}"
                problems.append(
                    document.problem(("options", slot, option), message, hint, key=True)
                )
    return problems


class _Reader:
    """Everything that the shape of the file cannot say."""

    def __init__(self, document: Document, model: LevelFile, path: Path) -> None:
        self.document = document
        self.model = model
        self.path = path
        self.problems: list[Problem] = []
        self.goals: list[NamedPredicate] = []
        self.stars: tuple[NamedPredicate, NamedPredicate] | None = None
        self.probe: Probe | None = None
        self.slot_probes: dict[str, Probe] = {}

    def check_all(self) -> None:
        """Run every check; problems are collected."""
        if self.model.id != self.path.stem:
            self._wrong(("id",), f"the id must be the file's name, {self.path.stem!r}")
        self._check_machine()
        self._check_slots()
        self._check_script()
        self._read_goals()
        self._read_predictions()
        self._check_answers()
        self._check_hints()

    def _wrong(self, path: YamlPath, message: str, hint: str = "", *, key: bool = False) -> None:
        self.problems.append(self.document.problem(path, message, hint, key=key))

    def _goal_ids(self) -> list[str]:
        return [g.id for g in self.model.goals] + [f.id for f in self.model.forbid]

    def _check_machine(self) -> None:
        machine = self.model.machine
        sizes: list[tuple[YamlPath, Any]] = [
            (("machine", "ram"), machine.ram),
            (("machine", "page_cache"), machine.page_cache),
        ]
        for index, region in enumerate(machine.map):
            sizes += [
                (("machine", "map", index, "base"), region.base),
                (("machine", "map", index, "size"), region.size),
            ]
        for index, process in enumerate(machine.processes):
            sizes.append((("machine", "processes", index, "resident"), process.resident))
        sound = True
        for path, size in sizes:
            try:
                to_bytes(size)
            except ValueError as error:
                self._wrong(path, str(error))
                sound = False
        try:
            machine.checker_set()
        except ValueError as error:
            self._wrong(("machine", "checkers"), str(error))
            sound = False
        if not sound:
            return
        try:
            check_spec(machine.spec())
        except ValueError as error:
            self._wrong(("machine",), str(error))
        if to_bytes(machine.ram) > MAX_RAM:
            self._wrong(("machine", "ram"), f"a level's machine has at most {MAX_RAM // GIB}G")

    def _check_slots(self) -> None:
        slots = self.model.slots
        marked = slots_in(self.model.driver)
        for name in duplicates(marked):
            self._wrong(("driver",), f"the marker /*@slot {name}*/ is there twice")
        for name in marked:
            if name not in slots:
                hint = did_you_mean(name, slots)
                self._wrong(("driver",), f"the marker /*@slot {name}*/ names no slot", hint)
        for name, slot in slots.items():
            if slot.kind != "predict" and name not in marked:
                hint = f"write /*@slot {name}*/ where the answer goes"
                self._wrong(
                    ("slots", name), f"the driver has no marker for {name!r}", hint, key=True
                )
            if slot.kind == "predict" and slot.probe is None:
                self._wrong(("slots", name), "a predict slot needs a probe", "add probe:", key=True)
            for option, text in slot.options.items():
                if "/*@slot" in text:
                    self._wrong(("slots", name, "options", option), "an option holds a marker")

    def _check_script(self) -> None:
        from kmemquest.level.script_words import check_step

        for index, step in enumerate(self.model.script):
            message = check_step(step)
            if message:
                self._wrong(("script", index), message)

    def _read_goals(self) -> None:
        model = self.model
        ids = self._goal_ids()
        for twice in duplicates(ids):
            self._wrong(("goals",), f"the goal id {twice!r} is there twice")
        if RUNS_TO_THE_END in ids:
            self._wrong(
                ("goals",), f"the id {RUNS_TO_THE_END!r} belongs to the goal of every level"
            )
        for index, goal in enumerate(model.goals):
            self._read_goal(goal.id, goal.require, ("goals", index, "require"))
        for index, forbid in enumerate(model.forbid):
            self._read_forbid(forbid.id, forbid.never, ("forbid", index, "never"))
        from kmemquest.level.goals_run import SurvivesToTheEnd

        self.goals.append(NamedPredicate(RUNS_TO_THE_END, SurvivesToTheEnd(init_may_fail=True)))
        stars = []
        for name, data in (("two", model.stars.two), ("three", model.stars.three)):
            parsed = parse_predicate(data, self.document, ("stars", name))
            self.problems += parsed.problems
            if parsed.value is not None:
                stars.append(NamedPredicate(name, parsed.value))
        if len(stars) == 2:
            self.stars = (stars[0], stars[1])

    def _read_goal(self, goal_id: str, data: str | dict[str, Any], path: YamlPath) -> None:
        parsed = parse_predicate(data, self.document, path)
        self.problems += parsed.problems
        if parsed.value is not None:
            self.goals.append(NamedPredicate(goal_id, parsed.value))

    def _read_forbid(self, goal_id: str, data: str | dict[str, Any], path: YamlPath) -> None:
        from kmemquest.level.goals_run import Never
        from kmemquest.level.reports import known_words

        if isinstance(data, str):
            if data not in known_words():
                hint = did_you_mean(data, known_words())
                self._wrong(path, f"{data!r} is nothing that can be forbidden", hint)
                return
            self.goals.append(NamedPredicate(goal_id, Never(data)))
        else:
            self._read_goal(goal_id, data, path)

    def _read_predictions(self) -> None:
        slots = self.model.slots
        parsed = parse_probe(self.model.predict.ask, self.document, ("predict", "ask"), slots)
        self.problems += parsed.problems
        self.probe = parsed.value
        for name, slot in slots.items():
            if slot.probe is not None:
                found = parse_probe(slot.probe, self.document, ("slots", name, "probe"), slots)
                self.problems += found.problems
                if found.value is not None:
                    self.slot_probes[name] = found.value

    def _check_answers(self) -> None:
        self._check_answer_set(self.model.solution, ("solution",), whole=True)
        known = [*self._goal_ids(), RUNS_TO_THE_END]
        for index, wrong in enumerate(self.model.wrong):
            self._check_answer_set(wrong.answers, ("wrong", index, "answers"), whole=False)
            if wrong.fails not in known:
                hint = did_you_mean(wrong.fails, known)
                self._wrong(("wrong", index, "fails"), f"no goal is called {wrong.fails!r}", hint)
        sets = [sorted(wrong.answers.items()) for wrong in self.model.wrong]
        for index, answers in enumerate(sets):
            if answers in sets[:index]:
                self._wrong(("wrong", index), "the same answers are declared wrong twice")
            if answers == sorted(self.model.solution.items()):
                self._wrong(("wrong", index), "this is the solution")

    def _check_answer_set(self, answers: Mapping[str, str], path: YamlPath, *, whole: bool) -> None:
        slots = self.model.slots
        for name, answer in answers.items():
            if name not in slots:
                hint = did_you_mean(name, slots)
                self._wrong((*path, name), f"unknown slot {name!r}", hint, key=True)
            elif slots[name].kind in ("choice", "predict") and answer not in slots[name].options:
                hint = did_you_mean(answer, slots[name].options)
                self._wrong((*path, name), f"slot {name!r} has no option {answer!r}", hint)
        for name in slots if whole else ():
            if name not in answers:
                self._wrong(path, f"the solution leaves slot {name!r} open")

    def _check_hints(self) -> None:
        known = [*self._goal_ids(), RUNS_TO_THE_END]
        for index, hint in enumerate(self.model.hints):
            if hint.on is not None and hint.on not in known:
                near = did_you_mean(hint.on, known)
                self._wrong(("hints", index, "on"), f"no goal is called {hint.on!r}", near)
            if hint.on is not None and index:
                self._wrong(("hints", index, "on"), "only the first hint may react to a goal")
            if hint.reveals is not None and hint.reveals not in self.model.slots:
                near = did_you_mean(hint.reveals, self.model.slots)
                self._wrong(("hints", index, "reveals"), f"unknown slot {hint.reveals!r}", near)
