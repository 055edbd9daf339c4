// SPDX-License-Identifier: GPL-2.0
/* Faulty: an IDR is filled under a lock with a mask that may sleep, an XArray is never destroyed. */
#include <linux/module.h>
#include <linux/idr.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

struct port {
	unsigned long address;
	int number;
};

static DEFINE_IDR(numbers);
static DEFINE_SPINLOCK(numbers_lock);
static DEFINE_XARRAY(by_address);

int port_add(unsigned long address);
int port_drop(unsigned long address);

int port_add(unsigned long address)
{
	struct port *p = kzalloc(sizeof(*p), GFP_KERNEL);
	int ret;

	if (!p)
		return -ENOMEM;
	p->address = address;
	spin_lock(&numbers_lock);
	p->number = idr_alloc(&numbers, p, 0, 0, GFP_KERNEL); /* should be GFP_ATOMIC */
	spin_unlock(&numbers_lock);
	if (p->number < 0) {
		ret = p->number;
		goto out_free;
	}
	ret = xa_err(xa_store(&by_address, address, p, GFP_KERNEL));
	if (ret)
		goto out_number;
	return p->number;

out_number:
	spin_lock(&numbers_lock);
	idr_remove(&numbers, p->number);
	spin_unlock(&numbers_lock);
out_free:
	kfree(p);
	return ret;
}

int port_drop(unsigned long address)
{
	struct port *p = xa_erase(&by_address, address);

	if (!p)
		return -ENOENT;
	spin_lock(&numbers_lock);
	idr_remove(&numbers, p->number);
	spin_unlock(&numbers_lock);
	kfree(p);
	return 0;
}

static int __init ports_init(void)
{
	int number = port_add(0x3f8);

	return number < 0 ? number : 0;
}

static void __exit ports_exit(void)
{
	struct port *p;
	unsigned long address;

	/* xa_destroy(&by_address) is missing: the ports go, the nodes that led to them do not */
	xa_for_each(&by_address, address, p)
		kfree(p);
	idr_destroy(&numbers);
}

module_init(ports_init);
module_exit(ports_exit);
MODULE_DESCRIPTION("Ports that forget their table");
MODULE_LICENSE("GPL");
