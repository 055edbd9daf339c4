/* Scopes that weaken every allocation made inside them. */
#ifndef _LINUX_SCHED_MM_H
#define _LINUX_SCHED_MM_H
#include <linux/sched.h>
#include <linux/gfp.h>

unsigned int memalloc_noio_save(void);
void memalloc_noio_restore(unsigned int flags);
unsigned int memalloc_nofs_save(void);
void memalloc_nofs_restore(unsigned int flags);
unsigned int memalloc_noreclaim_save(void);
void memalloc_noreclaim_restore(unsigned int flags);
unsigned int memalloc_pin_save(void);
void memalloc_pin_restore(unsigned int flags);
gfp_t current_gfp_context(gfp_t flags);
void might_alloc(gfp_t gfp_mask);

#endif
