"""ioremap: device memory in the vmalloc window (`arch/x86/mm/ioremap.c:__ioremap_caller`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import PAGE_MASK, PAGE_SIZE, is_vmalloc_address, page_align
from kmemquest.kernel.check.lockdep import RESOURCE_LOCK
from kmemquest.kernel.check.oops import warn, warn_once
from kmemquest.kernel.events import Report
from kmemquest.kernel.log import KERN_ERR
from kmemquest.kernel.mm import vmap_messages as messages
from kmemquest.kernel.mm.vmap_area import VM_IOREMAP
from kmemquest.kernel.text.dump_stack import dump_stack
from kmemquest.kernel.text.pointer import hashed_pointer

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

FILE: Final = "arch/x86/mm/ioremap.c"
FUNCTION: Final = "__ioremap_caller.constprop.0"
PHYSICAL_BITS: Final = 46
"""Width of a physical address: 64 TiB."""

UNCACHED: Final = "uncached-minus"
WRITE_COMBINING: Final = "write-combining"
WRITE_BACK: Final = "write-back"


class IoRemap:
    """Maps device memory. Its bytes live in frames at physical addresses outside of RAM."""

    __slots__ = ("_line", "_machine", "memory_types")

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.memory_types: dict[int, str] = {}
        """Start address of a mapping -> how the CPU caches it."""
        self._line = -1
        """The line of 64 bytes that the write-combining buffer collects; -1 when it is empty."""

    def ioremap(self, physical: int, size: int) -> int:
        """Map `size` bytes of device memory uncached; 0 for RAM, size 0 or no space."""
        return self._remap(physical, size, UNCACHED)

    def ioremap_wc(self, physical: int, size: int) -> int:
        """Map write-combining, as for a frame buffer."""
        return self._remap(physical, size, WRITE_COMBINING)

    def ioremap_cache(self, physical: int, size: int) -> int:
        """Map write-back."""
        return self._remap(physical, size, WRITE_BACK)

    def memory_type(self, address: int) -> str:
        """Return how the CPU caches an address of a window; empty where none is mapped."""
        if not is_vmalloc_address(address):
            return ""
        area = self._machine.vmalloc.area_at(address)
        return "" if area is None else self.memory_types.get(area.start, "")

    def fill_lines(self, first: int, last: int) -> int:
        """Write to lines `first` to `last` of a combining window; return how many it opened.

        Stores to the line that is open are collected. Opening another one sends it off.
        """
        opened = last - first + (first != self._line)
        self._line = last
        return opened

    def flush_line(self) -> None:
        """Send the open line: an uncached access goes behind everything before it."""
        self._line = -1

    def iounmap(self, address: int) -> None:
        """Remove a mapping; any address inside its first page does."""
        machine = self._machine
        if not is_vmalloc_address(address):
            warn_once(machine, "iounmap-range", FILE, 458, "iounmap", kind="invalid-free")
            return
        start = address & PAGE_MASK
        area = machine.vmalloc.area_at(start)
        if area is None:
            text = f"iounmap: bad address {hashed_pointer(machine, start)}"
            stack = dump_stack(machine, ("dump_stack_lvl", "iounmap"))
            machine.report(
                Report("invalid-free", "message", text, (text, *stack), start, machine.site)
            )
            return
        if not area.flags & VM_IOREMAP:
            # The frames of a vmalloc area that is given to iounmap are lost.
            self._complain_of_memtype(area.physical, area.physical + area.usable)
        machine.vmalloc.remove_area(start)
        machine.vmalloc.release_descriptor(area)
        self.memory_types.pop(area.start, None)

    def _remap(self, physical: int, size: int, memory_type: str) -> int:
        machine = self._machine
        last = physical + size - 1
        if size <= 0 or last >= 1 << 64:
            return 0
        if last >> PHYSICAL_BITS:
            machine.log.print(f"ioremap: invalid physical address {physical:x}", KERN_ERR)
            warn_once(machine, "ioremap-invalid", FILE, 205, FUNCTION)
            return 0
        if machine.checks.lockdep is not None:
            machine.checks.lockdep.acquire(RESOURCE_LOCK)
        if self._touches_ram(physical, last):
            warn_once(
                machine,
                "ioremap-ram",
                FILE,
                217,
                f"{FUNCTION}+0x172/0x2e0",
                f"ioremap on RAM at {physical:#018x} - {last:#018x}",
            )
            return 0
        offset = physical & (PAGE_SIZE - 1)
        base = physical & PAGE_MASK
        length = page_align(last + 1) - base
        caller = messages.caller_symbol(machine, "ioremap")
        area = machine.vmalloc.reserve_io(length, base, caller)
        if area is None:
            return 0
        self.memory_types[area.start] = memory_type
        return area.start + offset

    def _touches_ram(self, physical: int, last: int) -> bool:
        ram = self._machine.memblock.memory_ranges()
        return any(start <= last and physical < end for start, end in ram)

    def _complain_of_memtype(self, start: int, end: int) -> None:
        machine = self._machine
        task = machine.context.task
        machine.log.print(
            f"x86/PAT: {task.comm}:{task.pid} freeing invalid memtype "
            f"[mem {start:#018x}-{end - 1:#018x}]",
            6,
        )


def warn_multiple_bars(machine: Machine, caller: str) -> None:
    """A mapping covers more than one resource of a device."""
    warn(machine, FILE, 300, FUNCTION, f"caller {caller} mapping multiple BARs")
