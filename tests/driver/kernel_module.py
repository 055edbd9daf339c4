"""Modules with the real headers, for the tests of the bindings."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from kmemquest.driver.build import build
from kmemquest.driver.engine import Engine
from kmemquest.driver.run import RunResult, run_driver
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.spec import MIB, Checkers, MachineSpec

DRIVERS = Path(__file__).parent.parent / "drivers"

HEAD = """
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>
#include <linux/mempool.h>
#include <linux/percpu.h>
#include <linux/string.h>
#include <linux/spinlock.h>
#include <linux/mutex.h>
#include <linux/interrupt.h>
#include <linux/timer.h>
#include <linux/workqueue.h>
#include <linux/completion.h>
#include <linux/wait.h>
#include <linux/delay.h>
#include <linux/uaccess.h>
#include <linux/io.h>
#include <linux/bitmap.h>
#include <linux/refcount.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/kernel.h>
#include <linux/sizes.h>
#include <linux/log2.h>
#include <linux/rcupdate.h>
#include <linux/random.h>
MODULE_LICENSE("GPL");
"""


@cache
def _snapshot(checkers: str) -> bytes:
    chosen = Checkers.preset(checkers)
    # The larger image of such a machine, and what KASAN takes for itself, come on top.
    spec = MachineSpec(ram=(136 if chosen.kasan else 64) * MIB, checkers=chosen)
    return Machine.boot(spec).snapshot()


def machine(checkers: str = "production") -> Machine:
    """Return a freshly booted machine."""
    return Machine.restore(_snapshot(checkers))


def engine_for(body: str, checkers: str = "production") -> Engine:
    """Build `body` behind the headers and place it on a booted machine."""
    result = build(HEAD + body, "probe.c")
    assert result.module is not None, "\n".join(map(str, result.diagnostics))
    engine = Engine(machine(checkers), result.module)
    engine.place()
    return engine


def value_of(body: str, checkers: str = "production") -> int:
    """Return what `long probe(void)` returns."""
    return engine_for(body, checkers).call("probe")


def log_of(engine: Engine, before: int) -> list[str]:
    """Return the log lines that came after the first `before` ones."""
    return [line.text for line in list(engine.machine.log.lines)[before:]]


def run_file(
    name: str, script: object = None, checkers: str = "production", *, keep_going: bool = False
) -> RunResult:
    """Run a driver of the corpus."""
    source = (DRIVERS / name).read_text()
    booted = machine(checkers)
    return run_driver(source, name, script=script, keep_going=keep_going, machine=booted)


def texts(result: RunResult) -> list[str]:
    """Return the log lines without their times."""
    return [line.text for line in result.log]
