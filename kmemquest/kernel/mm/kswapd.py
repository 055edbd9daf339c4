"""kswapd: reclaim in the background, from the low mark up to the high mark.

The simulator has one thread of control, so "in the background" needs a rule: a wake-up only
notes what is wanted. kswapd runs at once when the waker could sleep itself (the scheduler would
switch to it before the allocation goes on); a wake-up from atomic context waits until
`Reclaim.run_kswapd` is called in process context, that is, when the CPU next goes idle, sleeps
or returns to user space, or when the next sleeping allocation enters the slow path.
Source: `mm/vmscan.c` (`wakeup_kswapd`, `balance_pgdat`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kmemquest.kernel.context import PF_MEMALLOC, Task
from kmemquest.kernel.events import KswapdWoken
from kmemquest.kernel.mm import watermark
from kmemquest.kernel.mm.zone import (
    WMARK_HIGH,
    ZONE_RECLAIM_ACTIVE,
    Zone,
)

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine
    from kmemquest.kernel.mm.reclaim import Reclaim

DEF_PRIORITY: Final = 12
SWAP_CLUSTER_MAX: Final = 32
MAX_RECLAIM_RETRIES: Final = 16
WAKE_COST: Final = 1_500
"""Nanoseconds of a wake-up and the two context switches."""


@dataclass(slots=True)
class Kswapd:
    """The state of one node's kswapd. `order` and `highest_zone` are of the pending wake-up."""

    node: int
    pending: bool = False
    order: int = 0
    highest_zone: int = 0
    compact_order: int = 0
    """The order kcompactd shall work for once kswapd sleeps (`wakeup_kcompactd`)."""
    failures: int = 0
    """Runs in a row without a reclaimed page; 16 make the node hopeless."""
    task: Task = field(default_factory=lambda: Task(0, ""))

    @property
    def hopeless(self) -> bool:
        """True when kswapd has given up until direct reclaim succeeds."""
        return self.failures >= MAX_RECLAIM_RETRIES


def kswapd_of(node: int, pid: int) -> Kswapd:
    """Return a sleeping kswapd for a node."""
    return Kswapd(node, task=Task(pid, f"kswapd{node}", flags=PF_MEMALLOC, kthread=True))


def wake(reclaim: Reclaim, kswapd: Kswapd, order: int, highest_zone: int) -> bool:
    """Note a wake-up; False when the node is balanced already or hopeless."""
    machine = reclaim.machine
    zones = zones_of(machine, kswapd.node, highest_zone)
    if not zones:
        return False
    if kswapd.hopeless or (balanced(zones, order, highest_zone) and not boosted(zones)):
        return False
    kswapd.order = max(kswapd.order, order) if kswapd.pending else order
    if kswapd.pending:
        highest_zone = max(highest_zone, kswapd.highest_zone)
    kswapd.highest_zone = highest_zone
    kswapd.pending = True
    if machine.events.active:
        machine.events.emit(KswapdWoken(kswapd.node, order))
    return True


def zones_of(machine: Machine, node: int, highest_zone: int) -> list[Zone]:
    """Return the managed zones of a node up to an index, lowest first."""
    zones = machine.pages.nodes[node].zones
    return [zone for zone in zones if zone.managed and zone.index <= highest_zone]


def balanced(zones: list[Zone], order: int, highest_zone: int) -> bool:
    """Tell whether one zone at least is above its high mark (`pgdat_balanced`)."""
    return any(
        watermark.watermark_ok(zone, order, zone.mark(WMARK_HIGH), highest_zone, 0)
        for zone in zones
    )


def boosted(zones: list[Zone]) -> bool:
    """Tell whether a zone's marks are boosted (`pgdat_watermark_boosted`)."""
    return any(zone.boost for zone in zones)


def run(reclaim: Reclaim, kswapd: Kswapd) -> int:
    """Run a woken kswapd until it sleeps again; return the pages it reclaimed."""
    machine = reclaim.machine
    context = machine.context
    kswapd.pending = False
    order, highest_zone = kswapd.order, kswapd.highest_zone
    zones = zones_of(machine, kswapd.node, highest_zone)
    running, stack = context.task, context.stack
    context.task, context.stack = kswapd.task, []
    machine.clock.advance(WAKE_COST)
    for zone in zones:
        zone.flags |= ZONE_RECLAIM_ACTIVE
    reclaimed = _balance(reclaim, kswapd, zones, order, highest_zone)
    kswapd.compact_order = max(kswapd.compact_order, order)
    for zone in zones:
        zone.flags &= ~ZONE_RECLAIM_ACTIVE
    context.task, context.stack = running, stack
    return reclaimed


def _balance(
    reclaim: Reclaim, kswapd: Kswapd, zones: list[Zone], order: int, highest_zone: int
) -> int:
    """Reclaim until a zone is above its high mark, with growing effort (`balance_pgdat`)."""
    boosts = [zone.boost for zone in zones]
    boost_left = sum(boosts)
    was_boosted = boost_left > 0
    total = 0
    priority = DEF_PRIORITY
    while priority >= 1:
        fine = balanced(zones, order, highest_zone)
        if boost_left and not fine:
            # Reclaiming for the marks proper comes first, and starts over.
            boost_left, priority = 0, DEF_PRIORITY
            continue
        if fine and not boost_left:
            break
        target = sum(max(zone.mark(WMARK_HIGH), SWAP_CLUSTER_MAX) for zone in zones)
        got = reclaim.shrink_node(kswapd.node, target, priority, highest_zone, "kswapd")
        total += got
        if order and total >= 2 << order:
            # Enough free pages to shuffle with: the rest is compaction's task.
            order = 0
        boosting = boost_left > 0
        boost_left -= min(boost_left, got)
        if boost_left and not got:
            break
        gentle = boosting and priority == DEF_PRIORITY - 2
        if not got or not (gentle or got >= target):
            priority -= 1
    if was_boosted:
        for zone, boost in zip(zones, boosts, strict=True):
            zone.boost -= min(zone.boost, boost)
    if not total and not balanced(zones, order, highest_zone):
        kswapd.failures += 1
    return total
