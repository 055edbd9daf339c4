"""The sandbox: C statements one by one on a machine of one's choice, exact at every moment.

The statements are the body of one function of a generated module. Each new one is appended, and
the whole is built and run again from the same booted machine: equal statements give equal runs,
so undo is leaving the last one out, and nothing is ever patched into a running machine. What a
statement of an expression came to is kept in `_1`, `_2`, … by the number of the statement.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, get_args

from kmemquest.i18n import _
from kmemquest.kernel.spec import Checkers, MachineSpec
from kmemquest.level.model import ProcFile
from kmemquest.level.recording import Recording
from kmemquest.level.source import DriverSource
from kmemquest.level.trial import Trial, diagnose

FUNCTION: Final = "sandbox"
FILE: Final = "sandbox.c"
MAX_STATEMENTS: Final = 200
MAX_TEXT: Final = 2000
"""Characters of one statement."""
MANY_LOCALS: Final = 400

INCLUDES: Final = (
    "module.h", "slab.h", "vmalloc.h", "gfp.h", "mm.h", "mempool.h", "dma-mapping.h", "io.h",
    "spinlock.h", "mutex.h", "delay.h", "interrupt.h", "err.h", "percpu.h",
)  # fmt: skip
PLAIN_MODULE: Final = """\
static int __init sandbox_init(void)
{
	return 0;
}

static void __exit sandbox_exit(void)
{
}

module_init(sandbox_init);
module_exit(sandbox_exit);
MODULE_LICENSE("GPL");
"""
_ASSIGNED: Final = re.compile(r"([A-Za-z_]\w*)\s*=(?!=)\s*(.+)", re.DOTALL)
_UNUSED: Final = re.compile(r"unused variable ‘(\w+)’|‘(\w+)’ (?:defined|set) but not used")
_UNDECLARED: Final = re.compile(r"‘(\w+)’ undeclared")
_FLOW: Final = re.compile(r"\s*(\{|(for|while|do|if|switch)\b)")
_UNLOADING: Final = ("rmmod", "unplug", "exit")


@dataclass(frozen=True, slots=True)
class Ground:
    """What statements run on: a machine, and perhaps a driver that was loaded and driven before.

    `script` is what happened to the driver; steps that take it away again are left out.
    """

    spec: MachineSpec = field(
        default_factory=lambda: MachineSpec(ram=256 << 20, checkers=Checkers.preset("debug"))
    )
    uptime: str = "fresh"
    wear: int = 1
    driver: str = ""
    script: tuple[str | dict[str, Any], ...] = ("insmod",)
    builtin: bool = False
    title: str = ""

    def steps(self) -> list[str | dict[str, Any]]:
        """The script before the statements."""
        steps: list[str | dict[str, Any]] = []
        for step in self.script:
            word = step if isinstance(step, str) else next(iter(step), "")
            if word in _UNLOADING:
                break
            steps.append(step)
        return steps


@dataclass(frozen=True, slots=True)
class Statement:
    """One line of the player. `form` is value, declare, plain or definition."""

    text: str
    form: str = "plain"

    @property
    def bare(self) -> str:
        """The text without its semicolon."""
        return self.text.rstrip().removesuffix(";").rstrip()

    def code(self, number: int) -> str:
        """The C that stands in the generated function; one line."""
        if self.form == "value":
            return f"typeof({self.bare}) _{number} __maybe_unused = ({self.bare});"
        if self.form == "declare":
            found = _ASSIGNED.fullmatch(self.bare)
            assert found is not None
            return f"typeof({found[2]}) {found[1]} = ({found[2]});"
        text = self.text.rstrip()
        return text if text.endswith(";") else text + ";"

    @property
    def assigned(self) -> str:
        """The variable that the statement assigns to, if it does nothing else."""
        found = _ASSIGNED.fullmatch(self.bare)
        return found[1] if found is not None and self.form in ("value", "declare") else ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a line was not taken: the build's words, the column in the line (from 1), a way out."""

    message: str
    column: int = 0
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """The part of a run that belongs to a statement: steps and events, both [first, last).

    `reached` is false for a statement that the run never came to.
    """

    number: int
    first_step: int
    last_step: int
    first_event: int
    last_event: int
    reached: bool = True


@dataclass(frozen=True)
class SandboxRun:
    """All statements, run."""

    statements: tuple[Statement, ...]
    recording: Recording
    lines: tuple[int, ...]
    """The line of each statement in the generated source."""
    end_line: int

    @cached_property
    def _own(self) -> tuple[int, ...]:
        """Steps of the generated function itself, not of what it calls."""
        return tuple(
            index for index, step in enumerate(self.recording.steps) if step.function == FUNCTION
        )

    @cached_property
    def end_step(self) -> int:
        """The step after the last statement; the number of steps if the run died before it."""
        steps = self.recording.steps
        for index in self._own:
            if steps[index].line == self.end_line:
                return index
        return len(steps)

    @cached_property
    def end_event(self) -> int:
        """The events of the statements end here; what the return to user space does comes after."""
        steps = self.recording.steps
        if self.end_step < len(steps):
            return steps[self.end_step].first_event
        return len(self.recording.events)

    @cached_property
    def begin_event(self) -> int:
        """Where the first statement begins."""
        if self._own:
            return self.recording.steps[self._own[0]].first_event
        return len(self.recording.events)

    @cached_property
    def passages(self) -> tuple[Passage, ...]:
        """What belongs to each statement, in their order."""
        steps = self.recording.steps
        starts: dict[int, int] = {}
        for index in self._own:
            starts.setdefault(steps[index].line, index)
        found = []
        for number, line in enumerate(self.lines, 1):
            first = starts.get(line)
            if self.statements[number - 1].form == "definition":
                found.append(Passage(number, 0, 0, self.begin_event, self.begin_event))
                continue
            if first is None:
                silent = self._silent(number)
                place = found[-1].last_event if found else self.begin_event
                found.append(Passage(number, 0, 0, place, place, reached=silent))
                continue
            later = [index for index in self._own if index > first and steps[index].line > line]
            last = later[0] if later else len(steps)
            end = steps[last].first_event if last < len(steps) else len(self.recording.events)
            found.append(Passage(number, first, last, steps[first].first_event, end))
        return tuple(found)

    def _silent(self, number: int) -> bool:
        """A declaration without a value is no step; it counts as reached when a later one is."""
        return any(
            step.line > self.lines[number - 1]
            for step in (self.recording.steps[index] for index in self._own)
        )

    @cached_property
    def died_at(self) -> int | None:
        """The number of the statement in which the run ended before its end; None if it did not."""
        if self.end_step < len(self.recording.steps):
            return None
        reached = [p.number for p in self.passages if p.reached and p.last_step]
        return reached[-1] if reached else None

    def variables(self) -> tuple[tuple[str, str, str], ...]:
        """Name, type and value of all variables at the end of the statements."""
        steps = self.recording.steps
        if not self._own:
            return ()
        step = steps[min(self.end_step, self._own[-1])]
        return tuple((local.name, local.type, local.text) for local in step.locals)

    def value(self, number: int) -> tuple[str, str] | None:
        """Type and value text of an expression; None where there is none."""
        statement = self.statements[number - 1]
        passage = self.passages[number - 1]
        name = f"_{number}" if statement.form == "value" else statement.assigned
        if not passage.reached or passage.last_step >= len(self.recording.steps):
            return None
        name = name or self._declared(passage)
        for local in self.recording.steps[self._after(passage)].locals:
            if local.name == name:
                return local.type, local.text
        return None

    def _declared(self, passage: Passage) -> str:
        """The variable that a statement has brought in."""
        text = self.statements[passage.number - 1].text
        if passage.last_step <= passage.first_step or _FLOW.match(text):
            return ""
        for local in self.recording.steps[self._after(passage)].locals:
            if re.search(rf"\b{local.name}\b\s*(\[[^]]*\]\s*)*=(?!=)", text):
                return local.name
        return ""

    def _after(self, passage: Passage) -> int:
        """The step at which a statement's value can be seen: the next one of the function."""
        later = [index for index in self._own if index >= passage.last_step]
        return later[0] if later else passage.last_step


class Sandbox:
    """Statements on a ground. Every change runs everything anew."""

    def __init__(self, ground: Ground | None = None) -> None:
        self.ground = ground or Ground()
        self._statements: tuple[Statement, ...] = ()
        self._undone: tuple[Statement, ...] = ()
        self._run: SandboxRun | None = None
        self.moved = False
        """Whether the last statement made earlier addresses move: the module itself grew."""

    @property
    def statements(self) -> tuple[Statement, ...]:
        """What has been taken so far."""
        return self._statements

    @property
    def undone(self) -> tuple[Statement, ...]:
        """What redo would bring back, the next one first."""
        return self._undone

    @property
    def run(self) -> SandboxRun:
        """The run of all statements."""
        if self._run is None:
            self._run = self._perform(self._statements)
        return self._run

    def enter(self, text: str) -> SandboxRun | Refusal:
        """Take one statement, declaration or definition and run; or say why it is not taken."""
        text = " ".join(text.strip().split("\n")) if not text.startswith("#") else text.strip()
        problem = self._unfit(text)
        if problem is not None:
            return problem
        statement, refusal = self._shape(text)
        if statement is None:
            assert refusal is not None
            return refusal
        before = self._run
        run = self._perform((*self._statements, statement))
        self.moved = before is not None and _values(before) != _values(run, len(before.statements))
        self._statements = run.statements
        self._undone = ()
        self._run = run
        return run

    def undo(self) -> bool:
        """Take the last statement back."""
        if not self._statements:
            return False
        *kept, last = self._statements
        self._statements, self._undone = tuple(kept), (last, *self._undone)
        self._run = None
        return True

    def redo(self) -> bool:
        """Bring the last one undone back."""
        if not self._undone:
            return False
        first, *rest = self._undone
        self._statements, self._undone = (*self._statements, first), tuple(rest)
        self._run = None
        return True

    def move_to(self, ground: Ground) -> list[str]:
        """Run the same statements on another ground; returns those that do not build there."""
        texts = [statement.text for statement in self._statements]
        self.ground = ground
        return self.load(texts)

    def load(self, texts: Sequence[str]) -> list[str]:
        """Begin anew with these statements; returns those that do not build."""
        self._statements, self._undone, self._run = (), (), None
        self.moved = False
        refused = []
        for text in texts[:MAX_STATEMENTS]:
            statement, _why = self._shape(text) if 0 < len(text) <= MAX_TEXT else (None, None)
            if statement is None:
                refused.append(text)
            else:
                self._statements = (*self._statements, statement)
        return refused

    def proc(self, name: str) -> str:
        """A file of /proc when all statements are over; ValueError for an unknown one."""
        if name not in get_args(ProcFile):
            known = ", ".join(get_args(ProcFile))
            raise ValueError(_("there is /proc/{known}").format(known=known))
        run = self._perform(self._statements, (name,))
        return dict(run.recording.proc)[name]

    # --- shaping a line -----------------------------------------------------------------------

    def _unfit(self, text: str) -> Refusal | None:
        if not text:
            return Refusal(_("there is nothing to run"))
        if len(text) > MAX_TEXT:
            return Refusal(_("a line has at most {n} characters").format(n=MAX_TEXT))
        if len(self._statements) >= MAX_STATEMENTS:
            return Refusal(
                _("the sandbox holds {n} statements; undo some, or begin anew").format(
                    n=MAX_STATEMENTS
                )
            )
        if self._statements and self.run.died_at is not None:
            return Refusal(
                _("nothing runs after statement {n}: undo it, or begin anew").format(
                    n=self.run.died_at
                )
            )
        return None

    def _shape(self, text: str) -> tuple[Statement | None, Refusal | None]:
        """The form in which a line builds; the refusal is that of the line as it was typed."""
        if text.startswith("#"):
            found = self._complaint(Statement(text, "definition"))
            return (Statement(text, "definition"), None) if found is None else (None, found)
        plain = self._complaint(Statement(text))
        forms = ["value"] if not text.rstrip().endswith("}") else []
        unknown = _UNDECLARED.search(plain.message) if plain is not None else None
        assigned = _ASSIGNED.fullmatch(Statement(text).bare)
        if unknown is not None and assigned is not None and unknown[1] == assigned[1]:
            forms = ["declare"]
        for form in forms:
            shaped = Statement(text, form)
            if self._complaint(shaped) is None:
                return shaped, None
        if plain is None:
            return Statement(text), None
        if self._complaint(Statement(text, "definition")) is None:
            return Statement(text, "definition"), None
        return None, plain

    def _complaint(self, statement: Statement) -> Refusal | None:
        """What the build says against one more statement."""
        statements = (*self._statements, statement)
        source, lines, _end = self._source(statements)
        errors = [found for found in self._build(source, statements) if found.severity == "error"]
        if not errors:
            return None
        first = next((e for e in errors if e.line == lines[-1]), errors[0])
        column = first.column - 1 if statement.form == "plain" and first.line == lines[-1] else 0
        return Refusal(first.message, max(column, 0), first.hint)

    def _build(self, source: str, statements: tuple[Statement, ...]) -> list[Any]:
        """Diagnostics, without those about variables that a next statement may use."""
        del statements
        found = diagnose(source, FILE, builtin=self.ground.builtin)
        return [one for one in found if not _UNUSED.search(one.message)]

    def _source(self, statements: tuple[Statement, ...]) -> tuple[str, tuple[int, ...], int]:
        """The generated module, the line of each statement, the line after the last."""
        uses: tuple[str, ...] = ()
        text, lines, end = _written(self.ground, statements, uses)
        names: dict[str, None] = {}
        for one in diagnose(text, FILE, builtin=self.ground.builtin):
            unused = _UNUSED.search(one.message)
            if unused is not None:
                names[unused[1] or unused[2]] = None
        if names:
            text, lines, end = _written(self.ground, statements, tuple(names))
        return text, lines, end

    def _perform(self, statements: tuple[Statement, ...], proc: tuple[str, ...] = ()) -> SandboxRun:
        text, lines, end = self._source(statements)
        ground = self.ground
        trial = Trial(
            DriverSource(text, ()),
            FILE,
            ground.spec,
            (*ground.steps(), {"call": {"function": FUNCTION}}),
            builtin=ground.builtin,
            uptime=ground.uptime,
            wear=ground.wear,
            proc=proc,
            most_locals=MANY_LOCALS,
        )
        return SandboxRun(statements, trial.run(), lines, end)


def _written(
    ground: Ground, statements: tuple[Statement, ...], uses: tuple[str, ...]
) -> tuple[str, tuple[int, ...], int]:
    out = ["// SPDX-License-Identifier: GPL-2.0"]
    out += [f"#include <linux/{name}>" for name in INCLUDES]
    out += (ground.driver or PLAIN_MODULE).rstrip("\n").split("\n")
    lines: dict[int, int] = {}
    for number, statement in enumerate(statements, 1):
        if statement.form == "definition":
            out.append(statement.text)
            lines[number] = len(out)
    out += [f"int {FUNCTION}(void);", f"int {FUNCTION}(void)", "{"]
    for number, statement in enumerate(statements, 1):
        if statement.form != "definition":
            out.append("\t" + statement.code(number))
            lines[number] = len(out)
    out.append("\t" + "".join(f"(void){name}; " for name in uses) + "return 0;")
    end = len(out)
    out.append("}")
    return "\n".join(out) + "\n", tuple(lines[n] for n in sorted(lines)), end


def _values(run: SandboxRun, count: int | None = None) -> list[tuple[str, str] | None]:
    numbers = range(1, (len(run.statements) if count is None else count) + 1)
    return [run.value(number) for number in numbers]
