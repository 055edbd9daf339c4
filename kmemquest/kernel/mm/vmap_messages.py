"""What the vmalloc code prints: failure reports and warnings (`mm/vmalloc.c`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.check.oops import bug, warn, warn_once
from kmemquest.kernel.events import Report
from kmemquest.kernel.gfp import NOWARN
from kmemquest.kernel.log import KERN_WARNING
from kmemquest.kernel.text.dump_stack import dump_stack, symbol
from kmemquest.kernel.text.mem_info import mem_info
from kmemquest.kernel.text.page_failure_report import (
    REPORT_INTERVAL,
    allowed_nodes,
    failure_line,
)
from kmemquest.kernel.text.pointer import hashed_pointer

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

FILE: Final = "mm/vmalloc.c"
FAILURE_FRAMES: Final = (
    "dump_stack_lvl",
    "warn_alloc",
    "__vmalloc_node_range_noprof",
    "__vmalloc_node_noprof",
)


def caller_symbol(machine: Machine, fallback: str) -> str:
    """Return the `%pS` of the code that asks: the driver's statement, else `fallback`."""
    site = machine.site
    return symbol(machine, site) if site is not None else fallback


def refuse_in_interrupt(machine: Machine) -> bool:
    """BUG in interrupt context; True when that happened (`mm/vmalloc.c:__get_vm_area_node`)."""
    if not machine.context.in_interrupt:
        return False
    bug(machine, FILE, 3177, "__get_vm_area_node+0x113/0x130")
    return True


def warn_size_zero(machine: Machine) -> None:
    """vmalloc(0)."""
    warn_once(machine, "vmalloc-zero", FILE, 3838, "__vmalloc_node_range_noprof+0x7d3/0x850")


def warn_vmalloc(machine: Machine, gfp: int, message: str) -> None:
    """Report `vmalloc error: …` as `warn_alloc` does: headline, stack and the memory state.

    The kernel limits its allocation reports together to one in ten seconds; one that falls
    victim to that still reaches the event stream, marked as not spoken.
    """
    if gfp & NOWARN:
        return
    headline = failure_line(machine.context.task.comm, message, gfp, allowed_nodes(machine))
    spoken = _may_report(machine)
    lines: tuple[str, ...] = ()
    if spoken:
        lines = (headline, *dump_stack(machine, FAILURE_FRAMES), *mem_info(machine, gfp))
    machine.report(
        Report(
            "page-allocation-failure",
            "message" if spoken else "silent",
            headline,
            lines,
            site=machine.site,
            spoken=spoken,
            detail=message,
        ),
        KERN_WARNING,
    )


def _may_report(machine: Machine) -> bool:
    """Use up the one report in ten seconds, shared with the page allocator's."""
    reclaim = machine.reclaim
    now, last = machine.clock.now, reclaim._last_failure_report
    if last is not None and now - last < REPORT_INTERVAL:
        return False
    reclaim._last_failure_report = now
    return True


def warn_bad_address(machine: Machine, address: int) -> None:
    """An address that is not page aligned was to be unmapped."""
    text = f"Trying to vfree() bad address ({hashed_pointer(machine, address)})"
    warn(machine, FILE, 3291, "remove_vm_area+0x54/0x60", text, kind="invalid-free")


def warn_nonexistent(machine: Machine, address: int, call: str) -> None:
    """No area contains the address given to vfree or vunmap: mostly a second free."""
    text = f"Trying to {call}() nonexistent vm area ({hashed_pointer(machine, address)})"
    line, function = (3426, "vfree+0x97/0x230") if call == "vfree" else (3461, "vunmap+0x4d/0x60")
    freed_before = machine.vmalloc.space.is_lazy(address)
    kind = "double-free" if freed_before else "invalid-free"
    warn(machine, FILE, line, function, text, kind=kind)


def warn_vrealloc(machine: Machine, address: int) -> None:
    """`vrealloc` of an address that no area contains."""
    text = f"Trying to vrealloc() nonexistent vm area ({hashed_pointer(machine, address)})"
    warn(machine, FILE, 4140, "vrealloc_noprof", text, kind="invalid-free")
