"""`<linux/debugfs.h>`: files below /sys/kernel/debug.

Source: `fs/debugfs/inode.c`, `fs/debugfs/file.c` and `fs/libfs.c` of 6.12. An entry is a dentry and
an inode of their own caches. Nothing goes away with the module: what was not removed stays, and who
opens it runs into code and data that are gone.
"""

# ruff: noqa: ARG001 - a binding has the parameters of the C function, needed or not

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi
from kmemquest.driver.binding import Argument, binds
from kmemquest.driver.bindings import basics, files, slab
from kmemquest.driver.bindings.uaccess import bring_in
from kmemquest.driver.c_types import ULONG
from kmemquest.driver.devices import OpenFile, signed, world_of
from kmemquest.driver.holdings import gave_back, got
from kmemquest.driver.pending import wait_until
from kmemquest.driver.printk_format import format_text, read_string
from kmemquest.driver.pseudo_files import (
    DEBUGFS,
    DIRECTORY,
    ENTRY_STEPS,
    INODE,
    REGULAR,
    PseudoFile,
    trees_of,
)
from kmemquest.driver.sequence import charge, kernel_address, load, store
from kmemquest.kernel.gfp import GFP_KERNEL

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

ENOENT: Final = 2
ENOMEM: Final = 12
EACCES: Final = 13
EFAULT: Final = 14
EEXIST: Final = 17
ERR_FIRST: Final = (1 << 64) - 4095
WORD: Final = (1 << 64) - 1
DENTRY: Final = "dentry"
INODE_CACHE: Final = "inode_cache"
INLINE_NAME: Final = 40
"""Longer names get memory of their own (`DNAME_INLINE_LEN`)."""
LEDGER: Final = "debugfs-entry"
FILE_OPERATIONS_SIZE: Final = 512
"""Room for the kernel's own tables, whatever the header's structure has."""
DENTRY_INODE: Final = 48
"""Where a dentry has its inode."""
TYPE_MASK: Final = 0o170000
PERMISSIONS: Final = 0o7777
ATTRIBUTE: Final[abi.Layout] = {
    "get": (0, 8),
    "set": (8, 8),
    "get_buf": (16, 24),
    "set_buf": (40, 24),
    "data": (64, 8),
    "fmt": (72, 8),
    "mutex": (80, 32),
}
"""`struct simple_attr`."""
ATTRIBUTE_SIZE: Final = 112
ATTRIBUTE_TEXT: Final = 24
SCALARS: Final[dict[str, tuple[int, bytes]]] = {
    "u8": (1, b"%llu\n"),
    "u16": (2, b"%llu\n"),
    "u32": (4, b"%llu\n"),
    "u64": (8, b"%llu\n"),
    "ulong": (8, b"%llu\n"),
    "size_t": (8, b"%llu\n"),
    "x8": (1, b"0x%02llx\n"),
    "x16": (2, b"0x%04llx\n"),
    "x32": (4, b"0x%08llx\n"),
    "x64": (8, b"0x%016llx\n"),
    "atomic_t": (4, b"%lld\n"),
}
"""Kind of number -> its bytes, and how it is shown."""
SIGNED: Final = ("atomic_t",)


def _scratch(engine: Engine) -> int:
    """Return eight bytes for what the kernel would have on its stack."""
    known = world_of(engine).singletons
    if "debugfs scratch" not in known:
        known["debugfs scratch"] = engine.reserve(8)
    return known["debugfs scratch"]


def _is_error(address: int) -> bool:
    return address >= ERR_FIRST


# --- making entries -----------------------------------------------------------------------


def _make(
    engine: Engine, name: int, mode: int, parent: int, data: int, operations: int, function: str
) -> int:
    """Make an entry; its dentry, or an error in its place, never NULL."""
    machine, trees = engine.machine, trees_of(engine)
    if _is_error(parent):
        return parent
    where = trees.roots[DEBUGFS] if not parent else trees.by_address.get(parent)
    if where is None:
        # No dentry, or one that is gone: the kernel looks for its inode.
        load(engine, parent + DENTRY_INODE, 8, "start_creating")
        return -ENOENT & WORD
    text = read_string(machine, name).decode("utf-8", "replace")
    engine.check()
    if not text or "/" in text or text in (".", ".."):
        return -EACCES & WORD
    if text in where.children:
        place = "/" if where.parent is None else where.name
        message = f"File '{text}' in directory '{place}' already present!"
        if where.children[text].is_directory:
            message = f"Directory '{text}' with parent '{place}' already present!"
        machine.log.print(f"debugfs: {message}", 3)
        return -EEXIST & WORD
    address, parts = _memory(engine, text)
    if not address:
        return -ENOMEM & WORD
    entry = PseudoFile(
        DEBUGFS, text, where, address, mode=mode, data=data, operations=operations, parts=parts
    )
    trees.add(entry)
    charge(engine, ENTRY_STEPS, "the driver made entries in debugfs without end")
    return got(engine, LEDGER, address, 0, function)


def _memory(engine: Engine, name: str) -> tuple[int, dict[str, int]]:
    """Allocate a dentry with what belongs to it; zero when there is no memory."""
    machine = engine.machine
    cache, inodes = machine.slub.find(DENTRY), machine.slub.find(INODE_CACHE)
    assert cache is not None
    assert inodes is not None
    parts: dict[str, int] = {}
    address = machine.slub.alloc(cache, GFP_KERNEL)
    if not address:
        return 0, parts
    raw = name.encode() + b"\0"
    if len(raw) > INLINE_NAME:
        parts["name"] = machine.kmalloc.kmalloc(len(raw), GFP_KERNEL)
    if parts.get("name", 1):
        parts["inode"] = machine.slub.alloc(inodes, GFP_KERNEL)
    if not parts.get("inode"):
        text = f"debugfs: out of free dentries, can not create file '{name}'"
        machine.log.print(text, 3)
        _free_memory(engine, address, parts)
        return 0, parts
    machine.memory.poke(address, bytes(cache.object_size))
    machine.memory.mark_written(address, cache.object_size)
    return address, parts


def _free_memory(engine: Engine, address: int, parts: dict[str, int]) -> None:
    machine = engine.machine
    if parts.get("name"):
        machine.kmalloc.kfree(parts["name"])
    for name, item in ((INODE_CACHE, parts.get("inode")), (DENTRY, address)):
        cache = machine.slub.find(name)
        if item and cache is not None:
            machine.slub.free(cache, item)


@binds("debugfs_create_dir")
def debugfs_create_dir(engine: Engine, name: int, parent: int) -> int:
    return _make(engine, name, DIRECTORY | 0o755, parent, 0, 0, "debugfs_create_dir")


@binds("debugfs_create_file")
def debugfs_create_file(
    engine: Engine, name: int, mode: int, parent: int, data: int, operations: int
) -> int:
    mode = _file_mode(mode)
    return _make(engine, name, mode, parent, data, operations, "debugfs_create_file")


@binds("debugfs_create_file_size")
def debugfs_create_file_size(
    engine: Engine, name: int, mode: int, parent: int, data: int, operations: int, size: int
) -> None:
    mode = _file_mode(mode)
    _make(engine, name, mode, parent, data, operations, "debugfs_create_file_size")


def _file_mode(mode: int) -> int:
    return (mode & PERMISSIONS) | REGULAR


@binds("debugfs_lookup")
def debugfs_lookup(engine: Engine, name: int, parent: int) -> int:
    """Return a dentry by its name. The reference that dput() gives back is not counted."""
    if _is_error(parent):
        return 0
    trees = trees_of(engine)
    where = trees.roots[DEBUGFS] if not parent else trees.by_address.get(parent)
    text = read_string(engine.machine, name).decode("utf-8", "replace")
    engine.check()
    found = where.children.get(text) if where is not None else None
    return found.address if found is not None else 0


# --- removing -----------------------------------------------------------------------------


@binds("debugfs_remove")
def debugfs_remove(engine: Engine, address: int) -> None:
    """Remove an entry and everything below it; errors and NULL are let pass."""
    _remove(engine, address, "debugfs_remove")


def _remove(engine: Engine, address: int, function: str) -> None:
    if not address or _is_error(address):
        return
    entry = trees_of(engine).by_address.get(address)
    if entry is None:
        load(engine, address + DENTRY_INODE, 8, "simple_recursive_removal")
        return
    for each in entry.subtree():
        wait_until(engine, partial(_is_idle, each), "debugfs_remove")
        engine.check()
        trees_of(engine).take_away(each)
        gave_back(engine, each.address, function, LEDGER)
        if not each.openers:
            _free(engine, each)


def _is_idle(entry: PseudoFile) -> bool:
    return not entry.users


@binds("debugfs_lookup_and_remove")
def debugfs_lookup_and_remove(engine: Engine, name: int, parent: int) -> None:
    _remove(engine, debugfs_lookup(engine, name, parent), "debugfs_lookup_and_remove")


def _free(engine: Engine, entry: PseudoFile) -> None:
    if entry.address:
        _free_memory(engine, entry.address, entry.parts)
    trees_of(engine).by_number.pop(entry.number, None)


# --- opening and closing, for the system calls --------------------------------------------


def _operation(engine: Engine, entry: PseudoFile, name: str, by: str) -> int:
    if not entry.operations:
        return 0
    offset, size = abi.FILE_OPERATIONS[name]
    return load(engine, entry.operations + offset, size, by)


def opened(engine: Engine, entry: PseudoFile, file: OpenFile) -> int:
    """Call the driver's open."""
    if entry.operations:
        # fops_get() asks the operations for their owner.
        load(engine, entry.operations, 8, "full_proxy_open")
    function = _operation(engine, entry, "open", "full_proxy_open")
    result = signed(engine.call(function, file.inode, file.file)) if function else 0
    engine.check()
    if result == 0:
        entry.openers.append((file, 0))
    return result


def closed(engine: Engine, entry: PseudoFile, file: OpenFile) -> int:
    """Call the driver's release, also when the entry is gone: nothing may leak."""
    function = _operation(engine, entry, "release", "full_proxy_release")
    if function:
        engine.call(function, file.inode, file.file)
        engine.check()
    entry.openers = [pair for pair in entry.openers if pair[0] is not file]
    if entry.removed and not entry.openers:
        _free(engine, entry)
    return 0


# --- files of one number ------------------------------------------------------------------


def _mode(engine: Engine, inode: int) -> int:
    return abi.get(engine.machine, inode, abi.INODE, "i_mode")


def _private(engine: Engine, file: int, by: str) -> int:
    offset, size = abi.FILE["private_data"]
    return load(engine, file + offset, size, by)


@binds("__kmq_attr_open")
def attr_open(engine: Engine, inode: int, file: int, get: int, set_: int, form: int) -> int:
    data = load(engine, inode + INODE["i_private"][0], 8, "simple_attr_open")
    address = engine.machine.kmalloc.kzalloc(ATTRIBUTE_SIZE, GFP_KERNEL)
    if not address:
        return -ENOMEM
    got(engine, "kmalloc", address, ATTRIBUTE_SIZE, "simple_attr_open")
    for name, value in {"get": get, "set": set_, "data": data, "fmt": form}.items():
        store(engine, address + ATTRIBUTE[name][0], 8, value, "simple_attr_open")
    place = file + abi.FILE["private_data"][0]
    store(engine, place, 8, address, "simple_attr_open")
    # The file cannot be read or written at a place of one's own choice (`nonseekable_open`).
    return files.nonseekable_open(engine, inode, file)


@binds("__kmq_attr_release")
def attr_release(engine: Engine, inode: int, file: int) -> int:
    slab.kfree(engine, _private(engine, file, "simple_attr_release"))
    return 0


def _attribute(engine: Engine, address: int, name: str, by: str) -> int:
    return load(engine, address + ATTRIBUTE[name][0], 8, by)


@binds("debugfs_attr_read")
def attr_read(engine: Engine, file: int, buffer: int, size: int, position: int) -> int:
    by, machine = "simple_attr_read", engine.machine
    address = _private(engine, file, by)
    get = _attribute(engine, address, "get", by)
    if not get:
        return -EACCES
    place = address + ATTRIBUTE["get_buf"][0]
    text = read_string(machine, place, ATTRIBUTE_TEXT)
    engine.check()
    if not load(engine, position, 8, by) or not text:
        value = _scratch(engine)
        data = _attribute(engine, address, "data", by)
        error = signed(engine.call(get, data, value))
        engine.check()
        if error:
            return error
        form = read_string(machine, _attribute(engine, address, "fmt", by))
        number = Argument(ULONG, machine.memory.load(value, 8))
        text = format_text(engine, form, [number])[: ATTRIBUTE_TEXT - 1]
        engine.check()
        machine.memory.store_bytes(place, text + b"\0")
    return files.simple_read_from_buffer(engine, buffer, size, position, place, len(text))


@binds("debugfs_attr_write")
def attr_write(engine: Engine, file: int, buffer: int, size: int, position: int) -> int:
    return _attr_write(engine, file, buffer, size, positive=True)


@binds("debugfs_attr_write_signed")
def attr_write_signed(engine: Engine, file: int, buffer: int, size: int, position: int) -> int:
    return _attr_write(engine, file, buffer, size, positive=False)


def _attr_write(engine: Engine, file: int, buffer: int, size: int, *, positive: bool) -> int:
    by, machine = "simple_attr_write", engine.machine
    address = _private(engine, file, by)
    change = _attribute(engine, address, "set", by)
    if not change:
        return -EACCES
    place = address + ATTRIBUTE["set_buf"][0]
    count = min(size, ATTRIBUTE_TEXT - 1)
    if bring_in(engine, place, buffer, count):
        return -EFAULT
    machine.memory.store(place + count, 1, 0)
    value = _scratch(engine)
    parse = basics.kstrtoul if positive else basics.kstrtol
    error = parse(engine, place, 0, value)
    if error:
        return error
    data = _attribute(engine, address, "data", by)
    error = signed(engine.call(change, data, machine.memory.load(value, 8)))
    engine.check()
    return error or size


def _own_operations(engine: Engine, kind: str, functions: dict[str, str]) -> int:
    """Return a table of operations of the kernel's own, made on first use."""
    known = world_of(engine).singletons
    key = f"debugfs fops_{kind}"
    if key not in known:
        address = known[key] = engine.reserve(FILE_OPERATIONS_SIZE)
        for name, function in functions.items():
            abi.put(engine.machine, address, abi.FILE_OPERATIONS, name, kernel_address(function))
    return known[key]


def _bind_scalar(kind: str, size: int, form: bytes) -> None:
    """Bind debugfs_create_KIND() and what its file is made of."""
    getter, setter, opener = (f"__kmq_debugfs_{kind}_{word}" for word in ("get", "set", "open"))
    by = "atomic_t" if kind == "atomic_t" else f"u{8 * size}"

    @binds(getter)
    def get(engine: Engine, data: int, value: int) -> int:
        number = load(engine, data, size, f"debugfs_{by}_get")
        number = signed(number, 8 * size) if kind in SIGNED else number
        store(engine, value, 8, number, f"debugfs_{by}_get")
        return 0

    @binds(setter)
    def change(engine: Engine, data: int, value: int) -> int:
        store(engine, data, size, value, f"debugfs_{by}_set")
        return 0

    @binds(opener)
    def open_(engine: Engine, inode: int, file: int) -> int:
        known, key = world_of(engine).singletons, f"debugfs format {kind}"
        if key not in known:
            known[key] = engine.reserve(len(form) + 1)
            engine.machine.memory.poke(known[key], form + b"\0")
        mode = _mode(engine, inode)
        get_at = kernel_address(getter) if mode & 0o444 else 0
        set_at = kernel_address(setter) if mode & 0o222 else 0
        return attr_open(engine, inode, file, get_at, set_at, known[key])

    @binds(f"debugfs_create_{kind}")
    def create(engine: Engine, name: int, mode: int, parent: int, value: int) -> None:
        write = "debugfs_attr_write_signed" if kind in SIGNED else "debugfs_attr_write"
        functions = {"open": opener, "read": "debugfs_attr_read", "write": write}
        functions["release"] = "__kmq_attr_release"
        table = _own_operations(engine, kind, functions)
        function = f"debugfs_create_{kind}"
        _make(engine, name, _file_mode(mode), parent, value, table, function)


for _kind, (_size, _form) in SCALARS.items():
    _bind_scalar(_kind, _size, _form)


# --- yes or no, and blobs -----------------------------------------------------------------


@binds("__kmq_debugfs_simple_open")
def simple_open(engine: Engine, inode: int, file: int) -> int:
    data = load(engine, inode + INODE["i_private"][0], 8, "simple_open")
    if data:
        store(engine, file + abi.FILE["private_data"][0], 8, data, "simple_open")
    return 0


@binds("debugfs_create_bool")
def debugfs_create_bool(engine: Engine, name: int, mode: int, parent: int, value: int) -> None:
    functions = {"open": "__kmq_debugfs_simple_open", "llseek": "default_llseek"}
    functions |= {"read": "debugfs_read_file_bool", "write": "debugfs_write_file_bool"}
    table = _own_operations(engine, "bool", functions)
    _make(engine, name, _file_mode(mode), parent, value, table, "debugfs_create_bool")


@binds("debugfs_read_file_bool")
def read_bool(engine: Engine, file: int, buffer: int, size: int, position: int) -> int:
    by = "debugfs_read_file_bool"
    value = load(engine, _private(engine, file, by), 1, by)
    return _read_text(engine, b"Y\n" if value else b"N\n", buffer, size, position)


def _read_text(engine: Engine, text: bytes, buffer: int, size: int, position: int) -> int:
    """Hand out what the kernel has on its stack."""
    known = world_of(engine).singletons
    key = f"debugfs text {text!r}"
    if key not in known:
        known[key] = engine.reserve(len(text))
        engine.machine.memory.poke(known[key], text)
    return files.simple_read_from_buffer(engine, buffer, size, position, known[key], len(text))


@binds("debugfs_write_file_bool")
def write_bool(engine: Engine, file: int, buffer: int, size: int, position: int) -> int:
    by = "debugfs_write_file_bool"
    count = min(size, 3)
    place = _scratch(engine)
    answer = place + 4
    # Words that mean neither yes nor no are taken without a complaint.
    if bring_in(engine, place, buffer, count):
        return size
    engine.machine.memory.poke(place + count, b"\0")
    if not basics.kstrtobool(engine, place, answer):
        target = _private(engine, file, by)
        store(engine, target, 1, engine.machine.memory.load(answer, 1), by)
    return size


@binds("debugfs_create_blob")
def debugfs_create_blob(engine: Engine, name: int, mode: int, parent: int, blob: int) -> int:
    functions = {"open": "__kmq_debugfs_simple_open", "llseek": "default_llseek"}
    functions["read"] = "__kmq_debugfs_read_blob"
    table = _own_operations(engine, "blob", functions)
    mode = _file_mode(mode & 0o644)
    return _make(engine, name, mode, parent, blob, table, "debugfs_create_blob")


@binds("__kmq_debugfs_read_blob")
def read_blob(engine: Engine, file: int, buffer: int, size: int, position: int) -> int:
    by = "read_file_blob"
    blob = _private(engine, file, by)
    data, length = load(engine, blob, 8, by), load(engine, blob + 8, 8, by)
    return files.simple_read_from_buffer(engine, buffer, size, position, data, length)
