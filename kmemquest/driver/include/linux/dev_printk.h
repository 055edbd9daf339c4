#ifndef _LINUX_DEV_PRINTK_H
#define _LINUX_DEV_PRINTK_H
#include <linux/compiler.h>
#include <linux/printk.h>

struct device;

#ifndef dev_fmt
#define dev_fmt(fmt) fmt
#endif

int _dev_printk(const char *level, const struct device *dev, const char *fmt, ...) __printf(3, 4);
int dev_err_probe(const struct device *dev, int err, const char *fmt, ...) __printf(3, 4);

#define dev_emerg(dev, fmt, ...) _dev_printk(KERN_EMERG, dev, dev_fmt(fmt), ##__VA_ARGS__)
#define dev_crit(dev, fmt, ...) _dev_printk(KERN_CRIT, dev, dev_fmt(fmt), ##__VA_ARGS__)
#define dev_err(dev, fmt, ...) _dev_printk(KERN_ERR, dev, dev_fmt(fmt), ##__VA_ARGS__)
#define dev_warn(dev, fmt, ...) _dev_printk(KERN_WARNING, dev, dev_fmt(fmt), ##__VA_ARGS__)
#define dev_notice(dev, fmt, ...) _dev_printk(KERN_NOTICE, dev, dev_fmt(fmt), ##__VA_ARGS__)
#define dev_info(dev, fmt, ...) _dev_printk(KERN_INFO, dev, dev_fmt(fmt), ##__VA_ARGS__)
#ifdef DEBUG
#define dev_dbg(dev, fmt, ...) _dev_printk(KERN_DEBUG, dev, dev_fmt(fmt), ##__VA_ARGS__)
#else
#define dev_dbg(dev, fmt, ...) \
	do { if (0) _dev_printk(KERN_DEBUG, dev, dev_fmt(fmt), ##__VA_ARGS__); } while (0)
#endif
#define dev_err_ratelimited(dev, fmt, ...) do { \
	static struct ratelimit_state __limit = RATELIMIT_STATE_DEFAULT; \
	if (___ratelimit(&__limit, __func__)) dev_err(dev, fmt, ##__VA_ARGS__); } while (0)
#define dev_warn_ratelimited(dev, fmt, ...) do { \
	static struct ratelimit_state __limit = RATELIMIT_STATE_DEFAULT; \
	if (___ratelimit(&__limit, __func__)) dev_warn(dev, fmt, ##__VA_ARGS__); } while (0)

#endif
