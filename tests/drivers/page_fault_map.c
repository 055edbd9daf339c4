// SPDX-License-Identifier: GPL-2.0
/* A sparse log that programs map: a page exists when somebody touches it first. */
#include <linux/module.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#define PAGES 8

static struct page *pages[PAGES];
static DEFINE_MUTEX(lock);
static int maps;

static vm_fault_t log_fault(struct vm_fault *vmf)
{
	struct page *page;

	if (vmf->pgoff >= PAGES)
		return VM_FAULT_SIGBUS;
	mutex_lock(&lock);
	page = pages[vmf->pgoff];
	if (!page) {
		page = alloc_page(GFP_KERNEL | __GFP_ZERO);
		pages[vmf->pgoff] = page;
	}
	mutex_unlock(&lock);
	if (!page)
		return VM_FAULT_OOM;
	get_page(page);
	vmf->page = page;
	return 0;
}

static void log_open(struct vm_area_struct *vma)
{
	maps++;
}

static void log_close(struct vm_area_struct *vma)
{
	maps--;
}

static const struct vm_operations_struct log_vm_ops = {
	.open = log_open,
	.close = log_close,
	.fault = log_fault,
};

static int log_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &log_vm_ops;
	vm_flags_set(vma, VM_DONTEXPAND);
	log_open(vma);
	return 0;
}

static const struct file_operations log_fops = {
	.owner = THIS_MODULE,
	.mmap = log_mmap,
};

static struct miscdevice log_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "sparselog",
	.fops = &log_fops,
};

static int __init log_init(void)
{
	return misc_register(&log_misc);
}

static void __exit log_exit(void)
{
	unsigned int i, present = 0;

	misc_deregister(&log_misc);
	for (i = 0; i < PAGES; i++) {
		if (!pages[i])
			continue;
		present++;
		put_page(pages[i]);
	}
	pr_info("sparselog: %u of %u pages, %d maps\n", present, PAGES, maps);
}

module_init(log_init);
module_exit(log_exit);
MODULE_DESCRIPTION("Pages on demand");
MODULE_LICENSE("GPL");
