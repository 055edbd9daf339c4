#ifndef _LINUX_DEVICE_H
#define _LINUX_DEVICE_H
#include <linux/types.h>
#include <linux/compiler.h>
#include <linux/dev_printk.h>
#include <linux/list.h>
#include <linux/gfp.h>
#include <linux/err.h>
#include <linux/overflow.h>
#include <linux/ioport.h>
#include <linux/pm.h>
#include <linux/cleanup.h>

struct bus_type;
struct device_driver;
struct module;

struct device {
	struct device *parent;
	const char *init_name;
	const struct bus_type *bus;
	struct device_driver *driver;
	void *platform_data;
	void *driver_data;
	u64 *dma_mask;
	u64 coherent_dma_mask;
	u64 bus_dma_limit;
	unsigned int id;
	int numa_node;
	void (*release)(struct device *dev);
};

struct of_device_id {
	char name[32];
	char type[32];
	char compatible[128];
	const void *data;
};

struct device_driver {
	const char *name;
	const struct bus_type *bus;
	struct module *owner;
	const struct of_device_id *of_match_table;
	const struct dev_pm_ops *pm;
};

const char *dev_name(const struct device *dev);

static inline void *dev_get_drvdata(const struct device *dev)
{
	return dev->driver_data;
}

static inline void dev_set_drvdata(struct device *dev, void *data)
{
	dev->driver_data = data;
}

static inline void *dev_get_platdata(const struct device *dev)
{
	return dev->platform_data;
}

static inline int dev_to_node(const struct device *dev)
{
	return dev->numa_node;
}

void *devm_kmalloc(struct device *dev, size_t size, gfp_t gfp) __alloc_size(2);
void *devm_kzalloc(struct device *dev, size_t size, gfp_t gfp) __alloc_size(2);
void *devm_kmalloc_array(struct device *dev, size_t n, size_t size, gfp_t flags) __alloc_size(2, 3);
void *devm_kcalloc(struct device *dev, size_t n, size_t size, gfp_t flags) __alloc_size(2, 3);
void devm_kfree(struct device *dev, const void *p);
char *devm_kstrdup(struct device *dev, const char *s, gfp_t gfp);
void *devm_kmemdup(struct device *dev, const void *src, size_t len, gfp_t gfp);
char *devm_kasprintf(struct device *dev, gfp_t gfp, const char *fmt, ...) __printf(3, 4);
unsigned long devm_get_free_pages(struct device *dev, gfp_t gfp_mask, unsigned int order);
void devm_free_pages(struct device *dev, unsigned long addr);
int __must_check devm_add_action(struct device *dev, void (*action)(void *data), void *data);
int __must_check devm_add_action_or_reset(struct device *dev, void (*action)(void *data), void *data);

struct class {
	const char *name;
	const void *hooks[11];
};

/* As in 6.12: the module is no argument any more. */
struct class *__must_check class_create(const char *name);
void class_destroy(const struct class *cls);
struct device *device_create(const struct class *cls, struct device *parent, dev_t devt,
			     void *drvdata, const char *fmt, ...) __printf(5, 6);
void device_destroy(const struct class *cls, dev_t devt);
struct device *get_device(struct device *dev);
void put_device(struct device *dev);

DEFINE_FREE(put_device, struct device *, if (_T) put_device(_T))

#endif
