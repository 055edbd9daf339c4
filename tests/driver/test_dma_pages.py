"""dma_alloc_pages, managed coherent memory, lists of pages, and pinned pages of a process."""

from __future__ import annotations

from typing import Any

from kmemquest.driver.run import RunResult, run_driver
from tests.driver.kernel_module import HEAD, machine, texts, value_of

DMA = "#include <linux/dma-mapping.h>\n#include <linux/pci.h>\n"
USER = "#include <linux/fs.h>\n#include <linux/miscdevice.h>\n"
DRIVER = """
static dma_addr_t handle;
static int card_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct device *dev = &pdev->dev;
	%s
}
static void card_remove(struct pci_dev *pdev) { struct device *dev = &pdev->dev; %s; }
static const struct pci_device_id ids[] = { { PCI_DEVICE(1, 2) }, { } };
static struct pci_driver card = {
	.name = "card", .id_table = ids, .probe = card_probe, .remove = card_remove,
};
module_pci_driver(card);
"""
PLUG = {"probe": {"pci": {"vendor": 1, "device": 2, "name": "c0", "irq": 9}}}


def run(
    probe: str, remove: str = "(void)dev", steps: tuple[Any, ...] = (), globals_: str = ""
) -> RunResult:
    source = HEAD + DMA + globals_ + DRIVER % (probe, remove)
    script = ["insmod", PLUG, *steps, {"unplug": "c0"}, "rmmod"]
    result = run_driver(source, "m.c", script=script, machine=machine("debug"), keep_going=True)
    assert result.outcome != "does-not-compile", "\n".join(map(str, result.diagnostics))
    return result


def reports(result: RunResult) -> list[str]:
    return [report.kind for report in result.reports]


# --- dma_alloc_pages ----------------------------------------------------------------------

PAGES = "static struct page *pages;\n"
ALLOCATE = "pages = dma_alloc_pages(dev, 5000, &handle, DMA_FROM_DEVICE, %s); %s"
RELEASE = "dma_free_pages(dev, %s, pages, handle, %s)"
WRITE = {"device": {"write": {"device": "c0", "handle": "handle", "size": 4, "value": 7}}}


def test_pages_for_a_device_are_zeroed_and_go_back() -> None:
    look = "return pages && *(u64 *)page_address(pages) == 0 ? 0 : -EIO;"
    result = run(ALLOCATE % ("GFP_KERNEL", look), RELEASE % (5000, "DMA_FROM_DEVICE"), (), PAGES)
    assert result.results[1].result == 0
    assert reports(result) == []


def test_zone_bits_are_refused_with_a_warning() -> None:
    probe = ALLOCATE % ("GFP_KERNEL | GFP_DMA32", "return pages ? 0 : -ENOMEM;")
    result = run(probe, "(void)dev", (), PAGES)
    assert result.results[1].result == -12
    assert reports(result) == ["dma-zone-flag"]


def test_the_pages_are_the_cpus_until_they_are_synced_for_the_device() -> None:
    sync = "dma_sync_single_for_device(dev, handle, 5000, DMA_FROM_DEVICE); return 0;"
    back = RELEASE % (5000, "DMA_FROM_DEVICE")
    kept = run(ALLOCATE % ("GFP_KERNEL", "return 0;"), back, (WRITE,), PAGES)
    given = run(ALLOCATE % ("GFP_KERNEL", sync), back, (WRITE,), PAGES)
    assert reports(kept) == ["dma-ownership"]
    assert reports(given) == []


def test_dma_debug_knows_pages_as_noncoherent() -> None:
    end = RELEASE % (4096, "DMA_FROM_DEVICE")
    result = run(ALLOCATE % ("GFP_KERNEL", "return 0;"), end, (), PAGES)
    assert any("[map size=5000 bytes] [unmap size=4096 bytes]" in line for line in texts(result))
    # order 1 was taken, order 0 given back
    assert "leak" in reports(result)


# --- managed coherent memory --------------------------------------------------------------

RING = "static void *ring;\n"
MANAGED = "ring = dmam_alloc_coherent(dev, 4096, &handle, GFP_KERNEL); return ring ? 0 : -ENOMEM;"


def test_managed_memory_goes_with_the_driver_or_by_its_own_function() -> None:
    assert reports(run(MANAGED, "(void)dev", (), RING)) == []
    assert reports(run(MANAGED, "dmam_free_coherent(dev, 4096, ring, handle)", (), RING)) == []


def test_freeing_managed_memory_by_hand_frees_it_twice() -> None:
    assert reports(run(MANAGED, "dma_free_coherent(dev, 4096, ring, handle)", (), RING))


def test_dmam_free_of_unmanaged_memory_warns() -> None:
    plain = MANAGED.replace("dmam", "dma")
    assert "warn" in " ".join(
        reports(run(plain, "dmam_free_coherent(dev, 4096, ring, handle)", (), RING))
    )


# --- lists of pages -----------------------------------------------------------------------


def test_neighbouring_pages_share_an_entry() -> None:
    body = (
        "long probe(void);\nlong probe(void) {\n"
        "struct page *block = alloc_pages(GFP_KERNEL, 2), *pages[4]; struct sg_table sgt;\n"
        "pages[0] = block; pages[1] = block + 1; pages[2] = block + 3; pages[3] = block + 2;\n"
        "if (sg_alloc_table_from_pages(&sgt, pages, 4, 100, 15000, GFP_KERNEL)) return -1;\n"
        "long n = sgt.orig_nents * 1000000 + sgt.sgl->length * 100 + sgt.sgl->offset;\n"
        "n = n * 10000 + sgt.sgl[2].length; sg_free_table(&sgt); __free_pages(block, 2);\n"
        "return n; }\n"
    )
    # 8,092 bytes of two neighbours, a page, and the 2,812 bytes that are left
    assert value_of(DMA + body) == (3 * 1000000 + 8092 * 100 + 100) * 10000 + 2812


def test_a_list_without_entries_is_refused() -> None:
    ask = "return sg_alloc_table(&t, 0, GFP_KERNEL); }"
    body = "long probe(void);\nlong probe(void) { struct sg_table t; " + ask
    assert value_of(DMA + body) == -22


# --- pinned pages -------------------------------------------------------------------------

DEVICE = """
static struct page *pages[4];
static int got, refs;
static long m_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	if (cmd == 1) {
		got = pin_user_pages_fast(arg, 4, %s, pages);
		return got;
	}
	if (cmd == 2)
		unpin_user_pages(pages, got);
	return page_count(pages[0]);
}
static int m_release(struct inode *inode, struct file *file) { %s; return 0; }
static const struct file_operations fops = {
	.owner = THIS_MODULE, .unlocked_ioctl = m_ioctl, .release = m_release,
};
static struct miscdevice misc = { .minor = MISC_DYNAMIC_MINOR, .name = "m", .fops = &fops };
static int __init start(void) { return misc_register(&misc); }
static void __exit end(void) { misc_deregister(&misc); %s; }
module_init(start);
module_exit(end);
"""
QUEUE = {"ioctl": {"file": "f", "cmd": 1, "size": 16384}}


def run_user(
    steps: tuple[Any, ...], release: str = "", end: str = "", flags: str = "FOLL_WRITE"
) -> RunResult:
    source = HEAD + USER + DEVICE % (flags, release, end)
    script = ["insmod", {"open": {"device": "m", "as": "f", "by": "p"}}, *steps, "rmmod"]
    result = run_driver(source, "m.c", script=script, machine=machine("debug"), keep_going=True)
    assert result.outcome != "does-not-compile", "\n".join(map(str, result.diagnostics))
    return result


def test_a_pin_counts_1024_references() -> None:
    ask = {"ioctl": {"file": "f", "cmd": 3}}
    result = run_user((QUEUE, ask, {"ioctl": {"file": "f", "cmd": 2}}, {"close": "f"}))
    assert [step.result for step in result.results[2:5]] == [4, 1025, 1]
    assert reports(result) == []


def test_a_pinned_page_outlives_its_process() -> None:
    count = 'got = page_count(pages[0]); unpin_user_pages(pages, 4); pr_info("%d\\n", got)'
    result = run_user((QUEUE, {"exit": "p"}), end=count)
    assert any(line.endswith("1024") for line in texts(result))
    assert reports(result) == []


def test_a_forgotten_pin_is_a_leak_of_pages() -> None:
    result = run_user((QUEUE, {"exit": "p"}))
    assert reports(result) == ["leak"] * 4


def test_unpinning_twice_is_silent_and_spoils_the_count() -> None:
    end = {"ioctl": {"file": "f", "cmd": 2}}
    result = run_user((QUEUE, end, end, {"close": "f"}))
    assert result.results[4].result == 1 - 1024
    # a kernel with DEBUG_VM says so, once
    assert reports(result) == ["warning"] + ["double-free"] * 4


def test_bad_addresses_and_flags_are_refused() -> None:
    nowhere = {"ioctl": {"file": "f", "cmd": 1, "arg": 4096}}
    kernel = {"ioctl": {"file": "f", "cmd": 1, "arg": 0xFFFF888000000000}}
    result = run_user((nowhere, kernel, {"close": "f"}))
    # the second one runs past the end of the address space of a process
    assert [step.result for step in result.results[2:4]] == [-14, -14]
    refused = run_user((QUEUE, {"close": "f"}), flags="0x2")
    assert refused.results[2].result == -22


# --- what a probe returns -----------------------------------------------------------------


def test_pci_takes_a_positive_result_for_success() -> None:
    result = run("(void)dev; return 4;", 'dev_info(dev, "removed\\n")')
    lines = texts(result)
    assert any(line.endswith("Driver probe function unexpectedly returned 4") for line in lines)
    assert any(line.endswith("removed") for line in lines)


def test_a_device_that_was_never_started_does_no_dma() -> None:
    result = run("(void)dev; return -ENOMEM;", "(void)dev", (WRITE,))
    assert result.results[2].note == "c0 was never started"
    assert reports(result) == []


# --- who finds what again -----------------------------------------------------------------

OWNED = "static void *managed;\n"


def test_devm_kfree_does_not_find_a_coherent_buffer() -> None:
    """It stays managed, and goes back when the driver is unbound (`drivers/base/devres.c`)."""
    probe = "managed = dmam_alloc_coherent(dev, 4096, &handle, GFP_KERNEL); "
    result = run(probe + "devm_kfree(dev, managed); return 0;", "(void)dev", (), OWNED)
    assert reports(result) == ["bad-devm-free"]


def test_devm_free_pages_finds_pages_only() -> None:
    probe = "managed = (void *)devm_get_free_pages(dev, GFP_KERNEL, 1); "
    right = run(probe + "devm_free_pages(dev, (unsigned long)managed); return 0;", "(void)dev",
                (), OWNED)  # fmt: skip
    assert reports(right) == []
    wrong = run(probe + "devm_kfree(dev, managed); return 0;", "(void)dev", (), OWNED)
    assert reports(wrong) == ["bad-devm-free"]


def test_a_managed_coherent_buffer_knows_its_size() -> None:
    probe = "managed = dmam_alloc_coherent(dev, 8192, &handle, GFP_KERNEL); "
    free = "dmam_free_coherent(dev, %s, managed, handle); return 0;"
    assert reports(run(probe + free % 8192, "(void)dev", (), OWNED)) == []
    result = run(probe + free % 4096, "(void)dev", (), OWNED)
    assert reports(result)[0] == "warning"
    assert any("dmam_match" in text for text in texts(result))


def test_coherent_memory_given_to_dma_free_pages_is_free() -> None:
    """dma-debug says that it is the wrong function; the pages go back all the same."""
    probe = "managed = dma_alloc_coherent(dev, 8192, &handle, GFP_KERNEL); if (!managed) return -5;"
    free = "dma_free_pages(dev, 8192, virt_to_page(managed), handle, DMA_BIDIRECTIONAL); return 0;"
    kinds = reports(run(probe + free, "(void)dev", (), OWNED))
    assert "leak" not in kinds
    assert kinds
