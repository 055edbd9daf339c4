"""kmemleak: looks for objects to which no pointer is left (`mm/kmemleak.c`).

A scan reads memory, word by word, as the kernel's does: static data of the module and of the
kernel's own structures, then every object that was reached. A value anywhere inside an object
counts as a reference to it, so an interior pointer hides a leak and a disguised one makes a false
report. An object is reported from the second scan on, when it is five seconds old and has not
changed between the scans.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from zlib import crc32

from kmemquest.driver.devices import world_of
from kmemquest.driver.leaks import TRACKED, kmemleak_report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kmemquest.driver.engine import Engine
    from kmemquest.kernel.check.ledger import Holding

MIN_AGE: Final = 5_000_000_000
SCAN_COST: Final = 40_000_000
"""Nanoseconds of a scan of a small machine."""


class Kmemleak:
    """The checker of one machine; it does nothing where the kernel is built without it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sums: dict[tuple[int, int], int] = {}
        """(address, time of allocation) -> checksum of the object at the last scan."""
        self._reported: dict[tuple[int, int], Holding] = {}

    def scan(self) -> int:
        """Scan once (`echo scan > /sys/kernel/debug/kmemleak`); return how many are new."""
        machine = self._engine.machine
        if not machine.checks.config.kmemleak:
            return 0
        machine.clock.advance(SCAN_COST)
        told = world_of(self._engine).unwatched
        live = machine.checks.book.live()
        objects = [
            item for item in live if item.kind in TRACKED and told.get(item.address) != "ignore"
        ]
        white = self._unreached(objects)
        new = 0
        for item in objects:
            key = item.address, item.time
            content = crc32(machine.memory.peek(item.address, item.size))
            unchanged = self._sums.get(key) == content
            self._sums[key] = content
            if item.address not in white:
                self._reported.pop(key, None)
            elif unchanged and machine.clock.now - item.time >= MIN_AGE:
                if key not in self._reported:
                    new += 1
                self._reported[key] = item
        if new:
            text = f"kmemleak: {new} new suspected memory leaks (see /sys/kernel/debug/kmemleak)"
            machine.log.print(text, 6)
        return new

    def file(self) -> list[str]:
        """Return the lines of /sys/kernel/debug/kmemleak."""
        live = {(item.address, item.time) for item in self._engine.machine.checks.book.live()}
        lines: list[str] = []
        for key, item in self._reported.items():
            if key in live:
                lines += kmemleak_report(self._engine, item).lines
        return lines

    def _unreached(self, objects: list[Holding]) -> set[int]:
        """Return the addresses of objects that no scanned word points into."""
        told = world_of(self._engine).unwatched
        white = {item.address: item for item in objects if item.size}
        memory = self._engine.machine.memory
        todo = list(self._roots())
        for address, what in told.items():
            if what == "not-leak" and address in white:
                todo.append((address, white.pop(address).size))
        while todo and white:
            start, size = todo.pop()
            for word in _words(memory.peek(start, size)):
                for address, item in list(white.items()):
                    if address <= word < address + max(item.size, 1):
                        del white[address]
                        if told.get(address) != "no-scan":
                            todo.append((address, item.size))
        return set(white)

    def _roots(self) -> Iterator[tuple[int, int]]:
        """Yield (address, bytes) of what is scanned without being reached from anywhere."""
        for item in self._engine.module.objects.values():
            if item.section.startswith((".data", ".bss")):
                yield self._engine.globals_address(item.name), item.size
        world = world_of(self._engine)
        for address in (*world.timers, *world.works, *world.delayed, *world.hrtimers):
            yield address, 64
        for device in world.devices.values():
            yield device.structure, 512
            for managed in device.managed:
                yield managed.address, 0


def _words(data: bytes) -> Iterator[int]:
    for start in range(0, len(data) - 7, 8):
        yield int.from_bytes(data[start : start + 8], "little")
