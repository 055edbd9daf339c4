"""`<linux/interrupt.h>`: interrupt lines and tasklets."""

# ruff: noqa: ARG001 - a binding has the parameters of the C function, needed or not

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi, pending
from kmemquest.driver.binding import binds
from kmemquest.driver.devices import IrqAction, Managed, world_of
from kmemquest.driver.holdings import gave_back
from kmemquest.kernel.check.oops import warn

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

SHARED: Final = 0x80
ONESHOT: Final = 0x2000
EBUSY: Final = 16
EINVAL: Final = 22
SCHEDULED: Final = 1
RUNNING: Final = 2
LINES: Final = 256
REQUEST_COST: Final = 4_000


@binds("request_irq")
def request_irq(engine: Engine, line: int, handler: int, flags: int, name: int, dev_id: int) -> int:
    return _request(engine, line, handler, 0, flags, name, dev_id, "request_irq")


@binds("request_threaded_irq")
def request_threaded_irq(
    engine: Engine, line: int, handler: int, thread: int, flags: int, name: int, dev_id: int
) -> int:
    function = "request_threaded_irq"
    return _request(engine, line, handler, thread, flags, name, dev_id, function)


@binds("devm_request_irq")
def devm_request_irq(
    engine: Engine, dev: int, line: int, handler: int, flags: int, name: int, dev_id: int
) -> int:
    return devm_request_threaded_irq(engine, dev, line, handler, 0, flags, name, dev_id)


@binds("devm_request_threaded_irq")
def devm_request_threaded_irq(
    engine: Engine,
    dev: int,
    line: int,
    handler: int,
    thread: int,
    flags: int,
    name: int,
    dev_id: int,
) -> int:
    result = _request(engine, line, handler, thread, flags, name, dev_id, "")
    device = world_of(engine).by_dev.get(dev)
    if result == 0 and device is not None:
        remover = _remover(engine, line, dev_id)
        device.managed.append(Managed(dev_id, remover, "devm_request_irq"))
    return result


def _remover(engine: Engine, line: int, dev_id: int) -> Callable[[], None]:
    def remove() -> None:
        _remove(engine, line, dev_id)

    return remove


def _request(
    engine: Engine,
    line: int,
    handler: int,
    thread: int,
    flags: int,
    name: int,
    dev_id: int,
    function: str,
) -> int:
    machine, world = engine.machine, world_of(engine)
    machine.checks.might_sleep("request_threaded_irq", 0xCC0)
    if machine.checks.lockdep is not None and not machine.context.may_sleep:
        machine.checks.lockdep.acquire("&desc->request_mutex", sleeping=True)
    machine.clock.advance(REQUEST_COST)
    text = abi.get_text(machine, name)
    if line >= LINES or not (handler or thread) or (flags & SHARED and not dev_id):
        return -EINVAL
    actions = world.irqs.setdefault(line, [])
    if actions and not all(action.flags & flags & SHARED for action in actions):
        machine.log.print(
            f"genirq: Flags mismatch irq {line}. {flags:08x} ({text}) vs. "
            f"{actions[0].flags:08x} ({actions[0].name})",
            3,
        )
        return -EBUSY
    if not handler and not flags & ONESHOT:
        machine.log.print(
            f"genirq: Threaded irq requested with handler=NULL and !ONESHOT for {text} "
            f"(irq {line})",
            3,
        )
        return -EINVAL
    actions.append(IrqAction(handler, thread, flags, text, dev_id))
    if function:
        machine.checks.ledger.acquired("irq", _irq_key(line, dev_id), 0, function)
    return 0


def _irq_key(line: int, dev_id: int) -> int:
    return line << 64 | dev_id


@binds("free_irq")
def free_irq(engine: Engine, line: int, dev_id: int) -> int:
    machine = engine.machine
    machine.checks.might_sleep("free_irq", None, "kernel/locking/mutex.c", 585)
    name = _remove(engine, line, dev_id)
    gave_back(engine, _irq_key(line, dev_id), "free_irq", "irq")
    return name


def _finish_threads(engine: Engine, line: int, dev_id: int) -> None:
    """A thread that was woken has its turn, and ends it, before kthread_stop() returns.

    `kernel/irq/manage.c:irq_wait_for_interrupt`.
    """

    def idle() -> bool:
        busy = world_of(engine).busy_threads
        return not any(entry[1:] == (line, dev_id) for entry in busy)

    if world_of(engine).threads:
        pending.run_threads(engine)
    pending.wait_until(engine, idle, "free_irq")


def _remove(engine: Engine, line: int, dev_id: int) -> int:
    machine, world = engine.machine, world_of(engine)
    if machine.context.may_sleep:
        _finish_threads(engine, line, dev_id)
    for action in world.irqs.get(line, []):
        if action.dev_id == dev_id:
            world.irqs[line].remove(action)
            gone = (action.thread, line, dev_id)
            world.threads = deque(entry for entry in world.threads if entry != gone)
            world.dead_threads.discard(gone)
            return 0
    warn(
        machine,
        "kernel/irq/manage.c",
        1896,
        "free_irq",
        f"Trying to free already-free IRQ {line}",
        kind="bad-free-irq",
    )
    return 0


@binds("disable_irq", "disable_irq_nosync")
def disable_irq(engine: Engine, line: int) -> None:
    masked = world_of(engine).masked
    masked[line] = masked.get(line, 0) + 1


@binds("enable_irq")
def enable_irq(engine: Engine, line: int) -> None:
    masked = world_of(engine).masked
    if masked.get(line, 0) <= 0:
        text = f"Unbalanced enable for IRQ {line}"
        warn(engine.machine, "kernel/irq/manage.c", 774, "__enable_irq", text)
        return
    masked[line] -= 1


@binds("synchronize_irq")
def synchronize_irq(engine: Engine, line: int) -> None:
    engine.machine.checks.might_sleep("synchronize_irq", None, "kernel/irq/manage.c", 138)


# --- tasklets -----------------------------------------------------------------------------


@binds("tasklet_setup")
def tasklet_setup(engine: Engine, tasklet: int, callback: int) -> None:
    _init(engine, tasklet, callback, 0, use_callback=1)


@binds("tasklet_init")
def tasklet_init(engine: Engine, tasklet: int, function: int, data: int) -> None:
    _init(engine, tasklet, function, data, use_callback=0)


def _init(engine: Engine, tasklet: int, function: int, data: int, use_callback: int) -> None:
    memory = engine.machine.memory
    memory.store_bytes(tasklet, bytes(20))
    for name, value in (("use_callback", use_callback), ("func", function), ("data", data)):
        offset, size = abi.TASKLET[name]
        memory.store(tasklet + offset, size, value)


@binds("tasklet_schedule", "tasklet_hi_schedule")
def tasklet_schedule(engine: Engine, tasklet: int) -> None:
    memory, world = engine.machine.memory, world_of(engine)
    place = tasklet + abi.TASKLET["state"][0]
    state = memory.load(place, 8)
    if not state & SCHEDULED:
        memory.store(place, 8, state | SCHEDULED)
        world.tasklets.append(tasklet)


@binds("tasklet_kill")
def tasklet_kill(engine: Engine, tasklet: int) -> None:
    """Wait until a scheduled tasklet has run."""
    from kmemquest.driver.pending import run_tasklets

    machine = engine.machine
    if machine.context.in_interrupt:
        machine.log.print("Attempt to kill tasklet from interrupt", 5)
    elif tasklet in world_of(engine).tasklets:
        run_tasklets(engine)


@binds("tasklet_disable")
def tasklet_disable(engine: Engine, tasklet: int) -> None:
    memory = engine.machine.memory
    place = tasklet + abi.TASKLET["count"][0]
    memory.store(place, 4, memory.load(place, 4) + 1)


@binds("tasklet_enable")
def tasklet_enable(engine: Engine, tasklet: int) -> None:
    memory = engine.machine.memory
    place = tasklet + abi.TASKLET["count"][0]
    memory.store(place, 4, memory.load(place, 4) - 1)
