"""Who owns which buffer: the simulator's own book of streaming mappings.

The kernel keeps no such list; this one serves the views and the question whether the CPU may
touch a buffer now.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kmemquest.kernel.context import Frame

if TYPE_CHECKING:
    from kmemquest.kernel.dma.device import Device


@dataclass(slots=True)
class StreamingMapping:
    """One live mapping of `size` bytes at `physical`; `owner` is `device` or `cpu`."""

    device: int
    handle: int
    physical: int
    size: int
    direction: int
    bounced: bool
    kind: str
    site: Frame | None
    owner: str = "device"
    checked: bool = False


@dataclass(slots=True)
class MappingBook:
    """Live mappings in the order in which they were made."""

    live: list[StreamingMapping] = field(default_factory=list)

    def add(self, mapping: StreamingMapping) -> None:
        """Note a new mapping."""
        self.live.append(mapping)

    def find(self, device: Device, handle: int) -> StreamingMapping | None:
        """Return the oldest mapping of a device whose range contains a handle."""
        for mapping in self.live:
            if mapping.device == device.id and 0 <= handle - mapping.handle < mapping.size:
                return mapping
        return None

    def remove(self, device: Device, handle: int, size: int) -> StreamingMapping | None:
        """Take out the mapping that starts at a handle, preferably of that size."""
        found = None
        for mapping in self.live:
            if mapping.device == device.id and mapping.handle == handle:
                if mapping.size == size:
                    found = mapping
                    break
                found = found or mapping
        if found is not None:
            self.live.remove(found)
        return found

    def covering(self, physical: int) -> StreamingMapping | None:
        """Return the oldest mapping whose original memory contains a physical address."""
        for mapping in self.live:
            if 0 <= physical - mapping.physical < mapping.size:
                return mapping
        return None

    def note_checked(self, device: Device, handle: int) -> None:
        """Note that the driver asked whether a handle is an error."""
        for mapping in self.live:
            if mapping.device == device.id and mapping.handle == handle and not mapping.checked:
                mapping.checked = True
                return
