// SPDX-License-Identifier: GPL-2.0
/* Faulty: pages that a program has mapped by frame number are freed under its feet. */
#include <linux/module.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>

static unsigned long board;
static unsigned long victim;

static int board_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long size = vma->vm_end - vma->vm_start;

	/* The size is not looked at either: a program gets whatever lies behind. */
	return remap_pfn_range(vma, vma->vm_start, virt_to_phys((void *)board) >> PAGE_SHIFT, size,
			       vma->vm_page_prot);
}

static long board_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	if (cmd == 1) {
		free_page(board);
		board = 0;
		return 0;
	}
	if (cmd == 2) {
		victim = get_zeroed_page(GFP_KERNEL);
		return victim ? 0 : -ENOMEM;
	}
	if (cmd == 3)
		return *(u8 *)victim;
	return -ENOTTY;
}

static const struct file_operations board_fops = {
	.owner = THIS_MODULE,
	.mmap = board_mmap,
	.unlocked_ioctl = board_ioctl,
};

static struct miscdevice board_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "sharedboard",
	.fops = &board_fops,
};

static int __init board_init(void)
{
	board = get_zeroed_page(GFP_KERNEL);
	if (!board)
		return -ENOMEM;
	return misc_register(&board_misc);
}

static void __exit board_exit(void)
{
	misc_deregister(&board_misc);
	free_page(board);
	free_page(victim);
}

module_init(board_init);
module_exit(board_exit);
MODULE_DESCRIPTION("Board that is freed while mapped");
MODULE_LICENSE("GPL");
