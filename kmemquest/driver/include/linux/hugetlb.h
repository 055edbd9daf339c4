/* Huge pages of user space: drivers meet their sizes, not the pool they come from. */
#ifndef _LINUX_HUGETLB_H
#define _LINUX_HUGETLB_H
#include <linux/mm.h>

#define HPAGE_MASK (~(HPAGE_SIZE - 1))
#define HUGETLB_PAGE_ORDER (HPAGE_SHIFT - PAGE_SHIFT)
#define PMD_ORDER (PMD_SHIFT - PAGE_SHIFT)
#define HPAGE_PMD_ORDER (HPAGE_SHIFT - PAGE_SHIFT)
#define HPAGE_PMD_NR (1 << HPAGE_PMD_ORDER)

static inline bool is_vm_hugetlb_page(struct vm_area_struct *vma)
{
	return !!(vma->vm_flags & 0x00400000);
}

#endif
