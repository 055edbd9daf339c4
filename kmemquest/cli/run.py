"""`kmemquest run FILE.c`: build a driver, drive it, print the kernel log."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from kmemquest.cli.errors import BadInput
from kmemquest.cli.machine_option import machine_from_option
from kmemquest.kernel.spec import Checkers

MAX_SOURCE_BYTES: Final = 1 << 18


def command(arguments: argparse.Namespace) -> int:
    """Run the module; exit 0 clean, 1 when anything was wrong, 2 when it does not compile."""
    from kmemquest.driver.run import run_driver
    from kmemquest.driver.script import ScriptError

    try:
        checkers = Checkers.preset(arguments.checkers)
    except ValueError as error:
        raise BadInput(f"--checkers: {error}") from None
    if arguments.faults:
        raise BadInput("--faults: the fault sweep is not part of this release yet")
    source = read_source(arguments.file)
    script = read_script(arguments.script) if arguments.script else None
    try:
        result = run_driver(
            source,
            Path(arguments.file).name,
            machine_from_option(arguments.machine),
            script,
            checkers=checkers,
            keep_going=arguments.keep_going,
        )
    except ScriptError as error:
        raise BadInput(f"{arguments.script or 'script'}: {error}") from None
    if arguments.json:
        print(json.dumps(result.as_json(), ensure_ascii=False, indent=1))
        return result.exit_code
    for diagnostic in result.diagnostics:
        print(diagnostic, file=sys.stderr)
        if diagnostic.hint:
            print(f"  → {diagnostic.hint}", file=sys.stderr)
    for line in result.log_text():
        print(line)
    for report in result.reports:
        if not report.spoken:
            place = f"{report.site.file}:{report.site.line}: " if report.site else ""
            detail = f" ({report.detail})" if report.detail else ""
            print(f"{place}the kernel said nothing: {report.kind}{detail}", file=sys.stderr)
    return result.exit_code


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
