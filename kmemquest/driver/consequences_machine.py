"""From the description of a boot in a recording's index to the machine that boots like it."""

from __future__ import annotations

from typing import Any, Final

from kmemquest.kernel.machine import Machine
from kmemquest.kernel.spec import MIB, Checkers, MachineSpec

CMA: Final = "cma=16M"
"""The recorded kernels are configured with a contiguous memory area of this size."""
SMALL_IMAGE: Final = "kmemquest.image=512M"
"""They are built without KASLR."""
KNOWN_WORDS: Final = (
    "init_on_", "swiotlb", "page_poison", "pti", "slab_nomerge", "slab_max_order", "cma",
)  # fmt: skip
"""Beginnings of the boot words that matter to memory management; the others are left out."""


def spec_of(boot: dict[str, Any]) -> MachineSpec:
    """Return the spec of a boot: `kernel` (its first letter is the build), memory, cmdline.

    A is built with every checker, B with all but KASAN, C as a distribution builds it.
    """
    build = str(boot["kernel"])[:1]
    words = str(boot["cmdline"]).split()
    options = [word for word in words if word.startswith(KNOWN_WORDS)]
    if build != "C" and not any(word.startswith("init_on_alloc=") for word in options):
        options.append("init_on_alloc=0")
    if not any(word.startswith("cma=") for word in options):
        options.append(CMA)
    options.append(SMALL_IMAGE)
    slub = next(
        (w.split("=", 1)[1] for w in words if w.startswith(("slub_debug=", "slab_debug="))), ""
    )
    debug = build in ("A", "B")
    checkers = Checkers(
        kasan=build == "A",
        atomic_sleep=debug,
        kmemleak=debug and "kmemleak=off" not in words,
        dma_debug=debug and "dma_debug=off" not in words,
        lockdep=debug and "obnolockdep" not in words,
        debug_vm=debug,
        slub_debug=slub,
    )
    memory = int(boot["memory_MiB"]) * MIB
    return MachineSpec(ram=memory, options=tuple(options), checkers=checkers)


class BootedMachines:
    """Boots each machine once and hands out fresh copies."""

    def __init__(self, boots: dict[str, Any]) -> None:
        self._boots = boots
        self._snapshots: dict[str, bytes] = {}

    def fresh(self, key: str) -> Machine:
        """Return a machine as it is after the boot named `key` (`A-second` is another run on A)."""
        name = key if key in self._boots else key.split("-", maxsplit=1)[0]
        snapshot = self._snapshots.get(name)
        if snapshot is None:
            machine = Machine.boot(spec_of(self._boots[name]))
            # Without huge pages, as recorded, no large block waits on a per-CPU list.
            machine.pages.drain_all_pages()
            snapshot = machine.snapshot()
            self._snapshots[name] = snapshot
        return Machine.restore(snapshot)
