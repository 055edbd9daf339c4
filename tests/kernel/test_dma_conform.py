"""DMA against recordings of a real kernel."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from kmemquest.kernel.conform.dma import conform_dma
from kmemquest.kernel.dma import coherent, streaming, swiotlb
from kmemquest.kernel.dma.constants import DMA_TO_DEVICE
from kmemquest.kernel.dma.pool import block_offsets, geometry

RECORDINGS = Path(__file__).parent.parent / "recordings" / "dma"
FILES = sorted(RECORDINGS.glob("dma_*.jsonl.gz"))


def read(path: Path) -> list[str]:
    with gzip.open(path, "rt") as lines:
        return list(lines)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_handle_zone_slot_and_byte_is_reproduced(path: Path) -> None:
    result = conform_dma(read(path))
    assert result.first_mismatch is None
    assert result.matched == result.total > 1800


def test_pools_are_laid_out_as_recorded() -> None:
    rows = [json.loads(line) for line in read(RECORDINGS / "pool_layouts.jsonl.gz")]
    assert len(rows) == 744
    refused = 0
    for size, align, boundary, offsets in rows:
        shape = geometry(size, align, boundary)
        if offsets is None:
            assert shape is None, (size, align, boundary)
            refused += 1
            continue
        assert shape is not None, (size, align, boundary)
        own = block_offsets(*shape)[: len(offsets)]
        assert own == offsets[: len(own)], (size, align, boundary)
    assert 0 < refused < len(rows)


def test_a_forged_byte_is_found() -> None:
    lines = read(RECORDINGS / "dma_5g.jsonl.gz")
    index = next(i for i, text in enumerate(lines) if text.startswith('["unmap"'))
    record = json.loads(lines[index])
    record[2] ^= 1
    lines[index] = json.dumps(record)
    result = conform_dma(lines)
    assert result.matched == result.total - 1
    assert result.first_mismatch is not None
    assert result.first_mismatch.line == index + 1


@pytest.mark.parametrize(
    ("module", "name", "replacement", "recording"),
    [
        (swiotlb, "SEGMENT_SLOTS", 16, "dma_5g"),
        (swiotlb, "PAGE_SIZE", 1 << 20, "dma_5g"),
        (coherent, "min_not_zero", lambda mask, limit: (1 << 64) - 1, "dma_5g"),
        (streaming, "DMA_FROM_DEVICE", DMA_TO_DEVICE, "dma_5g_force"),
    ],
    ids=["short segments", "no page alignment", "the mask is ignored", "copies the wrong way"],
)
def test_a_broken_rule_is_noticed(
    module: object,
    name: str,
    replacement: object,
    recording: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, name, replacement)
    result = conform_dma(read(RECORDINGS / f"{recording}.jsonl.gz"))
    assert result.matched < result.total


@pytest.mark.slow
def test_every_recording_of_a_folder() -> None:
    folder = os.environ.get("KMEMQUEST_RECORDINGS")
    if not folder:
        pytest.skip("KMEMQUEST_RECORDINGS names no folder")
    paths = sorted(Path(folder, "dma").glob("dma_*.jsonl.gz"))
    assert paths
    failed = {path.name: result for path in paths if not (result := conform_dma(read(path))).ok}
    assert not failed
