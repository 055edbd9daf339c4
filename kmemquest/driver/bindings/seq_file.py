"""`<linux/seq_file.h>`: text that is printed into a growing buffer when somebody reads the file.

Source: `fs/seq_file.c` of 6.12. The buffer begins with one page; what does not fit into it makes
the kernel throw the text away, double the buffer and ask for the same record again.
"""

# ruff: noqa: ARG001 - a binding has the parameters of the C function, needed or not

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi
from kmemquest.driver.binding import Argument, binds
from kmemquest.driver.bindings import locks, slab
from kmemquest.driver.bindings.uaccess import copy_to_user
from kmemquest.driver.c_types import ULONG
from kmemquest.driver.devices import kernel_string, signed, world_of
from kmemquest.driver.engine_memory import Unwind
from kmemquest.driver.holdings import gave_back, got
from kmemquest.driver.printk_format import format_text
from kmemquest.driver.sequence import (
    SEQ_FILE_SIZE,
    SEQ_OPERATIONS,
    SEQ_OPERATIONS_SIZE,
    START_TOKEN,
    WORD,
    Sequence,
    kernel_address,
    load,
    new_buffer,
    store,
)
from kmemquest.kernel.address import PAGE_SIZE
from kmemquest.kernel.check.oops import warn
from kmemquest.kernel.gfp import GFP_KERNEL, GFP_KERNEL_ACCOUNT, ZERO

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

EFAULT: Final = 14
ENOMEM: Final = 12
EINVAL: Final = 22
EAGAIN: Final = 11
FMODE_PWRITE: Final = 0x10
SEEK_SET: Final = 0
SEEK_CUR: Final = 1
ERR_FIRST: Final = (1 << 64) - 4095
COMPLAINTS: Final = 10
"""How often a next() that stands still is told of (`DEFAULT_RATELIMIT_BURST`)."""
CACHE: Final = "seq_file"
LOCK_NAME: Final = "&p->lock"


def _is_error(value: int) -> bool:
    return value >= ERR_FIRST


def _field(engine: Engine, file: int, name: str, by: str) -> int:
    offset, size = abi.FILE[name]
    return load(engine, file + offset, size, by)


def _set_field(engine: Engine, file: int, name: str, value: int, by: str) -> None:
    offset, size = abi.FILE[name]
    store(engine, file + offset, size, value, by)


def _seq_of(engine: Engine, file: int, by: str) -> Sequence:
    return Sequence(engine, _field(engine, file, "private_data", by), by)


@contextmanager
def _locked(seq: Sequence) -> Iterator[None]:
    """Hold the lock of the file."""
    engine = seq.engine
    load(engine, seq.lock, 4, "mutex_lock")
    locks.mutex_lock(engine, seq.lock, 0)
    engine.check()
    try:
        yield
    except Unwind:
        if engine.stopped is not None:
            # The kernel's own lock is no finding when the run was cut short.
            held = engine.machine.context.locks
            held[:] = [lock for lock in held if lock.address != seq.lock]
        raise
    locks.mutex_unlock(engine, seq.lock)
    engine.check()


# --- open and release ---------------------------------------------------------------------


@binds("seq_open")
def seq_open(engine: Engine, file: int, op: int) -> int:
    return _open(engine, file, op, "seq_open")


def _open(engine: Engine, file: int, op: int, function: str) -> int:
    machine = engine.machine
    if _field(engine, file, "private_data", "seq_open"):
        # misc_open() leaves the miscdevice there; it is overwritten all the same.
        warn(machine, "fs/seq_file.c", 61, "seq_open+0x61/0x70")
    cache = machine.slub.find(CACHE)
    address = machine.slub.alloc(cache, GFP_KERNEL | ZERO) if cache is not None else 0
    if not address:
        return -ENOMEM
    got(engine, "cache-object", address, SEQ_FILE_SIZE, function)
    seq = Sequence(engine, address, "seq_open")
    _set_field(engine, file, "private_data", address, "seq_open")
    locks.mutex_init(engine, seq.lock, kernel_string(engine, LOCK_NAME))
    seq.put("op", op)
    seq.put("file", file)
    mode = _field(engine, file, "f_mode", "seq_open")
    _set_field(engine, file, "f_mode", mode & ~FMODE_PWRITE, "seq_open")
    return 0


@binds("seq_release")
def seq_release(engine: Engine, inode: int, file: int) -> int:
    seq = _seq_of(engine, file, "seq_release")
    buffer = seq.get("buf")
    if buffer:
        slab.kvfree(engine, buffer)
        engine.check()
    world_of(engine).lock_names.pop(seq.lock, None)
    cache = engine.machine.slub.find(CACHE)
    if cache is not None:
        engine.machine.slub.free(cache, seq.address)
    gave_back(engine, seq.address, "seq_release", "cache-object")
    engine.check()
    return 0


@binds("single_open")
def single_open(engine: Engine, file: int, show: int, data: int) -> int:
    machine = engine.machine
    op = machine.kmalloc.kmalloc(SEQ_OPERATIONS_SIZE, GFP_KERNEL_ACCOUNT)
    if not op:
        return -ENOMEM
    got(engine, "kmalloc", op, SEQ_OPERATIONS_SIZE, "single_open")
    for name in ("start", "next", "stop"):
        place = op + SEQ_OPERATIONS[name][0]
        store(engine, place, 8, kernel_address(f"__kmq_single_{name}"), "single_open")
    store(engine, op + SEQ_OPERATIONS["show"][0], 8, show, "single_open")
    result = _open(engine, file, op, "single_open")
    if result:
        slab.kfree(engine, op)
        return result
    _seq_of(engine, file, "single_open").put("private", data)
    return 0


@binds("single_open_size")
def single_open_size(engine: Engine, file: int, show: int, data: int, size: int) -> int:
    buffer = new_buffer(engine, size, "single_open_size")
    if not buffer:
        return -ENOMEM
    result = single_open(engine, file, show, data)
    if result:
        slab.kvfree(engine, buffer)
        return result
    seq = _seq_of(engine, file, "single_open_size")
    seq.put("buf", buffer)
    seq.put("size", size)
    return 0


@binds("single_release")
def single_release(engine: Engine, inode: int, file: int) -> int:
    op = _seq_of(engine, file, "single_release").get("op")
    result = seq_release(engine, inode, file)
    slab.kfree(engine, op)
    return result


@binds("__kmq_single_start")
def single_start(engine: Engine, m: int, position: int) -> int:
    return 0 if load(engine, position, 8, "single_start") else START_TOKEN


@binds("__kmq_single_next")
def single_next(engine: Engine, m: int, item: int, position: int) -> int:
    value = load(engine, position, 8, "single_next")
    store(engine, position, 8, value + 1, "single_next")
    return 0


@binds("__kmq_single_stop")
def single_stop(engine: Engine, m: int, item: int) -> None:
    pass


@binds("__seq_open_private")
def seq_open_with_private(engine: Engine, file: int, ops: int, size: int) -> int:
    private = engine.machine.kmalloc.kzalloc(size & WORD, GFP_KERNEL_ACCOUNT)
    if not private:
        return 0
    got(engine, "kmalloc", private, size, "__seq_open_private")
    if _open(engine, file, ops, "__seq_open_private"):
        slab.kfree(engine, private)
        return 0
    _seq_of(engine, file, "__seq_open_private").put("private", private)
    return private


@binds("seq_open_private")
def seq_open_private(engine: Engine, file: int, ops: int, size: int) -> int:
    return 0 if seq_open_with_private(engine, file, ops, size) else -ENOMEM


@binds("seq_release_private")
def seq_release_private(engine: Engine, inode: int, file: int) -> int:
    seq = _seq_of(engine, file, "seq_release_private")
    slab.kfree(engine, seq.get("private"))
    seq.put("private", 0)
    return seq_release(engine, inode, file)


# --- reading ------------------------------------------------------------------------------


@binds("seq_read")
def seq_read(engine: Engine, file: int, buffer: int, size: int, position: int) -> int:
    at = load(engine, position, 8, "seq_read")
    seq = _seq_of(engine, file, "seq_read_iter")
    if not size:
        return 0
    with _locked(seq):
        copied = _read(seq, buffer, size, at)
        if copied > 0:
            store(engine, position, 8, at + copied, "seq_read")
            seq.add("read_pos", copied)
    return copied


@binds("seq_read_iter")
def seq_read_iter(engine: Engine, request: int, target: int) -> int:
    """Never called as such: who reads a file that has it goes through seq_read()."""
    return -EINVAL


def _read(seq: Sequence, buffer: int, size: int, at: int) -> int:
    """Fill the reader's buffer: what was left, or the next records (`seq_read_iter`)."""
    if at == 0:
        seq.put("index", 0)
        seq.put("count", 0)
    if at != seq.get("read_pos"):
        error = _traverse_until(seq, at)
        if error:
            for name in ("read_pos", "index", "count"):
                seq.put(name, 0)
            return error
        seq.put("read_pos", at)
    if not seq.get("buf") and not seq.new_buffer(PAGE_SIZE):
        return -ENOMEM
    copied = 0
    if seq.get("count"):
        copied = _hand_out(seq, buffer, size, seq.get("from"))
        seq.add("from", copied)
        if seq.get("count"):
            return copied or -EFAULT
    seq.put("from", 0)
    item, error = _first_record(seq)
    if item:
        _more_records(seq, item, size - copied)
        more = _hand_out(seq, buffer + copied, size - copied, 0)
        seq.put("from", more)
        copied += more
    if copied:
        return copied
    return -EFAULT if seq.get("count") else error


def _hand_out(seq: Sequence, to: int, room: int, start: int) -> int:
    """Copy to the reader as much as fits; return how much that was."""
    wanted = min(seq.get("count"), room)
    done = wanted - copy_to_user(seq.engine, to, seq.get("buf") + start, wanted)
    seq.engine.check()
    seq.add("count", -done)
    return done


def _first_record(seq: Sequence) -> tuple[int, int]:
    """Get one record that is not empty into the buffer; return it, or 0 and an error or 0."""
    item = seq.start()
    while True:
        error = signed(item, 64) if _is_error(item) else 0
        if not item or error:
            break
        error = seq.show(item)
        if error < 0:
            break
        if error:
            error = 0
            seq.put("count", 0)
        if not seq.get("count"):
            item = seq.next(item)
            continue
        if not seq.overflowed:
            return item, 0
        seq.stop(item)
        if not seq.grow():
            return 0, -ENOMEM
        item = seq.start()
    seq.stop(item)
    seq.put("count", 0)
    return 0, error


def _more_records(seq: Sequence, item: int, room: int) -> None:
    """Put further records behind the first one as long as they fit."""
    while True:
        count, position = seq.get("count"), seq.get("index")
        item = seq.next(item)
        if seq.get("index") == position:
            _complain(seq)
            seq.put("index", position + 1)
        if not item or _is_error(item) or seq.get("count") >= room:
            break
        result = seq.show(item)
        if result > 0:
            seq.put("count", count)
        elif result or seq.overflowed:
            seq.put("count", count)
            break
    seq.stop(item)


def _complain(seq: Sequence) -> None:
    """Tell of a next() that would show the same record for ever."""
    engine = seq.engine
    told = world_of(engine).singletons
    told["seq_file complaints"] = told.get("seq_file complaints", 0) + 1
    if told["seq_file complaints"] > COMPLAINTS:
        return
    function = load(engine, seq.get("op") + SEQ_OPERATIONS["next"][0], 8, seq.by)
    text = b"seq_file: buggy .next function %ps did not update position index"
    line = format_text(engine, text, [Argument(ULONG, function)])
    engine.machine.log.print(line.decode("utf-8", "replace"), 6)


def _traverse_until(seq: Sequence, offset: int) -> int:
    error = _traverse(seq, offset)
    while error == -EAGAIN:
        error = _traverse(seq, offset)
    return error


def _traverse(seq: Sequence, offset: int) -> int:
    """Print from the beginning until `offset` is reached; -EAGAIN after the buffer has grown."""
    for name in ("index", "count", "from"):
        seq.put(name, 0)
    if not offset:
        return 0
    if not seq.get("buf") and not seq.new_buffer(PAGE_SIZE):
        return -ENOMEM
    position = error = 0
    item = seq.start()
    while item:
        error = signed(item, 64) if _is_error(item) else seq.show(item)
        if error < 0:
            break
        if error:
            error = 0
            seq.put("count", 0)
        if seq.overflowed:
            seq.stop(item)
            return -EAGAIN if seq.grow() else -ENOMEM
        item = seq.next(item)
        count = seq.get("count")
        if position + count > offset:
            seq.put("from", offset - position)
            seq.put("count", count - (offset - position))
            break
        position += count
        seq.put("count", 0)
        if position == offset:
            break
    seq.stop(item)
    return error


@binds("seq_lseek")
def seq_lseek(engine: Engine, file: int, offset: int, whence: int) -> int:
    seq = _seq_of(engine, file, "seq_lseek")
    if whence == SEEK_CUR:
        offset += signed(_field(engine, file, "f_pos", "seq_lseek"), 64)
    with _locked(seq):
        if whence not in (SEEK_SET, SEEK_CUR) or offset < 0:
            return -EINVAL
        known = offset == signed(seq.get("read_pos"), 64)
        error = 0 if known else _traverse_until(seq, offset)
        if error:
            seq.put("index", 0)
            seq.put("count", 0)
        reached = 0 if error else offset
        seq.put("read_pos", reached)
        _set_field(engine, file, "f_pos", reached, "seq_lseek")
    return error or offset
