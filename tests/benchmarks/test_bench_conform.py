"""Replaying a page-allocator recording beside only parsing its lines.

The bar, 6 times the parsing, holds for each file: also for the dearest sort, where most requests
scan every zone in vain (`hold3600_s1.i`), and for short ones of large blocks (`exhaust128_s1.d5`).
"""

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
ROUNDS = 7


def ratio(path: Path) -> float:
    with gzip.open(path, "rt") as file:
        lines = list(file)
    parsing, replaying = [], []
    for _ in range(ROUNDS):
        begin = time.process_time()
        for line in lines:
            json.loads(line)
        parsed = time.process_time()
        result = conform_buddy(lines)
        replaying.append(time.process_time() - parsed)
        parsing.append(parsed - begin)
        assert result.ok
    return min(replaying) / min(parsing)


def test_a_replay_takes_at_most_six_times_the_parsing() -> None:
    ratios = {path.name: ratio(path) for path in RECORDINGS}
    assert len(ratios) > 5
    for name, value in sorted(ratios.items(), key=lambda item: item[1]):
        print(f"\n{name}: {value:.1f}", end="")
    median = statistics.median(ratios.values())
    print(f"\nmedian {median:.1f} times the parsing")
    assert max(ratios.values()) <= 6
