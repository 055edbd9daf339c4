"""SLUB and kmalloc against recordings of a real kernel; and the replay notices wrong rules."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from kmemquest.kernel.conform.size import conform_size
from kmemquest.kernel.conform.slub import (
    conform_caches,
    conform_geometry,
    conform_merge,
    conform_object_trace,
)
from kmemquest.kernel.mm import slub_alloc, slub_free
from kmemquest.kernel.mm.slab_cache import NodeSlabs, Slab
from kmemquest.kernel.spec import Checkers, MachineSpec

RECORDINGS = Path(__file__).parent.parent / "recordings"
MACHINES = {
    "cpu1": MachineSpec(),
    "cpu4": MachineSpec(cpus=4),
    "fzpu": MachineSpec(checkers=Checkers(slub_debug="FZPU")),
}
TRACES = sorted((RECORDINGS / "slub").glob("slab_*.jsonl.gz"))


def read(name: str) -> list[str]:
    with gzip.open(RECORDINGS / name, "rt") as lines:
        return list(lines)


def test_every_size_gets_the_recorded_cache() -> None:
    result = conform_size(read("size/size_5G.size.jsonl.gz"))
    assert result.ok, result.first_mismatch
    assert result.total > 80_000


@pytest.mark.parametrize("machine", MACHINES)
def test_geometry_of_recorded_creations(machine: str) -> None:
    result = conform_geometry(read(f"slub/geom_{machine}.geom.jsonl.gz"), MACHINES[machine])
    assert result.ok, result.first_mismatch
    assert result.total == 989


@pytest.mark.parametrize("machine", MACHINES)
def test_recorded_merges(machine: str) -> None:
    result = conform_merge(read(f"slub/geom_{machine}.merge.jsonl.gz"), MACHINES[machine])
    assert result.ok, result.first_mismatch
    assert result.total == 412


@pytest.mark.parametrize(
    ("name", "spec"),
    [(f"slub/geom_{key}", spec) for key, spec in MACHINES.items()]
    + [
        ("size/size_5G", MachineSpec()),
        ("size/size_256M_nomerge", MachineSpec(options=("slab_nomerge",))),
    ],
)
def test_boot_creates_the_recorded_caches_in_order(name: str, spec: MachineSpec) -> None:
    result = conform_caches(read(f"{name}.caches.jsonl.gz"), spec)
    assert result.ok, result.first_mismatch


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.name)
def test_every_object_and_list_of_a_trace(path: Path) -> None:
    result = conform_object_trace(read(f"slub/{path.name}"))
    assert result.ok, result.first_mismatch
    assert result.total > 200


def test_geometry_replay_needs_the_right_machine() -> None:
    lines = read("slub/geom_cpu4.geom.jsonl.gz")
    assert not conform_geometry(lines, MACHINES["cpu1"]).ok


def test_one_changed_object_is_noticed_and_located() -> None:
    lines = read("slub/slab_256_0_s1.jsonl.gz")
    number = next(i for i, line in enumerate(lines) if i > 500 and line.startswith('["a"'))
    record = json.loads(lines[number])
    lines[number] = json.dumps(["a", record[1], record[2] + 1])
    result = conform_object_trace(lines)
    assert result.first_mismatch is not None
    assert result.first_mismatch.line == number + 1


def test_wrong_rules_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = read("slub/slab_256_0_s1.jsonl.gz")
    right = NodeSlabs.add_partial

    def to_head(self: NodeSlabs, slab: Slab, *, tail: bool) -> None:
        right(self, slab, tail=False)
        del tail

    with monkeypatch.context() as patch:
        patch.setattr(NodeSlabs, "add_partial", to_head)
        assert not conform_object_trace(trace).ok
    with monkeypatch.context() as patch:
        original = slub_free.put_cpu_partial
        patch.setattr(
            slub_free,
            "put_cpu_partial",
            lambda slub, slab, drain: original(slub, slab, drain=False),
        )
        assert not conform_object_trace(trace).ok
    with monkeypatch.context() as patch:
        patch.setattr(slub_alloc, "put_cpu_partial", lambda *_args, **_options: None)
        assert not conform_object_trace(trace).ok
