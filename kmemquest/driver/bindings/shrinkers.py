"""`<linux/shrinker.h>`: a driver's caches that reclaim may shrink."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi
from kmemquest.driver.binding import Argument, binds
from kmemquest.driver.devices import world_of
from kmemquest.driver.holdings import gave_back, got
from kmemquest.driver.limits import CALL_STEPS
from kmemquest.driver.pending import running
from kmemquest.driver.printk_format import format_text, read_string
from kmemquest.kernel.gfp import GFP_KERNEL

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

SHRINK_STOP: Final = (1 << 64) - 1
SHRINK_EMPTY: Final = (1 << 64) - 2
SHRINK_BATCH: Final = 128
DEFAULT_SEEKS: Final = 2


@binds("shrinker_alloc", variadic=True)
def shrinker_alloc(engine: Engine, flags: int, template: int, arguments: list[Argument]) -> int:
    machine = engine.machine
    format_text(engine, read_string(machine, template), arguments)
    address = machine.kmalloc.kzalloc(abi.SHRINKER_SIZE, GFP_KERNEL)
    if address:
        abi.put(machine, address, abi.SHRINKER, "flags", flags)
        abi.put(machine, address, abi.SHRINKER, "seeks", DEFAULT_SEEKS)
    return got(engine, "shrinker", address, abi.SHRINKER_SIZE, "shrinker_alloc")


@binds("shrinker_register")
def shrinker_register(engine: Engine, shrinker: int) -> None:
    shrinkers = engine.machine.reclaim.shrinkers
    if shrinker not in shrinkers:
        shrinkers.append(shrinker)


@binds("shrinker_free")
def shrinker_free(engine: Engine, shrinker: int) -> None:
    machine = engine.machine
    if not shrinker:
        return
    reclaim = machine.reclaim
    if shrinker in reclaim.shrinkers:
        reclaim.shrinkers.remove(shrinker)
    for key in [key for key in reclaim.deferred_scans if key[0] == shrinker]:
        del reclaim.deferred_scans[key]
    machine.kmalloc.kfree(shrinker)
    gave_back(engine, shrinker, "shrinker_free", "shrinker")


def shrink(engine: Engine, shrinker: int, gfp: int, node: int, priority: int) -> int:
    """Ask one shrinker for objects (`mm/shrinker.c:do_shrink_slab`); return how many it freed.

    -1 says that its caller never comes back: it waits for ever, or an oops has killed it.

    What it does not scan now, because `gfp` forbids it to or the share is below a batch, is added
    to its next turn.
    """
    machine = engine.machine
    singletons = world_of(engine).singletons
    control = singletons.get("shrink_control")
    if control is None:
        control = singletons["shrink_control"] = engine.reserve(abi.SHRINK_CONTROL_SIZE)
    abi.put(machine, control, abi.SHRINK_CONTROL, "gfp_mask", gfp)
    abi.put(machine, control, abi.SHRINK_CONTROL, "nid", node)
    count = engine.call(
        abi.get(machine, shrinker, abi.SHRINKER, "count_objects"), shrinker, control
    )
    if not running(engine):
        return -1
    if count in (0, SHRINK_EMPTY):
        return 0
    seeks = abi.get(machine, shrinker, abi.SHRINKER, "seeks")
    deferred = machine.reclaim.deferred_scans
    due = deferred.pop((shrinker, node), 0)
    share = (count >> priority) * 4 // seeks if seeks else count // 2
    left = min((due >> priority) + share, 2 * count)
    batch = abi.get(machine, shrinker, abi.SHRINKER, "batch") or SHRINK_BATCH
    freed = scanned = 0
    while left >= batch or left >= count > 0:
        wanted = min(batch, left)
        abi.put(machine, control, abi.SHRINK_CONTROL, "nr_to_scan", wanted)
        abi.put(machine, control, abi.SHRINK_CONTROL, "nr_scanned", wanted)
        # A count gone below zero is 2**64 objects to look for: no kernel comes to the end of them.
        engine.steps_left[0] -= CALL_STEPS
        if engine.steps_left[0] < 0:
            engine.stop("endless-loop", "the shrinker was asked again and again without an end")
            break
        scan = abi.get(machine, shrinker, abi.SHRINKER, "scan_objects")
        result = engine.call(scan, shrinker, control)
        if result == SHRINK_STOP or not running(engine):
            break
        freed += result
        looked_at = max(abi.get(machine, control, abi.SHRINK_CONTROL, "nr_scanned"), 1)
        left -= looked_at
        scanned += looked_at
    deferred[shrinker, node] = min(max(due + share - scanned, 0), 2 * count)
    return freed if running(engine) else -1
