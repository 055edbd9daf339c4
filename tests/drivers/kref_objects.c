// SPDX-License-Identifier: GPL-2.0
/* Sessions that live as long as anybody holds them: the table, and every open file. */
#include <linux/module.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/slab.h>

struct session {
	struct kref ref;
	struct list_head list;
	unsigned int id;
	char *scratch;
};

static LIST_HEAD(sessions);
static DEFINE_MUTEX(table);
static unsigned int last_id;

static void session_free(struct kref *ref)
{
	struct session *s = container_of(ref, struct session, ref);

	pr_info("session %u ends\n", s->id);
	kfree(s->scratch);
	kfree(s);
}

static struct session *session_new(void)
{
	struct session *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return NULL;
	s->scratch = kmalloc(128, GFP_KERNEL);
	if (!s->scratch) {
		kfree(s);
		return NULL;
	}
	kref_init(&s->ref); /* the table's reference */
	s->id = ++last_id;
	list_add(&s->list, &sessions);
	return s;
}

static int session_open(struct inode *inode, struct file *file)
{
	struct session *s;

	mutex_lock(&table);
	s = list_first_entry_or_null(&sessions, struct session, list);
	if (!s)
		s = session_new();
	if (s)
		kref_get(&s->ref);
	mutex_unlock(&table);
	file->private_data = s;
	return s ? 0 : -ENOMEM;
}

static int session_release(struct inode *inode, struct file *file)
{
	struct session *s = file->private_data;

	kref_put(&s->ref, session_free);
	return 0;
}

static void forget_sessions(void)
{
	struct session *s, *next;

	mutex_lock(&table);
	list_for_each_entry_safe(s, next, &sessions, list) {
		list_del_init(&s->list);
		kref_put(&s->ref, session_free);
	}
	mutex_unlock(&table);
}

static long session_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct session *s = file->private_data;

	if (cmd == 0)
		return s->id;
	if (cmd == 1) {
		forget_sessions();
		return 0;
	}
	return -ENOTTY;
}

static const struct file_operations session_fops = {
	.owner = THIS_MODULE,
	.open = session_open,
	.release = session_release,
	.unlocked_ioctl = session_ioctl,
};

static struct miscdevice session_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "session",
	.fops = &session_fops,
};

static int __init session_init(void)
{
	return misc_register(&session_misc);
}

static void __exit session_exit(void)
{
	misc_deregister(&session_misc);
	forget_sessions();
}

module_init(session_init);
module_exit(session_exit);
MODULE_DESCRIPTION("Counted sessions");
MODULE_LICENSE("GPL");
