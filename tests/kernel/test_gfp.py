"""Masks: values, names, zones and migratetypes as a 6.12 kernel has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmemquest.kernel import gfp


@pytest.mark.parametrize(
    ("mask", "text"),
    [
        (0xCC0, "GFP_KERNEL"),
        (0xDC0, "GFP_KERNEL|__GFP_ZERO"),
        (0x40CC0, "GFP_KERNEL|__GFP_COMP"),
        (0x820, "GFP_ATOMIC"),
        (0x2820, "GFP_ATOMIC|__GFP_NOWARN"),
        (0x2800, "GFP_NOWAIT"),
        (0x800, "__GFP_KSWAPD_RECLAIM"),
        (0x8C0, "__GFP_IO|__GFP_FS|__GFP_KSWAPD_RECLAIM"),
        (0xCC1, "GFP_KERNEL|GFP_DMA"),
        (0xDC4, "GFP_KERNEL|GFP_DMA32|__GFP_ZERO"),
        (0x52CC0, "GFP_KERNEL|__GFP_NOWARN|__GFP_NORETRY|__GFP_COMP"),
        (0x140DCA, "GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO"),
        (0x1000CC0, "GFP_KERNEL|0x1000000"),
        (0, ""),
    ],
)
def test_masks_print_as_the_kernel_prints_them(mask: int, text: str) -> None:
    assert gfp.format_gfp(mask) == text


@given(st.integers(0, gfp.BITS_MASK))
def test_printing_loses_nothing(mask: int) -> None:
    assert (gfp.parse_gfp(gfp.format_gfp(mask)) if mask else 0) == mask


def test_unknown_words_are_named() -> None:
    with pytest.raises(ValueError, match="GFP_KERNAL"):
        gfp.parse_gfp("GFP_KERNAL|__GFP_ZERO")


@pytest.mark.parametrize(
    ("flags", "zone"),
    [
        (0, 2),
        (1, 0),
        (2, 2),
        (4, 1),
        (8, 2),
        (9, 0),
        (10, 3),
        (12, 1),
        (3, 0),
        (5, 0),
        (6, 0),
        (15, 0),
    ],
)
def test_zone_ceiling_follows_the_table(flags: int, zone: int) -> None:
    assert gfp.zone_index(flags) == zone


def test_only_direct_reclaim_decides_about_sleeping() -> None:
    for name in ("GFP_KERNEL", "GFP_NOIO", "GFP_NOFS", "GFP_USER"):
        assert gfp.allows_blocking(gfp.NAMES[name])
    for name in ("GFP_ATOMIC", "GFP_NOWAIT", "GFP_DMA", "__GFP_ZERO"):
        assert not gfp.allows_blocking(gfp.NAMES[name])
