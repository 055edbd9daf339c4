"""One set of patterns reads what real kernels printed, and knows what cannot be predicted."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from kmemquest.kernel.conform.report_patterns import (
    LOG,
    PROC,
    classify,
    classify_proc,
    normalise,
    normalise_report,
)
from kmemquest.kernel.conform.text import read_sections

RECORDINGS = Path(__file__).parent.parent / "recordings" / "logs"
LOGS = sorted([*RECORDINGS.glob("crash_*.txt.gz"), RECORDINGS / "oom.txt.gz"])
PROC_DUMPS = sorted(RECORDINGS.glob("proc_*.txt.gz"))

MODULE_LINES = re.compile(
    "|".join(
        (
            r"ORACLE TEST \w+ (begin|end)",
            r"(alloc|freed|fresh): [0-9a-f]{8}: .*",
            r"result [0-9a-f]{16}",
            r"after|a==c \d|got \d+|pfn [0-9a-f]+|first \d|dup name \d|align3 .*|badflag \d+",
            r"mapping error -\d+|1MB mapping error .*|(64|5)MB \d+|space name [0-9a-f]+",
            r"size \d+ red_left_pad \d+ inuse \d+ offset \d+|first word [0-9a-f]+",
            r"ksize of page \d+|freed order 3 block as order 1",
        )
    )
)
"""Deliberately outside: what the recording module printed itself."""


def recorded(path: Path) -> list[str]:
    with gzip.open(path, "rt") as lines:
        return list(lines)


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.name)
def test_every_recorded_line_is_of_a_known_kind(path: Path) -> None:
    sections = read_sections(recorded(path))
    lines = [line for section in sections for line in section.lines if line]
    strange = [x for x in lines if classify(x) is None and not MODULE_LINES.fullmatch(x)]
    assert strange == []
    assert sum(classify(line) is not None for line in lines) > 10


@pytest.mark.parametrize("path", PROC_DUMPS, ids=lambda path: path.name)
def test_every_recorded_line_of_proc_is_of_its_files_form(path: Path) -> None:
    name, count = "", 0
    for line in recorded(path):
        if line.startswith("@@@ "):
            name = line.split("/")[-1].strip()
            continue
        assert classify_proc(name, line.rstrip("\n")), line
        count += 1
    assert count > 500


def test_the_recordings_show_most_kinds() -> None:
    seen = {
        found.kind
        for path in LOGS
        for section in read_sections(recorded(path))
        for line in section.lines
        if (found := classify(line)) is not None
    }
    needed = ("warning", "oops", "bug", "walk-3", "mem-info", "zone", "free-lists", "oom-task")
    assert seen.issuperset(needed)
    assert seen.issuperset(("slub", "slub-overwritten", "slub-bytes", "slub-track", "bad-page"))
    assert len(seen) > 90
    assert seen <= {kind for kind, _ in LOG}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "WARNING: CPU: 0 PID: 155 at mm/vmalloc.c:3790 __vmalloc_node_range_noprof+0x7d3/0x850",
            "WARNING: CPU: 0 PID: <pid> at mm/vmalloc.c:3790 "
            "__vmalloc_node_range_noprof+0x7d3/0x850",
        ),
        (
            "Slab 0xffffea0000180d00 objects=21 used=1 fp=0xffff888006034b48 "
            "flags=0xfffffc0000200(workingset|node=0|zone=1|lastcpupid=0x1fffff)",
            "Slab 0x<address> objects=21 used=1 fp=0x<address> "
            "flags=0xfffffc0000200(workingset|node=0|zone=1|lastcpupid=0x1fffff)",
        ),
        ("CR2: ffffeb0200001b48", "CR2: <address>"),
        ("Object 0xffff8880060343c8 @offset=968", "Object 0x<address> @offset=<slot>"),
        ("lowmem_reserve[]: 0 188 188 188 188", "lowmem_reserve[]: 0 188 188 188 188"),
    ],
)
def test_only_the_unpredictable_is_replaced(line: str, expected: str) -> None:
    assert normalise(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "WARNING: CPU: 0 PID: 155 at mm/vmalloc.c __vmalloc",
        "Node 0 DMA: 1*4kB (X) 0*8kB = 4kB",
        "Node 0 DMA free:388KB boost:2048kB",
        "[    137]     0   137      565      400        0        0       400    28672",
        "RAX: 00 RBX: 00 RCX: 00",
        "oom-kill:constraint=CONSTRAINT_NONE",
    ],
)
def test_a_damaged_line_is_of_no_kind(line: str) -> None:
    assert classify(line) is None


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("buddyinfo", "Node 0, zone      DMA      0      0      0"),
        ("buddyinfo", "Node 0, zone DMA " + "     0 " * 11),
        ("meminfo", "MemTotal:      89544 kB"),
        ("meminfo", "HugePages_Total:    0 kB"),
        ("slabinfo", "kmalloc-8 0 0 8 512 1 : tunables 0 0 0 : slabdata 0 0 0"),
        ("iomem", "0-fff : Reserved"),
        ("vmallocinfo", "0xffffc90000000000-0xffffc90000005000 20480 vmalloc"),
    ],
)
def test_a_wrong_width_is_noticed(name: str, line: str) -> None:
    assert classify_proc(name, line) is None


def test_frames_vanish_and_tags_stay() -> None:
    lines = ["Call Trace:", " <TASK>", " vfree+0x1/0x2", " ? kfree+0x1/0x2 [m]", " </TASK>"]
    assert normalise_report(lines) == ["Call Trace:", " <TASK>", " </TASK>"]


def test_every_file_of_proc_has_patterns() -> None:
    from kmemquest.kernel.text.proc import PROC_FILES

    assert set(PROC) == set(PROC_FILES) - {"cmdline"}
