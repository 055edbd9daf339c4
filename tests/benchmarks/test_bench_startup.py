"""Start-up of the command line, as CPU time against an empty Python, in one run.

Run with `pytest -m benchmark_figures -s tests/benchmarks/test_bench_startup.py`.
"""

import os
import resource
import statistics
import subprocess
import sys

import pytest

ROUNDS = 15
SCRIPT = "import sys; from kmemquest.__main__ import main; sys.exit(main())"
"""What the installed `kmemquest` script does."""
HELP_BUDGET = 3.0
"""`--help` may cost this many times `python -c pass`."""


def cpu_seconds(*arguments: str) -> float:
    """Return user and system seconds of one run of this Python."""
    # An installation has its modules compiled; without this each run would compile them anew.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=60,
        env=environment,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


@pytest.mark.benchmark_figures
@pytest.mark.parametrize("arguments", [("--help",), ("--version",)])
def test_help_comes_at_once(arguments: tuple[str, ...]) -> None:
    empty, ours = [], []
    for _ in range(ROUNDS):
        empty.append(cpu_seconds("-c", "pass"))
        ours.append(cpu_seconds("-c", SCRIPT, *arguments))
    ratio = statistics.median(ours) / statistics.median(empty)
    shown = f"{statistics.median(ours) * 1000:.1f} ms CPU, {ratio:.2f} × python -c pass"
    print(f"\n{' '.join(arguments)}: {shown}")
    assert ratio <= HELP_BUDGET
