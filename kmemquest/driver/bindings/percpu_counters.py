"""`<linux/percpu_counter.h>`: a count, and what every CPU keeps for itself of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver.binding import binds
from kmemquest.driver.bindings import locks
from kmemquest.driver.bindings.basics import list_add_valid, list_del_valid
from kmemquest.driver.devices import kernel_string, world_of
from kmemquest.driver.holdings import gave_back, got
from kmemquest.driver.kernel_structure import blamed, load, need_allocators, store

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

ENOMEM: Final = 12
LOCK, COUNT, LIST, COUNTERS, SIZE = 0, 8, 16, 32, 40
"""Offsets in `struct percpu_counter`, and its size."""
SHARE: Final = 4
"""Bytes of what a CPU keeps."""


def _signed(value: int, bits: int = 64) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _all_counters(engine: Engine) -> int:
    """Return the head of the list of all counters: a CPU that goes gives its shares back."""
    known = world_of(engine).singletons
    if "percpu_counters" not in known:
        head = known["percpu_counters"] = engine.reserve(16)
        for offset in (0, 8):
            engine.machine.memory.store(head + offset, 8, head)
    return known["percpu_counters"]


@binds("__percpu_counter_init_many")
def init_many(engine: Engine, counter: int, amount: int, flags: int, count: int) -> int:
    need_allocators(engine)
    token = engine.machine.percpu.alloc(SHARE * count, SHARE, flags)
    engine.check()
    if not token:
        store(engine, counter + COUNTERS, 0)
        return -ENOMEM
    got(engine, "percpu", token, SHARE * count, "percpu_counter_init")
    head = _all_counters(engine)
    with blamed(engine, "__percpu_counter_init_many"):
        for index in range(count):
            at = counter + SIZE * index
            locks.spin_lock_init(engine, at + LOCK, kernel_string(engine, "&fbc->lock"))
            store(engine, at + COUNT, amount)
            store(engine, at + COUNTERS, token + SHARE * index)
            first = load(engine, head)
            if not list_add_valid(engine, at + LIST, head, first):
                continue
            store(engine, at + LIST, first)
            store(engine, at + LIST + 8, head)
            store(engine, first + 8, at + LIST)
            store(engine, head, at + LIST)
    return 0


@binds("percpu_counter_destroy_many")
def destroy_many(engine: Engine, counter: int, count: int) -> None:
    with blamed(engine, "percpu_counter_destroy_many"):
        token = load(engine, counter + COUNTERS)
        if not token:
            return
        for index in range(count):
            at = counter + SIZE * index
            store(engine, at + COUNTERS, 0)
            if not list_del_valid(engine, at + LIST):
                continue
            following, before = load(engine, at + LIST), load(engine, at + LIST + 8)
            store(engine, following + 8, before)
            store(engine, before, following)
    engine.machine.percpu.free(token)
    gave_back(engine, token, "percpu_counter_destroy", "percpu")


def _lock(engine: Engine, counter: int) -> int:
    name = kernel_string(engine, "&fbc->lock")
    return locks.spin_lock_irqsave(engine, counter + LOCK, name)


def _unlock(engine: Engine, counter: int, flags: int) -> None:
    locks.spin_unlock_irqrestore(engine, counter + LOCK, flags)


def _share(engine: Engine, counter: int, cpu: int) -> int:
    """Return the address of what a CPU keeps."""
    return engine.machine.percpu.address(load(engine, counter + COUNTERS), cpu)


@binds("percpu_counter_add_batch")
def add_batch(engine: Engine, counter: int, amount: int, batch: int) -> None:
    with blamed(engine, "percpu_counter_add_batch"):
        place = _share(engine, counter, engine.machine.slub.cpu)
        total = _signed(load(engine, place, SHARE), 32) + amount
        if abs(total) < batch:
            store(engine, place, total, SHARE)
            return
        flags = _lock(engine, counter)
        engine.check()
        store(engine, counter + COUNT, load(engine, counter + COUNT) + total)
        store(engine, place, 0, SHARE)
        _unlock(engine, counter, flags)


@binds("percpu_counter_set")
def set_count(engine: Engine, counter: int, amount: int) -> None:
    with blamed(engine, "percpu_counter_set"):
        flags = _lock(engine, counter)
        engine.check()
        for cpu in range(engine.machine.spec.cpus):
            store(engine, _share(engine, counter, cpu), 0, SHARE)
        store(engine, counter + COUNT, amount)
        _unlock(engine, counter, flags)


@binds("__percpu_counter_sum")
def total_of(engine: Engine, counter: int) -> int:
    with blamed(engine, "__percpu_counter_sum"):
        flags = _lock(engine, counter)
        engine.check()
        total = _signed(load(engine, counter + COUNT))
        for cpu in range(engine.machine.spec.cpus):
            total += _signed(load(engine, _share(engine, counter, cpu), SHARE), 32)
        _unlock(engine, counter, flags)
    return total


@binds("__percpu_counter_compare")
def compare(engine: Engine, counter: int, rhs: int, batch: int) -> int:
    """Compare; the exact sum is only made when the rough one lies too near."""
    count = _signed(load(engine, counter + COUNT))
    if abs(count - rhs) <= batch * engine.machine.spec.cpus:
        count = total_of(engine, counter)
    return (count > rhs) - (count < rhs)
