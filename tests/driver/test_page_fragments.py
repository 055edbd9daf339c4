"""page_frag_alloc: places, references, and what keeps a chunk alive."""

from __future__ import annotations

import pytest

from tests.driver.kernel_module import value_of

PROBE = "static struct page_frag_cache nc;\nlong probe(void);\nlong probe(void) {\n"


def probe(body: str) -> int:
    return value_of(PROBE + body + "\n}\n", "production")


def test_struct_has_the_size_of_6_12() -> None:
    assert probe("return sizeof(nc);") == 24


def test_fragments_are_cut_downwards_from_the_end_of_32_kib() -> None:
    body = "char *a = page_frag_alloc(&nc, 100, GFP_ATOMIC);"
    body += " char *b = page_frag_alloc(&nc, 28, GFP_ATOMIC);"
    assert (
        probe(body + " return (a - (char *)nc.va) * 100000 + (a - b);")
        == (32768 - 100) * 100000 + 28
    )


def test_an_aligned_fragment_begins_at_a_multiple() -> None:
    body = "char *a = page_frag_alloc_align(&nc, 100, GFP_KERNEL, 64);"
    assert probe(body + " return (unsigned long)a % 64;") == 0


@pytest.mark.parametrize(("freed", "count"), [(0, 3), (1, 2), (2, 1)])
def test_drain_leaves_the_chunk_to_its_fragments(freed: int, count: int) -> None:
    body = (
        "void *f[3]; int i; for (i = 0; i < 3; i++) f[i] = page_frag_alloc(&nc, 64, GFP_KERNEL);"
        f" struct page *page = virt_to_page(nc.va); page_frag_cache_drain(&nc);"
        f" for (i = 0; i < {freed}; i++) page_frag_free(f[i]); return page_count(page);"
    )
    assert probe(body) == count


def test_the_last_fragment_frees_the_chunk() -> None:
    body = (
        "void *f = page_frag_alloc(&nc, 64, GFP_KERNEL);"
        " struct page *page = virt_to_page(nc.va); page_frag_cache_drain(&nc); page_frag_free(f);"
        " return page_count(page) * 10 + (nc.va == NULL);"
    )
    assert probe(body) == 1


def test_a_chunk_whose_fragments_are_all_back_is_used_again() -> None:
    body = (
        "void *first, *f = page_frag_alloc(&nc, 20000, GFP_KERNEL); first = nc.va;"
        " page_frag_free(f);"
        " f = page_frag_alloc(&nc, 20000, GFP_KERNEL); return nc.va == first;"
    )
    assert probe(body) == 1
    kept = body.replace(" page_frag_free(f);", "", 1)
    assert probe(kept) == 0


def test_what_is_larger_than_a_chunk_is_refused() -> None:
    assert probe("return page_frag_alloc(&nc, 40000, GFP_KERNEL) == NULL;") == 1
