"""An attempt: the driver with answers put in, run on the level's machine, recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from kmemquest.content.problem import did_you_mean
from kmemquest.level.diagnose import NAMED, named_answer_problem, truths_of
from kmemquest.level.model import MAX_DRIVER, apply_edits
from kmemquest.level.recording import Recording
from kmemquest.level.source import DriverSource, substitute, with_constant
from kmemquest.level.trial import Trial

if TYPE_CHECKING:
    from kmemquest.level.load import Level
    from kmemquest.level.model import Slot


class AnswerError(ValueError):
    """An answer that the level does not know; the message tells what it knows."""


class Attempt:
    """One try at a level: `answers` maps slots to options (or to C text, for open slots).

    `seed` replaces the machine's seed ("same level, other machine"); None keeps the level's.
    `constants` give #defines of the driver other values (a sweep does that).
    """

    def __init__(
        self,
        level: Level,
        answers: Mapping[str, str],
        *,
        prediction: str | None = None,
        seed: int | None = None,
        constants: Mapping[str, str] | None = None,
    ) -> None:
        self.level = level
        self.answers = dict(answers)
        self.prediction = prediction
        self.seed = seed
        self.constants = dict(constants or {})
        self.source = self._source()

    def _source(self) -> DriverSource:
        file = self.level.file
        for name in self.answers:
            if name not in file.slots:
                hint = did_you_mean(name, file.slots)
                raise AnswerError(f"{file.id} has no slot {name!r}; {hint}")
        driver = file.driver
        texts = {}
        for name, slot in file.slots.items():
            if slot.kind == "driver":
                driver = answer_text(self.level, name, self.answers.get(name))
            elif slot.kind not in NAMED:
                texts[name] = answer_text(self.level, name, self.answers.get(name))
            elif name in self.answers:
                problem = named_answer_problem(name, slot, self.answers[name])
                if problem:
                    raise AnswerError(problem)
        for constant, value in self.constants.items():
            driver = with_constant(driver, constant, value)
        return substitute(driver, texts)

    def run(self) -> Recording:
        """Build, boot, run, record; equal inputs give equal recordings."""
        return self.trial().run()

    def trial(self, *, with_truths: bool = True) -> Trial:
        """Return the attempt as a trial: its source on the level's machine, with its script."""
        file = self.level.file
        spec = file.machine.spec()
        if self.seed is not None:
            spec = replace(spec, seed=self.seed)
        history = file.machine.history
        return Trial(
            self.source,
            self.file_name,
            spec,
            tuple(file.script),
            builtin=file.builtin,
            uptime=history.uptime,
            wear=history.seed if self.seed is None else self.seed,
            watch=self.level.watched_globals,
            level=file.id,
            answers=tuple(sorted(self.answers.items())),
            prediction=self.prediction,
            proc=tuple(file.artefacts),
            faults=asks_for_faults(self.level),
            truths=truths_of(self.level, self.seed) if with_truths else (),
        )

    @property
    def file_name(self) -> str:
        """The name under which the driver is compiled, as diagnostics and traces show it."""
        return self.level.file.id.replace("-", "_") + ".c"


def asks_for_faults(level: Level) -> bool:
    """Tell whether a goal or a star wants each allocation failed in turn."""
    from kmemquest.level.goals_faults import SurvivesFaults

    named = (*level.goals, *level.stars)
    return any(isinstance(item.predicate, SurvivesFaults) for item in named)


def answer_text(level: Level, name: str, answer: str | None) -> str:
    """Return the C text that an answer puts in the place of a slot; AnswerError if unknown."""
    slot = level.file.slots[name]
    if slot.kind == "driver":
        return _whole_driver(level, slot, answer)
    if answer is None:
        return slot.empty
    if slot.kind == "choice":
        if answer not in slot.options:
            hint = did_you_mean(answer, slot.options)
            raise AnswerError(f"slot {name!r} has no option {answer!r}; {hint}")
        return slot.options[answer]
    if slot.kind == "order":
        return _ordered(name, slot.options, answer, _indent(level.file.driver, name))
    text = slot.options.get(answer, answer)
    if len(text) > 4000 or "/*@slot" in text:
        raise AnswerError(f"the answer for slot {name!r} is longer than 4000 characters")
    return text


def _whole_driver(level: Level, slot: Slot, answer: str | None) -> str:
    start = level.file.driver
    if answer is None:
        return start
    text = apply_edits(start, slot.edits[answer]) if answer in slot.edits else answer
    if len(text) > MAX_DRIVER:
        raise AnswerError(f"the driver is longer than {MAX_DRIVER} characters")
    return text


def _indent(driver: str, name: str) -> str:
    """Return the white space before a slot's marker, if nothing else stands before it."""
    before = driver[: max(driver.find(f"/*@slot {name}*/"), 0)].rpartition("\n")[2]
    return before if before.isspace() else ""


def _ordered(name: str, options: Mapping[str, str], answer: str, indent: str) -> str:
    words = [word.strip() for word in answer.split(",")]
    if sorted(words) != sorted(options):
        expected = ",".join(options)
        raise AnswerError(f"slot {name!r}: expected every one of {expected} once, parted by commas")
    return f"\n{indent}".join(options[word].rstrip("\n") for word in words)
