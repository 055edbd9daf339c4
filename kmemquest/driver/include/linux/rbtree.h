/* Red-black trees, threaded through the structures they hold. The driver compares and descends. */
#ifndef _LINUX_RBTREE_H
#define _LINUX_RBTREE_H
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/rbtree_types.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

void rb_insert_color(struct rb_node *node, struct rb_root *root);
void rb_erase(struct rb_node *node, struct rb_root *root);
void rb_replace_node(struct rb_node *victim, struct rb_node *node, struct rb_root *root);
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);
struct rb_node *rb_first_postorder(const struct rb_root *root);
struct rb_node *rb_next_postorder(const struct rb_node *node);

#define rb_entry(ptr, type, member) container_of(ptr, type, member)
#define rb_entry_safe(ptr, type, member) \
	({ typeof(ptr) __rb_ptr = (ptr); __rb_ptr ? rb_entry(__rb_ptr, type, member) : NULL; })
#define rb_parent(r) ((struct rb_node *)((r)->__rb_parent_color & ~3UL))
#define RB_EMPTY_ROOT(root) (READ_ONCE((root)->rb_node) == NULL)
/* A node that lies in no tree says so itself, once it was cleared. */
#define RB_EMPTY_NODE(node) ((node)->__rb_parent_color == (unsigned long)(node))
#define RB_CLEAR_NODE(node) ((node)->__rb_parent_color = (unsigned long)(node))

static inline void rb_link_node(struct rb_node *node, struct rb_node *parent, struct rb_node **link)
{
	node->rb_left = NULL;
	node->rb_right = NULL;
	node->__rb_parent_color = (unsigned long)parent;
	*link = node;
}

#define rb_link_node_rcu(node, parent, link) rb_link_node(node, parent, link)

/* n is found before the body runs, so the body may free pos. */
#define __kmq_rb_after(pos, field) \
	rb_entry_safe(rb_next_postorder(&(pos)->field), typeof(*(pos)), field)
#define rbtree_postorder_for_each_entry_safe(pos, n, root, field) \
	for ((pos) = rb_entry_safe(rb_first_postorder(root), typeof(*(pos)), field); \
	     (pos) ? ((n) = __kmq_rb_after(pos, field), 1) : 0; (pos) = (n))

#define rb_first_cached(root) ((root)->rb_leftmost)

static inline void rb_insert_color_cached(struct rb_node *node, struct rb_root_cached *root,
					  bool leftmost)
{
	if (leftmost)
		root->rb_leftmost = node;
	rb_insert_color(node, &root->rb_root);
}

static inline struct rb_node *rb_erase_cached(struct rb_node *node, struct rb_root_cached *root)
{
	struct rb_node *first = NULL;

	if (root->rb_leftmost == node) {
		first = rb_next(node);
		root->rb_leftmost = first;
	}
	rb_erase(node, &root->rb_root);
	return first;
}

static inline void rb_replace_node_cached(struct rb_node *victim, struct rb_node *node,
					  struct rb_root_cached *root)
{
	if (root->rb_leftmost == victim)
		root->rb_leftmost = node;
	rb_replace_node(victim, node, &root->rb_root);
}

/* Equal ones go behind those that are there. */
static inline void rb_add(struct rb_node *node, struct rb_root *tree,
			  bool (*less)(struct rb_node *, const struct rb_node *))
{
	struct rb_node **at = &tree->rb_node, *above = NULL;

	while (*at) {
		above = *at;
		at = less(node, above) ? &above->rb_left : &above->rb_right;
	}
	rb_link_node(node, above, at);
	rb_insert_color(node, tree);
}

static inline struct rb_node *rb_add_cached(struct rb_node *node, struct rb_root_cached *tree,
					    bool (*less)(struct rb_node *, const struct rb_node *))
{
	struct rb_node **at = &tree->rb_root.rb_node, *above = NULL;
	bool first = true;

	while (*at) {
		above = *at;
		if (less(node, above)) {
			at = &above->rb_left;
		} else {
			at = &above->rb_right;
			first = false;
		}
	}
	rb_link_node(node, above, at);
	rb_insert_color_cached(node, tree, first);
	return first ? node : NULL;
}

/* Return the equal one that is there already; NULL when the node was added. */
static inline struct rb_node *rb_find_add(struct rb_node *node, struct rb_root *tree,
					  int (*cmp)(struct rb_node *, const struct rb_node *))
{
	struct rb_node **at = &tree->rb_node, *above = NULL;

	while (*at) {
		above = *at;
		int order = cmp(node, above);

		if (!order)
			return above;
		at = order < 0 ? &above->rb_left : &above->rb_right;
	}
	rb_link_node(node, above, at);
	rb_insert_color(node, tree);
	return NULL;
}

static inline struct rb_node *rb_find(const void *key, const struct rb_root *tree,
				      int (*cmp)(const void *key, const struct rb_node *))
{
	struct rb_node *at = tree->rb_node;

	while (at) {
		int order = cmp(key, at);

		if (!order)
			return at;
		at = order < 0 ? at->rb_left : at->rb_right;
	}
	return NULL;
}

static inline struct rb_node *rb_find_first(const void *key, const struct rb_root *tree,
					    int (*cmp)(const void *key, const struct rb_node *))
{
	struct rb_node *at = tree->rb_node, *found = NULL;

	while (at) {
		int order = cmp(key, at);

		if (!order)
			found = at;
		at = order <= 0 ? at->rb_left : at->rb_right;
	}
	return found;
}

static inline struct rb_node *rb_next_match(const void *key, struct rb_node *node,
					    int (*cmp)(const void *key, const struct rb_node *))
{
	struct rb_node *after = rb_next(node);

	return after && !cmp(key, after) ? after : NULL;
}

#define rb_for_each(node, key, tree, cmp) \
	for ((node) = rb_find_first((key), (tree), (cmp)); (node); \
	     (node) = rb_next_match((key), (node), (cmp)))

#endif
