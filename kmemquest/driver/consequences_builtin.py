"""Built-in code of a recorded kernel that an index does not hold.

A module's source may name a symbol that no header declares: the kernel it was recorded on had code
of its own built in, which exported it. All that built-in code can have and a module cannot is
memory of the kernel image's init sections, which is gone after boot. So a pointer that only such
code can have set is taken to point there. What the missing code *did* by itself cannot be known.
"""

from __future__ import annotations

import re
from typing import Final

from kmemquest.driver.build import Build
from kmemquest.driver.placement import KERNEL_INIT

_UNDEFINED: Final = re.compile(r'modpost: "(\w+)" \[')
_POINTER: Final = r"extern\b[^;]*\(\s*\*\s*{name}\s*\)|extern\b[^;(]*\*\s*{name}\s*;"


def undefined(built: Build) -> list[str]:
    """Return the symbols that nobody defines, if nothing else is wrong with a build."""
    errors = [str(item) for item in built.diagnostics if item.severity == "error"]
    found = [_UNDEFINED.search(text) for text in errors]
    return [match[1] for match in found if match] if all(found) else []


def definitions(names: list[str], source: str) -> str:
    """Return C that defines pointers as the built-in code would have left them."""
    return "".join(
        f"typeof({name}) {name} = (void *){KERNEL_INIT:#x}UL;\n"
        for name in dict.fromkeys(names)
        if re.search(_POINTER.format(name=name), source)
    )
