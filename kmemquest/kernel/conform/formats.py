"""Which replay a recording wants: told by its first line, and by its name where that is silent.

Recordings of slab caches do not say how the machine was booted; their names do (`cpu4` for four
CPUs, `fzpu` for slab_debug=FZPU, `nomerge` for slab_nomerge).
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from kmemquest.kernel.conform import UNFOLLOWED, ConformResult, Recording
from kmemquest.kernel.spec import MachineSpec

_VMALLOCINFO: Final = re.compile(r"0x[0-9a-f]{16}-0x[0-9a-f]{16} ")


class UnknownFormat(ValueError):
    """No recording that the simulator knows."""


class NotYet(Exception):
    """The format is known, but its replay is not written yet."""


def companion_name(name: str) -> str | None:
    """Return the name of the recording that completes this one (the text of the same boot)."""
    stem, found, _rest = name.partition(".facts.jsonl")
    return f"{stem}.txt" if found else None


def conform_lines(
    name: str, lines: Iterable[str], companion: Iterable[str] | None = None
) -> ConformResult:
    """Replay a recording; `name` is its file name, `lines` are its lines of text.

    `companion` are the lines of the recording called `companion_name(name)`, if there is one.
    """
    stream = iter(lines)
    first = next(stream, "")
    whole = Recording(itertools.chain([first], stream))
    try:
        return _replay(name, first, whole, companion)
    except UNFOLLOWED as error:
        if isinstance(error, UnknownFormat):
            raise
        whole.tally.break_off(error)
        return whole.tally.result()


def _replay(
    name: str, first: str, whole: Recording, companion: Iterable[str] | None
) -> ConformResult:
    if first.startswith("@@@"):
        return _text_recording(name, first, whole)
    if _VMALLOCINFO.match(first):
        from kmemquest.kernel.conform.text_proc import conform_form

        return conform_form(whole, "vmallocinfo")
    files = _slab_files(name, first)
    if files is not None:
        return files(whole, spec_of_name(name))
    try:
        head = json.loads(first)
    except json.JSONDecodeError:
        raise UnknownFormat("its first line is neither JSON nor a section heading") from None
    if isinstance(head, list):
        return _rows(str(head[0]) if head else "", whole, companion)
    return _objects(name, head, whole)


def _slab_files(
    name: str, first: str
) -> Callable[[Iterable[str], MachineSpec], ConformResult] | None:
    """Return the replay of a file that shows all slab caches, None for anything else."""
    from kmemquest.kernel.conform import slab_files

    if first.startswith(slab_files.SLABINFO_HEAD):
        return slab_files.conform_slabinfo
    if ".sysfs_slab_links." in name:
        return slab_files.conform_links
    if ".sysfs_slab." in name:
        return slab_files.conform_sysfs
    return None


def _objects(name: str, head: dict[str, Any], lines: Iterable[str]) -> ConformResult:
    kind = head.get("t")
    if kind == "meta" and head.get("trace") == "vmalloc":
        from kmemquest.kernel.conform.vmalloc import conform_vmalloc

        return conform_vmalloc(lines)
    if kind == "meta" and head.get("trace") == "dma":
        from kmemquest.kernel.conform.dma import conform_dma

        return conform_dma(lines)
    if kind == "meta":
        from kmemquest.kernel.conform.buddy import conform_buddy

        return conform_buddy(lines)
    if kind == "slabmeta":
        from kmemquest.kernel.conform.slub import conform_object_trace

        return conform_object_trace(lines)
    if kind == "sz":
        from kmemquest.kernel.conform.size import conform_size

        return conform_size(lines)
    if kind in ("geom", "merge", "cache"):
        from kmemquest.kernel.conform import slub

        replay = {
            "geom": slub.conform_geometry,
            "merge": slub.conform_merge,
            "cache": slub.conform_caches,
        }[str(kind)]
        return replay(lines, spec_of_name(name))
    if "op" in head and "i" in head:
        from kmemquest.kernel.conform.memblock import conform_memblock

        return conform_memblock(lines)
    if "cases" in head or name == "index.json":
        raise NotYet("cases of driver mistakes are replayed by the driver lab")
    raise UnknownFormat(f"no replay for a first line of kind {kind!r}")


def _rows(kind: str, lines: Iterable[str], companion: Iterable[str] | None) -> ConformResult:
    if kind in ("kv", "kv_nowait", "kv_retry"):
        from kmemquest.kernel.conform.vmalloc import conform_kvthresh

        return conform_kvthresh(lines)
    if kind == "var":
        from kmemquest.kernel.conform.boot import conform_boot_facts

        return conform_boot_facts(lines, companion)
    raise UnknownFormat(f"no replay for rows of kind {kind!r}")


def _text_recording(name: str, first: str, lines: Iterable[str]) -> ConformResult:
    if first.startswith(("@@@ test", "@@@ before")):
        from kmemquest.kernel.conform.text import conform_logs

        return conform_logs(lines)
    if name.startswith("boot_"):
        from kmemquest.kernel.conform.boot import conform_boot

        return conform_boot(lines)
    raise NotYet("this text recording has no replay yet")


def spec_of_name(name: str) -> MachineSpec:
    """Return how the machine of a slab recording was booted."""
    cpus = re.search(r"cpu(\d+)", name)
    options = []
    if "fzpu" in name:
        options.append("slab_debug=FZPU")
    if "nomerge" in name:
        options.append("slab_nomerge")
    return MachineSpec(cpus=int(cpus[1]) if cpus else 1, options=tuple(options))
