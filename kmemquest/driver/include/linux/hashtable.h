/* Hash tables of a fixed size: an array of hlists, picked by a hash of the key. */
#ifndef _LINUX_HASHTABLE_H
#define _LINUX_HASHTABLE_H
#include <linux/array_size.h>
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/rculist.h>
#include <linux/types.h>

/* What <linux/list.h> and <linux/rculist.h> do not have of hlists. */
#ifndef __KMQ_HLIST_MORE
#define __KMQ_HLIST_MORE
static inline void INIT_HLIST_NODE(struct hlist_node *node)
{
	node->pprev = NULL;
	node->next = NULL;
}

static inline int hlist_unhashed(const struct hlist_node *node)
{
	return node->pprev == NULL;
}

static inline void __kmq_hlist_unlink(struct hlist_node *node)
{
	*node->pprev = node->next;
	if (node->next)
		node->next->pprev = node->pprev;
}

static inline void hlist_del_init(struct hlist_node *node)
{
	if (hlist_unhashed(node))
		return;
	__kmq_hlist_unlink(node);
	INIT_HLIST_NODE(node);
}

static inline void hlist_add_before(struct hlist_node *node, struct hlist_node *at)
{
	node->next = at;
	node->pprev = at->pprev;
	*node->pprev = node;
	at->pprev = &node->next;
}

static inline void hlist_add_behind(struct hlist_node *node, struct hlist_node *at)
{
	node->pprev = &at->next;
	node->next = at->next;
	at->next = node;
	if (node->next)
		node->next->pprev = &node->next;
}

/* Readers may stand on a node that goes: its way onwards stays. */
static inline void hlist_del_rcu(struct hlist_node *node)
{
	__kmq_hlist_unlink(node);
	node->pprev = LIST_POISON2;
}

static inline void hlist_del_init_rcu(struct hlist_node *node)
{
	if (hlist_unhashed(node))
		return;
	__kmq_hlist_unlink(node);
	node->pprev = NULL;
}

#define hlist_add_head_rcu(node, head) hlist_add_head(node, head)
#define hlist_for_each(pos, head) for ((pos) = (head)->first; (pos); (pos) = (pos)->next)
#define hlist_for_each_safe(pos, n, head) \
	for ((pos) = (head)->first; (pos) && ({ (n) = (pos)->next; 1; }); (pos) = (n))
#define hlist_for_each_entry_rcu(pos, head, member, ...) hlist_for_each_entry(pos, head, member)
#endif

#define DECLARE_HASHTABLE(name, bits) struct hlist_head name[1 << (bits)]
#define DEFINE_HASHTABLE(name, bits) \
	struct hlist_head name[1 << (bits)] = { [0 ... (1 << (bits)) - 1] = HLIST_HEAD_INIT }
#define DEFINE_READ_MOSTLY_HASHTABLE(name, bits) DEFINE_HASHTABLE(name, bits)

#define HASH_SIZE(name) ARRAY_SIZE(name)
#define HASH_BITS(name) (63 - __builtin_clzl(HASH_SIZE(name)))

/* A key of up to 32 bits is hashed as one: the same key in another type may land elsewhere. */
#define hash_min(val, bits) (sizeof(val) > 4 ? hash_64(val, bits) : hash_32(val, bits))
#define __kmq_bucket(table, key) (&(table)[hash_min(key, HASH_BITS(table))])

static inline void __hash_init(struct hlist_head *table, unsigned int size)
{
	for (unsigned int i = 0; i < size; i++)
		INIT_HLIST_HEAD(&table[i]);
}

static inline bool __hash_empty(struct hlist_head *table, unsigned int size)
{
	for (unsigned int i = 0; i < size; i++)
		if (!hlist_empty(&table[i]))
			return false;
	return true;
}

static inline bool hash_hashed(struct hlist_node *node)
{
	return !hlist_unhashed(node);
}

static inline void hash_del(struct hlist_node *node)
{
	hlist_del_init(node);
}

static inline void hash_del_rcu(struct hlist_node *node)
{
	hlist_del_init_rcu(node);
}

#define hash_init(table) __hash_init(table, HASH_SIZE(table))
#define hash_empty(table) __hash_empty(table, HASH_SIZE(table))
#define hash_add(table, node, key) hlist_add_head(node, __kmq_bucket(table, key))
#define hash_add_rcu(table, node, key) hlist_add_head_rcu(node, __kmq_bucket(table, key))

/* Two loops look like one, so `break` must end both: it leaves obj behind, and that ends the outer. */
#define __kmq_each_bucket(name, bkt, obj) \
	for ((bkt) = 0, (obj) = NULL; !(obj) && (bkt) < HASH_SIZE(name); (bkt)++)
#define hash_for_each(name, bkt, obj, member) \
	__kmq_each_bucket(name, bkt, obj) hlist_for_each_entry(obj, &(name)[bkt], member)
#define hash_for_each_rcu(name, bkt, obj, member) hash_for_each(name, bkt, obj, member)
#define hash_for_each_safe(name, bkt, tmp, obj, member) \
	__kmq_each_bucket(name, bkt, obj) \
		hlist_for_each_entry_safe(obj, tmp, &(name)[bkt], member)
#define hash_for_each_possible(name, obj, member, key) \
	hlist_for_each_entry(obj, __kmq_bucket(name, key), member)
#define hash_for_each_possible_rcu(name, obj, member, key, ...) \
	hash_for_each_possible(name, obj, member, key)
#define hash_for_each_possible_safe(name, obj, tmp, member, key) \
	hlist_for_each_entry_safe(obj, tmp, __kmq_bucket(name, key), member)

#endif
