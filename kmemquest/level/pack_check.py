"""Packs as the checker sees them: folders and zips among the paths that it is given."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence, Set
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from kmemquest.content.problem import Problem, ProblemsFound, did_you_mean
from kmemquest.content.safe_yaml import read_yaml
from kmemquest.level.campaign_check import Graph
from kmemquest.level.library import Library
from kmemquest.level.pack import MANIFEST, Pack, foreign_files, open_pack
from kmemquest.level.pack_archive import pack_files
from kmemquest.level.prove import LevelProof, shown_path


@dataclass(frozen=True)
class PackFolder:
    """A pack that lies unpacked in a folder while it is checked."""

    root: Path
    pack: Pack

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages in which its texts must exist."""
        return self.pack.languages

    @property
    def files(self) -> int:
        """How many files describe the pack itself."""
        return 1 + len(self.pack.languages)


@dataclass
class Opened:
    """What to check: folders and files, zips unpacked; the packs among them; what was refused."""

    roots: list[Path] = field(default_factory=list)
    packs: list[PackFolder] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


@contextmanager
def open_packs(roots: Sequence[Path]) -> Iterator[Opened]:
    """Unpack zips into a folder that goes away again; read every pack.yaml."""
    opened = Opened()
    with ExitStack() as stack:
        for root in roots:
            if root.suffix == ".zip" and root.is_file():
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kmemquest-")))
                try:
                    write_files(folder, pack_files(root))
                except ProblemsFound as found:
                    opened.problems += found.problems
                    continue
                _add(opened, folder, root.name)
            elif root.is_file() and root.name == MANIFEST:
                _add(opened, root.parent, shown_path(root.parent))
            elif (root / MANIFEST).is_file():
                _add(opened, root, shown_path(root))
            elif root.exists():
                opened.roots.append(root)
        yield opened


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Write files below a folder that is ours."""
    for name, data in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def _add(opened: Opened, root: Path, shown: str) -> None:
    opened.problems += foreign_files(root)
    try:
        opened.packs.append(PackFolder(root, open_pack(root, shown)))
    except ProblemsFound as found:
        opened.problems += found.problems
    opened.roots.append(root)


def check_pack_order(folder: PackFolder, proofs: Sequence[LevelProof]) -> list[Problem]:
    """Each level uses only what the campaign or an earlier level of the pack has taught."""
    pack = folder.pack
    by_path = {Path(proof.path).resolve(): proof for proof in proofs}
    graph = Graph(dict(_campaign_concepts()) if pack.file.after_campaign else {})
    problems: list[Problem] = []
    for index, level in enumerate(pack.file.levels):
        proof = by_path.get(pack.level_path(level).resolve())
        if proof is not None:
            problems += graph.visit(proof, pack.document, ("levels", index))
            if proof.teaches:
                problems += _unnamed(pack, proof.teaches)
    if all(proof.runs for proof in by_path.values()):
        problems += _nowhere_taught(pack, {proof.teaches for proof in by_path.values()})
    listed = {pack.level_path(level).resolve() for level in pack.file.levels}
    for path, proof in by_path.items():
        if pack.root.resolve() in path.parents and path not in listed:
            message = f"{MANIFEST} does not list this level"
            problems.append(Problem(proof.path, 1, 1, message, "add its id to levels"))
    return problems


def check_lone_levels(proofs: Sequence[LevelProof]) -> list[Problem]:
    """Levels without a pack around them: what they use, the campaign or a neighbour teaches."""
    problems: list[Problem] = []
    for proof in proofs:
        path = Path(proof.path)
        taught = dict(_campaign_concepts()) | _neighbours(path.parent)
        for index, concept in enumerate(proof.uses):
            if concept not in taught:
                hint = did_you_mean(concept, taught) or "teach it in a level before"
                message = f"{concept!r}: no level of the campaign or of this folder teaches it"
                document = read_yaml(path, proof.path)
                problems.append(document.problem(("uses", index), message, hint))
    return problems


@cache
def _neighbours(folder: Path) -> dict[str, str]:
    """Concept -> file, for the levels of a folder; files that cannot be read teach nothing."""
    taught = {}
    for path in sorted(folder.glob("*.yaml")):
        with suppress(ProblemsFound):
            data = read_yaml(path).data
            concept = data.get("teaches") if isinstance(data, dict) else None
            if isinstance(concept, str):
                taught[concept] = path.name
    return taught


def _nowhere_taught(pack: Pack, taught: Set[str | None]) -> list[Problem]:
    """Names of concepts that no level of the pack teaches: left over, or misspelt."""
    problems = []
    for lang, text in pack.texts.items():
        words = Path(pack.document.file).with_name(f"pack.{lang}.yaml")
        for concept in text.concepts:
            if concept not in taught:
                document = read_yaml(pack.root / words.name, str(words))
                message = f"no level of this pack teaches {concept!r}"
                hint = did_you_mean(concept, [each for each in taught if each]) or "remove the line"
                path = ("concepts", concept)
                problems.append(document.problem(path, message, hint, key=True))
    return problems


def _unnamed(pack: Pack, concept: str) -> list[Problem]:
    problems = []
    for lang, text in pack.texts.items():
        if concept not in text.concepts:
            words = Path(pack.document.file).with_name(f"pack.{lang}.yaml")
            place = read_yaml(pack.root / words.name, str(words)).mark(("concepts",), key=True)
            message = f"the concept {concept!r} has no name"
            hint = f"add a line below concepts: {concept}: its name"
            problems.append(Problem(str(words), place.line, place.column, message, hint))
    return problems


@cache
def _campaign_concepts() -> tuple[tuple[str, str], ...]:
    return tuple(
        (str(entry.head["teaches"]), entry.id)
        for entry in Library.open().entries
        if entry.head["teaches"]
    )
