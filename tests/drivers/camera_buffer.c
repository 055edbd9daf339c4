/* A first try at a camera driver: one frame buffer for the life of the module. Full of faults. */
#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/init.h>
#include <linux/vmalloc.h>

#define BLOCK_SIZE (640 * 480 * 2) /* one YUYV frame */

static char *frame;

static int __init camera_init(void)
{
	frame = vmalloc(BLOCK_SIZE);
	if (!frame) {
		printk(KERN_ERR "camera: no memory for the frame buffer\n");
		return -ENOMEM;
	}
	printk(KERN_INFO "camera: frame buffer of %lu bytes at %p\n", BLOCK_SIZE, frame);
	return 0;
}

static void __exit camera_exit(void)
{
	vfree(frame);
	printk(KERN_INFO "camera: gave the frame buffer at %p back\n", frame);
}

module_init(camera_init);
module_exit(camera_exit);
