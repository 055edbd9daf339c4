/* The configuration that is simulated: a distribution's x86-64 kernel. */
#ifndef _LINUX_KCONFIG_H
#define _LINUX_KCONFIG_H

#define CONFIG_X86 1
#define CONFIG_X86_64 1
#define CONFIG_MMU 1
#define CONFIG_SMP 1
#define CONFIG_MODULES 1
#define CONFIG_PCI 1
#define CONFIG_PRINTK 1
#define CONFIG_SLUB 1
#define CONFIG_ZONE_DMA 1
#define CONFIG_ZONE_DMA32 1
#define CONFIG_NUMA 1
#define CONFIG_HAS_DMA 1
#define CONFIG_SWIOTLB 1
#define CONFIG_HZ 250
#define CONFIG_PHYS_ADDR_T_64BIT 1
#define CONFIG_ARCH_DMA_ADDR_T_64BIT 1

#define __kmq_arg_1 0,
#define __kmq_second(ignored, value, ...) value
#define __kmq_defined3(arg) __kmq_second(arg 1, 0)
#define __kmq_defined2(value) __kmq_defined3(__kmq_arg_##value)
#define __kmq_defined(x) __kmq_defined2(x)
#define IS_BUILTIN(option) __kmq_defined(option)
#define IS_MODULE(option) __kmq_defined(option##_MODULE)
#define IS_ENABLED(option) (IS_BUILTIN(option) || IS_MODULE(option))
#define IS_REACHABLE(option) IS_ENABLED(option)

#endif
