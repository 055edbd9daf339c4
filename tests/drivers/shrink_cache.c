// SPDX-License-Identifier: GPL-2.0
/* Decoded pictures are kept while there is memory; under pressure the oldest go. */
#include <linux/module.h>
#include <linux/list.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#define PICTURE_BYTES 8000

struct picture {
	struct list_head lru;
	unsigned int number;
	u8 *pixels;
};

static LIST_HEAD(pictures);
static DEFINE_SPINLOCK(lock);
static unsigned long kept;
static unsigned long dropped;
static struct shrinker *shrinker;

int picture_decode(unsigned int number);

static void picture_free(struct picture *p)
{
	kfree(p->pixels);
	kfree(p);
}

int picture_decode(unsigned int number)
{
	struct picture *p = kmalloc(sizeof(*p), GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	p->pixels = kmalloc(PICTURE_BYTES, GFP_KERNEL);
	if (!p->pixels) {
		kfree(p);
		return -ENOMEM;
	}
	p->number = number;
	spin_lock(&lock);
	list_add_tail(&p->lru, &pictures);
	kept++;
	spin_unlock(&lock);
	return 0;
}

static unsigned long pictures_count(struct shrinker *s, struct shrink_control *sc)
{
	return kept ? kept : SHRINK_EMPTY;
}

static unsigned long pictures_scan(struct shrinker *s, struct shrink_control *sc)
{
	struct picture *p;
	unsigned long freed = 0;

	while (freed < sc->nr_to_scan) {
		spin_lock(&lock);
		p = list_first_entry_or_null(&pictures, struct picture, lru);
		if (p) {
			list_del(&p->lru);
			kept--;
		}
		spin_unlock(&lock);
		if (!p)
			break;
		picture_free(p);
		freed++;
	}
	dropped += freed;
	return freed ? freed : SHRINK_STOP;
}

static int __init pictures_init(void)
{
	shrinker = shrinker_alloc(0, "pictures");
	if (!shrinker)
		return -ENOMEM;
	shrinker->count_objects = pictures_count;
	shrinker->scan_objects = pictures_scan;
	shrinker->seeks = DEFAULT_SEEKS;
	shrinker_register(shrinker);
	return 0;
}

static void __exit pictures_exit(void)
{
	struct picture *p, *next;

	shrinker_free(shrinker);
	list_for_each_entry_safe(p, next, &pictures, lru)
		picture_free(p);
	pr_info("pictures: pressure took %s\n", dropped ? "some" : "none");
}

module_init(pictures_init);
module_exit(pictures_exit);
MODULE_DESCRIPTION("Cache that gives memory back");
MODULE_LICENSE("GPL");
