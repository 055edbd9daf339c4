"""dma-debug: a record of every mapping, and complaints about misuse (`kernel/dma/debug.c`).

The record is always kept. A kernel with DMA_API_DEBUG prints its first finding of a boot; all
others, and every finding of a kernel without it, reach the event stream as silent reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import (
    PAGE_OFFSET,
    PAGE_SHIFT,
    is_vmalloc_address,
)
from kmemquest.kernel.check.oops import warn
from kmemquest.kernel.context import Frame
from kmemquest.kernel.dma.constants import (
    DMA_BIDIRECTIONAL,
    DMA_FROM_DEVICE,
    DMA_MAPPING_ERROR,
    DMA_TO_DEVICE,
    START_KERNEL_MAP,
    direction_name,
)
from kmemquest.kernel.events import Report
from kmemquest.kernel.text.dump_stack import symbol
from kmemquest.kernel.text.pointer import hashed_pointer

if TYPE_CHECKING:
    from kmemquest.kernel.dma.device import Device
    from kmemquest.kernel.machine import Machine

FILE: Final = "kernel/dma/debug.c"
BUCKET_SHIFT: Final = 13
BUCKETS: Final = 16384
CACHELINE_SHIFT: Final = 6
TRACE_LINES: Final = 5
MAX_OVERLAP: Final = 7
KERNEL_IMAGE_SIZE: Final = 1 << 30


@dataclass(slots=True)
class DebugEntry:
    """One mapping (`struct dma_debug_entry`). `must_check` until dma_mapping_error was called."""

    device: int
    kind: str
    physical: int
    handle: int
    size: int
    direction: int
    pieces: int
    must_check: bool
    trace: tuple[str, ...]
    site: Frame | None


class DmaDebug:
    """The record of live mappings and the checks on it."""

    __slots__ = ("_entries", "_machine", "_overlaps", "error_count", "reports_left", "show_all")

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._entries: list[DebugEntry] = []
        self._overlaps: dict[int, int] = {}
        """Cache line number -> further mappings of a line that a device may write."""
        self.error_count = 0
        self.reports_left = 1 if machine.spec.checkers.dma_debug else 0
        """How many findings are still printed (`num_errors`)."""
        self.show_all = False

    @property
    def live(self) -> int:
        """How many mappings are recorded."""
        return len(self._entries)

    # --- mappings begin ---------------------------------------------------------------------

    def single_requested(self, device: Device, address: int, size: int) -> None:
        """dma_map_single was called: the address must be one of the direct map."""
        if not self._is_direct(address):
            pointer = hashed_pointer(self._machine, address)
            self._complain(
                device,
                None,
                1176,
                "debug_dma_map_single",
                f"device driver maps memory from invalid area [addr={pointer}] [len={size}]",
            )

    def page_mapped(
        self, device: Device, physical: int, handle: int, size: int, direction: int
    ) -> None:
        """A page or single mapping was made."""
        entry = self._entry(
            device,
            "single",
            physical,
            handle,
            size,
            direction,
            "debug_dma_map_page+0x5d/0x2c0",
            "dma_map_page_attrs+0x1d7/0x9a0",
        )
        entry.must_check = True
        self._check_stack(device, physical)
        self._add(device, entry)

    def resource_mapped(self, device: Device, physical: int, size: int, direction: int) -> None:
        """Device memory was mapped."""
        entry = self._entry(
            device,
            "resource",
            physical,
            physical,
            size,
            direction,
            "debug_dma_map_resource",
            "dma_map_resource",
        )
        entry.must_check = True
        self._add(device, entry)

    def sg_mapped(self, device: Device, pieces: list[tuple[int, int, int]], direction: int) -> None:
        """A list was mapped; `pieces` are (physical, handle, size)."""
        for physical, _, _ in pieces:
            self._check_stack(device, physical)
        for physical, handle, size in pieces:
            entry = self._entry(
                device,
                "scatter-gather",
                physical,
                handle,
                size,
                direction,
                "debug_dma_map_sg+0x2ef/0xa30",
                "__dma_map_sg_attrs",
                "dma_map_sg_attrs+0x5/0x10",
            )
            entry.pieces = len(pieces)
            self._add(device, entry)

    def coherent_allocated(self, device: Device, handle: int, size: int) -> None:
        """Coherent memory was handed out."""
        self._add(
            device,
            self._entry(
                device,
                "coherent",
                handle,
                handle,
                size,
                DMA_BIDIRECTIONAL,
                "debug_dma_alloc_coherent+0x61/0x1d0",
                "dma_alloc_attrs+0xf9/0x230",
            ),
        )

    def noncoherent_allocated(self, device: Device, handle: int, size: int, direction: int) -> None:
        """Pages of dma_alloc_pages were handed out; nobody must ask whether that is an error."""
        traced = ("debug_dma_alloc_pages", "dma_alloc_pages")
        entry = self._entry(device, "noncoherent", handle, handle, size, direction, *traced)
        self._add(device, entry)

    def error_checked(self, device: Device, handle: int) -> None:
        """dma_mapping_error was called: the first unchecked mapping of that handle is fine."""
        for entry in self._entries:
            if entry.device == device.id and entry.handle == handle and entry.must_check:
                entry.must_check = False
                return

    # --- mappings end -----------------------------------------------------------------------

    def unmapped(
        self, device: Device, handle: int, size: int, direction: int, kind: str = "single"
    ) -> None:
        """A single, page or resource mapping was undone."""
        self._check_unmap(device, kind, 0, handle, size, direction)

    def sg_unmapped(
        self, device: Device, segments: list[tuple[int, int]], count: int, direction: int
    ) -> None:
        """A list was unmapped with `count` as its number of entries."""
        for handle, size in segments:
            self._check_unmap(device, "scatter-gather", 0, handle, size, direction, count)

    def coherent_freed(self, device: Device, handle: int, address: int, size: int) -> None:
        """Coherent memory came back."""
        if not is_vmalloc_address(address) and not self._is_direct(address):
            return
        physical = self._machine.memory.translate(address) or 0
        self._check_unmap(device, "coherent", physical, handle, size, DMA_BIDIRECTIONAL)

    def synced(
        self, device: Device, handle: int, size: int, direction: int, *, for_cpu: bool
    ) -> None:
        """A mapping was synced for the CPU or the device (`check_sync`)."""
        where = f"[device address={handle:#018x}] [size={size} bytes]"
        entry = self._containing(device, handle, size, direction)
        function = "check_sync"
        if entry is None:
            self._complain(
                device,
                None,
                1108,
                function,
                f"device driver tries to sync DMA memory it has not allocated {where}",
            )
            return
        if entry.direction == DMA_BIDIRECTIONAL:
            return
        ends = (
            f"[mapped with {direction_name(entry.direction)}] "
            f"[synced with {direction_name(direction)}]"
        )
        if direction != entry.direction:
            self._complain(
                device,
                entry,
                1129,
                function,
                f"device driver syncs DMA memory with different direction {where} {ends}",
            )
        if for_cpu and entry.direction != DMA_FROM_DEVICE and direction != DMA_TO_DEVICE:
            self._complain(
                device,
                entry,
                1140,
                function,
                f"device driver syncs device read-only DMA memory for cpu {where} {ends}",
            )
        if not for_cpu and entry.direction != DMA_TO_DEVICE and direction != DMA_FROM_DEVICE:
            self._complain(
                device,
                entry,
                1151,
                function,
                f"device driver syncs device write-only DMA memory to device {where} {ends}",
            )

    def device_released(self, device: Device) -> None:
        """The driver of a device was unbound: nothing of it may be mapped any more."""
        mine = [entry for entry in self._entries if entry.device == device.id]
        if not mine or device.bus != "pci":
            # Only PCI asks dma-debug to watch for unbinding.
            return
        shown = max(enumerate(mine), key=lambda pair: (self._bucket(pair[1].handle), pair[0]))[1]
        self._complain(
            device,
            shown,
            862,
            "dma_debug_device_change+0x265/0x3c0",
            "device driver has pending DMA allocations while released from device "
            f"[count={len(mine)}]\n"
            f"One of leaked entries details: [device address={shown.handle:#018x}] "
            f"[size={shown.size} bytes] [mapped with {direction_name(shown.direction)}] "
            f"[mapped as {shown.kind}]",
        )

    # --- the checks -------------------------------------------------------------------------

    def _check_unmap(
        self,
        device: Device,
        kind: str,
        physical: int,
        handle: int,
        size: int,
        direction: int,
        pieces: int = 0,
    ) -> None:
        function = "check_unmap"
        where = f"[device address={handle:#018x}]"
        with_size = f"{where} [size={size} bytes]"
        entry = self._exact(device, handle, size, kind, direction, pieces)
        if entry is None:
            if handle == DMA_MAPPING_ERROR:
                line, text = 973, "device driver tries to free an invalid DMA memory address"
            else:
                line = 977
                text = f"device driver tries to free DMA memory it has not allocated {with_size}"
            self._complain(device, None, line, function, text)
            return
        if size != entry.size:
            self._complain(
                device,
                entry,
                987,
                function,
                f"device driver frees DMA memory with different size {where} "
                f"[map size={entry.size} bytes] [unmap size={size} bytes]",
            )
        if kind != entry.kind:
            self._complain(
                device,
                entry,
                995,
                function,
                f"device driver frees DMA memory with wrong function {with_size} "
                f"[mapped as {entry.kind}] [unmapped as {kind}]",
            )
        elif kind == "coherent" and physical != entry.physical:
            self._complain(
                device,
                entry,
                1003,
                function,
                f"device driver frees DMA memory with different CPU address {with_size} "
                f"[cpu alloc address={entry.physical:#018x}] [cpu free address={physical:#018x}]",
            )
        if pieces and kind == "scatter-gather" and pieces != entry.pieces:
            self._complain(
                device,
                entry,
                1016,
                function,
                "device driver frees DMA sg list with different entry count "
                f"[map count={entry.pieces}] [unmap count={pieces}]",
            )
        if direction != entry.direction:
            self._complain(
                device,
                entry,
                1027,
                function,
                f"device driver frees DMA memory with different direction {with_size} "
                f"[mapped with {direction_name(entry.direction)}] "
                f"[unmapped with {direction_name(direction)}]",
            )
        if entry.must_check:
            self._complain(
                device,
                entry,
                1042,
                function,
                f"device driver failed to check map error{with_size} [mapped as {entry.kind}]",
            )
        self._entries.remove(entry)
        self._forget_line(entry)

    def _check_stack(self, device: Device, physical: int) -> None:
        """The page is one of the running code's stack (reached by page or list mappings)."""
        pfn = physical >> PAGE_SHIFT
        vmalloc = self._machine.vmalloc
        for start in vmalloc.stacks.mapped:
            area = vmalloc.area_at(start)
            if area is None or pfn not in area.pfns:
                continue
            offset = area.pfns.index(pfn) << PAGE_SHIFT | physical & ((1 << PAGE_SHIFT) - 1)
            pointer = hashed_pointer(self._machine, start + offset)
            self._complain(
                device,
                None,
                1082,
                "check_for_stack+0x18f/0x3a0",
                f"device driver maps memory from stack [probable addr={pointer}]",
            )
            return

    def _add(self, device: Device, entry: DebugEntry) -> None:
        self._entries.append(entry)
        if entry.direction == DMA_TO_DEVICE:
            return
        line = entry.physical >> CACHELINE_SHIFT
        if line not in self._overlaps:
            self._overlaps[line] = 0
            return
        self._overlaps[line] = min(self._overlaps[line] + 1, MAX_OVERLAP)
        self._complain(
            device,
            entry,
            601,
            "add_dma_entry+0x3af/0x550",
            "cacheline tracking EEXIST, overlapping mappings aren't supported",
        )

    def _forget_line(self, entry: DebugEntry) -> None:
        if entry.direction == DMA_TO_DEVICE:
            return
        line = entry.physical >> CACHELINE_SHIFT
        left = self._overlaps.get(line, 0) - 1
        if left < 0:
            self._overlaps.pop(line, None)
        else:
            self._overlaps[line] = left

    # --- looking up -------------------------------------------------------------------------

    def _exact(
        self, device: Device, handle: int, size: int, kind: str, direction: int, pieces: int
    ) -> DebugEntry | None:
        matches = [e for e in self._entries if e.device == device.id and e.handle == handle]
        return _best(matches, size, kind, direction, pieces)

    def _containing(
        self, device: Device, handle: int, size: int, direction: int
    ) -> DebugEntry | None:
        buckets: dict[int, list[DebugEntry]] = {}
        for entry in self._entries:
            inside = entry.handle <= handle and handle + size <= entry.handle + entry.size
            if entry.device == device.id and inside:
                buckets.setdefault(entry.handle >> BUCKET_SHIFT, []).append(entry)
        for bucket in sorted(buckets, reverse=True):
            found = _best(buckets[bucket], size, "single", direction, 0)
            if found is not None:
                return found
        return None

    def _bucket(self, handle: int) -> int:
        return handle >> BUCKET_SHIFT & (BUCKETS - 1)

    def _is_direct(self, address: int) -> bool:
        """`virt_addr_valid`: RAM through the direct map, or the kernel image."""
        top = self._machine.memory.max_pfn << PAGE_SHIFT
        if START_KERNEL_MAP <= address < START_KERNEL_MAP + KERNEL_IMAGE_SIZE:
            return address - START_KERNEL_MAP < top
        return 0 <= address - PAGE_OFFSET < top

    # --- reporting --------------------------------------------------------------------------

    def _entry(
        self,
        device: Device,
        kind: str,
        physical: int,
        handle: int,
        size: int,
        direction: int,
        *functions: str,
    ) -> DebugEntry:
        machine = self._machine
        stack = reversed(machine.context.stack)
        trace = (*functions, *(symbol(machine, frame) for frame in stack))[:TRACE_LINES]
        return DebugEntry(
            device.id, kind, physical, handle, size, direction, 0, False, trace, machine.site
        )

    def _complain(
        self, device: Device, entry: DebugEntry | None, line: int, function: str, text: str
    ) -> None:
        self.error_count += 1
        machine = self._machine
        message = f"DMA-API: {device.prefix}: {text}"
        if self.show_all or self.reports_left > 0:
            after = ("DMA-API: Mapped at:", *(f" {name}" for name in entry.trace)) if entry else ()
            warn(machine, FILE, line, function, message, kind="dma-api", after=after)
        elif machine.events.active:
            related = (("mapped", entry.site),) if entry is not None and entry.site else ()
            machine.events.emit(
                Report(
                    "dma-api",
                    "silent",
                    "",
                    site=machine.site,
                    related=related,
                    spoken=False,
                    detail=text,
                )
            )
        if not self.show_all and self.reports_left > 0:
            self.reports_left -= 1


def _best(
    matches: list[DebugEntry], size: int, kind: str, direction: int, pieces: int
) -> DebugEntry | None:
    """Return the only match, or of several the one that fits in every respect."""
    for entry in matches:
        if (entry.size, entry.kind, entry.direction, entry.pieces) == (
            size,
            kind,
            direction,
            pieces,
        ):
            return entry
    return matches[0] if len(matches) == 1 else None
