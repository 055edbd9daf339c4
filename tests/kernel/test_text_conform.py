"""The same mistakes as recorded print the same lines as recorded."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from kmemquest.kernel.conform.report_patterns import classify
from kmemquest.kernel.conform.text import (
    conform_logs,
    read_sections,
    redraw_memory,
    redraw_oom,
    report_lines,
)
from kmemquest.kernel.conform.text_mistakes import MISTAKES
from kmemquest.kernel.text import build, mem_info, slab_report

RECORDINGS = Path(__file__).parent.parent / "recordings" / "logs"
LOGS = sorted([*RECORDINGS.glob("crash_*.txt.gz"), RECORDINGS / "oom.txt.gz"])
FZPU = RECORDINGS / "crash_f_fzpu.txt.gz"
OOM = RECORDINGS / "oom.txt.gz"


def read(path: Path) -> list[str]:
    with gzip.open(path, "rt") as lines:
        return list(lines)


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.name)
def test_every_report_of_a_recording_is_reproduced(path: Path) -> None:
    result = conform_logs(read(path))
    assert result.first_mismatch is None
    assert result.matched == result.total > 20


@pytest.mark.slow
def test_every_recording_of_a_folder_is_reproduced() -> None:
    folder = os.environ.get("KMEMQUEST_RECORDINGS")
    if not folder:
        pytest.skip("KMEMQUEST_RECORDINGS names no folder of recordings")
    for path in sorted(Path(folder).glob("logs/*.txt.gz")):
        assert conform_logs(read(path)).ok, path.name


def test_nothing_is_left_out_in_silence() -> None:
    names = {
        section.name.removeprefix("test ")
        for path in LOGS
        for section in read_sections(read(path))
        if section.name.startswith("test ") and report_lines(section.lines)
    }
    assert names <= set(MISTAKES)


def test_an_unknown_test_is_compared_in_form_and_named() -> None:
    lines = [line.replace("test uaf\n", "test novel\n") for line in read(FZPU)]
    whole, result = conform_logs(read(FZPU)), conform_logs(lines)
    assert result.ok
    assert 0 < result.total < whole.total + 60
    assert [note.split(":")[1] for note in result.notes if "form" in note] == [" novel"]
    odd = [line.replace("Call Trace:", "Call Trails:") for line in lines]
    assert not conform_logs(odd).ok


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Right Redzone overwritten", "Left Redzone overwritten"),
        ("used=1 fp", "used=2 fp"),
        ("6b 6b 6b a5                                      kkk.", "6b 6b 6b a6        kkk."),
        ("FIX oracle_oob: Object at", "FIX oracle_oob: Objects at"),
        ("mm/slub.c:1124", "mm/slub.c:1125"),
        ("Tainted: G           OE     ): Object corrupt", "Tainted: G        W  OE     ): Object"),
    ],
)
def test_a_forged_line_is_found(old: str, new: str) -> None:
    lines = read(FZPU)
    index = next(i for i, line in enumerate(lines) if old in line)
    lines[index] = lines[index].replace(old, new)
    result = conform_logs(lines)
    assert not result.ok
    assert result.first_mismatch is not None
    assert result.matched < result.total


def test_a_missing_line_costs_one_comparison() -> None:
    lines = read(FZPU)
    whole = conform_logs(lines)
    index = next(i for i, line in enumerate(lines) if "FIX oracle_oob: Restoring" in line)
    del lines[index]
    result = conform_logs(lines)
    assert result.total == whole.total
    assert result.matched == whole.total - 1


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [(slab_report, "ROW", 8), (slab_report, "WORKINGSET", 0), (slab_report, "HEAD", 0)],
)
def test_a_broken_rule_is_noticed(
    module: object, name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, value)
    assert not conform_logs(read(FZPU)).ok


def test_a_wrong_page_size_in_the_renderer_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mem_info, "KIB_PER_PAGE", 8)
    assert not conform_logs(read(OOM)).ok


def test_the_killer_spares_a_task_that_the_recording_would_lose() -> None:
    """With another score the other process dies, so the recorded verdict no longer matches."""
    lines = read(OOM)
    rows = [i for i, line in enumerate(lines) if line.rstrip().endswith("0           500 awk")]
    assert rows
    lines[rows[0]] = lines[rows[0]].replace("          500 awk", "        -1000 awk", 1)
    assert not conform_logs(lines).ok


def test_totals_are_computed_not_copied() -> None:
    recorded = report_lines(next(s for s in read_sections(read(OOM)) if s.name == "oom 1").lines)
    wrong = [line.replace("free:317 free_pcp:194", "free:318 free_pcp:194") for line in recorded]
    assert redraw_oom(recorded) != redraw_oom(wrong) or redraw_oom(wrong) != wrong
    assert " free:317 free_pcp:194 free_cma:0" in redraw_oom(wrong)
    assert redraw_memory(recorded, recorded)[0] == recorded[0]


def test_symbols_without_a_known_offset_are_stable_and_plausible() -> None:
    first = build.symbol_of(build.OWN, "some_function")
    assert first == build.symbol_of(build.OWN, "some_function")
    assert first != build.symbol_of(build.OWN, "other_function")
    offset, length = (int(word, 16) for word in first.partition("+")[2].split("/"))
    assert 0 < offset < length
    found = classify(f" {first}")
    assert found is not None
    assert found.kind == "frame"
