"""Recordings made without driver C: commands to a machine, its events written down."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from kmemquest.kernel.events import Event
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.spec import MIB, MachineSpec
from kmemquest.level.picture import take_picture
from kmemquest.level.recording import Recording, Step
from kmemquest.level.source import DriverSource


@cache
def _snapshot(spec: MachineSpec) -> bytes:
    return Machine.boot(spec).snapshot()


def fresh(spec: MachineSpec | None = None) -> Machine:
    return Machine.restore(_snapshot(spec or MachineSpec(ram=64 * MIB)))


def record(act: Callable[[Machine], object], spec: MachineSpec | None = None) -> Recording:
    """Run `act` on a booted machine; every emitted event becomes a step of its own."""
    machine = fresh(spec)
    before = take_picture(machine)
    events: list[Event] = []
    unsubscribe = machine.events.subscribe(events.append)
    act(machine)
    unsubscribe()
    return recording_of(events, machine, before)


def recording_of(events, machine, before) -> Recording:
    steps = tuple(
        Step(i, "t.c", i + 1, "f", 1, "process", None, (), ("f",), i, i + 1)
        for i in range(len(events))
    )
    return Recording(
        "test",
        (),
        machine.spec,
        DriverSource("", ()),
        before,
        events=tuple(events),
        steps=steps,
        picture_after=take_picture(machine),
    )
