"""Start-up of the command line, as CPU time against an empty Python, in one run.

Run with `pytest -m benchmark_figures -s tests/benchmarks/test_bench_startup.py`.
"""

import os
import subprocess
import sys

import pytest

ROUNDS = 25
SCRIPT = "import sys; from kmemquest.__main__ import main; sys.exit(main())"
"""What the installed `kmemquest` script does."""
HELP_BUDGET = 3.0
"""`--help` may cost this many times `python -c pass`."""


def cpu_seconds(*arguments: str) -> float:
    """Return user and system seconds of one run of this Python."""
    before = os.times()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, timeout=60)
    after = os.times()
    spent_before = before.children_user + before.children_system
    return after.children_user + after.children_system - spent_before


@pytest.mark.benchmark_figures
@pytest.mark.parametrize("arguments", [("--help",), ("--version",)])
def test_help_comes_at_once(arguments: tuple[str, ...]) -> None:
    empty, ours = [], []
    for _ in range(ROUNDS):
        empty.append(cpu_seconds("-c", "pass"))
        ours.append(cpu_seconds("-c", SCRIPT, *arguments))
    ratio = sum(ours) / sum(empty)
    shown = f"{sum(ours) / ROUNDS * 1000:.1f} ms CPU, {ratio:.2f} × python -c pass"
    print(f"\n{' '.join(arguments)}: {shown}")
    assert ratio <= HELP_BUDGET
