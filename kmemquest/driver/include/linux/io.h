#ifndef _LINUX_IO_H
#define _LINUX_IO_H
#include <linux/types.h>
#include <asm/byteorder.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <asm/barrier.h>

struct device;

void *ioremap(resource_size_t offset, unsigned long size);
void *ioremap_wc(resource_size_t offset, unsigned long size);
void *memremap(resource_size_t offset, size_t size, unsigned long flags);
void memunmap(void *addr);
#define MEMREMAP_WB 1
#define MEMREMAP_WT 2
#define MEMREMAP_WC 4
void iounmap(volatile void *addr);
void *devm_ioremap(struct device *dev, resource_size_t offset, resource_size_t size);

u8 readb(const volatile void *addr);
u16 readw(const volatile void *addr);
u32 readl(const volatile void *addr);
u64 readq(const volatile void *addr);
void writeb(u8 value, volatile void *addr);
void writew(u16 value, volatile void *addr);
void writel(u32 value, volatile void *addr);
void writeq(u64 value, volatile void *addr);
void memcpy_fromio(void *to, const volatile void *from, size_t count);
void memcpy_toio(volatile void *to, const void *from, size_t count);
void memset_io(volatile void *addr, int value, size_t count);

#define readl_relaxed(addr) readl(addr)
#define writel_relaxed(value, addr) writel(value, addr)
#define ioread8(addr) readb(addr)
#define ioread16(addr) readw(addr)
#define ioread32(addr) readl(addr)
#define iowrite8(value, addr) writeb(value, addr)
#define iowrite16(value, addr) writew(value, addr)
#define iowrite32(value, addr) writel(value, addr)

#endif
