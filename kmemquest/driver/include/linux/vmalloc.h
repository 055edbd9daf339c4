#ifndef _LINUX_VMALLOC_H
#define _LINUX_VMALLOC_H
#include <linux/types.h>
#include <linux/compiler.h>
#include <linux/gfp.h>
#include <asm/page.h>
#include <linux/spinlock.h>
#include <linux/list.h>

#define VM_ALLOC 0x2ul
#define VM_MAP 0x4ul
#define VMALLOC_START 0xffffc90000000000UL
#define VMALLOC_END 0xffffe8ffffffffffUL
#define PAGE_KERNEL 0x8000000000000163UL

struct page;
struct vm_area_struct;

void *vmalloc(unsigned long size) __alloc_size(1);
void *vzalloc(unsigned long size) __alloc_size(1);
void *vmalloc_user(unsigned long size) __alloc_size(1);
void *vmalloc_node(unsigned long size, int node) __alloc_size(1);
void *vzalloc_node(unsigned long size, int node) __alloc_size(1);
void *vmalloc_32(unsigned long size) __alloc_size(1);
void *vmalloc_32_user(unsigned long size) __alloc_size(1);
void *vmalloc_huge(unsigned long size, gfp_t gfp_mask) __alloc_size(1);
void *__vmalloc(unsigned long size, gfp_t gfp_mask) __alloc_size(1);
void *vmalloc_array(size_t n, size_t size) __alloc_size(1, 2);
void *vcalloc(size_t n, size_t size) __alloc_size(1, 2);
void vfree(const void *addr);
void vfree_atomic(const void *addr);
void *vmap(struct page **pages, unsigned int count, unsigned long flags, unsigned long prot);
void vunmap(const void *addr);
int remap_vmalloc_range(struct vm_area_struct *vma, void *addr, unsigned long pgoff);
void vm_unmap_aliases(void);
struct page *vmalloc_to_page(const void *addr);
unsigned long vmalloc_to_pfn(const void *addr);
bool is_vmalloc_addr(const void *x);

#endif
