"""The probe that names the OOM killer's first victim."""

from __future__ import annotations

from pathlib import Path

import pytest

from kmemquest.level.attempt import Attempt
from kmemquest.level.evidence import Evidence
from kmemquest.level.load import load_level
from kmemquest.level.probes import NOTHING, Probe

LEVEL = Path(__file__).parents[2] / "levels" / "08-pressure" / "thumbnail-cache.yaml"


@pytest.mark.parametrize(("gfp", "expected"), [("kernel", "editor"), ("quiet", NOTHING)])
def test_the_first_victim_is_named(gfp: str, expected: str) -> None:
    recording = Attempt(load_level(LEVEL), {"gfp": gfp}).run()
    assert Probe("first-killed").answer(Evidence(recording)) == expected
