"""How far a build and a run may go before they are stopped with a sentence instead of a hang."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SOURCE_BYTES: Final = 256 * 1024
"""Longest driver source accepted, in bytes."""
SOURCE_TOKENS: Final = 40_000
"""Most tokens that a driver (without its leading headers) may have after macro expansion."""
STATEMENTS: Final = 5_000
"""Most statements in the functions of a driver."""
INITIALISED: Final = 65_536
"""Most scalars that the initialiser of one object may set."""
SHOWN_DIAGNOSTICS: Final = 20
"""Messages of one build that are shown; the rest are counted."""
INCLUDE_DEPTH: Final = 32
EXPANDED_TOKENS: Final = 120_000
"""Most tokens that all macro uses of one source may be replaced by, inner ones included."""
MACRO_NESTING: Final = 200
"""Deepest chain of macros that use each other."""
LITERAL_CHARACTERS: Final = 64 * 1024
"""Longest string that `#` may make."""
NESTING: Final = 80
"""Deepest nesting of parentheses, brackets and braces."""
LOOP_NESTING: Final = 15
"""Deepest nesting of loops and switches within one function (the host compiler allows 20)."""
BLOCK_NESTING: Final = 60
OBJECT_BYTES: Final = 64 * 1024 * 1024
"""Most bytes of static objects of a module."""

CALL_STEPS: Final = 8
"""What a kernel call counts in statements, for it takes the host about as long."""
WAIT_STEPS: Final = 24
"""The same for a call that waits: whatever else is ready is looked for and gets its turn."""
NANOSECONDS_A_STEP: Final = 25
"""Simulated time of a kernel call that counts as one statement more …"""
BUS_PACE: Final = 600
"""How much longer a byte takes across a bus in simulated time than it takes the host."""
MOST_CALL_STEPS: Final = 1_500
"""… but no more than this, for a call may rightly wait for seconds."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use: statements, and bytes of host memory behind simulated frames."""

    steps: int = 2_000_000
    memory_bytes: int = 1 << 30
