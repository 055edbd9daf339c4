"""Mempools: a reserve of elements, so that work can go on when memory is short (`mm/mempool.c`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kmemquest.kernel import gfp as gfp_flags
from kmemquest.kernel.address import page_to_pfn, pfn_to_page
from kmemquest.kernel.check.oops import warn_once
from kmemquest.kernel.events import MempoolChanged, Report
from kmemquest.kernel.mm.slab_cache import KmemCache

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

POOL_STRUCT_SIZE: Final = 72
"""`sizeof(mempool_t)`."""
WAIT: Final = 5_000_000_000
"""Nanoseconds a waiter sleeps before it tries again by itself (5 * HZ)."""
GIVE_UP: Final = 120_000_000_000
"""Nanoseconds after which a waiter is taken to wait for ever: a bound of ours, no kernel's."""
COST: Final = 15
"""Nanoseconds a pool adds to its backend's cost."""

KINDS: Final = ("slab", "kmalloc", "page", "functions")


@dataclass(slots=True, eq=False)
class Mempool:
    """A pool. `elements` is the reserve, last in first out; `address` that of its struct.

    `kind` says where elements come from: a slab cache, kmalloc(`size` bytes), pages of `order`
    (elements are `struct page` addresses), or the owner's functions.
    """

    address: int
    kind: str
    min_nr: int
    cache: KmemCache | None = None
    size: int = 0
    order: int = 0
    alloc_function: int = 0
    free_function: int = 0
    pool_data: int = 0
    elements: list[int] = field(default_factory=list)
    array: int = 0
    destroyed: bool = False


class Mempools:
    """All mempools of the machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.by_address: dict[int, Mempool] = {}
        """Address of the mempool_t -> pool, for pointers that a driver holds."""
        self.call_function: Callable[[int, tuple[int, ...]], int] | None = None
        """Calls a function of the driver (address, arguments); set by the driver room."""
        self.while_sleeping: Callable[[int, Callable[[], bool]], bool] | None = None
        """Lets time pass and other contexts run: (nanoseconds at most, whether the waiter was
        woken) -> whether anything can still run. Set by the driver room."""

    def create(
        self,
        min_nr: int,
        kind: str = "kmalloc",
        *,
        cache: KmemCache | None = None,
        size: int = 0,
        order: int = 0,
        alloc_function: int = 0,
        free_function: int = 0,
        pool_data: int = 0,
        gfp: int = gfp_flags.GFP_KERNEL,
    ) -> Mempool | None:
        """Create a pool with `min_nr` elements in reserve; None if they cannot all be had."""
        if kind not in KINDS:
            raise ValueError(f"unknown kind of mempool {kind!r}: expected {', '.join(KINDS)}")
        machine = self._machine
        address = machine.kmalloc.kzalloc(POOL_STRUCT_SIZE, gfp)
        if not address:
            return None
        pool = Mempool(
            address, kind, min_nr, cache, size, order, alloc_function, free_function, pool_data
        )
        pool.array = machine.kmalloc.kmalloc_array(min_nr, 8, gfp)
        if not pool.array:
            machine.kmalloc.kfree(address)
            return None
        self.by_address[address] = pool
        while len(pool.elements) < min_nr:
            element = self._backend_alloc(pool, gfp)
            if not element:
                self.destroy(pool)
                return None
            self._put_in_reserve(pool, element)
        self._emit(pool, "create")
        return pool

    def destroy(self, pool: Mempool | None) -> None:
        """Free the reserve and the pool (`mempool_destroy`); None is fine."""
        if pool is None:
            return
        while pool.elements:
            self._backend_free(pool, self._take_from_reserve(pool))
        kmalloc = self._machine.kmalloc
        kmalloc.kfree(pool.array)
        kmalloc.kfree(pool.address)
        self.by_address.pop(pool.address, None)
        pool.destroyed = True
        self._emit(pool, "destroy")

    def resize(self, pool: Mempool, min_nr: int) -> int:
        """Change the size of the reserve; 0 or -ENOMEM. May sleep."""
        machine = self._machine
        machine.checks.might_sleep("mempool_resize", None, "mm/mempool.c", 330)
        if min_nr > pool.min_nr:
            array = machine.kmalloc.kmalloc_array(min_nr, 8, gfp_flags.GFP_KERNEL)
            if not array:
                return -12
            machine.kmalloc.kfree(pool.array)
            pool.array = array
        pool.min_nr = min_nr
        while len(pool.elements) > min_nr:
            self._backend_free(pool, self._take_from_reserve(pool))
        while len(pool.elements) < min_nr:
            element = self._backend_alloc(pool, gfp_flags.GFP_KERNEL)
            if not element:
                break
            self._put_in_reserve(pool, element)
        self._emit(pool, "resize")
        return 0

    def alloc(self, pool: Mempool, gfp: int) -> int:
        """Return an element: from the backend, else from the reserve, else wait for a free.

        0 only if the mask forbids to sleep. A wait that nobody ends never ends.
        """
        machine = self._machine
        if gfp & gfp_flags.ZERO and machine.checks.config.debug_vm:
            warn_once(machine, "mempool-zero", "mm/mempool.c", 384, "mempool_alloc_noprof")
        machine.checks.might_sleep("mempool_alloc", gfp)
        machine.clock.advance(COST)
        gfp |= gfp_flags.NOMEMALLOC | gfp_flags.NORETRY | gfp_flags.NOWARN
        weak = gfp & ~(gfp_flags.DIRECT_RECLAIM | gfp_flags.IO)
        element = self._try(pool, weak)
        if not element and weak != gfp:
            element = self._try(pool, gfp)
        if element or not gfp & gfp_flags.DIRECT_RECLAIM:
            return element
        return self._wait(pool, gfp)

    def alloc_preallocated(self, pool: Mempool) -> int:
        """Take an element of the reserve, or 0; never sleeps (`mempool_alloc_preallocated`)."""
        if not pool.elements:
            return 0
        element = self._take_from_reserve(pool)
        self._emit(pool, "take")
        return element

    def free(self, pool: Mempool, element: int) -> None:
        """Give an element back: the reserve is refilled before the backend gets anything."""
        if not element:
            return
        self._machine.clock.advance(COST)
        if len(pool.elements) < pool.min_nr:
            self._put_in_reserve(pool, element)
            self._emit(pool, "refill")
        else:
            self._backend_free(pool, element)

    # --- inside -----------------------------------------------------------------------------

    def _try(self, pool: Mempool, gfp: int) -> int:
        return self._backend_alloc(pool, gfp) or self.alloc_preallocated(pool)

    def _wait(self, pool: Mempool, gfp: int) -> int:
        """Sleep until a free refills the reserve (`mempool_free` wakes), 5 s at a time."""
        clock = self._machine.clock
        self._emit(pool, "wait")
        end = clock.now + GIVE_UP
        while clock.now < end:
            if not self._sleep(pool):
                return 0
            element = self._try(pool, gfp)
            if element:
                return element
        self._wait_for_ever()
        return 0

    def _sleep(self, pool: Mempool) -> bool:
        """Give up the CPU until a wake-up, or for 5 s; False when nothing can run any more."""
        clock = self._machine.clock
        until = clock.now + WAIT
        if self.while_sleeping is not None:
            alive = self.while_sleeping(WAIT, lambda: bool(pool.elements))
            if not alive or pool.elements:
                return alive
        clock.advance(max(until - clock.now, 0))
        return True

    def _wait_for_ever(self) -> None:
        """The task stays in state D, and nothing is printed.

        It wakes every 5 s to try again, so its count of context switches moves and the detector
        of hung tasks passes it over (`kernel/hung_task.c:check_hung_task`).
        """
        from kmemquest.kernel.machine import Fate

        machine = self._machine
        detail = "mempool_alloc() sleeps until an element comes back, and none does"
        machine.report(
            Report("task-hangs", "silent", "", site=machine.site, spoken=False, detail=detail)
        )
        machine.fate = Fate.TASK_HANGS

    def _backend_alloc(self, pool: Mempool, gfp: int) -> int:
        machine = self._machine
        if pool.kind == "slab":
            assert pool.cache is not None
            return machine.slub.alloc(pool.cache, gfp)
        if pool.kind == "kmalloc":
            return machine.kmalloc.kmalloc(pool.size, gfp)
        if pool.kind == "page":
            pfn = machine.pages.alloc_pages(gfp, pool.order)
            return pfn_to_page(pfn) if pfn >= 0 else 0
        if self.call_function is None:
            return 0
        return self.call_function(pool.alloc_function, (gfp, pool.pool_data))

    def _backend_free(self, pool: Mempool, element: int) -> None:
        machine = self._machine
        if pool.kind == "slab":
            assert pool.cache is not None
            machine.slub.free(pool.cache, element)
        elif pool.kind == "kmalloc":
            machine.kmalloc.kfree(element)
        elif pool.kind == "page":
            machine.pages.free_pages(page_to_pfn(element), pool.order)
        elif self.call_function is not None:
            self.call_function(pool.free_function, (element, pool.pool_data))

    def _put_in_reserve(self, pool: Mempool, element: int) -> None:
        """Store an element; KASAN treats it as freed while it lies there."""
        pool.elements.append(element)
        kasan = self._machine.checks.kasan
        size = self._object_size(pool, element)
        if kasan is not None and size:
            kasan.object_freed(element, size)

    def _take_from_reserve(self, pool: Mempool) -> int:
        element = pool.elements.pop()
        kasan = self._machine.checks.kasan
        size = self._object_size(pool, element)
        if kasan is not None and size:
            kasan.object_allocated(element, size, pool.size or size)
        return element

    def _object_size(self, pool: Mempool, element: int) -> int:
        if pool.kind not in ("slab", "kmalloc"):
            return 0
        cache = self._machine.slub.cache_of(element)
        return cache.object_size if cache is not None else 0

    def _emit(self, pool: Mempool, operation: str) -> None:
        events = self._machine.events
        if events.active:
            events.emit(MempoolChanged(pool.address, operation, len(pool.elements), pool.min_nr))
