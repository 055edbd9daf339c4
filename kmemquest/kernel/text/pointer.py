"""`%p`: pointers are printed hashed (`lib/vsprintf.c:ptr_to_id`, SipHash-2-4 of one word).

The key is drawn at boot from the machine's seed, so one pointer prints alike in every message.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

_MASK: Final = (1 << 64) - 1


def hashed_pointer(machine: Machine, address: int) -> str:
    """Return what `%p` prints: 16 hex digits of which the upper half is zero."""
    key = random.Random(f"pointer key {machine.spec.seed}")
    word = siphash_word(address & _MASK, key.getrandbits(64), key.getrandbits(64))
    return f"{word & 0xFFFFFFFF:016x}"


def siphash_word(word: int, key0: int, key1: int) -> int:
    """SipHash-2-4 of one 64-bit word (`lib/siphash.c:siphash_1u64`)."""
    v = [
        0x736F6D6570736575 ^ key0,
        0x646F72616E646F6D ^ key1,
        0x6C7967656E657261 ^ key0,
        0x7465646279746573 ^ key1,
    ]
    for block in (word, 8 << 56):
        v[3] ^= block
        _round(v)
        _round(v)
        v[0] ^= block
    v[2] ^= 0xFF
    for _ in range(4):
        _round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _round(v: list[int]) -> None:
    v[0] = (v[0] + v[1]) & _MASK
    v[1] = _rotate(v[1], 13) ^ v[0]
    v[0] = _rotate(v[0], 32)
    v[2] = (v[2] + v[3]) & _MASK
    v[3] = _rotate(v[3], 16) ^ v[2]
    v[0] = (v[0] + v[3]) & _MASK
    v[3] = _rotate(v[3], 21) ^ v[0]
    v[2] = (v[2] + v[1]) & _MASK
    v[1] = _rotate(v[1], 17) ^ v[2]
    v[2] = _rotate(v[2], 32)


def _rotate(word: int, count: int) -> int:
    return (word << count | word >> (64 - count)) & _MASK
