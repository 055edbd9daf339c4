"""The vmalloc window against recordings of a real kernel."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from kmemquest.kernel.conform.vmalloc import conform_kvthresh, conform_vmalloc
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.mm import kvmalloc, vmap_areas, vmap_space
from kmemquest.kernel.mm.vmap_free import FreeSpace
from kmemquest.kernel.spec import MIB, MachineSpec
from kmemquest.kernel.text.vmallocinfo import vmallocinfo

RECORDINGS = Path(__file__).parent.parent / "recordings" / "vmalloc"
FILES = sorted(RECORDINGS.glob("vmalloc_mode*.jsonl.gz"))


def read(path: Path) -> list[str]:
    with gzip.open(path, "rt") as lines:
        return list(lines)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_address_and_free_block_is_reproduced(path: Path) -> None:
    result = conform_vmalloc(read(path))
    assert result.first_mismatch is None
    assert result.matched == result.total > 700


def test_all_modes_are_there() -> None:
    assert [path.name[12] for path in FILES] == ["0", "1", "2", "3"]


def test_the_kv_family_chooses_as_recorded() -> None:
    result = conform_kvthresh(read(RECORDINGS / "kvthresh.jsonl.gz"))
    assert result.first_mismatch is None
    assert result.matched == result.total > 300


def test_a_forged_address_is_found() -> None:
    lines = read(FILES[0])
    index = next(i for i in range(100, len(lines)) if lines[i].startswith('["v"'))
    record = json.loads(lines[index])
    record[3] += 4096
    lines[index] = json.dumps(record)
    result = conform_vmalloc(lines[: index + 1])
    assert result.matched == result.total - 1
    assert result.first_mismatch is not None
    assert result.first_mismatch.line == index + 1


def _highest_first(self: FreeSpace, size: int, align: int, low: int, high: int) -> int | None:
    for start, end in reversed(self.blocks()):
        address = (min(end, high) - size) & -max(align, 4096)
        if address >= max(start, low) and self.take(address, address + size):
            return address
    return None


@pytest.mark.parametrize(
    ("module", "name", "replacement", "recording"),
    [
        (vmap_space, "LAZY_PAGES_PER_BIT", 4096, "vmalloc_mode1_s1"),
        (vmap_areas, "PAGE_SIZE", 8192, "vmalloc_mode0_s1"),
        (FreeSpace, "allocate", _highest_first, "vmalloc_mode0_s1"),
        (kvmalloc, "PAGE_SIZE", 1 << 30, "vmalloc_mode3_s1"),
    ],
    ids=["purges too early", "a larger guard", "highest fit", "kvmalloc never falls back"],
)
def test_a_broken_rule_is_noticed(
    module: object,
    name: str,
    replacement: object,
    recording: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, name, replacement)
    result = conform_vmalloc(read(RECORDINGS / f"{recording}.jsonl.gz"))
    assert result.matched < result.total


def test_a_booted_machine_shows_the_recorded_areas() -> None:
    machine = Machine.boot(MachineSpec(ram=512 * MIB))
    with gzip.open(RECORDINGS / "vmallocinfo_before.txt.gz", "rt") as file:
        recorded = file.read().splitlines()
    shown = vmallocinfo(machine).splitlines()
    # From here on the recorded machine has virtio hardware that ours has not.
    first_virtio = next(i for i, row in enumerate(recorded) if "vp_modern" in row)
    assert first_virtio > 15
    assert shown[:first_virtio] == recorded[:first_virtio]


@pytest.mark.slow
def test_every_recording_of_a_folder() -> None:
    folder = os.environ.get("KMEMQUEST_RECORDINGS")
    if not folder:
        pytest.skip("KMEMQUEST_RECORDINGS names no folder")
    paths = sorted(Path(folder, "vmalloc").glob("vmalloc_mode*.jsonl.gz"))
    assert paths
    failed = {path.name: result for path in paths if not (result := conform_vmalloc(read(path))).ok}
    assert not failed
