"""What the generators let the machine compute agrees with what Linux 6.12 is known to do."""

import pytest

from kmemquest.kernel.address import get_order
from kmemquest.kernel.gfp import GFP_ATOMIC, GFP_NOFS, GFP_USER, format_gfp, parse_gfp
from kmemquest.kernel.spec import GIB, KIB
from kmemquest.quiz.generators.block_splits import leftovers
from kmemquest.quiz.generators.dma_reach import coherent_zone, streaming_outcome
from kmemquest.quiz.generators.gfp_masks import scoped
from kmemquest.quiz.generators.machines import free_pages, machine_with
from kmemquest.quiz.generators.page_orders import (
    four_in_a_row,
    merging_neighbour,
    order_that_holds,
    pages_of_order,
)
from kmemquest.quiz.generators.resizing import resized
from kmemquest.quiz.generators.slab_sizes import serving_cache
from kmemquest.quiz.generators.watermark_marks import most_refused


@pytest.mark.parametrize("order", range(7))
@pytest.mark.parametrize("quarter", range(4))
def test_blocks_merge_with_the_one_that_differs_in_one_bit(order: int, quarter: int) -> None:
    machine = machine_with()
    first, held = four_in_a_row(machine, order, skip=3)
    pfn = first + quarter * (1 << order)
    free = free_pages(machine)
    assert merging_neighbour(machine, order, first, pfn) == pfn ^ (1 << order)
    assert len(set(held)) == len(held)
    assert free_pages(machine) > free


def test_an_order_is_a_power_of_two_of_pages() -> None:
    machine = machine_with()
    assert [pages_of_order(machine, order) for order in range(11)] == [
        1 << order for order in range(11)
    ]


@pytest.mark.parametrize("size", [1, 4096, 4097, 8192, 12289, 65537, 3 << 20])
def test_the_order_found_by_trying_is_that_of_get_order(size: int) -> None:
    assert order_that_holds(size) == get_order(size)


@pytest.mark.parametrize(
    ("request_mask", "eighths"),
    [("GFP_ATOMIC", 3), ("GFP_KERNEL | __GFP_HIGH", 4), ("GFP_NOWAIT", 8), ("GFP_KERNEL", 8)],
)
def test_how_deep_each_request_may_go(request_mask: str, eighths: int) -> None:
    assert most_refused(800, request_mask) == 800 * eighths // 8


@pytest.mark.parametrize(("order", "wanted"), [(1, 0), (3, 0), (9, 6), (9, 0)])
def test_a_split_leaves_one_block_of_each_order_between(order: int, wanted: int) -> None:
    left = {each: blocks for each, blocks in leftovers(order, wanted).items() if blocks}
    assert left == dict.fromkeys(range(wanted, order), 1)


@pytest.mark.parametrize(
    ("old", "new", "stays", "cache"),
    [
        (70, 96, True, "kmalloc-96"),
        (70, 97, False, "kmalloc-128"),
        (500, 20, True, "kmalloc-512"),
        (192, 193, False, "kmalloc-256"),
    ],
)
def test_an_object_moves_only_when_it_must(old: int, new: int, stays: bool, cache: str) -> None:
    assert resized(old, new)[:2] == (stays, cache)


@pytest.mark.parametrize(
    ("ram", "bits", "zone"),
    [(6, 24, "DMA"), (6, 32, "DMA32"), (6, 36, "Normal"), (6, 64, "Normal"), (2, 64, "DMA32")],
)
def test_the_coherent_mask_chooses_the_zone(ram: int, bits: int, zone: str) -> None:
    assert coherent_zone(ram * GIB, bits) == zone


@pytest.mark.parametrize(
    ("bits", "kib", "outcome"),
    [
        (24, 4, "error"),
        (32, 4, "bounced"),
        (32, 256, "bounced"),
        (32, 260, "error"),
        (36, 1024, "direct"),
        (64, 4, "direct"),
    ],
)
def test_a_mapping_beyond_the_mask_is_bounced_up_to_256_kib(
    bits: int, kib: int, outcome: str
) -> None:
    assert streaming_outcome(6 * GIB, bits, kib * KIB) == outcome


def test_scopes_clear_bits_and_add_none() -> None:
    assert format_gfp(scoped(GFP_USER, "nofs")) == "GFP_NOFS|__GFP_HARDWALL"
    assert scoped(GFP_NOFS, "noio") == parse_gfp("GFP_NOIO")
    assert scoped(GFP_ATOMIC, "noio") == GFP_ATOMIC


def test_caches_of_the_usual_sizes() -> None:
    served = {size: serving_cache(size) for size in (8, 65, 96, 129, 193, 1025, 8192)}
    assert served == {
        8: ("kmalloc-8", 8),
        65: ("kmalloc-96", 96),
        96: ("kmalloc-96", 96),
        129: ("kmalloc-192", 192),
        193: ("kmalloc-256", 256),
        1025: ("kmalloc-2k", 2048),
        8192: ("kmalloc-8k", 8192),
    }
