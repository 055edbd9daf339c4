"""kmalloc against recordings: every size, every type of cache, krealloc, alignment."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any

from kmemquest.kernel.address import ZERO_SIZE_PTR
from kmemquest.kernel.conform import ConformResult, Tally, tally_of
from kmemquest.kernel.gfp import GFP_KERNEL, ZERO
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.mm.kmalloc import KMALLOC_MAX_CACHE_SIZE, KMALLOC_SIZES
from kmemquest.kernel.mm.slab_geometry import KMALLOC_MAX_SIZE, WORD
from kmemquest.kernel.spec import GIB, MachineSpec

_SIZE_MAX = (1 << 64) - 1
LONGEST_RANGE = 1 << 16
"""More sizes than any line of a recording tells of at once."""


def conform_size(lines: Iterable[str]) -> ConformResult:
    """Replay a recording of request sizes, krealloc calls and alignments."""
    machine = Machine.boot(MachineSpec(ram=GIB))
    tally = tally_of(lines)
    for number, line in enumerate(lines, 1):
        tally.line = number
        record = json.loads(line)
        kind = record[0] if isinstance(record, list) else record["t"]
        if kind == "sz":
            _compare_sizes(machine, tally, record)
        elif kind == "zero":
            _compare_constants(machine, tally, record)
        elif kind == "krealloc":
            _compare_krealloc(machine, tally, record)
        elif kind == "krealloc_zero":
            _compare_growth(machine, tally, record)
        elif kind == "kalign":
            _compare_alignment(machine, tally, record)
    return tally.result()


def _cache_name(machine: Machine, address: int) -> str:
    if not address:
        return "FAIL"
    if address == ZERO_SIZE_PTR:
        return "ZERO_SIZE_PTR"
    cache = machine.slub.cache_of(address)
    return cache.name if cache is not None else "(large)"


def _compare_sizes(machine: Machine, tally: Tally, record: dict[str, Any]) -> None:
    """Try every size of a recorded range with its flags."""
    kmalloc = machine.kmalloc
    expected = (record["cache"], record["ksize"], record["roundup"])
    if record["hi"] - record["lo"] > LONGEST_RANGE:
        raise ValueError(f"a range of {record['hi'] - record['lo']} sizes")
    for size in range(record["lo"], record["hi"] + 1):
        address = kmalloc.kmalloc(size, record["gfpv"])
        got = (_cache_name(machine, address), kmalloc.ksize(address), kmalloc.size_roundup(size))
        kmalloc.kfree(address)
        tally.compare(f"kmalloc({size}, {record['gfp']})", expected, got)


def _compare_constants(machine: Machine, tally: Tally, record: dict[str, Any]) -> None:
    kmalloc = machine.kmalloc
    many = _SIZE_MAX // 2
    got = {
        "kmalloc0": hex(kmalloc.kmalloc(0, GFP_KERNEL)),
        "ksize_zero": kmalloc.ksize(ZERO_SIZE_PTR),
        "kcalloc_overflow": int(kmalloc.kcalloc(many, 4, GFP_KERNEL) == 0),
        "kmalloc_array_overflow": int(kmalloc.kmalloc_array(many, 4, GFP_KERNEL) == 0),
        "KMALLOC_MAX_SIZE": KMALLOC_MAX_SIZE,
        "KMALLOC_MAX_CACHE_SIZE": KMALLOC_MAX_CACHE_SIZE,
        "KMALLOC_MIN_SIZE": KMALLOC_SIZES[0],
        "ARCH_KMALLOC_MINALIGN": WORD,
        "kcalloc0": hex(kmalloc.kcalloc(0, 8, GFP_KERNEL)),
        "ksize_null": kmalloc.ksize(0),
    }
    for name, value in record.items():
        if name != "t":
            tally.compare(name, value, got.get(name))


def _compare_krealloc(machine: Machine, tally: Tally, record: list[Any]) -> None:
    _, old, new, *expected = record
    _refuse_immense(old, new)
    kmalloc, memory = machine.kmalloc, machine.memory
    before = kmalloc.kmalloc(old, GFP_KERNEL)
    pattern = bytes(index * 7 + 1 & 0xFF for index in range(old))
    memory.store_bytes(before, pattern)
    old_room = kmalloc.ksize(before)
    after = kmalloc.krealloc(before, new, GFP_KERNEL)
    if after == ZERO_SIZE_PTR:
        got = [old_room, 0, "zero", "", -1]
    else:
        common = min(old, new)
        kept = int(memory.peek(after, common) == pattern[:common])
        moved = "same" if after == before else "moved"
        got = [old_room, kmalloc.ksize(after), moved, _cache_name(machine, after), kept]
    kmalloc.kfree(after)
    tally.compare(f"krealloc({old} -> {new})", expected, got)


def _refuse_immense(*sizes: int) -> None:
    if max(sizes) > 2 * KMALLOC_MAX_SIZE:
        raise ValueError(f"objects of {max(sizes)} bytes")


def _compare_growth(machine: Machine, tally: Tally, record: list[Any]) -> None:
    """Grow an object with __GFP_ZERO: the new part must read as zero."""
    _, old, new, *expected = record
    _refuse_immense(old, new)
    kmalloc, memory = machine.kmalloc, machine.memory
    before = kmalloc.kzalloc(old, GFP_KERNEL)
    memory.store_bytes(before, b"\xa5" * old)
    after = kmalloc.krealloc(before, new, GFP_KERNEL | ZERO)
    grown = memory.peek(after + old, new - old)
    got = ["same" if after == before else "moved", len(grown) - grown.count(0)]
    kmalloc.kfree(after)
    tally.compare(f"krealloc zeroed ({old} -> {new})", expected, got)


def _compare_alignment(machine: Machine, tally: Tally, record: list[Any]) -> None:
    """The alignment that 40 addresses of a size have in common."""
    _, size, alignment, name = record
    kmalloc = machine.kmalloc
    addresses = [kmalloc.kmalloc(size, GFP_KERNEL) for _ in range(40)]
    bits = reduce(or_, addresses)
    got = (bits & -bits, _cache_name(machine, addresses[0]))
    for address in addresses:
        kmalloc.kfree(address)
    tally.compare(f"alignment of kmalloc({size})", (alignment, name), got)
