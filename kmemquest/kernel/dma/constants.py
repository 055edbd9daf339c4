"""Numbers of the DMA API (`include/linux/dma-mapping.h`, `dma-direction.h`)."""

from __future__ import annotations

from typing import Final

DMA_BIDIRECTIONAL: Final = 0
DMA_TO_DEVICE: Final = 1
DMA_FROM_DEVICE: Final = 2
DMA_NONE: Final = 3
DIRECTION_NAMES: Final = ("DMA_BIDIRECTIONAL", "DMA_TO_DEVICE", "DMA_FROM_DEVICE", "DMA_NONE")

DMA_MAPPING_ERROR: Final = (1 << 64) - 1
SIZE_MAX: Final = (1 << 64) - 1
EIO: Final = 5
ENOMEM: Final = 12

ZONE_DMA_LIMIT: Final = (1 << 24) - 1
START_KERNEL_MAP: Final = 0xFFFF_FFFF_8000_0000


def dma_bit_mask(bits: int) -> int:
    """Return DMA_BIT_MASK(bits)."""
    return (1 << bits) - 1


def direction_name(direction: int) -> str:
    """Return the name that reports print."""
    return DIRECTION_NAMES[direction] if 0 <= direction < 4 else str(direction)


def min_not_zero(first: int, second: int) -> int:
    """Return the smaller one, ignoring zeros."""
    if not first or not second:
        return first or second
    return min(first, second)
