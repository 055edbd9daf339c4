"""/proc/slabinfo."""

from __future__ import annotations

from kmemquest.kernel.conform.slub import slab_machine
from kmemquest.kernel.gfp import GFP_KERNEL
from kmemquest.kernel.mm.slab_geometry import SLAB_NO_MERGE
from kmemquest.kernel.mm.slub_boot import populate_caches
from kmemquest.kernel.spec import MachineSpec
from kmemquest.kernel.text.slabinfo import slabinfo


def rows(text: str) -> dict[str, str]:
    return {line.split()[0]: line for line in text.splitlines()[2:]}


def test_a_row_has_the_kernels_columns() -> None:
    machine = slab_machine(MachineSpec())
    cache = machine.slub.create("thing", 200, 0, SLAB_NO_MERGE)
    assert cache is not None
    for _ in range(25):
        machine.slub.alloc(cache, GFP_KERNEL)
    text = slabinfo(machine)
    assert text.startswith("slabinfo - version: 2.1\n# name            <active_objs> <num_objs>")
    assert rows(text)["thing"] == (
        "thing                 40     40    200   20    1 : tunables    0    0    0"
        " : slabdata      2      2      0"
    )


def test_only_objects_free_on_node_lists_count_as_inactive() -> None:
    machine = slab_machine(MachineSpec())
    cache = machine.slub.create("thing", 200, 0, SLAB_NO_MERGE)
    assert cache is not None
    objects = [machine.slub.alloc(cache, GFP_KERNEL) for _ in range(40)]
    for address in objects[:15]:
        machine.slub.free(cache, address)
    assert rows(slabinfo(machine))["thing"].split()[1:3] == ["40", "40"]
    machine.slub.shrink(cache)
    assert rows(slabinfo(machine))["thing"].split()[1:3] == ["25", "40"]


def test_newest_first_and_aliases_do_not_show() -> None:
    machine = slab_machine(MachineSpec())
    machine.slub.create("mine", 200, 0, SLAB_NO_MERGE)
    machine.slub.create("alias_of_ip4_frags", 200)
    names = list(rows(slabinfo(machine)))
    assert names[0] == "mine"
    assert names[-5:] == ["kmalloc-8", "kmalloc-192", "kmalloc-96", "kmem_cache_node", "kmem_cache"]
    assert "alias_of_ip4_frags" not in names
    assert {"task_struct", "dentry", "vm_area_struct", "maple_node"} <= set(names)


def test_populating_keeps_to_the_pages_it_is_given() -> None:
    machine = slab_machine(MachineSpec())
    used = populate_caches(machine.slub, 1000)
    assert 600 < used <= 1000
    dentry = rows(slabinfo(machine))["dentry"].split()
    assert int(dentry[1]) > 1000
