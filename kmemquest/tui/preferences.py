"""The player's settings: what each is called, what it may be, and what it is now."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from kmemquest.i18n import LANGUAGES, language_of_environment
from kmemquest.tui import themes

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "language": LANGUAGES,
    "theme": themes.NAMES,
    "motion": ("full", "reduced", "none"),
    "glyphs": ("unicode", "ascii"),
}
"""Every setting and its values, the first being the default."""


FEW_COLOURS: Final = "okabe-ito"
"""The theme whose hues stay apart where there are sixteen."""


class Memory(Protocol):
    """Where settings are kept; `kmemquest.store.Store` is one."""

    def get(self, name: str, default: str = "") -> str:
        """A remembered value."""

    def set(self, name: str, value: str) -> None:
        """Remember a value."""


@dataclass(slots=True)
class Preferences:
    """The settings in force."""

    language: str = "en"
    theme: str = themes.DEFAULT
    motion: str = "full"
    glyphs: str = "unicode"

    @classmethod
    def load(cls, memory: Memory, language: str | None = None) -> Preferences:
        """What the player chose; otherwise what the environment suggests."""
        found = cls(language=language_of_environment(dict(os.environ)))
        for name, values in CHOICES.items():
            value = memory.get(name)
            if value in values:
                setattr(found, name, value)
        if not memory.get("theme") and _few_colours(os.environ):
            found.theme = FEW_COLOURS
        if not memory.get("motion") and os.environ.get("TEXTUAL_ANIMATIONS") == "none":
            found.motion = "none"
        if language in CHOICES["language"]:
            found.language = str(language)
        return found


def _few_colours(environment: Mapping[str, str]) -> bool:
    """Whether a terminal says, by the usual variables, that it has sixteen colours."""
    if environment.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return False
    name = environment.get("TERM", "")
    return name.startswith(("xterm", "linux", "vt", "ansi", "screen", "rxvt")) and name in (
        name.partition("-")[0],
        f"{name.partition('-')[0]}-16color",
    )
