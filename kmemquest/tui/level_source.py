"""The level room as the screens see it: library, desk, outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

from kmemquest.content.problem import ProblemsFound
from kmemquest.i18n import _, ngettext
from kmemquest.level.library import Library as Campaign
from kmemquest.level.library import UnknownLevel
from kmemquest.level.probes import answer_label
from kmemquest.level.source import DriverSource, substitute
from kmemquest.tui.model import (
    Brief,
    GoalText,
    LevelEntry,
    LevelUnavailable,
    Option,
    Outcome,
    Prediction,
    Slot,
    Source,
    Span,
)
from kmemquest.tui.play_source import LevelPlay

if TYPE_CHECKING:
    from kmemquest.level.load import Level
    from kmemquest.tui.lab_model import LabCase

MIB = 1 << 20
GIB = 1 << 30


def open_library() -> LevelLibrary:
    """The shipped campaign."""
    try:
        return LevelLibrary(Campaign.open())
    except ProblemsFound as error:
        raise LevelUnavailable(str(error)) from error


class LevelLibrary:
    """The campaign's levels."""

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign

    @cached_property
    def _entries(self) -> tuple[LevelEntry, ...]:
        campaign = self._campaign
        heads = {entry.id: entry.head for entry in campaign.entries}
        teachers = {str(head["teaches"]): level for level, head in heads.items()}
        entries = []
        for entry in campaign.entries:
            head = heads[entry.id]
            uses = head["uses"]
            assert isinstance(uses, tuple)
            world = campaign.world_text(entry.world).title
            teaches = head["teaches"]
            difficulty = head["difficulty"]
            entries.append(
                LevelEntry(
                    entry.id,
                    entry.label,
                    entry.title(),
                    _("World {number}: {title}").format(number=entry.world_number, title=world),
                    campaign.concept(str(teaches)) if teaches else _("nothing new"),
                    tuple(campaign.concept(word) for word in uses),
                    tuple(teachers[word] for word in uses if word in teachers),
                    difficulty if isinstance(difficulty, int) else 1,
                )
            )
        return tuple(entries)

    def entries(self) -> Sequence[LevelEntry]:
        """All levels in order; `LevelUnavailable` when the campaign's texts are broken."""
        try:
            return self._entries
        except ProblemsFound as error:
            raise LevelUnavailable(str(error)) from error

    def open(self, level: str) -> LevelDesk:
        """Load a level by its id, or by the path of its file."""
        try:
            labels = {entry.id: entry.label for entry in self._campaign.entries}
            loaded = self._campaign.find(level)
            return LevelDesk(loaded, labels.get(loaded.id, ""))
        except (ProblemsFound, UnknownLevel, OSError) as error:
            raise LevelUnavailable(str(error)) from error


class LevelDesk:
    """One open level."""

    def __init__(self, level: Level, number: str) -> None:
        self._level = level
        self._number = number

    @cached_property
    def brief(self) -> Brief:
        """What the level says before it is tried."""
        level = self._level
        text = level.text()
        goals = [GoalText(named.id, named.predicate.text()) for named in level.goals]
        for rank, named in zip((2, 3), level.stars, strict=True):
            goals.append(GoalText(named.id, named.predicate.text(), rank))
        predict = level.file.predict
        return Brief(
            level.id,
            self._number,
            text.title,
            _paragraphs(text.story),
            self._machine(),
            tuple(goals),
            tuple(self._slot(name) for name in level.file.slots),
            Prediction(
                text.ask or level.probe.text(),
                tuple((answer, answer_label(answer)) for answer in predict.of),
            ),
            tuple(text.hints),
            level.file.difficulty,
        )

    def _slot(self, name: str) -> Slot:
        slot = self._level.file.slots[name]
        if slot.kind == "driver":
            return Slot(name, "", (), "driver")
        kind = "fill" if slot.kind in ("fill", "edit") else "choice"
        options = tuple(
            Option(option, self._level.option_label(name, option)) for option in slot.options
        )
        return Slot(name, "", options if kind == "choice" else (), kind)

    def _machine(self) -> str:
        spec = self._level.file.machine.spec()
        size = f"{spec.ram // GIB} GiB" if spec.ram % GIB == 0 else f"{spec.ram // MIB} MiB"
        parts = [size, ngettext("{count} CPU", "{count} CPUs", spec.cpus).format(count=spec.cpus)]
        if spec.nodes > 1:
            parts.append(_("{count} nodes").format(count=spec.nodes))
        uptime = self._level.file.machine.history.uptime
        words = {
            "fresh": _("freshly booted"),
            "worn": _("up for days"),
            "fragmented": _("fragmented memory"),
        }
        parts.append(_("early boot") if self._level.file.builtin else words[uptime])
        return " · ".join(parts)

    def source(self, answers: Mapping[str, str]) -> Source:
        """The driver with these answers written in."""
        from kmemquest.level.attempt import answer_text

        texts = {}
        driver = self._level.file.driver
        for name, slot in self._level.file.slots.items():
            answer = answers.get(name)
            if slot.kind == "driver":
                driver = answer_text(self._level, name, answer or None)
                continue
            if slot.kind == "predict":
                continue
            texts[name] = answer_text(self._level, name, answer) if answer else open_slot()
        return source_of(substitute(driver, texts), "driver.c")

    def run(self, answers: Mapping[str, str], prediction: str | None) -> LevelPlay:
        """Run an attempt."""
        from kmemquest.level.attempt import Attempt
        from kmemquest.level.verdict import judge

        recording = Attempt(self._level, answers, prediction=prediction).run()
        source = source_of(recording.source, "driver.c")
        return LevelPlay(self._level, recording, judge(self._level, recording), source)

    def outcomes(self) -> Sequence[Callable[[], Outcome]]:
        """The options of the only slot, or the solution and the declared mistakes of several."""
        file = self._level.file
        solution = dict(file.solution)
        choices: list[dict[str, str]] = []
        if len(file.slots) == 1:
            name = next(iter(file.slots))
            choices = [{name: option} for option in file.slots[name].names]
        else:
            choices = [solution, *({**solution, **wrong.answers} for wrong in file.wrong)]
        return [partial(self._outcome, answers) for answers in choices]

    def _outcome(self, answers: dict[str, str]) -> Outcome:
        from kmemquest.level.goals_memory import duration

        play = self.run(answers, None)
        verdict = play.judged
        figures = verdict.figures
        labels = [
            self._level.option_label(name, option)
            for name, option in answers.items()
            if option in self._level.file.slots[name].names
        ]
        failed = next((goal for goal in verdict.goals if not goal.met), None)
        return Outcome(
            answers,
            "; ".join(labels),
            verdict.passed,
            verdict.stars,
            play.short_result(),
            "" if figures.waste is None else f"{round(figures.waste * 100)} %",
            "" if figures.worst_ns is None else duration(figures.worst_ns),
            "" if failed is None else failed.why,
        )

    def debrief(self) -> str:
        """What the level wanted to teach."""
        return self._level.text().debrief

    def references(self) -> Sequence[str]:
        """Where to read on."""
        return tuple(self._level.file.refs)

    def lab(self, answers: Mapping[str, str], slot: str = "") -> LabCase:
        """The driver with these answers on the level's machine, for the lab."""
        from kmemquest.level.attempt import Attempt
        from kmemquest.tui.lab_model import LEVEL, LabCase, Setup
        from kmemquest.tui.lab_source import script_text

        file = self._level.file
        attempt = Attempt(self._level, answers)
        uptime = file.machine.history.uptime
        title = f"{self._number} {self._level.text().title}".strip()
        return LabCase(
            f"answer:{file.id}:{slot}" if slot else f"level:{file.id}",
            title,
            attempt.source.text.rstrip("\n") + "\n",
            attempt.file_name,
            setup=Setup(LEVEL, uptime, LEVEL, script_text(list(file.script))),
            level=file.id,
            slot=slot,
            spec=file.machine.spec(),
            uptime=uptime,
            wear=file.machine.history.seed,
            builtin=file.builtin,
        )


def open_slot() -> str:
    """The text of a place that waits for an answer: a hole with words in it."""
    return _("▒▒▒▒ your call ▒▒▒▒")


def source_of(driver: DriverSource, name: str) -> Source:
    """A driver's text with the spans of its slots."""
    lines = tuple(driver.text.rstrip("\n").split("\n"))
    spans = []
    for place in driver.places:
        for offset, text in enumerate(place.text.split("\n")):
            start = place.column - 1 if not offset else 0
            spans.append(Span(place.slot, place.first - 1 + offset, start, start + len(text)))
    return Source(name, lines, tuple(spans))


def _paragraphs(text: str) -> str:
    """Paragraphs on one line each."""
    return "\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))
