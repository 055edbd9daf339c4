"""The vmalloc window, DMA, and memblock."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kmemquest.kernel import events as ev
from kmemquest.level.picture import Picture
from kmemquest.level.views.fold import Fold


@dataclass(frozen=True, slots=True)
class AreaRow:
    """An area [start, end) with its guard page; `state` is live or lazy (freed, not purged)."""

    start: int
    end: int
    kind: str
    pages: int
    caller: str
    state: str
    changed: bool


@dataclass(frozen=True, slots=True)
class VmallocView:
    """The areas by ascending address; `new` are those behind the driver's calls."""

    areas: tuple[AreaRow, ...]
    new: tuple[AreaRow, ...]


class VmallocFold(Fold[VmallocView]):
    """Follows areas from creation to purge."""

    topics = frozenset(("vmalloc", "call"))

    def __init__(self) -> None:
        self._calls = 0
        self._areas: dict[int, AreaRow] = {}
        self._new: set[int] = set()
        self._changed: set[int] = set()

    def start(self, picture: Picture) -> None:
        self._areas = {
            area.start: AreaRow(
                area.start, area.end, area.kind, len(area.pfns), area.caller, "live", changed=False
            )
            for area in picture.areas
        }

    def forget_changes(self) -> None:
        for start in self._changed:
            if start in self._areas:
                self._areas[start] = replace(self._areas[start], changed=False)
        self._changed = set()

    def clone(self) -> VmallocFold:
        twin = VmallocFold()
        twin._areas, twin._new = dict(self._areas), set(self._new)
        twin._changed = set(self._changed)
        twin._calls = self._calls
        return twin

    def weight(self) -> int:
        return 512 + 150 * len(self._areas)

    def apply(self, event: ev.Event) -> None:
        if isinstance(event, ev.VmAreaCreated):
            self._areas[event.start] = AreaRow(
                event.start,
                event.end,
                event.kind,
                len(event.pfns),
                event.caller,
                "live",
                changed=True,
            )
            if self._calls:
                self._new.add(event.start)
            self._changed.add(event.start)
        elif isinstance(event, ev.CallMade):
            self._calls += 1
        elif isinstance(event, ev.CallReturned):
            self._calls = max(0, self._calls - 1)
        elif isinstance(event, ev.VmAreaFreed):
            area = self._areas.get(event.start)
            if area is not None:
                self._areas[event.start] = replace(area, state="lazy", changed=True)
                self._changed.add(event.start)
        elif isinstance(event, ev.VmAreasPurged):
            for low, high in event.ranges:
                for start in [s for s, a in self._areas.items() if low <= s < high]:
                    if self._areas[start].state == "lazy":
                        del self._areas[start]
                        self._new.discard(start)

    def view(self) -> VmallocView:
        ordered = tuple(self._areas[start] for start in sorted(self._areas))
        return VmallocView(ordered, tuple(area for area in ordered if area.start in self._new))


@dataclass(frozen=True, slots=True)
class DmaDeviceRow:
    """A device and the address masks it set; 0 is none yet."""

    device: str
    streaming_mask: int
    coherent_mask: int


@dataclass(frozen=True, slots=True)
class DmaMappingRow:
    """Memory that a device may use: `kind` is coherent or streaming; sizes in bytes."""

    device: str
    kind: str
    handle: int
    physical: int
    size: int
    direction: int
    bounced: bool
    owner: str
    """Who may touch it now: cpu, device or both."""
    changed: bool


@dataclass(frozen=True, slots=True)
class DmaView:
    """Devices, live mappings, and the last transfers as (device, handle, size, wrote, reached)."""

    devices: tuple[DmaDeviceRow, ...]
    mappings: tuple[DmaMappingRow, ...]
    transfers: tuple[tuple[str, int, int, bool, bool], ...]


class DmaFold(Fold[DmaView]):
    """Follows masks, mappings and transfers."""

    topics = frozenset(("dma",))

    def __init__(self) -> None:
        self._devices: dict[str, DmaDeviceRow] = {}
        self._mappings: dict[tuple[str, int], DmaMappingRow] = {}
        self._transfers: tuple[tuple[str, int, int, bool, bool], ...] = ()

    def start(self, picture: Picture) -> None:
        del picture  # a recording begins before the driver has set up any DMA
        self._devices, self._mappings, self._transfers = {}, {}, ()

    def forget_changes(self) -> None:
        for key, row in self._mappings.items():
            if row.changed:
                self._mappings[key] = replace(row, changed=False)

    def clone(self) -> DmaFold:
        twin = DmaFold()
        twin._devices, twin._mappings = dict(self._devices), dict(self._mappings)
        twin._transfers = self._transfers
        return twin

    def apply(self, event: ev.Event) -> None:
        if isinstance(event, ev.DmaMaskSet):
            self._mask(event)
        elif isinstance(event, ev.CoherentAllocated):
            self._mappings[event.device, event.handle] = DmaMappingRow(
                event.device,
                "coherent",
                event.handle,
                event.pfn << 12,
                event.size,
                0,
                bounced=False,
                owner="both",
                changed=True,
            )
        elif isinstance(event, ev.DmaMapped):
            self._mappings[event.device, event.handle] = DmaMappingRow(
                event.device,
                "streaming",
                event.handle,
                event.physical,
                event.size,
                event.direction,
                bounced=event.bounced,
                owner="device",
                changed=True,
            )
        elif isinstance(event, ev.CoherentFreed | ev.DmaUnmapped):
            self._mappings.pop((event.device, event.handle), None)
        elif isinstance(event, ev.DmaSynced):
            row = self._mappings.get((event.device, event.handle))
            if row is not None:
                owner = "cpu" if event.for_cpu else "device"
                self._mappings[event.device, event.handle] = replace(row, owner=owner, changed=True)
        elif isinstance(event, ev.DeviceTouched):
            transfer = (event.device, event.handle, event.size, event.wrote, event.reached)
            self._transfers = (*self._transfers[-7:], transfer)

    def _mask(self, event: ev.DmaMaskSet) -> None:
        row = self._devices.get(event.device, DmaDeviceRow(event.device, 0, 0))
        if event.result == 0:
            if event.streaming:
                row = replace(row, streaming_mask=event.mask)
            if event.coherent:
                row = replace(row, coherent_mask=event.mask)
        self._devices[event.device] = row

    def view(self) -> DmaView:
        return DmaView(
            tuple(self._devices.values()), tuple(self._mappings.values()), self._transfers
        )


@dataclass(frozen=True, slots=True)
class MemblockView:
    """memblock's two lists as [base, end) byte ranges, and what this step did."""

    memory: tuple[tuple[int, int], ...]
    reserved: tuple[tuple[int, int], ...]
    changed: tuple[tuple[str, int, int, str], ...]


class MemblockFold(Fold[MemblockView]):
    """Follows memblock's lists; frees are not followed after the handover."""

    topics = frozenset(("memblock",))

    def __init__(self) -> None:
        self._memory: tuple[tuple[int, int], ...] = ()
        self._reserved: tuple[tuple[int, int], ...] = ()
        self._changed: tuple[tuple[str, int, int, str], ...] = ()

    def start(self, picture: Picture) -> None:
        self._memory, self._reserved = picture.memory, picture.reserved

    def forget_changes(self) -> None:
        self._changed = ()

    def apply(self, event: ev.Event) -> None:
        if not isinstance(event, ev.MemblockChanged):
            return
        span = (event.base, event.end)
        if event.operation == "add":
            self._memory = _united(self._memory, span)
        elif event.operation == "remove":
            self._memory = _without(self._memory, span)
        elif event.operation in ("reserve", "alloc"):
            self._reserved = _united(self._reserved, span)
        elif event.operation in ("phys_free", "free"):
            self._reserved = _without(self._reserved, span)
        self._changed = (*self._changed, (event.operation, *span, event.caller))

    def view(self) -> MemblockView:
        return MemblockView(self._memory, self._reserved, self._changed)


Spans = tuple[tuple[int, int], ...]


def _united(spans: Spans, new: tuple[int, int]) -> Spans:
    merged: list[tuple[int, int]] = []
    for base, end in sorted((*spans, new)):
        if merged and base <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((base, end))
    return tuple(merged)


def _without(spans: Spans, gone: tuple[int, int]) -> Spans:
    left = []
    for base, end in spans:
        left += [(base, min(end, gone[0])), (max(base, gone[1]), end)]
    return tuple(span for span in left if span[0] < span[1])
