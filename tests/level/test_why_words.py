"""Sentences about single events: what a call gave back, and where memory went."""

from __future__ import annotations

import pytest

from kmemquest.kernel import events as ev
from kmemquest.level.call_words import word_call
from kmemquest.level.why import tell


@pytest.mark.parametrize(
    ("function", "result", "words"),
    [
        ("kfree", 0, "kfree() returned after 150 ns"),
        ("mutex_lock", 0, "mutex_lock() returned after 150 ns"),
        ("kmalloc", 0, "kmalloc() returned 0 after 150 ns"),
        ("dma_set_mask", (1 << 64) - 5, "dma_set_mask() returned -5 after 150 ns"),
    ],
)
def test_only_what_returns_something_returned_it(function: str, result: int, words: str) -> None:
    assert tell(ev.CallReturned(function, result, 150, None)) == words


def test_a_call_has_the_arguments_that_were_written() -> None:
    assert word_call("mutex_lock", (0xFFFF_FFFF_C000_4000, 7)) == "mutex_lock(0xffffffffc0004000)"
    assert word_call("__free_pages", (0xFFFF_EA00_0000_0000, 2)).endswith(", 2)")


def test_a_block_of_pages_goes_back_to_no_cache() -> None:
    assert "cache –" not in tell(ev.ObjectFreed("", 0xFFFF_8880_0000_0000, 1, 0, None))
    assert tell(ev.ObjectFreed("kmalloc-64", 0, 1, 0, None)) == (
        "an object went back to cache kmalloc-64"
    )
