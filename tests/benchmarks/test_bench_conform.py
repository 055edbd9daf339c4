"""Replaying a page-allocator recording beside only parsing its lines."""

from __future__ import annotations

import gzip
import json
import statistics
import time
from pathlib import Path

import pytest

from kmemquest.kernel.conform.buddy import conform_buddy

pytestmark = pytest.mark.benchmark_figures

RECORDINGS = sorted((Path(__file__).parent.parent / "recordings" / "buddy").glob("*.jsonl.gz"))
ROUNDS = 5


def ratio(path: Path) -> float:
    with gzip.open(path, "rt") as file:
        lines = list(file)
    ratios = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for line in lines:
            json.loads(line)
        parsed = time.perf_counter()
        result = conform_buddy(lines)
        ratios.append((time.perf_counter() - parsed) / (parsed - begin))
        assert result.ok
    return statistics.median(ratios)


def test_a_replay_takes_at_most_six_times_the_parsing() -> None:
    ratios = {path.name: ratio(path) for path in RECORDINGS}
    assert len(ratios) > 5
    for name, value in sorted(ratios.items(), key=lambda item: item[1]):
        print(f"\n{name}: {value:.1f}", end="")
    median = statistics.median(ratios.values())
    print(f"\nmedian {median:.1f} times the parsing")
    assert median <= 6
