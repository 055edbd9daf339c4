"""The page allocator against recordings of a real kernel."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from kmemquest.kernel.conform.buddy import conform_buddy
from kmemquest.kernel.mm import buddy, fallback, pcp, watermark, zone_scan
from kmemquest.kernel.mm.page_alloc import PageAllocator

RECORDINGS = Path(__file__).parent.parent / "recordings" / "buddy"
FILES = sorted(RECORDINGS.glob("*.jsonl.gz"))
SHORT = RECORDINGS / "buddy128_s1.a.jsonl.gz"


def read(path: Path) -> list[str]:
    with gzip.open(path, "rt") as lines:
        return list(lines)


def test_there_are_recordings_of_every_kind() -> None:
    workloads = {path.name.split(".")[1] for path in FILES}
    assert workloads >= {"a", "cf", "d2", "d5", "f", "i", "nf", "en", "g"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_step_of_a_recording_is_reproduced(path: Path) -> None:
    result = conform_buddy(read(path))
    assert result.first_mismatch is None
    assert result.matched == result.total > 100


@pytest.mark.parametrize("name", ["exhaust128_s1.f", "numa_s1.en", "buddy128_s1.g"])
def test_a_listener_changes_nothing(name: str) -> None:
    result = conform_buddy(read(RECORDINGS / f"{name}.jsonl.gz"), watched=True)
    assert result.ok, result.first_mismatch


@pytest.mark.parametrize("name", ["exhaust128_s1.f", "numa_s1.en", "buddy128_s1.g"])
def test_the_complete_path_alone_gives_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PageAllocator, "alloc_pages", PageAllocator.alloc_pages_fully)
    monkeypatch.setattr(PageAllocator, "free_pages", PageAllocator.free_pages_fully)
    result = conform_buddy(read(RECORDINGS / f"{name}.jsonl.gz"))
    assert result.ok, result.first_mismatch


def test_a_forged_frame_number_is_found() -> None:
    lines = read(SHORT)
    index = next(i for i in range(1000, len(lines)) if lines[i].startswith('["a"'))
    step = json.loads(lines[index])
    step[3] += 1
    lines[index] = json.dumps(step)
    result = conform_buddy(lines[: index + 1])
    assert result.matched == result.total - 1
    mismatch = result.first_mismatch
    assert mismatch is not None
    assert mismatch.line == index + 1
    assert int(mismatch.expected) == int(mismatch.got) + 1
    assert len(mismatch.around) == 3


def test_a_forged_list_order_is_found() -> None:
    lines = read(SHORT)
    index = max(
        i for i, text in enumerate(lines) if text.startswith('{"t":"fl"') and text.count(",") > 7
    )
    record = json.loads(lines[index])
    record["pfns"].reverse()
    lines[index] = json.dumps(record)
    result = conform_buddy(lines)
    assert result.matched == result.total - 1
    assert result.first_mismatch is not None
    assert result.first_mismatch.operation.startswith("free list")


def test_an_unrecorded_side_effect_is_found() -> None:
    lines = read(RECORDINGS / "exhaust128_s1.cf.jsonl.gz")
    lines.remove(next(text for text in lines if text.startswith('["boost"')))
    result = conform_buddy(lines)
    assert result.matched < result.total


BROKEN_RULES = {
    "merged blocks never go to the tail": (
        buddy,
        "merge_likely",
        lambda zone, pfn, order, migratetype: False,
        "numa_s1.en",
    ),
    "Unmovable falls back to Movable first": (
        fallback,
        "FALLBACKS",
        ((1, 2), (2, 0), (0, 1)),
        "buddy128_s1.g",
    ),
    "no boost": (fallback, "boost_watermark", lambda zone: False, "exhaust128_s1.cf"),
    "NON_BLOCK lowers nothing": (
        watermark,
        "ALLOC_NON_BLOCK",
        0,
        "exhaust128_s1.f",
    ),
    "no HighAtomic reserve": (
        zone_scan,
        "reserve_pageblock",
        lambda zone, pfn, order: None,
        "hold3600_s1.i",
    ),
    "refills stay small": (pcp, "PCP_BATCH_SCALE_MAX", 0, "buddy128_s1.a"),
}


@pytest.mark.parametrize("rule", BROKEN_RULES)
def test_a_broken_rule_is_noticed(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, name, replacement, recording = BROKEN_RULES[rule]
    monkeypatch.setattr(module, name, replacement)
    result = conform_buddy(read(RECORDINGS / f"{recording}.jsonl.gz"))
    assert result.matched < result.total


@pytest.mark.slow
def test_every_recording_of_a_folder() -> None:
    folder = os.environ.get("KMEMQUEST_RECORDINGS")
    if not folder:
        pytest.skip("KMEMQUEST_RECORDINGS names no folder")
    paths = sorted(Path(folder, "buddy").glob("*.jsonl.gz"))
    assert paths
    failed = {}
    for path in paths:
        for watched in (False, True):
            result = conform_buddy(read(path), watched=watched)
            if not result.ok:
                failed[path.name, watched] = result
    assert not failed
