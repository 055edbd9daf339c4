// SPDX-License-Identifier: GPL-2.0
/* A picture in vmalloc memory that programs map and paint into; reading gives one line. */
#include <linux/module.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#define WIDTH 64
#define HEIGHT 48
#define STRIDE (WIDTH * 4)
#define FB_BYTES (STRIDE * HEIGHT)

static u8 *screen;
static unsigned int users;

static int fb_open(struct inode *inode, struct file *file)
{
	users++;
	return 0;
}

static int fb_release(struct inode *inode, struct file *file)
{
	users--;
	pr_info("fb: %u users left\n", users);
	return 0;
}

static int fb_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (vma->vm_end - vma->vm_start > PAGE_ALIGN(FB_BYTES))
		return -EINVAL;
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	return remap_vmalloc_range(vma, screen, vma->vm_pgoff);
}

static ssize_t fb_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	return simple_read_from_buffer(buf, count, pos, screen, FB_BYTES);
}

static loff_t fb_llseek(struct file *file, loff_t offset, int whence)
{
	return fixed_size_llseek(file, offset, whence, FB_BYTES);
}

static const struct file_operations fb_fops = {
	.owner = THIS_MODULE,
	.open = fb_open,
	.release = fb_release,
	.read = fb_read,
	.llseek = fb_llseek,
	.mmap = fb_mmap,
};

static struct miscdevice fb_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "fb",
	.fops = &fb_fops,
};

static int __init fb_init(void)
{
	int ret;

	screen = vmalloc_user(FB_BYTES);
	if (!screen)
		return -ENOMEM;
	ret = misc_register(&fb_misc);
	if (ret)
		vfree(screen);
	return ret;
}

static void __exit fb_exit(void)
{
	misc_deregister(&fb_misc);
	vfree(screen);
}

module_init(fb_init);
module_exit(fb_exit);
MODULE_DESCRIPTION("Picture that programs map");
MODULE_LICENSE("GPL");
