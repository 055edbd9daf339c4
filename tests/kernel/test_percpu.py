"""alloc_percpu: one token, an address per CPU, zeroed, the fullest chunk first."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from kmemquest.kernel.context import Frame
from kmemquest.kernel.events import (
    Event,
    PercpuAllocated,
    PercpuFreed,
    Report,
    SleptInAtomic,
    VmAreaCreated,
)
from kmemquest.kernel.gfp import GFP_ATOMIC, GFP_KERNEL, NOWARN
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.spec import MIB, MachineSpec


def boot(cpus: int = 2) -> tuple[Machine, list[Event]]:
    machine = Machine.boot(MachineSpec(ram=128 * MIB, cpus=cpus))
    machine.context.stack.append(Frame("drv_init", "driver.c", 12, "driver"))
    events: list[Event] = []
    machine.events.subscribe(events.append)
    return machine, events


def text(machine: Machine) -> str:
    return "\n".join(line.text for line in machine.log.lines)


def test_every_cpu_has_its_own_zeroed_copy() -> None:
    machine, events = boot()
    token = machine.percpu.alloc(64)
    addresses = [machine.percpu.address(token, cpu) for cpu in range(2)]
    assert addresses[1] - addresses[0] == machine.percpu.unit_size
    for cpu, address in enumerate(addresses):
        assert machine.memory.load_bytes(address, 64) == bytes(64)
        machine.memory.store(address, 8, 1000 + cpu)
    assert [machine.memory.load(address, 8) for address in addresses] == [1000, 1001]
    assert token < 1 << 32, "a token of the first chunk is an offset, no address"
    machine.percpu.free(token)
    kinds = [type(e) for e in events if isinstance(e, (PercpuAllocated, PercpuFreed))]
    assert kinds == [PercpuAllocated, PercpuFreed]
    assert machine.percpu.alloc(64) == token
    assert machine.memory.load(machine.percpu.address(token, 1), 8) == 0


def test_illegal_sizes_and_alignments_are_warned_about_every_time() -> None:
    machine, events = boot()
    assert machine.percpu.alloc(32769) == 0
    assert "illegal size (32772) or align (8) for percpu allocation" in text(machine)
    assert machine.percpu.alloc(0) == 0
    assert machine.percpu.alloc(8, 8192) == 0
    assert machine.percpu.alloc(8, 24) == 0
    assert machine.percpu.alloc(32769, 8, GFP_KERNEL | NOWARN) == 0
    assert len([e for e in events if isinstance(e, Report)]) == 4
    assert machine.percpu.alloc(32768)


def test_a_full_first_chunk_makes_a_chunk_at_the_top_of_vmalloc_space() -> None:
    machine, events = boot()
    token = machine.percpu.alloc(32768)
    address = machine.percpu.address(token, 0)
    assert 0xFFFFE8FF00000000 < address < 0xFFFFE8FFFFFFFFFF
    area = next(e for e in events if isinstance(e, VmAreaCreated))
    assert area.kind == "percpu"
    assert area.start <= address < area.end
    for cpu in range(2):
        assert machine.memory.store_bytes(machine.percpu.address(token, cpu), b"x" * 32768)


def test_small_areas_go_to_the_fullest_chunk_that_fits() -> None:
    machine, _ = boot()
    percpu = machine.percpu
    large = [percpu.alloc(32768) for _ in range(3)]
    small = percpu.alloc(8)
    assert small < 1 << 32, "the first chunk is the fullest"
    assert all(token > 1 << 32 for token in large)


def test_an_atomic_request_uses_only_backed_pages() -> None:
    machine, events = boot()
    percpu = machine.percpu
    while percpu.alloc(4096, 8, GFP_ATOMIC):
        pass
    assert not text(machine).count("percpu: allocation failed"), "atomic failures are silent"
    assert percpu.balance_is_due
    assert percpu.alloc(4096, 8, GFP_KERNEL), "the worker has run meanwhile"
    assert percpu.alloc(4096, 8, GFP_ATOMIC)
    assert not [e for e in events if isinstance(e, SleptInAtomic)]
    machine.context.preempt_depth = 1
    percpu.alloc(8)
    assert [e for e in events if isinstance(e, SleptInAtomic)]


def test_a_failure_to_get_pages_is_reported_ten_times() -> None:
    machine, events = boot()
    percpu = machine.percpu
    percpu.alloc(32768)
    machine.pages.alloc_pages = lambda *_args, **_options: -1  # type: ignore[method-assign]
    for _ in range(12):
        assert percpu.alloc(32768) == 0
    reports = [e for e in events if isinstance(e, Report)]
    assert len(reports) == 10
    assert reports[0].headline == (
        "percpu: allocation failed, size=32768 align=8 atomic=0, failed to populate"
    )
    assert machine.log.lines[-1].text == "percpu: limit reached, disable warning"


def test_empty_chunks_beyond_one_are_given_back() -> None:
    machine, _ = boot()
    percpu = machine.percpu
    tokens = [percpu.alloc(32768) for _ in range(200)]
    assert len(percpu.chunks) > 3
    for token in tokens:
        percpu.free(token)
    percpu.alloc(8)
    assert len(percpu.chunks) == 2, "the first chunk and one spare"


def test_freeing_nothing_and_freeing_twice() -> None:
    machine, events = boot()
    machine.percpu.free(0)
    token = machine.percpu.alloc(16)
    machine.percpu.free(token)
    machine.percpu.free(token)
    assert [e.kind for e in events if isinstance(e, Report)] == ["invalid-free"]


SIZES = st.lists(
    st.tuples(st.integers(1, 9000), st.sampled_from([4, 8, 64, 256, 4096]), st.integers(0, 9)),
    max_size=60,
)


@settings(max_examples=30, deadline=None)
@given(SIZES)
def test_areas_never_overlap_and_are_aligned(steps: list[tuple[int, int, int]]) -> None:
    machine, _ = boot(1)
    live: dict[int, int] = {}
    for size, align, action in steps:
        if action < 3 and live:
            token = sorted(live)[size % len(live)]
            machine.percpu.free(token)
            del live[token]
            continue
        token = machine.percpu.alloc(size, align)
        assert machine.percpu.address(token, 0) % align == 0
        live[token] = -(-size // 4) * 4
    spans = sorted(live.items())
    assert all(a + size <= b for (a, size), (b, _) in pairwise(spans))
    for token in live:
        machine.percpu.free(token)
    first = machine.percpu.chunks[0]
    assert all(not chunk.used for chunk in machine.percpu.chunks if chunk is not first)
