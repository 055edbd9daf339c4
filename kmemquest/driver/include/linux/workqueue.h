#ifndef _LINUX_WORKQUEUE_H
#define _LINUX_WORKQUEUE_H
#include <linux/timer.h>
#include <linux/list.h>
#include <linux/atomic.h>
#include <linux/compiler.h>

struct workqueue_struct;
struct work_struct;
typedef void (*work_func_t)(struct work_struct *work);

struct work_struct {
	atomic_long_t data;
	struct list_head entry;
	work_func_t func;
};

struct delayed_work {
	struct work_struct work;
	struct timer_list timer;
	struct workqueue_struct *wq;
	int cpu;
};

#define WQ_UNBOUND (1 << 1)
#define WQ_FREEZABLE (1 << 2)
#define WQ_MEM_RECLAIM (1 << 3)
#define WQ_HIGHPRI (1 << 4)

void __kmq_init_work(struct work_struct *work, work_func_t func);
void __kmq_init_delayed_work(struct delayed_work *dwork, work_func_t func);
#define INIT_WORK(_work, _func) __kmq_init_work(_work, _func)
#define INIT_DELAYED_WORK(_work, _func) __kmq_init_delayed_work(_work, _func)
#define DECLARE_WORK(n, f) struct work_struct n = { .entry = { &(n).entry, &(n).entry }, .func = f }
#define DECLARE_DELAYED_WORK(n, f) \
	struct delayed_work n = { .work = { .entry = { &(n).work.entry, &(n).work.entry }, .func = f } }
#define to_delayed_work(_work) container_of(_work, struct delayed_work, work)

struct workqueue_struct *__kmq_system_wq(void);
#define system_wq __kmq_system_wq()
#define system_highpri_wq __kmq_system_wq()
#define system_long_wq __kmq_system_wq()
#define system_unbound_wq __kmq_system_wq()

struct workqueue_struct *alloc_workqueue(const char *fmt, unsigned int flags, int max_active, ...) __printf(1, 4);
#define alloc_ordered_workqueue(fmt, flags, ...) alloc_workqueue(fmt, WQ_UNBOUND | (flags), 1, ##__VA_ARGS__)
#define create_workqueue(name) alloc_workqueue("%s", WQ_MEM_RECLAIM, 1, name)
#define create_singlethread_workqueue(name) alloc_ordered_workqueue("%s", WQ_MEM_RECLAIM, name)
void destroy_workqueue(struct workqueue_struct *wq);
bool queue_work(struct workqueue_struct *wq, struct work_struct *work);
bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *dwork, unsigned long delay);
bool mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *dwork, unsigned long delay);
bool flush_work(struct work_struct *work);
bool flush_delayed_work(struct delayed_work *dwork);
bool cancel_work(struct work_struct *work);
bool cancel_work_sync(struct work_struct *work);
bool cancel_delayed_work(struct delayed_work *dwork);
bool cancel_delayed_work_sync(struct delayed_work *dwork);
void flush_workqueue(struct workqueue_struct *wq);
bool work_pending(struct work_struct *work);

#define schedule_work(work) queue_work(system_wq, work)
#define schedule_delayed_work(dwork, delay) queue_delayed_work(system_wq, dwork, delay)

#endif
