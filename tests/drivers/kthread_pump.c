// SPDX-License-Identifier: GPL-2.0
/* A producer fills a list, a kernel thread empties it until it is told to stop. */
#include <linux/module.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

struct parcel {
	struct list_head list;
	unsigned int weight;
};

static LIST_HEAD(belt);
static DEFINE_SPINLOCK(belt_lock);
static struct task_struct *pump;
static unsigned long total;

int belt_put(unsigned int weight);

int belt_put(unsigned int weight)
{
	struct parcel *p = kmalloc(sizeof(*p), GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	p->weight = weight;
	spin_lock(&belt_lock);
	list_add_tail(&p->list, &belt);
	spin_unlock(&belt_lock);
	return 0;
}

static struct parcel *belt_take(void)
{
	struct parcel *p;

	spin_lock(&belt_lock);
	p = list_first_entry_or_null(&belt, struct parcel, list);
	if (p)
		list_del(&p->list);
	spin_unlock(&belt_lock);
	return p;
}

static int pump_main(void *data)
{
	struct parcel *p;

	while (!kthread_should_stop()) {
		while ((p = belt_take()) != NULL) {
			total += p->weight;
			kfree(p);
		}
		msleep(20);
	}
	return 0;
}

static int __init pump_init(void)
{
	int i, ret;

	for (i = 1; i <= 4; i++) {
		ret = belt_put(i * 10);
		if (ret)
			goto out;
	}
	pump = kthread_run(pump_main, NULL, "pump/%d", 0);
	if (IS_ERR(pump)) {
		ret = PTR_ERR(pump);
		goto out;
	}
	return 0;
out:
	while (!list_empty(&belt))
		kfree(belt_take());
	return ret;
}

static void __exit pump_exit(void)
{
	kthread_stop(pump);
	while (!list_empty(&belt))
		kfree(belt_take());
	pr_info("pump: moved %lu\n", total);
}

module_init(pump_init);
module_exit(pump_exit);
MODULE_DESCRIPTION("Producer and consumer");
MODULE_LICENSE("GPL");
