"""Simulated time: the dearer way through the allocator takes longer."""

from kmemquest.kernel.events import Event, Reclaimed
from kmemquest.kernel.gfp import GFP_KERNEL
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.spec import MIB, MachineSpec


def test_costs_grow_from_the_per_cpu_list_to_direct_reclaim() -> None:
    machine = Machine.boot(MachineSpec(ram=64 * MIB, page_cache=32 * MIB))
    events: list[Event] = []
    machine.events.subscribe(events.append)

    def cost(order: int) -> int:
        before = machine.clock.now
        assert machine.pages.alloc_pages(GFP_KERNEL, order) >= 0
        return machine.clock.now - before

    cost(0)
    from_list = cost(0)
    from_buddy = cost(4)
    reclaiming = 0
    while not reclaiming:
        before = len(events)
        spent = cost(0)
        if any(isinstance(event, Reclaimed) for event in events[before:]):
            reclaiming = spent
    assert 0 < from_list < from_buddy < reclaiming
    assert reclaiming > 10 * from_list
