"""Which header of the kernel declares a name: asked only when a driver forgot to include it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

INCLUDE_FOLDER: Final = Path(__file__).parent / "include"
"""The only place where `#include` looks."""
_DECLARED: Final = re.compile(
    r"^(?:[a-z_][\w\s*()]*?[\s*])?(?P<function>[A-Za-z_]\w*)\s*\("
    r"|^#define\s+(?P<macro>[A-Za-z_]\w*)"
    r"|^\s+(?P<constant>[A-Z][A-Z0-9_]+)\s*(?:=|,|$)"
    r"|^(?:typedef\s.*?|\} )(?P<type>\w+);$"
)
"""The name that a line of a header declares; bodies of inline functions are indented by tabs."""


def missing_include(name: str) -> str:
    """Return what to write to have `name`, as a sentence; empty if no header declares it."""
    header = _index().get(name, "")
    return f"#include <{header}> declares it" if header else ""


def unknown_type_hint(name: str) -> str:
    """Return how to mend a type that nothing has declared."""
    return missing_include(name) or "include the header that defines it, or check the spelling"


@cache
def _index() -> dict[str, str]:
    index: dict[str, str] = {}
    for path in sorted(INCLUDE_FOLDER.rglob("*.h"), key=_distance):
        whole = path.with_name(path.name.replace("_types.h", ".h"))
        name = str((whole if whole.exists() else path).relative_to(INCLUDE_FOLDER))
        for line in path.read_text(encoding="utf-8").splitlines():
            if found := _DECLARED.match(line):
                index.setdefault(found[found.lastgroup or 0], name)
    return index


def _distance(path: object) -> tuple[bool, str]:
    """A driver includes <linux/…>, hardly ever <asm/…> or <uapi/…>."""
    text = str(path)
    return "/include/linux/" not in text, text
