"""/proc/iomem (`kernel/resource.c:r_show`) of the simulated PC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.kernel import boot_layout as layout

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

Resource = tuple[int, int, int, str]
"""(first byte, last byte, depth, name)."""

PCI_WINDOW_END: Final = 0xFEBF_FFFF
PCI_64_WINDOW_BYTES: Final = 0x8000_0000
DEVICES: Final[tuple[Resource, ...]] = (
    (0xFEBF_8000, 0xFEBF_BFFF, 1, "0000:00:02.0"),
    (0xFEBF_8000, 0xFEBF_BFFF, 2, "virtio-pci-modern"),
    (0xFEBF_F000, 0xFEBF_FFFF, 1, "0000:00:02.0"),
    (0xFEC0_0000, 0xFEC0_03FF, 0, "IOAPIC 0"),
    (0xFED0_0000, 0xFED0_03FF, 0, "HPET 0"),
    (0xFED0_0000, 0xFED0_03FF, 1, "PNP0103:00"),
)


def iomem(machine: Machine) -> str:
    """Render the physical address space: RAM, the kernel in it, devices, reserved ranges."""
    rows = sorted(_resources(machine), key=lambda row: (row[0], -row[1], row[2]))
    return "".join(
        f"{'  ' * depth}{start:08x}-{end:08x} : {name}\n" for start, end, depth, name in rows
    )


def _resources(machine: Machine) -> list[Resource]:
    spec = machine.spec
    rows: list[Resource] = []
    for entry in layout.firmware_map(spec):
        if entry.usable:
            if entry.start == 0:
                rows.append((0, 0xFFF, 0, "Reserved"))
            start = max(entry.start, 0x1000)
            rows.append((start, entry.end - 1, 0, "System RAM"))
        else:
            rows.append((entry.start, entry.end - 1, 0, "Reserved"))
    image = layout.kernel_image(spec)
    parts = ("code", image.code), ("rodata", image.rodata), ("data", image.data), ("bss", image.bss)
    rows += [(part[0], part[1] - 1, 1, f"Kernel {name}") for name, part in parts]
    if not spec.map:
        rows += _pc_devices(layout.low_ram_end(spec), machine.memory.max_pfn << 12)
    return rows


def _pc_devices(low_end: int, ram_end: int) -> list[Resource]:
    rows: list[Resource] = [
        (0xA0000, 0xBFFFF, 0, "PCI Bus 0000:00"),
        (0xC0000, 0xC05FF, 0, "Video ROM"),
        (0xF0000, 0xFFFFF, 1, "System ROM"),
        (low_end, PCI_WINDOW_END, 0, "PCI Bus 0000:00"),
        *DEVICES,
    ]
    high = max(ram_end, layout.FOUR_GIB)
    if high + PCI_64_WINDOW_BYTES <= 0xFD_0000_0000:
        rows.append((high, high + PCI_64_WINDOW_BYTES - 1, 0, "PCI Bus 0000:00"))
    return rows
