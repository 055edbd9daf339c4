"""Files that the kernel makes up: the entries of /proc and /sys/kernel/debug, as two trees.

An entry that leads to operations of the driver is a node in `World.characters` too, under its whole
path: that is where open() looks.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from kmemquest.driver import abi
from kmemquest.driver.devices import CharacterDevice, OpenFile, world_of

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

PROC: Final = "proc"
DEBUGFS: Final = "debugfs"
ROOTS: Final = {PROC: "/proc", DEBUGFS: "/sys/kernel/debug"}
LONGEST_PATH: Final = 4095
"""`PATH_MAX`, without the NUL."""
ENTRY_STEPS: Final = 150
"""What making an entry counts in statements besides the call."""
DIRECTORY: Final = 0o040000
REGULAR: Final = 0o100000
FIRST_NUMBER: Final = 0xF000_0000
"""Inode numbers of made-up entries (`fs/proc/generic.c:PROC_DYNAMIC_FIRST`)."""
OWN_DIRECTORIES: Final = {
    PROC: ("acpi", "bus", "driver", "fs", "irq", "scsi", "sys", "sysvipc", "tty"),
    DEBUGFS: ("block", "dma_buf", "pinctrl", "regulator", "slab"),
}
OWN_FILES: Final = {
    PROC: (
        *("buddyinfo", "cmdline", "cpuinfo", "crypto", "devices", "diskstats", "filesystems"),
        *("interrupts", "iomem", "ioports", "kallsyms", "kmsg", "loadavg", "locks", "meminfo"),
        *("misc", "modules", "mounts", "net", "partitions", "self", "slabinfo", "softirqs", "stat"),
        *("swaps", "uptime", "version", "vmallocinfo", "vmstat", "zoneinfo"),
    ),
    DEBUGFS: ("kmemleak", "sleep_time", "suspend_stats"),
}
"""What the kernel itself has there: the names are taken; a script cannot open them."""
INODE: Final[abi.Layout] = {"i_ino": (8, 8), "i_private": (24, 8)}
PROC_OPS: Final[abi.Layout] = {
    "open": (8, 8),
    "read": (16, 8),
    "read_iter": (24, 8),
    "write": (32, 8),
    "llseek": (40, 8),
    "release": (48, 8),
    "poll": (56, 8),
    "unlocked_ioctl": (64, 8),
    "mmap": (80, 8),
}
"""`struct proc_ops`, by the names that the same members have in `struct file_operations`."""
PROC_OPS_SIZE: Final = 96


@dataclass(slots=True, eq=False)
class PseudoFile:
    """An entry of a tree; `address` is its proc_dir_entry or dentry."""

    tree: str
    name: str
    parent: PseudoFile | None = None
    address: int = 0
    number: int = 0
    """Of its inode."""
    mode: int = DIRECTORY
    data: int = 0
    operations: int = 0
    children: dict[str, PseudoFile] = field(default_factory=dict)
    openers: list[tuple[OpenFile, int]] = field(default_factory=list)
    """Open files, and the pde_opener of each, 0 without one."""
    removed: bool = False
    parts: dict[str, int] = field(default_factory=dict)
    """Further memory that belongs to it, by the cache it is from; `name` is from kmalloc."""
    users: int = 0
    """Calls into its operations that have not come back."""
    path: str = field(init=False)
    """The whole path, empty if it is longer than a program can name."""

    def __post_init__(self) -> None:
        above = self.parent.path if self.parent is not None else ""
        path = f"{above}/{self.name}" if above else ROOTS[self.tree]
        hidden = len(path) > LONGEST_PATH or (self.parent is not None and not above)
        self.path = "" if hidden else path

    @property
    def is_directory(self) -> bool:
        return self.mode & 0o170000 == DIRECTORY

    def subtree(self) -> list[PseudoFile]:
        """Everything below it and itself, leaves first."""
        found = [self]
        for each in found:
            found.extend(each.children.values())
        return found[::-1]


class PseudoTrees:
    """Both trees of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._characters = world_of(engine).characters
        self._memory = engine.machine
        self.roots = {tree: PseudoFile(tree, ROOTS[tree]) for tree in ROOTS}
        self.by_address: dict[int, PseudoFile] = {}
        self.by_number: dict[int, PseudoFile] = {}
        self._next_number = FIRST_NUMBER
        for tree, root in self.roots.items():
            for name in OWN_DIRECTORIES[tree]:
                root.children[name] = PseudoFile(tree, name, root)
            for name in OWN_FILES[tree]:
                root.children[name] = PseudoFile(tree, name, root, mode=REGULAR)

    def add(self, entry: PseudoFile) -> None:
        """Let an entry be found under its parent."""
        self._next_number += 1
        entry.number = self._next_number
        assert entry.parent is not None
        entry.parent.children[entry.name] = entry
        self.by_address[entry.address] = entry
        self.by_number[entry.number] = entry
        path = entry.path
        if path:
            self._characters[path] = CharacterDevice(
                path, 0, 0, entry.operations, entry.address, misc=False, entry=entry
            )

    def take_away(self, entry: PseudoFile) -> None:
        """Let it be found no more; who has it open keeps it."""
        entry.removed = True
        self._characters.pop(entry.path, None)
        self.by_address.pop(entry.address, None)
        if entry.parent is not None and entry.parent.children.get(entry.name) is entry:
            del entry.parent.children[entry.name]

    def of_inode(self, inode: int) -> PseudoFile | None:
        """Return the entry that an inode belongs to."""
        return self.by_number.get(abi.get(self._memory, inode, INODE, "i_ino"))


_TREES: WeakKeyDictionary[Engine, PseudoTrees] = WeakKeyDictionary()


def trees_of(engine: Engine) -> PseudoTrees:
    """Return the trees of an engine, made on first use."""
    trees = _TREES.get(engine)
    if trees is None:
        trees = _TREES[engine] = PseudoTrees(engine)
    return trees


def node_name(name: str) -> str:
    """Return the name under which a node is known: /dev/x is x, other paths are tidied up."""
    if not name.startswith("/"):
        return name
    path = posixpath.normpath("/" + name.lstrip("/"))
    return path.removeprefix("/dev/") if path.startswith("/dev/") else path
