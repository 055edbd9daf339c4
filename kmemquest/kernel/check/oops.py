"""WARN, BUG, oops and panic: what the kernel prints and what becomes of the running code.

Source: `kernel/panic.c:__warn`, `arch/x86/mm/fault.c:show_fault_oops`,
`arch/x86/kernel/dumpstack.c`, `arch/x86/kernel/traps.c`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import PAGE_SIZE, is_user_address
from kmemquest.kernel.events import Report
from kmemquest.kernel.log import KERN_ALERT, KERN_EMERG, KERN_WARNING
from kmemquest.kernel.text.dump_stack import (
    call_trace,
    dump_stack,
    modules_line,
    stack_header,
    symbol,
)

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

CUT_HERE: Final = "------------[ cut here ]------------"
END_TRACE: Final = "---[ end trace 0000000000000000 ]---"
CANONICAL_LOW_END: Final = 1 << 47
CANONICAL_HIGH_START: Final = (1 << 64) - (1 << 47)


def warn(
    machine: Machine,
    file: str,
    line: int,
    function: str,
    message: str = "",
    *,
    kind: str = "warning",
    after: tuple[str, ...] = (),
) -> None:
    """Print a WARNING block; execution goes on. `after` are lines that follow the block."""
    context = machine.context
    head = f"WARNING: CPU: 0 PID: {context.task.pid} at {file}:{line} {function}"
    lines = [
        CUT_HERE,
        *([message] if message else []),
        head,
        modules_line(machine),
        *stack_header(machine),
        f"RIP: 0010:{function}",
        *call_trace(machine, (function,)),
        END_TRACE,
        *after,
    ]
    machine.report(
        Report(kind, "WARN", message or head, tuple(lines), site=context.site, detail=function),
        KERN_WARNING,
    )
    machine.checks.taint.add("W")


def warn_once(
    machine: Machine,
    key: str,
    file: str,
    line: int,
    function: str,
    message: str = "",
    *,
    kind: str = "warning",
    after: tuple[str, ...] = (),
) -> bool:
    """Print a WARNING block the first time `key` is met; tell whether it was printed."""
    if not machine.checks.once(key):
        return False
    warn(machine, file, line, function, message, kind=kind, after=after)
    return True


def bug(machine: Machine, file: str, line: int, function: str, *, kind: str = "kernel-bug") -> None:
    """BUG(): an invalid-opcode oops that ends the task, or the machine in interrupt context."""
    headline = f"kernel BUG at {file}:{line}!"
    _oops(machine, kind, headline, [CUT_HERE, headline], "invalid opcode: 0000", function)


def divide_error_oops(machine: Machine, function: str) -> None:
    """Oops of a division by zero (`kmem_cache_create` with size 0 ends so)."""
    headline = f"Oops: divide error: 0000 [#{machine.checks.oops_count + 1}] PREEMPT SMP NOPTI"
    _oops(machine, "divide-error", headline, [headline], "", function)


def page_fault_oops(
    machine: Machine, address: int, size: int, *, write: bool, function: str = ""
) -> None:
    """Oops of an access to an unmapped or non-canonical kernel address.

    `function` is the kernel's own function that made the access; empty means the driver's code.
    """
    if CANONICAL_LOW_END <= address < CANONICAL_HIGH_START:
        general_protection_oops(machine, address, function)
        return
    if address < PAGE_SIZE:
        headline = f"BUG: kernel NULL pointer dereference, address: {address:016x}"
        kind = "null-dereference"
    else:
        headline = f"BUG: unable to handle page fault for address: {address:016x}"
        kind = "user-pointer-dereference" if is_user_address(address) else "page-fault"
    access = "write" if write else "read"
    code = 0x0002 if write else 0x0000
    lines = [
        headline,
        f"#PF: supervisor {access} access in kernel mode",
        f"#PF: error_code({code:#06x}) - not-present page",
        "PGD 0 P4D 0 ",
    ]
    detail = f"{access} of {size} bytes"
    trap = f"Oops: {code:04x}"
    _oops(machine, kind, headline, lines, trap, function, address=address, detail=detail)


def general_protection_oops(machine: Machine, address: int, function: str = "") -> None:
    """Oops of an access through a non-canonical address (a poisoned pointer, mostly)."""
    headline = (
        "Oops: general protection fault, probably for non-canonical address "
        f"{address:#x}: 0000 [#{machine.checks.oops_count + 1}] PREEMPT SMP NOPTI"
    )
    _oops(machine, "general-protection-fault", headline, [headline], "", function, address=address)


def panic(machine: Machine, message: str, *, kind: str = "panic") -> None:
    """Stop the machine: nothing runs after this."""
    headline = f"Kernel panic - not syncing: {message}"
    lines = [
        headline,
        *dump_stack(machine, ("dump_stack_lvl", "panic")),
        f"---[ end Kernel panic - not syncing: {message} ]---",
    ]
    machine.report(
        Report(kind, "panic", headline, tuple(lines), site=machine.site, detail=message),
        KERN_EMERG,
    )
    from kmemquest.kernel.machine import Fate

    machine.fate = Fate.PANICKED


def _oops(
    machine: Machine,
    kind: str,
    headline: str,
    head: list[str],
    trap: str,
    function: str,
    *,
    address: int = 0,
    detail: str = "",
) -> None:
    checks, context = machine.checks, machine.context
    checks.oops_count += 1
    frame = context.site
    where = function or (symbol(machine, frame) if frame is not None else "0x0")
    lines = list(head)
    if trap:
        lines.append(f"Oops: {trap} [#{checks.oops_count}] PREEMPT SMP NOPTI")
    lines += stack_header(machine)
    lines.append(f"RIP: 0010:{where}")
    lines += call_trace(machine, (function,) if function else ())
    lines.append(modules_line(machine))
    if kind in ("null-dereference", "page-fault", "user-pointer-dereference"):
        lines.append(f"CR2: {address:016x}")
    lines.append(END_TRACE)
    machine.kill_task()
    deadly = context.in_interrupt
    if deadly:
        message = "Fatal exception in interrupt"
        lines += [
            f"Kernel panic - not syncing: {message}",
            f"---[ end Kernel panic - not syncing: {message} ]---",
        ]
    elif context.irqs_disabled:
        lines.append(f"note: {context.task.comm}[{context.task.pid}] exited with irqs disabled")
    severity = "panic" if deadly else "oops"
    report = Report(
        kind,
        severity,
        headline,
        tuple(lines),
        address=address,
        site=frame,
        detail=detail or function,
    )
    machine.report(report, KERN_ALERT)
    checks.taint.add("D")
