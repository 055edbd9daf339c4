"""Files of /proc against recorded ones: every line of the same kind, at the same place.

Values differ wherever the two machines differ (what an initramfs holds, which drivers there are);
what must agree is the form: the same rows in the same order, the same names, columns of the same
width. /proc/vmallocinfo has a row per area, so only the form of each of its rows is compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from kmemquest.kernel.conform import ConformResult, Tally, tally_of
from kmemquest.kernel.conform.report_patterns import classify_proc
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.text.proc import proc_file

FREE_ROWS: Final = ("vmallocinfo",)
"""Files whose rows follow what happened, not what machine it is."""

_VALUE: Final = re.compile(r"\b[0-9a-f]*\d[0-9a-f]*\b")


def compare_proc(machine: Machine, name: str, recorded: Sequence[str], tally: Tally) -> None:
    """Compare our /proc/`name` with the recorded lines of it."""
    ours = proc_file(machine, name).splitlines()
    if name in FREE_ROWS:
        for line in ours:
            tally.compare(f"/proc/{name}", "a line of its form", _form(name, line))
        return
    for index in range(max(len(ours), len(recorded))):
        expected = row_shape(name, recorded[index]) if index < len(recorded) else "(no line)"
        got = row_shape(name, ours[index]) if index < len(ours) else "(no line)"
        tally.compare(f"/proc/{name}", expected, got)


def row_shape(name: str, line: str) -> str:
    """Return a row's kind and its words, without values and the blanks that align them."""
    found = classify_proc(name, line)
    kind = found.kind if found is not None else "of no form"
    return f"{kind}: {_VALUE.sub('#', re.sub(' +', ' ', line))}"


def _form(name: str, line: str) -> str:
    return "a line of its form" if classify_proc(name, line) is not None else line


def conform_form(lines: Iterable[str], name: str) -> ConformResult:
    """Compare only the form of a file whose boot is not recorded: each line is parsed."""
    tally = tally_of(lines)
    for number, line in enumerate(lines, 1):
        text = line.rstrip()
        if text:
            tally.line = number
            known = classify_proc(name, text) is not None
            tally.compare(f"a line of /proc/{name}", text, text if known else "an unknown form")
    return tally.result()
