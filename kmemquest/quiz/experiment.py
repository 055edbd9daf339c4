"""An experiment: a driver run on a simulated machine, and what was found.

Keys of questions are read from findings; nothing here knows a question. Runs are bounded in steps
and memory, and remembered: asking twice costs one run.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from kmemquest.driver.diagnostics import Diagnostic
    from kmemquest.driver.step import StepInfo
    from kmemquest.kernel.events import Event, Report
    from kmemquest.kernel.machine import Machine

FILE_NAME: Final = "driver.c"
HOLE: Final = "/*@slot answer*/"
MAX_STEPS: Final = 400_000
"""Statements of C in one experiment."""
MAX_MEMORY: Final = 256 << 20
"""Host memory behind the frames of one experiment, in bytes."""
_REMEMBERED: Final = 128
_ERRORS: Final = 2**64 - 4095


class BadExperiment(ValueError):
    """The machine, the checkers or the script of an experiment make no sense; tells why.

    `part` is the key of `run` to mend, `texts` the log up to a step that cannot be done.
    """

    def __init__(self, message: str, part: str, texts: tuple[str, ...] = ()) -> None:
        self.part = part
        self.texts = texts
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Experiment:
    """What to run. `script` is JSON text of a list of steps, so that experiments can be compared.

    `machine` and `checkers` are the words of `kmemquest run`. `shown` is false if the driver
    would give the answer away.
    """

    driver: str
    script: str = '["insmod", "rmmod"]'
    machine: str = ""
    checkers: str = "debug"
    shown: bool = True

    @property
    def steps(self) -> list[Any]:
        """The script as plain data."""
        return list(json.loads(self.script))

    def with_code(self, code: str) -> Experiment:
        """Return the experiment with C in the place of the hole."""
        return Experiment(
            self.driver.replace(HOLE, code), self.script, self.machine, self.checkers, self.shown
        )

    def script_lines(self) -> list[str]:
        """The script, one step a line, as the player reads it."""
        from kmemquest.driver.script import parse_script

        return [str(step) for step in parse_script(self.steps)]


@dataclass(frozen=True, slots=True)
class Findings:
    """What a run gave. `log` holds the lines as dmesg shows them, `texts` without times.

    `outcome` is that of `driver.run.RunResult`. `bad_line` is the driver's line on which the
    first report (or the first sleep in a context that must not) came about, 0 without one.
    """

    outcome: str
    log: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    reports: tuple[Report, ...] = ()
    report_lines: tuple[int, ...] = ()
    """For each report the driver's line on which it came about, 0 if none was running."""
    results: tuple[int | None, ...] = ()
    calls: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    diagnostics: tuple[Diagnostic, ...] = ()
    bad_line: int = 0
    proc: dict[str, str] = field(default_factory=dict)

    @property
    def compiled(self) -> bool:
        """False if there was nothing to run: all that is known then are the `diagnostics`."""
        return self.outcome != "does-not-compile"


class _Witness:
    """Hears every event and every step of a run."""

    def __init__(self) -> None:
        self.line = 0
        self.first_bad = 0
        self.reports: list[Report] = []
        self.report_lines: list[int] = []
        self.calls: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.events: Counter[str] = Counter()

    def on_step(self, step: StepInfo) -> None:
        """Note where the driver stands."""
        self.line = step.line

    def __call__(self, event: Event) -> None:
        """Note what happened."""
        from kmemquest.kernel.events import CallMade, CallReturned, Report, SleptInAtomic

        self.events[type(event).__name__] += 1
        if isinstance(event, CallMade):
            self.calls[event.function] += 1
        elif isinstance(event, CallReturned):
            if event.result == 0 or event.result & (2**64 - 1) >= _ERRORS:
                self.failures[event.function] += 1
        elif isinstance(event, Report | SleptInAtomic):
            line = self.line
            if event.site is not None and event.site.file == FILE_NAME:
                line = event.site.line
            self.first_bad = self.first_bad or line
            if isinstance(event, Report):
                self.reports.append(event)
                self.report_lines.append(line)


@lru_cache(maxsize=_REMEMBERED)
def run_experiment(experiment: Experiment, proc: tuple[str, ...] = ()) -> Findings:
    """Run it and return the findings, with the named files of /proc as they are at the end.

    BadExperiment tells what is wrong with machine, checkers or script; the driver may do anything.
    """
    from kmemquest.driver.limits import Limits
    from kmemquest.driver.run import BUILTIN_WORDS, DOES_NOT_COMPILE, run_driver
    from kmemquest.driver.script import ScriptError, parse_script

    witness = _Witness()
    machine: Machine | None = None
    before = 0
    try:
        steps = parse_script(experiment.steps)
        machine = _boot(experiment, builtin=any(s.word in BUILTIN_WORDS for s in steps))
        before = len(machine.log.lines)
        unsubscribe = machine.events.subscribe(witness)
        result = run_driver(
            experiment.driver,
            FILE_NAME,
            script=steps,
            limits=Limits(steps=MAX_STEPS, memory_bytes=MAX_MEMORY),
            observer=witness,
            machine=machine,
        )
        unsubscribe()
    except ScriptError as error:
        lines = [] if machine is None else list(machine.log.lines)[before:]
        texts = tuple(line.text for line in lines)
        raise BadExperiment(f"script: {error}", "script", texts) from None
    if result.outcome == DOES_NOT_COMPILE:
        return Findings(result.outcome, diagnostics=result.diagnostics)
    return Findings(
        result.outcome,
        tuple(result.log_text()),
        tuple(line.text for line in result.log),
        tuple(witness.reports),
        tuple(witness.report_lines),
        tuple(each.result for each in result.results),
        witness.calls,
        witness.failures,
        witness.events,
        result.diagnostics,
        witness.first_bad,
        {name: _proc_file(machine, name) for name in proc},
    )


def _boot(experiment: Experiment, *, builtin: bool) -> Machine:
    from dataclasses import replace

    from kmemquest.kernel.machine import Machine
    from kmemquest.kernel.spec import Checkers, parse_machine_spec

    try:
        spec = parse_machine_spec(experiment.machine)
    except ValueError as error:
        raise BadExperiment(str(error), "machine") from None
    try:
        spec = replace(spec, checkers=Checkers.preset(experiment.checkers))
    except ValueError as error:
        raise BadExperiment(str(error), "checkers") from None
    return Machine(spec) if builtin else Machine.boot(spec)


def _proc_file(machine: Machine, name: str) -> str:
    from kmemquest.kernel.text.proc import proc_file

    return proc_file(machine, name)
