"""Report texts against recorded kernel logs: the same mistake, the same lines.

A recording is a log in sections, `@@@ test NAME` (one mistake each, all in one boot) or
`@@@ oom N`. Each mistake whose code is known is made on a simulated machine, and what that prints
is compared with what the real kernel printed, line by line.

The ONE rule by which lines are compared (`report_patterns.normalise`): a field that no simulator
can predict is replaced by the name of its class. These are addresses (hashed ones too), functions
and offsets in stack traces and of the recording module itself, registers, code bytes, times, PIDs
and the place of an object in its slab, which follows the random order of the free list. Frames of
a stack vanish altogether; the tags around them stay. Everything else is compared as it is: words,
flags, sizes, counts, taint, source lines and symbols of WARNs, release, the order of lines.

What the recording is asked for instead of being compared with it ("given the same state"):
the boot options that show in the text, the time at which a test began, whether an allocation
failed (reclaim runs in the background there), how full a shared slab was and who had an object
before, and the state of memory in Mem-Info and in the killer's task table. That state is read
into pictures (`text_state`) and drawn again by the simulator's renderers; totals, page and kB
values and the victim are computed from it.

Not compared: lines that the recording module prints itself. Of a test that nobody described here
each line of its reports must have a known form, and the result notes that it was not replayed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Final

from kmemquest.kernel.conform import ConformResult, Tally, tally_of
from kmemquest.kernel.conform.report_patterns import classify, normalise_report
from kmemquest.kernel.conform.text_mistakes import MISTAKES, Laboratory, recorded_ram
from kmemquest.kernel.conform.text_state import block_at, read_mem_info, read_tasks
from kmemquest.kernel.context import Task
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.mm.oom import points
from kmemquest.kernel.spec import MachineSpec
from kmemquest.kernel.text import mem_info, oom_report
from kmemquest.kernel.text.dump_stack import dump_stack

_STAMP: Final = re.compile(r"\[ *(\d+)\.(\d{6})\](?:\[[^]]*\])? ?")
_MARKER: Final = re.compile(r"ORACLE TEST \S+ (?:begin|end)")


@dataclass(slots=True)
class Section:
    """A section of a recording; `lines` are log lines without their time stamps."""

    name: str
    line: int
    begin: int | None = None
    """When its first log line was printed, in nanoseconds since boot."""
    lines: list[str] = field(default_factory=list)


def conform_logs(lines: Iterable[str]) -> ConformResult:
    """Replay a recorded log of tests or of OOM kills; each report line is a comparison."""
    sections = read_sections(lines)
    tally = tally_of(lines)
    tests = [section for section in sections if section.name.startswith("test ")]
    if tests:
        _replay_tests(tests, tally)
    for section in sections:
        if section.name.startswith("oom "):
            tally.line = section.line
            expected = normalise_report(report_lines(section.lines))
            got = normalise_report(redraw_oom(report_lines(section.lines)))
            _compare(section.name, expected, got, tally)
    return tally.result()


def read_sections(lines: Iterable[str]) -> list[Section]:
    """Split a recording at its `@@@` lines; lines without a time stamp belong to no log."""
    sections: list[Section] = []
    for number, raw in enumerate(lines, 1):
        line = raw.rstrip("\n")
        if line.startswith("@@@ "):
            sections.append(Section(line[4:], number))
            continue
        stamp = _STAMP.match(line)
        if stamp is None or not sections:
            continue
        section = sections[-1]
        if section.begin is None:
            section.begin = int(stamp[1]) * 1_000_000_000 + int(stamp[2]) * 1000
        section.lines.append(line[stamp.end() :])
    return sections


def report_lines(lines: Iterable[str]) -> list[str]:
    """Keep what the kernel printed: lines of reports, and the empty lines inside them."""
    kept: list[str] = []
    for line in lines:
        if classify(line) is not None or (not line and kept):
            kept.append(line)
    return kept


def _replay_tests(sections: list[Section], tally: Tally) -> None:
    everything = [line for section in sections for line in section.lines]
    laboratory = Laboratory(everything)
    for section in sections:
        name = section.name.removeprefix("test ")
        tally.line = section.line
        if name not in MISTAKES:
            _parse_only(name, section.lines, tally)
            continue
        recorded = report_lines(section.lines)
        printed = laboratory.make(name, recorded, section.begin or 0)
        expected = normalise_report(recorded)
        got = normalise_report(redraw_memory(report_lines(printed), recorded))
        if not expected:
            tally.compare(f"{name} says nothing", [], got)
            continue
        _compare(name, expected, got, tally)


def _parse_only(name: str, lines: list[str], tally: Tally) -> None:
    """Compare only the form of a report whose mistake is not known."""
    forms = [classify(line) for line in lines]
    known = [index for index, form in enumerate(forms) if form is not None]
    parsed = len(known)
    inside = False
    for line, form in list(zip(lines, forms, strict=True))[: known[-1] + 1 if known else 0]:
        if form is not None:
            inside = form.kind != "end-trace" and line != " </TASK>"
        if form is not None or (inside and line):
            tally.compare(f"form of {name}", "a known form", "a known form" if form else line)
    told = f"only the form of its {parsed} lines was compared" if parsed else "it reports nothing"
    tally.notes.append(f"not replayed: {name}: what this test does is not known; {told}")


def _compare(name: str, expected: list[str], got: list[str], tally: Tally) -> None:
    """Compare two texts line by line, aligned so that one missing line costs one comparison."""
    matcher = SequenceMatcher(None, expected, got, autojunk=False)
    for word, first, last, begin, end in matcher.get_opcodes():
        if word == "equal":
            for line in expected[first:last]:
                tally.compare(name, line, line)
            continue
        for index in range(max(last - first, end - begin)):
            wanted = expected[first + index] if first + index < last else "(no line)"
            came = got[begin + index] if begin + index < end else "(no line)"
            tally.compare(name, wanted, came)


# --- given the same state -----------------------------------------------------------------------


def redraw_memory(printed: list[str], recorded: list[str]) -> list[str]:
    """Draw each Mem-Info block of `printed` again, with the state that `recorded` tells."""
    states = []
    for index, line in enumerate(recorded):
        if line == "Mem-Info:":
            states.append(recorded[index : block_at(recorded, index)])
    drawn: list[str] = []
    index = 0
    while index < len(printed):
        if printed[index] == "Mem-Info:" and states:
            end = block_at(printed, index)
            drawn += _draw(states.pop(0), _mask_before(printed[:index]))
            index = end
        else:
            drawn.append(printed[index])
            index += 1
    return drawn


def _draw(state: list[str], gfp: int) -> list[str]:
    return mem_info.render(read_mem_info(state), gfp)


def _mask_before(lines: list[str]) -> int:
    """Return the mask of the request whose report these lines begin."""
    for line in reversed(lines):
        found = re.search(r"(?:mode:|gfp_mask=)0x([0-9a-f]+)\(", line)
        if found is not None:
            return int(found[1], 16)
    return 0


def redraw_oom(recorded: list[str]) -> list[str]:
    """Draw an OOM report again from the state it tells; the victim is chosen by our rule."""
    first = re.match(
        r"(.+) invoked oom-killer: gfp_mask=0x([0-9a-f]+)\(.*\), order=(\d+), oom_score_adj=",
        recorded[0],
    )
    if first is None:
        return []
    gfp = int(first[2], 16)
    start = recorded.index("Mem-Info:")
    state = read_mem_info(recorded[start : block_at(recorded, start)])
    tasks = read_tasks(recorded)
    total = sum(zone.managed for node in state for zone in node.zones)
    victim = max(tasks, key=lambda t: points(t.rss, t.page_table_bytes, t.oom_score_adj, total))
    caller = next((task for task in tasks if task.comm == first[1]), victim)
    spec = MachineSpec(ram=recorded_ram(recorded), options=("kmemquest.build=debian",))
    machine = Machine.boot(spec)
    machine.context.task = Task(pid=caller.pid, comm=caller.comm)
    nodes = f"0-{len(state) - 1}" if len(state) > 1 else "0"
    return [
        oom_report.invocation(first[1], gfp, int(first[3]), caller.oom_score_adj),
        *dump_stack(machine, oom_report.KILLER_FRAMES),
        *mem_info.render(state, gfp),
        *oom_report.task_table(tasks),
        *oom_report.death_lines(victim, nodes),
    ]
