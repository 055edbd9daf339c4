"""What the kernel's headers declare: where a name is, and what a function gives back."""

from __future__ import annotations

import re
from dataclasses import dataclass
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

_PROTOTYPE: Final = re.compile(
    r"^(?:static inline )?(?P<result>[a-z_][\w ]*?[ *]+)(?P<name>\w+)\((?P<parameters>[^;{()]*)\)",
    re.MULTILINE,
)
_NAMED: Final = "const char *name"
"""The last parameter of what stands behind a macro that hands on a lock's name."""


@dataclass(frozen=True, slots=True)
class _Prototype:
    nothing: bool
    named: bool


def returns_nothing(function: str) -> bool:
    """Tell whether a kernel function, by the name that drivers use, is declared as void."""
    found = _prototype(function)
    return found is not None and found.nothing


def written_arguments(function: str, arguments: tuple[int, ...]) -> tuple[int, ...]:
    """Return the arguments that a driver writes: not the name that a lock's macro adds."""
    found = _prototypes().get(f"__kmq_{function}")
    return arguments[:-1] if found is not None and found.named else arguments


def _prototype(function: str) -> _Prototype | None:
    known = _prototypes()
    return known.get(f"__kmq_{function}") or known.get(function)


@cache
def _prototypes() -> dict[str, _Prototype]:
    found: dict[str, _Prototype] = {}
    for path in sorted(INCLUDE_FOLDER.rglob("*.h"), key=_distance):
        for match in _PROTOTYPE.finditer(path.read_text(encoding="utf-8")):
            nothing = match["result"].split() == ["void"]
            named = match["parameters"].endswith(_NAMED)
            found.setdefault(match["name"], _Prototype(nothing, named))
    return found


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
