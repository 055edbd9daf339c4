"""An attempt: the driver with answers put in, run on the level's machine, recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kmemquest.content.problem import did_you_mean
from kmemquest.kernel.spec import MachineSpec
from kmemquest.level.picture import EMPTY, take_picture
from kmemquest.level.recorder import Recorder
from kmemquest.level.recording import Recording
from kmemquest.level.source import DriverSource, substitute

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine
    from kmemquest.level.load import Level

MAX_BOOTED: Final = 6
"""Booted machines kept per process; a level retried starts from its snapshot."""

_booted: dict[tuple[MachineSpec, int, str, bool], bytes] = {}


class AnswerError(ValueError):
    """An answer that the level does not know; the message tells what it knows."""


class Attempt:
    """One try at a level: `answers` maps slots to options (or to C text, for open slots).

    `seed` replaces the machine's seed ("same level, other machine"); None keeps the level's.
    """

    def __init__(
        self,
        level: Level,
        answers: Mapping[str, str],
        *,
        prediction: str | None = None,
        seed: int | None = None,
    ) -> None:
        self.level = level
        self.answers = dict(answers)
        self.prediction = prediction
        self.seed = seed
        self.source = self._source()

    def _source(self) -> DriverSource:
        file = self.level.file
        for name in self.answers:
            if name not in file.slots:
                hint = did_you_mean(name, file.slots)
                raise AnswerError(f"{file.id} has no slot {name!r}; {hint}")
        texts = {}
        for name, slot in file.slots.items():
            if slot.kind != "predict":
                texts[name] = answer_text(self.level, name, self.answers.get(name))
            elif name in self.answers and self.answers[name] not in slot.options:
                hint = did_you_mean(self.answers[name], slot.options)
                raise AnswerError(f"slot {name!r} has no option {self.answers[name]!r}; {hint}")
        return substitute(file.driver, texts)

    def run(self) -> Recording:
        """Build, boot, run, record; equal inputs give equal recordings."""
        from kmemquest.driver.build import build

        file = self.level.file
        spec = file.machine.spec()
        if self.seed is not None:
            spec = replace(spec, seed=self.seed)
        built = build(self.source.text, self.file_name, builtin=file.builtin)
        blank = Recording(
            level=file.id,
            answers=tuple(sorted(self.answers.items())),
            spec=spec,
            source=self.source,
            picture=EMPTY,
            diagnostics=built.diagnostics,
            prediction=self.prediction,
        )
        if built.module is None or not built.ok:
            return replace(blank, outcome="does-not-compile")
        history = file.machine.history
        seed = history.seed if self.seed is None else self.seed
        machine = booted_machine(spec, seed, history.uptime, builtin=file.builtin)
        recorder = Recorder(machine, self.file_name)
        before = take_picture(machine)
        recorder.run(built.module, file.script, watch=self.level.watched_globals)
        return replace(
            blank,
            picture=before,
            events=tuple(recorder.events),
            steps=recorder.finished_steps(),
            outcome=recorder.outcome,
            script=tuple(recorder.script),
            notes=tuple(recorder.notes),
            watched=tuple(recorder.watched.items()),
            dropped_steps=recorder.dropped,
            rebases=tuple(recorder.rebases),
            picture_after=take_picture(machine),
        )

    @property
    def file_name(self) -> str:
        """The name under which the driver is compiled, as diagnostics and traces show it."""
        return self.level.file.id.replace("-", "_") + ".c"


def answer_text(level: Level, name: str, answer: str | None) -> str:
    """Return the C text that an answer puts in the place of a slot; AnswerError if unknown."""
    slot = level.file.slots[name]
    if answer is None:
        return slot.empty
    if slot.kind == "choice":
        if answer not in slot.options:
            hint = did_you_mean(answer, slot.options)
            raise AnswerError(f"slot {name!r} has no option {answer!r}; {hint}")
        return slot.options[answer]
    if slot.kind == "order":
        return _ordered(name, slot.options, answer)
    text = slot.options.get(answer, answer)
    if len(text) > 4000 or "/*@slot" in text:
        raise AnswerError(f"the answer for slot {name!r} is longer than 4000 characters")
    return text


def _ordered(name: str, options: Mapping[str, str], answer: str) -> str:
    words = [word.strip() for word in answer.split(",")]
    if sorted(words) != sorted(options):
        expected = ",".join(options)
        raise AnswerError(f"slot {name!r}: expected every one of {expected} once, parted by commas")
    return "\n".join(options[word].rstrip("\n") for word in words)


def booted_machine(spec: MachineSpec, seed: int, uptime: str, *, builtin: bool) -> Machine:
    """Return a fresh machine of a spec, aged by its history; booted once per process.

    For built-in code the machine stops in the memblock phase.
    """
    from kmemquest.kernel.machine import Machine

    key = (spec, seed, uptime, builtin)
    snapshot = _booted.pop(key, None)
    if snapshot is None:
        machine = Machine(spec) if builtin else Machine.boot(spec)
        if not builtin and uptime != "fresh":
            from kmemquest.kernel.history import age

            age(machine, seed, uptime)
        snapshot = machine.snapshot()
    _booted[key] = snapshot
    while len(_booted) > MAX_BOOTED:
        del _booted[next(iter(_booted))]
    return Machine.restore(snapshot)
