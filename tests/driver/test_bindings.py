"""Each family of kernel functions, called from C on a booted machine."""

from __future__ import annotations

from kmemquest.driver.build import build
from kmemquest.kernel.events import CopiedToUser, Event, ObjectFreed, Report, SleptInAtomic
from kmemquest.kernel.machine import Fate
from tests.driver.kernel_module import HEAD, engine_for, log_of, value_of

PROBE = "long probe(void);\nlong probe(void) {\n"


def probe(body: str, checkers: str = "production") -> int:
    return value_of(PROBE + body + "\n}\n", checkers)


def watched(body: str, checkers: str = "production") -> tuple[int, list[Event], Fate]:
    engine = engine_for(body, checkers)
    seen: list[Event] = []
    engine.machine.events.subscribe(seen.append)
    result = engine.call("probe")
    return result, seen, engine.machine.fate


def kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events if isinstance(event, Report)]


# --- slab ---------------------------------------------------------------------------------


def test_kmalloc_family_and_sizes() -> None:
    assert probe("void *p = kmalloc(90, GFP_KERNEL); long n = ksize(p); kfree(p); return n;") == 96
    assert probe("return (long)kmalloc(0, GFP_KERNEL);") == 16
    assert probe("return (long)kmalloc_array(1UL << 40, 1UL << 40, GFP_KERNEL);") == 0
    body = "u8 *p = kcalloc(4, 8, GFP_KERNEL); long s = 0; for (int i = 0; i < 32; i++) s += p[i];"
    assert probe(body + " kfree(p); return s;") == 0


def test_krealloc_keeps_contents() -> None:
    body = 'char *p = kmalloc(8, GFP_KERNEL); strscpy(p, "abcdefg", 8);'
    body += (
        ' p = krealloc(p, 500, GFP_KERNEL); return strcmp(p, "abcdefg") == 0 && ksize(p) == 512;'
    )
    assert probe(body) == 1


def test_caches_and_constructor() -> None:
    engine = engine_for(
        "struct thing { int a, b; };\nstatic struct kmem_cache *c;\n"
        + PROBE
        + 'c = kmem_cache_create("things", sizeof(struct thing), 0, 0, NULL);\n'
        "struct thing *t = kmem_cache_zalloc(c, GFP_KERNEL); long sum = t->a + t->b;\n"
        "kmem_cache_free(c, t); kmem_cache_destroy(c); return sum; }"
    )
    assert engine.call("probe") == 0
    assert engine.machine.checks.ledger.live() == ()


def test_destroying_a_cache_waits_for_what_kfree_rcu_has_in_flight() -> None:
    body = "struct thing { struct rcu_head rcu; int n; };\n" + PROBE
    body += 'struct kmem_cache *c = kmem_cache_create("things", sizeof(struct thing), 0, 0, NULL);'
    body += " struct thing *t = kmem_cache_alloc(c, GFP_KERNEL); kfree_rcu(t, rcu);"
    result, seen, _ = watched(body + " kmem_cache_destroy(c); return 1; }")
    assert (result, kinds(seen)) == (1, [])


def test_kvfree_rcu_takes_any_memory_whose_head_lies_in_the_first_page() -> None:
    body = "struct big { struct rcu_head rcu; char room[70000]; };\n" + PROBE
    body += "struct big *p = vmalloc(sizeof(*p)); kvfree_rcu(p, rcu); "
    result, seen, _ = watched(body + "synchronize_rcu(); return 1; }")
    assert (result, kinds(seen)) == (1, [])
    engine = engine_for(body + "synchronize_rcu(); kvfree_rcu_mightsleep(vmalloc(9)); return 1; }")
    engine.call("probe")
    assert engine.machine.checks.ledger.live() == ()
    late = "struct big { char room[4096]; struct rcu_head rcu; };\n" + PROBE
    built = build(HEAD + late + "struct big *p = NULL; kfree_rcu(p, rcu); return 0; }\n", "late.c")
    assert any("BUILD_BUG_ON" in each.message for each in built.diagnostics)


def test_ledger_follows_allocations() -> None:
    engine = engine_for(
        PROBE + "kfree(kmalloc(10, GFP_KERNEL)); return !kmalloc(333, GFP_KERNEL); }"
    )
    engine.call("probe")
    holding = engine.machine.checks.ledger.live()[0]
    assert (holding.kind, holding.size, holding.function) == ("kmalloc", 333, "kmalloc")
    assert holding.site is not None
    assert holding.site.function == "probe"


# --- pages, vmalloc -----------------------------------------------------------------------


def test_pages_and_their_names() -> None:
    body = "struct page *p = alloc_pages(GFP_KERNEL, 2); void *v = page_address(p);"
    body += " long ok = virt_to_page(v) == p && page_to_pfn(p) == virt_to_pfn(v)"
    body += " && page_to_phys(p) == virt_to_phys(v) && page_count(p) == 1 && !((long)v & 0x3fff);"
    body += " __free_pages(p, 2); return ok;"
    assert probe(body) == 1
    body = "unsigned long a = __get_free_pages(GFP_KERNEL, 3); long ok = a && !(a & 0x7fff);"
    assert probe(body + " free_pages(a, 3); return ok;") == 1
    assert probe("return get_order(8193);") == 2


def test_vmalloc_is_virtually_contiguous() -> None:
    body = "char *v = vzalloc(40000); v[39999] = 7; long ok = is_vmalloc_addr(v) && v[0] == 0"
    body += " && vmalloc_to_page(v) != NULL; vfree(v); return ok;"
    assert probe(body) == 1
    assert probe("void *p = kvmalloc(2048, GFP_KERNEL); return is_vmalloc_addr(p);") == 0


# --- mempool, percpu, scopes --------------------------------------------------------------


def test_mempool_keeps_its_reserve() -> None:
    body = (
        "mempool_t *p = mempool_create_kmalloc_pool(4, 64); long n = p->curr_nr * 10 + p->min_nr;"
    )
    body += " void *e = mempool_alloc(p, GFP_KERNEL); mempool_free(e, p); mempool_destroy(p);"
    assert probe(body + " return n;") == 44


def test_percpu_has_a_copy() -> None:
    body = "int __percpu *c = alloc_percpu(int); *per_cpu_ptr(c, 0) = 41; (*this_cpu_ptr(c))++;"
    assert probe(body + " long n = *per_cpu_ptr(c, 0); free_percpu(c); return n;") == 42


def test_scopes_nest() -> None:
    body = "unsigned a = memalloc_noio_save(), b = memalloc_noio_save(); memalloc_noio_restore(b);"
    body += " long inside = current_gfp_context(GFP_KERNEL); memalloc_noio_restore(a);"
    body += " return inside * 0x10000 + current_gfp_context(GFP_KERNEL);"
    assert probe(body) == 0xC00 * 0x10000 + 0xCC0


def test_a_scope_ends_with_what_was_saved_whoever_restores() -> None:
    body = "unsigned a = memalloc_nofs_save(); memalloc_noio_restore(a);"
    assert probe(body + " return current_gfp_context(GFP_KERNEL);") == 0xCC0


# --- strings, user space ------------------------------------------------------------------


def test_strings() -> None:
    body = 'char b[8]; long n = strscpy(b, "too long for it"); return n * 100 + strlen(b);'
    assert probe(body) == -7 * 100 + 7
    assert probe('int v; return kstrtoint("-12\\n", 10, &v) ? 1 : v;') == -12
    assert probe('int v; return kstrtoint("12x", 10, &v);') == -22
    assert probe('u8 v; return kstrtou8("256", 0, &v);') == -34
    assert probe('char *e; return memparse("64K", &e);') == 65536
    body = 'char *p = kasprintf(GFP_KERNEL, "%d-%s", 7, "x"); long n = strcmp(p, "7-x"); kfree(p);'
    assert probe(body + " return n;") == 0


def test_copy_to_user_counts_stale_bytes() -> None:
    engine = engine_for(
        "long probe(unsigned long to);\nlong probe(unsigned long to) {\n"
        "char *p = kmalloc(64, GFP_KERNEL); memset(p, 1, 16);\n"
        "return copy_to_user((void __user *)to, p, 64); }"
    )
    from kmemquest.driver.user_process import UserProcess

    seen: list[Event] = []
    engine.machine.events.subscribe(seen.append)
    user = UserProcess("cat", 200, 0)
    address = user.provide(engine.machine, 64)
    assert engine.call("probe", address) == 0
    copied = [event for event in seen if isinstance(event, CopiedToUser)]
    assert [(event.size, event.source != 0) for event in copied] == [(64, True)]
    assert user.look(engine.machine, 16) == b"\1" * 16


def test_copy_to_a_bad_user_address_fails() -> None:
    body = "char c = 1; return copy_to_user((void __user *)0x1000, &c, 1);"
    assert probe(body) == 1


def test_usercopy_beyond_an_object_is_a_bug() -> None:
    body = PROBE + "char *p = kmalloc(64, GFP_KERNEL); size_t n = 128; OPTIMIZER_HIDE_VAR(p);"
    body += " return copy_to_user((void __user *)0x7f0000000000UL, p, n); }"
    _, seen, fate = watched(body)
    assert "usercopy" in kinds(seen)
    assert fate is Fate.TASK_KILLED


# --- locks and contexts -------------------------------------------------------------------


def test_sleeping_under_a_spinlock_is_noticed() -> None:
    body = "static DEFINE_SPINLOCK(lock);\n" + PROBE
    body += "spin_lock(&lock); void *p = kmalloc(8, GFP_KERNEL); spin_unlock(&lock);"
    body += " kfree(p); return p != NULL; }"
    result, seen, _ = watched(body, "debug")
    assert result == 1
    assert any(isinstance(event, SleptInAtomic) for event in seen)
    reports = [event for event in seen if isinstance(event, Report)]
    assert reports[0].headline == (
        "BUG: sleeping function called from invalid context at include/linux/sched/mm.h:321"
    )


def test_atomic_allocation_under_a_spinlock_is_fine() -> None:
    body = "static DEFINE_SPINLOCK(lock);\n" + PROBE + "unsigned long flags;"
    body += " spin_lock_irqsave(&lock, flags); void *p = kmalloc(8, GFP_ATOMIC);"
    body += " long off = irqs_disabled(); spin_unlock_irqrestore(&lock, flags);"
    body += " kfree(p); return off * 10 + irqs_disabled(); }"
    result, seen, _ = watched(body, "debug")
    assert result == 10
    assert kinds(seen) == []


def test_taking_a_spinlock_twice_never_returns() -> None:
    body = (
        "static DEFINE_SPINLOCK(lock);\n"
        + PROBE
        + "spin_lock(&lock); spin_lock(&lock); return 1; }"
    )
    result, seen, fate = watched(body)
    assert (result, kinds(seen), fate) == (0, ["deadlock"], Fate.CPU_HANGS)


def test_rcu_reader_must_not_sleep() -> None:
    body = PROBE + "rcu_read_lock(); void *p = kmalloc(8, GFP_KERNEL); rcu_read_unlock();"
    _, seen, _ = watched(body + " kfree(p); return 0; }", "debug")
    assert kinds(seen) == ["sleep-in-atomic"]


READER = "static struct { struct rcu_head rcu; } *thing;\n" + PROBE
READER += "thing = kzalloc(sizeof(*thing), GFP_KERNEL); rcu_read_lock(); kfree_rcu(thing, rcu);"


def test_a_reader_that_waits_for_the_readers_waits_for_itself() -> None:
    body = READER + " synchronize_rcu(); rcu_read_unlock(); return 1; }"
    result, seen, fate = watched(body)
    assert (result, fate) == (0, Fate.TASK_HANGS)
    told = [event.headline for event in seen if isinstance(event, Report) and event.spoken]
    assert told[0].startswith("Voluntary context switch within RCU read-side critical section!")
    assert "blocked for more than 120 seconds" in told[1]
    assert not any(isinstance(event, ObjectFreed) for event in seen), "no grace period ended"
    _, seen, _ = watched(body, "debug")
    told = [event.headline for event in seen if isinstance(event, Report) and event.spoken]
    assert told[0] == "WARNING: suspicious RCU usage"
    assert "sleeping function called from invalid context at kernel/rcu/tree.c" in told[1]


def test_a_grace_period_under_a_spinlock_schedules_while_atomic_and_ends() -> None:
    body = "static DEFINE_SPINLOCK(lock);\n" + PROBE
    body += "spin_lock(&lock); synchronize_rcu(); spin_unlock(&lock); return 1; }"
    result, seen, _ = watched(body)
    assert result == 1
    assert "scheduling-while-atomic" in kinds(seen)


def test_rcu_barrier_waits_only_for_callbacks() -> None:
    without = PROBE + "rcu_read_lock(); rcu_barrier(); rcu_read_unlock(); return 1; }"
    assert value_of(without) == 1
    result, _, fate = watched(READER + " rcu_barrier(); rcu_read_unlock(); return 1; }")
    assert (result, fate) == (0, Fate.TASK_HANGS)


def test_msleep_in_atomic_context_cannot_schedule() -> None:
    body = "static DEFINE_SPINLOCK(lock);\n" + PROBE
    body += "spin_lock(&lock); msleep(10); spin_unlock(&lock); return 0; }"
    _, seen, _ = watched(body)
    assert "scheduling-while-atomic" in kinds(seen)


# --- time, work, waiting ------------------------------------------------------------------


def test_work_timer_and_completion() -> None:
    body = (
        "static DECLARE_COMPLETION(done);\nstatic struct timer_list timer;\nstatic int in_work;\n"
        "static void fire(struct timer_list *t) { in_work = in_softirq() ? 1 : 2; }\n"
        "static void run(struct work_struct *w)\n"
        "{ in_work += in_task() ? 10 : 20; complete(&done); }\n"
        "static DECLARE_WORK(work, run);\n"
    )
    body += PROBE + "timer_setup(&timer, fire, 0); mod_timer(&timer, jiffies + 5); msleep(40);"
    body += " schedule_work(&work); wait_for_completion(&done); return in_work; }"
    assert value_of(body) == 11


def test_a_work_item_that_sleeps_does_not_run_a_second_time_beside_itself() -> None:
    body = (
        "static int inside, most, turns;\nstatic void run(struct work_struct *w);\n"
        "static DECLARE_WORK(work, run);\n"
        "static void fire(struct timer_list *t) { schedule_work(&work); }\n"
        "static DEFINE_TIMER(timer, fire);\n"
        "static void run(struct work_struct *w)\n"
        "{ if (++inside > most) most = inside;\n"
        " if (turns++ < 2) mod_timer(&timer, jiffies + 2); msleep(30); inside--; }\n"
    )
    body += PROBE + "schedule_work(&work); msleep(200); return most * 10 + turns; }"
    assert value_of(body) == 13


def test_waiting_for_what_never_comes_hangs() -> None:
    body = "static DECLARE_COMPLETION(done);\n" + PROBE + "wait_for_completion(&done); return 1; }"
    result, seen, fate = watched(body)
    assert (result, fate) == (0, Fate.TASK_HANGS)
    (report,) = (event for event in seen if isinstance(event, Report))
    assert report.kind == "hung-task", "the wait is uninterruptible: khungtaskd finds it"
    assert report.headline.endswith("blocked for more than 120 seconds.")
    body = body.replace("wait_for_completion(", "(void)!wait_for_completion_interruptible(")
    assert kinds(watched(body)[1]) == ["task-hangs"], "a signal could wake it: nothing is printed"


def test_kthread_runs_when_the_parent_sleeps() -> None:
    body = "static int turns;\nstatic int thread(void *d) { while (!kthread_should_stop()) turns++;"
    body += " return 0; }\n" + PROBE
    body += 'struct task_struct *t = kthread_run(thread, NULL, "worker/%d", 0);'
    # Time slices of 100 turns: at once, after the tick, and what is left until it looks again.
    assert value_of(body + " msleep(5); kthread_stop(t); return turns; }") == 302


# --- checks -------------------------------------------------------------------------------


def test_warn_bug_and_refcount() -> None:
    body = "static refcount_t r = REFCOUNT_INIT(1);\n" + PROBE
    body += 'long hit = WARN_ON(1) + WARN(0, "no"); for (int i = 0; i < 3; i++) WARN_ON_ONCE(1);'
    body += " if (refcount_dec_and_test(&r)) hit += 10; if (refcount_dec_and_test(&r)) hit += 100;"
    result, seen, _ = watched(body + " return hit; }")
    assert result == 11
    assert kinds(seen) == ["warning", "warning", "refcount"]
    _, seen, fate = watched(PROBE + "BUG_ON(1 == 1); return 5; }")
    assert (kinds(seen), fate) == (["kernel-bug"], Fate.TASK_KILLED)


def test_list_corruption_is_refused() -> None:
    body = "static LIST_HEAD(head);\nstruct item { struct list_head list; };\n" + PROBE
    body += "struct item *i = kzalloc(sizeof(*i), GFP_KERNEL); list_add(&i->list, &head);"
    body += " list_del(&i->list); list_del(&i->list); kfree(i); return list_empty(&head); }"
    result, seen, _ = watched(body, "debug")
    assert (result, kinds(seen)) == (1, ["list-corruption"])
    # A hardened list alone follows the poisoned pointer before it looks at it.
    _, seen, fate = watched(body)
    assert (kinds(seen), fate) == (["general-protection-fault"], Fate.TASK_KILLED)


def test_bitmaps() -> None:
    body = "unsigned long *m = bitmap_zalloc(100, GFP_KERNEL); set_bit(70, m); bitmap_set(m, 3, 2);"
    body += " long n = find_first_bit(m, 100) * 10000 + find_next_bit(m, 100, 5) * 100"
    assert probe(body + " + bitmap_weight(m, 100); bitmap_free(m); return n;") == 37003


def test_memset_past_the_end_is_seen_by_kasan() -> None:
    body = PROBE + "char *p = kmalloc(40, GFP_KERNEL); OPTIMIZER_HIDE_VAR(p); memset(p, 0, 41); "
    body += "kfree(p); return 0; }"
    _, seen, _ = watched(body, "debug")
    assert kinds(seen)[0] == "slab-out-of-bounds"
    engine = engine_for(body)
    before = len(engine.machine.log.lines)
    engine.call("probe")
    assert log_of(engine, before) == []
