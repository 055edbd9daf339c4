"""A corpus of classic mistakes, each on three kernels: what they say, and what follows.

`consequence_cases/` holds one C file per mistake and `expected.yaml`: what Linux 6.12 does with it
when it is built with every checker, with slub_debug, and as a distribution builds it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from kmemquest.driver.consequences import build_case, run_case
from kmemquest.driver.consequences_headlines import normalise
from kmemquest.driver.consequences_machine import BootedMachines

FOLDER = Path(__file__).parent / "consequence_cases"
BOOTS: dict[str, Any] = {
    "debug": {"kernel": "A", "memory_MiB": 1024, "cmdline": ""},
    "slub_debug": {
        "kernel": "B",
        "memory_MiB": 1024,
        "cmdline": "slub_debug=FZPU page_poison=1 kmemleak=off obnolockdep",
    },
    "production": {"kernel": "C", "memory_MiB": 1024, "cmdline": ""},
}
LEAK_HUNT = "; ".join(
    ["sleep 6; echo scan > /sys/kernel/debug/kmemleak"] * 2 + ["cat /sys/kernel/debug/kmemleak"]
)
EXPECTED: dict[str, Any] = yaml.safe_load((FOLDER / "expected.yaml").read_text(encoding="utf-8"))


@cache
def machines() -> BootedMachines:
    return BootedMachines(BOOTS)


def test_the_corpus_is_complete() -> None:
    assert len(EXPECTED) >= 60
    assert {path.stem for path in FOLDER.glob("*.c")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_mistake_has_the_consequences_it_has_in_life(name: str) -> None:
    expected = EXPECTED[name]
    case = {
        "id": name,
        "kind": expected["kind"],
        "source": (FOLDER / f"{name}.c").read_text(encoding="utf-8"),
        "shell_before": "",
        "shell_after": LEAK_HUNT if "after" in expected else "",
    }
    built = build_case(case, FOLDER)
    assert built.ok, "\n".join(map(str, built.diagnostics))
    for boot in BOOTS:
        got = run_case(case, boot, built, machines())
        wanted = expected[boot]
        assert [normalise(line) for line in got.headlines] == wanted["headlines"], boot
        assert (got.severity, got.next) == (wanted["severity"], wanted["next"]), boot
