"""__attribute__((cleanup)) and what <linux/cleanup.h> builds on it: __free(), guard() and kin."""

from __future__ import annotations

import pytest

from kmemquest.driver.build import build
from kmemquest.driver.run import RunResult, run_driver
from tests.driver.c_program import LENIENT, messages, run
from tests.driver.kernel_module import HEAD, machine, texts


def module_result(body: str, checkers: str = "production") -> RunResult:
    """Load and unload a module."""
    booted = machine(checkers)
    return run_driver(HEAD + body, "m.c", script=["insmod", "rmmod"], machine=booted)


def findings(result: RunResult) -> list[str]:
    """Return the kinds of everything that went wrong, spoken of or not."""
    return [report.kind for report in result.reports]


ORDER = """
static int log;
static void note(int *p);
static void note(int *p) { log = log * 10 + *p; }
#define NOTED_TOO(name, value) name __attribute__((cleanup(note))) = value
#define NOTED(name, value) int NOTED_TOO(name, value)
"""


@pytest.mark.parametrize(
    ("body", "log"),
    [
        ("{ NOTED(a, 1); NOTED(b, 2); } return log;", 21),
        ("{ NOTED(a, 1); { NOTED(b, 2); } NOTED(c, 3); } return log;", 231),
        ("for (int i = 1; i < 4; i++) { NOTED(a, i); if (i == 2) continue; log *= 10; }", 1203),
        ("for (int i = 1; i < 4; i++) { NOTED(a, i); if (i == 2) break; }", 12),
        ("for (NOTED(a, 7); a < 9; a++) { NOTED(b, 1); }", 119),
        ("switch (2) { case 2: { NOTED(a, 4); break; } default: log = 9; }", 4),
        ("{ NOTED(a, 1); { NOTED(a, 2); } }", 21),
        ("int n = 0;\nagain: { NOTED(a, 1); if (n++ < 2) goto again; }", 111),
        ("int n = 0; {\nagain:; NOTED(a, 1); NOTED(b, 2); if (n++ < 1) goto again; }", 2121),
        ("{ NOTED(a, 1); { NOTED(b, 2); goto out; } out: log = log * 10; }", 201),
        ("int v = ({ NOTED(a, 3); a + 1; }); log = log * 10 + v;", 34),
        ("do { NOTED(a, 5); if (log) continue; NOTED(b, 6); } while (log < 100);", 655),
    ],
)
def test_cleanups_run_whenever_control_leaves_the_block(body: str, log: int) -> None:
    source = f"{ORDER}\nint f(void);\nint f(void) {{ {body}\nreturn log; }}"
    assert run(source) == log


def test_a_returned_value_is_made_before_the_cleanups() -> None:
    source = f"""{ORDER}
struct two {{ long a, b; }};
static void wipe(struct two *p) {{ p->a = p->b = 0; log += 1; }}
static struct two both(void) {{
    struct two t __attribute__((cleanup(wipe))) = {{ 40, 2 }};
    return t;
}}
static long sum(void) {{
    struct two t __attribute__((cleanup(wipe))) = {{ 500, 60 }};
    return t.a + t.b;
}}
long f(void);
long f(void) {{ struct two t = both(); return t.a + t.b + sum() + 1000 * log; }}"""
    assert run(source) == 2602


def test_attributes_belong_to_their_own_declarator() -> None:
    source = f"""{ORDER}
int f(void);
int f(void) {{
    {{ NOTED(a, 1), b = 2, NOTED_TOO(c, 3); b++; }}
    return log;
}}"""
    assert run(source) == 31


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("if (n) goto out; NOTED(a, 1); log++;\nout: return a;", "jump bypasses initialization"),
        ("switch (n) { case 1: NOTED(a, 1); }  return 0;", "switch case is in protected scope"),
        ("int a __attribute__((cleanup(nobody))) = n; return a;", "argument not a function"),
        ("int a __attribute__((cleanup)) = n; return a;", "argument not a function"),
    ],
)
def test_jumps_that_clang_refuses_are_refused(body: str, message: str) -> None:
    found = messages(f"{ORDER}\nint f(int n);\nint f(int n) {{ {body} }}")
    assert any(message in line for line in found), found


def test_a_guarded_variable_is_not_unused() -> None:
    source = f"{ORDER}\nint f(void);\nint f(void) {{ NOTED(a, 1); return log; }}"
    assert not build(source, "driver.c", options=LENIENT).diagnostics


MAKE = """
#include <linux/cleanup.h>
struct thing { int n; char *name; };
static struct thing *make(int n)
{
	struct thing *t __free(kfree) = kzalloc(sizeof(*t), GFP_KERNEL);
	if (!t)
		return NULL;
	char *name __free(kfree) = kasprintf(GFP_KERNEL, "thing%%d", n);
	if (!name)
		return NULL;
	if (n > 5)
		return ERR_PTR(-EINVAL);
	t->n = n;
	t->name = no_free_ptr(name);
	%s
}
static struct thing *kept;
static int __init start(void)
{
	struct thing *refused = make(7);

	if (!IS_ERR(refused))
		return -EIO;
	kept = make(3);
	if (!kept)
		return -ENOMEM;
	pr_info("%%s\\n", kept->name);
	return 0;
}
static void __exit stop(void)
{
	kfree(kept->name);
	kfree(kept);
}
module_init(start);
module_exit(stop);
"""


def test_free_gives_back_on_every_path_but_the_last() -> None:
    result = module_result(MAKE % "return_ptr(t);")
    assert "thing3" in "\n".join(texts(result))
    assert findings(result) == []


def test_a_forgotten_return_ptr_hands_out_freed_memory() -> None:
    result = module_result(MAKE % "return t;")
    assert "slab-use-after-free" in findings(result)


GUARDS = """
#include <linux/cleanup.h>
static DEFINE_MUTEX(board);
static DEFINE_SPINLOCK(ring);
static DEFINE_RAW_SPINLOCK(raw);
static DEFINE_RWLOCK(table);
static int get(int n)
{
	guard(mutex)(&board);
	if (n)
		return n;
	return mutex_is_locked(&board);
}
static int __init start(void)
{
	int seen = 0;

	seen += get(0) + get(4);
	scoped_guard(spinlock_irqsave, &ring)
		seen += irqs_disabled() ? 10 : 0;
	scoped_guard(raw_spinlock, &raw)
		seen += in_atomic() ? 100 : 0;
	scoped_guard(read_lock, &table)
		seen += 1000;
	scoped_guard(rcu)
		seen += 10000;
	scoped_guard(preempt)
		seen += in_atomic() ? 100000 : 0;
	scoped_cond_guard(mutex_intr, return -EINTR, &board)
		seen += 1000000;
	mutex_lock(&board);
	scoped_guard(mutex_try, &board)
		seen = -1;
	mutex_unlock(&board);
	pr_info("seen %d, atomic %d, off %d, locked %d\\n", seen, in_atomic(), irqs_disabled(),
		mutex_is_locked(&board));
	return 0;
}
static void __exit stop(void) { }
module_init(start);
module_exit(stop);
"""


def test_guards_hold_their_lock_for_a_scope() -> None:
    result = module_result(GUARDS)
    assert "seen 1111115, atomic 0, off 0, locked 0" in "\n".join(texts(result))
    assert findings(result) == []


def test_reports_name_the_lock_that_a_guard_takes_again() -> None:
    body = GUARDS.replace("if (n)\n\t\treturn n;", "mutex_lock(&board);")
    result = module_result(body, checkers="debug")
    assert "(board){+.+.}" in "\n".join(texts(result))
    assert "deadlock" in findings(result)
