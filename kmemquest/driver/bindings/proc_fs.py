"""`<linux/proc_fs.h>`: entries below /proc.

Source: `fs/proc/generic.c` and `fs/proc/inode.c` of 6.12. An entry is an object of its own cache,
and so is the record of each open file that has a release. /proc does not pin the module: who
removes an entry releases the files that are still open.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi
from kmemquest.driver.binding import binds
from kmemquest.driver.bindings import seq_file
from kmemquest.driver.devices import OpenFile, signed, world_of
from kmemquest.driver.holdings import gave_back, got
from kmemquest.driver.pending import wait_until
from kmemquest.driver.printk_format import read_string
from kmemquest.driver.pseudo_files import (
    DIRECTORY,
    ENTRY_STEPS,
    PROC,
    PROC_OPS,
    PROC_OPS_SIZE,
    REGULAR,
    PseudoFile,
    trees_of,
)
from kmemquest.driver.sequence import charge, kernel_address, load, store
from kmemquest.kernel.check import oops
from kmemquest.kernel.gfp import GFP_KERNEL, ZERO

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

PROC_DIR_ENTRY: Final[abi.Layout] = {
    "in_use": (0, 4),
    "refcnt": (4, 4),
    "proc_ops": (48, 8),
    "single_show": (64, 8),
    "data": (80, 8),
    "state_size": (88, 4),
    "low_ino": (92, 4),
    "size": (112, 8),
    "parent": (120, 8),
    "name": (160, 8),
    "mode": (168, 2),
    "namelen": (171, 1),
}
"""Offsets as in Debian's 6.12; drivers never look inside, KASAN and the memory view do."""
ENTRY_SIZE: Final = 192
INLINE_NAME: Final = 172
INLINE_ROOM: Final = 16
ENTRY_CACHE: Final = "proc_dir_entry"
OPENER_CACHE: Final = "pde_opener"
LONGEST_NAME: Final = 255
ALL_READ: Final = 0o444
PERMISSIONS: Final = 0o7777
TYPE_MASK: Final = 0o170000
FILE: Final = "fs/proc/generic.c"
LEDGER: Final = "proc-entry"
ENOENT: Final = 2
ENOMEM: Final = 12


def _warn(engine: Engine, line: int, function: str, message: str) -> None:
    oops.warn(engine.machine, FILE, line, function, message)


# --- making entries -----------------------------------------------------------------------


def _directory(engine: Engine, address: int, name: str) -> tuple[PseudoFile, str] | None:
    """Follow a name such as `driver/x` from a directory; None where a part is missing."""
    trees = trees_of(engine)
    here = trees.roots[PROC] if not address else trees.by_address.get(address)
    if here is None:
        # What the driver hands over as its directory is none: the kernel looks into it.
        load(engine, address + 128, 8, "__proc_create")
        return None
    *parts, last = name.split("/")
    for part in parts:
        child = here.children.get(part)
        if child is None or not child.is_directory:
            _warn(engine, 180, "__xlate_proc_name+0x93/0xb0", f"name '{name}'")
            return None
        here = child
    return here, last


def _refusal(where: PseudoFile, name: str) -> str:
    """Return what is wrong with a name, nothing if it will do (`__proc_create`)."""
    if not name or len(name.encode()) > LONGEST_NAME:
        return f"name len {len(name.encode())}"
    if name in (".", ".."):
        return f"name '{name}'"
    if where.parent is None and name.isdecimal() and (name == "0" or name[0] != "0"):
        return f"create '/proc/{name}' by hand"
    return ""


def _make(
    engine: Engine,
    name: int,
    mode: int,
    parent: int,
    function: str,
    *,
    operations: int = 0,
    data: int = 0,
    show: int = 0,
    state_size: int = 0,
) -> int:
    """Allocate an entry and hang it into the tree; its address, 0 when something is wrong."""
    machine = engine.machine
    text = read_string(machine, name).decode("utf-8", "replace")
    engine.check()
    found = _directory(engine, parent, text)
    if found is None:
        return 0
    where, last = found
    refusal = _refusal(where, last)
    if refusal:
        _warn(engine, 407, "__proc_create+0x258/0x2b0", refusal)
        return 0
    cache = machine.slub.find(ENTRY_CACHE)
    address = machine.slub.alloc(cache, GFP_KERNEL | ZERO) if cache is not None else 0
    if not address:
        return 0
    entry = PseudoFile(PROC, last, where, address, mode=mode, data=data, operations=operations)
    raw = last.encode() + b"\0"
    place = address + INLINE_NAME
    if len(raw) > INLINE_ROOM:
        place = entry.parts["name"] = machine.kmalloc.kmalloc(len(raw), GFP_KERNEL)
    if not place:
        _free(engine, entry)
        return 0
    machine.memory.poke(place, raw)
    machine.memory.mark_written(place, len(raw))
    if last in where.children:
        message = f"proc_dir_entry '{where.name}/{last}' already registered"
        _warn(engine, 377, "proc_register+0x24c/0x460", message)
        _free(engine, entry)
        return 0
    trees_of(engine).add(entry)
    charge(engine, ENTRY_STEPS, "the driver made entries in /proc without end")
    fields = {
        "refcnt": 1, "proc_ops": operations, "single_show": show, "data": data,
        "state_size": state_size, "low_ino": entry.number, "parent": where.address,
        "name": place, "mode": mode, "namelen": len(raw) - 1,
    }  # fmt: skip
    for field_name, value in fields.items():
        abi.put(machine, address, PROC_DIR_ENTRY, field_name, value)
    return got(engine, LEDGER, address, 0, function)


def _regular(engine: Engine, mode: int) -> int:
    """Complete the mode of a file; 0 for what is none (`proc_create_reg`)."""
    mode |= 0 if mode & TYPE_MASK else REGULAR
    mode |= 0 if mode & PERMISSIONS else ALL_READ
    if mode & TYPE_MASK != REGULAR:
        oops.warn_once(engine.machine, "proc_create_reg", FILE, 562, "proc_create_reg+0x7a/0x80")
        return 0
    return mode


@binds("proc_create_data")
def proc_create_data(
    engine: Engine, name: int, mode: int, parent: int, operations: int, data: int
) -> int:
    return _create(engine, name, mode, parent, operations, data, "proc_create_data")


@binds("proc_create")
def proc_create(engine: Engine, name: int, mode: int, parent: int, operations: int) -> int:
    return _create(engine, name, mode, parent, operations, 0, "proc_create")


def _create(
    engine: Engine, name: int, mode: int, parent: int, operations: int, data: int, function: str
) -> int:
    mode = _regular(engine, mode)
    if not mode:
        return 0
    # pde_set_flags() looks into the operations.
    load(engine, operations, 4, "proc_create_data")
    return _make(engine, name, mode, parent, function, operations=operations, data=data)


@binds("proc_create_single_data")
def proc_create_single_data(
    engine: Engine, name: int, mode: int, parent: int, show: int, data: int
) -> int:
    mode = _regular(engine, mode)
    operations = _own_operations(engine, "single")
    function = "proc_create_single_data"
    return mode and _make(
        engine, name, mode, parent, function, operations=operations, data=data, show=show
    )


@binds("proc_create_seq_private")
def proc_create_seq_private(
    engine: Engine, name: int, mode: int, parent: int, ops: int, state_size: int, data: int
) -> int:
    mode = _regular(engine, mode)
    operations = _own_operations(engine, "seq")
    function = "proc_create_seq_private"
    return mode and _make(
        engine, name, mode, parent, function,
        operations=operations, data=data, show=ops, state_size=state_size,
    )  # fmt: skip


@binds("proc_mkdir")
def proc_mkdir(engine: Engine, name: int, parent: int) -> int:
    return _make(engine, name, DIRECTORY | 0o555, parent, "proc_mkdir")


@binds("proc_mkdir_mode")
def proc_mkdir_mode(engine: Engine, name: int, mode: int, parent: int) -> int:
    return proc_mkdir_data(engine, name, mode, parent, 0)


@binds("proc_mkdir_data")
def proc_mkdir_data(engine: Engine, name: int, mode: int, parent: int, data: int) -> int:
    mode = DIRECTORY | (mode or 0o555)
    return _make(engine, name, mode, parent, "proc_mkdir_data", data=data)


@binds("proc_set_size")
def proc_set_size(engine: Engine, entry: int, size: int) -> None:
    offset, width = PROC_DIR_ENTRY["size"]
    store(engine, entry + offset, width, size, "proc_set_size")


# --- the kernel's own operations: a single record, a sequence -----------------------------


def _own_operations(engine: Engine, kind: str) -> int:
    """Return the kernel's proc_ops for files of seq_file, made on first use."""
    known = world_of(engine).singletons
    key = f"proc_{kind}_ops"
    if key not in known:
        address = known[key] = engine.reserve(PROC_OPS_SIZE)
        release = "single_release" if kind == "single" else "__kmq_proc_seq_release"
        functions = {"open": f"__kmq_proc_{kind}_open", "release": release}
        functions |= {"read_iter": "seq_read_iter", "llseek": "seq_lseek"}
        for name, function in functions.items():
            abi.put(engine.machine, address, PROC_OPS, name, kernel_address(function))
    return known[key]


def _field(engine: Engine, inode: int, name: str, by: str) -> int:
    entry = trees_of(engine).of_inode(inode)
    offset, size = PROC_DIR_ENTRY[name]
    return load(engine, entry.address + offset, size, by) if entry is not None else 0


@binds("__kmq_proc_single_open")
def proc_single_open(engine: Engine, inode: int, file: int) -> int:
    wanted = partial(_field, engine, inode, by="proc_single_open")
    return seq_file.single_open(engine, file, wanted("single_show"), wanted("data"))


@binds("__kmq_proc_seq_open")
def proc_seq_open(engine: Engine, inode: int, file: int) -> int:
    ops = _field(engine, inode, "single_show", "proc_seq_open")
    size = _field(engine, inode, "state_size", "proc_seq_open")
    if size:
        return seq_file.seq_open_private(engine, file, ops, size)
    return seq_file.seq_open(engine, file, ops)


@binds("__kmq_proc_seq_release")
def proc_seq_release(engine: Engine, inode: int, file: int) -> int:
    if _field(engine, inode, "state_size", "proc_seq_release"):
        return seq_file.seq_release_private(engine, inode, file)
    return seq_file.seq_release(engine, inode, file)


# --- opening and closing, for the system calls --------------------------------------------


def _operation(engine: Engine, entry: PseudoFile, name: str, by: str) -> int:
    if not entry.operations:
        return 0
    offset, size = PROC_OPS[name]
    return load(engine, entry.operations + offset, size, by)


def opened(engine: Engine, entry: PseudoFile, file: OpenFile) -> int:
    """Call the driver's open; files with a release are put on the entry's list."""
    slub = engine.machine.slub
    release = _operation(engine, entry, "release", "proc_reg_open")
    cache = slub.find(OPENER_CACHE)
    opener = 0
    if release and cache is not None:
        opener = slub.alloc(cache, GFP_KERNEL)
        if not opener:
            return -ENOMEM
    function = _operation(engine, entry, "open", "proc_reg_open")
    result = signed(engine.call(function, file.inode, file.file)) if function else 0
    engine.check()
    if result == 0:
        entry.openers.append((file, opener))
    elif opener and cache is not None:
        slub.free(cache, opener)
    return result


def closed(engine: Engine, entry: PseudoFile, file: OpenFile) -> int:
    """Call the driver's release, unless removing the entry has done so already."""
    found = [pair for pair in entry.openers if pair[0] is file]
    for pair in found:
        entry.openers.remove(pair)
        if not entry.removed:
            _release(engine, entry, *pair)
    if entry.removed and not entry.openers:
        _free(engine, entry)
    return 0


def _release(engine: Engine, entry: PseudoFile, file: OpenFile, opener: int) -> None:
    if not opener:
        return
    function = _operation(engine, entry, "release", "close_pdeo")
    engine.call(function, file.inode, file.file)
    engine.check()
    cache = engine.machine.slub.find(OPENER_CACHE)
    if cache is not None:
        engine.machine.slub.free(cache, opener)


# --- removing -----------------------------------------------------------------------------


def _free(engine: Engine, entry: PseudoFile) -> None:
    machine = engine.machine
    if entry.parts.get("name"):
        machine.kmalloc.kfree(entry.parts["name"])
    cache = machine.slub.find(ENTRY_CACHE)
    if cache is not None and entry.address:
        machine.slub.free(cache, entry.address)
    trees_of(engine).by_number.pop(entry.number, None)


def _remove(engine: Engine, entry: PseudoFile, function: str) -> None:
    """Take an entry out of the tree and release who has it open (`proc_entry_rundown`).

    Calls into the driver come back first: a show() that removes its own entry waits for itself.
    """
    wait_until(engine, lambda: not entry.users, "proc_entry_rundown")
    engine.check()
    for pair in list(entry.openers):
        _release(engine, entry, *pair)
    path_taken = entry.removed
    trees_of(engine).take_away(entry)
    gave_back(engine, entry.address, function, LEDGER)
    if not path_taken and not entry.openers:
        _free(engine, entry)


@binds("remove_proc_entry")
def remove_proc_entry(engine: Engine, name: int, parent: int) -> None:
    text = read_string(engine.machine, name).decode("utf-8", "replace")
    engine.check()
    found = _directory(engine, parent, text)
    if found is None:
        return
    where, last = found
    entry = where.children.get(last)
    if entry is None or not entry.address:
        _warn(engine, 712, "remove_proc_entry+0x389/0x460", f"name '{text}'")
        return
    if entry.children:
        # Whatever is below stays without a way to it.
        lost = next(iter(entry.children))
        message = (
            f"remove_proc_entry: removing non-empty directory '{where.name}/{last}', "
            f"leaking at least '{lost}'"
        )
        _warn(engine, 717, "remove_proc_entry+0x389/0x460", message)
        for child in entry.subtree():
            world_of(engine).characters.pop(child.path, None)
    _remove(engine, entry, "remove_proc_entry")


@binds("remove_proc_subtree")
def remove_proc_subtree(engine: Engine, name: int, parent: int) -> int:
    text = read_string(engine.machine, name).decode("utf-8", "replace")
    engine.check()
    found = _directory(engine, parent, text)
    if found is None:
        return -ENOENT
    where, last = found
    entry = where.children.get(last)
    if entry is None or not entry.address:
        return -ENOENT
    for each in entry.subtree():
        _remove(engine, each, "remove_proc_subtree")
    return 0


@binds("proc_remove")
def proc_remove(engine: Engine, address: int) -> None:
    if not address:
        return
    entry = trees_of(engine).by_address.get(address)
    if entry is None:
        # Gone already, or never an entry: the kernel reads its name all the same.
        load(engine, address + PROC_DIR_ENTRY["name"][0], 8, "proc_remove")
        return
    for each in entry.subtree():
        _remove(engine, each, "proc_remove")
