"""A task whose task_struct a driver has looked at: its fields live in simulated memory.

What the driver writes there (`current->flags |= PF_MEMALLOC`, `current->fail_nth = 3`) is what the
allocators see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmemquest.driver import abi
from kmemquest.kernel.check.fault_injection import armed
from kmemquest.kernel.context import Task

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine


class ExposedTask(Task):
    """A task with a task_struct at `address`; `flags` and `fail_nth` are read from it."""

    machine: Machine
    address: int

    @classmethod
    def of(cls, task: Task, machine: Machine, address: int) -> ExposedTask:
        """Give a task its struct at `address`."""
        if machine.checks.config.kasan and machine.phase == "running":
            # The debug build is the one with fault injection, and fail_nth can be set from now on.
            armed(machine)
        exposed = cls.__new__(cls)
        exposed.machine, exposed.address = machine, address
        exposed.pid, exposed.comm = task.pid, task.comm
        exposed.kthread, exposed.oom_victim = task.kthread, task.oom_victim
        exposed.flags, exposed.fail_nth = task.flags, task.fail_nth
        comm = task.comm.encode()[:15].ljust(16, b"\0")
        machine.memory.poke(address + abi.TASK_STRUCT["comm"][0], comm)
        for name in ("pid", "tgid"):
            abi.put(machine, address, abi.TASK_STRUCT, name, task.pid)
        return exposed

    @property
    def flags(self) -> int:
        """The PF_* flags."""
        return abi.get(self.machine, self.address, abi.TASK_STRUCT, "flags")

    @flags.setter
    def flags(self, value: int) -> None:
        abi.put(self.machine, self.address, abi.TASK_STRUCT, "flags", value)

    @property
    def fail_nth(self) -> int:
        """Which of the coming allocations fails, counted from 1; 0 means none."""
        return abi.get(self.machine, self.address, abi.TASK_STRUCT, "fail_nth")

    @fail_nth.setter
    def fail_nth(self, value: int) -> None:
        abi.put(self.machine, self.address, abi.TASK_STRUCT, "fail_nth", value)
