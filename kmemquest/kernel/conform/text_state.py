"""What a recorded report says about the machine's memory, read into pictures.

The pictures are what the simulator's own renderers draw from, so a recorded block can be drawn
again by them: given the same state, every line must come out the same. What one line says twice
(sums, page and kB values, totals) is read once and computed for the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kmemquest.kernel.conform.report_patterns import classify
from kmemquest.kernel.text.mem_info import NodePicture, ZonePicture
from kmemquest.kernel.text.memory_counters import KIB_PER_PAGE, MemoryCounters
from kmemquest.kernel.text.oom_report import TaskPicture

FIRST_LINE: Final = "Mem-Info:"
LAST_KIND: Final = "hwpoisoned"


class Unreadable(ValueError):
    """A recorded block lacks a line that the picture needs."""


def block_at(lines: Sequence[str], start: int) -> int:
    """Return the index after the Mem-Info block that begins at `start`."""
    for index in range(start, len(lines)):
        found = classify(lines[index])
        if found is not None and found.kind == LAST_KIND:
            return index + 1
    raise Unreadable("a Mem-Info block has no end")


def read_mem_info(lines: Sequence[str]) -> list[NodePicture]:
    """Read a Mem-Info block into one picture per node."""
    by_kind: dict[str, list[tuple[str, ...]]] = {}
    for line in lines:
        found = classify(line)
        if found is not None:
            by_kind.setdefault(found.kind, []).append(found.fields(line) or ())
    try:
        zones = [
            _zone(zone, reserve, blocks)
            for zone, reserve, blocks in zip(
                by_kind["zone"], by_kind["reserve"], by_kind["free-lists"], strict=True
            )
        ]
        slabs = by_kind["totals-slab"][0]
        nodes = by_kind["node"]
    except (KeyError, ValueError):
        raise Unreadable("a Mem-Info block lacks lines about its zones") from None
    pictures = []
    for index, fields in enumerate(nodes):
        # The slab counters are told for the whole machine only.
        part = slabs if index == 0 else ("0", "0")
        pictures.append(_node(fields, part, [z for z in zones if z.node == int(fields[0])]))
    return pictures


def _node(fields: tuple[str, ...], slabs: tuple[str, ...], zones: list[ZonePicture]) -> NodePicture:
    kib = [int(value) if value and value.isdigit() else 0 for value in fields]
    active_anon, inactive_file, mapped, shmem = (kib[i] // KIB_PER_PAGE for i in (1, 4, 8, 11))
    counters = MemoryCounters(
        active_anon=active_anon,
        inactive_file=inactive_file,
        anon=max(active_anon - shmem, 0),
        shmem=shmem,
        mapped=mapped,
        slab_reclaimable=int(slabs[0]),
        slab_unreclaimable=int(slabs[1]),
        kernel_stack_kib=kib[16],
        page_tables=kib[17] // KIB_PER_PAGE,
    )
    return NodePicture(int(fields[0]), counters, fields[-1] == "yes", tuple(zones))


def _zone(
    fields: tuple[str, ...], reserve: tuple[str, ...], blocks: tuple[str, ...]
) -> ZonePicture:
    pages = [int(value or 0) // KIB_PER_PAGE for value in fields[2:]]
    counts = blocks[2:-1]
    return ZonePicture(
        node=int(fields[0] or 0),
        name=fields[1],
        free=pages[0],
        boost=pages[1],
        marks=(pages[2], pages[3], pages[4]),
        reserved_highatomic=pages[5],
        active_anon=pages[6],
        inactive_file=pages[9],
        present=pages[12],
        managed=pages[13],
        free_pcp=pages[16],
        local_pcp=pages[17],
        lowmem_reserve=tuple(int(value) for value in reserve if value),
        blocks=tuple(
            (int(count), letters or "")
            for count, letters in zip(counts[::2], counts[1::2], strict=True)
        ),
    )


def read_tasks(lines: Sequence[str]) -> list[TaskPicture]:
    """Read the rows of the killer's task table."""
    tasks = []
    for line in lines:
        found = classify(line)
        if found is None or found.kind != "oom-task":
            continue
        fields = found.fields(line) or ()
        numbers = [int(value) for value in fields[:-1]]
        pid, uid, _tgid, total_vm, _rss, anon, _file, shmem, tables, _swap, adjust = numbers
        tasks.append(TaskPicture(pid, fields[-1], uid, total_vm, anon, shmem, tables, adjust))
    return tasks
