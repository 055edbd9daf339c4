"""What must hold of an experiment, and which number to take from it: two closed lists.

`expectation_mistake` and `measure_mistake` tell an author what is wrong; `holds` and `measured`
decide over findings; `failed_text` tells a player what did not hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kmemquest.content.problem import did_you_mean
from kmemquest.driver.outcomes import OUTCOMES
from kmemquest.i18n import _
from kmemquest.quiz.experiment import Findings
from kmemquest.quiz.outcome_words import outcome_words, report_words

WORDS: Final = ("no-report", "silent")
"""Expectations without a parameter."""
KEYS: Final = ("log", "no-log", "report", "no-report", "outcome", "value")
MEASURES: Final = ("log", "result", "calls", "failures", "count", "proc", "reports")
COMPARISONS: Final = ("is", "not", "at-least", "at-most")
PROC_FILES: Final = (
    "buddyinfo",
    "slabinfo",
    "zoneinfo",
    "vmallocinfo",
    "meminfo",
    "iomem",
    "pagetypeinfo",
)
_NUMBER: Final = re.compile(r"-?(?:0x[0-9a-fA-F]+|[0-9a-f]{16}(?![0-9a-f])|[0-9]+)")
_ADDRESS: Final = re.compile(r"0[0-9a-f]{15}|(?=.*[a-f])[0-9a-f]{16}")
"""How the kernel writes an address (`%016lx`): hexadecimal, without 0x."""

Expectation = str | Mapping[str, Any]


class NoNumber(ValueError):
    """The run does not show the number that a measure asks for; tells what was looked for."""


# --- what is wrong with them --------------------------------------------------------------


def expectation_mistake(data: object) -> str:
    """Return what is wrong with an expectation, or nothing."""
    if isinstance(data, str):
        if data in KEYS and data not in WORDS:
            return f"{data} needs a parameter, e.g. {{{data}: …}}"
        return "" if data.strip() else "an expectation must not be empty"
    if not isinstance(data, Mapping) or len(data) != 1:
        return "expected a log fragment or one of " + ", ".join((*KEYS, "silent"))
    key, value = next(iter(data.items()))
    if key not in KEYS:
        return f"unknown expectation {key!r}; " + (did_you_mean(str(key), KEYS) or "")
    if key == "value":
        return _comparison_mistake(value)
    if key == "outcome":
        return "" if value in OUTCOMES else f"outcome must be one of {', '.join(OUTCOMES)}"
    if key == "no-report":
        good = isinstance(value, list) and value and all(isinstance(kind, str) for kind in value)
        return "" if good else "no-report takes a list of report kinds"
    return "" if isinstance(value, str) and value else f"{key} takes text"


def _comparison_mistake(value: object) -> str:
    if not isinstance(value, Mapping) or "of" not in value:
        return "value needs {of: MEASURE, is: NUMBER}"
    comparisons = [key for key in value if key != "of"]
    if not comparisons or any(key not in COMPARISONS for key in comparisons):
        return f"value compares with one of {', '.join(COMPARISONS)}"
    if not all(_is_number(value[key]) for key in comparisons):
        return "value compares with whole numbers"
    return measure_mistake(value["of"])


def measure_mistake(data: object) -> str:
    """Return what is wrong with a measure, or nothing."""
    if not isinstance(data, Mapping) or len(data) != 1:
        return "a measure is one of " + ", ".join(MEASURES) + ", e.g. {log: 'ksize = {}'}"
    key, value = next(iter(data.items()))
    if key not in MEASURES:
        return f"unknown measure {key!r}; " + (did_you_mean(str(key), MEASURES) or "")
    if key == "log":
        good = isinstance(value, str) and value.count("{}") == 1 and value.strip() != "{}"
        return "" if good else "log takes a line's text with one {} where the number stands"
    if key == "result":
        return "" if _is_number(value) and value >= 1 else "result takes the number of a step"
    if key == "proc":
        return _proc_mistake(value)
    return "" if isinstance(value, str) and value else f"{key} takes a name"


def _proc_mistake(value: object) -> str:
    if not isinstance(value, Mapping) or set(value) != {"file", "line", "word"}:
        return "proc needs file, line and word"
    if value["file"] not in PROC_FILES:
        return f"proc: file must be one of {', '.join(PROC_FILES)}"
    if not isinstance(value["line"], str) or not value["line"]:
        return "proc: line is a piece of text of the wanted line"
    return "" if _is_number(value["word"]) and value["word"] >= 1 else "proc: word counts from 1"


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def proc_files(data: object) -> tuple[str, ...]:
    """Return the /proc files that a measure or a list of expectations looks at."""
    if isinstance(data, Mapping):
        inner = data.get("proc")
        if isinstance(inner, Mapping) and "file" in inner:
            return (str(inner["file"]),)
        return tuple(sorted({name for value in data.values() for name in proc_files(value)}))
    if isinstance(data, Sequence) and not isinstance(data, str):
        return tuple(sorted({name for value in data for name in proc_files(value)}))
    return ()


# --- deciding -----------------------------------------------------------------------------


def first_failed(expectations: Sequence[object], findings: Findings) -> object | None:
    """Return the first expectation that does not hold, None if all do.

    Log fragments must appear in the order in which they are written, each on a line of its own
    or on the line of the one before.
    """
    line = 0
    for expectation in expectations:
        wanted = expectation if isinstance(expectation, str) else None
        if isinstance(expectation, Mapping) and "log" in expectation:
            wanted = str(expectation["log"])
        if wanted is not None and wanted not in WORDS:
            found = [n for n in range(line, len(findings.texts)) if wanted in findings.texts[n]]
            if not found:
                return expectation
            line = found[0]
        elif not _holds(expectation, findings):
            return expectation
    return None


def _holds(expectation: object, findings: Findings) -> bool:
    if expectation == "no-report":
        return not findings.reports
    if expectation == "silent":
        return not any(report.spoken for report in findings.reports)
    assert isinstance(expectation, Mapping)
    key, value = next(iter(expectation.items()))
    if key == "no-log":
        return not any(value in text for text in findings.texts)
    if key == "report":
        return any(report.kind == value for report in findings.reports)
    if key == "no-report":
        return not any(report.kind in value for report in findings.reports)
    if key == "outcome":
        return bool(findings.outcome == value)
    try:
        number = measured(value["of"], findings)
    except NoNumber:
        return False
    compared = {
        "is": number == value.get("is"),
        "not": number != value.get("not"),
        "at-least": number >= value.get("at-least", number),
        "at-most": number <= value.get("at-most", number),
    }
    return all(compared[name] for name in value if name != "of")


def measured(measure: Mapping[str, Any], findings: Findings) -> int:
    """Return the number that a measure takes from a run; NoNumber if it is not there."""
    key, value = next(iter(measure.items()))
    if key == "log":
        return _logged(value, findings)
    if key == "result":
        results = findings.results
        number: int | None = results[value - 1] if value <= len(results) else None
        if number is None:
            raise NoNumber(f"step {value} of the script returned nothing")
        return number
    if key == "proc":
        return _in_proc(value, findings)
    if key == "reports":
        return sum(value in ("any", report.kind) for report in findings.reports)
    counters = {"calls": findings.calls, "failures": findings.failures, "count": findings.events}
    return counters[key][value]


def _logged(template: str, findings: Findings) -> int:
    before, after = template.split("{}")
    for text in findings.texts:
        start = text.find(before) if before else 0
        if start < 0:
            continue
        found = _NUMBER.match(text, start + len(before))
        if found is None and not before:
            found = _NUMBER.search(text)
        if found is not None and text.startswith(after, found.end()):
            return _whole(found.group())
    raise NoNumber(f"no line of the log reads {template!r}")


def _in_proc(where: Mapping[str, Any], findings: Findings) -> int:
    for line in findings.proc.get(where["file"], "").splitlines():
        if where["line"] in line:
            words = line.replace(",", " ").split()
            if where["word"] > len(words) or not _NUMBER.fullmatch(words[where["word"] - 1]):
                raise NoNumber(f"word {where['word']} of {line.strip()!r} is no number")
            return _whole(words[where["word"] - 1])
    raise NoNumber(f"no line of /proc/{where['file']} holds {where['line']!r}")


def _whole(text: str) -> int:
    """Read a number as printf wrote it: hexadecimal after 0x or as an address, else decimal."""
    return int(text, 16 if "0x" in text or _ADDRESS.fullmatch(text) else 10)


# --- telling ------------------------------------------------------------------------------


_SIGNS: Final = {"is": "=", "not": "≠", "at-least": "≥", "at-most": "≤"}


def failed_text(expectation: object, findings: Findings) -> str:
    """Tell a player what was wanted of the run and did not hold, in the language in force."""
    said = next((report.headline for report in findings.reports if report.headline), "")
    silent = next((r.detail or report_words(r.kind) for r in findings.reports if not r.spoken), "")
    if expectation in WORDS or (isinstance(expectation, Mapping) and "no-report" in expectation):
        what = said or silent
        return _("The kernel should have nothing to complain about, but: {what}").format(what=what)
    if isinstance(expectation, str):
        return _("The log lacks “{text}”.").format(text=expectation)
    assert isinstance(expectation, Mapping)
    key, value = next(iter(expectation.items()))
    if key == "log":
        return _("The log lacks “{text}”.").format(text=value)
    if key == "no-log":
        return _("The log must not hold “{text}”.").format(text=value)
    if key == "report":
        return _("The kernel should report: {kind}.").format(kind=report_words(value))
    if key == "outcome":
        return _("How the run ended: {found}. Wanted: {wanted}.").format(
            found=outcome_words(findings.outcome), wanted=outcome_words(value)
        )
    try:
        number = str(measured(value["of"], findings))
    except NoNumber:
        number = "–"
    wanted = ", ".join(f"{_SIGNS[name]} {value[name]}" for name in value if name != "of")
    return _("Measured: {number}; wanted: {wanted}.").format(number=number, wanted=wanted)
