"""The blocks that many reports share: stack dumps, WARN blocks, taint flags.

Source: `lib/dump_stack.c:dump_stack_print_info`, `kernel/panic.c:taint_flags`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kmemquest.kernel.context import Context, Frame
    from kmemquest.kernel.machine import Machine

RELEASE: Final = "6.12.107"
BUILD: Final = "#1"
HARDWARE: Final = "QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.16.2-1 04/01/2014"

TAINT_ORDER: Final = "PFSRMBUDAWCIOELKXTN"
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
    module = f" [{frame.module}]" if frame.module else ""
    return f"{frame.function}+{offset:#x}/{length:#x}{module}"


def call_trace(machine: Machine, inner: tuple[str, ...] = ()) -> list[str]:
    """Render the `Call Trace:` part: kernel functions first, then the driver's frames.

    `inner` are the kernel's own functions between the driver and the report, innermost first.
    """
    context = machine.context
    lines = ["Call Trace:"]
    tag = _stack_name(context)
    lines.append(f" <{tag}>")
    lines += [f" {name}" for name in inner]
    lines += [f" {symbol(machine, frame)}" for frame in reversed(context.stack)]
    lines.append(f" </{tag}>")
    return lines


def stack_header(machine: Machine) -> list[str]:
    """Render the CPU line, the taint legend and the hardware line."""
    task = machine.context.task
    taint = format_taint(machine.checks.taint)
    lines = [f"CPU: 0 UID: 0 PID: {task.pid} Comm: {task.comm} {taint} {RELEASE} {BUILD}"]
    legend = [
        text
        for flag, text in (
            ("B", "[B]=BAD_PAGE"),
            ("D", "[D]=DIE"),
            ("W", "[W]=WARN"),
            ("O", "[O]=OOT_MODULE"),
        )
        if flag in machine.checks.taint
    ]
    if legend:
        lines.append("Tainted: " + ", ".join(legend))
    lines.append(f"Hardware name: {HARDWARE}")
    return lines


def dump_stack(machine: Machine, inner: tuple[str, ...] = ()) -> list[str]:
    """Render what `dump_stack()` prints."""
    return [*stack_header(machine), *call_trace(machine, inner)]


def modules_line(machine: Machine) -> str:
    """Render `Modules linked in: name(O)`."""
    names = " ".join(f"{name}(O)" for name in machine.checks.modules)
    return f"Modules linked in: {names}".rstrip()


def _stack_name(context: Context) -> str:
    return "IRQ" if context.in_interrupt else "TASK"
