"""`<linux/mempool.h>` and `<linux/percpu.h>`."""

# ruff: noqa: ARG001 - a binding has the parameters of the C function, needed or not

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi, percpu_statics
from kmemquest.driver.binding import binds
from kmemquest.driver.bindings.slab import find_cache
from kmemquest.driver.devices import world_of
from kmemquest.driver.exposed_task import ExposedTask
from kmemquest.driver.holdings import KMALLOC, gave_back, got
from kmemquest.kernel.address import MODULES_END, PAGE_SIZE

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine
    from kmemquest.kernel.mm.mempool import Mempool

POOL_BYTES: Final = 72


@binds("mempool_create_kmalloc_pool")
def mempool_create_kmalloc_pool(engine: Engine, reserve: int, size: int) -> int:
    pool = engine.machine.mempools.create(reserve, "kmalloc", size=size)
    return _created(engine, pool, "mempool_create_kmalloc_pool")


@binds("mempool_create_page_pool")
def mempool_create_page_pool(engine: Engine, reserve: int, order: int) -> int:
    pool = engine.machine.mempools.create(reserve, "page", order=order)
    return _created(engine, pool, "mempool_create_page_pool")


@binds("mempool_create_slab_pool")
def mempool_create_slab_pool(engine: Engine, reserve: int, cache_address: int) -> int:
    cache = find_cache(engine, cache_address)
    if cache is None:
        return 0
    pool = engine.machine.mempools.create(reserve, "slab", cache=cache)
    return _created(engine, pool, "mempool_create_slab_pool")


@binds("mempool_create")
def mempool_create(engine: Engine, reserve: int, alloc: int, free: int, data: int) -> int:
    pool = engine.machine.mempools.create(
        reserve, "functions", alloc_function=alloc, free_function=free, pool_data=data
    )
    return _created(engine, pool, "mempool_create")


def _created(engine: Engine, pool: Mempool | None, function: str) -> int:
    if pool is None:
        return 0
    abi.put(engine.machine, pool.address, abi.MEMPOOL, "pool_data", pool.pool_data)
    _show(engine, pool)
    return got(engine, "mempool", pool.address, POOL_BYTES, function)


def _show(engine: Engine, pool: Mempool) -> None:
    """Let driver code that reads the struct see the reserve."""
    if not pool.destroyed:
        abi.put(engine.machine, pool.address, abi.MEMPOOL, "min_nr", pool.min_nr)
        abi.put(engine.machine, pool.address, abi.MEMPOOL, "curr_nr", len(pool.elements))


def _find(engine: Engine, address: int) -> Mempool | None:
    pool = engine.machine.mempools.by_address.get(address)
    if pool is None:
        engine.machine.memory.load(address, 4)
    return pool


@binds("mempool_destroy")
def mempool_destroy(engine: Engine, address: int) -> None:
    if not address:
        return
    pool = _find(engine, address)
    if pool is not None:
        engine.machine.mempools.destroy(pool)
        gave_back(engine, address, "mempool_destroy", "mempool")


@binds("mempool_resize")
def mempool_resize(engine: Engine, address: int, reserve: int) -> int:
    pool = _find(engine, address)
    if pool is None:
        return -22
    result = engine.machine.mempools.resize(pool, reserve)
    _show(engine, pool)
    return result


@binds("mempool_alloc")
def mempool_alloc(engine: Engine, address: int, flags: int) -> int:
    pool = _find(engine, address)
    if pool is None:
        return 0
    element = engine.machine.mempools.alloc(pool, flags)
    _show(engine, pool)
    return _got_element(engine, pool, element, "mempool_alloc")


def _got_element(engine: Engine, pool: Mempool, element: int, function: str) -> int:
    """Note an element, but for one that the driver's own function allocated: that is noted."""
    ledger = engine.machine.checks.ledger
    own = pool.kind == "functions"
    if own and any(ledger.find(kind, element) for kind in (*KMALLOC, "pages")):
        return element
    size = {"page": PAGE_SIZE << pool.order, "kmalloc": pool.size}.get(pool.kind, 0)
    if pool.cache is not None:
        size = pool.cache.object_size
    return got(engine, "mempool-element", element, size, function)


@binds("mempool_free")
def mempool_free(engine: Engine, element: int, address: int) -> None:
    if not element:
        return
    pool = _find(engine, address)
    if pool is not None:
        engine.machine.mempools.free(pool, element)
        _show(engine, pool)
        # The pool takes whatever its backend could have handed out: it keeps no list of its own.
        gave_back(engine, element, "mempool_free", "mempool-element", *KMALLOC, "pages")


@binds("mempool_alloc_slab")
def mempool_alloc_slab(engine: Engine, flags: int, cache_address: int) -> int:
    cache = find_cache(engine, cache_address)
    return 0 if cache is None else engine.machine.slub.alloc(cache, flags)


@binds("mempool_free_slab")
def mempool_free_slab(engine: Engine, element: int, cache_address: int) -> None:
    cache = find_cache(engine, cache_address)
    if cache is not None:
        engine.machine.slub.free(cache, element)


@binds("mempool_kmalloc")
def mempool_kmalloc(engine: Engine, flags: int, size: int) -> int:
    return engine.machine.kmalloc.kmalloc(size, flags)


@binds("mempool_kfree")
def mempool_kfree(engine: Engine, element: int, size: int) -> None:
    engine.machine.kmalloc.kfree(element)


@binds("mempool_alloc_pages")
def mempool_alloc_pages(engine: Engine, flags: int, order: int) -> int:
    from kmemquest.kernel.address import pfn_to_page

    pfn = engine.machine.pages.alloc_pages(flags, order)
    return pfn_to_page(pfn) if pfn >= 0 else 0


@binds("mempool_free_pages")
def mempool_free_pages(engine: Engine, page: int, order: int) -> None:
    from kmemquest.kernel.address import page_to_pfn

    engine.machine.pages.free_pages(page_to_pfn(page), order)


# --- per-CPU ------------------------------------------------------------------------------


@binds("__alloc_percpu")
def alloc_percpu(engine: Engine, size: int, align: int) -> int:
    token = engine.machine.percpu.alloc(size, align)
    return got(engine, "percpu", token, size, "alloc_percpu")


@binds("__alloc_percpu_gfp")
def alloc_percpu_gfp(engine: Engine, size: int, align: int, flags: int) -> int:
    token = engine.machine.percpu.alloc(size, align, flags)
    return got(engine, "percpu", token, size, "alloc_percpu_gfp")


@binds("free_percpu")
def free_percpu(engine: Engine, token: int) -> None:
    engine.machine.percpu.free(token)
    gave_back(engine, token, "free_percpu", "percpu")


@binds("__kmq_per_cpu_ptr")
def per_cpu_ptr(engine: Engine, token: int, cpu: int) -> int:
    """Return a CPU's copy of an area, or of a static per-CPU variable of the module."""
    if engine.machine.spec.modules_start <= token < MODULES_END:
        return percpu_statics.copy_for(engine, token, cpu) or token
    return engine.machine.percpu.address(token, cpu)


@binds("smp_processor_id")
def smp_processor_id(engine: Engine) -> int:
    return engine.machine.slub.cpu


@binds("num_online_cpus", "num_possible_cpus", "__kmq_nr_cpu_ids")
def num_cpus(engine: Engine) -> int:
    return engine.machine.spec.cpus


# --- scopes -------------------------------------------------------------------------------

PF_MEMALLOC: Final = 0x0000_0800
PF_NOFS: Final = 0x0004_0000
PF_NOIO: Final = 0x0008_0000
PF_PIN: Final = 0x1000_0000


def _save(engine: Engine, bit: int) -> int:
    """Set a scope bit and return it if it was not set before, so that scopes nest."""
    task = engine.machine.context.task
    before = task.flags & bit
    task.flags |= bit
    return before ^ bit


def _restore(engine: Engine, saved: int) -> None:
    """End the scope that a save began; it clears what was saved, whichever restore is called."""
    engine.machine.context.task.flags &= ~saved


@binds("memalloc_noio_save")
def memalloc_noio_save(engine: Engine) -> int:
    return _save(engine, PF_NOIO)


@binds("memalloc_noio_restore")
def memalloc_noio_restore(engine: Engine, saved: int) -> None:
    _restore(engine, saved)


@binds("memalloc_nofs_save")
def memalloc_nofs_save(engine: Engine) -> int:
    return _save(engine, PF_NOFS)


@binds("memalloc_nofs_restore")
def memalloc_nofs_restore(engine: Engine, saved: int) -> None:
    _restore(engine, saved)


@binds("memalloc_noreclaim_save")
def memalloc_noreclaim_save(engine: Engine) -> int:
    return _save(engine, PF_MEMALLOC)


@binds("memalloc_noreclaim_restore")
def memalloc_noreclaim_restore(engine: Engine, saved: int) -> None:
    _restore(engine, saved)


@binds("memalloc_pin_save")
def memalloc_pin_save(engine: Engine) -> int:
    return _save(engine, PF_PIN)


@binds("memalloc_pin_restore")
def memalloc_pin_restore(engine: Engine, saved: int) -> None:
    _restore(engine, saved)


@binds("current_gfp_context")
def current_gfp_context(engine: Engine, flags: int) -> int:
    return engine.machine.context.scoped_gfp(flags)


@binds("might_alloc")
def might_alloc(engine: Engine, flags: int) -> None:
    engine.machine.checks.might_sleep("might_alloc", flags)


@binds("__kmq_current")
def current(engine: Engine) -> int:
    """Return the task_struct of the running task; from now on its flags live in that memory."""
    machine, world = engine.machine, world_of(engine)
    task = machine.context.task
    if isinstance(task, ExposedTask):
        return task.address
    address = world.tasks.get(task.pid)
    if address is None:
        address = world.tasks[task.pid] = engine.reserve(abi.TASK_STRUCT_SIZE)
    machine.context.task = ExposedTask.of(task, machine, address)
    return address
