"""Every driver of the corpus on a debug and on a production kernel: what came of it."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.driver.corpus import MODES, Case, cases, outcome, run_case

CORPUS: Final = cases()
FAULTY: Final = 15
"""At least so many drivers must do something wrong, or the corpus teaches nothing."""


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_outcome(case: Case, mode: str) -> None:
    found, expected = outcome(run_case(case, mode), case.says), case.expected[mode]
    for key in sorted(found.keys() | expected.keys()):
        assert found.get(key) == expected.get(key), key


def test_the_corpus_is_large_and_mixed() -> None:
    assert len(CORPUS) >= 50
    faulty = [case.name for case in CORPUS if _speaks(case.expected)]
    assert FAULTY <= len(faulty) <= len(CORPUS) - 25


def test_a_production_kernel_says_less() -> None:
    debug, production = (
        sum(bool(case.expected[mode].get("spoken")) for case in CORPUS) for mode in MODES
    )
    assert production < debug


def _speaks(expected: dict[str, Any]) -> bool:
    return any("first" in run or "errors" in run for run in expected.values())
