"""`<linux/kmemleak.h>`: what a driver tells the leak detector about its objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmemquest.driver.binding import binds
from kmemquest.driver.devices import world_of

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine


@binds("kmemleak_not_leak")
def not_leak(engine: Engine, address: int) -> None:
    """Never report the object; what it points to is reached."""
    world_of(engine).unwatched[address] = "not-leak"


@binds("kmemleak_ignore", "kmemleak_free")
def ignore(engine: Engine, address: int) -> None:
    """Neither report the object nor look into it."""
    world_of(engine).unwatched[address] = "ignore"


@binds("kmemleak_no_scan")
def no_scan(engine: Engine, address: int) -> None:
    """Do not look into the object."""
    world_of(engine).unwatched[address] = "no-scan"


@binds("kmemleak_alloc")
def alloc(engine: Engine, address: int, size: int, least: int, flags: int) -> None:
    """Objects of the allocators are known already."""
