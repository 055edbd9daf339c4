"""Suspend to RAM and back: the callbacks of `struct dev_pm_ops` (`drivers/base/power/main.c`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi
from kmemquest.driver.contexts import process
from kmemquest.driver.devices import SimDevice, signed, world_of

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

SLEEP_PHASES: Final = ("prepare", "suspend", "suspend_late", "suspend_noirq")
"""Each runs for all devices, the last registered first, before the next begins."""
WAKE_PHASES: Final = ("resume_noirq", "resume_early", "resume", "complete")
UNDONE_BY: Final = {
    "prepare": "complete",
    "suspend": "resume",
    "suspend_late": "resume_early",
    "suspend_noirq": "resume_noirq",
}
VERBS: Final = {"suspend": "", "suspend_late": " late", "suspend_noirq": " noirq"}


def suspend(engine: Engine) -> int:
    """Put all devices to sleep; the first that refuses wakes the others and ends it."""
    machine, world = engine.machine, world_of(engine)
    machine.log.print("PM: suspend entry (deep)", 6)
    devices = list(reversed(world.devices.values()))
    with process(machine, "systemd-sleep", world.new_pid()):
        for phase in SLEEP_PHASES:
            done: list[SimDevice] = []
            order = reversed(devices) if phase == "prepare" else iter(devices)
            for device in order:
                result = _call(engine, device, phase)
                if not _runs(engine):
                    return result
                if result:
                    _refused(engine, device, phase, result)
                    _undo(engine, phase, done, devices)
                    machine.log.print("PM: suspend exit", 6)
                    return result
                done.append(device)
    world.asleep = devices or [_NOBODY]
    return 0


def resume(engine: Engine) -> int:
    """Wake all devices in the order of registration; what one answers does not stop the others."""
    machine, world = engine.machine, world_of(engine)
    devices = [device for device in reversed(world.asleep) if device is not _NOBODY]
    world.asleep = []
    result = 0
    with process(machine, "systemd-sleep", world.new_pid()):
        for phase in WAKE_PHASES:
            for device in devices:
                answer = _call(engine, device, phase)
                if not _runs(engine):
                    return answer
                if answer and phase != "complete":
                    result = result or answer
                    text = f"{_who(device)}: PM: failed to resume: error {answer}"
                    machine.log.print(text, 3)
    machine.log.print("PM: suspend exit", 6)
    return result


_NOBODY: Final = SimDevice("", "", 0, 0, None)
"""Stands for a machine that sleeps without any device."""


def _call(engine: Engine, device: SimDevice, phase: str) -> int:
    machine = engine.machine
    if not device.driver:
        return 0
    layout = abi.PCI_DRIVER if device.bus == "pci" else abi.PLATFORM_DRIVER
    inner = device.driver + layout["driver"][0]
    operations = abi.get(machine, inner, abi.DEVICE_DRIVER, "pm")
    if not operations:
        return 0
    offset, size = abi.DEV_PM_OPS[phase]
    function = machine.memory.load(operations + offset, size)
    return signed(engine.call(function, device.dev)) if function else 0


def _refused(engine: Engine, device: SimDevice, phase: str, result: int) -> None:
    log = engine.machine.log
    if phase == "prepare":
        log.print(f"{_who(device)}: PM: not prepared for power transition: code {result}", 6)
    else:
        text = f"PM: failed to suspend{VERBS[phase]}: error {result}"
        log.print(f"{_who(device)}: {text}", 3)
    log.print("PM: Some devices failed to suspend, or early wake event detected", 3)


def _undo(engine: Engine, phase: str, done: list[SimDevice], devices: list[SimDevice]) -> None:
    """Wake what sleeps already: of this phase those before, of the earlier phases all."""
    started = SLEEP_PHASES[: SLEEP_PHASES.index(phase) + 1]
    for earlier in reversed(started):
        awake = done if earlier == phase else devices
        for device in reversed(awake):
            _call(engine, device, UNDONE_BY[earlier])


def _who(device: SimDevice) -> str:
    return f"{device.driver_name or device.bus} {device.name}"


def _runs(engine: Engine) -> bool:
    from kmemquest.driver.pending import running

    return running(engine) and engine.stopped is None
