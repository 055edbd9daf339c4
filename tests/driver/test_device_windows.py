"""What windows of the bus cost, pools over any range, and early memory that hardware is given."""

from __future__ import annotations

import pytest

from kmemquest.driver.run import run_driver
from kmemquest.kernel.spec import MIB, MachineSpec
from tests.driver.kernel_module import DRIVERS, engine_for, machine, run_file, texts, value_of

WINDOW = "0xe0000000, 0x10000"
TIMED = """
#include <linux/ktime.h>
u8 memory[8192];
long probe(void) {
	u8 *window = %s;
	u64 from = ktime_get_ns(), took;
	%s;
	took = ktime_get_ns() - from;
	iounmap(window);
	return took;
}
"""


def took(mapping: str, act: str) -> int:
    """Return the nanoseconds that an act on a window takes."""
    return value_of(TIMED % (f"{mapping}({WINDOW})", act))


# --- costs --------------------------------------------------------------------------------


def test_uncached_copies_cross_the_bus_for_every_four_bytes() -> None:
    extra = took("ioremap", "memcpy_toio(window, memory, 4096)")
    assert 1024 * 250 <= extra < 1024 * 250 + 2000


def test_combined_writes_cross_it_for_every_line_of_64_bytes() -> None:
    assert 64 * 250 <= took("ioremap_wc", "memcpy_toio(window, memory, 4096)") < 64 * 250 + 2000
    single = "for (int i = 0; i < 64; i += 4) writel(i, window + i)"
    assert 250 <= took("ioremap_wc", single) < 1000
    assert took("ioremap", single) >= 16 * 250


def test_lines_that_are_jumped_between_are_not_combined() -> None:
    jumps = "for (int i = 0; i < 16; i++) writel(i, window + (i % 2) * 64)"
    assert took("ioremap_wc", jumps) >= 16 * 250


def test_a_read_sends_the_open_line_off() -> None:
    mixed = "for (int i = 0; i < 8; i++) { writel(i, window + 4 * i); readl(window + 512); }"
    assert took("ioremap_wc", mixed) >= 16 * 250


@pytest.mark.parametrize("mapping", ["ioremap", "ioremap_wc"])
def test_no_mapping_makes_reading_cheap(mapping: str) -> None:
    assert took(mapping, "memcpy_fromio(memory, window, 4096)") >= 1024 * 250


def test_memory_behind_no_window_costs_what_memory_costs() -> None:
    assert took("ioremap", "memcpy_toio(memory, memory + 2048, 2048)") < 2000


def test_a_long_copy_to_a_window_is_no_endless_loop() -> None:
    engine = engine_for(
        "static u8 picture[768000];\nlong probe(void) { u8 *w = ioremap(0xe0000000, 768000);\n"
        "for (int i = 0; i < 5; i++) memcpy_toio(w, picture, 768000);\niounmap(w); return 5; }"
    )
    assert engine.call("probe") == 5
    assert engine.stopped is None


# --- gen_pool -----------------------------------------------------------------------------

POOL = """
#include <linux/genalloc.h>
static u8 room[1024];
static struct gen_pool *pool;
static unsigned long got[16];
static int fill(int order, size_t size) {
	int n = 0;
	pool = gen_pool_create(order, -1);
	if (gen_pool_add(pool, (unsigned long)room, sizeof(room), -1)) return -1;
	while (n < 16 && (got[n] = gen_pool_alloc(pool, size))) n++;
	return n;
}
"""


@pytest.mark.parametrize(
    ("order", "size", "fits"),
    [(5, 96, 10), (5, 97, 8), (7, 96, 8), (6, 96, 8), (10, 1, 1), (11, 1, 0), (96, 96, 0)],
)
def test_blocks_are_whole_granules(order: int, size: int, fits: int) -> None:
    assert value_of(POOL + f"long probe(void) {{ return fill({order}, {size}); }}") == fits


def test_a_chunk_has_a_bitmap_which_goes_with_the_pool() -> None:
    body = POOL + (
        "long probe(void) { int i, n = fill(5, 96);\n"
        "for (i = 0; i < n; i++) gen_pool_free(pool, got[i], 96);\n"
        "%s return n; }"
    )
    for end, areas in (("", 1), ("gen_pool_destroy(pool);", 0)):
        engine = engine_for(body % end)
        assert engine.call("probe") == 10
        bitmaps = [area for area in engine.machine.vmalloc.areas if area.requested == 56 + 8]
        assert len(bitmaps) == areas


@pytest.mark.parametrize(
    ("bad", "line"),
    [
        ("gen_pool_free(pool, got[0], 96); gen_pool_free(pool, got[0], 96);", 508),
        ("gen_pool_free(pool, (unsigned long)room + 2048, 96);", 508),
        ("gen_pool_free(pool, got[0], 1); gen_pool_destroy(pool);", 243),
    ],
)
def test_what_does_not_fit_the_bitmap_is_a_bug(bad: str, line: int) -> None:
    engine = engine_for(POOL + f"long probe(void) {{ fill(5, 96); {bad} return 0; }}")
    engine.call("probe")
    log = [entry.text for entry in engine.machine.log.lines]
    assert f"kernel BUG at lib/genalloc.c:{line}!" in log


def test_a_pool_of_device_memory_still_runs() -> None:
    assert (DRIVERS / "sram_pool.c").is_file()
    probe = {"probe": {"platform": {"name": "onchip-sram", "memory": [[0xFE400000, 0x1000]]}}}
    result = run_file("sram_pool.c", ["insmod", probe, "rmmod"])
    assert result.outcome == "ran"


# --- vmap, and memory for hardware ------------------------------------------------------


def test_vmap_refuses_more_pages_than_there_are_before_it_looks_at_one() -> None:
    total = machine().vmalloc
    assert total.exceeds_ram(1 << 20)
    body = (
        "static struct page *list[1];\n"
        "long probe(void) { return (long)vmap(list, 1 << 20, VM_MAP, PAGE_KERNEL); }"
    )
    engine = engine_for(body)
    assert engine.call("probe") == 0
    assert engine.machine.fate is not None
    assert not any("BUG" in entry.text for entry in engine.machine.log.lines)


TRACER = """
#include <linux/init.h>
#include <linux/memblock.h>
static phys_addr_t at;
void __init early(void) {
	at = memblock_phys_alloc(0x100000, 0x100000);
	%s
}
"""


@pytest.mark.parametrize(
    ("then", "offset", "kinds"),
    [
        ("", 0, []),
        ("", 0xFFFFC, []),
        ("", 0x100000, ["dma-outside-mapping"]),
        ("memblock_phys_free(at + 0x40000, 0xc0000);", 0x3FFFC, []),
        ("memblock_phys_free(at + 0x40000, 0xc0000);", 0x40000, ["dma-outside-mapping"]),
    ],
)
def test_hardware_may_write_what_early_boot_reserved_for_it(
    then: str, offset: int, kinds: list[str]
) -> None:
    write = {"device": "tracer", "handle": "at", "offset": offset, "size": 4, "value": 7}
    script = [
        {"initcall": "early"}, "boot", {"probe": {"platform": {"name": "tracer"}}},
        {"device": {"write": write}},
    ]  # fmt: skip
    result = run_driver(TRACER % then, "early.c", MachineSpec(ram=64 * MIB), script)
    assert [report.kind for report in result.reports] == kinds, texts(result)
