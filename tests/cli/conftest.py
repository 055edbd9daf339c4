"""Commands save where the player's save is: every test has its own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the save of whoever runs the tests out of it."""
    monkeypatch.setenv("KMEMQUEST_HOME", str(tmp_path / "home"))
