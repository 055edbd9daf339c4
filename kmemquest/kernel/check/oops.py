"""WARN, BUG, oops and panic: what the kernel prints and what becomes of the running code.

Source: `kernel/panic.c:__warn`, `arch/x86/mm/fault.c:show_fault_oops`,
`arch/x86/kernel/dumpstack.c`, `arch/x86/kernel/traps.c`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import (
    KERNEL_IMAGE_START,
    PAGE_SIZE,
    VMALLOC_START,
    is_user_address,
)
from kmemquest.kernel.events import Report
from kmemquest.kernel.log import KERN_ALERT, KERN_EMERG, KERN_WARNING
from kmemquest.kernel.text.build import build_of, located
from kmemquest.kernel.text.dump_stack import (
    call_trace,
    dump_stack,
    modules_line,
    stack_header,
    symbol,
)
from kmemquest.kernel.text.registers import kernel_registers

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

CUT_HERE: Final = "------------[ cut here ]------------"
END_TRACE: Final = "---[ end trace 0000000000000000 ]---"
CANONICAL_LOW_END: Final = 1 << 47
CANONICAL_HIGH_START: Final = (1 << 64) - (1 << 47)
SHADOW_OFFSET: Final = 0xDFFF_FC00_0000_0000
"""Inline KASAN looks for the shadow of address a at this plus a/8 (`KASAN_SHADOW_OFFSET`)."""
PROGRAMS_START: Final = 1 << 32
"""Programs, their heaps and stacks lie above; what is below is a number that is no address."""
PAGE_FAULTS: Final = ("null-dereference", "page-fault", "user-pointer-dereference")
PF_PRESENT: Final = 0x01
PF_WRITE: Final = 0x02
PF_FETCH: Final = 0x10
"""Bits of a page fault's error code (`enum x86_pf_error_code`)."""
IMAGE_END: Final = KERNEL_IMAGE_START + (32 << 20)
NX_LINE: Final = "kernel tried to execute NX-protected page - exploit attempt? (uid: 0)"
TABLE: Final = 0x067
"""Bits of a page table entry that points to the next table: present, writable, user, used."""


def warn(
    machine: Machine,
    file: str,
    line: int,
    function: str,
    message: str = "",
    *,
    kind: str = "warning",
    after: tuple[str, ...] = (),
    inner: tuple[str, ...] = (),
    operands: tuple[int, ...] = (),
) -> None:
    """Print a WARNING block; execution goes on. `after` are lines that follow the block.

    `inner` are the kernel functions between the driver and `function`, innermost first;
    `operands` are the first arguments of `function`, shown in their registers.
    """
    context = machine.context
    line, where = _place(machine, file, line, function)
    head = f"WARNING: CPU: 0 PID: {context.task.pid} at {file}:{line} {where}"
    lines = [
        CUT_HERE,
        *([message] if message else []),
        head,
        modules_line(machine),
        *stack_header(machine),
        *kernel_registers(machine, where, operands),
        *call_trace(machine, inner, skip_site=_is_site(machine, where)),
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
    inner: tuple[str, ...] = (),
    operands: tuple[int, ...] = (),
) -> bool:
    """Print a WARNING block the first time `key` is met; tell whether it was printed."""
    if not machine.checks.once(key):
        return False
    warn(
        machine,
        file,
        line,
        function,
        message,
        kind=kind,
        after=after,
        inner=inner,
        operands=operands,
    )
    return True


def bug(machine: Machine, file: str, line: int, function: str, *, kind: str = "kernel-bug") -> None:
    """BUG(): an invalid-opcode oops that ends the task, or the machine in interrupt context."""
    line, where = _place(machine, file, line, function)
    headline = f"kernel BUG at {file}:{line}!"
    head = [CUT_HERE, headline, _oops_line(machine, "invalid opcode: 0000")]
    _oops(machine, kind, headline, head, where, detail=function)


def divide_error_oops(machine: Machine, function: str, inner: tuple[str, ...] = ()) -> None:
    """Oops of a division by zero (`kmem_cache_create` with size 0 ends so)."""
    headline = _oops_line(machine, "divide error: 0000")
    where = _faulting(machine, function)
    _oops(machine, "divide-error", headline, [headline], where, inner=inner, detail=function)


def page_fault_oops(
    machine: Machine,
    address: int,
    size: int,
    *,
    write: bool,
    function: str = "",
    present: bool = False,
    execute: bool = False,
) -> None:
    """Oops of an access to an unmapped, forbidden or non-canonical kernel address.

    `function` is the kernel's own function that made the access; empty means the driver's code.
    `present`: the page is mapped, but not for this; `execute`: the CPU fetched an instruction.
    """
    if CANONICAL_LOW_END <= address < CANONICAL_HIGH_START:
        general_protection_oops(machine, address, function)
        return
    if address < PAGE_SIZE:
        headline = f"BUG: kernel NULL pointer dereference, address: {address:016x}"
        kind = "null-dereference"
    else:
        headline = f"BUG: unable to handle page fault for address: {address:016x}"
        programs = is_user_address(address) and address >= PROGRAMS_START
        kind = "user-pointer-dereference" if programs else "page-fault"
    if machine.checks.config.kasan and is_user_address(address) and not execute:
        _shadow_fault(machine, address, size, kind, function)
        return
    # The kernel's own image is mapped as a whole: only what may be done there differs.
    present = present or ((write or execute) and KERNEL_IMAGE_START <= address < IMAGE_END)
    access = "write" if write else "read"
    words = "instruction fetch" if execute else f"{access} access"
    code = PF_PRESENT * present | PF_WRITE * write | PF_FETCH * execute
    reason = "permissions violation" if present else "not-present page"
    forbidden = [NX_LINE] if present and execute else []
    head = [
        *forbidden,
        headline,
        f"#PF: supervisor {words} in kernel mode",
        f"#PF: error_code({code:#06x}) - {reason}",
        _page_table_walk(machine, address),
        _oops_line(machine, f"Oops: {code:04x}"),
    ]
    detail = f"{access} of {size} bytes"
    where = _faulting(machine, function)
    _oops(machine, kind, headline, head, where, address=address, detail=detail)


def stack_guard_oops(machine: Machine, headline: str, address: int, detail: str) -> None:
    """The stack ran into its guard page: the double fault's handler, an NMI to the kernel, dies.

    `arch/x86/kernel/traps.c:handle_stack_overflow`.
    """
    machine.context.nmi_depth += 1
    machine.context.hardirq_depth += 1
    head = [headline, _oops_line(machine, "stack guard page: 0000")]
    where = _faulting(machine, "")
    _oops(machine, "stack-overflow", headline, head, where, address=address, detail=detail)
    machine.context.nmi_depth -= 1
    machine.context.hardirq_depth -= 1


def general_protection_oops(machine: Machine, address: int, function: str = "") -> None:
    """Oops of an access through a non-canonical address (a poisoned pointer, mostly)."""
    headline = _protection_line(machine, address)
    where = _faulting(machine, function)
    kind = "general-protection-fault"
    _oops(machine, kind, headline, [headline], where, address=address, detail=function)


def _shadow_fault(machine: Machine, address: int, size: int, kind: str, function: str) -> None:
    """An address without shadow: KASAN's check itself faults (`kasan_non_canonical_hook`)."""
    headline = _protection_line(machine, SHADOW_OFFSET + (address >> 3))
    first = address & ~7
    words = "null-ptr-deref" if address < PAGE_SIZE else "probably user-memory-access"
    head = [headline, f"KASAN: {words} in range [{first:#018x}-{first + 7:#018x}]"]
    where = _faulting(machine, function)
    detail = f"access of {size} bytes"
    # The address reported stays the one that the driver used, not its shadow's.
    _oops(machine, kind, headline, head, where, address=address, detail=detail, by_check=True)


def _protection_line(machine: Machine, address: int) -> str:
    words = f"general protection fault, probably for non-canonical address {address:#x}"
    return _oops_line(machine, f"{words}: 0000")


def _oops_line(machine: Machine, trap: str) -> str:
    """Render `Oops: {trap} [#n] PREEMPT SMP …` with the build's options (`__die_header`)."""
    kasan = "KASAN " if machine.checks.config.kasan else ""
    pti = "PTI" if machine.spec.option("pti") == "on" else "NOPTI"
    return f"Oops: {trap} [#{machine.checks.oops_count + 1}] PREEMPT SMP {kasan}{pti}"


def _page_table_walk(machine: Machine, address: int) -> str:
    """Render the page table entries of an unmapped address, down to the first missing level.

    `arch/x86/mm/fault.c:dump_pagetable`. A task's tables reach its program in the first GiB; the
    kernel's reach all of vmalloc's window at the upper levels. Entry values are simulated.
    """
    if is_user_address(address):
        user = machine.context.task.pid > 1 and not machine.context.task.kthread
        depth = (3 if address < 1 << 30 else 2 if address < 1 << 39 else 0) if user else 0
        first = 0x4001000 + machine.context.task.pid * 0x2000
    else:
        inside = VMALLOC_START <= address < VMALLOC_START + (1 << 45)
        depth = (4 if address < VMALLOC_START + (1 << 30) else 2) if inside else 0
        first = 0x1820000
    names = ("PGD", "P4D", "PUD", "PMD", "PTE")
    if not depth:
        return "PGD 0 P4D 0 "
    # With four levels the P4D is the PGD over again.
    present = [
        f"{name} {first + 0x1000 * max(level - 1, 0) + TABLE:x}"
        for level, name in enumerate(names[:depth])
    ]
    return " ".join([*present, f"{names[depth]} 0"]) + ("" if depth == 4 else " ")


def _place(machine: Machine, file: str, line: int, function: str) -> tuple[int, str]:
    """Return (source line, symbol): of the driver's own statement, or of a kernel function."""
    site = machine.context.site
    if site is not None and function == site.function:
        return line, symbol(machine, site)
    return located(build_of(machine), file, line, function)


def _faulting(machine: Machine, function: str) -> str:
    """Return the symbol of the faulting code: a kernel function, or the driver's statement."""
    site = machine.context.site
    if not function:
        return symbol(machine, site) if site is not None else "0x0"
    return _place(machine, "", 0, function)[1]


def _is_site(machine: Machine, where: str) -> bool:
    site = machine.context.site
    return site is not None and where.startswith(f"{site.function}+")


def panic(machine: Machine, message: str, *, kind: str = "panic") -> None:
    """Stop the machine: nothing runs after this."""
    headline = f"Kernel panic - not syncing: {message}"
    lines = [
        headline,
        *dump_stack(machine, ("dump_stack_lvl", "panic")),
        "Kernel Offset: disabled",
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
    where: str,
    *,
    inner: tuple[str, ...] = (),
    address: int = 0,
    detail: str = "",
    by_check: bool = False,
) -> None:
    """Print an Oops and end the task; `by_check` when a KASAN check faulted, not the access."""
    checks, context = machine.checks, machine.context
    if machine.fate is not machine.fate.RUNNING:
        # What a dead task would have done next does not happen.
        return
    fault = address if kind in PAGE_FAULTS and not by_check else None
    operands = (address,) if address else ()
    registers = kernel_registers(machine, where, operands, fault)
    lines = [
        *head,
        *stack_header(machine),
        *registers,
        *call_trace(machine, inner, skip_site=_is_site(machine, where)),
        modules_line(machine),
        *([f"CR2: {address:016x}"] if fault is not None else []),
        END_TRACE,
        *registers,
    ]
    checks.oops_count += 1
    machine.kill_task()
    message = context.death_panics
    if message:
        lines += [
            f"Kernel panic - not syncing: {message}",
            "Kernel Offset: disabled",
            f"---[ end Kernel panic - not syncing: {message} ]---",
        ]
    else:
        lines += _last_notes(machine, fault)
    report = Report(
        kind,
        "panic" if message else "oops",
        headline,
        tuple(lines),
        address=address,
        site=context.site,
        detail=detail or where,
    )
    machine.report(report, KERN_ALERT)
    checks.taint.add("D")


def _last_notes(machine: Machine, fault: int | None) -> list[str]:
    """Render what the dying task leaves behind (`kernel/exit.c:make_task_dead`).

    A page fault dies with interrupts off, but for a user address on a CPU without SMAP.
    """
    context = machine.context
    name = f"note: {context.task.comm}[{context.task.pid}] exited with"
    faulted = fault is not None and (not is_user_address(fault) or build_of(machine).smap)
    notes = [f"{name} irqs disabled"] if faulted or context.irqs_disabled else []
    if context.preempt_count:
        notes.append(f"{name} preempt_count {context.preempt_count}")
    return notes
