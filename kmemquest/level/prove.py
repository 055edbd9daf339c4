"""Prove one level: every answer it declares, and every option it offers, is really run."""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from kmemquest.content import content_root
from kmemquest.content.problem import Problem, ProblemsFound, did_you_mean
from kmemquest.content.safe_yaml import Document, YamlPath
from kmemquest.i18n import LANGUAGES
from kmemquest.kernel.spec import BOOT_OPTIONS
from kmemquest.level.attempt import Attempt, asks_for_faults
from kmemquest.level.demonstrate import Demonstration, demonstrate
from kmemquest.level.diagnose import NAMED, accepted_answers, is_right
from kmemquest.level.driver_place import in_file_lines, place_in_file
from kmemquest.level.evidence import Evidence
from kmemquest.level.goals_faults import SurvivesFaults
from kmemquest.level.habits import habits_of
from kmemquest.level.load import Level, load_level
from kmemquest.level.model import WRITTEN, Slot
from kmemquest.level.recorder import MAX_LOCALS
from kmemquest.level.recording import Recording
from kmemquest.level.sweep import run_sweep
from kmemquest.level.verdict import Verdict, judge

MAX_RUNS: Final = 64
"""Most combinations of options that are run per level."""
MAX_RECORDED: Final = 16
"""Runs kept, where several answers may share one."""
BUG: Final = "this is a bug of KMemQuest; please report it"


@dataclass(frozen=True, slots=True)
class LevelProof:
    """What checking one level found: problems, and facts that a pack is judged by."""

    path: str
    level: str
    problems: tuple[Problem, ...]
    wrong_proven: int = 0
    runs: int = 0
    teaches: str | None = None
    uses: tuple[str, ...] = ()
    habits: tuple[str, ...] = ()
    """Habits that pass this level, see `kmemquest.level.habits`."""


def shown_path(path: Path) -> str:
    """Return a path as messages show it: relative to the content or the present folder."""
    for base in (Path.cwd(), content_root()):
        try:
            return str(path.resolve().relative_to(base))
        except ValueError:
            continue
    return str(path)


def prove(path: Path, languages: tuple[str, ...] = LANGUAGES) -> LevelProof:
    """Check one level on its own, running every option."""
    shown = shown_path(path)
    try:
        level = load_level(path, shown, languages)
    except ProblemsFound as found:
        return LevelProof(shown, path.stem, found.problems)
    prover = _Prover(level)
    prover.prove()
    return LevelProof(
        shown,
        level.id,
        tuple(prover.problems),
        prover.wrong_proven,
        prover.runs,
        level.file.teaches,
        tuple(level.file.uses),
        prover.habits,
    )


class _Prover:
    """Runs a level's answers and compares with what its author claims."""

    def __init__(self, level: Level) -> None:
        self.level = level
        self.problems: list[Problem] = []
        self.wrong_proven = 0
        self.runs = 0
        self.habits: tuple[str, ...] = ()
        self._trying: dict[str, str] = dict(level.file.solution)
        self._known: dict[tuple[tuple[str, str], ...], Verdict] = {}
        self._glanced: dict[tuple[tuple[str, str], ...], Verdict] = {}
        self._recorded: dict[tuple[str, bool, int], Recording] = {}
        self._names = any(slot.kind in NAMED for slot in level.file.slots.values())
        self._faultless = frozenset(
            goal.id for goal in level.goals if not isinstance(goal.predicate, SurvivesFaults)
        )
        """Goals whose verdict does not wait for a fault sweep."""
        self._sweeps = asks_for_faults(level)

    def prove(self) -> None:
        """Run everything; an answer that breaks the simulator is a problem, not a traceback."""
        self._check_refs()
        try:
            if self.level.file.student:
                self._check_copy()
            else:
                self._check_all()
        except Exception as error:
            trace = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(trace.filename).name}:{trace.lineno}"
            self._wrong(
                ("driver",),
                f"running {self._trying} breaks the simulator: "
                f"{type(error).__name__}: {error} ({where})",
                BUG,
            )

    def _check_all(self) -> None:
        solved = self._run(dict(self.level.file.solution), most_locals=MAX_LOCALS)
        if not self._builds(solved):
            return
        self._check_boot_options()
        self._check_start()
        self._check_steps(solved)
        self._check_solution(solved)
        self._check_wrong()
        self._check_options()
        self._check_hint()
        self._check_shows()
        self._check_sweep()
        self._check_determinism(solved)
        self.habits = tuple(self._habits_that_pass())

    def _check_copy(self) -> None:
        """A student's copy has no answers to prove; it must build, run, and not pass by itself."""
        started = self._run({})
        if self._builds(started):
            self._check_start()

    def _wrong(self, path: YamlPath, message: str, hint: str = "", *, key: bool = False) -> None:
        document: Document = self.level.document
        self.problems.append(document.problem(path, message, hint, key=key))

    def _run(self, answers: dict[str, str], most_locals: int = 0) -> Recording:
        """Run and judge; no goal looks at variables, so most runs keep none."""
        recording = self._record(answers, most_locals=most_locals)
        self._known[_key(answers)] = judge(self.level, recording)
        return recording

    def _record(
        self, answers: dict[str, str], *, most_locals: int = 0, sweep: bool = True
    ) -> Recording:
        """Run answers; those that differ only in what they name share one run."""
        self._trying = answers
        trial = Attempt(self.level, answers).trial()
        trial = replace(trial, most_locals=most_locals, faults=trial.faults and sweep)
        key = (trial.source.text, trial.faults, most_locals)
        found = self._recorded.pop(key, None)
        if found is None:
            self.runs += 1
            found = trial.run()
        if self._names:
            self._recorded[key] = found
            while len(self._recorded) > MAX_RECORDED:
                del self._recorded[next(iter(self._recorded))]
        return replace(found, source=trial.source, answers=trial.answers)

    def _verdict(self, answers: dict[str, str]) -> Verdict:
        key = _key(answers)
        if key not in self._known:
            self._run(answers)
        return self._known[key]

    def _glance(self, answers: dict[str, str]) -> Verdict:
        """Like `_verdict`, for the outcome and the prediction only: no allocation is failed."""
        key = _key(answers)
        known = self._known.get(key) or self._glanced.get(key)
        if known is not None:
            return known
        if not self._sweeps:
            return self._verdict(answers)
        self._glanced[key] = judge(self.level, self._record(answers, sweep=False))
        return self._glanced[key]

    def _passes(self, answers: dict[str, str]) -> bool:
        """Tell whether answers pass; allocations are failed only if all else is well."""
        glanced = self._glance(answers)
        if not self._faultless.isdisjoint(glanced.failed_goals):
            return False
        return self._judged_by_goals(answers).passed

    def _judged_by_goals(self, answers: dict[str, str]) -> Verdict:
        """Like `_verdict`; without its stars where only these want allocations to fail."""
        if len(self._faultless) == len(self.level.goals):
            return self._glance(answers)
        return self._verdict(answers)

    def _check_refs(self) -> None:
        for index, ref in enumerate(self.level.file.refs):
            if " " in ref.split(":")[0] or "/" not in ref:
                self._wrong(
                    ("refs", index),
                    f"{ref!r} is no reference",
                    "write core-api/… or a source path with a symbol: mm/slub.c:kfree",
                )

    def _builds(self, recording: Recording) -> bool:
        """Tell whether a run got anywhere; every message goes to its place in the file."""
        if recording.outcome == "stopped":
            detail = "; ".join(recording.notes) or "a limit ended the run"
            self._wrong(
                ("driver",), f"the driver never ends: {detail}", "look for the endless loop"
            )
            return False
        if recording.outcome != "does-not-compile":
            return True
        document = self.level.document
        answers = dict(recording.answers)
        for found in recording.diagnostics:
            if found.severity != "error":
                continue
            mark = document.mark(("driver",))
            hint = "" if found.hint in found.message else found.hint
            if found.file.endswith(".c"):
                mark = place_in_file(
                    self.level, recording.source, answers, found.line, found.column
                )
                hint = in_file_lines(self.level, hint)
            message = f"the driver does not compile: {found.message}"
            self.problems.append(Problem(document.file, mark.line, mark.column, message, hint))
        return False

    def _check_boot_options(self) -> None:
        """A word that nobody reads changes nothing: a misspelt one, most likely."""
        for index, word in enumerate(self.level.file.machine.options):
            name = word.partition("=")[0]
            if name not in BOOT_OPTIONS and f'"{name}' not in self.level.file.driver:
                message = f"no boot option is called {name!r} here: it would change nothing"
                hint = did_you_mean(name, BOOT_OPTIONS) or "options: " + ", ".join(BOOT_OPTIONS)
                self._wrong(("machine", "options", index), message, hint)

    def _check_steps(self, solved: Recording) -> None:
        """With the solution, each step of the script must reach what it names."""
        for index, mark in enumerate(solved.script):
            if mark.missed:
                hint = "name what the driver registers, or mend the solution"
                self._wrong(("script", index), f"{mark.name}: {mark.note}", hint)

    def _check_start(self) -> None:
        if self._passes({}):
            hint = "change what stands in the slots when they are `empty`, or add a goal"
            self._wrong(("slots",), "the level passes with nothing answered", hint)
        listed = {
            name: ",".join(slot.options)
            for name, slot in self.level.file.slots.items()
            if slot.kind == "order"
        }
        if listed and self._passes({**self.level.file.solution, **listed}):
            name = next(iter(listed))
            hint = "list the options in another order"
            self._wrong(("slots", name, "options"), "the order as listed is already right", hint)

    def _check_solution(self, solved: Recording) -> None:
        verdict = self._verdict(dict(self.level.file.solution))
        if not verdict.passed:
            hint = f"mend the option, or the goal{self._first_bad(solved, verdict)}"
            for goal in verdict.goals:
                if not goal.met:
                    message = f"the solution fails the goal {goal.id!r}: {goal.why}"
                    self._wrong(("solution",), message, hint)
            self._check_truths(solved)
            return
        if verdict.stars < 3:
            for name, star in zip(("two", "three"), verdict.star_goals, strict=True):
                if not star.met:
                    message = f"the solution does not reach this star: {star.why}"
                    hint = "kmemquest solve shows what each answer costs"
                    self._wrong(("stars", name), message, hint)
        predict = self.level.file.predict
        if verdict.truth not in predict.of:
            message = f"the solution's answer, {verdict.truth!r}, is not offered"
            self._wrong(("predict", "of"), message, f"add {verdict.truth}")
        self._check_truths(solved)

    def _first_bad(self, solved: Recording, verdict: Verdict) -> str:
        bad = verdict.first_bad
        if bad is None or not bad.line:
            return ""
        answers = dict(solved.answers)
        mark = place_in_file(self.level, solved.source, answers, bad.line, 1)
        row = solved.source.text.split("\n")[bad.line - 1].strip()
        return f"; the first bad step is in line {mark.line} of this file: {row}"

    def _check_truths(self, solved: Recording) -> None:
        """What is right in a predict or diagnose slot must be among its options."""
        evidence = Evidence(solved)
        incident = dict(solved.truths)
        for name, probe in self.level.slot_probes.items():
            options = self.level.file.slots[name].options
            truth = incident.get(name) or accepted_answers(probe, evidence)
            if not any(is_right(options, option, truth) for option in options):
                said = " or ".join(repr(word) for word in truth)
                message = f"the probe's answer, {said}, is not offered"
                self._wrong(("slots", name), message, "add it to the options")

    def _check_wrong(self) -> None:
        for index, wrong in enumerate(self.level.file.wrong):
            answers = {**self.level.file.solution, **wrong.answers}
            verdict = self._judged_by_goals(answers)
            if verdict.passed:
                stars = self._verdict(answers).stars
                message = f"this answer passes: {self._named(answers)}, {stars} of 3 stars"
                hint = f"it is not wrong, or the goal {wrong.fails!r} does not see what it does"
                self._wrong(("wrong", index), message, hint)
            elif wrong.fails not in verdict.failed_goals:
                failed = ", ".join(verdict.failed_goals)
                self._wrong(
                    ("wrong", index, "fails"),
                    f"this answer fails {failed}, not {wrong.fails}",
                    f"write fails: {verdict.failed_goals[0]}",
                )
            else:
                self.wrong_proven += 1

    def _check_options(self) -> None:
        """Run all combinations of options, those that differ in one place from the solution first.

        Each must build (if it is chosen, not written), and what it leads to must be offered by
        the prediction.
        """
        slots = self.level.file.slots
        written = any(slot.kind in WRITTEN for slot in slots.values())
        missing: dict[str, str] = {}
        broken: set[tuple[str, str]] = set()
        for answers in itertools.islice(self._combinations(), MAX_RUNS):
            verdict = self._glance(answers)
            if verdict.outcome == "does-not-compile":
                if not written and broken.isdisjoint(answers.items()):
                    broken.update(self._check_built(answers))
            elif verdict.truth not in self.level.file.predict.of and not written:
                missing.setdefault(verdict.truth, self._named(answers))
        solution = self._verdict(dict(self.level.file.solution))
        for truth, named in missing.items():
            if truth != solution.truth:
                message = f"{named} leads to {truth!r}, which is not offered"
                self._wrong(("predict", "of"), message, f"add {truth}")
        for name, slot in slots.items():
            if slot.kind == "choice":
                self._check_explained(name, slot)

    def _check_built(self, answers: dict[str, str]) -> set[tuple[str, str]]:
        """Say what the compiler has against answers; return those that are to blame."""
        changed = self._changed(answers)
        recording = self._record(answers, sweep=False)
        errors = [found for found in recording.diagnostics if found.severity == "error"]
        message, hint = "it is no C that the compiler takes", ""
        if errors:
            message = errors[0].message
            hint = "" if errors[0].hint in message else errors[0].hint
        path: YamlPath = ("slots",)
        if len(changed) == 1:
            name, option = next(iter(changed.items()))
            path = ("slots", name, "options", option)
        self._wrong(path, f"{self._named(answers)} does not compile: {message}", hint)
        return set(changed.items()) if len(changed) == 1 else set()

    def _changed(self, answers: dict[str, str]) -> dict[str, str]:
        """Return the answers that are not those of the solution."""
        solution = self.level.file.solution
        return {name: text for name, text in answers.items() if solution.get(name) != text}

    def _named(self, answers: dict[str, str]) -> str:
        """Return answers as `--answer` takes them, as far as they differ from the solution."""
        changed = self._changed(answers) or answers
        return " ".join(f"{name}={text}" for name, text in changed.items())

    def _combinations(self) -> Iterator[dict[str, str]]:
        """Yield answers: the solution changed in one place, then everything with everything."""
        solution = self.level.file.solution
        choices = {name: list(_answers(slot)) for name, slot in self.level.file.slots.items()}
        for name, answers in choices.items():
            for answer in answers:
                yield {**solution, name: answer}
        if len(choices) > 1:
            for combination in itertools.product(*choices.values()):
                yield dict(zip(choices, combination, strict=True))

    def _check_explained(self, name: str, slot: Slot) -> None:
        """Whoever chooses a failing option must be told why it fails."""
        explained = {wrong.answers.get(name) for wrong in self.level.file.wrong}
        for option in slot.options:
            if option in explained or option == self.level.file.solution.get(name):
                continue
            if not self._passes({**self.level.file.solution, name: option}):
                message = f"{option!r} fails, and no entry of wrong tells why"
                self._wrong(
                    ("slots", name, "options", option), message, "add it to wrong", key=True
                )

    def _check_hint(self) -> None:
        """The first hint must react to the mistakes that were declared, most of them at least."""
        hints = self.level.file.hints
        if not hints or hints[0].on is None:
            return
        failed = [
            self._judged_by_goals({**self.level.file.solution, **wrong.answers}).failed_goals
            for wrong in self.level.file.wrong
        ]
        failed = [goals for goals in failed if goals]
        reacting = [goals for goals in failed if 0 in self.level.hints_open(1, goals)]
        if len(reacting) * 2 < len(failed):
            message = f"the first hint opens after {len(reacting)} of {len(failed)} wrong answers"
            hint = "name the goals that most of them fail: on: [GOAL, GOAL]"
            self._wrong(("hints", 0, "on"), message, hint)

    def _check_shows(self) -> None:
        for index, show in enumerate(self.level.file.shows):
            recording, verdict = demonstrate(self.level, index)
            self.runs += 1
            shown = Demonstration(index, "", recording, verdict)
            errors = [d for d in recording.diagnostics if d.severity == "error"]
            if recording.outcome == "does-not-compile" and errors:
                self._wrong(("shows", index), f"this run does not compile: {errors[0].message}")
            elif show.fails is not None and verdict is not None:
                if show.fails not in verdict.failed_goals:
                    failed = ", ".join(verdict.failed_goals) or "no goal"
                    message = f"this run fails {failed}, not {show.fails}"
                    self._wrong(("shows", index, "fails"), message, "name a goal that it fails")
            elif not shown.clean:
                heard = recording.reports[0].kind if recording.reports else recording.outcome
                hint = "mend it, or say which goal it fails"
                self._wrong(("shows", index), f"this run is not clean: {heard}", hint)

    def _check_sweep(self) -> None:
        if self.level.file.sweep is None:
            return
        result = run_sweep(self.level)
        self.runs += len(result.points)
        for index, point in enumerate(result.points):
            if point.outcome == "does-not-compile":
                message = f"with {point.value} the driver does not compile: {point.error}"
                self._wrong(("sweep", "values", index), message)
        if result.change is None:
            answer = result.points[0].answer
            self._wrong(("sweep",), f"the answer is {answer!r} at every value", "widen the values")

    def _check_determinism(self, solved: Recording) -> None:
        self.runs += 1
        again = replace(Attempt(self.level, self.level.file.solution).trial(), faults=False)
        if again.run().digest() != replace(solved, faults=None).digest():
            self._wrong((), "two runs of the solution differ", BUG)

    def _habits_that_pass(self) -> Iterator[str]:
        for habit, answers in habits_of(self.level.file).items():
            if self._passes(answers):
                yield habit


def _key(answers: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(answers.items()))


def _answers(slot: Slot) -> Iterator[str]:
    """Yield every answer that a slot offers; of an order, as many as a level is run with."""
    if slot.kind == "order":
        orders = itertools.permutations(slot.options)
        yield from itertools.islice((",".join(order) for order in orders), MAX_RUNS)
    else:
        yield from slot.names
