"""The blocks that many reports share: stack dumps, WARN blocks, taint flags.

Source: `lib/dump_stack.c:dump_stack_print_info`, `kernel/panic.c:taint_flags`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.text.build import OWN, build_of, symbol_of
from kmemquest.kernel.text.entry_frames import entry_lines

if TYPE_CHECKING:
    from kmemquest.kernel.context import Frame
    from kmemquest.kernel.machine import Machine

RELEASE: Final = OWN.release
BUILD: Final = OWN.version

TAINT_ORDER: Final = "PFSRMBUDAWCIOELKXTN"
TAINT_WORDS: Final = {
    "P": "PROPRIETARY_MODULE",
    "F": "FORCED_MODULE",
    "S": "CPU_OUT_OF_SPEC",
    "R": "FORCED_RMMOD",
    "M": "MACHINE_CHECK",
    "B": "BAD_PAGE",
    "U": "USER",
    "D": "DIE",
    "A": "OVERRIDDEN_ACPI_TABLE",
    "W": "WARN",
    "C": "CRAP",
    "I": "FIRMWARE_WORKAROUND",
    "O": "OOT_MODULE",
    "E": "UNSIGNED_MODULE",
    "L": "SOFTLOCKUP",
    "K": "LIVEPATCH",
    "X": "AUX",
    "T": "RANDSTRUCT",
    "N": "TEST",
}
BYTES_PER_LINE: Final = 16
"""A simulated function's text: every source line of it counts as this many bytes."""


def format_taint(flags: frozenset[str] | set[str]) -> str:
    """Render `Not tainted` or `Tainted: G        W  O     ` with one column per flag."""
    if not flags:
        return "Not tainted"
    first = "P" if "P" in flags else "G"
    rest = "".join(flag if flag in flags else " " for flag in TAINT_ORDER[1:])
    return f"Tainted: {first}{rest}"


def symbol(machine: Machine, frame: Frame) -> str:
    """Render `function+0x{offset}/0x{length} [module]` for a driver frame.

    Offsets come from source lines: a simulated function's text has 16 bytes for each of them.
    """
    first, last = machine.checks.symbols.get(frame.function, (1, max(frame.line, 1)))
    offset = (max(frame.line, first) - first) * BYTES_PER_LINE + 5
    length = (max(last, frame.line) - first + 1) * BYTES_PER_LINE
    # Built-in code is part of the kernel: its symbols have no module.
    outside = frame.module and frame.module not in machine.checks.built_in
    module = f" [{frame.module}]" if outside else ""
    return f"{frame.function}+{offset:#x}/{length:#x}{module}"


def call_trace(
    machine: Machine, inner: tuple[str, ...] = (), *, skip_site: bool = False
) -> list[str]:
    """Render the `Call Trace:` part: kernel functions, the driver's frames, how it was entered.

    `inner` are the kernel's own functions between the driver and the report, innermost first.
    With `skip_site` the innermost driver frame is left out: it stands in the RIP line already.
    """
    context = machine.context
    build = build_of(machine)
    frames = context.stack[:-1] if skip_site else context.stack
    return [
        "Call Trace:",
        " <IRQ>" if context.in_interrupt else " <TASK>",
        *(f" {symbol_of(build, name)}" for name in inner),
        *(f" {symbol(machine, frame)}" for frame in reversed(frames)),
        *entry_lines(machine),
    ]


def stack_header(machine: Machine) -> list[str]:
    """Render the CPU line, the taint legend and the hardware line."""
    task, build = machine.context.task, build_of(machine)
    taint = machine.checks.taint
    # A replay of one subsystem has no slab allocator, and one CPU.
    cpu = getattr(getattr(machine, "slub", None), "cpu", 0)
    who = f"CPU: {cpu} UID: 0 PID: {task.pid} Comm: {task.comm}"
    lines = [f"{who} {format_taint(taint)} {build.identity}"]
    legend = [f"[{flag}]={word}" for flag, word in TAINT_WORDS.items() if flag in taint]
    if legend:
        lines.append("Tainted: " + ", ".join(legend))
    return [*lines, f"Hardware name: {build.hardware}"]


def dump_stack(machine: Machine, inner: tuple[str, ...] = ()) -> list[str]:
    """Render what `dump_stack()` prints."""
    return [*stack_header(machine), *call_trace(machine, inner)]


def modules_line(machine: Machine) -> str:
    """Render `Modules linked in: name(O)`; `+` marks one being loaded, `-` one being unloaded."""
    flags = build_of(machine).module_flags
    context = machine.context
    running = context.stack[0].module if context.stack else ""
    mark = {"insmod": "+", "rmmod": "-"}.get(context.task.comm, "")
    words = (f"{name}({flags}{mark if name == running else ''})" for name in machine.checks.modules)
    return f"Modules linked in: {' '.join(words)}".rstrip()
