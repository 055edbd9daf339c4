"""What the bank holds, read without parsing it: the first lines of every question.

A structure file begins each question with `id`, `kind`, `difficulty` (then `revision` and `tags`,
if there are any), in this order, so that one search per file finds them; `kmemquest check` refuses
a file in which the search and the parser disagree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kmemquest.content.problem import ProblemsFound
from kmemquest.content.safe_yaml import MAX_BYTES, parse_yaml
from kmemquest.i18n import LANGUAGES

_BETWEEN: Final = r"(?:,[ ]*|[ ]*\n[ ]+)"
_HEAD: Final = re.compile(
    r"^ *- \{?id: (?P<id>[a-z0-9-]+)"
    rf"{_BETWEEN}kind: (?P<kind>[a-z]+)"
    rf"{_BETWEEN}difficulty: (?P<difficulty>[1-5])"
    rf"(?:{_BETWEEN}revision: (?P<revision>[0-9]+))?"
    rf"(?:{_BETWEEN}tags: \[(?P<tags>[a-z0-9, -]*)\])?",
    re.MULTILINE,
)


_BODY: Final = re.compile(r"^(?:beliefs|questions):", re.MULTILINE)
"""What follows upon language and title in a file of words."""
_HEAD_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """What the index knows of a question without its words."""

    id: str
    topic: str
    kind: str
    difficulty: int
    revision: int = 1
    tags: tuple[str, ...] = ()


def scan(path: Path) -> list[IndexEntry]:
    """Return the questions of a structure file in its order; the topic is the file's name."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return [
        IndexEntry(
            found["id"],
            path.stem,
            found["kind"],
            int(found["difficulty"]),
            int(found["revision"] or 1),
            tuple((found["tags"] or "").replace(",", " ").split()),
        )
        for found in _HEAD.finditer(text)
    ]


def scan_title(path: Path) -> str:
    """Return the title of a file of words from its first lines; empty if it is not there."""
    try:
        with path.open("rb") as file:
            text = file.read(_HEAD_BYTES).decode("utf-8", "replace")
        body = _BODY.search(text)
        head = parse_yaml(text[: body.start()], str(path)).data if body else None
    except (OSError, ProblemsFound):
        return ""
    title = head.get("title") if isinstance(head, dict) else None
    return title if isinstance(title, str) else ""


def structure_files(folder: Path) -> list[Path]:
    """Return the structure files of a folder, sorted by name."""
    return sorted(
        path
        for path in folder.glob("*.yaml")
        if path.name.count(".") == 1 and path.name not in NOT_TOPICS
    )


def structure_of(path: Path) -> Path:
    """Return the structure file beside a file of words, so that `*.yaml` may be typed."""
    topic, _dot, language = path.stem.rpartition(".")
    return path.with_name(f"{topic}.yaml") if topic and language in LANGUAGES else path


def holds_questions(path: Path) -> bool:
    """Tell a topic, or its words, from other files by its top-level key."""
    return _has_key(path, "questions")


def is_blueprint(path: Path) -> bool:
    """Tell the blueprint of an exam from other files by its top-level key."""
    return _has_key(path, "sections")


def _has_key(path: Path, key: str) -> bool:
    """Look for a top-level key without parsing, as far as a file may reach."""
    try:
        if not path.is_file():
            return False
        with path.open(encoding="utf-8", errors="replace") as file:
            return f"\n{key}:" in "\n" + file.read(MAX_BYTES)
    except OSError:
        return False


NOT_TOPICS: Final = ("study.yaml",)
"""Files beside the topics that hold no questions."""
