"""What the driver holds right now: the simulator's own knowledge, never the kernel's.

The driver room notes every resource it gets and gives back. Leaks at module exit, the first bad
step and the views come from here, whatever checkers the simulated kernel has.
"""

from __future__ import annotations

from dataclasses import dataclass

from kmemquest.kernel.context import Frame


@dataclass(frozen=True, slots=True)
class Holding:
    """One resource the driver owns: `address` is its pointer or handle, `size` its bytes."""

    kind: str
    address: int
    size: int
    function: str
    site: Frame | None
    time: int


class Ledger:
    """Live resources by (kind, address), in the order in which they were acquired."""

    def __init__(self) -> None:
        self._live: dict[tuple[str, int], Holding] = {}
        self._released: dict[tuple[str, int], tuple[Holding, Frame | None]] = {}

    def acquired(
        self, kind: str, address: int, size: int, function: str, site: Frame | None, time: int
    ) -> None:
        """Note that the driver got `address` from `function`."""
        self._released.pop((kind, address), None)
        self._live[kind, address] = Holding(kind, address, size, function, site, time)

    def released(self, kind: str, address: int, site: Frame | None) -> Holding | None:
        """Note that the driver gave it back; None when it did not hold such a thing."""
        holding = self._live.pop((kind, address), None)
        if holding is not None:
            self._released[kind, address] = (holding, site)
        return holding

    def find(self, kind: str, address: int) -> Holding | None:
        """Return the live holding of that kind at that address."""
        return self._live.get((kind, address))

    def last_release(self, kind: str, address: int) -> tuple[Holding, Frame | None] | None:
        """Return what was last held at an address given back since, and where that was."""
        return self._released.get((kind, address))

    def live(self) -> tuple[Holding, ...]:
        """Everything the driver still holds, oldest first."""
        return tuple(self._live.values())
