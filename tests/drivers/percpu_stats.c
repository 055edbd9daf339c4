// SPDX-License-Identifier: GPL-2.0
/* Counters without a lock: every CPU has its own, a reader adds them up. */
#include <linux/module.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/sprintf.h>

struct port_stats {
	u64 packets;
	u64 bytes;
	u32 drops;
};

static struct port_stats __percpu *stats;
static DEFINE_PER_CPU(unsigned long, interrupts);

void port_receive(u32 length);

void port_receive(u32 length)
{
	struct port_stats *s = this_cpu_ptr(stats);

	if (length > 1518) {
		s->drops++;
		return;
	}
	s->packets++;
	s->bytes += length;
	this_cpu_inc(interrupts);
}

static ssize_t stats_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct port_stats sum = { 0 };
	char text[96];
	int cpu, length;

	for_each_possible_cpu(cpu) {
		const struct port_stats *s = per_cpu_ptr(stats, cpu);

		sum.packets += s->packets;
		sum.bytes += s->bytes;
		sum.drops += s->drops;
	}
	length = scnprintf(text, sizeof(text), "%llu packets, %llu bytes, %u drops\n", sum.packets,
			   sum.bytes, sum.drops);
	return simple_read_from_buffer(buf, count, pos, text, length);
}

static const struct file_operations stats_fops = {
	.owner = THIS_MODULE,
	.read = stats_read,
	.llseek = default_llseek,
};

static struct miscdevice stats_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "portstats",
	.fops = &stats_fops,
};

static int __init stats_init(void)
{
	int ret;

	stats = alloc_percpu(struct port_stats);
	if (!stats)
		return -ENOMEM;
	ret = misc_register(&stats_misc);
	if (ret)
		free_percpu(stats);
	return ret;
}

static void __exit stats_exit(void)
{
	misc_deregister(&stats_misc);
	free_percpu(stats);
}

module_init(stats_init);
module_exit(stats_exit);
MODULE_DESCRIPTION("Statistics per CPU");
MODULE_LICENSE("GPL");
