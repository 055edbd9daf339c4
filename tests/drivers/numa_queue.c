// SPDX-License-Identifier: GPL-2.0
/* Queues near the CPUs that serve them: descriptors and pages from a wished node. */
#include <linux/module.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>

#define QUEUES 4
#define DEPTH 64

struct slot {
	struct page *page;
	u16 length;
	u16 flags;
};

struct queue {
	int node;
	struct slot *slots;
	void *status;
};

static struct queue *queues[QUEUES];

static void queue_free(struct queue *q)
{
	unsigned int i;

	if (!q)
		return;
	for (i = 0; q->slots && i < DEPTH; i += 16)
		if (q->slots[i].page)
			__free_pages(q->slots[i].page, 1);
	free_page((unsigned long)q->status);
	kfree(q->slots);
	kfree(q);
}

static struct queue *queue_new(int node)
{
	struct queue *q = kzalloc_node(sizeof(*q), GFP_KERNEL, node);
	unsigned int i;

	if (!q)
		return NULL;
	q->node = node;
	q->slots = kcalloc_node(DEPTH, sizeof(*q->slots), GFP_KERNEL, node);
	q->status = (void *)get_zeroed_page(GFP_KERNEL);
	if (!q->slots || !q->status)
		goto out;
	for (i = 0; i < DEPTH; i += 16) {
		q->slots[i].page = alloc_pages_node(node, GFP_KERNEL | __GFP_COMP, 1);
		if (!q->slots[i].page)
			goto out;
		q->slots[i].length = PAGE_SIZE << compound_order(q->slots[i].page);
	}
	return q;
out:
	queue_free(q);
	return NULL;
}

static int __init queues_init(void)
{
	int i, local = 0;

	for (i = 0; i < QUEUES; i++) {
		queues[i] = queue_new(i == QUEUES - 1 ? NUMA_NO_NODE : 0);
		if (!queues[i]) {
			while (i--)
				queue_free(queues[i]);
			return -ENOMEM;
		}
		local += page_to_nid(queues[i]->slots[0].page) == 0;
	}
	pr_info("queues: %d of %d on node 0, slots of %u bytes\n", local, QUEUES,
		queues[0]->slots[16].length);
	return 0;
}

static void __exit queues_exit(void)
{
	int i;

	for (i = 0; i < QUEUES; i++)
		queue_free(queues[i]);
}

module_init(queues_init);
module_exit(queues_exit);
MODULE_DESCRIPTION("Queues with memory of a node");
MODULE_LICENSE("GPL");
