"""What a script's `pressure` step does: other programs and the page cache take and give memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kmemquest.driver.contexts import process
from kmemquest.driver.devices import World
from kmemquest.kernel.address import PAGE_SHIFT
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.mm.user_memory import Process


def press(machine: Machine, world: World, values: Mapping[str, Any]) -> int:
    """Take or give back `values["size"]` bytes; return the pages that moved."""
    reclaim = machine.reclaim
    count = values["size"] >> PAGE_SHIFT
    match values["kind"]:
        case "page_cache":
            return reclaim.page_cache.fill(count)
        case "drop_caches":
            pages = [pfn for lru in reclaim.page_cache.lru for pfn in lru]
            for pfn in pages:
                reclaim.page_cache.drop(pfn)
            return len(pages)
        case "release":
            running = [p for p in reclaim.user.processes.values() if p.comm == values["name"]]
            return sum(reclaim.user.exit(hog) for hog in running)
    hog = Process(world.new_pid(), values["name"])
    reclaim.user.start(hog)
    with process(machine, hog.comm, hog.pid):
        return reclaim.user.touch(hog, count)
