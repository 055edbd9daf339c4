"""Prove levels: not only that they load, but that they teach what they claim.

Every option is really run. A level is sound when its start fails, its solution passes with three
stars, each declared wrong answer fails the declared goal, nothing crashes, all languages are
complete, and what it uses was taught before. A pack is sound when besides no habit wins it.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kmemquest.content import levels_root
from kmemquest.content.problem import Problem
from kmemquest.i18n import LANGUAGES
from kmemquest.level.campaign_check import check_campaign, check_habits, check_ids
from kmemquest.level.library import languages_beside
from kmemquest.level.pack_check import (
    PackFolder,
    check_lone_levels,
    check_pack_order,
    open_packs,
)
from kmemquest.level.prove import LevelProof, prove, shown_path

__all__ = ["CheckResult", "LevelProof", "check_paths", "level_files", "prove", "shown_path"]

PARALLEL_FROM: Final = 3


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
    """Check levels, folders of levels, campaigns, packs; without paths, everything shipped."""
    roots = [Path(path) for path in paths] or [levels_root()]
    problems = [
        Problem(str(root), 0, 0, "there is nothing here", "name a level file or a folder")
        for root in roots
        if not root.exists()
    ]
    with open_packs(roots) as opened:
        problems += opened.problems
        files = list(level_files(opened.roots))
        proofs = _prove_all(files, opened.packs)
        campaigns = [
            root / "campaign.yaml" for root in opened.roots if (root / "campaign.yaml").is_file()
        ]
        for campaign in campaigns:
            problems += check_campaign(campaign, proofs)
        for pack in opened.packs:
            problems += check_pack_order(pack, proofs)
        ordered = [campaign.parent for campaign in campaigns] + [p.root for p in opened.packs]
        problems += check_lone_levels([p for p in proofs if not _lies_in(p, ordered)])
        for proof in proofs:
            problems += proof.problems
        problems += check_ids(proofs)
        problems += check_habits(proofs)
        texts = sum(
            path.with_name(f"{path.stem}.{lang}.yaml").is_file()
            for path in files
            for lang in LANGUAGES
        )
    return CheckResult(
        files=len(files)
        + texts
        + len(campaigns) * (1 + len(LANGUAGES))
        + sum(pack.files for pack in opened.packs),
        levels=len(files),
        questions=0,
        wrong_answers_proven=sum(proof.wrong_proven for proof in proofs),
        errors=tuple(sorted(problems, key=lambda p: (p.file, p.line, p.column))),
        runs=sum(proof.runs for proof in proofs),
    )


def _lies_in(proof: LevelProof, folders: Sequence[Path]) -> bool:
    parents = Path(proof.path).resolve().parents
    return any(folder.resolve() in parents for folder in folders)


def level_files(roots: Iterable[Path]) -> Iterator[Path]:
    """Yield level files below the roots, each once: YAML files that are no text, order or bank."""
    seen: set[Path] = set()
    for root in roots:
        found = sorted(root.rglob("*.yaml")) if root.is_dir() else [root] if root.exists() else []
        for path in found:
            is_text = any(path.stem.endswith(f".{lang}") for lang in LANGUAGES)
            named = path.stem in ("campaign", "pack")
            if not is_text and not named and path.resolve() not in seen:
                seen.add(path.resolve())
                yield path


def _prove_all(files: Sequence[Path], packs: Sequence[PackFolder]) -> list[LevelProof]:
    languages = [_languages(path, packs) for path in files]
    workers = min(len(files), os.cpu_count() or 1)
    if len(files) < PARALLEL_FROM or workers < 2:
        return [prove(path, langs) for path, langs in zip(files, languages, strict=True)]
    with ProcessPoolExecutor(workers, initializer=_begin_batch) as pool:
        return list(pool.map(prove, files, languages))


def _begin_batch() -> None:
    """Look for garbage seldom: thousands of runs leave little, and looking takes a seventh."""
    gc.set_threshold(100_000, 50, 50)


def _languages(path: Path, packs: Sequence[PackFolder]) -> tuple[str, ...]:
    inside = [pack.languages for pack in packs if pack.root.resolve() in path.resolve().parents]
    return inside[0] if inside else languages_beside(path)
