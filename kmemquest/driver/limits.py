"""How far a build and a run may go before they are stopped with a sentence instead of a hang."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SOURCE_BYTES: Final = 512 * 1024
"""Longest driver source accepted, in bytes."""
INCLUDE_DEPTH: Final = 32
EXPANDED_TOKENS: Final = 400_000
"""Most tokens that one source with its headers and macros may become."""
NESTING: Final = 80
"""Deepest nesting of parentheses, brackets and braces."""
LOOP_NESTING: Final = 15
"""Deepest nesting of loops and switches within one function (the host compiler allows 20)."""
BLOCK_NESTING: Final = 60
OBJECT_BYTES: Final = 64 * 1024 * 1024
"""Largest static object of a module."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use: statements, and bytes of host memory behind simulated frames."""

    steps: int = 2_000_000
    memory_bytes: int = 1 << 30
