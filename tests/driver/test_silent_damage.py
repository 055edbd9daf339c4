"""Damage that a kernel without checkers does not mention, and that the simulator knows of."""

from __future__ import annotations

from typing import Any

import pytest

from kmemquest.driver.run import RunResult, run_driver
from kmemquest.driver.witness import Finding
from kmemquest.kernel.check.shadow import attach
from tests.driver.kernel_module import HEAD, engine_for, machine

PCI = """
#include <linux/pci.h>
#include <linux/dma-mapping.h>
"""


def run(body: str, script: Any = None, checkers: str = "production") -> RunResult:
    result = run_driver(HEAD + PCI + body, "probe.c", script=script, machine=machine(checkers))
    assert result.outcome != "does-not-compile", [str(item) for item in result.diagnostics]
    return result


def init(code: str, before: str = "") -> str:
    return (
        f"{before}\nstatic int __init start(void)\n{{\n{code}\nreturn 0;\n}}\nmodule_init(start);\n"
    )


def line_of(body: str, marker: str) -> int:
    source = HEAD + PCI + body
    return source[: source.index(marker)].count("\n") + 1


def found(result: RunResult) -> list[tuple[str, bool]]:
    return [(item.kind, item.report.spoken) for item in result.findings]


def only(result: RunResult, kind: str) -> Finding:
    items = [item for item in result.findings if item.kind == kind]
    assert len(items) == 1, found(result)
    assert not items[0].report.spoken
    return items[0]


def lines(item: Finding) -> dict[str, int]:
    named = {role: frame.line for role, frame in item.sites}
    return named | {"misused": item.site.line if item.site is not None else 0}


# --- heap ---------------------------------------------------------------------------------


def test_use_after_free_names_all_three_lines() -> None:
    body = init(
        """int *p = kmalloc(64, GFP_KERNEL); /* got */
if (!p) return -ENOMEM;
kfree(p); /* freed */
pr_info("%d", p[12]); /* used */"""
    )
    item = only(run(body, ["insmod"]), "slab-use-after-free")
    assert lines(item) == {
        "allocated": line_of(body, "/* got */"),
        "freed": line_of(body, "/* freed */"),
        "misused": line_of(body, "/* used */"),
    }
    assert "read of 4 bytes" in item.report.detail


@pytest.mark.parametrize(
    ("code", "bad"),
    [
        ("p[63] = 1;", False),
        ("p[64] = 1;", True),
        ("*(u64 *)(p + 56) = 1;", False),
        ("*(u64 *)(p + 57) = 1;", True),
        ("memset(p, 0, 64);", False),
        ("hidden = p; memset(hidden, 0, 65);", True),
        ('pr_info("%c", p[100]);', True),
    ],
)
def test_the_borders_of_an_object(code: str, bad: bool) -> None:
    body = init(
        f"char *p = kzalloc(64, GFP_KERNEL);\nif (!p) return -ENOMEM;\n{code}\nkfree(p);",
        "static char *hidden __maybe_unused;	/* FORTIFY_SOURCE does not look into it */",
    )
    kinds = [kind for kind, _ in found(run(body, ["insmod"]))]
    assert kinds == (["slab-out-of-bounds"] if bad else [])


def test_the_slack_of_a_slot_is_not_the_drivers_unless_it_asks() -> None:
    body = init(
        "char *p = kmalloc(100, GFP_KERNEL);\nif (!p) return -ENOMEM;\np[101] = 1;\nkfree(p);"
    )
    assert found(run(body, ["insmod"])) == [("slab-out-of-bounds", False)]
    asked = body.replace("p[101] = 1;", "if (ksize(p) > 101) p[101] = 1;")
    assert found(run(asked, ["insmod"])) == []


def test_krealloc_in_place_moves_the_border() -> None:
    body = init(
        """char *p = kmalloc(100, GFP_KERNEL), *q;
if (!p) return -ENOMEM;
q = krealloc(p, 120, GFP_KERNEL);
if (q) p = q;
p[119] = 1;
kfree(p);"""
    )
    assert found(run(body, ["insmod"])) == []
    assert found(run(body.replace("p[119]", "p[120]"), ["insmod"])) == [
        ("slab-out-of-bounds", False)
    ]


def test_a_double_free_that_only_bends_the_free_list() -> None:
    body = init(
        """char *p = kmalloc(64, GFP_KERNEL), *q = kmalloc(64, GFP_KERNEL), *r, *s;
if (!p || !q) return -ENOMEM;
kfree(p); /* one */
kfree(q);
kfree(p); /* two */
r = kmalloc(64, GFP_KERNEL);
s = kmalloc(64, GFP_KERNEL);
s = kmalloc(64, GFP_KERNEL); /* twice */
pr_info("%d", r == s);"""
    )
    result = run(body, ["insmod"])
    item = only(result, "double-free")
    assert lines(item)["freed-first"] == line_of(body, "/* one */")
    assert lines(item)["misused"] == line_of(body, "/* two */")
    twice = only(result, "object-given-twice")
    # The line that did wrong is the second free, not the allocation where it shows.
    assert lines(twice)["misused"] == line_of(body, "/* two */")
    assert lines(twice)["surfaced"] == line_of(body, "/* twice */")


def test_a_constructor_and_its_cache_are_no_misuse() -> None:
    body = init(
        """c = kmem_cache_create("probe", 40, 0, 0, make);
if (!c) return -ENOMEM;
p = kmem_cache_alloc(c, GFP_KERNEL);
if (!p) return -ENOMEM;
p[9] = 3;
kmem_cache_free(c, p);
kmem_cache_destroy(c);""",
        """static struct kmem_cache *c; static int *p;
static void make(void *o) { memset(o, 0x11, 40); }""",
    )
    assert found(run(body, ["insmod"])) == []
    assert found(run(body.replace("p[9]", "p[10]"), ["insmod"])) == [("slab-out-of-bounds", False)]


# --- pages and vmalloc --------------------------------------------------------------------


def test_behind_a_block_of_pages() -> None:
    body = init(
        """char *p = (char *)__get_free_pages(GFP_KERNEL, 1); /* got */
if (!p) return -ENOMEM;
p[8191] = 1;
p[8192] = 1; /* bad */
free_pages((unsigned long)p, 1);"""
    )
    result = run(body, ["insmod"])
    kinds = {kind for kind, _ in found(result)}
    assert kinds <= {"page-out-of-bounds", "slab-out-of-bounds", "page-use-after-free"}
    assert kinds
    assert result.findings[0].site is not None
    assert result.findings[0].site.line == line_of(body, "/* bad */")


def test_use_of_freed_pages() -> None:
    body = init(
        """char *p = (char *)__get_free_page(GFP_KERNEL); /* got */
if (!p) return -ENOMEM;
free_page((unsigned long)p); /* freed */
p[5] = 1; /* used */"""
    )
    item = only(run(body, ["insmod"]), "page-use-after-free")
    assert lines(item) == {
        "allocated": line_of(body, "/* got */"),
        "freed": line_of(body, "/* freed */"),
        "misused": line_of(body, "/* used */"),
    }


def test_the_tail_of_the_last_page_of_vmalloc() -> None:
    body = init("char *p = vmalloc(5000);\nif (!p) return -ENOMEM;\np[4999] = 1;\nvfree(p);")
    assert found(run(body, ["insmod"])) == []
    bad = body.replace("p[4999]", "p[5000]")
    assert found(run(bad, ["insmod"])) == [("vmalloc-out-of-bounds", False)]


def test_a_free_of_another_order() -> None:
    body = init(
        """unsigned long p = __get_free_pages(GFP_KERNEL, 2);
if (!p) return -ENOMEM;
free_pages(p, 1);"""
    )
    item = only(run(body, ["insmod"]), "free-size-mismatch")
    assert "8192 bytes are freed of a block of 16384 bytes" in item.report.detail
    assert found(run(body.replace("free_pages(p, 1)", "free_pages(p, 2)"), ["insmod"])) == []


def test_pages_freed_twice() -> None:
    body = init(
        """struct page *p = alloc_page(GFP_KERNEL);
if (!p) return -ENOMEM;
__free_page(p); /* one */
__free_page(p); /* two */"""
    )
    item = only(run(body, ["insmod"]), "double-free")
    assert lines(item)["freed-first"] == line_of(body, "/* one */")
    assert lines(item)["misused"] == line_of(body, "/* two */")


# --- leaks, users, contexts ---------------------------------------------------------------


def test_a_leak_at_exit() -> None:
    body = init("if (!kmalloc(80, GFP_KERNEL)) /* lost */\n\treturn -ENOMEM;") + (
        "static void __exit stop(void) { }\nmodule_exit(stop);\n"
    )
    item = only(run(body), "leak")
    assert lines(item)["allocated"] == line_of(body, "/* lost */")


READER = """
#include <linux/miscdevice.h>
#include <linux/fs.h>
static ssize_t get(struct file *f, char __user *to, size_t n, loff_t *pos)
{
	char *p = kmalloc(64, GFP_KERNEL);
	ssize_t left;

	if (!p)
		return -ENOMEM;
	memset(p, 7, 40);
	left = copy_to_user(to, p, n > 64 ? 64 : n);
	kfree(p);
	return left ? -EFAULT : n;
}
static const struct file_operations ops = { .owner = THIS_MODULE, .read = get };
static struct miscdevice dev = { .minor = MISC_DYNAMIC_MINOR, .name = "probe", .fops = &ops };
module_misc_device(dev);
"""


@pytest.mark.parametrize(("size", "bad"), [(40, False), (41, True)])
def test_bytes_never_written_reach_user_space(size: int, bad: bool) -> None:
    from kmemquest.kernel.spec import MIB, Checkers, MachineSpec

    spec = MachineSpec(ram=64 * MIB, options=("init_on_alloc=0",), checkers=Checkers())
    script = ["insmod", {"open": "probe"}, {"read": {"file": "probe", "size": size}}]
    result = run_driver(HEAD + READER, "probe.c", spec, script)
    assert [kind for kind, _ in found(result)] == (["uninitialised-to-user"] if bad else [])


def test_sleeping_where_nothing_says_so() -> None:
    body = init(
        "void *p;\nspin_lock(&lock);\np = kmalloc(8, GFP_KERNEL); /* sleeps */\n"
        "spin_unlock(&lock);\nkfree(p);",
        "static DEFINE_SPINLOCK(lock);",
    )
    item = only(run(body, ["insmod"]), "sleep-in-atomic")
    assert lines(item)["misused"] == line_of(body, "/* sleeps */")
    told = "kmalloc() may sleep, and it is called with preemption off (a spinlock is held, say)"
    assert item.report.detail == told


# --- DMA ----------------------------------------------------------------------------------

NIC = """
static char *buf;
static dma_addr_t bus;
static void *dev;
static irqreturn_t handler(int irq, void *d)
{
	/*SYNC*/
	pr_info("%d", buf[3]); /* read */
	return IRQ_HANDLED;
}
static int probe(struct pci_dev *p, const struct pci_device_id *id)
{
	int err = dma_set_mask_and_coherent(&p->dev, DMA_BIT_MASK(32));

	if (err)
		return err;
	dev = &p->dev;
	buf = kmalloc(256, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	bus = dma_map_single(dev, buf, 256, DMA_FROM_DEVICE); /* map */
	if (dma_mapping_error(dev, bus)) {
		kfree(buf);
		return -ENOMEM;
	}
	/*PROBED*/
	return request_irq(p->irq, handler, 0, "nic", dev);
}
static void gone(struct pci_dev *p)
{
	free_irq(p->irq, dev);
	dma_unmap_single(dev, bus, 256, DMA_FROM_DEVICE);
	kfree(buf);
}
static const struct pci_device_id ids[] = { { PCI_DEVICE(1, 2) }, { } };
static struct pci_driver drv = { .name = "nic", .id_table = ids, .probe = probe, .remove = gone };
module_pci_driver(drv);
"""
PLUG: Any = {"probe": {"pci": {"vendor": 1, "device": 2, "irq": 11, "name": "nic0"}}}
WRITE: Any = {"device": {"write": {"device": "nic0", "handle": "bus", "size": 64}}}
IRQ: Any = {"irq": {"line": 11}}
SYNC = "dma_sync_single_for_cpu(dev, bus, 256, DMA_FROM_DEVICE);"
BACK = "dma_sync_single_for_device(dev, bus, 256, DMA_FROM_DEVICE);"


def test_a_buffer_is_read_without_a_sync() -> None:
    script = ["insmod", PLUG, WRITE, IRQ]
    item = only(run(NIC, script), "dma-ownership")
    assert lines(item)["mapped"] == line_of(NIC, "/* map */")
    assert lines(item)["misused"] == line_of(NIC, "/* read */")
    assert found(run(NIC.replace("/*SYNC*/", SYNC), script)) == []


def test_a_sync_hands_over_only_what_it_names() -> None:
    part = "dma_sync_single_for_cpu(dev, bus, 2, DMA_FROM_DEVICE);"
    script = ["insmod", PLUG, WRITE, IRQ]
    assert only(run(NIC.replace("/*SYNC*/", part), script), "dma-ownership")


def test_the_device_writes_into_what_the_cpu_has() -> None:
    good = NIC.replace("/*SYNC*/", SYNC).replace("return IRQ_H", f"{BACK}\n\treturn IRQ_H")
    script = ["insmod", PLUG, WRITE, IRQ, WRITE, IRQ, {"unplug": "nic0"}, "rmmod"]
    assert found(run(good, script)) == []
    bad = NIC.replace("/*SYNC*/", SYNC)
    assert "dma-ownership" in [kind for kind, _ in found(run(bad, script))]


def test_the_device_writes_after_the_unmap() -> None:
    body = NIC.replace("/*PROBED*/", "dma_unmap_single(dev, bus, 256, DMA_FROM_DEVICE); /* over */")
    item = next(
        item
        for item in run(body, ["insmod", PLUG, WRITE]).findings
        if item.kind.startswith("dma-a")
    )
    assert item.kind == "dma-after-unmap"
    assert dict(item.sites)["unmapped"].line == line_of(body, "/* over */")


def test_memory_is_freed_while_it_is_mapped() -> None:
    body = NIC.replace("/*PROBED*/", "kfree(buf); /* early */")
    item = only(run(body, ["insmod", PLUG]), "dma-freed-while-mapped")
    assert lines(item)["misused"] == line_of(body, "/* early */")


def test_the_device_is_given_a_physical_address() -> None:
    body = NIC.replace("/*PROBED*/", "bus = virt_to_phys(buf) + 4096;")
    kinds = [kind for kind, _ in found(run(body, ["insmod", PLUG, WRITE]))]
    assert kinds == ["dma-outside-mapping"]


def test_coherent_and_pool_memory_is_mapped_for_good() -> None:
    code = """
	buf = dma_alloc_coherent(dev, 512, &bus, GFP_KERNEL);
	if (!buf) return -ENOMEM;
	buf[0] = 1;"""
    pool = """
	pool = dma_pool_create("p", dev, 64, 64, 0);
	if (!pool) return -ENOMEM;
	buf = dma_pool_alloc(pool, GFP_KERNEL, &bus);
	if (!buf) return -ENOMEM;
	buf[0] = 1;"""
    head = "#include <linux/dmapool.h>\nstatic struct dma_pool *pool __maybe_unused;\n"
    for text in (code, pool):
        body = head + NIC.replace("/*PROBED*/", text)
        assert found(run(body, ["insmod", PLUG, WRITE, IRQ])) == [], text


# --- the watching itself ------------------------------------------------------------------


def test_watching_changes_nothing() -> None:
    body = HEAD + init(
        """int i, *p = kmalloc(256, GFP_KERNEL);
if (!p) return -ENOMEM;
for (i = 0; i < 64; i++) p[i] = i * i;
pr_info("%d %lld", p[63], (long long)ktime_get_ns());
kfree(p);""",
        "#include <linux/ktime.h>",
    )
    body = body[len(HEAD) :]
    plain, watched = engine_for(body), engine_for(body)
    detach = attach(watched.machine)
    for engine in (plain, watched):
        assert engine.load() == 0
    detach()
    texts = [[line.text for line in engine.machine.log.lines] for engine in (plain, watched)]
    assert texts[0] == texts[1]
    assert plain.machine.clock.now == watched.machine.clock.now
    assert watched.machine.checks.shadow is None


def test_a_loop_over_freed_memory_is_told_once_for_each_place() -> None:
    body = init(
        """int i, *p = kmalloc(2048, GFP_KERNEL);
if (!p) return -ENOMEM;
kfree(p);
for (i = 0; i < 500; i++)
p[i] = 0x11;"""
    )
    items = [item for item in run(body, ["insmod"]).findings if item.kind == "slab-use-after-free"]
    assert len(items) == 1


def test_kasan_and_the_shadow_do_not_both_tell() -> None:
    body = init(
        "char *p = kmalloc(64, GFP_KERNEL);\nif (!p) return -ENOMEM;\np[64] = 1;\nkfree(p);"
    )
    assert found(run(body, ["insmod"], "debug")) == [("slab-out-of-bounds", True)]


@pytest.mark.parametrize("checkers", ["production", "debug", "slub_debug=FZPU"])
def test_a_good_driver_has_no_findings(checkers: str) -> None:
    body = (
        init(
            """int i;
for (i = 0; i < 20; i++) {
	struct item *it = kzalloc(sizeof(*it), GFP_KERNEL);
	if (!it) return -ENOMEM;
	it->data = kvmalloc(100 + 700 * i, GFP_KERNEL);
	if (!it->data) { kfree(it); return -ENOMEM; }
	memset(it->data, 0, 100 + 700 * i);
	list_add_tail(&it->list, &items);
}""",
            """#include <linux/list.h>
struct item { struct list_head list; char *data; };
static LIST_HEAD(items);
""",
        )
        + """
static void __exit stop(void)
{
	struct item *it, *next;

	list_for_each_entry_safe(it, next, &items, list) {
		list_del(&it->list);
		kvfree(it->data);
		kfree(it);
	}
}
module_exit(stop);
"""
    )
    assert found(run(body, None, checkers)) == []
