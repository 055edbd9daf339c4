"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# A first run boots a machine or reads the bank: how long an example takes says nothing here.
# Speed is measured in tests/benchmarks.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
