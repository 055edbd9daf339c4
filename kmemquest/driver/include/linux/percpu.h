#ifndef _LINUX_PERCPU_H
#define _LINUX_PERCPU_H
#include <linux/types.h>
#include <linux/compiler.h>
#include <linux/gfp.h>
#include <linux/smp.h>
#include <linux/cleanup.h>

#define PCPU_MIN_UNIT_SIZE (32UL << 10)
#define PERCPU_MODULE_RESERVE (8UL << 10)
#define PCPU_MIN_ALLOC_SIZE 4

void *__alloc_percpu(size_t size, size_t align);
void *__alloc_percpu_gfp(size_t size, size_t align, gfp_t gfp);
void free_percpu(void *pdata);
void *__kmq_per_cpu_ptr(const volatile void *ptr, int cpu);

#define alloc_percpu(type) \
	((typeof(type) *)__alloc_percpu(sizeof(type), __alignof__(type)))
#define alloc_percpu_gfp(type, gfp) \
	((typeof(type) *)__alloc_percpu_gfp(sizeof(type), __alignof__(type), gfp))

#define per_cpu_ptr(ptr, cpu) ((typeof(ptr))__kmq_per_cpu_ptr((ptr), (cpu)))
#define this_cpu_ptr(ptr) per_cpu_ptr(ptr, smp_processor_id())
#define raw_cpu_ptr(ptr) this_cpu_ptr(ptr)
#define get_cpu_ptr(ptr) ({ preempt_disable(); this_cpu_ptr(ptr); })
#define put_cpu_ptr(ptr) do { (void)(ptr); preempt_enable(); } while (0)

#define this_cpu_read(pcp) (*this_cpu_ptr(&(pcp)))
#define this_cpu_write(pcp, val) do { *this_cpu_ptr(&(pcp)) = (val); } while (0)
#define this_cpu_add(pcp, val) do { *this_cpu_ptr(&(pcp)) += (val); } while (0)
#define this_cpu_sub(pcp, val) this_cpu_add(pcp, -(val))
#define this_cpu_inc(pcp) this_cpu_add(pcp, 1)
#define this_cpu_dec(pcp) this_cpu_add(pcp, -1)
#define __this_cpu_add(pcp, val) this_cpu_add(pcp, val)
#define __this_cpu_sub(pcp, val) this_cpu_sub(pcp, val)
#define __this_cpu_inc(pcp) this_cpu_inc(pcp)
#define __this_cpu_dec(pcp) this_cpu_dec(pcp)

/* Every possible CPU has its own copy of a static per-CPU variable. */
#define DEFINE_PER_CPU(type, name) typeof(type) name __attribute__((section(".data..percpu")))
#define DECLARE_PER_CPU(type, name) extern typeof(type) name
#define per_cpu(var, cpu) (*per_cpu_ptr(&(var), cpu))
#define get_cpu_var(var) (*({ preempt_disable(); this_cpu_ptr(&(var)); }))
#define put_cpu_var(var) do { (void)&(var); preempt_enable(); } while (0)

DEFINE_FREE(free_percpu, void __percpu *, free_percpu(_T))

#endif
