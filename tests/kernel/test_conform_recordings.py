"""Every recording, through the same door as `kmemquest conform`.

The sample beside the tests runs always; a whole folder of recordings (KMEMQUEST_RECORDINGS) runs
with `-m slow`.
"""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kmemquest.cli.conform import find_beside
from kmemquest.kernel.conform import ConformResult
from kmemquest.kernel.conform.formats import NotYet, UnknownFormat, companion_name, conform_lines

SAMPLE = Path(__file__).resolve().parents[1] / "recordings"
SUBJECTS = ("buddy", "size", "slub", "vmalloc", "memblock", "boot", "dma", "logs")


def lines_of(path: Path) -> Iterator[str]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as stream:
        yield from stream


def recordings(folder: Path) -> list[Path]:
    """JSON recordings, and texts of boots and failures; `pool_layouts` has a test of its own."""
    found = []
    for subject in SUBJECTS:
        found += (folder / subject).glob("*.jsonl*")
        found += (folder / subject).glob("boot_*.txt*")
        found += (folder / subject).glob("crash_*.txt*")
        found += (folder / subject).glob("oom.txt*")
        found += (folder / subject).glob("size_*.txt*")
        found += (folder / subject).glob("vmallocinfo*.txt*")
    return sorted(path for path in found if not path.name.startswith("pool_layouts"))


def replay(path: Path) -> ConformResult:
    beside = companion_name(path.name)
    companion = find_beside(str(path), beside) if beside else None
    return conform_lines(path.name, lines_of(path), companion)


@pytest.mark.parametrize("path", recordings(SAMPLE), ids=lambda path: path.name)
def test_the_sample_matches_wholly(path: Path) -> None:
    result = replay(path)
    assert result.ok, result.first_mismatch


def test_the_sample_has_every_subject() -> None:
    assert {path.parent.name for path in recordings(SAMPLE)} == set(SUBJECTS)


@pytest.mark.slow
def test_a_whole_folder_matches_wholly() -> None:
    folder = os.environ.get("KMEMQUEST_RECORDINGS")
    if not folder:
        pytest.skip("KMEMQUEST_RECORDINGS names no folder")
    paths = recordings(Path(folder))
    assert paths
    failed = {}
    for path in paths:
        try:
            result = replay(path)
        except (NotYet, UnknownFormat) as error:
            failed[path.name] = str(error)
        else:
            if not result.ok:
                failed[path.name] = str(result.first_mismatch)
    assert not failed
