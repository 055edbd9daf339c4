"""Where the fields of the headers' structures lie, for the Python side of the bindings.

Offsets and sizes are bytes. `tests/driver/test_headers.py` compares every one of them with what
the C engine computes from the headers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

Layout = dict[str, tuple[int, int]]
"""Field name -> (offset, size)."""

DEVICE: Final[Layout] = {
    "driver": (24, 8),
    "driver_data": (40, 8),
    "dma_mask": (48, 8),
    "coherent_dma_mask": (56, 8),
    "numa_node": (76, 4),
}
DEVICE_SIZE: Final = 88
RESOURCE: Final[Layout] = {"start": (0, 8), "end": (8, 8), "name": (16, 8), "flags": (24, 8)}
RESOURCE_SIZE: Final = 64
PCI_DEV: Final[Layout] = {
    "devfn": (0, 4),
    "vendor": (4, 2),
    "device": (6, 2),
    "subsystem_vendor": (8, 2),
    "subsystem_device": (10, 2),
    "class": (12, 4),
    "revision": (16, 1),
    "dma_mask": (24, 8),
    "irq": (32, 4),
    "resource": (40, 384),
    "dev": (424, DEVICE_SIZE),
}
PCI_DEV_SIZE: Final = 512
PCI_DEVICE_ID: Final[Layout] = {
    "vendor": (0, 4),
    "device": (4, 4),
    "subvendor": (8, 4),
    "subdevice": (12, 4),
    "class": (16, 4),
    "class_mask": (20, 4),
}
PCI_DEVICE_ID_SIZE: Final = 40
PCI_DRIVER: Final[Layout] = {
    "name": (0, 8),
    "id_table": (8, 8),
    "probe": (16, 8),
    "remove": (24, 8),
    "driver": (40, 40),
}
PLATFORM_DEVICE: Final[Layout] = {
    "name": (0, 8),
    "id": (8, 4),
    "dev": (16, DEVICE_SIZE),
    "platform_dma_mask": (104, 8),
    "num_resources": (112, 4),
    "resource": (120, 8),
    "id_entry": (128, 8),
}
PLATFORM_DEVICE_SIZE: Final = 136
PLATFORM_DRIVER: Final[Layout] = {
    "probe": (0, 8),
    "remove": (8, 8),
    "driver": (24, 40),
    "id_table": (64, 8),
}
DEVICE_DRIVER: Final[Layout] = {"name": (0, 8), "of_match_table": (24, 8), "pm": (32, 8)}
OF_DEVICE_ID: Final[Layout] = {"compatible": (64, 128)}
OF_DEVICE_ID_SIZE: Final = 200
PLATFORM_DEVICE_ID_SIZE: Final = 32
MISCDEVICE: Final[Layout] = {
    "minor": (0, 4),
    "name": (8, 8),
    "fops": (16, 8),
    "this_device": (48, 8),
    "mode": (64, 2),
}
FILE_OPERATIONS: Final[Layout] = {
    "llseek": (8, 8),
    "read": (16, 8),
    "write": (24, 8),
    "poll": (32, 8),
    "unlocked_ioctl": (40, 8),
    "mmap": (56, 8),
    "open": (64, 8),
    "flush": (72, 8),
    "release": (80, 8),
    "fsync": (88, 8),
}
VM_AREA: Final[Layout] = {
    "vm_start": (0, 8),
    "vm_end": (8, 8),
    "vm_page_prot": (24, 8),
    "vm_flags": (32, 8),
    "vm_ops": (40, 8),
    "vm_pgoff": (48, 8),
    "vm_file": (56, 8),
    "vm_private_data": (64, 8),
}
VM_AREA_SIZE: Final = 72
VM_OPERATIONS: Final[Layout] = {"open": (0, 8), "close": (8, 8), "fault": (16, 8)}
VM_FAULT: Final[Layout] = {
    "vma": (0, 8),
    "gfp_mask": (8, 4),
    "pgoff": (16, 8),
    "address": (24, 8),
    "flags": (32, 4),
    "page": (40, 8),
}
VM_FAULT_SIZE: Final = 48
DEV_PM_OPS: Final[Layout] = {
    "prepare": (0, 8),
    "complete": (8, 8),
    "suspend": (16, 8),
    "resume": (24, 8),
    "suspend_late": (64, 8),
    "resume_early": (72, 8),
    "suspend_noirq": (80, 8),
    "resume_noirq": (88, 8),
}
FIRMWARE: Final[Layout] = {"size": (0, 8), "data": (8, 8)}
FIRMWARE_SIZE: Final = 24
INODE: Final[Layout] = {"i_mode": (0, 2), "i_rdev": (4, 4), "i_size": (16, 8), "i_cdev": (32, 8)}
INODE_SIZE: Final = 40
FILE: Final[Layout] = {
    "f_mode": (0, 4),
    "f_flags": (4, 4),
    "f_pos": (8, 8),
    "private_data": (16, 8),
    "f_op": (24, 8),
    "f_inode": (32, 8),
}
FILE_SIZE: Final = 40
CDEV: Final[Layout] = {"ops": (72, 8), "dev": (96, 4), "count": (100, 4)}
TIMER_LIST: Final[Layout] = {"expires": (16, 8), "function": (24, 8), "flags": (32, 4)}
WORK_STRUCT: Final[Layout] = {"data": (0, 8), "entry": (8, 16), "func": (24, 8)}
DELAYED_WORK: Final[Layout] = {"timer": (32, 40), "wq": (72, 8)}
TASKLET: Final[Layout] = {
    "state": (8, 8),
    "count": (16, 4),
    "use_callback": (20, 1),
    "func": (24, 8),
    "data": (32, 8),
}
TASK_STRUCT: Final[Layout] = {
    "flags": (4, 4),
    "pid": (8, 4),
    "tgid": (12, 4),
    "comm": (16, 16),
    "fail_nth": (32, 4),
}
TASK_STRUCT_SIZE: Final = 36
HRTIMER: Final[Layout] = {
    "expires": (24, 8),
    "function": (40, 8),
    "state": (56, 1),
    "is_rel": (57, 1),
    "is_soft": (58, 1),
    "is_hard": (59, 1),
}
HRTIMER_SIZE: Final = 64
SHRINKER: Final[Layout] = {
    "count_objects": (0, 8),
    "scan_objects": (8, 8),
    "batch": (16, 8),
    "seeks": (24, 4),
    "flags": (28, 4),
}
SHRINKER_SIZE: Final = 56
SHRINK_CONTROL: Final[Layout] = {
    "gfp_mask": (0, 4),
    "nid": (4, 4),
    "nr_to_scan": (8, 8),
    "nr_scanned": (16, 8),
}
SHRINK_CONTROL_SIZE: Final = 32
SCATTERLIST: Final[Layout] = {
    "page_link": (0, 8),
    "offset": (8, 4),
    "length": (12, 4),
    "dma_address": (16, 8),
    "dma_length": (24, 4),
}
SCATTERLIST_SIZE: Final = 32
MODULE: Final[Layout] = {"name": (0, 56), "refcnt": (60, 4)}
MODULE_SIZE: Final = 64
MEMPOOL: Final[Layout] = {"min_nr": (4, 4), "curr_nr": (8, 4), "pool_data": (24, 8)}
MEMPOOL_SIZE: Final = 48


def get(machine: Machine, base: int, layout: Layout, name: str) -> int:
    """Read a field as the kernel's own code reads it: unsigned, unchecked."""
    offset, size = layout[name]
    return int.from_bytes(machine.memory.peek(base + offset, size), "little")


def put(machine: Machine, base: int, layout: Layout, name: str, value: int) -> None:
    """Write a field, unchecked."""
    offset, size = layout[name]
    data = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
    machine.memory.poke(base + offset, data)


def get_text(machine: Machine, address: int, limit: int = 256) -> str:
    """Read a C string, unchecked; empty for NULL."""
    if not address:
        return ""
    return machine.memory.peek(address, limit).split(b"\0", 1)[0].decode("utf-8", "replace")
