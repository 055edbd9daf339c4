"""`kmemquest run FILE.c`: build a driver, drive it, print the kernel log."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kmemquest.cli.errors import BadInput
from kmemquest.cli.language_option import choose_language
from kmemquest.cli.machine_option import machine_from_option
from kmemquest.kernel.spec import Checkers

if TYPE_CHECKING:
    from kmemquest.driver.diagnostics import Diagnostic
    from kmemquest.level.explanation import Explanation

MAX_SOURCE_BYTES: Final = 1 << 18
MAX_SHOWN: Final = 20
"""Findings of a run that are told one by one."""


def command(arguments: argparse.Namespace) -> int:
    """Run the module; exit 0 clean, 1 when anything was wrong, 2 when it does not compile."""
    from kmemquest.driver.script import ScriptError

    choose_language(arguments.language)
    try:
        checkers = Checkers.preset(arguments.checkers)
    except ValueError as error:
        raise BadInput(f"--checkers: {error}") from None
    source = read_source(arguments.file)
    script = read_script(arguments.script) if arguments.script else None
    try:
        if arguments.faults:
            return _sweep(arguments, source, script, checkers)
        return _run(arguments, source, script, checkers)
    except ScriptError as error:
        raise BadInput(f"{arguments.script or 'script'}: {error}") from None


def _run(arguments: argparse.Namespace, source: str, script: object, checkers: Checkers) -> int:
    from kmemquest.driver.run import run_driver
    from kmemquest.level.explanation import explain_all

    name = Path(arguments.file).name
    machine = machine_from_option(arguments.machine)
    result = run_driver(
        source, name, machine, script, checkers=checkers, keep_going=arguments.keep_going
    )
    explanations = explain_all(result.findings)
    if arguments.json:
        shown = result.as_json()
        shown["silent"] = [item.as_json() for item in explanations if not item.spoken]
        shown["explanations"] = [item.as_json() for item in explanations]
        print(json.dumps(shown, ensure_ascii=False, indent=1))
        return result.exit_code
    _print_diagnostics(result.diagnostics)
    for line in result.log_text():
        print(line)
    sys.stdout.flush()
    _print_explanations(explanations, name)
    return result.exit_code


def _print_explanations(explanations: list[Explanation], name: str) -> None:
    """Tell on the error stream what was wrong: what the kernel said first, then its silence."""
    from kmemquest.i18n import _, ngettext
    from kmemquest.level.explanation import lines_of

    spoken = [item for item in explanations if item.spoken]
    silent = [item for item in explanations if not item.spoken]
    headings = []
    if spoken:
        headings.append((_("What the kernel said, and the first bad step:"), spoken))
    if silent:
        text = ngettext(
            "The kernel said nothing of this; it happened all the same:",
            "The kernel said nothing of these; they happened all the same:",
            len(silent),
        )
        headings.append((text, silent))
    for heading, items in headings:
        print(f"\n{heading}", file=sys.stderr)
        for item in items[:MAX_SHOWN]:
            print(file=sys.stderr)
            for line in lines_of(item, name):
                print(line, file=sys.stderr)
        if len(items) > MAX_SHOWN:
            more = len(items) - MAX_SHOWN
            left = ngettext("… and {n} more", "… and {n} more", more).format(n=more)
            print(f"\n{left}", file=sys.stderr)


def _sweep(arguments: argparse.Namespace, source: str, script: object, checkers: Checkers) -> int:
    from kmemquest.driver.run import EXIT_CLEAN, EXIT_NO_MODULE, EXIT_REPORTS, sweep_faults
    from kmemquest.level.sweep_table import sweep_json, sweep_lines

    name = Path(arguments.file).name
    machine = machine_from_option(arguments.machine)
    diagnostics, sweep = sweep_faults(
        source, name, machine, script, checkers=checkers, keep_going=arguments.keep_going
    )
    if sweep is None:
        _print_diagnostics(diagnostics)
        return EXIT_NO_MODULE
    if arguments.json:
        print(json.dumps({"file": name, **sweep_json(sweep)}, ensure_ascii=False, indent=1))
    else:
        _print_diagnostics(diagnostics)
        print("\n".join(sweep_lines(sweep, name)))
    return EXIT_CLEAN if sweep.survives else EXIT_REPORTS


def _print_diagnostics(diagnostics: tuple[Diagnostic, ...]) -> None:
    for diagnostic in diagnostics:
        print(diagnostic, file=sys.stderr)
        if diagnostic.hint:
            print(f"  → {diagnostic.hint}", file=sys.stderr)


def read_source(name: str) -> str:
    """Read a driver's source; BadInput when it cannot be text of a sane size."""
    path = Path(name)
    try:
        if path.stat().st_size > MAX_SOURCE_BYTES:
            raise BadInput(f"{name}: larger than {MAX_SOURCE_BYTES >> 10} KiB")
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{name}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise BadInput(f"{name}: {error.strerror or error}") from None


def read_script(name: str) -> object:
    """Read a list of script steps from a YAML file."""
    from kmemquest.content.problem import ProblemsFound
    from kmemquest.content.safe_yaml import read_yaml

    try:
        return read_yaml(Path(name)).data
    except ProblemsFound as found:
        raise BadInput("\n".join(str(problem) for problem in found.problems)) from None
