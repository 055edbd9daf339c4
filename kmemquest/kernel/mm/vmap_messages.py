"""What the vmalloc code prints: failure reports and warnings (`mm/vmalloc.c`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.check.oops import bug, warn, warn_once
from kmemquest.kernel.events import Report
from kmemquest.kernel.gfp import NOWARN, format_gfp
from kmemquest.kernel.log import KERN_WARNING
from kmemquest.kernel.text.dump_stack import dump_stack, symbol
from kmemquest.kernel.text.pointer import hashed_pointer

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

FILE: Final = "mm/vmalloc.c"
REPORT_INTERVAL: Final = 10_000_000_000
"""Nanoseconds between two allocation failure reports (`nopage_rs`)."""


def caller_symbol(machine: Machine, fallback: str) -> str:
    """Return the `%pS` of the code that asks: the driver's statement, else `fallback`."""
    site = machine.site
    return symbol(machine, site) if site is not None else fallback


def refuse_in_interrupt(machine: Machine) -> bool:
    """BUG in interrupt context; True when that happened (`mm/vmalloc.c:__get_vm_area_node`)."""
    if not machine.context.in_interrupt:
        return False
    bug(machine, FILE, 3177, "__get_vm_area_node+0x113/0x130", kind="vmalloc-in-interrupt")
    return True


def warn_size_zero(machine: Machine) -> None:
    """vmalloc(0)."""
    warn_once(
        machine, "vmalloc-zero", FILE, 3838, "__vmalloc_node_range_noprof", kind="vmalloc-zero"
    )


def warn_vmalloc(machine: Machine, gfp: int, message: str, nid: int | None = None) -> None:
    """Report `vmalloc error: …` as `warn_alloc` does: one line, the stack and the memory state."""
    del nid
    if gfp & NOWARN:
        return
    warn_alloc(machine, gfp, message)


def warn_alloc(machine: Machine, gfp: int, message: str) -> None:
    """Print an allocation report with its own headline (`mm/page_alloc.c:warn_alloc`)."""
    context = machine.context
    nodes = machine.spec.nodes
    allowed = "0" if nodes == 1 else f"0-{nodes - 1}"
    headline = (
        f"{context.task.comm}: {message}, mode:{gfp:#x}({format_gfp(gfp)}), "
        f"nodemask=(null),cpuset=/,mems_allowed={allowed}"
    )
    lines = (headline, *dump_stack(machine, ("dump_stack_lvl", "warn_alloc")))
    machine.report(
        Report("vmalloc-failure", "message", headline, lines, site=context.site, detail=message),
        KERN_WARNING,
    )


def warn_bad_address(machine: Machine, address: int) -> None:
    """An address that is not page aligned was to be unmapped."""
    text = f"Trying to vfree() bad address ({hashed_pointer(machine, address)})"
    warn(machine, FILE, 3291, "remove_vm_area+0x54/0x60", text, kind="bad-vfree")


def warn_nonexistent(machine: Machine, address: int, call: str) -> None:
    """No area contains the address given to vfree or vunmap."""
    text = f"Trying to {call}() nonexistent vm area ({hashed_pointer(machine, address)})"
    line, function = (3426, "vfree+0x97/0x230") if call == "vfree" else (3461, "vunmap+0x4d/0x60")
    warn(machine, FILE, line, function, text, kind="bad-vfree")


def warn_vrealloc(machine: Machine, address: int) -> None:
    """Vrealloc of an address that no area contains."""
    text = f"Trying to vrealloc() nonexistent vm area ({hashed_pointer(machine, address)})"
    warn(machine, FILE, 4140, "vrealloc_noprof", text, kind="bad-vrealloc")
