/* Annotations and access macros; those that only guide a compiler or sparse vanish here. */
#ifndef _LINUX_COMPILER_H
#define _LINUX_COMPILER_H

#define __user
#define __kernel
#define __iomem
#define __percpu
#define __rcu
#define __force
#define __bitwise
#define __private
#define __acquires(x)
#define __releases(x)
#define __must_hold(x)
#define __read_mostly
#define __ro_after_init
#define __cacheline_aligned __attribute__((aligned(64)))
#define ____cacheline_aligned __attribute__((aligned(64)))
#define ____cacheline_aligned_in_smp __attribute__((aligned(64)))

#define __packed __attribute__((packed))
#define __aligned(x) __attribute__((aligned(x)))
#define __must_check __attribute__((warn_unused_result))
#define __printf(a, b) __attribute__((format(printf, a, b)))
#define __maybe_unused __attribute__((unused))
#define __always_unused __attribute__((unused))
#define __used __attribute__((used))
#define __noreturn __attribute__((noreturn))
#define __alloc_size(...) __attribute__((alloc_size(__VA_ARGS__)))
#define __malloc
#define __cleanup(func) __attribute__((cleanup(func)))
#define __pure
#define __cold
#define __weak
#define __always_inline inline
#define noinline
#define notrace
#define asmlinkage
#define fallthrough __attribute__((fallthrough))

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, val) do { *(volatile typeof(x) *)&(x) = (val); } while (0)

#define barrier() asm volatile("" ::: "memory")
#define OPTIMIZER_HIDE_VAR(var) do { (var) = (var); } while (0)
#define RELOC_HIDE(ptr, off) ((typeof(ptr))((unsigned long)(ptr) + (off)))
#define __stringify_1(x...) #x
#define __stringify(x...) __stringify_1(x)
#define __UNIQUE_ID(prefix) __kmq_unique2(__UNIQUE_ID_##prefix, __COUNTER__)
#define __kmq_unique2(a, b) __kmq_unique3(a, b)
#define __kmq_unique3(a, b) a##b

#endif
