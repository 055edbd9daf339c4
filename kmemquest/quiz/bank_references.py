"""What a topic refers to beyond itself: sources, misconceptions, and the ids of the bank."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from kmemquest.content import assets_root
from kmemquest.content.problem import Problem, ProblemsFound, did_you_mean
from kmemquest.content.safe_yaml import Document, YamlPath, read_yaml
from kmemquest.content.shape import convert
from kmemquest.quiz.bank_index import scan, structure_files
from kmemquest.quiz.bank_model import BankFile, TextFile

TREE_FOLDERS: Final = (
    "Documentation", "LICENSES", "arch", "block", "certs", "crypto", "drivers", "fs", "include",
    "init", "io_uring", "ipc", "kernel", "lib", "mm", "net", "rust", "samples", "scripts",
    "security", "sound", "tools", "usr", "virt",
)  # fmt: skip
"""The top folders of the Linux 6.12 tree."""
TREE_FILES: Final = ("COPYING", "CREDITS", "Kbuild", "Kconfig", "MAINTAINERS", "Makefile", "README")
_SOURCE: Final = re.compile(
    r"(?P<path>[A-Za-z0-9_.+,-]+(?:/[A-Za-z0-9_.+,-]+)*/?)"
    r"(?::(?:(?:struct|union|enum) )?[A-Za-z_][A-Za-z0-9_]*(?:\(\))?)?"
)
_MANUAL: Final = re.compile(r"[A-Za-z0-9_.-]+\([1-9][a-z]*\)")
_IMPORTED: Final = re.compile(r"[^/:]+\.gift")
"""What `kmemquest import` writes until the author names the source."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
MOST_TOPICS: Final = 100
"""Structure files of one folder that are looked at."""


def bank_root() -> Path:
    """Return the folder of the bank that ships."""
    return assets_root() / "quiz"


def in_shipped_bank(path: Path) -> bool:
    """Tell whether a structure file is one of the bank that ships."""
    return path.resolve().parent == bank_root().resolve()


# --- sources ------------------------------------------------------------------------------


def source_mistake(source: str) -> str:
    """Return what is wrong with the form of a source, or nothing. Nobody can look it up here."""
    if _MANUAL.fullmatch(source) or _IMPORTED.fullmatch(source):
        return ""
    found = _SOURCE.fullmatch(source)
    parts = found["path"].split("/") if found else []
    if not parts or ".." in parts or "." in parts:
        return f"{source!r} is no source: expected path or path:symbol of the Linux 6.12 tree"
    if len(parts) == 1 and parts[0] in TREE_FILES:
        return ""
    if len(parts) > 1 and parts[0] in TREE_FOLDERS:
        return ""
    return f"{source!r} begins with no folder of the Linux 6.12 tree"


def source_problems(document: Document, topic: BankFile) -> list[Problem]:
    """Return a problem for each source of the wrong form."""
    return [
        document.problem(("questions", index, "sources", n), mistake, _source_hint(source))
        for index, entry in enumerate(topic.questions)
        for n, source in enumerate(entry.sources)
        if (mistake := source_mistake(source))
    ]


def _source_hint(source: str) -> str:
    near = did_you_mean(source.split("/", maxsplit=1)[0], TREE_FOLDERS) if "/" in source else ""
    return near or "e.g. mm/slub.c:kfree, or a file below Documentation/"


# --- ids ----------------------------------------------------------------------------------


def id_problems(document: Document, topic: BankFile, path: Path) -> list[Problem]:
    """Return a problem for each id that another topic of the bank that ships has already.

    A file named like a topic that ships is taken for a new edition of that one.
    """
    if in_shipped_bank(path):
        return []
    taken = _shipped_ids()
    return [
        document.problem(
            ("questions", index, "id"),
            f"the id {entry.id!r} is already in the bank, in its topic {taken[entry.id]!r}",
            f"choose another one, e.g. {topic.topic}-{entry.id}"[:120],
        )
        for index, entry in enumerate(topic.questions)
        if taken.get(entry.id, topic.topic) != topic.topic
    ]


@cache
def _shipped_ids() -> dict[str, str]:
    return {entry.id: path.stem for path in structure_files(bank_root()) for entry in scan(path)}


# --- misconceptions -----------------------------------------------------------------------


def belief_problems(
    document: Document, topic: BankFile, path: Path, words: dict[str, TextFile]
) -> list[Problem]:
    """Return a problem for each use of a misconception that no topic words in a language.

    Looked for in the topic's own `words` (by language), in the files beside it and in the bank
    that ships; these are read only when the own ones do not suffice.
    """
    problems = []
    used = {name for entry in topic.questions for name in entry.beliefs.values()}
    lacking = {
        language: missing
        for language, text in words.items()
        if (missing := used - set(text.beliefs))
    }
    known = {language: _known_beliefs(path, language) for language in lacking}
    for where, name in _uses(topic):
        languages = [
            language
            for language, missing in lacking.items()
            if name in missing and name not in known[language]
        ]
        if languages:
            everywhere = len(languages) == len(words)
            where_not = "" if everywhere else f" in {', '.join(languages)}"
            choices = set().union(*(known[language] for language in languages))
            choices |= set().union(*(words[language].beliefs for language in languages))
            hint = did_you_mean(name, sorted(choices - {name})) if everywhere else ""
            word_it = f"word it below beliefs: in {path.stem}.{languages[0]}.yaml"
            problems.append(
                document.problem(
                    where,
                    f"no topic words the belief {name!r}{where_not}",
                    f"{hint} Otherwise {word_it}" if hint.startswith("did") else word_it,
                )
            )
    return problems


def _uses(topic: BankFile) -> Iterator[tuple[YamlPath, str]]:
    for index, entry in enumerate(topic.questions):
        for option, name in entry.beliefs.items():
            yield ("questions", index, "beliefs", option), name


def _known_beliefs(path: Path, language: str) -> frozenset[str]:
    shipped = _shipped_beliefs(language)
    if in_shipped_bank(path):
        return shipped
    return shipped | _beliefs_of(structure_files(path.parent)[:MOST_TOPICS], language)


@cache
def _shipped_beliefs(language: str) -> frozenset[str]:
    return _beliefs_of(structure_files(bank_root()), language)


def _beliefs_of(files: Sequence[Path], language: str) -> frozenset[str]:
    """Return what the words beside structure files name; a broken file is told when checked."""
    found: set[str] = set()
    for path in files:
        try:
            words = read_yaml(path.with_name(f"{path.stem}.{language}.yaml"))
            found |= set(convert(words, TextFile).beliefs)
        except ProblemsFound:
            continue
    return frozenset(found)


# --- characters ---------------------------------------------------------------------------


def character_problems(document: Document) -> list[Problem]:
    """Return a problem for each text with a control character, which a terminal would obey."""
    problems = []
    waiting: list[tuple[YamlPath, Any]] = [((), document.data)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*path, key), each) for key, each in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, index), each) for index, each in enumerate(value)]
        elif isinstance(value, str) and (found := _CONTROL.search(value)):
            message = f"the text holds the control character U+{ord(found.group()):04X}"
            problems.append(document.problem(path, message, "remove it"))
    return sorted(problems, key=lambda problem: (problem.line, problem.column))
