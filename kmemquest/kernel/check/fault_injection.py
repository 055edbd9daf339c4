"""failslab and fail_page_alloc: making allocations fail on purpose.

Source: `lib/fault-inject.c:should_fail_ex`, `mm/failslab.c:should_failslab`,
`mm/fail_page_alloc.c:should_fail_alloc_page`. Both knobs stand before the allocator proper: a slab
request fails without looking at a slab, a page request without looking at a zone, and neither
prints what a real shortage prints.

What each knob passes over, as in 6.12:

* failslab: the cache of caches; `__GFP_NOFAIL`; with ignore-gfp-wait (the default) every request
  that may reclaim directly.
* fail_page_alloc: orders below min-order (default 1); `__GFP_NOFAIL`; with ignore-gfp-highmem (the
  default) `__GFP_HIGHMEM`; with ignore-gfp-wait as above.

`current->fail_nth` counts the requests of a task that pass both lists, in task context only, and
fails the one that brings it to zero. A sweep (`sweep(n)`) opens all knobs and counts the requests
made while driver code is on the stack, in every context, and fails the n-th: times=1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as _gfp
from kmemquest.kernel.address import PAGE_SIZE
from kmemquest.kernel.log import KERN_NOTICE

if TYPE_CHECKING:
    from kmemquest.kernel.context import Frame
    from kmemquest.kernel.machine import Machine
    from kmemquest.kernel.mm.slab_cache import KmemCache

FAILSLAB: Final = "failslab"
FAIL_PAGE_ALLOC: Final = "fail_page_alloc"
CACHE_OF_CACHES: Final = "kmem_cache"


@dataclass(frozen=True, slots=True)
class FaultPoint:
    """One request that could be made to fail: `size` in bytes, `site` the driver's statement.

    `number` counts from 1 in the order of the run; `stack` are the driver's functions, the
    innermost last.
    """

    number: int
    knob: str
    size: int
    gfp: int
    site: Frame
    context: str
    stack: tuple[str, ...]


@dataclass(slots=True)
class FaultAttributes:
    """What one knob passes over; the defaults are the kernel's (`/sys/kernel/debug/<knob>/`)."""

    ignore_gfp_wait: bool = True
    ignore_gfp_highmem: bool = True
    min_order: int = 1


class FaultInjection:
    """Both knobs of one machine; made by `armed`, absent as long as nobody asks for failures."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.failslab = FaultAttributes()
        self.fail_page_alloc = FaultAttributes()
        self.points: list[FaultPoint] = []
        """What the sweep has counted so far."""
        self.failed: FaultPoint | None = None
        """The request that the sweep made fail."""
        self.on_failure: Callable[[], None] | None = None
        """Called when the sweep makes a request fail, inside of it; not part of a snapshot."""
        self._sweeping = False
        self._fail_at = 0

    def sweep(self, fail_at: int = 0) -> None:
        """Count every request of the driver from now on and fail number `fail_at` (0: none)."""
        for knob in (self.failslab, self.fail_page_alloc):
            knob.ignore_gfp_wait = knob.ignore_gfp_highmem = False
            knob.min_order = 0
        self.points.clear()
        self.failed = None
        self._sweeping, self._fail_at = True, fail_at

    def should_failslab(self, cache: KmemCache, gfp: int) -> bool:
        """Decide over one object (`mm/failslab.c`)."""
        if cache.name == CACHE_OF_CACHES or gfp & _gfp.NOFAIL:
            return False
        if self.failslab.ignore_gfp_wait and gfp & _gfp.DIRECT_RECLAIM:
            return False
        return self._should_fail(FAILSLAB, cache.object_size, gfp)

    def should_fail_alloc_page(self, gfp: int, order: int) -> bool:
        """Decide over one block of pages (`mm/fail_page_alloc.c`)."""
        knob = self.fail_page_alloc
        if order < knob.min_order or gfp & _gfp.NOFAIL:
            return False
        if knob.ignore_gfp_highmem and gfp & _gfp.HIGHMEM:
            return False
        if knob.ignore_gfp_wait and gfp & _gfp.DIRECT_RECLAIM:
            return False
        return self._should_fail(FAIL_PAGE_ALLOC, PAGE_SIZE << order, gfp)

    def _should_fail(self, knob: str, size: int, gfp: int) -> bool:
        context = self._machine.context
        task = context.task
        if not context.in_interrupt and task.fail_nth:
            task.fail_nth -= 1
            if task.fail_nth:
                return False
            self._announce(knob, gfp)
            return True
        site = context.site
        if not self._sweeping or site is None:
            return False
        number = len(self.points) + 1
        stack = tuple(frame.function for frame in context.stack)
        self.points.append(FaultPoint(number, knob, size, gfp, site, context.kind, stack))
        if number != self._fail_at:
            return False
        self.failed = self.points[-1]
        if self.on_failure is not None:
            self.on_failure()
        self._announce(knob, gfp)
        return True

    def _announce(self, knob: str, gfp: int) -> None:
        """Say that the failure is a wanted one (`lib/fault-inject.c:fail_dump`)."""
        if gfp & _gfp.NOWARN:
            return
        from kmemquest.kernel.text.dump_stack import dump_stack

        machine = self._machine
        inner = "should_failslab" if knob == FAILSLAB else "should_fail_alloc_page"
        for line in (
            "FAULT_INJECTION: forcing a failure.",
            f"name {knob}, interval 1, probability 0, space 0, times 1",
            *dump_stack(machine, ("dump_stack_lvl", "should_fail_ex", inner)),
        ):
            machine.log.print(line, KERN_NOTICE)


def armed(machine: Machine) -> FaultInjection:
    """Put the knobs in front of a running machine's allocators; return them."""
    from kmemquest.kernel.check.fault_pages import FailingPageAllocator

    checks = machine.checks
    if checks.faults is None:
        checks.faults = FaultInjection(machine)
        machine.pages.__class__ = FailingPageAllocator
    return checks.faults
