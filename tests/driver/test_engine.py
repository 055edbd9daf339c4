"""Running modules: life cycle, faults, stacks, observers, calls into the kernel."""

from __future__ import annotations

from kmemquest.driver.build import BuildOptions, build
from kmemquest.driver.engine import Engine
from kmemquest.driver.step import StepInfo
from kmemquest.kernel.address import MODULES_VADDR
from kmemquest.kernel.events import CallMade, CallReturned, Event
from kmemquest.kernel.machine import Fate
from tests.driver.c_program import LENIENT, engine_for, machine

MODULE = """
#include <linux/module.h>
#include <linux/slab.h>

static char *buffer;
static int size = 64;
module_param(size, int, 0444);

static int __init demo_init(void)
{
	buffer = kmalloc(size, GFP_KERNEL);
	if (!buffer)
		return -ENOMEM;
	buffer[0] = 'A';
	pr_info("hello %d %c\\n", size, buffer[0]);
	return 0;
}

static void __exit demo_exit(void)
{
	kfree(buffer);
	pr_info("bye\\n");
}

module_init(demo_init);
module_exit(demo_exit);
MODULE_LICENSE("GPL");
"""


def said(engine: Engine) -> list[str]:
    return [line.text for line in engine.machine.log.lines]


def test_a_module_loads_runs_and_unloads() -> None:
    result = build(MODULE, "demo.c")
    assert result.ok, result.diagnostics
    assert result.module is not None
    engine = Engine(machine(), result.module)
    assert engine.load({"size": "96"}) == 0
    assert engine.globals_address("buffer") >= MODULES_VADDR
    assert engine.machine.kmalloc.ksize(engine.read_global("buffer")) == 96
    assert engine.globals_address("demo_init") == 0, "init text is freed after init"
    engine.unload()
    assert [t for t in said(engine) if "hello" in t or "bye" in t] == ["hello 96 A", "bye"]
    assert engine.machine.fate is Fate.RUNNING


def test_module_memory_is_mapped_while_loaded() -> None:
    booted = machine()
    module = build(MODULE, "demo.c").module
    assert module is not None

    def mapped() -> list[int]:
        return [p for p in booted.memory.page_table if p >= MODULES_VADDR >> 12]

    assert not mapped()
    for _ in range(3):
        engine = Engine(booted, module)
        engine.place()
        assert len(mapped()) == 4, "text, read-only data, data, init"
        engine.load()
        assert len(mapped()) == 3
        engine.unload()
        assert not mapped()


def test_null_dereference_kills_the_task_and_unwinds() -> None:
    engine = engine_for(
        "static int *p; static int n; int f(void); int f(void) { n = 1; *p = 5; n = 2; return 7; }"
    )
    assert engine.call("f") == 0
    assert engine.machine.fate is Fate.TASK_KILLED
    assert engine.read_global("n") == 1
    assert any("NULL pointer dereference" in text for text in said(engine))
    assert not engine.machine.context.stack


def test_division_by_zero_and_calls_of_nothing_are_oopses() -> None:
    engine = engine_for("int f(int x); int f(int x) { return 5 / x; }")
    assert engine.call("f", 2) == 2
    engine.call("f", 0)
    assert engine.machine.fate is Fate.TASK_KILLED
    engine = engine_for("static int (*p)(void); int f(void); int f(void) { return p(); }")
    engine.call("f")
    assert engine.machine.fate is Fate.TASK_KILLED


def test_an_oops_names_the_statement() -> None:
    engine = engine_for("int f(int *p);\nint f(int *p)\n{\n\tint x = 1;\n\treturn x + *p;\n}\n")
    sites = []

    def listen(event: Event) -> None:
        site = getattr(event, "site", None)
        if site is not None:
            sites.append((site.function, site.line))

    engine.machine.events.subscribe(listen)
    engine.call("f", 0)
    assert sites[-1] == ("f", 5)


def test_recursion_hits_the_guard_page() -> None:
    engine = engine_for(
        "int f(int n);\n"
        "int f(int n) { volatile char pad[256]; pad[0] = n; return f(n + 1) + pad[0]; }",
        LENIENT,
    )
    engine.call("f", 0)
    assert engine.machine.fate is Fate.PANICKED
    assert any("stack guard page was hit" in text for text in said(engine))


def test_the_smallest_recursion_is_bounded_too() -> None:
    engine = engine_for("int f(int n); int f(int n) { return f(n + 1); }")
    engine.call("f", 0)
    assert engine.machine.fate is Fate.PANICKED


def test_a_big_frame_overflows_at_once() -> None:
    engine = engine_for("int f(void); int f(void) { char a[17000]; a[0] = 1; return a[0]; }")
    engine.call("f")
    assert engine.machine.fate is Fate.PANICKED


def test_observer_sees_lines_depth_and_locals() -> None:
    source = """\
struct pair { int a; char name[4]; };
static int half(unsigned int x)
{
	return x / 2;
}
int f(int n);
int f(int n)
{
	struct pair p = { 3, "ab" };
	int *q = &p.a;
	_Bool on = n > 1;

	n = half(n);
	return n + *q + on;
}
"""
    seen: list[tuple[int, str, int, tuple[tuple[str, str, str], ...]]] = []

    class Watch:
        def on_step(self, step: StepInfo) -> None:
            seen.append((step.line, step.function, step.depth, step.locals()))

    module = build(source, options=BuildOptions(require_license=False)).module
    assert module is not None
    engine = Engine(machine(), module, observer=Watch())
    assert engine.call("f", 9) == 8
    assert [s[0] for s in seen] == [9, 10, 11, 13, 4, 14]
    assert [s[2] for s in seen] == [1, 1, 1, 1, 2, 1]
    found = {name: (ctype, text) for name, ctype, text in seen[-1][3]}
    assert found["p"] == ("struct pair", '{a = 3, name = "ab"}')
    assert found["n"] == ("int", "4")
    assert found["on"] == ("_Bool", "true")
    assert found["q"][1].startswith("0xffffc9")


def test_calls_into_the_kernel_are_events_with_their_cost() -> None:
    module = build(MODULE, "demo.c").module
    assert module is not None
    engine = Engine(machine(), module)
    events: list[Event] = []
    engine.machine.events.subscribe(events.append)
    engine.load()
    made = [e for e in events if isinstance(e, CallMade)]
    back = [e for e in events if isinstance(e, CallReturned)]
    assert made[0].function.startswith("kmalloc") or made[0].function.startswith("__kmalloc")
    assert made[0].arguments[0] == 64
    assert made[0].site is not None
    assert made[0].site.line == 11
    assert back[0].result == engine.read_global("buffer")
    assert back[0].cost > 0


def test_functions_are_found_by_address_and_called_back() -> None:
    engine = engine_for("static int twice(int x) { return 2 * x; } int (*g)(int) = twice;")
    address = engine.read_global("g")
    assert address == engine.globals_address("twice")
    assert engine.call(address, 21) == 42
    assert engine.symbol_name(address) == "twice"
    found = engine.symbol_at(address + 4)
    assert found is not None
    assert found[:2] == ("twice", 4)


def test_arguments_are_reduced_to_the_parameter_types() -> None:
    engine = engine_for(
        "long f(unsigned char, int); long f(unsigned char c, int i) { return c + i; }"
    )
    assert engine.call("f", 300, (1 << 64) - 1) == 43


def test_an_observed_run_and_a_plain_run_agree() -> None:
    source = """
    int f(int n);
    int f(int n) {
        int i, s = 0; for (i = 0; i < n; i++) { if (i & 1) continue; s += i; } return s; }
    """

    class Watch:
        def on_step(self, step: StepInfo) -> None:
            del step

    module = build(source, options=BuildOptions(require_license=False)).module
    assert module is not None
    plain, watched = Engine(machine(), module), Engine(machine(), module, observer=Watch())
    assert plain.call("f", 20) == watched.call("f", 20) == 90


def test_early_code_runs_while_memblock_is_all_there_is() -> None:
    from kmemquest.kernel.machine import Machine
    from kmemquest.kernel.spec import MIB, MachineSpec

    module = build(
        "static int n = 4; int f(void); int f(void) { int a[4] = { 1, 2 }; return a[1] + n; }",
        builtin=True,
        options=BuildOptions(require_license=False),
    ).module
    assert module is not None
    early = Machine(MachineSpec(ram=64 * MIB))
    engine = Engine(early, module)
    assert engine.call("f") == 6
    early.handover()
    assert engine.call("f") == 6
