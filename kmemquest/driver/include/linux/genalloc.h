/* An allocator for memory that is not the kernel's own: on-chip SRAM, say. */
#ifndef _LINUX_GENALLOC_H
#define _LINUX_GENALLOC_H
#include <linux/types.h>

struct gen_pool;

struct gen_pool *gen_pool_create(int min_alloc_order, int nid);
int gen_pool_add_virt(struct gen_pool *pool, unsigned long virt, phys_addr_t phys, size_t size, int nid);
void gen_pool_destroy(struct gen_pool *pool);
unsigned long gen_pool_alloc(struct gen_pool *pool, size_t size);
void gen_pool_free(struct gen_pool *pool, unsigned long addr, size_t size);
size_t gen_pool_avail(struct gen_pool *pool);
size_t gen_pool_size(struct gen_pool *pool);
phys_addr_t gen_pool_virt_to_phys(struct gen_pool *pool, unsigned long addr);

#define gen_pool_add(pool, addr, size, nid) gen_pool_add_virt((pool), (addr), (phys_addr_t)-1, (size), (nid))

#endif
