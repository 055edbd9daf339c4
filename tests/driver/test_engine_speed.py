"""Speed figures of the C engine, as ratios within one run (-m benchmark_figures)."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import pytest

from kmemquest.driver.build import build
from kmemquest.driver.engine import Limits
from tests.driver.c_program import engine_for
from tests.driver.corpus import cases

pytestmark = pytest.mark.benchmark_figures

LOOP = """
unsigned int f(unsigned int n);
unsigned int f(unsigned int n)
{
	unsigned int i, sum = 0;

	for (i = 0; i < n; i++)
		sum += i * 3;
	return sum;
}
"""


ARRAY_LOOP = """
static unsigned int table[64];
unsigned int f(unsigned int n);
unsigned int f(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		table[i & 63] = table[(i + 1) & 63] + i;
	return table[5];
}
"""


def loop(count: int) -> int:
    i = total = 0
    while i < count:
        total += i * 3
        i += 1
    return total


def best(function: Callable[..., object], *arguments: object) -> float:
    times = []
    for _ in range(5):
        start = perf_counter()
        function(*arguments)
        times.append(perf_counter() - start)
    return min(times)


def array_loop(count: int) -> int:
    table = [0] * 64
    i = 0
    while i < count:
        table[i & 63] = table[i + 1 & 63] + i
        i += 1
    return table[5]


def test_a_tight_loop_runs_at_a_tenth_of_python_or_better() -> None:
    engine = engine_for(LOOP, limits=Limits(steps=10_000_000))
    ratio = best(loop, 200_000) / best(engine.call, "f", 200_000)
    print(f"tight loop: {ratio:.2f} of CPython's speed")
    assert ratio >= 0.1


def test_a_loop_over_memory_is_not_far_behind() -> None:
    engine = engine_for(ARRAY_LOOP, limits=Limits(steps=10_000_000))
    ratio = best(array_loop, 100_000) / best(engine.call, "f", 100_000)
    print(f"array loop: {ratio:.2f} of CPython's speed")
    assert ratio >= 0.05


def test_every_driver_of_the_corpus_builds_again_in_150_ms() -> None:
    slowest = 0.0, ""
    for case in cases():
        build(case.source, f"{case.name}.c", builtin=case.builtin)
        taken = best(build, case.source, f"{case.name}.c")
        slowest = max(slowest, (taken, case.name))
    print(f"slowest second build: {slowest[0] * 1000:.0f} ms, {slowest[1]}")
    assert slowest[0] <= 0.15


def test_a_driver_of_300_lines_builds_again_in_150_ms() -> None:
    part = """
    struct dev%(n)d { struct list_head list; u32 regs[8]; void *buf; };
    static struct dev%(n)d the%(n)d;
    static int setup%(n)d(struct dev%(n)d *d, size_t len)
    {
        int i, err = -EINVAL;

        INIT_LIST_HEAD(&d->list);
        d->buf = kzalloc(len, GFP_KERNEL);
        if (!d->buf)
            return -ENOMEM;
        for (i = 0; i < ARRAY_SIZE(d->regs); i++)
            d->regs[i] = min_t(u32, i * 3, 100);
        if (d->regs[3] > 50)
            goto out;
        return 0;
    out:
        kfree(d->buf);
        return err;
    }
    """
    calls = "".join(f"err |= setup{n}(&the{n}, {n});\n" for n in range(14))
    source = (
        "#include <linux/module.h>\n#include <linux/slab.h>\n#include <linux/list.h>\n"
        + "".join(part % {"n": n} for n in range(14))
        + "static int __init start(void)\n{\nint err = 0;\n" + calls + "return err;\n}\n"
        + 'module_init(start);\nMODULE_LICENSE("GPL");\n'
    )  # fmt: skip
    assert source.count("\n") >= 290
    assert build(source).ok
    taken = best(build, source)
    print(f"second build: {taken * 1000:.0f} ms")
    assert taken <= 0.15
