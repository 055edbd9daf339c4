"""What goes away: dead threads stay dead, areas of vmap() go with vfree(), names of modules."""

from __future__ import annotations

from kmemquest.driver.run import run_driver
from tests.driver.kernel_module import HEAD, machine

THREADED = """
static int turns;
static irqreturn_t thread(int line, void *dev)
{
	%s
	pr_info("turn %%d\\n", ++turns);
	return IRQ_HANDLED;
}
static int __init start(void)
{
	return request_threaded_irq(7, NULL, thread, IRQF_ONESHOT, "t", &turns);
}
static void __exit end(void) { free_irq(7, &turns); }
module_init(start);
module_exit(end);
"""


def test_a_thread_that_oopsed_is_never_woken_again() -> None:
    source = HEAD + THREADED % "*(int *)8 = turns;"
    script = ["insmod", {"irq": 7}, {"irq": 7}, "rmmod"]
    result = run_driver(source, "t.c", script=script, machine=machine(), keep_going=True)
    assert [report.kind for report in result.reports] == ["null-dereference"]


def test_vfree_of_a_vmap_area_leaves_nothing_behind() -> None:
    """`vm->nr_pages` is 0 there: the pages stay with the driver, the area goes."""
    body = """
static int __init start(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	void *area = vmap(&page, 1, VM_MAP, PAGE_KERNEL);

	vfree(area);
	__free_page(page);
	return 0;
}
static void __exit end(void) { }
module_init(start);
module_exit(end);
"""
    assert run_driver(HEAD + body, "v.c", machine=machine()).reports == ()


def test_built_in_code_has_no_module_in_its_symbols() -> None:
    body = "static int __init start(void)\n{\n\tWARN_ON(1);\n\treturn 0;\n}\n"
    module = HEAD + body + "module_init(start);\n"
    assert "start+0x" in run_driver(module, "m.c", machine=machine()).log_text()[2]
    assert any("[m]" in line for line in run_driver(module, "m.c", machine=machine()).log_text())
    built_in = HEAD + body + "early_initcall(start);\n"
    script = [{"initcall": "start"}]
    log = run_driver(built_in, "m.c", script=script, machine=machine()).log_text()
    assert any("start+0x" in line for line in log)
    assert not any("[m]" in line for line in log)


def test_a_module_that_failed_to_load_cannot_be_called() -> None:
    body = """
int poke(void) { pr_info("poked\\n"); return 0; }
static int __init start(void) { return -ENODEV; }
module_init(start);
"""
    script = ["insmod", {"call": "poke"}]
    result = run_driver(HEAD + body, "c.c", script=script, machine=machine())
    assert result.outcome == "init-failed"
    assert not any("poked" in line for line in result.log_text())
    last = result.results[-1]
    assert (last.result, last.note) == (None, "call: the module is not loaded")
