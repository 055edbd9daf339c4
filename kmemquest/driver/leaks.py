"""What is left behind when a module is unloaded, and what the kernel says of it: mostly nothing.

Source: `mm/kmemleak.c` for the one checker that looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver.devices import world_of
from kmemquest.kernel.address import is_direct_map_address, page_align
from kmemquest.kernel.events import Report
from kmemquest.kernel.text.dump_stack import symbol

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine
    from kmemquest.kernel.check.ledger import Holding
    from kmemquest.kernel.context import Frame

TRACKED: Final = frozenset(
    ("kmalloc", "kvmalloc", "vmalloc", "cache-object", "percpu", "mempool", "workqueue")
)
"""Kinds that kmemleak knows; pages, mappings and registrations it does not."""
PERMANENT: Final = frozenset(("memblock", "memblock-phys"))
"""What early boot takes is meant to stay."""
REPORT_KINDS: Final = {
    "irq": "irq-not-freed",
    "timer": "timer-not-stopped",
    "misc-device": "device-not-removed",
    "cdev": "device-not-removed",
    "chrdev-region": "device-not-removed",
    "driver": "device-not-removed",
    "device": "device-not-removed",
}
HEX_BYTES: Final = 32
ROW: Final = 16


def report_leaks(engine: Engine, *, scan: bool = True) -> list[Report]:
    """Report everything the driver still holds; return the reports in order of allocation.

    With `scan` a kernel with kmemleak speaks, as if somebody had asked it for its scans later on;
    of itself it looks only every ten minutes.
    """
    machine = engine.machine
    left = [item for item in machine.checks.book.live() if item.kind not in PERMANENT]
    asked = scan and machine.checks.config.kmemleak
    seen = [item for item in left if item.kind in TRACKED] if asked else []
    if seen:
        text = f"kmemleak: {len(seen)} new suspected memory leaks (see /sys/kernel/debug/kmemleak)"
        machine.log.print(text, 6)
    reports = []
    for holding in left:
        report = kmemleak_report(engine, holding) if holding in seen else _silent(holding)
        machine.report(report, 6)
        reports.append(report)
    return reports


def _related(holding: Holding) -> tuple[tuple[str, Frame], ...]:
    return (("allocated", holding.site),) if holding.site is not None else ()


def _silent(holding: Holding) -> Report:
    kind = REPORT_KINDS.get(holding.kind, "leak")
    size = f"{holding.size} bytes from " if holding.size else "from "
    return Report(
        kind,
        "silent",
        "",
        address=holding.address & ((1 << 64) - 1),
        site=holding.site,
        related=_related(holding),
        spoken=False,
        detail=f"{holding.kind}: {size}{holding.function}()",
    )


def kmemleak_report(engine: Engine, holding: Holding) -> Report:
    """One object of /sys/kernel/debug/kmemleak; its size is that of the slab object."""
    machine = engine.machine
    address, size = holding.address, holding.size
    if is_direct_map_address(address) and machine.slub.slab_of(address) is not None:
        cache = machine.slub.cache_of(address)
        size = cache.object_size if cache is not None else size
    comm, pid = world_of(engine).takers.get(address, ("insmod", 0))
    if holding.kind == "vmalloc":
        size = page_align(size)
    kind = " (percpu)" if holding.kind == "percpu" else ""
    headline = f"unreferenced object{kind} 0x{address:016x} (size {size})"
    shown = min(size, HEX_BYTES)
    lines = [
        f"{headline}:",
        f'  comm "{comm}", pid {pid}, jiffies {4294892296 + holding.time // 4_000_000}',
        f"  hex dump (first {shown} bytes):",
    ]
    data = machine.memory.peek(address, shown)
    for start in range(0, shown, ROW):
        row = data[start : start + ROW]
        words = " ".join(f"{byte:02x}" for byte in row)
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"    {words:<{3 * ROW - 1}}  {text}")
    lines.append("  backtrace (crc 0):")
    lines.append(f"    {holding.function}")
    if holding.site is not None:
        lines.append(f"    {symbol(machine, holding.site)}")
    return Report(
        "leak",
        "kmemleak report",
        headline,
        tuple(lines),
        address=address,
        site=holding.site,
        related=_related(holding),
        detail=f"{holding.kind}: {holding.size} bytes from {holding.function}()",
    )
