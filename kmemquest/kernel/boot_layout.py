"""Where things lie on the simulated PC: firmware map, kernel image, ACPI tables, node borders.

The PC is a QEMU i440FX: RAM above 3.5 GiB leaves a hole below 4 GiB for PCI, the BIOS keeps the
last 128 KiB of low RAM for its ACPI tables. All numbers are bytes, ends are exclusive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kmemquest.kernel.spec import GIB, KIB, MIB, MachineSpec, RamRange

EBDA_START: Final = 0x9FC00
BIOS_RESERVED_START: Final = 0x9F000
ISA_END: Final = 1 * MIB
BIOS_ROM_START: Final = 0xF0000
MAX_DMA_ADDRESS: Final = 16 * MIB
FOUR_GIB: Final = 4 * GIB
LOW_RAM_LIMIT: Final = 0xE000_0000
"""RAM of this size or more is split: 3 GiB below the PCI hole, the rest above 4 GiB."""
LOW_RAM_WHEN_SPLIT: Final = 3 * GIB
ACPI_BYTES: Final = 128 * KIB

SECTION_BYTES: Final = 128 * MIB
"""A sparsemem section on x86-64 (SECTION_SIZE_BITS 27)."""

COMMAND_LINE: Final = "console=ttyS0 panic=-1 nokaslr norandmaps "


@dataclass(frozen=True, slots=True)
class FirmwareRange:
    """One entry of the firmware's memory map: [start, end), `usable` or reserved."""

    start: int
    end: int
    usable: bool
    node: int = 0


@dataclass(frozen=True, slots=True)
class KernelImage:
    """The parts of the loaded kernel, as [start, end) physical addresses."""

    code: tuple[int, int]
    rodata: tuple[int, int]
    data: tuple[int, int]
    smp_locks: tuple[int, int]
    init: tuple[int, int]
    bss: tuple[int, int]
    decrypted: tuple[int, int]
    brk: tuple[int, int]

    @property
    def start(self) -> int:
        """Where the image begins (`_text`)."""
        return self.code[0]

    @property
    def end(self) -> int:
        """Where the image ends (`_end`), without the brk area."""
        return self.brk[0]

    @property
    def gap(self) -> tuple[int, int]:
        """The pages between rodata and data that belong to neither."""
        return self.rodata[1], self.data[0]


def _image(base: int, shrink: int) -> KernelImage:
    """Lay out an image at `base`, every part divided by `shrink` and kept page-aligned."""

    def at(offset: int) -> int:
        return base + (offset // shrink & ~0xFFF)

    return KernelImage(
        code=(at(0), at(0x100_0000)),
        rodata=(at(0x100_0000), at(0x1AA_5000)),
        data=(at(0x1C0_0000), at(0x1E7_2A00) if shrink > 1 else base + 0x1E7_2A00),
        smp_locks=(at(0x22D_9000), at(0x22E_3000)),
        init=(at(0x22E_4000), at(0x26D_0000)),
        bss=(at(0x26D_0000), at(0x2C0_0000)),
        decrypted=(at(0x2A0_5000), at(0x2C0_0000)),
        brk=(at(0x2C0_0000), at(0x2C1_1000)),
    )


DISTRIBUTION_IMAGE: Final = _image(16 * MIB, 1)
"""A distribution's kernel: 44 MiB from 16 MiB on; it needs a machine of 96 MiB."""
SMALL_IMAGE: Final = _image(1 * MIB, 8)
"""A tailored kernel of the same proportions for machines below 96 MiB."""
SMALL_MACHINE: Final = 96 * MIB


def kernel_image(spec: MachineSpec) -> KernelImage:
    """Return the kernel that a machine of this size boots."""
    return SMALL_IMAGE if total_ram(spec) < SMALL_MACHINE else DISTRIBUTION_IMAGE


def total_ram(spec: MachineSpec) -> int:
    """Return the installed RAM in bytes."""
    return sum(entry.size for entry in spec.map) if spec.map else spec.ram


def low_ram_end(spec: MachineSpec) -> int:
    """Return the end of RAM below 4 GiB."""
    if spec.map:
        return max((entry.end for entry in spec.map if entry.base < FOUR_GIB), default=0)
    return spec.ram if spec.ram < LOW_RAM_LIMIT else LOW_RAM_WHEN_SPLIT


def acpi_start(spec: MachineSpec) -> int:
    """Return where the BIOS keeps its ACPI tables, 0 with an explicit RAM map."""
    return 0 if spec.map else low_ram_end(spec) - ACPI_BYTES


def node_ranges(spec: MachineSpec) -> tuple[RamRange, ...]:
    """Return which physical ranges belong to which node, before anything is reserved.

    `nodes` equal shares are dealt out from the bottom, skipping the PCI hole.
    """
    if spec.map:
        return tuple(sorted(spec.map, key=lambda entry: entry.base))
    chunks = [(0, low_ram_end(spec))]
    if spec.ram > chunks[0][1]:
        chunks.append((FOUR_GIB, FOUR_GIB + spec.ram - chunks[0][1]))
    share = spec.ram // spec.nodes // SECTION_BYTES * SECTION_BYTES or spec.ram // spec.nodes
    ranges = []
    node, left = 0, share
    for start, end in chunks:
        while start < end:
            last = node == spec.nodes - 1
            size = end - start if last else min(end - start, left)
            ranges.append(RamRange(start, size, node))
            start += size
            left -= size
            if not left and not last:
                node, left = node + 1, share
    return tuple(ranges)


def firmware_map(spec: MachineSpec) -> tuple[FirmwareRange, ...]:
    """Return the e820 map as the BIOS hands it over, ascending."""
    if spec.map:
        return tuple(
            FirmwareRange(entry.base, entry.end, True, entry.node)
            for entry in sorted(spec.map, key=lambda entry: entry.base)
        )
    low_end = low_ram_end(spec)
    entries = [
        FirmwareRange(0, EBDA_START, True),
        FirmwareRange(EBDA_START, 0xA0000, False),
        FirmwareRange(BIOS_ROM_START, ISA_END, False),
        FirmwareRange(ISA_END, low_end - ACPI_BYTES, True),
        FirmwareRange(low_end - ACPI_BYTES, low_end, False),
        FirmwareRange(0xFFFC_0000, FOUR_GIB, False),
    ]
    if spec.ram > low_end:
        entries.append(FirmwareRange(FOUR_GIB, FOUR_GIB + spec.ram - low_end, True))
    # The address range of AMD's HyperTransport, which no RAM may use.
    hyper_transport = FirmwareRange(0xFD_0000_0000, 0x100_0000_0000, False)
    if entries[-1].end <= hyper_transport.start:
        entries.append(hyper_transport)
    return tuple(entries)


def usable_ranges(spec: MachineSpec) -> tuple[tuple[int, int], ...]:
    """Return the RAM the kernel may use: e820 with page 0 taken out."""
    return tuple(
        (max(entry.start, 0x1000), entry.end)
        for entry in firmware_map(spec)
        if entry.usable and entry.end > 0x1000
    )


def acpi_tables(spec: MachineSpec) -> tuple[tuple[str, int, int], ...]:
    """Return the tables in the order the kernel reserves them: (name, start, size)."""
    base = acpi_start(spec)
    if not base:
        return ()
    dsdt_end = 0x1931 + 85 * (spec.cpus - 1) + (6 if spec.nodes > 1 else 0)
    sizes = [("FACP", 0x74), ("APIC", 0x78 + 8 * (spec.cpus - 1)), ("HPET", 0x38)]
    if spec.nodes > 1:
        sizes += [("SRAT", 0x68 + 0x28 * (spec.nodes + 1)), ("SLIT", 0x2C + spec.nodes**2)]
    sizes.append(("WAET", 0x28))
    tables = []
    position = dsdt_end
    for name, size in sizes:
        tables.append((name, base + position, size))
        position += size
    dsdt = ("DSDT", base + 0x40, dsdt_end - 0x40)
    return (tables[0], dsdt, ("FACS", base, 0x40), *tables[1:])


def initrd_range(spec: MachineSpec) -> tuple[int, int]:
    """Return [start, end) of the initial RAM disk (`initrdmem=start,size`), (0, 0) without."""
    start, comma, size = spec.option("initrdmem").partition(",")
    if not comma:
        return 0, 0
    base = int(start, 0)
    return base, base + int(size, 0)


def command_line(spec: MachineSpec) -> str:
    """Return the kernel command line of the machine."""
    words = [word for word in spec.options if not word.startswith("initrdmem=")]
    return COMMAND_LINE + (" " + " ".join(words) if words else "")
