"""What nearly every character driver does: numbers, classes, nodes, semaphores, versions."""

from __future__ import annotations

import pytest

from kmemquest.driver.run import RunResult, run_driver
from tests.driver.kernel_module import HEAD, machine, texts

INCLUDES = """
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/rwsem.h>
#include <linux/semaphore.h>
#include <linux/version.h>
"""


def result_of(body: str, *script: object, checkers: str = "production") -> RunResult:
    """Run a module by a script."""
    steps = list(script) or ["insmod", "rmmod"]
    source = HEAD + INCLUDES + body + "module_init(start);\nmodule_exit(stop);\n"
    return run_driver(source, "day.c", script=steps, machine=machine(checkers))


def log_of(result: RunResult) -> list[str]:
    """Return what the driver itself printed."""
    return [text.removeprefix("d: ") for text in texts(result) if text.startswith("d: ")]


def kinds(result: RunResult) -> list[str]:
    """Return the kinds of everything that went wrong."""
    return [report.kind for report in result.reports]


CLASSIC = """
static dev_t number;
static struct cdev cdev;
static struct class *cls;
static ssize_t lamp_read(struct file *f, char __user *to, size_t size, loff_t *pos)
{
	return simple_read_from_buffer(to, size, pos, "on\\n", 3);
}
static const struct file_operations ops = { .owner = THIS_MODULE, .read = lamp_read };
static int __init start(void)
{
	struct device *dev;
	int ret = alloc_chrdev_region(&number, 0, 1, "lamps");

	if (ret)
		return ret;
	cdev_init(&cdev, &ops);
	ret = cdev_add(&cdev, number, 1);
	if (ret)
		goto region;
	cls = class_create("lamps");
	if (IS_ERR(cls)) {
		ret = PTR_ERR(cls);
		goto added;
	}
	dev = device_create(cls, NULL, number, NULL, "lamp%d", 3);
	if (IS_ERR(dev)) {
		ret = PTR_ERR(dev);
		goto created;
	}
	pr_info("d: %s, %d\\n", dev_name(dev), LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0));
	return 0;
created:
	class_destroy(cls);
added:
	cdev_del(&cdev);
region:
	unregister_chrdev_region(number, 1);
	return ret;
}
static void __exit stop(void)
{
	device_destroy(cls, number);
	class_destroy(cls);
	cdev_del(&cdev);
	unregister_chrdev_region(number, 1);
}
"""
USE = ("insmod", {"open": "lamp3"}, {"read": {"file": "lamp3", "size": 8}}, {"close": "lamp3"})


def test_a_device_of_a_class_has_a_node() -> None:
    result = result_of(CLASSIC, *USE, "rmmod")
    assert log_of(result) == ["lamp3, 1"]
    assert [step.result for step in result.results] == [0, 0, 3, 0, 0]
    assert kinds(result) == []


def test_the_node_is_there_when_the_class_comes_first() -> None:
    body = CLASSIC.replace("\tret = cdev_add(&cdev, number, 1);\n", "\tret = 0;\n")
    body = body.replace('\tpr_info("d', '\tret = cdev_add(&cdev, number, 1);\n\tpr_info("d')
    result = result_of(body, *USE, "rmmod")
    assert [step.result for step in result.results] == [0, 0, 3, 0, 0]


@pytest.mark.parametrize("call", ["device_destroy(cls, number);", "class_destroy(cls);"])
def test_what_is_not_destroyed_is_a_leak(call: str) -> None:
    result = result_of(CLASSIC.replace(f"\t{call}\n\tc", "\tc"))
    assert "leak" in kinds(result)


def test_register_chrdev_gives_a_major() -> None:
    body = """
static const struct file_operations ops = { .owner = THIS_MODULE };
static int major;
static int __init start(void)
{
	major = register_chrdev(0, "old", &ops);
	pr_info("d: %d %d\\n", major > 0, register_chrdev(major, "twice", &ops));
	return major < 0 ? major : 0;
}
static void __exit stop(void) { unregister_chrdev(major, "old"); }
"""
    result = result_of(body, "insmod", {"open": "old"}, {"close": "old"}, "rmmod")
    assert log_of(result) == ["1 -16"]
    assert [step.result for step in result.results] == [0, 0, 0, 0]
    assert kinds(result) == []


def test_cdev_alloc_is_freed_by_cdev_del() -> None:
    body = """
static const struct file_operations ops = { .owner = THIS_MODULE };
static struct cdev *cdev;
static dev_t number;
static int __init start(void)
{
	cdev = cdev_alloc();
	if (!cdev)
		return -ENOMEM;
	cdev->ops = &ops;
	cdev->owner = THIS_MODULE;
	pr_info("d: %zu of %zu\\n", sizeof(*cdev), ksize(cdev));
	return alloc_chrdev_region(&number, 0, 1, "a") ?: cdev_add(cdev, number, 1);
}
static void __exit stop(void) { cdev_del(cdev); unregister_chrdev_region(number, 1); }
"""
    result = result_of(body, "insmod", {"open": "a"}, {"close": "a"}, "rmmod")
    assert log_of(result) == ["104 of 128"]
    assert kinds(result) == []


SEMAPHORES = """
static DEFINE_SEMAPHORE(slots, 2);
static void back(struct work_struct *w) { pr_info("d: back\\n"); up(&slots); }
static DECLARE_WORK(giver, back);
static int __init start(void)
{
	down(&slots);
	pr_info("d: %d\\n", down_interruptible(&slots));
	pr_info("d: none left %d\\n", down_trylock(&slots));
	pr_info("d: %d\\n", down_timeout(&slots, msecs_to_jiffies(20)));
	schedule_work(&giver);
	down(&slots);
	pr_info("d: third\\n");
	return 0;
}
static void __exit stop(void) { }
"""


def test_semaphores_count() -> None:
    result = result_of(SEMAPHORES)
    assert log_of(result) == ["0", "none left 1", "-62", "back", "third"]
    assert kinds(result) == []


def test_a_semaphore_that_nobody_raises_hangs() -> None:
    result = result_of(SEMAPHORES.replace(" up(&slots);", ""))
    assert log_of(result)[-1] == "back"
    assert kinds(result) == ["hung-task"]


READERS = """
static DECLARE_RWSEM(table);
static void writer(struct work_struct *w)
{
	pr_info("d: writer comes\\n");
	down_write(&table);
	pr_info("d: writer in\\n");
	up_write(&table);
}
static void reader(struct work_struct *w)
{
	scoped_guard(rwsem_read, &table)
		pr_info("d: second reader in\\n");
}
static DECLARE_WORK(w, writer);
static DECLARE_WORK(r, reader);
static int __init start(void)
{
	down_read(&table);
	schedule_work(&r);
	schedule_work(&w);
	msleep(10);
	pr_info("d: first reader leaves, %d\\n", down_write_trylock(&table));
	up_read(&table);
	flush_work(&w);
	pr_info("d: locked %d\\n", rwsem_is_locked(&table));
	return 0;
}
static void __exit stop(void) { }
"""


@pytest.mark.parametrize("checkers", ["production", "debug"])
def test_readers_share_and_writers_wait(checkers: str) -> None:
    result = result_of(READERS, checkers=checkers)
    assert log_of(result) == [
        "second reader in", "writer comes", "first reader leaves, 0", "writer in", "locked 0",
    ]  # fmt: skip
    assert kinds(result) == []


@pytest.mark.parametrize("call", ["down_read(&table)", "down_write(&table)", "down(&slots)"])
def test_whoever_may_sleep_must_not_be_atomic(call: str) -> None:
    body = f"""
static DECLARE_RWSEM(table);
static DEFINE_SEMAPHORE(slots, 1);
static DEFINE_SPINLOCK(lock);
static int __init start(void)
{{
	pr_info("d: %d %u\\n", rwsem_is_locked(&table), slots.count);
	spin_lock(&lock);
	{call};
	spin_unlock(&lock);
	return 0;
}}
static void __exit stop(void) {{ }}
"""
    assert kinds(result_of(body, checkers="debug"))[0] == "sleep-in-atomic"
