// SPDX-License-Identifier: GPL-2.0
/* Requests of a slow disk: a pool keeps some in reserve, so that writing back always goes on. */
#include <linux/module.h>
#include <linux/miscdevice.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mempool.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/uaccess.h>

#define IN_RESERVE 4
#define SERVICE_MS 20

struct request {
	struct list_head queued;
	sector_t sector;
	unsigned int bytes;
	char note[40];
};

static struct kmem_cache *request_cache;
static mempool_t *request_pool;
static LIST_HEAD(waiting);
static DEFINE_SPINLOCK(queue_lock);
static struct timer_list disk;
static unsigned int served;

static void disk_done(struct timer_list *unused)
{
	struct request *rq;

	spin_lock(&queue_lock);
	rq = list_first_entry_or_null(&waiting, struct request, queued);
	if (rq) {
		list_del(&rq->queued);
		served++;
	}
	if (!list_empty(&waiting))
		mod_timer(&disk, jiffies + msecs_to_jiffies(SERVICE_MS));
	spin_unlock(&queue_lock);
	if (rq)
		mempool_free(rq, request_pool);
}

static ssize_t disk_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	struct request *rq = mempool_alloc(request_pool, GFP_NOIO);
	bool idle;

	if (copy_from_user(rq->note, buf, min(count, sizeof(rq->note)))) {
		mempool_free(rq, request_pool);
		return -EFAULT;
	}
	rq->sector = *pos >> 9;
	rq->bytes = count;
	spin_lock_bh(&queue_lock);
	idle = list_empty(&waiting);
	list_add_tail(&rq->queued, &waiting);
	if (idle)
		mod_timer(&disk, jiffies + msecs_to_jiffies(SERVICE_MS));
	spin_unlock_bh(&queue_lock);
	*pos += count;
	return count;
}

static const struct file_operations disk_fops = {
	.owner = THIS_MODULE,
	.write = disk_write,
};

static struct miscdevice disk_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "slowdisk",
	.fops = &disk_fops,
};

static int __init disk_init(void)
{
	int ret = -ENOMEM;

	/* Only the note may be copied from user space: the kernel checks it. */
	request_cache = KMEM_CACHE_USERCOPY(request, SLAB_HWCACHE_ALIGN, note);
	if (!request_cache)
		return -ENOMEM;
	request_pool = mempool_create_slab_pool(IN_RESERVE, request_cache);
	if (!request_pool)
		goto out_cache;
	timer_setup(&disk, disk_done, 0);
	ret = misc_register(&disk_misc);
	if (ret)
		goto out_pool;
	return 0;

out_pool:
	mempool_destroy(request_pool);
out_cache:
	kmem_cache_destroy(request_cache);
	return ret;
}

static void __exit disk_exit(void)
{
	struct request *rq, *next;

	misc_deregister(&disk_misc);
	timer_shutdown_sync(&disk);
	list_for_each_entry_safe(rq, next, &waiting, queued)
		mempool_free(rq, request_pool);
	mempool_destroy(request_pool);
	kmem_cache_destroy(request_cache);
	pr_info("slowdisk: %u requests served\n", served);
}

module_init(disk_init);
module_exit(disk_exit);
MODULE_DESCRIPTION("Request pool of a slow disk");
MODULE_LICENSE("GPL");
