/* What every case may use; a case defines mistake(). */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/vmalloc.h>
#include <linux/percpu.h>
#include <linux/mempool.h>
#include <linux/dma-mapping.h>
#include <linux/dmapool.h>
#include <linux/pci.h>
#include <linux/interrupt.h>
#include <linux/hrtimer.h>
#include <linux/timer.h>
#include <linux/kthread.h>
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/sched/mm.h>
#include <linux/shrinker.h>
#include <linux/uaccess.h>
#include <linux/kmemleak.h>

#define say(fmt, ...) pr_info("case: " fmt "\n", ##__VA_ARGS__)
#define hide(x) ({ typeof((x) + 0) hidden = (x); OPTIMIZER_HIDE_VAR(hidden); hidden; })
