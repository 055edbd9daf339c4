/* Small objects: kmalloc and friends, and caches of one's own. */
#ifndef _LINUX_SLAB_H
#define _LINUX_SLAB_H
#include <asm/page.h>
#include <linux/cache.h>
#include <linux/gfp.h>
#include <linux/overflow.h>
#include <linux/types.h>
#include <linux/cleanup.h>
#include <linux/err.h>

#define SLAB_CONSISTENCY_CHECKS ((slab_flags_t)0x1u)
#define SLAB_RED_ZONE ((slab_flags_t)0x2u)
#define SLAB_POISON ((slab_flags_t)0x4u)
#define SLAB_HWCACHE_ALIGN ((slab_flags_t)0x10u)
#define SLAB_CACHE_DMA ((slab_flags_t)0x20u)
#define SLAB_CACHE_DMA32 ((slab_flags_t)0x40u)
#define SLAB_STORE_USER ((slab_flags_t)0x80u)
#define SLAB_PANIC ((slab_flags_t)0x100u)
#define SLAB_TYPESAFE_BY_RCU ((slab_flags_t)0x200u)
#define SLAB_NOLEAKTRACE ((slab_flags_t)0x800u)
#define SLAB_NO_MERGE ((slab_flags_t)0x1000u)
#define SLAB_ACCOUNT ((slab_flags_t)0x2000u)
#define SLAB_NO_USER_FLAGS ((slab_flags_t)0x4000u)
#define SLAB_RECLAIM_ACCOUNT ((slab_flags_t)0x10000u)

#define ZERO_SIZE_PTR ((void *)16)
#define ZERO_OR_NULL_PTR(x) ((unsigned long)(x) <= (unsigned long)ZERO_SIZE_PTR)

#define ARCH_KMALLOC_MINALIGN 8
#define ARCH_DMA_MINALIGN 8
#define KMALLOC_MIN_SIZE 8
#define KMALLOC_MAX_CACHE_SIZE (1UL << 13)
#define KMALLOC_MAX_SIZE (1UL << 22)
#define KMALLOC_MAX_ORDER 10

struct kmem_cache;

struct kmem_cache_args {
	unsigned int align;
	unsigned int useroffset;
	unsigned int usersize;
	unsigned int freeptr_offset;
	bool use_freeptr_offset;
	void (*ctor)(void *object);
};

void *kmalloc(size_t size, gfp_t flags) __alloc_size(1);
void *kzalloc(size_t size, gfp_t flags) __alloc_size(1);
void *kmalloc_node(size_t size, gfp_t flags, int node) __alloc_size(1);
void *kzalloc_node(size_t size, gfp_t flags, int node) __alloc_size(1);
void *kmalloc_array_node(size_t n, size_t size, gfp_t flags, int node) __alloc_size(1, 2);
void *kcalloc_node(size_t n, size_t size, gfp_t flags, int node) __alloc_size(1, 2);
void *kmalloc_array(size_t n, size_t size, gfp_t flags) __alloc_size(1, 2);
void *kcalloc(size_t n, size_t size, gfp_t flags) __alloc_size(1, 2);
void *krealloc(const void *p, size_t new_size, gfp_t flags) __alloc_size(2);
void *krealloc_array(void *p, size_t new_n, size_t new_size, gfp_t flags) __alloc_size(2, 3);
void kfree(const void *objp);
void kfree_sensitive(const void *objp);
size_t ksize(const void *objp);
size_t kmalloc_size_roundup(size_t size);

void *kvmalloc(size_t size, gfp_t flags) __alloc_size(1);
void *kvzalloc(size_t size, gfp_t flags) __alloc_size(1);
void *kvmalloc_node(size_t size, gfp_t flags, int node) __alloc_size(1);
void *kvzalloc_node(size_t size, gfp_t flags, int node) __alloc_size(1);
void *kvmalloc_array(size_t n, size_t size, gfp_t flags) __alloc_size(1, 2);
void *kvcalloc(size_t n, size_t size, gfp_t flags) __alloc_size(1, 2);
void kvfree(const void *addr);
void kvfree_sensitive(const void *addr, size_t len);

struct kmem_cache *kmem_cache_create(const char *name, unsigned int size, unsigned int align,
				     slab_flags_t flags, void (*ctor)(void *object));
struct kmem_cache *kmem_cache_create_usercopy(const char *name, unsigned int size,
					      unsigned int align, slab_flags_t flags,
					      unsigned int useroffset, unsigned int usersize,
					      void (*ctor)(void *object));
void kmem_cache_destroy(struct kmem_cache *s);
int kmem_cache_shrink(struct kmem_cache *s);
void *kmem_cache_alloc(struct kmem_cache *s, gfp_t flags);
void *kmem_cache_zalloc(struct kmem_cache *s, gfp_t flags);
void *kmem_cache_alloc_node(struct kmem_cache *s, gfp_t flags, int node);
void kmem_cache_free(struct kmem_cache *s, void *objp);
int kmem_cache_alloc_bulk(struct kmem_cache *s, gfp_t flags, size_t nr, void **p);
void kmem_cache_free_bulk(struct kmem_cache *s, size_t nr, void **p);
unsigned int kmem_cache_size(struct kmem_cache *s);

#define KMEM_CACHE_USERCOPY(__struct, __flags, __field) \
	kmem_cache_create_usercopy(#__struct, sizeof(struct __struct), __alignof__(struct __struct), (__flags), \
				   offsetof(struct __struct, __field), sizeof_field(struct __struct, __field), NULL)
#define KMEM_CACHE(__struct, __flags) \
	kmem_cache_create(#__struct, sizeof(struct __struct), __alignof__(struct __struct), (__flags), NULL)

DEFINE_FREE(kfree, void *, if (!IS_ERR_OR_NULL(_T)) kfree(_T))
DEFINE_FREE(kvfree, void *, if (!IS_ERR_OR_NULL(_T)) kvfree(_T))

#endif
