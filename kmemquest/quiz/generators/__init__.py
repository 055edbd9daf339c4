"""The generators that ship: importing their modules registers them."""

from __future__ import annotations

import importlib
from typing import Final

MODULES: Final = (
    "slab_sizes",
    "resizing",
    "page_orders",
    "block_splits",
    "watermark_marks",
    "virtual_areas",
    "gfp_masks",
    "dma_reach",
    "boot_regions",
    "cache_layout",
    "zone_marks",
    "page_counting",
    "reserve_pools",
    "c_sizes",
)


def load_generators() -> None:
    """Register every generator; cheap when called again."""
    for name in MODULES:
        importlib.import_module(f"{__name__}.{name}")
