// SPDX-License-Identifier: GPL-2.0
/* Sessions have small numbers: an IDR hands them out, a spinlock guards it, nobody sleeps in it. */
#include <linux/module.h>
#include <linux/idr.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

struct session {
	int id;
	u32 peer;
	refcount_t users;
};

static DEFINE_IDR(sessions);
static DEFINE_SPINLOCK(sessions_lock);

int session_open(u32 peer);
int session_peer(int id);
int session_close(int id);
int session_count(void);

static void session_put(struct session *s)
{
	if (refcount_dec_and_test(&s->users))
		kfree(s);
}

static struct session *session_get(int id)
{
	struct session *s;

	spin_lock(&sessions_lock);
	s = idr_find(&sessions, id);
	if (s)
		refcount_inc(&s->users);
	spin_unlock(&sessions_lock);
	return s;
}

int session_open(u32 peer)
{
	struct session *s = kzalloc(sizeof(*s), GFP_KERNEL);
	int id;

	if (!s)
		return -ENOMEM;
	s->peer = peer;
	refcount_set(&s->users, 1);
	idr_preload(GFP_KERNEL);
	spin_lock(&sessions_lock);
	id = idr_alloc_cyclic(&sessions, s, 1, 100, GFP_NOWAIT);
	if (id > 0)
		s->id = id;
	spin_unlock(&sessions_lock);
	idr_preload_end();
	if (id < 0)
		kfree(s);
	return id;
}

int session_peer(int id)
{
	struct session *s = session_get(id);
	int peer;

	if (!s)
		return -ENOENT;
	peer = s->peer;
	session_put(s);
	return peer;
}

int session_close(int id)
{
	struct session *s;

	spin_lock(&sessions_lock);
	s = idr_remove(&sessions, id);
	spin_unlock(&sessions_lock);
	if (!s)
		return -ENOENT;
	session_put(s);
	return 0;
}

int session_count(void)
{
	struct session *s;
	int id, n = 0;

	spin_lock(&sessions_lock);
	idr_for_each_entry(&sessions, s, id)
		n++;
	spin_unlock(&sessions_lock);
	return n;
}

static void sessions_end(void)
{
	struct session *s;
	int id;

	idr_for_each_entry(&sessions, s, id)
		session_put(s);
	idr_destroy(&sessions);
}

static int __init sessions_init(void)
{
	int i, id;

	for (i = 1; i <= 70; i++) {
		id = session_open(1000 + i);
		if (id < 0) {
			sessions_end();
			return id;
		}
	}
	return 0;
}

static void __exit sessions_exit(void)
{
	sessions_end();
}

module_init(sessions_init);
module_exit(sessions_exit);
MODULE_DESCRIPTION("Numbered sessions");
MODULE_LICENSE("GPL");
