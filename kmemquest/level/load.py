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
from kmemquest.level.diagnose import NAMED, AnsweredRight
from kmemquest.level.model import WRITTEN, Hint, LevelFile, LevelText, Slot, to_bytes
from kmemquest.level.predicate import Predicate, parse_predicate
from kmemquest.level.probes import Probe, parse_probe
from kmemquest.level.requirements import (
    answer_problem,
    completeness,
    show_problems,
    sweep_problems,
    text_problems,
    translation_problems,
)
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
    sweep_probe: Probe | None = None

    @property
    def id(self) -> str:
        """The level's stable name."""
        return self.file.id

    def text(self, lang: str | None = None) -> LevelText:
        """Return the texts in a language (the one in force), else in English, else in any."""
        found = self.texts.get(lang or language()) or self.texts.get("en")
        return found or next(iter(self.texts.values()))

    def option_label(self, slot: str, option: str, lang: str | None = None) -> str:
        """Return an option as the player reads it: its label, else its C text."""
        label = self.text(lang).options.get(slot, {}).get(option)
        if label:
            return label
        chosen = self.file.slots[slot]
        if option in chosen.edits:
            return "; ".join(edit.put.strip() for edit in chosen.edits[option])
        return chosen.options[option]

    def hint_text(self, index: int, lang: str | None = None, failed: tuple[str, ...] = ()) -> str:
        """Return the text of a hint, 0..2; the first one reacts to the goals that failed."""
        text = self.text(lang)
        reactions = [text.reactions[goal] for goal in failed if goal in text.reactions]
        return reactions[0] if reactions and index == 0 else text.hints[index]

    def question(self, slot: str, lang: str | None = None) -> str:
        """Return the question of a predict or diagnose slot; empty for places in the driver."""
        probe = self.slot_probes.get(slot)
        return self.text(lang).asks.get(slot) or (probe.text() if probe else "")

    @cached_property
    def named_slots(self) -> tuple[str, ...]:
        """Slots whose answer names something: nothing of it is put into the driver."""
        return tuple(name for name, slot in self.file.slots.items() if slot.kind in NAMED)

    @cached_property
    def play_digest(self) -> str:
        """SHA-256 of all that decides how a play runs and is judged.

        The same for the full level and for its export to students, and after a change of words.
        """
        slots = {
            name: msgspec.structs.replace(slot, options={}, edits={})
            if slot.kind in WRITTEN
            else slot
            for name, slot in self.file.slots.items()
        }
        kept = msgspec.structs.replace(
            self.file, slots=slots, solution={}, wrong=[], hints=[], shows=[], sweep=None,
            refs=["-"], student=False,
        )  # fmt: skip
        return hashlib.sha256(msgspec.json.encode(kept, order="sorted")).hexdigest()

    def hints_open(self, attempts: int, failed: tuple[str, ...] = ()) -> tuple[int, ...]:
        """Return which hints (0..2) are open after so many failed attempts at these goals."""
        return tuple(
            index
            for index, hint in enumerate(self.file.hints)
            if (
                any(goal in failed for goal in goals_of(hint))
                if hint.on is not None
                else attempts >= hint.after
            )
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


def load_level(
    path: Path, name: str | None = None, languages: tuple[str, ...] = LANGUAGES
) -> Level:
    """Load a level and its texts; ProblemsFound holds every mistake of all its files.

    `languages` are those in which its texts must exist (a pack may have only one).
    """
    file = name or str(path)
    document = read_yaml(path, file)
    problems = mistakes(document, (), document.data, LevelFile)
    if problems:
        # Deeper checks would only repeat what a wrong shape already says; texts are told anyway.
        texts, wrong_texts = _load_texts(path, file, None, languages)
        raise ProblemsFound([*problems, *wrong_texts])
    model = msgspec.convert(document.data, LevelFile)
    reader = LevelReader(document, model, path)
    reader.check_all()
    texts, wrong_texts = _load_texts(path, file, model, languages)
    if reader.problems or wrong_texts:
        raise ProblemsFound([*reader.problems, *wrong_texts])
    return reader.level(texts)


def text_path(level: Path, lang: str) -> Path:
    """Return where the texts of a level lie: `<id>.<lang>.yaml` beside it."""
    return level.with_name(f"{level.stem}.{lang}.yaml")


def _load_texts(
    path: Path, file: str, model: LevelFile | None, languages: tuple[str, ...]
) -> tuple[dict[str, LevelText], list[Problem]]:
    texts: dict[str, LevelText] = {}
    documents: dict[str, Document] = {}
    problems: list[Problem] = []
    for lang in languages:
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
            mine = text_problems(document, text, model) if model is not None else []
            texts[lang], documents[lang] = text, document
        problems += mine
    return texts, problems + translation_problems(texts, documents)


def goals_of(hint: Hint) -> list[str]:
    """Return the goals after whose failure a hint opens."""
    if hint.on is None:
        return []
    return [hint.on] if isinstance(hint.on, str) else hint.on


class LevelReader:
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
        self.sweep_probe: Probe | None = None

    def check_all(self) -> None:
        """Run every check; problems are collected."""
        self.check_what_runs()
        self._check_wrong()
        self._check_hints()
        self.problems += completeness(self.document, self.model)
        self.problems += show_problems(self.document, self.model, self.goal_ids())
        self.problems += sweep_problems(self.document, self.model)

    def check_what_runs(self) -> None:
        """Check what a run needs: machine, driver, slots, script, goals, questions, solution."""
        if self.model.id != self.path.stem:
            hint = f"write id: {self.path.stem}, or rename the file"
            self._wrong(("id",), f"the id must be the file's name, {self.path.stem!r}", hint)
        self._check_machine()
        self._check_slots()
        self._check_script()
        self._read_goals()
        self._read_predictions()
        if self.model.solution:
            self._check_answer_set(self.model.solution, ("solution",), whole=True)

    def level(self, texts: Mapping[str, LevelText]) -> Level:
        """Return the level; only when no problem was found in what runs."""
        assert self.stars is not None
        assert self.probe is not None
        return Level(
            self.path,
            self.model,
            texts,
            tuple(self.goals),
            self.stars,
            self.probe,
            self.slot_probes,
            hashlib.sha256(self.path.read_bytes()).hexdigest(),
            self.document,
            self.sweep_probe,
        )

    def _wrong(self, path: YamlPath, message: str, hint: str = "", *, key: bool = False) -> None:
        self.problems.append(self.document.problem(path, message, hint, key=key))

    def _at_marker(self, name: str, message: str, hint: str, *, last: bool = False) -> None:
        """Place a problem at a marker in the driver."""
        driver, word = self.model.driver, f"/*@slot {name}*/"
        begin = self.document.block_lines.get(("driver",))
        if begin is None:
            self._wrong(("driver",), message, hint)
            return
        offset = driver.rindex(word) if last else driver.index(word)
        line = begin + driver.count("\n", 0, offset)
        # The block's indentation is not part of its text: two spaces, as levels are written.
        column = offset - (driver.rfind("\n", 0, offset) + 1) + 3
        self.problems.append(Problem(self.document.file, line, column, message, hint))

    def goal_ids(self) -> list[str]:
        """Ids of all goals that the author wrote, and of the slots that are goals themselves."""
        named = [name for name, slot in self.model.slots.items() if slot.kind in NAMED]
        return [g.id for g in self.model.goals] + [f.id for f in self.model.forbid] + named

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
            message = f"a level's machine has at most {MAX_RAM // GIB}G"
            self._wrong(("machine", "ram"), message, "its map of page frames is shown whole")

    def _check_slots(self) -> None:
        slots = self.model.slots
        marked = slots_in(self.model.driver)
        for name in duplicates(marked):
            hint = "give each place a slot of its own"
            self._at_marker(name, f"the marker /*@slot {name}*/ is there twice", hint, last=True)
        for name in marked:
            if name not in slots:
                hint = did_you_mean(name, slots)
                self._at_marker(name, f"the marker /*@slot {name}*/ names no slot", hint)
        for name, slot in slots.items():
            if slot.kind == "driver":
                self._check_driver_slot(name)
                continue
            if slot.edits:
                self._wrong(("slots", name, "edits"), "only a driver slot has edits", key=True)
            if not slot.options and not self._without_samples(slot):
                hint = "write two or more options"
                self._wrong(("slots", name), f"slot {name!r} has no options", hint, key=True)
            if slot.kind not in NAMED and name not in marked:
                hint = f"write /*@slot {name}*/ where the answer goes"
                self._wrong(
                    ("slots", name), f"the driver has no marker for {name!r}", hint, key=True
                )
            if slot.kind in NAMED and slot.probe is None:
                self._wrong(
                    ("slots", name), f"a {slot.kind} slot needs a probe", "add probe:", key=True
                )
            if slot.kind in NAMED and name in marked:
                message = f"nothing is put into the driver for the {slot.kind} slot {name!r}"
                self._wrong(("driver",), message, f"remove /*@slot {name}*/")
            for option, text in slot.options.items():
                if "/*@slot" in text:
                    self._wrong(("slots", name, "options", option), "an option holds a marker")

    def _without_samples(self, slot: Slot) -> bool:
        """A student's copy keeps no samples of what the player writes."""
        return self.model.student and slot.kind in WRITTEN

    def _check_driver_slot(self, name: str) -> None:
        """A whole driver to mend: no marker, no options, edits that fit the text."""
        slot = self.model.slots[name]
        if slot.options:
            hint = "write them as edits: - {find: …, put: …}"
            self._wrong(("slots", name, "options"), "a driver slot has no options", hint, key=True)
        if name in slots_in(self.model.driver):
            hint = f"take /*@slot {name}*/ out: the slot is the whole driver"
            self._wrong(("driver",), "a driver slot has no marker", hint)
        others = [other for other in self.model.slots.values() if other is not slot]
        if any(other.kind not in ("predict", "diagnose") for other in others):
            hint = "a driver slot stands alone, beside predict slots at most"
            self._wrong(("slots", name), "the driver has other open places too", hint, key=True)
        if len(slot.edits) < 2 and not self._without_samples(slot):
            hint = "give the solution and a wrong answer at least"
            self._wrong(("slots", name), f"slot {name!r} has fewer than two edits", hint, key=True)
        for sample, edits in slot.edits.items():
            text = self.model.driver
            for index, edit in enumerate(edits):
                found = text.count(edit.find)
                if found != 1:
                    place = "is not in the driver" if not found else f"is there {found} times"
                    self._wrong(
                        ("slots", name, "edits", sample, index, "find"),
                        f"this text {place} when the edit is made",
                        "quote enough of the line that it stands there once",
                    )
                text = text.replace(edit.find, edit.put, 1)

    def _check_script(self) -> None:
        from kmemquest.level.script_words import check_step

        for index, step in enumerate(self.model.script):
            message = check_step(step)
            if message:
                message, _, hint = message.partition("; ")
                self._wrong(("script", index), message, hint)

    def _read_goals(self) -> None:
        model = self.model
        ids = self.goal_ids()
        for twice in duplicates(ids):
            hint = "goals, forbid and predict or diagnose slots need different ids"
            self._wrong(("goals",), f"the goal id {twice!r} is there twice", hint)
        if RUNS_TO_THE_END in ids:
            message = f"the id {RUNS_TO_THE_END!r} belongs to the goal of every level"
            self._wrong(("goals",), message, "call yours something else")
        for index, goal in enumerate(model.goals):
            self._read_goal(goal.id, goal.require, ("goals", index, "require"))
        for index, forbid in enumerate(model.forbid):
            self._read_forbid(forbid.id, forbid.never, ("forbid", index, "never"))
        from kmemquest.level.goals_run import SurvivesToTheEnd

        if any(slot.kind not in NAMED for slot in model.slots.values()):
            # Who only names what went wrong cannot keep the driver from doing it.
            survives = SurvivesToTheEnd(init_may_fail=True)
            self.goals.append(NamedPredicate(RUNS_TO_THE_END, survives))
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
                    own = found.value if slot.kind == "predict" else None
                    self.goals.append(NamedPredicate(name, AnsweredRight(name, slot.options, own)))
        if self.model.sweep is not None:
            asked = self.model.sweep.probe
            found = parse_probe(asked, self.document, ("sweep", "probe"), slots)
            self.problems += found.problems
            self.sweep_probe = found.value

    def _check_wrong(self) -> None:
        known = [*self.goal_ids(), RUNS_TO_THE_END]
        for index, wrong in enumerate(self.model.wrong):
            self._check_answer_set(wrong.answers, ("wrong", index, "answers"), whole=False)
            if wrong.fails not in known:
                hint = did_you_mean(wrong.fails, known)
                self._wrong(("wrong", index, "fails"), f"no goal is called {wrong.fails!r}", hint)
        sets = [sorted(wrong.answers.items()) for wrong in self.model.wrong]
        for index, answers in enumerate(sets):
            if answers in sets[:index]:
                message = "the same answers are declared wrong twice"
                self._wrong(("wrong", index), message, "keep one of them")
            if answers == sorted(self.model.solution.items()):
                self._wrong(("wrong", index), "this is the solution", "name other options")

    def _check_answer_set(self, answers: Mapping[str, str], path: YamlPath, *, whole: bool) -> None:
        slots = self.model.slots
        for name, answer in answers.items():
            if name not in slots:
                hint = did_you_mean(name, slots)
                self._wrong((*path, name), f"unknown slot {name!r}", hint, key=True)
                continue
            message, hint = answer_problem(name, slots[name], answer)
            if message:
                self._wrong((*path, name), message, hint)
        for name in slots if whole else ():
            if name not in answers:
                self._wrong(path, f"the solution leaves slot {name!r} open", f"add {name}: …")

    def _check_hints(self) -> None:
        known = [*self.goal_ids(), RUNS_TO_THE_END]
        for index, hint in enumerate(self.model.hints):
            for goal in goals_of(hint):
                if goal not in known:
                    near = did_you_mean(goal, known)
                    self._wrong(("hints", index, "on"), f"no goal is called {goal!r}", near)
            if hint.on is not None and index:
                self._wrong(("hints", index, "on"), "only the first hint may react to a goal")
            if hint.reveals is not None and hint.reveals not in self.model.slots:
                near = did_you_mean(hint.reveals, self.model.slots)
                self._wrong(("hints", index, "reveals"), f"unknown slot {hint.reveals!r}", near)
