"""Names that a statement may use, with their prototypes, read from the driver room's headers."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Final

from kmemquest.level.sandbox import INCLUDES

_PROTOTYPE: Final = re.compile(
    r"^(?!\s|#|typedef|struct \w+ \{|return)([A-Za-z_][\w\s*]*?[\s*])(\w+)\s*(\([^;{}]*\))\s*[;{]",
    re.MULTILINE,
)
_MACRO: Final = re.compile(r"^#define\s+(\w+)(\([\w\s,.]*\))?[ \t]+\S", re.MULTILINE)
_INCLUDE: Final = re.compile(r'^#include [<"]([^">]+)[">]', re.MULTILINE)


@lru_cache(maxsize=1)
def signatures() -> dict[str, str]:
    """Name -> prototype (or macro head) of all that the sandbox's headers declare."""
    import kmemquest.driver

    root = Path(kmemquest.driver.__file__).parent / "include"
    found: dict[str, str] = {}
    waiting = [f"linux/{name}" for name in INCLUDES]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop(0)
        path = root / name
        if name in seen or not path.is_file():
            continue
        seen.add(name)
        text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        waiting += _INCLUDE.findall(text)
        for kind, function, parameters in _PROTOTYPE.findall(text):
            words = " ".join(f"{kind}{function}{parameters}".split())
            words = re.sub(r"^(static |inline |extern |__must_check |__malloc )+", "", words)
            words = re.sub(r"\s+__\w+(\([^()]*\))?$", "", words)
            found.setdefault(function, words)
        for macro, parameters in _MACRO.findall(text):
            if not macro.startswith(("_LINUX", "__LINUX", "_")):
                found.setdefault(macro, f"{macro}{parameters}")
    return dict(sorted(found.items()))


def completions(prefix: str, known: tuple[str, ...] = ()) -> list[str]:
    """Names that begin with a prefix: the player's own first, short ones first."""
    if not prefix:
        return []
    own = [name for name in known if name.startswith(prefix)]
    names = [name for name in signatures() if name.startswith(prefix)]
    return [*own, *sorted(names, key=lambda name: (len(name), name))]


def last_word(text: str) -> str:
    """The name at the end of what was typed."""
    found = re.search(r"[A-Za-z_]\w*$", text)
    return found[0] if found else ""


def open_call(text: str) -> str:
    """The function whose parentheses are open at the end of what was typed."""
    depth = 0
    for index in range(len(text) - 1, -1, -1):
        if text[index] == ")":
            depth += 1
        elif text[index] == "(":
            depth -= 1
            if depth < 0:
                return last_word(text[:index])
    return ""
