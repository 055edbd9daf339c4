"""Whatever a stranger feeds the driver room ends in time, in words, and without a traceback."""

from __future__ import annotations

import os
from typing import Any, Final

import pytest

from kmemquest.driver.run import run_driver
from tests.hostile.fenced import MIB, Outcome, fenced
from tests.hostile.sources import HEAD, RUNTIME, SIZE, SYNTAX, TAIL, module

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

SECONDS: Final = 2.0
"""Processor seconds for any driver …"""
EXHAUSTION_SECONDS: Final = 10.0
"""… and for one that eats memory on purpose."""
RESIDENT: Final = 500 * MIB
LEGAL: Final = frozenset({
    "condition of shifts", "condition of products", "giant case range", "exit without init",
})  # fmt: skip
"""Odd, but gcc takes them too."""


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    run_driver(module("\tkfree(kmalloc(5, GFP_KERNEL));"))


def drive(source: str, script: list[Any] | None = None) -> dict[str, Any]:
    result = run_driver(source, "driver.c", script=script)
    return {
        "outcome": result.outcome,
        "diagnostics": result.diagnostics,
        "reports": [(r.kind, r.detail) for r in result.reports],
        "log": result.log_text(),
    }


def checked(outcome: Outcome, seconds: float) -> dict[str, Any]:
    assert not outcome.trouble, outcome.trouble
    assert outcome.seconds <= seconds
    assert outcome.resident <= RESIDENT
    found: dict[str, Any] = outcome.value
    assert "simulator-defect" not in dict(found["reports"]), found["reports"]
    for diagnostic in found["diagnostics"]:
        assert diagnostic.line >= 1
        assert diagnostic.column >= 1
        assert diagnostic.message
        assert diagnostic.hint or diagnostic.severity == "note", str(diagnostic)
    assert len(found["diagnostics"]) <= 22
    if found["outcome"] == "does-not-compile":
        assert any(d.severity == "error" for d in found["diagnostics"])
    return found


@pytest.mark.parametrize("name", SYNTAX)
def test_a_wrong_source_is_explained(name: str) -> None:
    found = checked(fenced(lambda: drive(SYNTAX[name]), seconds=10), SECONDS)
    if name not in LEGAL:
        assert found["outcome"] == "does-not-compile"


@pytest.mark.parametrize("name", SIZE)
def test_a_huge_or_odd_source_ends(name: str) -> None:
    checked(fenced(lambda: drive(SIZE[name]), seconds=10), SECONDS * 1.5)


@pytest.mark.parametrize("name", RUNTIME)
def test_a_wild_driver_ends(name: str) -> None:
    hungry = name.startswith(("all ", "four ", "giant ", "many "))
    found = checked(
        fenced(lambda: drive(RUNTIME[name]), seconds=20),
        EXHAUSTION_SECONDS if hungry else SECONDS * 1.5,
    )
    if name.startswith("endless") and "interrupt" not in name:
        assert found["outcome"] in ("stopped", "task-killed", "panicked")
    if "recursion" in name and "loops" not in name:
        assert found["outcome"] == "panicked"
        assert any("stack guard page" in line for line in found["log"])
    if name.startswith(("divides", "null", "wild read", "wild write", "calls nothing")):
        assert found["outcome"] == "task-killed"
    assert len(found["log"]) <= 20_000


def test_an_endless_interrupt_handler_is_stopped() -> None:
    source = RUNTIME["endless in an interrupt"]
    found = checked(fenced(lambda: drive(source, ["insmod", {"irq": 9}]), seconds=10), SECONDS)
    assert found["outcome"] == "stopped"
    assert found["reports"][-1][0] == "endless-loop"


def test_calls_through_wrong_pointers_pass_registers() -> None:
    source = (
        HEAD
        + """
static int two(int a, int b) { return a * 10 + b; }
static int none(void) { return 7; }
static int __init bad_init(void)
{
	int (*one)(long) = (void *)two;
	int (*three)(int, int, int) = (void *)two;
	unsigned char (*narrow)(int) = (void *)none;
	pr_info("%d %d %d", one(0x100000004), three(1, 2, 3), narrow(1));
	return 0;
}
"""
        + TAIL
    )
    found = checked(fenced(lambda: drive(source), seconds=10), SECONDS)
    assert any(line.endswith("40 12 7") for line in found["log"])
