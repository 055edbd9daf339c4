#ifndef _LINUX_CPUMASK_H
#define _LINUX_CPUMASK_H
#include <linux/types.h>

unsigned int num_online_cpus(void);
unsigned int num_possible_cpus(void);
extern unsigned int __kmq_nr_cpu_ids(void);
#define nr_cpu_ids __kmq_nr_cpu_ids()

#define for_each_possible_cpu(cpu) for ((cpu) = 0; (cpu) < (int)num_possible_cpus(); (cpu)++)
#define for_each_online_cpu(cpu) for ((cpu) = 0; (cpu) < (int)num_online_cpus(); (cpu)++)

#endif
