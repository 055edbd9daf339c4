"""What the early boot decided and later phases must know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kmemquest.kernel.address import PAGE_SHIFT

HASH_BUCKET_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class HashTable:
    """A table made by `alloc_large_system_hash`."""

    name: str
    entries: int

    @property
    def order(self) -> int:
        """Order of the block that would hold it."""
        return max((self.bytes - 1) >> PAGE_SHIFT, 0).bit_length()

    @property
    def bytes(self) -> int:
        """Size in bytes."""
        return self.entries * HASH_BUCKET_BYTES


@dataclass(slots=True)
class BootRecord:
    """What the early boot decided and later phases must know; kept as `machine.memblock.boot`."""

    initrd: tuple[int, int] = (0, 0)
    percpu_unit_bytes: int = 0
    percpu_base: int = 0
    swiotlb_base: int = 0
    """Physical address of the bounce buffers, 0 when there are none."""
    swiotlb_bytes: int = 0
    cma: tuple[int, int] = (0, 0)
    """Physical base and bytes of the contiguous memory area; no bytes when there is none."""
    hash_tables: tuple[HashTable, ...] = ()
    memmap_bytes: int = 0
    section_roots: int = 0
    """Virtual address of the array of section tables (`mem_section`)."""
