"""`DEFINE_PER_CPU` in a module: every possible CPU has its own copy of the section.

CPU 0's copy is the object itself; the others are made when somebody looks for them, with the
initial values that the module was built with (`kernel/module/main.c:percpu_modcopy`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver.devices import world_of

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

SECTION: Final = ".data..percpu"


def copy_for(engine: Engine, address: int, cpu: int) -> int:
    """Return where `cpu` has what CPU 0 has at `address`; 0 for what is no per-CPU variable."""
    if not 0 <= cpu < engine.machine.spec.cpus:
        return 0
    places = engine.placement.symbols
    for item in engine.module.objects.values():
        start = places.get(item.name, 0)
        if item.section == SECTION and start <= address < start + max(item.size, 1):
            return address if cpu == 0 else _copy(engine, item.name, cpu) + address - start
    return 0


def _copy(engine: Engine, name: str, cpu: int) -> int:
    copies = world_of(engine).singletons
    key = f"per-CPU {cpu} {name}"
    if key not in copies:
        item = engine.module.objects[name]
        copies[key] = engine.reserve(item.size)
        engine.machine.memory.poke(copies[key], bytes(item.data))
    return copies[key]
