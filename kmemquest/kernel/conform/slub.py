"""SLUB against recordings: geometry, merging, and every object and list of a trace."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kmemquest.kernel.conform import ConformResult, Tally, tally_of
from kmemquest.kernel.conform.bare_machine import bare_machine
from kmemquest.kernel.gfp import GFP_KERNEL
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.mm.frame import FrameTable
from kmemquest.kernel.mm.kmalloc import Kmalloc
from kmemquest.kernel.mm.slab_cache import KmemCache, Slab
from kmemquest.kernel.mm.slab_geometry import (
    PERMITTED_FLAGS,
    SLAB_CACHE_DMA,
    SLAB_CONSISTENCY_CHECKS,
    SLAB_HWCACHE_ALIGN,
    SLAB_NO_MERGE,
    SLAB_POISON,
    SLAB_RECLAIM_ACCOUNT,
    SLAB_RED_ZONE,
    SLAB_STORE_USER,
    SLAB_TYPESAFE_BY_RCU,
)
from kmemquest.kernel.mm.slub import SlabAllocator
from kmemquest.kernel.mm.slub_named import KERNEL_CTOR
from kmemquest.kernel.spec import MachineSpec

MAX_PFN: Final = 1 << 20
FIRST_OWN_PFN: Final = 1 << 16

_REQUEST_FLAGS: Final = {
    "none": 0,
    "align64": 0,
    "align256": 0,
    "ctor": 0,
    "HWCACHE_ALIGN": SLAB_HWCACHE_ALIGN,
    "TYPESAFE_BY_RCU": SLAB_TYPESAFE_BY_RCU,
    "RCU": SLAB_TYPESAFE_BY_RCU,
    "RED_ZONE": SLAB_RED_ZONE,
    "POISON": SLAB_POISON,
    "STORE_USER": SLAB_STORE_USER,
    "CONSISTENCY": SLAB_CONSISTENCY_CHECKS,
    "RECLAIM_ACCOUNT": SLAB_RECLAIM_ACCOUNT,
    "CACHE_DMA": SLAB_CACHE_DMA,
}
_MERGE_VARIANTS: Final = (0, SLAB_HWCACHE_ALIGN, SLAB_RECLAIM_ACCOUNT)
_FIELDS: Final = (
    *("name", "flags", "object_size", "size", "align", "order", "objs", "min_order", "min_objs"),
    *("min_partial", "cpu_partial", "cpu_partial_slabs", "inuse", "offset", "red_left_pad"),
    *("refcount", "allocflags", "useroffset", "usersize", "random_seq"),
)


@dataclass(frozen=True, slots=True)
class _Zone:
    node: int = 0
    index: int = 1


class PlainPages:
    """Stands in for the page allocator: frames in ascending order, or those of a recording."""

    def __init__(self) -> None:
        self.frames = FrameTable()
        self.queue: deque[int] = deque()
        """First frames to hand out before any others."""
        self.given_back: set[int] = set()
        self._next = FIRST_OWN_PFN

    def alloc_pages(self, gfp: int, order: int, nid: int | None = None) -> int:
        """Hand out 2**order frames; neither the mask nor the node matter."""
        del gfp, nid
        if self.queue:
            return self.queue.popleft()
        pfn = -(-self._next >> order) << order
        self._next = pfn + (1 << order)
        return pfn

    def free_pages(self, pfn: int, order: int) -> None:
        """Note that a block came back."""
        del order
        self.given_back.add(pfn)

    def zone_of(self, pfn: int) -> _Zone:
        """Return the only zone there is."""
        del pfn
        return _Zone()


def slab_machine(spec: MachineSpec) -> Machine:
    """Return a machine that has the slab allocator on plain pages, and nothing else."""
    machine = bare_machine(spec, MAX_PFN)
    machine.pages = PlainPages()  # type: ignore[assignment]
    machine.slub = SlabAllocator(machine)
    machine.kmalloc = Kmalloc(machine)
    return machine


def describe(cache: KmemCache) -> dict[str, object]:
    """Return a cache's fields by the names that recordings use."""
    geometry = cache.geometry
    return {
        "name": cache.name,
        "flags": hex(cache.flags),
        "object_size": cache.object_size,
        "size": cache.size,
        "align": geometry.align,
        "order": geometry.order,
        "objs": geometry.objects,
        "min_order": geometry.min_order,
        "min_objs": geometry.min_objects,
        "min_partial": geometry.min_partial,
        "cpu_partial": geometry.cpu_partial,
        "cpu_partial_slabs": geometry.cpu_partial_slabs,
        "inuse": cache.inuse,
        "offset": cache.offset,
        "red_left_pad": cache.red_left_pad,
        "refcount": cache.refcount,
        "allocflags": hex(geometry.allocflags),
        "useroffset": cache.useroffset,
        "usersize": cache.usersize,
        "random_seq": int(bool(cache.random_sequence)),
    }


def _compare_cache(
    tally: Tally, operation: str, record: dict[str, Any], cache: KmemCache | None
) -> None:
    expected = {name: record[name] for name in _FIELDS}
    got = describe(cache) if cache is not None else None
    tally.compare(operation, expected, got)


def conform_caches(lines: Iterable[str], spec: MachineSpec) -> ConformResult:
    """Compare all caches of a booted kernel, newest first, with those of the simulator."""
    machine = slab_machine(spec)
    tally = tally_of(lines)
    records = [json.loads(line) for line in lines]
    rows = [(i, row) for i, row in enumerate(records, 1) if row["t"] == "cache"]
    mine = [*reversed(machine.slub.caches)]
    tally.compare("number of caches", len(rows), len(mine))
    for (number, row), cache in zip(rows, mine, strict=False):
        tally.line = number
        _compare_cache(tally, f"cache {row['name']}", row, cache)
    return tally.result()


def conform_geometry(lines: Iterable[str], spec: MachineSpec) -> ConformResult:
    """Compare the layout of caches created with recorded sizes, alignments and flags."""
    machine = slab_machine(spec)
    tally = tally_of(lines)
    for number, line in enumerate(lines, 1):
        tally.line = number
        record = json.loads(line)
        if record["t"] != "geom":
            continue
        flags = SLAB_NO_MERGE
        for word in record["req_flags"].replace("+", "|").split("|"):
            flags |= _REQUEST_FLAGS[word]
        cache = machine.slub.create(
            record["name"],
            record["req_size"],
            record["req_align"],
            flags,
            KERNEL_CTOR if record["req_ctor"] else 0,
        )
        operation = f"create({record['req_size']}, {record['req_align']}, {record['req_flags']})"
        _compare_cache(tally, operation, record, cache)
        machine.slub.destroy(cache)
    return tally.result()


def conform_merge(lines: Iterable[str], spec: MachineSpec) -> ConformResult:
    """Compare which existing cache each of many mergeable creations was aliased to."""
    machine = slab_machine(spec)
    tally = tally_of(lines)
    for number, line in enumerate(lines, 1):
        tally.line = number
        record = json.loads(line)
        if record["t"] != "merge":
            continue
        size, variant = record["req_size"], record["variant"]
        name = f"om_{variant}_{size}"
        cache = machine.slub.create(name, size, 0, _MERGE_VARIANTS[variant])
        _compare_cache(tally, f"create({size}) variant {variant}", record, cache)
        machine.slub.destroy(cache)
    return tally.result()


# --- object traces ----------------------------------------------------------------------------


def conform_object_trace(lines: Iterable[str]) -> ConformResult:
    """Replay allocations and frees of one cache; compare every object and every list.

    The recording gives the frames and the first order of each new slab, and the calls; objects,
    CPU slab, partial lists, counters and released slabs are compared. The replay ends at the
    first difference, because all that follows depends on it.
    """
    records = [json.loads(line) for line in lines]
    return _TraceReplay(records, tally_of(lines)).run()


class _TraceReplay:
    def __init__(self, records: list[Any], tally: Tally) -> None:
        self.records = records
        self.tally = tally
        self.machine = slab_machine(MachineSpec())
        self.slub = self.machine.slub
        self.pages: PlainPages = self.machine.pages  # type: ignore[assignment]
        self.orders: deque[tuple[int, list[int]]] = deque()
        self.listed: list[Any] = [-1, [], [], 0]
        meta = records[0]
        cache = self.slub.create(
            meta["name"], meta["object_size"], 0, int(meta["flags"], 16) & PERMITTED_FLAGS
        )
        assert cache is not None
        self.cache = cache
        self.tally.line = 1
        _compare_cache(self.tally, "the cache", meta, cache)
        for record in records:
            if isinstance(record, list) and record[0] in ("new", "newb"):
                self.pages.queue.append(record[1])
                self.orders.append((record[1], record[3]))
        self.slub.choose_order = self._order

    def run(self) -> ConformResult:
        pending = ""
        for number, record in enumerate(self.records[1:], 2):
            if self.tally.first is not None:
                return self.tally.result()
            is_list = isinstance(record, list)
            kind = record[0] if is_list else record["t"]
            if kind == "st":
                self.listed = record[1:]
                continue
            if kind in ("new", "newb"):
                continue
            if kind == "gone":
                pfn = record[1]
                self.tally.compare(f"slab {pfn} released", True, pfn in self.pages.given_back)
                self.pages.given_back.discard(pfn)
                continue
            if pending and not self._compare_lists(pending):
                return self.tally.result()
            self.tally.line = number
            pending = self._operate(kind, record)
        left = sorted(self.pages.given_back)
        self.tally.compare("slabs released besides", [], left)
        return self.tally.result()

    def _operate(self, kind: str, record: Any) -> str:
        if kind == "a":
            address = self.slub.alloc(self.cache, GFP_KERNEL)
            self.tally.compare("alloc", record[1:], self._place(address))
        elif kind == "f":
            self.slub.free(self.cache, self._address(record[1:]))
        elif kind == "ab":
            objects = self.slub.alloc_bulk(self.cache, GFP_KERNEL, record[1])
            places = [self._place(address) for address in objects]
            self.tally.compare(f"alloc_bulk({record[1]})", record[2], places)
        elif kind == "fb":
            addresses = [self._address(place) for place in record[1]]
            self.slub.free_bulk(self.cache, addresses)
        elif kind == "detail":
            self._compare_detail(record)
        return kind

    def _order(self, slab: Slab) -> Sequence[int]:
        if slab.cache is not self.cache:
            return range(slab.objects)
        pfn, order = self.orders.popleft()
        self.tally.compare("frame of the new slab", pfn, slab.pfn)
        return order

    def _place(self, address: int) -> list[int]:
        slab = self.slub.slab_of(address)
        return [slab.pfn, slab.index_of(address)] if slab is not None else [-1, -1]

    def _address(self, place: Sequence[int]) -> int:
        return self.slub.slabs[place[0]].slot(place[1])

    def _compare_lists(self, operation: str) -> bool:
        cpu, node = self.cache.cpus[0], self.cache.nodes[0]
        got = [
            cpu.slab.pfn if cpu.slab is not None else -1,
            [slab.pfn for slab in cpu.partial],
            list(node.partial),
            node.nr_slabs,
        ]
        return self.tally.compare(f"lists after {operation}", self.listed, got)

    def _compare_detail(self, record: dict[str, Any]) -> None:
        cpu, node = self.cache.cpus[0], self.cache.nodes[0]
        free = self.slub.cpu_freelist(self.cache)
        got = {
            "cpu_slab": cpu.slab.pfn if cpu.slab is not None else -1,
            "cpu_freelist": [self._place(address)[1] for address in free],
            "cpu_partial_slabs_field": cpu.partial[0].slabs if cpu.partial else 0,
            "cpu_partial": [_counters(slab) for slab in cpu.partial],
            "node_partial": [_counters(slab) for slab in node.partial.values()],
            "nr_partial": len(node.partial),
            "nr_slabs": node.nr_slabs,
        }
        for name, value in got.items():
            self.tally.compare(f"detail {name}", record[name], value)


def _counters(slab: Slab) -> list[int]:
    return [slab.pfn, slab.inuse, slab.objects, int(slab.frozen)]
