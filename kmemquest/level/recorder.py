"""Watches a driver session and writes down steps and events."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from kmemquest.kernel import events as ev
from kmemquest.level.picture import Picture, take_picture
from kmemquest.level.recording import ScriptMark, Step, StepLocal
from kmemquest.level.script_words import step_name

if TYPE_CHECKING:
    from kmemquest.driver.module_image import Module
    from kmemquest.driver.step import StepInfo
    from kmemquest.kernel.machine import Machine

MAX_STEPS: Final = 20_000
"""Steps kept; later ones run, but cannot be looked at one by one."""
MAX_EVENTS: Final = 400_000
MAX_STATEMENTS: Final = 200_000
"""Statements after which one call into the driver counts as an endless loop."""
MAX_LOCALS: Final = 24
MAX_RUN: Final = 400_000
"""Statements of a whole run; many short calls are as endless as one long one."""

_BOOT_TOPICS: Final = frozenset(("pages", "buddy", "pcp", "slab", "vmalloc", "percpu", "reclaim"))


class RunCancelled(BaseException):
    """The player does not want to wait for this run any longer.

    Not an Exception: the engine takes those for defects of its own and goes on.
    """


class Recorder:
    """Collects one run of a module on a machine."""

    def __init__(
        self,
        machine: Machine,
        file: str,
        cancelled: Callable[[], bool] | None = None,
        most_locals: int = MAX_LOCALS,
    ) -> None:
        self._cancelled = cancelled
        self._most_locals = most_locals
        self.machine = machine
        self.file = file
        self.events: list[ev.Event] = []
        self.steps: list[Step] = []
        self.script: list[ScriptMark] = []
        self.notes: list[str] = []
        self.watched: dict[str, int] = {}
        self.rebases: list[tuple[int, Picture]] = []
        self.outcome = "ran"
        self.dropped = 0
        self._steps_left = [0]
        self._booting = machine.phase != "running"

    # --- observers ------------------------------------------------------------------------

    def on_event(self, event: ev.Event) -> None:
        """Write an event down; the bulk of boot is replaced by a picture of its end."""
        if self._booting:
            if isinstance(event, ev.BootPhase) and event.phase == "running":
                self._booting = False
                self.events.append(event)
                self.rebases.append((len(self.events), take_picture(self.machine)))
                return
            if event.topic in _BOOT_TOPICS:
                return
        if len(self.events) < MAX_EVENTS:
            self.events.append(event)

    def on_step(self, info: StepInfo) -> None:
        """Write down a statement that is about to run."""
        if self._cancelled is not None and self._cancelled():
            raise RunCancelled
        if len(self.steps) >= MAX_STEPS:
            self.dropped += 1
            if self.dropped > MAX_RUN - MAX_STEPS:
                self._steps_left[0] = 0
            return
        context = self.machine.context
        first = len(self.events)
        self.steps.append(
            Step(
                index=len(self.steps),
                file=self.file,
                line=info.line,
                function=info.function,
                depth=info.depth,
                context_kind=context.kind,
                irq=context.irq_line,
                locks=tuple(lock.name for lock in context.locks),
                stack=tuple(frame.function for frame in context.stack),
                first_event=first,
                last_event=first,
                locals=_locals(info, self._most_locals),
                time=self.machine.clock.now,
                irqs_off=context.irqs_disabled,
            )
        )

    def finished_steps(self) -> tuple[Step, ...]:
        """Return the steps, each with the events until the next one begins."""
        ends = [step.first_event for step in self.steps[1:]] + [len(self.events)]
        for step, end in zip(self.steps, ends, strict=True):
            # Nobody has seen these steps yet: a copy of each would take as long as the step did.
            object.__setattr__(step, "last_event", end)
        return tuple(self.steps)

    # --- running --------------------------------------------------------------------------

    def run(self, module: Module, script: list[Any], watch: tuple[str, ...] = ()) -> None:
        """Drive the module through the script, step by step, as far as it goes."""
        from kmemquest.driver.limits import Limits
        from kmemquest.driver.script import ScriptError
        from kmemquest.driver.session import DriverSession
        from kmemquest.driver.silent_damage import watch as watch_silently

        unwatch = watch_silently(self.machine)
        unsubscribe = self.machine.events.subscribe(self.on_event)
        session = DriverSession(self.machine, module, self, Limits(steps=MAX_STATEMENTS))
        self._steps_left = session.engine.steps_left
        try:
            for step in script:
                if not session.alive:
                    break
                first = len(self.events)
                try:
                    result = session.perform(step)
                    found, data, note = result.result, result.data, result.note
                    missed = result.missed
                except ScriptError as error:
                    # What the player chose made the step impossible: no device, nothing is open.
                    found, data, note, missed = None, b"", str(error), True
                if session.engine.placement.symbols:
                    # Sampled after every step, for rmmod takes the driver's variables away.
                    self.watched |= {name: session.engine.read_global(name) for name in watch}
                self.script.append(
                    ScriptMark(step_name(step), first, len(self.events), found, data, note, missed)
                )
        finally:
            session.close()
            unsubscribe()
            unwatch()
        self.outcome = session.outcome
        if session.engine.stopped is not None:
            self.notes.append(session.engine.stopped.detail)


def _locals(info: StepInfo, most: int) -> tuple[StepLocal, ...]:
    if not most:
        return ()
    return tuple(StepLocal(name, kind, text) for name, kind, text in info.locals()[:most])
