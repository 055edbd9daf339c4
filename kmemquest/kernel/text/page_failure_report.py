"""`page allocation failure`: what the kernel prints when a request fails (`warn_alloc`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.events import Report
from kmemquest.kernel.log import KERN_WARNING
from kmemquest.kernel.text.dump_stack import dump_stack
from kmemquest.kernel.text.mem_info import mem_info

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

REPORT_INTERVAL: Final = 10_000_000_000
"""At most one report in ten seconds, in nanoseconds."""
ALLOCATOR_FRAMES: Final = (
    "dump_stack_lvl",
    "warn_alloc",
    "__alloc_pages_slowpath.constprop.0",
    "__alloc_pages_noprof",
    "alloc_pages_mpol_noprof",
)


def allowed_nodes(machine: Machine) -> str:
    """Render the `mems_allowed` list: `0` or `0-1`."""
    last = len(machine.pages.nodes) - 1
    return f"0-{last}" if last else "0"


def failure_line(comm: str, words: str, gfp: int, nodes: str) -> str:
    """Render the first line of what `warn_alloc` prints; `nodes` is the list of allowed nodes."""
    return (
        f"{comm}: {words}, mode:{gfp:#x}({_gfp.format_gfp(gfp)}), nodemask=(null),cpuset=/,"
        f"mems_allowed={nodes}"
    )


def print_failure(machine: Machine, gfp: int, order: int, last: int | None, now: int) -> int | None:
    """Print the report unless the last one is too young; return when the last one was printed.

    A report that is suppressed still reaches the event stream, marked as not spoken. A request
    for zone DMA on a machine without that zone is not reported at all.
    """
    if gfp & _gfp.NOWARN or (gfp & _gfp.GFP_DMA and machine.pages.zones[0].index != 0):
        return last
    words = f"page allocation failure: order:{order}"
    headline = failure_line(machine.context.task.comm, words, gfp, allowed_nodes(machine))
    spoken = last is None or now - last >= REPORT_INTERVAL
    lines: tuple[str, ...] = ()
    if spoken:
        trace = dump_stack(machine, ALLOCATOR_FRAMES)
        lines = (headline, *trace, *mem_info(machine, gfp))
    report = Report(
        "page-allocation-failure",
        "message" if spoken else "silent",
        headline,
        lines,
        site=machine.site,
        spoken=spoken,
        detail=f"order {order}, {_gfp.format_gfp(gfp)}",
    )
    machine.report(report, KERN_WARNING)
    return now if spoken else last
