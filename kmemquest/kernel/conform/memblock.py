"""Replay of recorded memblock operations against the simulated one.

A recording is a list of JSON lines: `RESET` starts an episode, `DUMP` shows both arrays, every
other line is one call with its arguments, its result and the counters after it. All addresses
and sizes are hexadecimal strings. Virtual and physical addresses are the same number there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Final

from kmemquest.kernel.conform import ConformResult, Tally, tally_of
from kmemquest.kernel.mm.memblock import Memblock
from kmemquest.kernel.mm.memblock_regions import RegionArray

RECORDED_CACHE_BYTES: Final = 32
"""The recordings' build rounds an alignment of 0 up to 32 (an x86-64 kernel: 64)."""

Step = dict[str, Any]
Player = Callable[[Memblock, Step], dict[str, Any]]


def conform_memblock(lines: Iterable[str]) -> ConformResult:
    """Replay every line; each result, counter, warning and array dump must be equal."""
    memblock = Memblock(virtual_base=0)
    tally = tally_of(lines)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        tally.line = number
        step: Step = json.loads(line)
        if step["op"] == "RESET":
            memblock = _fresh(step)
        _play(tally, memblock, step)
    return tally.result()


def _fresh(step: Step) -> Memblock:
    memblock = Memblock(
        max_numnodes=step["MAX_NUMNODES"],
        cache_bytes=RECORDED_CACHE_BYTES,
        mirrored_kernelcore=bool(step["mirrored_kernelcore"]),
        movable_node=bool(step["movable_node"]),
        virtual_base=0,
    )
    memblock.can_resize = bool(step["can_resize"])
    return memblock


def _play(tally: Tally, memblock: Memblock, step: Step) -> None:
    """Do one step and compare all that the recording tells about it as one comparison."""
    before = memblock.warnings
    operation = step["op"]
    if operation == "DUMP":
        got: Step = _dump(memblock)
    elif operation in _PLAYERS or operation == "RESET":
        got = _PLAYERS[operation](memblock, step) if operation != "RESET" else {}
        got["mem"] = _counters(memblock.memory)
        got["rsv"] = _counters(memblock.reserved)
        if memblock.warnings != before or "warn_on" in step:
            got["warn_on"] = memblock.warnings - before
    else:
        got = {"op": "unknown"}
    expected = {key: step.get(key) for key in got}
    tally.compare(f"{operation} (step {step['i']})", expected, got)


def _counters(array: RegionArray) -> list[int | str]:
    return [len(array), array.capacity, hex(array.total_size)]


def _dump(memblock: Memblock) -> Step:
    def array(of: RegionArray) -> Step:
        return {
            "cnt": len(of),
            "max": of.capacity,
            "total_size": hex(of.total_size),
            "regions": [[hex(r.base), hex(r.size), r.flags, r.nid] for r in of.regions],
        }

    def address(of: RegionArray) -> str | None:
        return None if of.array_at is None else hex(of.array_at)

    return {
        "bottom_up": int(memblock.bottom_up),
        "current_limit": hex(memblock.current_limit),
        "has_mirror": int(memblock.has_mirror),
        "mem_array_at": address(memblock.memory),
        "rsv_array_at": address(memblock.reserved),
        "memory": array(memblock.memory),
        "reserved": array(memblock.reserved),
    }


# --- one player per recorded call ---------------------------------------------------------


def _number(value: Any) -> int:
    return int(value, 16) if isinstance(value, str) else int(value)


def _array(memblock: Memblock, step: Step) -> RegionArray:
    return memblock.memory if step["type"] == "memory" else memblock.reserved


def _call(name: str, *keys: str, show: Callable[[Any], Any] = int) -> Player:
    def play(memblock: Memblock, step: Step) -> dict[str, Any]:
        return {"ret": show(getattr(memblock, name)(*(_number(step[key]) for key in keys)))}

    return play


def _no_result(name: str, *keys: str) -> Player:
    def play(memblock: Memblock, step: Step) -> dict[str, Any]:
        getattr(memblock, name)(*(_number(step[key]) for key in keys))
        return {}

    return play


def _isolate(memblock: Memblock, step: Step) -> dict[str, Any]:
    base, size = _number(step["base"]), _number(step["size"])
    error, start, end = memblock.isolate_range(_array(memblock, step), base, size)
    return {"ret": error, "start_rgn": start, "end_rgn": end}


def _set_node(memblock: Memblock, step: Step) -> dict[str, Any]:
    base, size = _number(step["base"]), _number(step["size"])
    array = _array(memblock, step) if "type" in step else memblock.memory
    return {"ret": memblock.set_node(base, size, array, step["nid"])}


def _overlaps(memblock: Memblock, step: Step) -> dict[str, Any]:
    base, size = _number(step["base"]), _number(step["size"])
    return {"ret": int(memblock.overlaps_region(_array(memblock, step), base, size))}


def _search_pfn_nid(memblock: Memblock, step: Step) -> dict[str, Any]:
    nid, start, end = memblock.search_pfn_nid(step["pfn"])
    return {"ret": nid, "start_pfn": start, "end_pfn": end} if nid >= 0 else {"ret": nid}


def _free_ranges(memblock: Memblock, step: Step) -> dict[str, Any]:
    ranges = memblock.free_ranges(step["nid"], step["flags"])
    return {"ret": [[hex(start), hex(end), nid] for start, end, nid in ranges]}


def _free_ranges_reverse(memblock: Memblock, step: Step) -> dict[str, Any]:
    ranges = memblock.free_ranges_reverse(step["nid"], step["flags"])
    return {"ret": [[hex(start), hex(end), nid] for start, end, nid in ranges]}


def _pfn_ranges(memblock: Memblock, step: Step) -> dict[str, Any]:
    return {"ret": [list(entry) for entry in memblock.pfn_ranges(step["nid"])]}


def _mem_ranges(memblock: Memblock, step: Step) -> dict[str, Any]:
    ranges = [[hex(start), hex(end)] for start, end in memblock.memory_ranges()]
    return {"ret": ranges[::-1] if step["op"].endswith("_rev") else ranges}


def _find(memblock: Memblock, step: Step) -> dict[str, Any]:
    start, end = _number(step["start"]), _number(step["end"])
    found = memblock.find_in_range(start, end, _number(step["size"]), _number(step["align"]))
    return {"ret": hex(found)}


_PLAYERS: Final[dict[str, Player]] = {
    "memblock_add": _call("add", "base", "size"),
    "memblock_add_node": _call("add_node", "base", "size", "nid", "flags"),
    "memblock_reserve": _call("reserve", "base", "size"),
    "memblock_remove": _call("remove", "base", "size"),
    "memblock_phys_free": _call("phys_free", "base", "size"),
    "memblock_isolate_range": _isolate,
    "memblock_mark_hotplug": _call("mark_hotplug", "base", "size"),
    "memblock_clear_hotplug": _call("clear_hotplug", "base", "size"),
    "memblock_mark_mirror": _call("mark_mirror", "base", "size"),
    "memblock_mark_nomap": _call("mark_nomap", "base", "size"),
    "memblock_clear_nomap": _call("clear_nomap", "base", "size"),
    "memblock_reserved_mark_noinit": _call("reserved_mark_noinit", "base", "size"),
    "memblock_set_node": _set_node,
    "memblock_set_bottom_up": _no_result("set_bottom_up", "enable"),
    "memblock_set_current_limit": _no_result("set_current_limit", "limit"),
    "memblock_trim_memory": _no_result("trim_memory", "align"),
    "memblock_enforce_memory_limit": _no_result("enforce_memory_limit", "limit"),
    "memblock_cap_memory_range": _no_result("cap_memory_range", "base", "size"),
    "memblock_mem_limit_remove_map": _no_result("mem_limit_remove_map", "limit"),
    "memblock_alloc": _call("alloc", "size", "align", show=hex),
    "memblock_alloc_raw": _call("alloc_raw", "size", "align", show=hex),
    "memblock_alloc_from": _call("alloc_from", "size", "align", "min", show=hex),
    "memblock_alloc_low": _call("alloc_low", "size", "align", show=hex),
    "memblock_alloc_node": _call("alloc_node", "size", "align", "nid", show=hex),
    "memblock_alloc_try_nid": _call(
        "alloc_try_nid", "size", "align", "min", "max", "nid", show=hex
    ),
    "memblock_alloc_try_nid_raw": _call(
        "alloc_try_nid_raw", "size", "align", "min", "max", "nid", show=hex
    ),
    "memblock_alloc_exact_nid_raw": _call(
        "alloc_exact_nid_raw", "size", "align", "min", "max", "nid", show=hex
    ),
    "memblock_phys_alloc": _call("phys_alloc", "size", "align", show=hex),
    "memblock_phys_alloc_range": _call(
        "phys_alloc_range", "size", "align", "start", "end", show=hex
    ),
    "memblock_phys_alloc_try_nid": _call("phys_alloc_try_nid", "size", "align", "nid", show=hex),
    "memblock_find_in_range": _find,
    "for_each_free_mem_range": _free_ranges,
    "for_each_free_mem_range_reverse": _free_ranges_reverse,
    "for_each_mem_pfn_range": _pfn_ranges,
    "for_each_mem_range": _mem_ranges,
    "for_each_mem_range_rev": _mem_ranges,
    "memblock_phys_mem_size": _call("phys_mem_size", show=hex),
    "memblock_reserved_size": _call("reserved_size", show=hex),
    "memblock_estimated_nr_free_pages": _call("estimated_nr_free_pages"),
    "memblock_start_of_DRAM": _call("start_of_dram", show=hex),
    "memblock_end_of_DRAM": _call("end_of_dram", show=hex),
    "memblock_is_memory": _call("is_memory", "addr"),
    "memblock_is_map_memory": _call("is_map_memory", "addr"),
    "memblock_is_reserved": _call("is_reserved", "addr"),
    "memblock_is_region_memory": _call("is_region_memory", "base", "size"),
    "memblock_is_region_reserved": _call("is_region_reserved", "base", "size"),
    "memblock_overlaps_region": _overlaps,
    "memblock_addrs_overlap": _call("addrs_overlap", "base1", "size1", "base2", "size2"),
    "memblock_search_pfn_nid": _search_pfn_nid,
}
