"""Who speaks of a mistake under which checkers, and the comparison with recordings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kmemquest.driver.build import build
from kmemquest.driver.consequences import conform_consequences, same_headlines
from kmemquest.driver.consequences_headlines import headlines, normalise, worst
from kmemquest.driver.consequences_machine import spec_of
from kmemquest.driver.consequences_shell import Shell
from kmemquest.driver.session import DriverSession
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.spec import MIB, Checkers, MachineSpec

HEAD = "".join(
    f"#include <linux/{name}.h>\n"
    for name in (
        "module", "slab", "mm", "mman", "vmalloc", "interrupt", "hrtimer", "timer", "delay",
        "mutex", "spinlock", "shrinker", "string", "sched/mm", "uaccess", "pci", "dma-mapping",
        "mempool", "genalloc",
    )
)  # fmt: skip
TAIL = """
static int __init start(void) { mishap(); return 0; }
static void __exit stop(void) { }
module_init(start);
module_exit(stop);
MODULE_LICENSE("GPL");
"""


def said(body: str, checkers: str, *steps: str) -> tuple[list[str], list[str]]:
    built = build(HEAD + body + TAIL, "trial.c")
    assert built.ok, "\n".join(map(str, built.diagnostics))
    spec = MachineSpec(ram=128 * MIB, checkers=Checkers.preset(checkers))
    machine = Machine.boot(spec)
    start = len(machine.log.lines)
    session = DriverSession(machine, built, scan_for_leaks=False)
    shell = Shell(session)
    session.perform("insmod")
    for step in steps:
        shell.run(step)
    session.perform("rmmod")
    lines = [line.text for line in list(machine.log.lines)[start:]] + shell.printed
    session.close()
    return [normalise(line) for line in headlines(lines)], lines


def test_a_tasklet_that_may_sleep_is_inconsistent_first() -> None:
    body = """
static void work(struct tasklet_struct *t) { kfree(kmalloc(32, GFP_KERNEL)); }
static DECLARE_TASKLET(later, work);
static void mishap(void) { tasklet_schedule(&later); msleep(20); }
"""
    heads, _ = said(body, "debug")
    assert heads[0] == "WARNING: inconsistent lock state"
    assert heads[1].startswith("BUG: sleeping function called from invalid context")
    assert said(body, "production")[0] == []


def test_a_mutex_under_a_spinlock_waits_in_the_wrong_context() -> None:
    body = """
static DEFINE_SPINLOCK(outer);
static DEFINE_MUTEX(inner);
static void mishap(void)
{ spin_lock(&outer); mutex_lock(&inner); mutex_unlock(&inner); spin_unlock(&outer); }
"""
    heads, _ = said(body, "debug")
    assert heads[1] == "[ BUG: Invalid wait context ]"


def test_two_orders_of_two_locks() -> None:
    body = """
static DEFINE_MUTEX(one);
static DEFINE_MUTEX(two);
static void mishap(void)
{
    mutex_lock(&one); mutex_lock(&two); mutex_unlock(&two); mutex_unlock(&one);
    mutex_lock(&two); mutex_lock(&one); mutex_unlock(&one); mutex_unlock(&two);
}
"""
    assert said(body, "debug")[0] == ["WARNING: possible circular locking dependency detected"]
    assert said(body, "production")[0] == []


def test_fortify_stops_what_the_compiler_could_see() -> None:
    body = """
static void mishap(void)
{ char *p = kmalloc(24, GFP_KERNEL); volatile size_t n = 25; memset(p, 0, n); kfree(p); }
"""
    for checkers in ("production", "debug"):
        heads, _ = said(body, checkers)
        assert heads[0] == "memset: detected buffer overflow: 25 byte write of buffer size 24"
        assert heads[2] == "kernel BUG at lib/string_helpers.c:N!"


def test_fortify_is_blind_to_what_it_cannot_see() -> None:
    body = """
static void mishap(void)
{
    char *p = kmalloc(24, GFP_KERNEL); volatile size_t n = 25;
    OPTIMIZER_HIDE_VAR(p); memset(p, 0, n); kfree(p);
}
"""
    assert said(body, "production")[0] == []
    assert said(body, "debug")[0] == ["BUG: KASAN: slab-out-of-bounds in mishap [trial]"]


SCAN = "sleep 6; echo scan > /sys/kernel/debug/kmemleak"
SHOW = "cat /sys/kernel/debug/kmemleak"


def test_kmemleak_speaks_on_its_second_scan() -> None:
    body = "static void mishap(void) { char *p = kmalloc(70, GFP_KERNEL); p[0] = 1; }"
    assert said(body, "debug", SCAN, SHOW)[0] == []
    heads, _ = said(body, "debug", SCAN, SCAN, SHOW)
    assert heads[0] == "kmemleak: 1 new suspected memory leaks (see /sys/kernel/debug/kmemleak)"
    assert heads[1].startswith("unreferenced object X (size 96)")
    assert len(heads) == 2


@pytest.mark.parametrize(
    ("kept", "found"), [("p", False), ("p + 8", False), ("p ^ 1ul << 60", True)]
)
def test_kmemleak_follows_any_pointer_into_the_object(kept: str, found: bool) -> None:
    body = f"""
static unsigned long keep;
static void mishap(void)
{{ unsigned long p = (unsigned long)kmalloc(40, GFP_KERNEL); keep = {kept}; }}
"""
    assert bool(said(body, "debug", SCAN, SCAN, SHOW)[0]) == found


def test_current_flags_are_what_the_allocator_sees() -> None:
    body = """
static void mishap(void)
{
    current->fail_nth = 0;
    current->flags |= PF_MEMALLOC_NOIO;
    pr_info("mask %x\\n", current_gfp_context(GFP_KERNEL));
    current->flags &= ~PF_MEMALLOC_NOIO;
    pr_info("mask %x\\n", current_gfp_context(GFP_KERNEL));
}
"""
    _, lines = said(body, "production")
    assert [line for line in lines if line.startswith("mask")] == ["mask c00", "mask cc0"]


def test_struct_pages_can_be_strung_on_a_list() -> None:
    body = """
static LIST_HEAD(held);
static void mishap(void)
{
    struct page *p, *n; int i, count = 0;
    for (i = 0; i < 5; i++) { p = alloc_page(GFP_KERNEL); list_add(&p->lru, &held); }
    list_for_each_entry_safe(p, n, &held, lru) { list_del(&p->lru); __free_page(p); count++; }
    pr_info("freed %d\\n", count);
}
"""
    heads, lines = said(body, "debug")
    assert heads == []
    assert "freed 5" in lines


def test_a_full_contiguous_area_falls_back_to_the_buddy_allocator() -> None:
    machine = Machine.boot(MachineSpec(ram=128 * MIB, options=("cma=8M",)))
    device = machine.dma.device("0000:00:03.0")
    area = machine.dma.cma
    assert area is not None
    assert area.free == 2048
    first = machine.dma.alloc_coherent(device, 4 * MIB, 0xCC0)
    second = machine.dma.alloc_coherent(device, 4 * MIB, 0xCC0)
    third = machine.dma.alloc_coherent(device, 4 * MIB, 0xCC0)
    inside = [
        area.base <= handle >> 12 < area.base + area.count for _, handle in (first, second, third)
    ]
    assert inside == [True, True, False]
    assert any("alloc failed, req-size: 1024 pages" in line.text for line in machine.log.lines)
    machine.dma.free_coherent(device, 4 * MIB, *first)
    assert area.free == 1024


def test_headlines_are_compared_without_what_one_run_adds() -> None:
    left = "WARNING: CPU: 0 PID: 7 at mm/slub.c:12 kfree+0x1/0x20"
    right = "WARNING: CPU: 0 PID: 39 at mm/slub.c:99 kfree.part.0+0xab/0x300"
    assert normalise(left) == normalise(right)
    assert normalise(left) != normalise(left.replace("slub", "slab_common"))
    assert same_headlines((left,), (right,), [])
    assert not same_headlines((), (right,), [])
    assert not same_headlines((left,), (), [])
    assert worst(["hello", "BUG: KASAN: x", "Oops: y"]) == "oops"


def test_boots_become_machines() -> None:
    boot = {"kernel": "B: no KASAN", "memory_MiB": 512, "cmdline": "slub_debug=FZ kmemleak=off"}
    spec = spec_of(boot)
    assert spec.ram == 512 * MIB
    assert spec.checkers.slub_debug == "FZ"
    assert spec.checkers.lockdep
    assert not spec.checkers.kasan
    assert not spec.checkers.kmemleak


def test_an_index_of_ones_own(tmp_path: Path) -> None:
    skeleton = tmp_path / "skeleton"
    skeleton.mkdir()
    (skeleton / "ob.h").write_text(HEAD)
    (skeleton / "tail_fn.h").write_text(TAIL)
    case = {
        "id": "own", "kind": "fn", "shell_before": "", "shell_after": "",
        "source": "static void mishap(void) { void *p = vmalloc(64); vfree(p); vfree(p); }",
        "results": {"C": {
            "severity": "WARN", "next": "insmod exit status 0", "log": "none",
            "headlines": [
                "Trying to vfree() nonexistent vm area (00000000bee5d82e)",
                "WARNING: CPU: 0 PID: 3 at mm/vmalloc.c:1 vfree+0x1/0x2",
            ],
        }},
    }  # fmt: skip
    boots = {"C": {"kernel": "C: plain", "memory_MiB": 128, "cmdline": ""}}
    index = tmp_path / "index.json"
    index.write_text(json.dumps({"boots": boots, "cases": [case]}))
    assert conform_consequences(index).matched == 1
    case["results"]["C"]["headlines"].pop()
    index.write_text(json.dumps({"boots": boots, "cases": [case]}))
    assert conform_consequences(index).matched == 0
