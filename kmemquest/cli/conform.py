"""`kmemquest conform FILE…`: replay recordings of real kernels through the simulator."""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

from kmemquest.cli.errors import BadInput


def command(arguments: argparse.Namespace) -> int:
    """Print `FILE: matched M/N` for each file and the first mismatch; exit 1 on any.

    A file of no known format is told, and makes it 2; the others are replayed all the same.
    """
    from kmemquest.kernel.conform.formats import (
        NotYet,
        UnknownFormat,
        companion_name,
        conform_lines,
    )

    failed = unreadable = False
    rows: list[dict[str, object]] = []
    for name in arguments.files:
        if is_index(name):
            failed = not compare_cases(name, rows, quiet=arguments.json) or failed
            continue
        try:
            beside = companion_name(Path(name).name)
            companion = find_beside(name, beside) if beside is not None else None
            result = conform_lines(Path(name).name, read_lines(name), companion)
        except (UnknownFormat, NotYet) as error:
            unreadable = True
            rows.append({"file": name, "matched": None, "total": None, "message": str(error)})
            if not arguments.json:
                print(f"{name}: cannot be replayed: {error}")
            continue
        mismatch = result.first_mismatch
        failed = failed or result.matched != result.total or result.total == 0
        rows.append(
            {
                "file": name,
                "matched": result.matched,
                "total": result.total,
                "notes": list(result.notes),
                "first_mismatch": None
                if mismatch is None
                else {
                    "line": mismatch.line,
                    "operation": mismatch.operation,
                    "expected": mismatch.expected,
                    "got": mismatch.got,
                    "around": list(mismatch.around),
                },
            }
        )
        if not arguments.json:
            print(f"{name}: matched {result.matched}/{result.total}")
            for note in result.notes:
                print(f"  {note}")
            if mismatch is not None:
                print(f"  line {mismatch.line}: {mismatch.operation}")
                print(f"    expected {mismatch.expected}")
                print(f"    got      {mismatch.got}")
                for line in mismatch.around:
                    print(f"    {line}")
    if arguments.json:
        print(json.dumps(rows, indent=1))
    return 2 if unreadable else 1 if failed else 0


def is_index(name: str) -> bool:
    """Tell whether a file is an index of recorded driver mistakes."""
    if not name.endswith(".json"):
        return False
    from kmemquest.driver.consequences import is_consequences_index

    return is_consequences_index(Path(name))


def compare_cases(name: str, rows: list[dict[str, object]], *, quiet: bool) -> bool:
    """Run every case of an index on every boot it was recorded on; tell whether all agree."""
    from kmemquest.driver.consequences import conform_consequences

    result = conform_consequences(Path(name))
    total = result.total
    for miss in result.misses:
        rows.append(
            {
                "file": name,
                "case": miss.case,
                "boot": miss.boot,
                "expected": [miss.expected.severity, *miss.expected.headlines],
                "got": [miss.got.severity, *miss.got.headlines],
            }
        )
        if not quiet:
            print(f"{miss.case} on {miss.boot}:")
            print(f"    expected {miss.expected.severity}: {'; '.join(miss.expected.headlines)}")
            print(f"    got      {miss.got.severity}: {'; '.join(miss.got.headlines)}")
    rows.append({"file": name, "matched": result.matched, "total": total})
    if not quiet:
        print(f"severity {result.severity}/{total}")
        print(f"headlines {result.headlines}/{total}")
        print(f"next {result.next}/{total}")
        print(f"{name}: matched {result.matched}/{total}")
    return result.matched == total and total > 0


def find_beside(name: str, companion: str) -> Iterator[str] | None:
    """Return the lines of a file in the same folder, plain or gzip; None if there is none."""
    for candidate in (companion, f"{companion}.gz"):
        path = Path(name).with_name(candidate)
        if path.is_file():
            return read_lines(str(path))
    return None


def read_lines(name: str) -> Iterator[str]:
    """Yield the lines of a recording, plain or gzip; BadInput when it cannot be read."""
    path = Path(name)
    try:
        with path.open("rb") as probe:
            packed = probe.read(2) == b"\x1f\x8b"
        if packed:
            with gzip.open(path, "rt", encoding="utf-8") as lines:
                yield from lines
        else:
            with path.open(encoding="utf-8") as lines:
                yield from lines
    except FileNotFoundError:
        raise BadInput(f"{name}: there is no such file") from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise BadInput(f"{name}: cannot be read: {error}") from None
