"""Prove what only levels together show: order of concepts, names of worlds, no winning habit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kmemquest.content.problem import Problem, ProblemsFound, did_you_mean
from kmemquest.content.safe_yaml import Document, YamlPath, read_yaml
from kmemquest.content.shape import mistakes
from kmemquest.i18n import LANGUAGES
from kmemquest.level.habits import PACK, most_allowed, winners
from kmemquest.level.model import CampaignFile, CampaignText
from kmemquest.level.prove import LevelProof, shown_path


@dataclass(slots=True)
class Graph:
    """Concepts in the order in which levels teach them."""

    taught: dict[str, str] = field(default_factory=dict)
    """Concept -> the level that teaches it."""
    later: dict[str, str] = field(default_factory=dict)
    """Concept -> the level that will teach it, for messages."""

    def visit(self, proof: LevelProof, document: Document, place: YamlPath) -> list[Problem]:
        """Take the next level of the order; return what it breaks."""
        problems = []
        for concept in proof.uses:
            if concept in self.taught:
                continue
            message = f"{proof.level} uses {concept!r}, which no level before it teaches"
            if concept in self.later:
                hint = f"{self.later[concept]} teaches it: put that level first"
            else:
                hint = did_you_mean(concept, self.taught) or "teach it in a level before"
            problems.append(document.problem(place, message, hint))
        if proof.teaches:
            if proof.teaches in self.taught:
                message = f"{proof.level} teaches {proof.teaches!r} for a second time"
                hint = f"{self.taught[proof.teaches]} teaches it first: put it among uses"
                problems.append(document.problem(place, message, hint))
            self.taught.setdefault(proof.teaches, proof.level)
        return problems


def check_campaign(path: Path, proofs: Sequence[LevelProof]) -> list[Problem]:
    """Check a campaign file: its levels exist, each uses what was taught, everything has a name."""
    shown = shown_path(path)
    try:
        document = read_yaml(path, shown)
    except ProblemsFound as found:
        return list(found.problems)
    problems = mistakes(document, (), document.data, CampaignFile)
    if problems:
        return problems
    by_path = {Path(proof.path).resolve(): proof for proof in proofs}
    graph = Graph(later={p.teaches: p.level for p in proofs if p.teaches})
    listed: set[Path] = set()
    for world_index, world in enumerate(document.data["worlds"]):
        for index, level in enumerate(world["levels"]):
            place = ("worlds", world_index, "levels", index)
            target = (path.parent / world["folder"] / f"{level}.yaml").resolve()
            if target in listed:
                problems.append(document.problem(place, f"{level!r} is listed twice", "keep one"))
                continue
            listed.add(target)
            if not target.is_file():
                problems.append(document.problem(place, f"there is no level file for {level!r}"))
                continue
            proof = by_path.get(target) or by_path.get(Path(shown_path(target)).resolve())
            if proof is not None:
                problems += graph.visit(proof, document, place)
    for proof in proofs:
        target = Path(proof.path).resolve()
        if target not in listed and path.parent.resolve() in target.parents:
            hint = f"add it to {path.name}"
            problems.append(
                Problem(proof.path, 1, 1, "the campaign does not list this level", hint)
            )
    return problems + _check_texts(path, document, graph.taught)


def _check_texts(path: Path, campaign: Document, taught: Mapping[str, str]) -> list[Problem]:
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
        for concept in sorted(set(taught) - set(document.data["concepts"])):
            message = f"the concept {concept!r} has no name"
            problems.append(document.problem(("concepts",), message))
    return problems


def check_ids(proofs: Iterable[LevelProof]) -> list[Problem]:
    """No two levels may share an id."""
    seen: dict[str, str] = {}
    problems = []
    for proof in proofs:
        if proof.level in seen:
            message = f"the id {proof.level!r} is also that of {seen[proof.level]}"
            problems.append(Problem(proof.path, 1, 1, message, "rename one of the two files"))
        seen[proof.level] = proof.path
    return problems


def check_habits(proofs: Sequence[LevelProof]) -> list[Problem]:
    """No habit may pass more than its share of a pack, see `kmemquest.level.habits`."""
    if len(proofs) < PACK:
        return []
    most = most_allowed(len(proofs))
    paths = {proof.level: proof.path for proof in proofs}
    problems = []
    for habit, levels in sorted(winners((p.level, p.habits) for p in proofs).items()):
        if len(levels) > most:
            message = (
                f"a habit wins: always {habit} passes {len(levels)} of {len(proofs)} levels, "
                f"{most} are allowed"
            )
            hint = "change some of " + ", ".join(levels)
            problems.append(Problem(paths[levels[0]], 1, 1, message, hint))
    return problems
