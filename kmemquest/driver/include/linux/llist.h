/* Lists that many may push onto without a lock; taking everything off needs none either. */
#ifndef _LINUX_LLIST_H
#define _LINUX_LLIST_H
#include <linux/atomic.h>
#include <linux/container_of.h>
#include <linux/types.h>

struct llist_head {
	struct llist_node *first;
};

struct llist_node {
	struct llist_node *next;
};

#define LLIST_HEAD_INIT(name) { NULL }
#define LLIST_HEAD(name) struct llist_head name = LLIST_HEAD_INIT(name)

static inline void init_llist_head(struct llist_head *list)
{
	list->first = NULL;
}

/* A node on no list points to itself. */
static inline void init_llist_node(struct llist_node *node)
{
	node->next = node;
}

static inline bool llist_on_list(const struct llist_node *node)
{
	return node->next != node;
}

static inline bool llist_empty(const struct llist_head *head)
{
	return READ_ONCE(head->first) == NULL;
}

static inline struct llist_node *llist_next(struct llist_node *node)
{
	return node->next;
}

/* Whether the list was empty before: then somebody has to be woken to look at it. */
static inline bool llist_add_batch(struct llist_node *first, struct llist_node *last,
				   struct llist_head *head)
{
	struct llist_node *before = head->first;

	last->next = before;
	head->first = first;
	return before == NULL;
}

static inline bool llist_add(struct llist_node *node, struct llist_head *head)
{
	return llist_add_batch(node, node, head);
}

#define __llist_add_batch(first, last, head) llist_add_batch(first, last, head)
#define __llist_add(node, head) llist_add(node, head)

/* The whole list, the newest first. */
static inline struct llist_node *llist_del_all(struct llist_head *head)
{
	struct llist_node *all = head->first;

	head->first = NULL;
	return all;
}

#define __llist_del_all(head) llist_del_all(head)

/* Only one may do this at a time: another taker could bring the same node back meanwhile. */
static inline struct llist_node *llist_del_first(struct llist_head *head)
{
	struct llist_node *first = head->first;

	if (first)
		head->first = first->next;
	return first;
}

static inline struct llist_node *llist_del_first_init(struct llist_head *head)
{
	struct llist_node *first = llist_del_first(head);

	if (first)
		init_llist_node(first);
	return first;
}

static inline struct llist_node *llist_reverse_order(struct llist_node *newest)
{
	struct llist_node *oldest = NULL, *rest;

	while (newest) {
		rest = newest->next;
		newest->next = oldest;
		oldest = newest;
		newest = rest;
	}
	return oldest;
}

#define llist_entry(ptr, type, member) container_of(ptr, type, member)
#define __kmq_llist_entry(ptr, type, member) \
	({ struct llist_node *__ll_ptr = (ptr); \
	   __ll_ptr ? llist_entry(__ll_ptr, type, member) : NULL; })
#define llist_for_each(pos, node) for ((pos) = (node); (pos); (pos) = (pos)->next)
#define llist_for_each_safe(pos, n, node) \
	for ((pos) = (node); (pos) && ({ (n) = (pos)->next; 1; }); (pos) = (n))
#define llist_for_each_entry(pos, node, member) \
	for ((pos) = __kmq_llist_entry(node, typeof(*(pos)), member); (pos); \
	     (pos) = __kmq_llist_entry((pos)->member.next, typeof(*(pos)), member))
#define llist_for_each_entry_safe(pos, n, node, member) \
	for ((pos) = __kmq_llist_entry(node, typeof(*(pos)), member); \
	     (pos) && ({ (n) = __kmq_llist_entry((pos)->member.next, typeof(*(pos)), member); 1; }); \
	     (pos) = (n))

#endif
