"""The kernel's frames below the driver's: how the running code was entered.

The simulator knows the context and the task, not the kernel's call chain; the chain follows from
them: loading and unloading a module by the task's name, a file operation by the name of the
driver's outermost function, interrupts and threads by the context.
Source: `init/main.c:do_one_initcall`, `kernel/module/main.c`, `fs/read_write.c`,
`arch/x86/kernel/dumpstack.c:show_trace_log_lvl`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.text.build import KernelBuild, build_of, located, symbol_of
from kmemquest.kernel.text.registers import kernel_registers, user_registers

if TYPE_CHECKING:
    from kmemquest.kernel.context import Context
    from kmemquest.kernel.machine import Machine

SYSTEM_CALL: Final = ("do_syscall_64", "entry_SYSCALL_64_after_hwframe")
LOAD: Final = (
    "do_one_initcall",
    "do_init_module",
    "init_module_from_file",
    "__x64_sys_finit_module",
    *SYSTEM_CALL,
)
UNLOAD: Final = ("__x64_sys_delete_module", *SYSTEM_CALL)
USER_FAULT: Final = (
    "__handle_mm_fault",
    "handle_mm_fault",
    "do_user_addr_fault",
    "exc_page_fault",
    "asm_exc_page_fault",
)
"""Without a driver on the stack, a process is in the kernel because it touched new memory."""
USER_MODE: Final = -1
"""In place of a system call's number: the program was interrupted, it did not call."""
ENTRIES: Final[dict[str, tuple[int, tuple[str, ...]]]] = {
    "read": (0x00, ("vfs_read", "ksys_read")),
    "write": (0x01, ("vfs_write", "ksys_write")),
    "ioctl": (0x10, ("__x64_sys_ioctl",)),
    "mmap": (0x09, ("mmap_region", "do_mmap", "vm_mmap_pgoff", "ksys_mmap_pgoff")),
    "munmap": (0x0B, ("do_vmi_align_munmap", "do_vmi_munmap", "__vm_munmap", "__x64_sys_munmap")),
    "llseek": (0x08, ("ksys_lseek",)),
    "poll": (0x07, ("do_sys_poll", "__x64_sys_poll")),
    "open": (0x101, (
        "chrdev_open", "do_dentry_open", "vfs_open", "path_openat", "do_filp_open",
        "do_sys_openat2", "__x64_sys_openat",
    )),
    "release": (0x03, ("__fput", "__x64_sys_close")),
    "flush": (0x03, ("filp_flush", "__x64_sys_close")),
    "fault": (USER_MODE, ("__do_fault", "do_fault", *USER_FAULT)),
}  # fmt: skip
"""Way into the kernel -> (system call number, frames below the driver's)."""
PROXIES: Final = {"proc": "proc_reg_", "debugfs": "full_proxy_"}
"""Whose functions stand between a system call and the driver behind an entry of /proc or debugfs.

An entry's way is named after both, as in “proc read”.
"""
CHARACTER_DEVICES: Final = "chrdev_open"
"""What opens character devices, and no entry of another tree."""
KERNEL_THREAD: Final = ("kthread", "ret_from_fork", "ret_from_fork_asm")
WORKER: Final = ("process_one_work", "worker_thread", *KERNEL_THREAD)
INIT: Final = ("do_one_initcall", "kernel_init_freeable", "kernel_init", *KERNEL_THREAD[1:])
BOOT: Final = (
    "start_kernel",
    "x86_64_start_reservations",
    "x86_64_start_kernel",
    "common_startup_64",
)
IDLE: Final = ("default_idle_call", "do_idle", "cpu_startup_entry", "rest_init", *BOOT)
HARDIRQ: Final = (
    "__handle_irq_event_percpu",
    "handle_irq_event",
    "handle_edge_irq",
    "__common_interrupt",
    "common_interrupt",
)
SOFTIRQ: Final = ("handle_softirqs", "irq_exit_rcu", "sysvec_apic_timer_interrupt")
TIMER_SOFTIRQ: Final = ("call_timer_fn", "__run_timers", "run_timer_softirq", *SOFTIRQ)


def entry_lines(machine: Machine) -> list[str]:
    """Render what stands below the driver's frames, up to and with the closing tag."""
    context, build = machine.context, build_of(machine)
    if context.in_interrupt:
        return _interrupt_lines(machine, build)
    frames, system_call = _task_entry(context)
    lines = _frames(build, frames)
    if system_call is not None:
        lines += user_registers(system_call if system_call != USER_MODE else None)
    return [*lines, " </TASK>"]


def _task_entry(context: Context) -> tuple[tuple[str, ...], int | None]:
    """Return the frames of the task's way in, and its system call if it made one."""
    task, stack = context.task, context.stack
    if task.comm in ("insmod", "modprobe"):
        return LOAD, 0x139
    if task.comm == "rmmod":
        return UNLOAD, 0xB0
    if task.kthread:
        return (WORKER if task.comm.startswith("kworker") else KERNEL_THREAD), None
    if task.pid == 0:
        return BOOT, None
    if task.pid == 1:
        return INIT, None
    if task.entry:
        return _way_in(task.entry)
    if not stack:
        return USER_FAULT, USER_MODE
    # Nobody said how: a function called by hand, by what its name says it is.
    for entry in ENTRIES:
        if entry in stack[0].function:
            return _way_in(entry)
    return _way_in("write")


def _way_in(entry: str) -> tuple[tuple[str, ...], int]:
    """Return the frames and the system call of a way into the kernel."""
    tree, _, call = entry.rpartition(" ")
    number, frames = ENTRIES[call]
    if number == USER_MODE:
        return frames, number
    if tree:
        word = "unlocked_ioctl" if call == "ioctl" else call
        frames = tuple(name for name in frames if name != CHARACTER_DEVICES)
        frames = (PROXIES[tree] + word, *frames)
    return (*frames, *SYSTEM_CALL), number


def _interrupt_lines(machine: Machine, build: KernelBuild) -> list[str]:
    """Render the interrupt's own way in, then what it interrupted."""
    context = machine.context
    hard = context.in_hardirq
    lines = _frames(build, HARDIRQ if hard else TIMER_SOFTIRQ)
    lines += [" </IRQ>", " <TASK>"]
    entry = "asm_common_interrupt" if hard else "asm_sysvec_apic_timer_interrupt"
    lines += _frames(build, (entry,))
    if context.task.pid == 0:
        _, idle = located(build, "", 0, "default_idle")
        lines += kernel_registers(machine, idle)[:8]
        lines += _frames(build, IDLE)
    else:
        lines += user_registers(None)
    return [*lines, " </TASK>"]


def _frames(build: KernelBuild, names: tuple[str, ...]) -> list[str]:
    return [f" {symbol_of(build, name)}" for name in names]
