"""Every word that a level file may use, with a line that a level of the campaign really has.

`kmemquest check --words` prints it.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from kmemquest.content import levels_root
from kmemquest.content.problem import ProblemsFound
from kmemquest.content.safe_yaml import read_yaml
from kmemquest.level.predicate import Predicate, load_predicates
from kmemquest.level.probes import probe_targets
from kmemquest.level.reports import ALIASES, KINDS
from kmemquest.level.step_words import STEPS

HEAD: Final = """\
# The words of a level file

Behind each word stands a line of a level of the campaign that uses it: open that level to see it
at work.
"""
MEANINGS: Final[dict[str, str]] = {
    "waste-below": "`needed`: bytes that one allocation is needed for, instead of those that its "
    "call asks for (a whole page from __get_free_page() counts as asked for whole).",
    "zeroed-before-user": "Memory is zeroed when it is allocated unless the machine's options say "
    "init_on_alloc=0; so a lesson on stale memory needs that option.",
}
"""What neither the summary nor the names of parameters say."""
_PLAIN: Final = re.compile(r"[\w./+-][\w ./+-]*")
_OTHER: Final = re.compile(
    r"[-+]?\d[\d_.]*(e[-+]?\d+)?|0x[\da-f]+|0o[0-7]+|true|false|yes|no|on|off|null", re.IGNORECASE
)
"""Text that YAML takes for something else."""
UNUSED: Final[dict[str, str]] = {
    "address-in-window": "{address-in-window: vmalloc}",
    "no-bounce-buffer": "no-bounce-buffer",
    "order-available-after": "{order-available-after: 9}",
    "boot": "boot",
    "seek": "{seek: {file: log, offset: 0, whence: end}}",
    "poll": "{poll: {file: log, timeout: 1s}}",
    "firmware": "{firmware: {name: fpga.bin, size: 64K}}",
    "suspend": "suspend",
    "resume": "resume",
    "pending": "pending",
    "sync": "{sync: after the burst}",
}
"""Examples of words that no level of the campaign uses."""


def reference() -> str:
    """Return the whole reference as Markdown."""
    used = _used()
    parts = [HEAD, *_goals(used), *_probes(), *_steps(used), *_kinds(), "", *_headers()]
    return "\n".join(parts)


def _goals(used: dict[str, tuple[str, str]]) -> Iterator[str]:
    yield "## Goals and stars"
    yield ""
    yield "`{id: clean, require: no-report}`; for stars the predicate alone. A predicate about"
    yield "allocations looks at all that the driver makes, unless `by` names the calls."
    yield ""
    for word, kind in sorted(load_predicates().items()):
        summary = (kind.__doc__ or "").strip().split("\n")[0]
        yield f"- **`{word}`**: {summary}"
        if fields := ", ".join(_fields(kind)):
            yield f"  Parameters: {fields}."
        if word in MEANINGS:
            yield f"  {MEANINGS[word]}"
        if example := _example(word, used):
            yield f"  {example}"
    yield ""


def _fields(kind: type[Predicate]) -> Iterator[str]:
    for info in msgspec.structs.fields(kind):
        short = " (the short form)" if info.name == kind.shorthand else ""
        if info.required:
            yield f"`{info.name}`, required{short}"
        elif info.default is msgspec.NODEFAULT or info.default in (None, "", ()):
            yield f"`{info.name}`{short}"
        else:
            yield f"`{info.name}` = {json.dumps(info.default)}{short}"


def _probes() -> Iterator[str]:
    yield "## Probes"
    yield ""
    yield "For `predict: {ask: …}`, `sweep`, and slots of the kinds `predict` and `diagnose`."
    yield "`WORD: slot` needs the name of a slot unless there is but one."
    yield ""
    for word, (target, question) in sorted(probe_targets().items()):
        shown = f"{word}: {target}" if target else word
        yield f"- **`{shown}`**: {question.format(target='FUNCTION')}"
    yield ""


def _steps(used: dict[str, tuple[str, str]]) -> Iterator[str]:
    yield "## Steps of a script"
    yield ""
    yield "In brackets what holds if a parameter is left out. `{WORD: value}` sets the short form."
    yield ""
    for word, step in STEPS.items():
        yield f"- **`{word}`**: {step.what}"
        parameters = [
            f"`{name}`{' (the short form)' if name == step.short else ''}: {meaning}"
            for name, meaning in step.parameters.items()
        ]
        if parameters:
            yield f"  Parameters: {'; '.join(parameters)}."
        yield f"  {_example(word, used)}"
    yield ""


def _headers() -> Iterator[str]:
    from kmemquest.driver.header_index import INCLUDE_FOLDER
    from kmemquest.driver.preprocess import shipped_headers

    yield "## Kernel headers"
    yield ""
    yield "A driver may include these, and call the functions that they declare; whoever forgets"
    yield "an include is told which one it is. They lie in"
    yield str(INCLUDE_FOLDER)
    yield ""
    yield from textwrap.wrap(
        ", ".join(shipped_headers()), 100, break_on_hyphens=False, break_long_words=False
    )
    yield ""


def _kinds() -> Iterator[str]:
    yield "## Kinds of reports"
    yield ""
    yield "For `never`, `no-report: {kinds: […]}` and the probe `first-report`."
    yield ""
    yield from (f"- `{word}`: {kind.name}" for word, kind in sorted(KINDS.items()))
    yield ""
    yield "Words for several of them:"
    yield ""
    for word, kinds in sorted(ALIASES.items()):
        yield f"- `{word}`: {', '.join(kinds)}"


def _example(word: str, used: dict[str, tuple[str, str]]) -> str:
    if word in used:
        level, text = used[word]
        return f"`{text}` ({level})"
    return f"`{UNUSED[word]}`" if word in UNUSED else ""


def _used() -> dict[str, tuple[str, str]]:
    """Return for every word the shortest use of the campaign: level and text."""
    found: dict[str, tuple[str, str]] = {}
    for path in sorted(levels_root().glob("*/*.yaml")):
        if path.name.count(".") > 1:
            continue
        for word, text in _uses(path):
            if word not in found or len(text) < len(found[word][1]):
                found[word] = (path.stem, text)
    return found


def _uses(path: Path) -> Iterator[tuple[str, str]]:
    try:
        data = read_yaml(path).data
    except ProblemsFound:
        return
    if not isinstance(data, dict):
        return
    stars = data.get("stars")
    goals = [goal.get("require") for goal in data.get("goals", [])]
    given = [*goals, *(stars.values() if isinstance(stars, dict) else ()), *data.get("script", [])]
    for item in given:
        if isinstance(item, str):
            yield item, item
        elif isinstance(item, dict) and len(item) == 1:
            word = next(iter(item))
            text = flow(item)
            if text != f"{{{word}: {{}}}}":
                yield word, text
    for goal in data.get("forbid", []):
        if isinstance(goal, dict) and "never" in goal:
            yield "never", flow({"id": goal.get("id"), "never": goal["never"]})


def flow(value: Any) -> str:
    """Return plain data as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(each) for each in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and (not _PLAIN.fullmatch(value) or _OTHER.fullmatch(value)):
        return json.dumps(value, ensure_ascii=False)
    return "null" if value is None else str(value)
