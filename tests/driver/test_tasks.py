"""Tasks that are put aside: threads, workers and handlers that sleep while others go on."""

from __future__ import annotations

import threading

import pytest

from kmemquest.driver.run import RunResult, run_driver
from tests.driver.kernel_module import HEAD, machine, texts

ENDS = "module_init(start);\nmodule_exit(stop);\n"


def result_of(body: str, *script: object, checkers: str = "production") -> RunResult:
    """Run a module by a script; no host thread may be left over."""
    before = threading.active_count()
    steps = list(script) or ["insmod", "rmmod"]
    result = run_driver(HEAD + body + ENDS, "task.c", script=steps, machine=machine(checkers))
    assert threading.active_count() == before
    return result


def log_of(result: RunResult) -> list[str]:
    """Return what the driver itself printed."""
    return [text for text in texts(result) if text.startswith("t: ")]


def kinds(result: RunResult) -> list[str]:
    """Return the kinds of everything that went wrong, spoken of or not."""
    return [report.kind for report in result.reports]


CONTENDED = """
static DEFINE_MUTEX(board);
static void tick(struct work_struct *w)
{
	pr_info("t: worker comes\\n");
	mutex_lock(&board);
	pr_info("t: worker has it\\n");
	mutex_unlock(&board);
}
static DECLARE_WORK(ticker, tick);
static int __init start(void)
{
	mutex_lock(&board);
	schedule_work(&ticker);
	msleep(10);
	pr_info("t: init slept\\n");
	mutex_unlock(&board);
	return 0;
}
static void __exit stop(void) { cancel_work_sync(&ticker); }
"""


@pytest.mark.parametrize("checkers", ["production", "debug"])
def test_a_worker_waits_for_a_mutex_whose_owner_sleeps(checkers: str) -> None:
    result = result_of(CONTENDED, checkers=checkers)
    assert log_of(result) == ["t: worker comes", "t: init slept", "t: worker has it"]
    assert kinds(result) == []


def test_a_lock_held_over_a_nap_is_still_held_after_others_ran() -> None:
    body = CONTENDED.replace("mutex_lock(&board);\n\tpr_info", "pr_info", 1)
    body = body.replace('has it\\n");\n\tmutex_unlock(&board);', 'has it\\n");', 1)
    assert kinds(result_of(body, checkers="debug")) == []


def test_two_tasks_that_want_each_others_mutex_hang() -> None:
    body = """
static DEFINE_MUTEX(left);
static DEFINE_MUTEX(right);
static void other_way(struct work_struct *w)
{
	mutex_lock(&right);
	msleep(5);
	mutex_lock(&left);
	mutex_unlock(&left);
	mutex_unlock(&right);
}
static DECLARE_WORK(other, other_way);
static int __init start(void)
{
	mutex_lock(&left);
	schedule_work(&other);
	msleep(10);
	mutex_lock(&right);
	pr_info("t: never\\n");
	return 0;
}
static void __exit stop(void) { }
"""
    result = result_of(body)
    assert log_of(result) == []
    assert kinds(result)[0] == "hung-task"


PUMP = """
static DECLARE_WAIT_QUEUE_HEAD(arrived);
static struct task_struct *pump;
static int parcels, moved;
static int pump_main(void *data)
{
	while (!kthread_should_stop()) {
		if (wait_event_interruptible(arrived, parcels || kthread_should_stop()))
			continue;
		for (; parcels; parcels--)
			moved++;
	}
	pr_info("t: moved %d\\n", moved);
	return moved;
}
int put(int n);
int put(int n)
{
	parcels += n;
	wake_up(&arrived);
	return moved;
}
static int __init start(void)
{
	pump = kthread_run(pump_main, NULL, "pump");
	return PTR_ERR_OR_ZERO(pump);
}
static void __exit stop(void) { pr_info("t: stopped with %d\\n", kthread_stop(pump)); }
"""


def put(number: int) -> dict[str, object]:
    """Return the step that brings parcels."""
    return {"call": {"function": "put", "args": [number]}}


def test_a_thread_sleeps_until_it_is_woken_and_ends_when_asked() -> None:
    result = result_of(PUMP, "insmod", put(2), put(3), put(0), "rmmod")
    assert [r.result for r in result.results][1:4] == [0, 2, 5]
    assert log_of(result) == ["t: moved 5", "t: stopped with 5"]
    assert kinds(result) == []


def test_a_thread_that_nobody_wakes_goes_on_sleeping() -> None:
    body = PUMP.replace("\twake_up(&arrived);\n", "")
    result = result_of(body, "insmod", put(2), put(3), "rmmod")
    assert [r.result for r in result.results][1:3] == [0, 0]
    assert log_of(result) == ["t: moved 5", "t: stopped with 5"]


def test_a_thread_that_never_looks_keeps_kthread_stop_waiting() -> None:
    body = PUMP.replace("parcels || kthread_should_stop()", "parcels")
    result = result_of(body, "insmod", "rmmod")
    assert log_of(result) == []
    assert kinds(result) == ["hung-task"]


def test_a_thread_left_behind_runs_into_code_that_is_gone() -> None:
    body = PUMP.replace('pr_info("t: stopped with %d\\n", kthread_stop(pump));', "")
    body = body.replace("wait_event_interruptible(arrived, parcels || kthread_should_stop())", "0")
    body = body.replace("for (; parcels", "msleep(20);\n\t\tfor (; parcels")
    result = result_of(body, "insmod", "rmmod", {"advance": "1s"})
    assert "page-fault" in kinds(result)


def test_a_thread_that_never_sleeps_is_preempted() -> None:
    body = """
static struct task_struct *spinner;
static unsigned long turns;
static int spin(void *data)
{
	while (!kthread_should_stop())
		turns++;
	return 0;
}
static int __init start(void)
{
	spinner = kthread_run(spin, NULL, "spin");
	msleep(20);
	return PTR_ERR_OR_ZERO(spinner);
}
static void __exit stop(void)
{
	kthread_stop(spinner);
	pr_info("t: %s\\n", turns > 2 ? "spun" : "did not");
}
"""
    assert log_of(result_of(body)) == ["t: spun"]


def test_who_says_that_he_sleeps_is_woken_by_name() -> None:
    body = """
static struct task_struct *sleeper;
static int nap(void *data)
{
	set_current_state(TASK_INTERRUPTIBLE);
	while (!kthread_should_stop()) {
		schedule();
		pr_info("t: up\\n");
		set_current_state(TASK_INTERRUPTIBLE);
	}
	__set_current_state(TASK_RUNNING);
	return 7;
}
static int __init start(void)
{
	sleeper = kthread_run(nap, NULL, "nap");
	msleep(10);
	pr_info("t: woken %d\\n", wake_up_process(sleeper));
	msleep(10);
	return 0;
}
static void __exit stop(void) { pr_info("t: %d\\n", kthread_stop(sleeper)); }
"""
    assert log_of(result_of(body)) == ["t: woken 1", "t: up", "t: up", "t: 7"]


def test_cancel_work_sync_waits_for_a_worker_that_sleeps() -> None:
    body = """
static void slow(struct work_struct *w)
{
	pr_info("t: begun\\n");
	msleep(100);
	pr_info("t: done\\n");
}
static DECLARE_WORK(job, slow);
static int __init start(void)
{
	schedule_work(&job);
	msleep(1);
	pr_info("t: cancel\\n");
	cancel_work_sync(&job);
	pr_info("t: cancelled\\n");
	return 0;
}
static void __exit stop(void) { }
"""
    assert log_of(result_of(body)) == ["t: begun", "t: cancel", "t: done", "t: cancelled"]


def test_a_worker_that_cancels_itself_waits_for_ever() -> None:
    body = """
static void self(struct work_struct *w) { cancel_work_sync(w); pr_info("t: never\\n"); }
static DECLARE_WORK(job, self);
static int __init start(void) { schedule_work(&job); return 0; }
static void __exit stop(void) { }
"""
    result = result_of(body, "insmod")
    assert log_of(result) == []
    assert kinds(result) == ["hung-task"]


def test_wait_event_timeout_ends_although_a_timer_ticks_on() -> None:
    body = """
static DECLARE_WAIT_QUEUE_HEAD(queue);
static struct timer_list beat;
static void on_beat(struct timer_list *t) { mod_timer(t, jiffies + 1); }
static int __init start(void)
{
	unsigned long before = jiffies;
	long left;

	timer_setup(&beat, on_beat, 0);
	mod_timer(&beat, jiffies + 1);
	left = wait_event_timeout(queue, false, msecs_to_jiffies(40));
	pr_info("t: left %ld after %lu\\n", left, jiffies - before);
	left = wait_event_timeout(queue, true, msecs_to_jiffies(40));
	pr_info("t: %d\\n", left == msecs_to_jiffies(40));
	return 0;
}
static void __exit stop(void) { timer_delete_sync(&beat); }
"""
    assert log_of(result_of(body)) == ["t: left 0 after 10", "t: 1"]


def test_tasks_have_stacks_and_locals_of_their_own() -> None:
    body = """
static DEFINE_MUTEX(board);
static int sum;
static void fill(int *p, int n, int value) { for (int i = 0; i < n; i++) p[i] = value; }
static void job(struct work_struct *w)
{
	int own[16];

	fill(own, 16, 3);
	mutex_lock(&board);
	for (int i = 0; i < 16; i++)
		sum += own[i];
	mutex_unlock(&board);
}
static DECLARE_WORK(first, job);
static DECLARE_WORK(second, job);
static int __init start(void)
{
	int own[16];

	mutex_lock(&board);
	schedule_work(&first);
	schedule_work(&second);
	msleep(5);
	fill(own, 16, 100);
	mutex_unlock(&board);
	msleep(5);
	for (int i = 0; i < 16; i++)
		sum += own[i];
	pr_info("t: %d\\n", sum);
	return 0;
}
static void __exit stop(void) { }
"""
    for checkers in ("production", "debug"):
        result = result_of(body, checkers=checkers)
        assert log_of(result) == ["t: 1696"]
        assert kinds(result) == []


def test_more_tasks_than_can_be_simulated_end_the_run() -> None:
    body = """
static int doze(void *data) { msleep(1000); return 0; }
static int __init start(void)
{
	for (;;) {
		kthread_run(doze, NULL, "doze");
		cond_resched();
	}
	return 0;
}
static void __exit stop(void) { }
"""
    result = result_of(body)
    assert result.outcome == "stopped"
    assert "too-many-tasks" in kinds(result)
