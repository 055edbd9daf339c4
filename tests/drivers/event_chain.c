// SPDX-License-Identifier: GPL-2.0
/* A bay with a door: who is interested enters a chain and may forbid that it opens. */
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/slab.h>

enum { DOOR_ASKED, DOOR_OPENED };

struct listener {
	struct notifier_block nb;
	const char *name;
	unsigned int heard;
	bool objects;
};

static BLOCKING_NOTIFIER_HEAD(door_chain);
static struct listener *listeners[3];

int door_open(void);
void door_object(int who, int objects);

static int listener_call(struct notifier_block *nb, unsigned long action, void *data)
{
	struct listener *l = container_of(nb, struct listener, nb);

	l->heard++;
	*(int *)data += 1;
	if (action == DOOR_ASKED && l->objects)
		return NOTIFY_BAD;
	return NOTIFY_OK;
}

int door_open(void)
{
	int asked = 0, told = 0;

	if (blocking_notifier_call_chain(&door_chain, DOOR_ASKED, &asked) & NOTIFY_STOP_MASK) {
		pr_info("door: forbidden after %d\n", asked);
		return -EPERM;
	}
	blocking_notifier_call_chain(&door_chain, DOOR_OPENED, &told);
	return asked + told;
}

void door_object(int who, int objects)
{
	listeners[who]->objects = objects;
}

static void door_forget(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(listeners); i++) {
		if (!listeners[i])
			continue;
		blocking_notifier_chain_unregister(&door_chain, &listeners[i]->nb);
		pr_info("door: %s heard %u\n", listeners[i]->name, listeners[i]->heard);
		kfree(listeners[i]);
	}
}

static int __init door_init(void)
{
	static const char *const names[] = { "lamp", "fan", "laser" };
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(listeners); i++) {
		listeners[i] = kzalloc(sizeof(*listeners[i]), GFP_KERNEL);
		if (!listeners[i]) {
			ret = -ENOMEM;
			goto out;
		}
		listeners[i]->name = names[i];
		listeners[i]->nb.notifier_call = listener_call;
		listeners[i]->nb.priority = i;
		ret = blocking_notifier_chain_register(&door_chain, &listeners[i]->nb);
		if (ret)
			goto out;
	}
	if (blocking_notifier_chain_register(&door_chain, &listeners[0]->nb) != -EEXIST)
		pr_err("door: a block entered twice\n");
	return 0;
out:
	door_forget();
	return ret;
}

static void __exit door_exit(void)
{
	door_forget();
}

module_init(door_init);
module_exit(door_exit);
MODULE_DESCRIPTION("Chain of listeners");
MODULE_LICENSE("GPL");
