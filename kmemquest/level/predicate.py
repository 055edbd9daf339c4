"""What goals are made of: a closed list of predicates, each with its parameters and its words.

A predicate is a msgspec Struct: its fields are what an author may write, `judge` decides over the
evidence, `text` is the sentence that the player reads. Text and check live in one class so that
they cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, TypeVar

import msgspec

from kmemquest.content.problem import Problem, did_you_mean
from kmemquest.content.safe_yaml import Document, YamlPath
from kmemquest.content.shape import mistakes
from kmemquest.level.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a predicate holds, why, and the event that broke it (its index), if one did.

    `why` is a sentence in the language in force; `kind` is a report kind when one explains it.
    """

    met: bool
    why: str
    event: int | None = None
    kind: str = ""
    line: int = 0
    """The driver's line of the first bad step, where no event of the recording tells it."""
    function: str = ""
    context: str = ""


class Predicate(msgspec.Struct, forbid_unknown_fields=True):
    """Base of all predicates; `word` is its name in level files."""

    word: ClassVar[str] = ""
    shorthand: ClassVar[str] = ""
    """The field that `word: value` sets; empty when only a mapping makes sense."""
    rule: ClassVar[str] = ""
    """The report kind whose rule explains a failure that no report tells of."""

    def judge(self, evidence: Evidence) -> Outcome:
        """Decide over a recording."""
        raise NotImplementedError

    def text(self) -> str:
        """Return the sentence for the player, in the language in force."""
        raise NotImplementedError

    def watched(self) -> tuple[str, ...]:
        """Return the driver's globals whose final values it needs."""
        return ()


P = TypeVar("P", bound=type[Predicate])

PREDICATES: Final[dict[str, type[Predicate]]] = {}


def predicate(kind: P) -> P:
    """Register a predicate class under its word."""
    assert kind.word not in PREDICATES
    PREDICATES[kind.word] = kind
    return kind


@dataclass(slots=True)
class Parsed:
    """The outcome of reading a predicate from a level file."""

    value: Predicate | None
    problems: list[Problem] = field(default_factory=list)


def load_predicates() -> dict[str, type[Predicate]]:
    """Return the whole list (the modules register themselves when imported)."""
    from kmemquest.level import goals_faults, goals_memory, goals_run

    del goals_faults, goals_memory, goals_run
    return PREDICATES


def parse_predicate(data: str | dict[str, Any], document: Document, path: YamlPath) -> Parsed:
    """Read `word`, `{word: value}` or `{word: {field: value}}`; all mistakes with their places."""
    known = load_predicates()
    if isinstance(data, dict) and len(data) != 1:
        found = ", ".join(data) or "none"
        hint = "write one of them, its parameters nested below it"
        problem = document.problem(path, f"expected one predicate, found {found}", hint)
        return Parsed(None, [problem])
    word = data if isinstance(data, str) else next(iter(data))
    if word not in known:
        hint = did_you_mean(word, known)
        at = path if isinstance(data, str) else (*path, word)
        problem = document.problem(
            at, f"unknown predicate {word!r}", hint, key=isinstance(data, dict)
        )
        return Parsed(None, [problem])
    kind = known[word]
    value: Any = {} if isinstance(data, str) else data[word]
    below: YamlPath = path if isinstance(data, str) else (*path, word)
    if not isinstance(value, dict) and kind.shorthand:
        field_info = next(
            f
            for f in msgspec.inspect.type_info(kind).fields  # type: ignore[attr-defined]
            if f.encode_name == kind.shorthand
        )
        problems = mistakes(document, below, value, field_info.type)
        value = {kind.shorthand: value}
        rest = [p for p in mistakes(document, below, value, kind) if "missing" in p.message]
        problems += rest
    else:
        problems = mistakes(document, below, value, kind)
    if problems:
        return Parsed(None, problems)
    return Parsed(msgspec.convert(value, kind))


def names(functions: list[str]) -> str:
    """Render function names for a sentence: `kmalloc(), vmalloc()`."""
    return ", ".join(f"{name}()" for name in functions)
