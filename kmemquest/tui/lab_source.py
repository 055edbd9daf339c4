"""The level room as the lab sees it: builds, runs, and plays with their findings."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from kmemquest.i18n import _, ngettext
from kmemquest.level.evidence import Evidence
from kmemquest.level.findings import Misdeed, misdeeds
from kmemquest.level.goals_run import context_word
from kmemquest.level.source import DriverSource
from kmemquest.level.trial import Trial, Witnessed, diagnose
from kmemquest.tui.lab_model import LEVEL, LabCase, Problem, Script, ScriptWrong, Setup
from kmemquest.tui.model import Source, Table, TableRow, Verdict
from kmemquest.tui.play_source import RecordedPlay


def problems_of(source: str, file: str, *, builtin: bool = False) -> tuple[Problem, ...]:
    """What a build says about a source."""
    return tuple(
        Problem(
            found.line if found.file.endswith(file) else 0,
            found.column,
            found.severity,
            found.message if found.file.endswith(file) else f"{found.file}: {found.message}",
            found.hint,
        )
        for found in diagnose(source, file, builtin=builtin)
    )


def read_script(text: str) -> Script:
    """The steps of a script of one step per line; ScriptWrong names the line.

    A line is what a list entry of a script file holds, with or without the dash: `insmod`,
    `open: cam`, `irq: {line: 17, times: 3}`. Empty lines and comments are skipped.
    """
    from kmemquest.content.problem import ProblemsFound
    from kmemquest.content.safe_yaml import parse_yaml
    from kmemquest.level.script_words import check_step

    steps: list[str | dict[str, object]] = []
    for number, line in enumerate(text.split("\n"), 1):
        entry = line.strip().removeprefix("- ").strip()
        if not entry or entry.startswith("#"):
            continue
        try:
            step = parse_yaml(entry).data
        except ProblemsFound as found:
            problem = found.problems[0]
            raise ScriptWrong(_script_problem(number, problem.message, problem.hint)) from None
        wrong = check_step(step) if isinstance(step, str | dict) else _("a step is a word")
        if wrong:
            raise ScriptWrong(_script_problem(number, wrong))
        steps.append(step)
    if not steps:
        raise ScriptWrong(_script_problem(1, _("the script has no step"), _("write insmod first")))
    return tuple(steps)


def _script_problem(line: int, message: str, hint: str = "") -> Problem:
    return Problem(line, 1, "error", message, hint, "script")


def script_text(script: list[str | dict[str, object]]) -> str:
    """A script of a level as lines to edit."""
    import yaml

    lines = []
    for step in script:
        if isinstance(step, str):
            lines.append(step)
        else:
            flow = yaml.safe_dump(step, default_flow_style=True, width=10_000, sort_keys=False)
            lines.append(flow.strip().removeprefix("{").removesuffix("}"))
    return "\n".join(lines) + "\n"


def trial_of(case: LabCase, text: str, setup: Setup) -> Trial:
    """A text on the machine of a set-up; ScriptWrong when the script cannot be read."""
    from kmemquest.driver.run import BUILTIN_WORDS

    script = read_script(setup.script)
    words = [step if isinstance(step, str) else next(iter(step), "") for step in script]
    own = setup.machine == LEVEL
    return Trial(
        DriverSource(text, ()),
        case.file,
        case.machine_of(setup),
        script,
        builtin=any(word in BUILTIN_WORDS for word in words),
        uptime=setup.uptime,
        wear=case.wear if own else 1,
        level=case.level,
    )


def run_case(
    case: LabCase, text: str, setup: Setup, cancelled: Callable[[], bool] | None = None
) -> LabPlay:
    """Build and run; ScriptWrong when the script cannot be read."""
    from kmemquest.tui.level_source import source_of

    witnessed = trial_of(case, text, setup).run_witnessed(cancelled)
    return LabPlay(witnessed, source_of(witnessed.recording.source, case.file), setup)


class LabPlay(RecordedPlay):
    """A finished run of the lab."""

    def __init__(self, witnessed: Witnessed, source: Source, setup: Setup) -> None:
        super().__init__(witnessed.recording, source)
        self.setup = setup
        self._found = witnessed.findings

    @cached_property
    def findings(self) -> tuple[Misdeed, ...]:
        """All that went wrong, told by the kernel or not."""
        return misdeeds(self.recording, self._found)

    @property
    def silent(self) -> bool:
        """Whether something went wrong and the kernel said nothing at all about it."""
        return bool(self.findings) and not any(found.spoken for found in self.findings)

    @property
    def compiled(self) -> bool:
        """Whether there was anything to run."""
        return self.recording.outcome != "does-not-compile"

    def outcome_words(self) -> tuple[str, str]:
        """What came of the run, as tone and sentence."""
        outcome = self.recording.outcome
        if not self.findings:
            if outcome == "ran":
                return "good", _("Nothing went wrong in this run.")
            if outcome == "init-failed":
                return "warn", _("The module's init function returned an error.")
            return "bad", _("The run did not reach its end.")
        first = self.findings[0]
        more = len(self.findings) - 1
        text = _("line {line}: {what}").format(line=first.words.line, what=first.what)
        if more:
            text += " " + ngettext("({n} more)", "({n} more)", more).format(n=more)
        if self.silent:
            return "bad", _("The kernel said nothing. What happened: {what}").format(what=text)
        return "bad", _("First bad step, {what}").format(what=text)

    @cached_property
    def verdict(self) -> Verdict:
        """The run in the terms of a verdict: there are no goals in the lab."""
        tone, headline = self.outcome_words()
        first = self.findings[0] if self.findings else None
        return Verdict(
            tone == "good",
            0,
            headline,
            (),
            first.step if first is not None else None,
            _("line {line}").format(line=first.words.line) if first is not None else "",
            first.words.rule if first is not None else "",
        )

    def state(self, step: int, *, wide: bool) -> tuple[Table, Table]:
        """Variables and call stack before a statement; types only where there is room."""
        found = self.recording.steps[step]
        before = self.recording.steps[step - 1] if step else None
        old = {}
        if before is not None and before.function == found.function:
            old = {local.name: local.text for local in before.locals}
        headings = (_("variable"), _("value"), _("type"))
        variables = tuple(
            TableRow(
                (local.name, local.text, local.type) if wide else (local.name, local.text),
                changed=local.name in old and old[local.name] != local.text,
            )
            for local in found.locals
        )
        stack = tuple(
            TableRow((f"{function}()",), "plain" if depth else "accent")
            for depth, function in enumerate(reversed(found.stack))
        )
        return (
            Table(headings if wide else headings[:2], variables, " " + _("no variables here")),
            Table((_("innermost first"),), stack, _("not in the driver")),
        )

    def context(self, step: int) -> str:
        """Context, interrupt, interrupts off, locks held, in one line."""
        found = self.recording.steps[step]
        parts = [context_word(found.context_kind)]
        if found.irq is not None:
            parts.append(f"irq {found.irq}")
        parts.append(_("irqs off") if found.irqs_off else _("irqs on"))
        locks = ", ".join(found.locks)
        parts.append(_("holds {locks}").format(locks=locks) if locks else _("no locks"))
        return " · ".join(parts)

    @cached_property
    def figures(self) -> tuple[tuple[str, int], ...]:
        """What the run used, for comparing it with another."""
        evidence = Evidence(self.recording)
        calls = evidence.allocation_calls()
        return (
            (_("statements"), len(self.recording.steps) + self.recording.dropped_steps),
            (_("allocations"), len(calls)),
            (_("of these failed"), sum(call.failed for call in calls)),
            (_("pages at most"), evidence.peak_pages),
            (_("things gone wrong"), sum(found.times for found in self.findings)),
            (_("lines in the log"), len(self.recording.log)),
        )
