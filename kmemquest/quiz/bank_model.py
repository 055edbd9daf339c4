"""The bank's files: structure in `assets/quiz/<topic>.yaml`, wording beside it per language."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Id = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question without words. `correct` are option ids."""

    id: Id
    kind: Literal["single", "multiple"]
    difficulty: Annotated[int, msgspec.Meta(ge=1, le=5)]
    options: Annotated[list[Id], msgspec.Meta(min_length=2, max_length=8)]
    correct: Annotated[list[Id], msgspec.Meta(min_length=1)]
    sources: Annotated[list[str], msgspec.Meta(min_length=1)]
    verdict: Literal["ok", "partly", "outdated", "wrong"] | None = None


class BankFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A topic's questions."""

    format_version: Annotated[int, msgspec.Meta(ge=1, le=1)]
    topic: Id
    questions: Annotated[list[Entry], msgspec.Meta(min_length=1)]


class OptionText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An option's words and the feedback for whoever chooses it."""

    text: Annotated[str, msgspec.Meta(min_length=1)]
    feedback: Annotated[str, msgspec.Meta(min_length=1)]


class EntryText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question's words in one language."""

    prompt: Annotated[str, msgspec.Meta(min_length=1)]
    options: dict[str, OptionText]
    explanation: Annotated[str, msgspec.Meta(min_length=1)]
    folk: str = ""


class TextFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A topic's words in one language."""

    language: Literal["en", "zh_CN"]
    title: Annotated[str, msgspec.Meta(min_length=1)]
    questions: dict[str, EntryText]
