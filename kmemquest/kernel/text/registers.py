"""The registers that a report shows, of the kernel's code and of the program that called it.

The simulator runs no machine code. What it knows stands in the registers that hold it on x86-64:
the operands of the call in RDI, RSI, RDX, RCX; the system call's number in ORIG_RAX, and what the
SYSCALL instruction leaves in RCX and R11. The others are zero. Instruction bytes do not exist,
so the kernel's words for text that cannot be read stand in their place.
Source: `arch/x86/kernel/process_64.c:__show_regs`, `arch/x86/kernel/dumpstack.c:show_ip`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import THREAD_SIZE, VMALLOC_START
from kmemquest.kernel.text.build import text_address

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

CODE_BEFORE: Final = 42
"""Bytes of text shown before the instruction (`code_bytes` 64 with a third after it)."""
INTERRUPTS_ON: Final = 0x246
INTERRUPTS_OFF: Final = 0x046
ARGUMENTS: Final = ("RDI", "RSI", "RDX", "RCX", "R8", "R9")
ROWS: Final = (
    ("RAX", "RBX", "RCX"),
    ("RDX", "RSI", "RDI"),
    ("RBP", "R08", "R09"),
    ("R10", "R11", "R12"),
    ("R13", "R14", "R15"),
)
USER_IP: Final = 0x47FBE9
"""Where the program called the kernel: the instruction after its SYSCALL."""
USER_STACK: Final = 0x7FFF_FFFF_E538
USER_TLS: Final = 0x5EC3C0
ENOSYS_RESULT: Final = (1 << 64) - 38
"""RAX while a system call runs: -ENOSYS."""
GS_BASE: Final = 0xFFFF_8880_0F60_0000
CR0: Final = 0x8005_0033
CR4: Final = 0x6F0


def kernel_registers(
    machine: Machine, symbol: str, operands: tuple[int, ...] = (), fault: int | None = None
) -> list[str]:
    """Render RIP, Code, RSP and all registers of kernel code at `symbol`.

    `operands` are the first arguments of the code's function; `fault` is the address in CR2.
    """
    context = machine.context
    flags = INTERRUPTS_OFF if context.irqs_disabled else INTERRUPTS_ON
    user = not context.task.kthread and context.task.pid > 1
    values = dict(zip(ARGUMENTS, operands, strict=False))
    values["RAX"] = operands[0] if operands else 0
    address = text_address(symbol.partition(" ")[0])
    page_table = 0x4000000 + context.task.pid * 0x2000
    return [
        f"RIP: 0010:{symbol}",
        code_line(address),
        f"RSP: 0018:{stack_pointer(machine):016x} EFLAGS: {flags:08x}",
        *_rows(values),
        f"FS:  {USER_TLS if user else 0:016x}(0000) GS:{GS_BASE:016x}(0000) knlGS:{0:016x}",
        f"CS:  0010 DS: 0000 ES: 0000 CR0: {CR0:016x}",
        f"CR2: {(USER_IP if user else 0) if fault is None else fault:016x} "
        f"CR3: {page_table:016x} CR4: {CR4:016x}",
    ]


def user_registers(system_call: int | None) -> list[str]:
    """Render the program's registers: at its system call, or where an interrupt met it."""
    head = f"RSP: 002b:{USER_STACK:016x} EFLAGS: {INTERRUPTS_ON:08x}"
    values: dict[str, int] = {}
    if system_call is not None:
        head += f" ORIG_RAX: {system_call:016x}"
        values = {"RAX": ENOSYS_RESULT, "RCX": USER_IP, "R11": INTERRUPTS_ON}
    return [f"RIP: 0033:{USER_IP:#x}", code_line(USER_IP), head, *_rows(values)]


def code_line(address: int) -> str:
    """Render the `Code:` line of text that cannot be read."""
    return f"Code: Unable to access opcode bytes at {address - CODE_BEFORE:#x}."


def stack_pointer(machine: Machine) -> int:
    """Return where the running task's kernel stack stands: deeper with each driver frame."""
    context = machine.context
    top = VMALLOC_START + (context.task.pid + 1) * 2 * THREAD_SIZE
    return top - 0x100 - 0x40 * len(context.stack)


def _rows(values: dict[str, int]) -> list[str]:
    mask = (1 << 64) - 1
    short = {"R08": "R8", "R09": "R9"}
    return [
        " ".join(f"{name}: {values.get(short.get(name, name), 0) & mask:016x}" for name in row)
        for row in ROWS
    ]
