"""Prove levels: not only that they load, but that they teach what they claim.

Every option is really run. A level is sound when its start fails, its solution passes with three
stars, each declared wrong answer fails the declared goal, nothing crashes, both languages are
complete, and what it uses was taught before.
"""

from __future__ import annotations

import itertools
import os
import traceback
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kmemquest.content import content_root, levels_root
from kmemquest.content.problem import Problem, ProblemsFound
from kmemquest.content.safe_yaml import Document, YamlPath, read_yaml
from kmemquest.content.shape import mistakes
from kmemquest.i18n import LANGUAGES
from kmemquest.level.attempt import Attempt
from kmemquest.level.evidence import Evidence
from kmemquest.level.load import Level, load_level
from kmemquest.level.model import CampaignFile, CampaignText
from kmemquest.level.verdict import Verdict, judge

MAX_RUNS: Final = 64
"""Most combinations of options that are run per level."""
HABIT_PACK: Final = 10
"""From this many levels on, always choosing the same must not win a whole pack."""
HABIT_SHARE: Final = 0.6
PARALLEL_FROM: Final = 3


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
    solution: tuple[tuple[str, int], ...] = ()
    """Slot -> place of the right option among its options."""
    single_answers: int = 0
    passing: int = 0


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The outcome of a check; `errors` is empty when all is well."""

    files: int
    levels: int
    questions: int
    wrong_answers_proven: int
    errors: tuple[Problem, ...]
    runs: int = 0

    def as_json(self) -> dict[str, object]:
        """Return the shape of `kmemquest check --json`."""
        return {
            "files": self.files,
            "levels": self.levels,
            "questions": self.questions,
            "wrong_answers_proven": self.wrong_answers_proven,
            "errors": [error.as_json() for error in self.errors],
        }


def check_paths(paths: Sequence[Path] = ()) -> CheckResult:
    """Check levels, folders of levels, campaigns; without paths, everything that is shipped."""
    roots = [Path(path) for path in paths] or [levels_root()]
    files = list(_level_files(roots))
    problems = [
        Problem(str(root), 0, 0, "there is nothing here", "name a level file or a folder")
        for root in roots
        if not root.exists()
    ]
    proofs = _prove_all(files)
    campaigns = [root / "campaign.yaml" for root in roots if (root / "campaign.yaml").is_file()]
    for campaign in campaigns:
        problems += _check_campaign(campaign, proofs)
    for proof in proofs:
        problems += proof.problems
    problems += _check_ids(proofs)
    if len(proofs) >= HABIT_PACK:
        problems += _check_habits(proofs)
    texts = sum((path.with_name(f"{path.stem}.{lang}.yaml")).is_file()
                for path in files for lang in LANGUAGES)  # fmt: skip
    return CheckResult(
        files=len(files) + texts + len(campaigns) * (1 + len(LANGUAGES)),
        levels=len(files),
        questions=0,
        wrong_answers_proven=sum(proof.wrong_proven for proof in proofs),
        errors=tuple(sorted(problems, key=lambda p: (p.file, p.line, p.column))),
        runs=sum(proof.runs for proof in proofs),
    )


def _level_files(roots: Iterable[Path]) -> Iterable[Path]:
    """Yield level files below the roots, each once: YAML files that are no text and no campaign."""
    seen: set[Path] = set()
    for root in roots:
        found = sorted(root.rglob("*.yaml")) if root.is_dir() else [root] if root.exists() else []
        for path in found:
            is_text = any(path.stem.endswith(f".{lang}") for lang in LANGUAGES)
            if not is_text and path.stem != "campaign" and path.resolve() not in seen:
                seen.add(path.resolve())
                yield path


def _prove_all(files: Sequence[Path]) -> list[LevelProof]:
    workers = min(len(files), os.cpu_count() or 1)
    if len(files) < PARALLEL_FROM or workers < 2:
        return [prove(path) for path in files]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(prove, files))


def shown_path(path: Path) -> str:
    """Return a path as messages show it: relative to the content or the present folder."""
    for base in (Path.cwd(), content_root()):
        try:
            return str(path.resolve().relative_to(base))
        except ValueError:
            continue
    return str(path)


def prove(path: Path) -> LevelProof:
    """Check one level on its own, running every option."""
    shown = shown_path(path)
    try:
        level = load_level(path, shown)
    except ProblemsFound as found:
        return LevelProof(shown, path.stem, found.problems)
    prover = _Prover(level)
    prover.prove()
    file = level.file
    single = [s for s in file.slots.values() if s.kind == "choice"]
    return LevelProof(
        shown,
        level.id,
        tuple(prover.problems),
        prover.wrong_proven,
        prover.runs,
        file.teaches,
        tuple(file.uses),
        tuple(
            (name, list(file.slots[name].options).index(answer))
            for name, answer in file.solution.items()
            if answer in file.slots[name].options
        ),
        single_answers=sum(len(slot.options) for slot in single),
        passing=prover.passing,
    )


class _Prover:
    """Runs a level's answers and compares with what its author claims."""

    def __init__(self, level: Level) -> None:
        self.level = level
        self.problems: list[Problem] = []
        self.wrong_proven = 0
        self.runs = 0
        self.passing = 0
        self._trying: dict[str, str] = dict(level.file.solution)
        self._known: dict[tuple[tuple[str, str], ...], Verdict] = {}

    def prove(self) -> None:
        """Run everything; an answer that breaks the simulator is a problem, not a traceback."""
        self._check_refs()
        try:
            if not self._builds():
                return
            self._check_start()
            self._check_solution()
            self._check_wrong()
            self._check_options()
            self._check_determinism()
        except Exception as error:
            trace = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(trace.filename).name}:{trace.lineno}"
            self._wrong(
                ("driver",),
                f"running {self._trying} breaks the simulator: "
                f"{type(error).__name__}: {error} ({where})",
                "this is a bug of KMemQuest; please report it",
            )

    def _wrong(self, path: YamlPath, message: str, hint: str = "", *, key: bool = False) -> None:
        document: Document = self.level.document
        self.problems.append(document.problem(path, message, hint, key=key))

    def _verdict(self, answers: dict[str, str]) -> Verdict:
        key = tuple(sorted(answers.items()))
        if key not in self._known:
            self.runs += 1
            self._trying = answers
            self._known[key] = judge(self.level, Attempt(self.level, answers).run())
        return self._known[key]

    def _check_refs(self) -> None:
        for index, ref in enumerate(self.level.file.refs):
            if " " in ref.split(":")[0] or "/" not in ref:
                self._wrong(
                    ("refs", index),
                    f"{ref!r} is no reference",
                    "write core-api/… or a source path with a symbol: mm/slub.c:kfree",
                )

    def _builds(self) -> bool:
        """Tell whether the solution compiles; every message goes to its place in the file."""
        recording = Attempt(self.level, self.level.file.solution).run()
        if recording.outcome != "does-not-compile":
            return True
        document = self.level.document
        begin = document.block_lines.get(("driver",))
        for diagnostic in recording.diagnostics:
            if diagnostic.severity != "error":
                continue
            line = document.mark(("driver",)).line
            column = 1
            if begin is not None and diagnostic.file.endswith(".c"):
                line, column = begin + diagnostic.line - 1, diagnostic.column
            self.problems.append(
                Problem(
                    document.file,
                    line,
                    column,
                    f"the driver does not compile: {diagnostic.message}",
                    diagnostic.hint,
                )
            )
        return False

    def _check_start(self) -> None:
        if self._verdict({}).passed:
            self._wrong(("slots",), "the level passes with nothing answered", "add a goal")

    def _check_solution(self) -> None:
        verdict = self._verdict(dict(self.level.file.solution))
        if not verdict.passed:
            for goal in verdict.goals:
                if not goal.met:
                    self._wrong(
                        ("solution",), f"the solution fails the goal {goal.id!r}: {goal.why}"
                    )
            return
        if verdict.stars < 3:
            for name, star in zip(("two", "three"), verdict.star_goals, strict=True):
                if not star.met:
                    self._wrong(
                        ("stars", name), f"the solution does not reach this star: {star.why}"
                    )
        predict = self.level.file.predict
        if verdict.truth not in predict.of:
            self._wrong(
                ("predict", "of"), f"the solution's answer, {verdict.truth!r}, is not offered"
            )
        recording = Attempt(self.level, self.level.file.solution).run()
        for name, probe in self.level.slot_probes.items():
            truth = probe.answer(Evidence(recording))
            if truth not in self.level.file.slots[name].options:
                self._wrong(("slots", name), f"the probe's answer, {truth!r}, is not offered")

    def _check_wrong(self) -> None:
        for index, wrong in enumerate(self.level.file.wrong):
            answers = {**self.level.file.solution, **wrong.answers}
            verdict = self._verdict(answers)
            if verdict.passed:
                self._wrong(
                    ("wrong", index), "this answer passes", "it is not wrong, or a goal is missing"
                )
            elif wrong.fails not in verdict.failed_goals:
                failed = ", ".join(verdict.failed_goals)
                self._wrong(
                    ("wrong", index, "fails"),
                    f"this answer fails {failed}, not {wrong.fails}",
                )
            else:
                self.wrong_proven += 1

    def _check_options(self) -> None:
        """Run all combinations of options (the likely ones first); all that matters is no crash."""
        slots = self.level.file.slots
        choices = [
            [(name, option) for option in slot.options]
            for name, slot in slots.items()
            if slot.kind in ("choice", "fill", "edit", "predict")
        ]
        combinations = itertools.islice(itertools.product(*choices), MAX_RUNS)
        for combination in combinations:
            answers = {**self.level.file.solution, **dict(combination)}
            verdict = self._verdict(answers)
            self.passing += verdict.passed
            if verdict.outcome == "does-not-compile" and self._all_choice():
                self._wrong(("slots",), f"{answers} does not compile")

    def _all_choice(self) -> bool:
        return all(slot.kind in ("choice", "predict") for slot in self.level.file.slots.values())

    def _check_determinism(self) -> None:
        first = Attempt(self.level, self.level.file.solution).run().digest()
        second = Attempt(self.level, self.level.file.solution).run().digest()
        if first != second:
            self._wrong((), "two runs of the solution differ", "this is a bug of KMemQuest")


def _check_campaign(path: Path, proofs: Sequence[LevelProof]) -> list[Problem]:
    shown = shown_path(path)
    try:
        document = read_yaml(path, shown)
    except ProblemsFound as found:
        return list(found.problems)
    problems = mistakes(document, (), document.data, CampaignFile)
    if problems:
        return problems
    by_path = {Path(proof.path).resolve(): proof for proof in proofs}
    taught: set[str] = set()
    listed: set[Path] = set()
    for world_index, world in enumerate(document.data["worlds"]):
        for index, level in enumerate(world["levels"]):
            place: YamlPath = ("worlds", world_index, "levels", index)
            target = (path.parent / world["folder"] / f"{level}.yaml").resolve()
            listed.add(target)
            if not target.is_file():
                problems.append(document.problem(place, f"there is no level file for {level!r}"))
                continue
            proof = by_path.get(target) or by_path.get(Path(shown_path(target)).resolve())
            if proof is None:
                continue
            for concept in proof.uses:
                if concept not in taught:
                    message = f"{level} uses {concept!r}, which no level before it teaches"
                    problems.append(document.problem(place, message))
            if proof.teaches:
                if proof.teaches in taught:
                    message = f"{level} teaches {proof.teaches!r} for a second time"
                    problems.append(document.problem(place, message, "put it among uses"))
                taught.add(proof.teaches)
    for proof in proofs:
        target = Path(proof.path).resolve()
        if target not in listed and path.parent.resolve() in target.parents:
            problems.append(Problem(proof.path, 1, 1, "the campaign does not list this level"))
    return problems + _check_campaign_texts(path, document, taught)


def _check_campaign_texts(path: Path, campaign: Document, taught: set[str]) -> list[Problem]:
    problems = []
    folders = [world["folder"] for world in campaign.data["worlds"]]
    for lang in LANGUAGES:
        where = path.with_name(f"campaign.{lang}.yaml")
        shown = shown_path(where)
        if not where.is_file():
            problems.append(Problem(shown, 0, 0, "this text file is missing"))
            continue
        try:
            document = read_yaml(where, shown)
        except ProblemsFound as found:
            problems += found.problems
            continue
        mine = mistakes(document, (), document.data, CampaignText)
        problems += mine
        if mine:
            continue
        for folder in folders:
            if folder not in document.data["worlds"]:
                problems.append(document.problem(("worlds",), f"the world {folder!r} has no title"))
        for concept in sorted(taught - set(document.data["concepts"])):
            message = f"the concept {concept!r} has no name"
            problems.append(document.problem(("concepts",), message))
    return problems


def _check_ids(proofs: Sequence[LevelProof]) -> list[Problem]:
    seen: dict[str, str] = {}
    problems = []
    for proof in proofs:
        if proof.level in seen:
            message = f"the id {proof.level!r} is also that of {seen[proof.level]}"
            problems.append(Problem(proof.path, 1, 1, message))
        seen[proof.level] = proof.path
    return problems


def _check_habits(proofs: Sequence[LevelProof]) -> list[Problem]:
    """No fixed pattern (always the first option, the second, …) may solve most of a pack."""
    problems = []
    places = {place for proof in proofs for _, place in proof.solution}
    for place in sorted(places):
        won = [
            proof
            for proof in proofs
            if proof.solution and all(right == place for _, right in proof.solution)
        ]
        if len(won) > HABIT_SHARE * len(proofs):
            message = (
                f"always choosing option {place + 1} solves {len(won)} of {len(proofs)} levels"
            )
            problems.append(
                Problem(won[0].path, 1, 1, message, "put the right option elsewhere in some")
            )
    return problems
