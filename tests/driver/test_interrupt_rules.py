"""Rules of the interrupt core and of interrupt flags that a driver can run into."""

from __future__ import annotations

from kmemquest.driver.build import build
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.spec import Checkers, MachineSpec
from kmemquest.level.recorder import Recorder

HEAD = """
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
static int counted;
static DEFINE_SPINLOCK(lock);
static irqreturn_t event(int irq, void *dev)
{
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	counted++;
	spin_unlock_irqrestore(&lock, flags);
	return IRQ_HANDLED;
}
"""
TAIL = """
module_init(begin);
module_exit(end);
MODULE_LICENSE("GPL");
"""


def lines_of(source: str, *, kasan: bool = False) -> list[str]:
    built = build(HEAD + source + TAIL, "rules.c")
    assert built.module is not None, [d.message for d in built.diagnostics]
    machine = Machine.boot(MachineSpec(checkers=Checkers(kasan=kasan, atomic_sleep=True)))
    recorder = Recorder(machine, "rules.c")
    recorder.run(built.module, ["insmod", {"irq": {"line": 9}}, "rmmod"], watch=())
    return [line.text for line in machine.log.lines]


def test_irqsave_inside_of_a_handler_leaves_interrupts_as_they_were() -> None:
    log = lines_of("""
static int __init begin(void) { return request_irq(9, event, 0, "rules", &counted); }
static void __exit end(void)
{
	pr_info("off after the handler: %d\\n", irqs_disabled());
	free_irq(9, &counted);
}
""")
    assert any("off after the handler: 0" in line for line in log)
    assert not any("invalid context" in line for line in log)


def test_a_threaded_interrupt_without_handler_must_be_oneshot() -> None:
    log = lines_of("""
static int __init begin(void)
{
	pr_info("plain %d\\n", request_threaded_irq(9, NULL, event, 0, "rules", &counted));
	return request_threaded_irq(9, NULL, event, IRQF_ONESHOT, "rules", &counted);
}
static void __exit end(void) { free_irq(9, &counted); }
""")
    assert any("plain -22" in line for line in log)
    refusal = "genirq: Threaded irq requested with handler=NULL and !ONESHOT for rules (irq 9)"
    assert sum(refusal in line for line in log) == 1


def test_ksize_under_kasan_is_the_size_of_the_object_and_not_of_its_stride() -> None:
    source = """
static int __init begin(void)
{
	void *p = kmalloc(200, GFP_KERNEL);

	pr_info("ksize %zu\\n", ksize(p));
	kfree(p);
	return request_irq(9, event, 0, "rules", &counted);
}
static void __exit end(void) { free_irq(9, &counted); }
"""
    for kasan in (False, True):
        assert any("ksize 256" in line for line in lines_of(source, kasan=kasan))
