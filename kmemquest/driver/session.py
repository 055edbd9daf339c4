"""Drives one module on one machine through the steps of a script, each in its true context.

    session = DriverSession(machine, build(source, "cam.c"), observer)
    for step in parse_script(["insmod", {"open": "cam"}, {"read": "cam"}, "rmmod"]):
        session.perform(step)

`perform` never raises for what the driver does; it raises ScriptError for a step that makes no
sense here (a file that is not open, a device that does not exist).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from kmemquest.driver import pending
from kmemquest.driver.bindings.shrinkers import shrink
from kmemquest.driver.contexts import hardirq, on_cpu, process, softirq
from kmemquest.driver.devices import (
    SimDevice,
    add_pci_device,
    add_platform_device,
    signed,
    world_of,
)
from kmemquest.driver.devices import remove as remove_driver
from kmemquest.driver.engine import Engine
from kmemquest.driver.files import FileCalls
from kmemquest.driver.globals import PathError, read_path
from kmemquest.driver.leaks import report_leaks
from kmemquest.driver.memory_pressure import press
from kmemquest.driver.module_text import (
    announce_module,
    forget_symbols,
    forget_variables,
    init_outcome,
    initcall_returned,
    name_variables,
)
from kmemquest.driver.power import resume, suspend
from kmemquest.driver.script import ScriptError, ScriptStep, parse_step
from kmemquest.kernel.machine import Fate

if TYPE_CHECKING:
    from kmemquest.driver.build import Build
    from kmemquest.driver.limits import Limits
    from kmemquest.driver.module_image import Module
    from kmemquest.driver.step import Observer
    from kmemquest.kernel.events import Report
    from kmemquest.kernel.machine import Machine

INITCALL_LEVELS: Final = ("early", "0", "1", "2", "3", "4", "5", "6", "7")
AWAKENING: Final = ("resume", "sync")
"""What may follow a suspend: programs are frozen, interrupts off, and the clock stands still."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What came of a step. `result` is what the driver's function returned, None without one.

    `data` is what a read or an ioctl left in the user's buffer, or what a device read; `note` a
    sentence for the log of the run, empty mostly. `missed` tells that the step met nothing of the
    driver: no handler on the line, no node of that name, no driver for the device.
    """

    step: ScriptStep
    result: int | None = None
    data: bytes = b""
    note: str = ""
    missed: bool = False


class _SessionEngine(Engine):
    """An engine that looks, as the kernel does, whether init left preemption as it found it.

    It also forgets the names of code that is gone.
    """

    def place(self) -> None:
        super().place()
        name_variables(self)

    def free_init(self) -> None:
        for name in self.module.entries(".kmq.init")[:1]:
            initcall_returned(self, name)
        forget_symbols(self, self.placement.init_symbols)
        super().free_init()

    def _release(self) -> None:
        forget_symbols(self, set(self.placement.symbols))
        forget_variables(self)
        super()._release()


class DriverSession:
    """A module, its engine and the world around it.

    `outcome` is one of `outcomes.OUTCOMES` (`stopped` is a limit; see
    `engine.stopped`), the worst so far.
    """

    def __init__(
        self,
        machine: Machine,
        build: Build | Module,
        observer: Observer | None = None,
        limits: Limits | None = None,
        *,
        scan_for_leaks: bool = True,
    ) -> None:
        module = build if not hasattr(build, "module") else build.module
        if module is None:
            raise ValueError("the build gave no module: see its diagnostics")
        self.machine = machine
        self.module: Module = module
        self.engine: Engine = _SessionEngine(machine, module, limits, observer)
        self.world = world_of(self.engine)
        self.files = FileCalls(self.engine)
        self.scan_for_leaks = scan_for_leaks
        """Whether kmemleak is asked for a scan when the module has gone."""
        self.outcome = "ran"
        self.init_result: int | None = None
        self.loaded = False
        self.leaks: list[Report] = []
        self.results: list[StepResult] = []
        self._initcalls_run: set[str] = set()
        self._install_hooks()

    @property
    def alive(self) -> bool:
        """Whether anything can still run: the machine is up and no limit was passed."""
        return not self.machine.fate.final and self.engine.stopped is None

    def perform(self, step: object) -> StepResult:
        """Run one step; nothing happens any more once the machine is dead."""
        checked = parse_step(step)
        if not self.alive:
            return self._keep(StepResult(checked, note="not run: the machine is dead"))
        if self.world.asleep and checked.word not in AWAKENING:
            raise ScriptError(f"{checked.word}: the machine is suspended; use resume first")
        act = _ACTS[checked.word]
        result = act(self, checked)
        self._back_to_user()
        self.settle()
        return self._keep(result)

    def _back_to_user(self) -> None:
        """The kernel is left: what was woken or queued meanwhile gets the CPU first."""
        if self._running and self.machine.phase == "running" and not self.world.asleep:
            pending.run_pending(self.engine)
            pending.let_workers_finish(self.engine)

    def close(self) -> None:
        """End the tasks that wait, and take the hooks off the machine: it can be snapshot again."""
        self.engine.tasks.dismiss()
        self.settle()
        if hasattr(self.machine, "slub"):
            self.machine.slub.run_constructor = None
        if hasattr(self.machine, "mempools"):
            self.machine.mempools.call_function = None
            self.machine.mempools.while_sleeping = None
        if hasattr(self.machine, "reclaim"):
            self.machine.reclaim.run_shrinker = None
            self.machine.reclaim.shrinkers.clear()
            self.machine.reclaim.deferred_scans.clear()

    # --- bookkeeping ------------------------------------------------------------------------

    def _keep(self, result: StepResult) -> StepResult:
        self.results.append(result)
        return result

    def _install_hooks(self) -> None:
        machine, engine = self.machine, self.engine
        if hasattr(machine, "slub"):
            machine.slub.run_constructor = lambda function, item: _drop(engine.call(function, item))
        if hasattr(machine, "mempools"):
            machine.mempools.call_function = lambda function, words: engine.call(function, *words)
            machine.mempools.while_sleeping = partial(pending.sleep_until, engine)
        if hasattr(machine, "reclaim"):
            machine.reclaim.run_shrinker = partial(shrink, engine)
            machine.reclaim.while_waiting = partial(pending.sleep_until, engine)

    def settle(self) -> None:
        """Note how the step ended; a killed task leaves the rest of the machine running."""
        from kmemquest.driver.bindings.printk import flush_log

        flush_log(self.engine)
        machine = self.machine
        if self.engine.stopped is not None:
            self.outcome = "stopped"
        elif machine.fate is Fate.PANICKED:
            self.outcome = "panicked"
        elif machine.fate is Fate.TASK_KILLED:
            self.outcome = "task-killed"
            machine.fate = Fate.RUNNING
        elif machine.fate is Fate.CPU_HANGS:
            self.outcome = "hangs"
        elif machine.fate is Fate.TASK_HANGS:
            if self.outcome != "task-killed":
                self.outcome = "hangs"
            machine.fate = Fate.RUNNING

    @property
    def _running(self) -> bool:
        return self.machine.fate is Fate.RUNNING and self.engine.stopped is None

    # --- loading and unloading --------------------------------------------------------------

    def _insmod(self, step: ScriptStep) -> StepResult:
        if self.loaded:
            raise ScriptError(f"insmod: {self.module.name} is loaded already")
        if self.machine.phase != "running":
            raise ScriptError("insmod: the machine has not booted yet; use boot first")
        machine = self.machine
        announce_module(machine, self.module)
        with process(machine, "insmod", self.world.new_pid()):
            result = signed(self.engine.load(step.values["parameters"]))
            if self._running:
                init_outcome(machine, self.module, result)
                if machine.checks.lockdep is not None:
                    machine.checks.lockdep.returning_to_user()
        self.init_result = result
        if not self._running:
            return StepResult(step, result, note="module_init did not return")
        if result < 0:
            self.outcome = "init-failed"
            self._unlist()
            self.leaks += report_leaks(self.engine, scan=self.scan_for_leaks)
            return StepResult(step, result, note=f"insmod failed with error {result}")
        self.loaded = True
        return StepResult(step, result)

    def _rmmod(self, step: ScriptStep) -> StepResult:
        machine = self.machine
        if not self.loaded:
            return StepResult(step, note="rmmod: the module is not loaded")
        if not self.module.entries(".kmq.exit"):
            return StepResult(step, note="rmmod: the module has no exit function and stays")
        if self.files.pins_module():
            return StepResult(step, note="rmmod: the module is in use")
        with process(machine, "rmmod", self.world.new_pid()):
            self.engine.unload()
        if not self._running:
            return StepResult(step, note="module_exit did not return")
        self.loaded = False
        self._unlist()
        self.leaks += report_leaks(self.engine, scan=self.scan_for_leaks)
        return StepResult(step, 0)

    def _unlist(self) -> None:
        modules = self.machine.checks.modules
        if self.module.name in modules:
            modules.remove(self.module.name)

    def _note_built_in(self) -> None:
        """A module has no initcalls that can be called by name: this is part of the kernel."""
        if not self.loaded and self.module.name not in self.machine.checks.modules:
            self.machine.checks.built_in.add(self.module.name)

    def _initcall(self, step: ScriptStep) -> StepResult:
        self._note_built_in()
        name = step.values["function"]
        return StepResult(step, signed(self._call_by_name("initcall", name, ())))

    def _call_by_name(self, word: str, name: str, arguments: tuple[int, ...]) -> int:
        if not self.engine.globals_address(name):
            raise ScriptError(f"{word}: the driver has no function {name!r}")
        self._initcalls_run.add(name)
        return self.engine.call(name, *arguments)

    def _boot(self, step: ScriptStep) -> StepResult:
        """Hand memory over to the allocators, then run the initcalls that were not run yet."""
        machine = self.machine
        if machine.phase != "memblock":
            raise ScriptError("boot: the machine has booted already")
        results: list[int] = []
        self._note_built_in()

        def initcalls() -> None:
            self._install_hooks()
            with process(machine, "swapper/0", 1):
                for level in INITCALL_LEVELS:
                    for name in self.module.entries(f".kmq.initcall.{level}"):
                        if name not in self._initcalls_run and self._running:
                            results.append(signed(self._call_by_name("boot", name, ())))

        machine.handover(initcalls)
        return StepResult(step, results[-1] if results else None)

    def _call(self, step: ScriptStep) -> StepResult:
        values, machine = step.values, self.machine
        if self.engine.released:
            return StepResult(step, note="call: the module is not loaded")
        result = 0
        for turn in range(values["times"]):
            if turn:
                self._back_to_user()
            if not self._running:
                break
            if values["context"] == "hardirq":
                with hardirq(machine, 0):
                    result = self._call_by_name("call", values["function"], values["args"])
            elif values["context"] == "softirq":
                with softirq(machine, values["function"]):
                    result = self._call_by_name("call", values["function"], values["args"])
            else:
                with process(machine, "sh", self.world.new_pid()):
                    result = self._call_by_name("call", values["function"], values["args"])
        return StepResult(step, result)

    # --- devices ----------------------------------------------------------------------------

    def _probe(self, step: ScriptStep) -> StepResult:
        values = step.values
        name = values["name"]
        full = name if values.get("id", -1) == -1 else f"{name}.{values['id']}"
        if full in self.world.devices:
            raise ScriptError(f"probe: there is a device {full!r} already")
        nodes = len(self.machine.pages.nodes)
        if values["node"] >= nodes:
            raise ScriptError(f"probe: the machine has nodes 0 to {nodes - 1}, no {values['node']}")
        with process(self.machine, "sh", self.world.new_pid()):
            if values["bus"] == "pci":
                device = add_pci_device(
                    self.engine,
                    name,
                    values["vendor"],
                    values["device"],
                    values["irq"],
                    values["memory"],
                    address_bits=values["reach"],
                    node=values["node"],
                )
            else:
                device = add_platform_device(
                    self.engine,
                    name,
                    values["id"],
                    values["irq"],
                    values["memory"],
                    values["compatible"],
                    address_bits=values["reach"],
                    node=values["node"],
                )
        note = "" if device.driver else f"no driver took {full}"
        drivers = self.world.pci_drivers or self.world.platform_drivers
        missed = bool(drivers) and device.probe_result is None
        return StepResult(step, device.probe_result, note=note, missed=missed)

    def _unplug(self, step: ScriptStep) -> StepResult:
        device = self._find_device(step.values["name"], "unplug")
        with process(self.machine, "sh", self.world.new_pid()):
            if device.driver:
                remove_driver(self.engine, device)
        self.world.devices.pop(device.name, None)
        self.world.by_dev.pop(device.dev, None)
        return StepResult(step)

    def _find_device(self, name: str, word: str) -> SimDevice:
        devices = self.world.devices
        if not name and len(devices) == 1:
            return next(iter(devices.values()))
        if name not in devices:
            known = ", ".join(devices) or "none"
            raise ScriptError(f"{word}: no device {name!r}; plugged in: {known}")
        return devices[name]

    def _device(self, step: ScriptStep) -> StepResult:
        """The hardware acts: DMA as the device does it, from outside of the CPU's view."""
        values = step.values
        device = self._find_device(values["device"], f"device {values['act']}")
        try:
            handle = read_path(self.engine, values["handle"])
        except PathError as error:
            raise ScriptError(f"device {values['act']}: {error}") from None
        handle += values["offset"]
        if device.dma is None:
            raise ScriptError(f"device {values['act']}: {device.name} does no DMA")
        if (device.probe_result or 0) < 0:
            # Nobody has started it, or told it any address.
            return StepResult(step, 0, note=f"{device.name} was never started")
        if values["act"] == "write":
            reached = self.machine.dma.device_write(device.dma, handle, values["data"])
            note = "" if reached else "the device's write reached nothing"
            return StepResult(step, int(reached), note=note)
        data = self.machine.dma.device_read(device.dma, handle, values["size"])
        return StepResult(step, len(data), data)

    def _irq(self, step: ScriptStep) -> StepResult:
        values = step.values
        line = values["line"]
        if not self.world.irqs.get(line):
            note = f"no handler is installed on line {line}{self._lines()}"
            return StepResult(step, note=note, missed=True)
        if values["cpu"] >= self.machine.spec.cpus:
            raise ScriptError(f"irq: the machine has {self.machine.spec.cpus} CPUs, from 0 on")
        result = 0
        with on_cpu(self.machine, values["cpu"]):
            for turn in range(values["times"]):
                if turn and values["every"]:
                    # Between two interrupts the CPU is free for what the first one left behind.
                    pending.advance(self.engine, values["every"])
                else:
                    self.machine.clock.advance(values["every"])
                if not self._running:
                    break
                result = pending.raise_irq(self.engine, line)
        return StepResult(step, result)

    def _lines(self) -> str:
        taken = sorted(line for line, actions in self.world.irqs.items() if actions)
        return f"; the driver's: {', '.join(map(str, taken))}" if taken else ""

    def _advance(self, step: ScriptStep) -> StepResult:
        pending.advance(self.engine, step.values["time"])
        return StepResult(step)

    def _nothing(self, step: ScriptStep) -> StepResult:
        """A point to look at; whatever is pending runs after it, as after every step."""
        return StepResult(step)

    def _pressure(self, step: ScriptStep) -> StepResult:
        if self.machine.phase != "running":
            raise ScriptError("pressure: the machine has not booted yet")
        return StepResult(step, press(self.machine, self.world, step.values))

    # --- file operations ----------------------------------------------------------------------

    def _file(self, step: ScriptStep) -> StepResult:
        if step.word == "open" and (name := step.values["device"]) not in self.world.characters:
            known = ", ".join(sorted(self.world.characters)) or "none"
            note = f"there is no /dev/{name}; the driver's nodes: {known}"
            result, _, _ = self.files.perform(step, lambda: self._running)
            return StepResult(step, result, note=note, missed=True)
        result, data, note = self.files.perform(step, lambda: self._running)
        fate = self.machine.fate
        if fate in (Fate.TASK_KILLED, Fate.TASK_HANGS):
            self.settle()
            if fate is Fate.TASK_KILLED:
                self.files.caller_died(step)
            else:
                self.files.caller_hangs()
        return StepResult(step, result, data, note)

    def _firmware(self, step: ScriptStep) -> StepResult:
        self.world.firmware[step.values["name"]] = step.values["data"]
        return StepResult(step)

    # --- sleep --------------------------------------------------------------------------------

    def _suspend(self, step: ScriptStep) -> StepResult:
        return StepResult(step, suspend(self.engine))

    def _resume(self, step: ScriptStep) -> StepResult:
        if not self.world.asleep:
            raise ScriptError("resume: the machine is not suspended")
        return StepResult(step, resume(self.engine))


def _drop(value: Any) -> None:
    """Call something for its effect only."""
    del value


_ACTS: Final[dict[str, Callable[[DriverSession, ScriptStep], StepResult]]] = {
    "insmod": DriverSession._insmod,
    "rmmod": DriverSession._rmmod,
    "initcall": DriverSession._initcall,
    "boot": DriverSession._boot,
    "call": DriverSession._call,
    "probe": DriverSession._probe,
    "unplug": DriverSession._unplug,
    "device": DriverSession._device,
    "irq": DriverSession._irq,
    "advance": DriverSession._advance,
    "pending": DriverSession._nothing,
    "sync": DriverSession._nothing,
    "pressure": DriverSession._pressure,
    "open": DriverSession._file,
    "read": DriverSession._file,
    "write": DriverSession._file,
    "ioctl": DriverSession._file,
    "close": DriverSession._file,
    "firmware": DriverSession._firmware,
    "suspend": DriverSession._suspend,
    "resume": DriverSession._resume,
    "exit": DriverSession._file,
    "poke": DriverSession._file,
    "peek": DriverSession._file,
    "munmap": DriverSession._file,
    "mmap": DriverSession._file,
    "poll": DriverSession._file,
    "seek": DriverSession._file,
}
