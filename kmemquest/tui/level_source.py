"""The level room as the screens see it: library, desk, outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

from kmemquest.content.problem import ProblemsFound
from kmemquest.i18n import _, ngettext
from kmemquest.level.diagnose import NAMED, has_diagnosis, takes_a_line
from kmemquest.level.library import Library as Campaign
from kmemquest.level.library import UnknownLevel
from kmemquest.level.model import WRITTEN
from kmemquest.level.probes import answer_label
from kmemquest.level.source import DriverSource, substitute
from kmemquest.tui.model import (
    Artefact,
    Brief,
    GoalText,
    LevelEntry,
    LevelUnavailable,
    LogRow,
    Option,
    Outcome,
    Prediction,
    Showing,
    SizePoint,
    SizeQuestion,
    Slot,
    Source,
    Span,
)
from kmemquest.tui.play_source import LevelPlay, ShownPlay

if TYPE_CHECKING:
    from kmemquest.level.load import Level
    from kmemquest.store import Store
    from kmemquest.tui.lab_model import LabCase
    from kmemquest.tui.round_model import Round

MIB = 1 << 20
GIB = 1 << 30


def open_library() -> LevelLibrary:
    """The shipped campaign."""
    try:
        return LevelLibrary(Campaign.open())
    except ProblemsFound as error:
        raise LevelUnavailable(str(error)) from error


def desk_of(level: Level, number: str = "") -> LevelDesk:
    """A desk for a level that was loaded elsewhere."""
    return LevelDesk(level, number)


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
                    entry.world,
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

    def train(self, store: Store, seed: int | None = None) -> LevelDesk:
        """Draw a level to train with, the weakest first."""
        from kmemquest.tui.rounds import begin_training

        return begin_training(self._campaign, store, seed)

    def sit_test(self, store: Store, world: str) -> LevelDesk:
        """Begin or go on with a world's test."""
        from kmemquest.tui.rounds import begin_test

        return begin_test(self._campaign, store, world)


class LevelDesk:
    """One open level. `machine` is the seed of another machine than the level's own."""

    def __init__(
        self,
        level: Level,
        number: str,
        round_: Round | None = None,
        machine: int | None = None,
    ) -> None:
        self._level = level
        self._number = number
        self._seed = machine
        self.round = round_

    @cached_property
    def brief(self) -> Brief:
        """What the level says before it is tried."""
        level = self._level
        text = level.text()
        goals = [GoalText(named.id, named.predicate.text()) for named in level.goals]
        for rank, named in zip((2, 3), level.stars, strict=True):
            goals.append(GoalText(named.id, named.predicate.text(), rank))
        predict = level.file.predict
        alone = self.round is not None
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
            () if alone else tuple(text.hints),
            level.file.difficulty,
            sealed=has_diagnosis(level),
            checkpoint=level.file.checkpoint,
            shows=() if alone else tuple(self._shows()),
            folded=alone and not level.file.checkpoint,
        )

    def _shows(self) -> Iterator[Showing]:
        texts = self._level.text().shows
        for index, show in enumerate(self._level.file.shows):
            text = " ".join(texts[index].split()) if index < len(texts) else ""
            yield Showing(text, show.fails is not None)

    def _slot(self, name: str) -> Slot:
        level = self._level
        slot = level.file.slots[name]
        question = level.question(name)
        if slot.kind in WRITTEN:
            start = slot.empty if slot.kind == "edit" and slot.empty != "0" else ""
            return Slot(name, question, (), slot.kind, start)
        options = tuple(Option(option, level.option_label(name, option)) for option in slot.options)
        takes_line = slot.kind == "diagnose" and takes_a_line(slot)
        return Slot(name, question, options, slot.kind, takes_line=takes_line)

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
        if self._seed is not None:
            parts.append(_("machine {seed}").format(seed=self._seed))
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
            if slot.kind in NAMED:
                continue
            texts[name] = answer_text(self._level, name, answer) if answer else open_slot()
        return source_of(substitute(driver, texts), "driver.c")

    def run(self, answers: Mapping[str, str], prediction: str | None) -> LevelPlay:
        """Run an attempt."""
        from kmemquest.level.attempt import Attempt
        from kmemquest.level.verdict import judge

        recording = Attempt(self._level, answers, prediction=prediction, seed=self._seed).run()
        source = source_of(recording.source, "driver.c")
        return LevelPlay(self._level, recording, judge(self._level, recording), source)

    def hint(self, index: int, failed: tuple[str, ...]) -> str:
        """A hint; the first one reacts to the mistake made."""
        return " ".join(self._level.hint_text(index, failed=failed).split())

    def artefacts(self) -> Sequence[Artefact]:
        """The log of the incident and the files of /proc that the level hands out."""
        from kmemquest.level.diagnose import incident
        from kmemquest.tui.play_source import log_rows

        if not has_diagnosis(self._level):
            return ()
        recording = incident(self._level, self._seed)
        files = [
            Artefact(name, tuple(LogRow(line) for line in text.rstrip("\n").split("\n")))
            for name, text in recording.proc
        ]
        return (Artefact("dmesg", log_rows(recording)), *files)

    def demonstrate(self, index: int) -> LevelPlay | ShownPlay:
        """Run one of the demonstrations."""
        from kmemquest.level.demonstrate import demonstrate

        recording, verdict = demonstrate(self._level, index)
        source = source_of(recording.source, "driver.c")
        if verdict is None:
            return ShownPlay(recording, source)
        return LevelPlay(self._level, recording, verdict, source)

    def size_question(self) -> SizeQuestion | None:
        """“At which size does the answer change?”, where the level asks it."""
        from kmemquest.level.sweep import sweep_question

        question = sweep_question(self._level) if self.round is None else None
        if question is None:
            return None
        return SizeQuestion(" ".join(question.text.split()), question.first, question.values)

    def size_points(self) -> Iterator[SizePoint]:
        """Run the values of that question one by one."""
        from kmemquest.level.sweep import sweep_points

        before: str | None = None
        for point in sweep_points(self._level):
            changed = before is not None and point.answer != before
            before = point.answer
            yield SizePoint(point.value, answer_label(point.answer), changed)

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
        attempt = Attempt(self._level, answers, seed=self._seed)
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
            spec=attempt.trial(with_truths=False).spec,
            uptime=uptime,
            wear=file.machine.history.seed if self._seed is None else self._seed,
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
