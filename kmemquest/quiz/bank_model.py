"""The bank's files: structure in `assets/quiz/<topic>.yaml`, wording beside it per language.

What each key means to an author is told in `assets/quiz/AUTHORING.md`; which kind takes which key
is checked in `bank_check`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

Id = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
Kind = Literal["single", "multiple", "numeric", "order", "code", "bug", "log", "match"]
Unit = Literal[
    "bytes", "pages", "objects", "slots", "order", "calls", "blocks", "cpus", "ns", "none"
]
Given = Literal[
    "x86-64",
    "32-bit",
    "4k-pages",
    "64k-pages",
    "max-order-10",
    "no-debug",
    "kasan",
    "slub-debug",
    "atomic-sleep-debug",
    "preempt-rt",
    "no-preempt-rt",
    "no-iommu",
    "no-memcg",
    "one-node",
    "two-nodes",
    "plain-kernel",
    "default-config",
]


class Run(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An experiment: a driver, what is done with it, and on which machine."""

    driver: Annotated[str, msgspec.Meta(min_length=1, max_length=16_000)]
    script: list[Any] | None = None
    machine: str = ""
    checkers: str = "debug"
    shown: bool = True


class BugRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which line of a run is the bug: that of a report, or one that the report points back to."""

    report: str = ""
    line: Literal["here", "allocated", "freed"] = "here"


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question without words."""

    id: Id
    kind: Kind
    difficulty: Annotated[int, msgspec.Meta(ge=1, le=5)]
    sources: Annotated[list[str], msgspec.Meta(min_length=1)]
    revision: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    tags: list[Id] = msgspec.field(default_factory=list)
    given: list[Given] = msgspec.field(default_factory=list)
    options: Annotated[list[Id], msgspec.Meta(max_length=8)] = msgspec.field(default_factory=list)
    correct: list[Id] = msgspec.field(default_factory=list)
    beliefs: dict[Id, Id] = msgspec.field(default_factory=dict)
    verdict: Literal["ok", "partly", "outdated", "wrong"] | None = None
    presentation: Literal["plain", "court"] = "plain"
    run: Run | None = None
    number: dict[str, Any] | None = None
    unit: Unit = "none"
    numbers: dict[Id, int] = msgspec.field(default_factory=dict)
    either: list[list[Id]] = msgspec.field(default_factory=list)
    at: dict[Id, Text] = msgspec.field(default_factory=dict)
    code: dict[Id, Code] = msgspec.field(default_factory=dict)
    goals: list[str | dict[str, Any]] = msgspec.field(default_factory=list)
    lines: dict[Id, Text] | bool = msgspec.field(default_factory=dict)
    bug: BugRule | None = None
    expects: dict[Id, list[str | dict[str, Any]]] = msgspec.field(default_factory=dict)
    pairs: dict[Id, Id] = msgspec.field(default_factory=dict)


class BankFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A topic's questions."""

    format_version: Annotated[int, msgspec.Meta(ge=1, le=1)]
    topic: Id
    questions: Annotated[list[Entry], msgspec.Meta(min_length=1, max_length=200)]


class OptionText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An option's words and the feedback for whoever chooses it."""

    feedback: Text
    text: str = ""


class EntryText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question's words in one language."""

    prompt: Text
    options: dict[str, OptionText]
    explanation: Text
    folk: str = ""
    claim: str = ""
    items: dict[str, Text] = msgspec.field(default_factory=dict)


class TextFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A topic's words in one language."""

    language: Literal["en", "zh_CN"]
    title: Annotated[str, msgspec.Meta(min_length=1)]
    questions: dict[str, EntryText]
    beliefs: dict[str, Text] = msgspec.field(default_factory=dict)
