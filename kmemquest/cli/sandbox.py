"""`kmemquest sandbox [LEVEL]`: C statements one by one, on the full screen or line by line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable

from kmemquest.cli.language_option import choose_language
from kmemquest.cli.level_argument import find_level, read_answers
from kmemquest.cli.machine_option import machine_from_option
from kmemquest.cli.terminal import read_line
from kmemquest.i18n import _
from kmemquest.level.sandbox import Ground, Refusal, Sandbox
from kmemquest.level.sandbox_words import result_words, why_lines
from kmemquest.level.views.viewset import ViewSet

QUIT = ("q", "quit", "exit")


def command(arguments: argparse.Namespace) -> int:
    """Open the sandbox; --plain (or input from a pipe) reads statements line by line."""
    choose_language(arguments.language)
    if arguments.plain or arguments.machine or not sys.stdin.isatty():
        return read_statements(Sandbox(_ground(arguments)))
    if arguments.level:
        find_level(arguments.level)
    from kmemquest.tui.app import run

    return run(sandbox=arguments.level, language=arguments.language)


def _ground(arguments: argparse.Namespace) -> Ground:
    from dataclasses import replace

    from kmemquest.kernel.spec import Checkers

    if arguments.level:
        from kmemquest.level.attempt import Attempt

        level = find_level(arguments.level)
        attempt = Attempt(level, read_answers(arguments.answer))
        file = level.file
        return Ground(
            file.machine.spec(),
            file.machine.history.uptime,
            file.machine.history.seed,
            driver=attempt.source.text,
            script=tuple(file.script),
            builtin=file.builtin,
            title=level.text().title,
        )
    spec = replace(machine_from_option(arguments.machine), checkers=Checkers.preset("debug"))
    return Ground(spec, arguments.uptime)


def read_statements(sandbox: Sandbox) -> int:
    """Read statements and words until the input ends; exit 0."""
    words: dict[str, Callable[[], Iterable[str]]] = {
        "undo": lambda: [_("undone") if sandbox.undo() else _("There is nothing to undo.")],
        "redo": lambda: [_("redone") if sandbox.redo() else _("There is nothing to redo.")],
        "why": lambda: _why(sandbox),
        "dmesg": lambda: _log(sandbox),
        "vars": lambda: [f"{name} = {text}" for name, _kind, text in sandbox.run.variables()],
    }
    print(_("C statements, or: undo, redo, why, dmesg, vars, /proc/buddyinfo, quit."))
    while True:
        line = read_line(f"{len(sandbox.statements) + 1}> ")
        word = (line or "").strip().removeprefix("cat ").strip()
        if line is None or word in QUIT:
            print()
            return 0
        if word in words:
            lines: Iterable[str] = words[word]()
        elif word.startswith("/proc/"):
            lines = _proc(sandbox, word.removeprefix("/proc/"))
        else:
            lines = _enter(sandbox, line.strip()) if word else ()
        for text in lines:
            print(text)


def _enter(sandbox: Sandbox, line: str) -> list[str]:
    result = sandbox.enter(line)
    if isinstance(result, Refusal):
        where = _("column {column}: ").format(column=result.column) if result.column else ""
        hint = f" ({result.hint})" if result.hint else ""
        return [f"  {where}{result.message}{hint}"]
    number = len(result.statements)
    return [f"  {result_words(result, ViewSet(result.recording), number).text}"]


def _why(sandbox: Sandbox) -> list[str]:
    if not sandbox.statements:
        return [_("Nothing has run yet.")]
    run = sandbox.run
    said = why_lines(run, ViewSet(run.recording), len(run.statements))
    return [f"  {line.text}".rstrip() for line in said]


def _log(sandbox: Sandbox) -> list[str]:
    from kmemquest.kernel.events import LogLine
    from kmemquest.kernel.log import format_line

    run = sandbox.run
    events = run.recording.events[: run.end_event]
    return [format_line(event) for event in events if isinstance(event, LogLine)]


def _proc(sandbox: Sandbox, name: str) -> list[str]:
    try:
        return sandbox.proc(name).rstrip("\n").split("\n")
    except ValueError as error:
        return [str(error)]
