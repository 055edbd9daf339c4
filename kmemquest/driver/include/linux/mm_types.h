#ifndef _LINUX_MM_TYPES_H
#define _LINUX_MM_TYPES_H
#include <linux/types.h>
#include <linux/list.h>
#include <linux/gfp_types.h>

/* 64 bytes, as on x86-64; the fields stand for the kernel's, whose unions drivers leave alone. */
struct page {
	unsigned long flags;
	struct list_head lru;
	void *mapping;
	unsigned long index;
	unsigned long private;
	atomic_t _mapcount;
	atomic_t _refcount;
	unsigned long memcg_data;
};

struct page_frag_cache {
	void *va;
	u16 offset;
	u16 size;
	unsigned int pagecnt_bias;
	bool pfmemalloc;
};

struct zone {
	const char *name;
};

typedef unsigned long pgprot_t;
typedef unsigned long vm_flags_t;
typedef unsigned int vm_fault_t;

struct vm_operations_struct;
struct file;

/* One mapping of a process. vm_flags is read-only: vm_flags_set() and vm_flags_clear() change it. */
struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	void *vm_mm;
	pgprot_t vm_page_prot;
	union {
		const vm_flags_t vm_flags;
		vm_flags_t __vm_flags;
	};
	const struct vm_operations_struct *vm_ops;
	unsigned long vm_pgoff;
	struct file *vm_file;
	void *vm_private_data;
};

/* A page fault on its way to the driver. */
struct vm_fault {
	struct vm_area_struct *vma;
	gfp_t gfp_mask;
	unsigned long pgoff;
	unsigned long address;
	unsigned int flags;
	struct page *page;
};

struct vm_operations_struct {
	void (*open)(struct vm_area_struct *area);
	void (*close)(struct vm_area_struct *area);
	vm_fault_t (*fault)(struct vm_fault *vmf);
};

#define VM_FAULT_OOM 0x000001u
#define VM_FAULT_SIGBUS 0x000002u
#define VM_FAULT_SIGSEGV 0x000040u
#define VM_FAULT_NOPAGE 0x000100u
#define VM_FAULT_LOCKED 0x000200u
#define VM_FAULT_RETRY 0x000400u

#define FAULT_FLAG_WRITE 0x01

#endif
