"""Answers that name something: predict slots, and the parts of a diagnosis.

Nothing of such an answer goes into the driver. What is right is computed: for `predict` from the
player's own run, for `diagnose` from the incident, the run of the driver as it stands (every open
place holds its `empty` text). So a level can hand out a log and files of /proc, ask for object and
line, and let a slot of another kind take the fix, which the goals then judge by running it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from kmemquest.content.problem import did_you_mean
from kmemquest.i18n import _
from kmemquest.kernel.log import format_line
from kmemquest.level.evidence import Evidence
from kmemquest.level.predicate import Outcome, Predicate
from kmemquest.level.probes import LINE_PROBES, Probe

if TYPE_CHECKING:
    from kmemquest.level.load import Level
    from kmemquest.level.model import Slot
    from kmemquest.level.recording import Recording

NAMED: Final = ("predict", "diagnose")
"""Kinds of slots whose answer names something."""
MAX_INCIDENTS: Final = 4

_incidents: dict[tuple[str, int | None], Recording] = {}


class AnsweredRight(Predicate):
    """What the player named is what the run, or the incident, says; made by a slot, not written.

    `probe` is None for a diagnosis: its truth comes with the recording.
    """

    word: ClassVar[str] = "answered-right"
    slot: str
    options: dict[str, str]
    probe: Any = None

    def judge(self, evidence: Evidence) -> Outcome:
        """Compare the answer with what is accepted."""
        given = dict(evidence.recording.answers).get(self.slot)
        if given is None:
            return Outcome(False, _("Nothing was answered."))
        if self.probe is not None:
            accepted = accepted_answers(self.probe, evidence)
        else:
            accepted = dict(evidence.recording.truths).get(self.slot, ())
        if is_right(self.options, given, accepted):
            return Outcome(True, _("The run says the same."))
        shown = self.options.get(given, given)
        return Outcome(False, _("“{answer}” is not what the run says.").format(answer=shown))

    def text(self) -> str:
        return _("“{slot}” is named rightly").format(slot=self.slot)


@dataclass(frozen=True, slots=True)
class Artefact:
    """A file that an engineer would be handed: `dmesg`, or one of /proc."""

    name: str
    text: str


def accepted_answers(probe: Probe, evidence: Evidence) -> tuple[str, ...]:
    """Return what counts as right: the probe's answer; for a line, its number and its text."""
    answer = probe.answer(evidence)
    if probe.word not in LINE_PROBES or not answer.isdigit():
        return (answer,)
    lines = evidence.recording.source.text.split("\n")
    number = int(answer)
    return (answer, plain_line(lines[number - 1])) if 0 < number <= len(lines) else (answer,)


def plain_line(text: str) -> str:
    """Return a line of C without indentation, comments and repeated blanks."""
    bare = re.sub(r"/\*.*?\*/|//.*", "", text)
    return " ".join(bare.split())


def is_right(options: Mapping[str, str], given: str, accepted: tuple[str, ...]) -> bool:
    """Tell whether an answer (an option, or what was typed) is among the accepted ones."""
    return given in accepted or plain_line(options.get(given, given)) in accepted


def named_answer_problem(name: str, slot: Slot, answer: str) -> str:
    """Return what is wrong with the form of an answer, or an empty text; lines may be numbers."""
    if answer in slot.options or (answer.isdigit() and takes_a_line(slot)):
        return ""
    return f"slot {name!r} has no option {answer!r}; {did_you_mean(answer, slot.options)}"


def takes_a_line(slot: Slot) -> bool:
    """Tell whether a slot asks for a line of the driver."""
    word = slot.probe if isinstance(slot.probe, str) else next(iter(slot.probe or {}), "")
    return word in LINE_PROBES


def incident(level: Level, seed: int | None = None) -> Recording:
    """Return the run of the driver as it stands; kept for the levels used last."""
    from kmemquest.level.attempt import Attempt

    key = (level.digest, seed)
    if key not in _incidents:
        given = Attempt(level, {}, seed=seed)
        _incidents[key] = given.trial(with_truths=False).run()
        while len(_incidents) > MAX_INCIDENTS:
            del _incidents[next(iter(_incidents))]
    return _incidents[key]


def artefacts(level: Level, seed: int | None = None) -> tuple[Artefact, ...]:
    """Return what a player of a diagnosis is handed: the log, and the files the level names."""
    recording = incident(level, seed)
    log = "\n".join(format_line(line) for line in recording.log)
    return (Artefact("dmesg", log), *(Artefact(name, text) for name, text in recording.proc))


def has_diagnosis(level: Level) -> bool:
    """Tell whether a level hands out an incident."""
    return any(slot.kind == "diagnose" for slot in level.file.slots.values())


def is_sealed(level: Level, failed: tuple[str, ...]) -> bool:
    """Tell whether a part of the diagnosis is wrong still, so that the driver stays hidden."""
    slots = level.file.slots
    return any(name in slots and slots[name].kind == "diagnose" for name in failed)


def truths_of(level: Level, seed: int | None = None) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return what the incident proves right for every diagnose slot."""
    if not has_diagnosis(level):
        return ()
    evidence = Evidence(incident(level, seed))
    return tuple(
        (name, accepted_answers(probe, evidence))
        for name, probe in level.slot_probes.items()
        if level.file.slots[name].kind == "diagnose"
    )
