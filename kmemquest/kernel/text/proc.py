"""Files of /proc that tell about memory, rendered from the machine's state."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

_RENDERERS: Final[dict[str, tuple[str, str]]] = {
    "buddyinfo": ("buddyinfo", "buddyinfo"),
    "cmdline": ("meminfo", "cmdline"),
    "iomem": ("iomem", "iomem"),
    "meminfo": ("meminfo", "meminfo"),
    "pagetypeinfo": ("pagetypeinfo", "pagetypeinfo"),
    "slabinfo": ("slabinfo", "slabinfo"),
    "vmallocinfo": ("vmallocinfo", "vmallocinfo"),
    "zoneinfo": ("zoneinfo", "zoneinfo"),
}
"""File name -> (module beside this one, function)."""

PROC_FILES: Final = tuple(_RENDERERS)
"""The names that `proc_file` knows."""


def proc_file(machine: Machine, name: str) -> str:
    """Return the text of /proc/`name`; ValueError lists the names there are."""
    short = name.removeprefix("/proc/")
    if short not in _RENDERERS:
        known = ", ".join(PROC_FILES)
        raise ValueError(f"there is no /proc/{short} here: expected one of {known}")
    module, function = _RENDERERS[short]
    render: Callable[[Machine], str] = getattr(
        import_module(f"kmemquest.kernel.text.{module}"), function
    )
    return render(machine)
