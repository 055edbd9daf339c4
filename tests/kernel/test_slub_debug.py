"""slab_debug: what is found, when, and in what words."""

from __future__ import annotations

from kmemquest.kernel.conform.slub import slab_machine
from kmemquest.kernel.context import Frame, Task
from kmemquest.kernel.events import Event, Report
from kmemquest.kernel.gfp import GFP_KERNEL
from kmemquest.kernel.machine import Fate, Machine
from kmemquest.kernel.mm.slab_debug import parse_debug_option
from kmemquest.kernel.mm.slab_geometry import SLAB_NO_MERGE
from kmemquest.kernel.spec import Checkers, MachineSpec


def boot(*options: str, letters: str = "FZPU") -> tuple[Machine, list[Event]]:
    machine = slab_machine(MachineSpec(options=options, checkers=Checkers(slub_debug=letters)))
    machine.context.task = Task(38, "insmod")
    machine.context.stack.append(Frame("mistake", "driver.c", 12, "driver"))
    machine.checks.taint.add("O")
    events: list[Event] = []
    machine.events.subscribe(events.append)
    return machine, events


def lines(machine: Machine) -> list[str]:
    return [line.text for line in machine.log.lines]


def test_an_overflow_is_found_at_the_free_and_the_object_is_lost() -> None:
    machine, events = boot()
    address = machine.kmalloc.kmalloc(96, GFP_KERNEL)
    machine.memory.store_bytes(address, b"x" * 97)
    assert not lines(machine), "nothing is noticed at the write"
    machine.kmalloc.kfree(address)
    output = lines(machine)
    slab = machine.slub.slab_of(address)
    assert slab is not None
    end, offset = address + 96, address + 96 - slab.address
    assert output[0] == (
        f"[Right Redzone overwritten] 0x{end:016x}-0x{end:016x} @offset={offset}. "
        "First byte 0x78 instead of 0xcc"
    )
    assert output[2] == "BUG kmalloc-96 (Tainted: G           O      ): Object corrupt"
    assert any(line.startswith("Allocated in mistake+0x") for line in output)
    free = f"fp=0x{machine.slub.free_objects_of(slab)[0]:016x}"
    assert any(line.startswith("Slab 0xffffea00") and free in line for line in output)
    assert (
        f"Redzone  {end:016x}: 78 cc cc cc cc cc cc cc                          x......." in output
    )
    assert f"Redzone  {address - 32:016x}: {'cc ' * 16} ................" in output
    assert f"Object   {address:016x}: {'78 ' * 16} xxxxxxxxxxxxxxxx" in output
    assert f"Padding  {address + 0xB8:016x}: {'5a ' * 8}{' ' * 25}ZZZZZZZZ" in output
    assert output[-2:] == [
        f"FIX kmalloc-96: Restoring Right Redzone 0x{end:016x}-0x{end:016x}=0xcc",
        f"FIX kmalloc-96: Object at 0x{address:016x} not freed",
    ]
    assert slab.owned >> slab.index_of(address) & 1
    kinds = {e.kind for e in events if isinstance(e, Report)}
    assert kinds == {"slab-out-of-bounds"}
    assert {"B", "W"} <= machine.checks.taint


def test_a_write_into_the_slack_is_found_by_the_kmalloc_redzone() -> None:
    machine, _ = boot()
    address = machine.kmalloc.kmalloc(100, GFP_KERNEL)
    machine.memory.store(address + 110, 1, 0x41)
    machine.kmalloc.kfree(address)
    assert lines(machine)[0].startswith("[kmalloc Redzone overwritten] ")


def test_slack_is_not_guarded_without_user_tracking() -> None:
    machine, _ = boot(letters="FZP")
    address = machine.kmalloc.kmalloc(100, GFP_KERNEL)
    machine.memory.store(address + 110, 1, 0x41)
    machine.kmalloc.kfree(address)
    assert not lines(machine)


def test_an_underflow_damages_the_left_redzone() -> None:
    machine, _ = boot()
    address = machine.kmalloc.kmalloc(100, GFP_KERNEL)
    machine.memory.store(address - 1, 1, 0x41)
    machine.kmalloc.kfree(address)
    assert lines(machine)[0].startswith("[Left Redzone overwritten] ")


def test_a_write_after_free_is_found_at_the_next_allocation() -> None:
    machine, events = boot()
    address = machine.kmalloc.kmalloc(128, GFP_KERNEL)
    machine.kmalloc.kfree(address)
    assert machine.memory.peek(address, 128) == b"\x6b" * 127 + b"\xa5"
    machine.memory.store_bytes(address, b"A" * 128)
    assert not lines(machine)
    assert machine.kmalloc.kmalloc(128, GFP_KERNEL) != address
    output = lines(machine)
    assert output[0].startswith("[Poison overwritten] ")
    assert output[-4].startswith("FIX kmalloc-128: Restoring Poison ")
    assert output[-3].startswith("[End Poison overwritten] ")
    assert output[-1] == "FIX kmalloc-128: Marking all objects used"
    assert sum(line.startswith("BUG ") for line in output) == 1, "one dump for both damages"
    assert "Freed in mistake" in "\n".join(output)
    report = next(e for e in events if isinstance(e, Report))
    assert report.kind == "slab-use-after-free"
    assert [role for role, _ in report.related] == ["allocated", "freed"]


def test_a_double_free_is_reported_and_not_done() -> None:
    machine, events = boot()
    address = machine.kmalloc.kmalloc(64, GFP_KERNEL)
    machine.kmalloc.kfree(address)
    machine.kmalloc.kfree(address)
    output = lines(machine)
    assert output[1] == "BUG kmalloc-64 (Tainted: G           O      ): Object already free"
    assert output[-1] == f"FIX kmalloc-64: Object at 0x{address:016x} not freed"
    taken = [machine.kmalloc.kmalloc(64, GFP_KERNEL) for _ in range(2)]
    assert len(set(taken)) == 2
    assert machine.fate is Fate.RUNNING
    assert next(e for e in events if isinstance(e, Report)).kind == "double-free"


def test_an_interior_pointer_is_refused() -> None:
    machine, _ = boot()
    address = machine.kmalloc.kmalloc(128, GFP_KERNEL)
    machine.kmalloc.kfree(address + 16)
    assert (
        f"BUG kmalloc-128 (Tainted: G           O      ): "
        f"Invalid object pointer 0x{address + 16:016x}" in lines(machine)
    )


def test_fresh_memory_reads_as_poison_and_kzalloc_as_zero() -> None:
    machine, _ = boot()
    address = machine.kmalloc.kmalloc(100, GFP_KERNEL)
    assert machine.memory.peek(address, 100) == b"\x6b" * 99 + b"\xa5"
    assert machine.memory.peek(address + 100, 28) == b"\xcc" * 28
    address = machine.kmalloc.kzalloc(100, GFP_KERNEL)
    assert machine.memory.peek(address, 128) == bytes(100) + b"\xcc" * 28


def test_red_zones_alone_do_not_see_a_write_after_free() -> None:
    machine, _ = boot(letters="FZ")
    address = machine.kmalloc.kmalloc(128, GFP_KERNEL)
    machine.kmalloc.kfree(address)
    machine.memory.store_bytes(address, b"A" * 32)
    machine.kmalloc.kmalloc(128, GFP_KERNEL)
    assert not lines(machine)


def test_a_damaged_free_pointer_is_reported_instead_of_followed() -> None:
    machine, _ = boot(letters="FZ")
    cache = machine.slub.create("thing", 64, 0, SLAB_NO_MERGE)
    assert cache is not None
    address = machine.slub.alloc(cache, GFP_KERNEL)
    machine.slub.free(cache, address)
    machine.memory.store_bytes(address, b"A" * 64)
    assert machine.slub.alloc(cache, GFP_KERNEL)
    assert any("Freepointer corrupt" in line for line in lines(machine))
    assert machine.fate is Fate.RUNNING


def test_padding_of_a_slab_is_checked_when_its_pages_go() -> None:
    machine, _ = boot()
    cache = machine.slub.create("thing", 200, 0, SLAB_NO_MERGE)
    assert cache is not None
    address = machine.slub.alloc(cache, GFP_KERNEL)
    slab = machine.slub.slab_of(address)
    assert slab is not None
    machine.memory.store(slab.address + 4095, 1, 0x41)
    machine.slub.free(cache, address)
    machine.slub.shrink(cache)
    assert any("Padding overwritten. 0x" in line for line in lines(machine))


def test_remaining_objects_are_listed_with_their_allocator() -> None:
    machine, _ = boot()
    cache = machine.slub.create("busy", 200, 0, SLAB_NO_MERGE)
    assert cache is not None
    address = machine.slub.alloc(cache, GFP_KERNEL)
    machine.slub.destroy(cache)
    output = lines(machine)
    start = next(i for i, line in enumerate(output) if line.startswith("Object 0x"))
    assert output[start].startswith(f"Object 0x{address:016x} @offset=")
    assert output[start + 1].startswith("Allocated in mistake+0x")


def test_the_option_is_read_as_the_kernel_reads_it() -> None:
    def flags(option: str, name: str) -> int:
        return parse_debug_option(MachineSpec(options=(option,))).flags_for(name, 64, 0)

    assert flags("slab_debug", "any") == 0x87
    assert flags("slab_debug=FZ", "any") == 0x3
    assert flags("slab_debug=P,kmalloc-64", "kmalloc-64") == 0x4
    assert flags("slab_debug=P,kmalloc-64", "dentry") == 0
    assert flags("slub_debug=Z,kmalloc-*;U,dentry", "kmalloc-8") == 0x2
    assert flags("slub_debug=Z,kmalloc-*;U,dentry", "dentry") == 0x80
    assert flags("slab_debug=-", "any") == 0


def test_only_the_named_cache_is_watched() -> None:
    machine, _ = boot("slab_debug=FZPU,kmalloc-64", letters="")
    assert machine.slub.kmalloc_caches["normal", 64].is_debug
    assert not machine.slub.kmalloc_caches["normal", 128].is_debug


def test_ksize_allows_the_slack_to_be_used() -> None:
    machine, _ = boot()
    address = machine.kmalloc.kmalloc(100, GFP_KERNEL)
    assert machine.kmalloc.ksize(address) == 128
    machine.memory.store(address + 110, 1, 0x41)
    machine.kmalloc.kfree(address)
    assert not lines(machine)
