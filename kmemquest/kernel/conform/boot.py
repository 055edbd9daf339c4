"""Comparison of a simulated boot with a recorded one.

A recorded boot is a text of sections (`@@@ name` lines): files of /proc, the firmware's memory
map and the kernel log, best with memblock=debug. The machine is rebuilt from the recording's
firmware map, CPU and node count and RAM disk; then numbers that do not depend on what user space
happened to do are compared one by one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

from kmemquest.kernel.address import PAGE_SIZE
from kmemquest.kernel.conform import ConformResult, Tally, tally_of
from kmemquest.kernel.conform.report_patterns import PROC
from kmemquest.kernel.conform.text_proc import compare_proc
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.mm.pcp import HIGH_FRACTION
from kmemquest.kernel.mm.zone import Zone
from kmemquest.kernel.spec import GIB, MachineSpec
from kmemquest.kernel.text.proc import proc_file

ACPI_BYTES: Final = 128 << 10
DEFAULT_RAM_DISK: Final = 2112 << 10
LARGEST_RAM_DISK: Final = 64 << 20
OWN_WORDS: Final = ("console=", "panic=", "nokaslr", "norandmaps")
"""Words of the command line that every simulated boot has as well."""
TIME_STAMP: Final = re.compile(r"^\[ *\d+\.\d+\] ")
ZONE_FIELDS: Final = ("min", "low", "high", "promo", "spanned", "present", "managed")
LOG_STARTS: Final = (
    "memblock_add:",
    "memblock_reserve:",
    "memblock_phys_free:",
    "memblock_alloc_try_nid:",
    "memblock_alloc_try_nid_raw:",
    "memblock_alloc_exact_nid_raw:",
    "memblock_phys_alloc_range:",
    "MEMBLOCK configuration",
    " memory size",
    " memory.cnt",
    " memory[",
    " reserved.cnt",
    " reserved[",
    "BIOS-e820:",
    "last_pfn",
    "Zone ranges",
    "  DMA ",
    "  DMA32 ",
    "  Normal ",
    "  Device ",
    "Movable zone start",
    "Early memory node ranges",
    "  node ",
    "Initmem setup",
    "Fallback order",
    "Built ",
    "Policy zone",
    "mem auto-init",
    "SLUB: HWalign",
    "DMA: preallocated",
    "Freeing ",
)
"""How the log lines begin that are compared, in order of their appearance."""


def conform_boot(lines: Iterable[str]) -> ConformResult:
    """Boot the machine a text recording was made on and compare."""
    sections = _sections(lines)
    machine = Machine.boot(_spec(sections))
    tally = tally_of(lines)
    _compare_log(tally, machine, sections.get("dmesg", []))
    _compare_zoneinfo(tally, machine, sections.get("/proc/zoneinfo", []))
    _compare_table(tally, "iomem", proc_file(machine, "iomem"), sections.get("/proc/iomem", []))
    wanted = sections.get("/proc/sys/vm/min_free_kbytes", [])
    if wanted:
        tally.compare("min_free_kbytes", int(wanted[0]), machine.pages.min_free_kbytes)
    _compare_meminfo(tally, machine, sections.get("/proc/meminfo", []))
    for name in PROC:
        if recorded := sections.get(f"/proc/{name}"):
            compare_proc(machine, name, recorded, tally)
    return tally.result()


def conform_boot_facts(
    lines: Iterable[str], companion: Iterable[str] | None = None
) -> ConformResult:
    """Boot the machine of a recording of variables and zones (JSON lines) and compare.

    Marks and per-CPU limits were computed while the initial RAM disk was still in place, and these
    files do not tell its size: the same boot's text recording, the `companion`, does. Without it
    the size is solved for from two figures: `high_max` of the zone that held it and
    min_free_kbytes; they are then given instead of compared, and the result says so. All others
    must follow.
    """
    facts = [json.loads(line) for line in lines if line.strip()]
    variables = {fact[1]: fact[3] for fact in facts if isinstance(fact, list) and fact[0] == "var"}
    objects = [fact for fact in facts if isinstance(fact, dict)]
    sections = _sections(companion) if companion is not None else {}
    told = "firmware memmap" in sections
    tally = tally_of(lines)
    given: tuple[int, str] | None = None
    if told:
        machine = Machine.boot(_spec(sections))
    else:
        machine, given = _boot_with_solved_disk(variables, objects)
    if given is not None:
        tally.notes.append(
            f"not compared: min_free_kbytes, and pcp high_max of {given[1]} of node {given[0]}: "
            "the size of the initial RAM disk is not recorded here and is solved for from these two"
        )
    tally.compare("max_pfn", variables["max_pfn"], machine.memory.max_pfn)
    if given is None:
        recorded = variables["min_free_kbytes"]
        tally.compare("min_free_kbytes", recorded, machine.pages.min_free_kbytes)
    grouping = int(machine.pages.grouping_disabled)
    tally.compare(
        "page_group_by_mobility_disabled", variables["page_group_by_mobility_disabled"], grouping
    )
    zones = {(zone.node, zone.name): zone for zone in machine.pages.zones}
    for entry in objects:
        if entry["t"] == "zonelist":
            _compare_zonelist(tally, machine, entry)
        elif entry["t"] == "zone" and (entry["node"], entry["zone"]) in zones:
            _compare_zone(tally, zones[entry["node"], entry["zone"]], entry)
        elif entry["t"] == "pcp":
            zone = zones[entry["node"], entry["zone"]]
            pageset = zone.pagesets[entry["cpu"]]
            for name in ("batch", "high_min", "high_max"):
                if name == "high_max" and given == (entry["node"], entry["zone"]):
                    continue
                what = f"{zone.name} of node {zone.node}: pcp {name}"
                tally.compare(what, entry[name], getattr(pageset, name))
    return tally.result()


# --- reading the recording ----------------------------------------------------------------


def _sections(lines: Iterable[str]) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines:
        text = line.rstrip("\n")
        if text.startswith("@@@ "):
            current = sections.setdefault(text[4:], [])
        else:
            current.append(text)
    return sections


def _spec(sections: dict[str, list[str]]) -> MachineSpec:
    """Rebuild the machine from the firmware map and the log."""
    ram = 0
    for line in sections["firmware memmap"]:
        start, end, kind = line.split(maxsplit=2)
        # The pieces around the BIOS area and the ACPI tables belong to the same memory.
        if kind == "System RAM" and int(start, 16) >= 1 << 20:
            low = int(start, 16) < 4 * GIB
            ram += int(end, 16) + 1 + ACPI_BYTES if low else int(end, 16) + 1 - int(start, 16)
    log = "\n".join(sections.get("dmesg", []))
    cpus = re.search(r"nr_cpu_ids:(\d+)", log)
    nodes = re.search(r"Built (\d+) zonelists", log)
    disk = re.search(r"RAMDISK: \[mem (0x[0-9a-f]+)-(0x[0-9a-f]+)\]", log)
    words = " ".join(sections.get("/proc/cmdline", [])).split()
    options = [word for word in words if not word.startswith(OWN_WORDS)]
    if disk is not None:
        base, after = int(disk[1], 16), int(disk[2], 16) + 1
        options.append(f"initrdmem={base:#x},{after - base:#x}")
    return MachineSpec(
        ram=ram,
        cpus=int(cpus[1]) if cpus is not None else 1,
        nodes=int(nodes[1]) if nodes is not None else 1,
        options=tuple(options),
    )


def _spec_of_facts(
    variables: dict[str, int], objects: list[dict[str, Any]], ram_disk: int
) -> MachineSpec:
    """Describe the machine; `ram_disk` is in bytes."""
    end = variables["max_pfn"] << 12
    ram = end - GIB if end > 4 * GIB else end + ACPI_BYTES
    disk = f"initrdmem={_low_end(ram) - ram_disk:#x},{ram_disk:#x}"
    nodes = 1 + max(entry["node"] for entry in objects if entry["t"] == "zonelist")
    return MachineSpec(ram=ram, cpus=variables["nr_cpu_ids"], nodes=nodes, options=(disk,))


def _low_end(ram: int) -> int:
    """Return where RAM below 4 GiB ends: the RAM disk lies right before it."""
    return min(ram, 3 * GIB) - ACPI_BYTES


def _boot_with_solved_disk(
    variables: dict[str, int], objects: list[dict[str, Any]]
) -> tuple[Machine, tuple[int, str] | None]:
    """Boot with the size of RAM disk that two recorded figures ask for.

    `high_max` of the disk's zone is an eighth of the zone's pages of that moment per CPU of its
    node (`mm/page_alloc.c:zone_highsize`), which leaves that many sizes open; among them
    min_free_kbytes, a root of all pages, must agree as well. The zone comes with the machine, or
    None where no size explains both figures.
    """
    spec = _spec_of_facts(variables, objects, DEFAULT_RAM_DISK)
    machine = Machine.boot(spec)
    zone = machine.pages.zone_of((_low_end(spec.ram) >> 12) - 1)
    home = (zone.node, zone.name)
    told = [e["high_max"] for e in objects if e["t"] == "pcp" and (e["node"], e["zone"]) == home]
    if not told:
        return machine, None
    wanted = (told[0], variables["min_free_kbytes"])
    share = HIGH_FRACTION * (machine.pages.nodes[zone.node].cpus or machine.pages.cpus)
    surplus = (zone.pageset.high_max - told[0]) * share
    for step in range(2 * share):
        pages = surplus + (-(step // 2) if step % 2 else step // 2)
        size = DEFAULT_RAM_DISK + pages * PAGE_SIZE
        if not 0 < size <= LARGEST_RAM_DISK:
            break
        tried = Machine.boot(_spec_of_facts(variables, objects, size)) if pages else machine
        high_max = tried.pages.zone_of(zone.start_pfn).pageset.high_max
        if (high_max, tried.pages.min_free_kbytes) == wanted:
            return tried, home
    return machine, None


# --- comparing ----------------------------------------------------------------------------


def _compare_log(tally: Tally, machine: Machine, recorded: list[str]) -> None:
    """Compare the log lines about memory, one by one and in order; callers' names aside."""
    wanted = [text for text in map(_log_text, recorded) if text.startswith(LOG_STARTS)]
    texts = (_log_text(line.text) for line in machine.log.lines)
    got = [text for text in texts if text.startswith(LOG_STARTS)]
    for index, text in enumerate(wanted):
        tally.compare("log", text, got[index] if index < len(got) else "(no more lines)")


def _log_text(line: str) -> str:
    text = TIME_STAMP.sub("", line)
    if text.startswith("memblock_"):
        # What follows the numbers is the caller's symbol and offset.
        text = re.sub(r" [a-z_][\w.]*(\+0x[0-9a-f]+/0x[0-9a-f]+)?$", "", text)
    return text


def _compare_zoneinfo(tally: Tally, machine: Machine, recorded: list[str]) -> None:
    """Compare the static numbers of every zone."""
    wanted = _zone_numbers(recorded)
    got = _zone_numbers(proc_file(machine, "zoneinfo").splitlines())
    for key, value in wanted.items():
        tally.compare(f"zoneinfo {key}", value, got.get(key))


def _zone_numbers(lines: list[str]) -> dict[str, str]:
    numbers: dict[str, str] = {}
    zone = ""
    for line in lines:
        words = line.split()
        if line.startswith("Node "):
            zone = " ".join(words)
        elif len(words) == 2 and words[0] in (*ZONE_FIELDS, "start_pfn:", "batch:"):
            if not (words[0] == "high:" or (words[0] == "high" and f"{zone} high" in numbers)):
                numbers.setdefault(f"{zone} {words[0]}", words[1])
        elif line.startswith("  vm stats threshold"):
            numbers[f"{zone} threshold"] = words[-1]
        elif line.startswith("        protection"):
            numbers[f"{zone} protection"] = line.strip()
    return numbers


def _compare_table(tally: Tally, name: str, text: str, recorded: list[str]) -> None:
    got = text.splitlines()
    for index, line in enumerate(recorded):
        tally.compare(name, line, got[index] if index < len(got) else "(no more lines)")


def _compare_meminfo(tally: Tally, machine: Machine, recorded: list[str]) -> None:
    """Compare what follows from the machine alone, and the labels of all rows."""
    got = {line.split(":")[0]: line for line in proc_file(machine, "meminfo").splitlines()}
    fixed = ("MemTotal", "VmallocTotal", "CommitLimit", "SwapTotal", "Hugepagesize")
    for line in recorded:
        label = line.split(":")[0]
        if label.startswith(fixed):
            tally.compare(f"meminfo {label}", line, got.get(label))
        else:
            tally.compare("meminfo label", label, label if label in got else None)
    # How much of the direct map is split depends on where modules were loaded; its size does not.
    sizes = [_direct_map_kib(rows) for rows in (recorded, list(got.values()))]
    if recorded:
        tally.compare("meminfo DirectMap total", *sizes)


def _direct_map_kib(rows: list[str]) -> int:
    return sum(int(row.split()[1]) for row in rows if row.startswith("DirectMap"))


def _compare_zone(tally: Tally, zone: Zone, entry: dict[str, Any]) -> None:
    got = {
        "start_pfn": zone.start_pfn,
        "spanned": zone.spanned,
        "present": zone.present,
        "managed": zone.managed,
        "wmark": list(zone.marks),
        "stat_threshold": zone.stat_threshold,
    }
    for name, value in got.items():
        tally.compare(f"{zone.name} of node {zone.node}: {name}", entry[name], value)


def _compare_zonelist(tally: Tally, machine: Machine, entry: dict[str, Any]) -> None:
    from kmemquest.kernel import gfp

    mask = gfp.GFP_HIGHUSER_MOVABLE | (gfp.THISNODE if entry["kind"] == "nofallback" else 0)
    zones = machine.pages.scan_order(entry["node"], mask, gfp.zone_index(mask))
    got = [[zone.node, zone.name] for zone in zones]
    tally.compare(f"zonelist {entry['kind']} of node {entry['node']}", entry["order"], got)
