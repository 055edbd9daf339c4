"""`<linux/seq_file.h>`: what show() prints with, and walks over the kernel's lists.

Source: `fs/seq_file.c` of 6.12.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from kmemquest.driver.binding import Argument, binds
from kmemquest.driver.bindings.string import spend
from kmemquest.driver.devices import signed
from kmemquest.driver.pending import kernel_function
from kmemquest.driver.printk_format import format_text, read_string
from kmemquest.driver.sequence import SEQ_FILE, START_TOKEN, Sequence, charge, load, store

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

LONGEST_TEXT: Final = 1 << 20
"""Bytes of a string that seq_puts() looks at, at most."""
PRINT_STEPS: Final = 24
"""What printing counts in statements besides the call, for it takes the host about as long."""
BYTES_A_STEP: Final = 16
"""Bytes of the text that count as one statement more."""
HOP_STEPS: Final = 12
"""The same for going from one element of a list to the next."""
MEMSET_CHUNK: Final = 1 << 16
_HEAD: Final = struct.Struct("<4Q")


# --- printing -----------------------------------------------------------------------------


def _window(engine: Engine, m: int, by: str) -> tuple[int, int, int]:
    """Return where the buffer is, how much of it is taken, and its size."""
    with kernel_function(engine.machine, by):
        head = engine.machine.memory.load_bytes(m, SEQ_FILE["pad_until"][0])
    engine.check()
    buffer, size, _, count = _HEAD.unpack(head or bytes(_HEAD.size))
    return buffer, count, size


def _put(engine: Engine, m: int, data: bytes, by: str, *, cut: bool = False) -> bool:
    """Append text if it fits; if not, the buffer counts as full, and `cut` text fills it."""
    buffer, count, size = _window(engine, m, by)
    spend(engine, len(data))
    engine.steps_left[0] -= PRINT_STEPS + len(data) // BYTES_A_STEP
    fits = count + len(data) < size
    if not fits and cut and count < size:
        data = data[: size - count - 1]
    written = data + b"\0" if cut else data
    with kernel_function(engine.machine, by):
        if written and (fits or (cut and count < size)):
            engine.machine.memory.store_bytes(buffer + count, written)
        place = m + SEQ_FILE["count"][0]
        engine.machine.memory.store(place, 8, count + len(data) if fits else size)
    engine.check()
    return fits


@binds("seq_printf", variadic=True)
def seq_printf(engine: Engine, m: int, template: int, arguments: list[Argument]) -> None:
    text = b""
    _, count, size = _window(engine, m, "seq_vprintf")
    if count < size:
        text = format_text(engine, read_string(engine.machine, template), arguments)
        engine.check()
    _put(engine, m, text, "seq_vprintf", cut=True)


@binds("seq_puts")
def seq_puts(engine: Engine, m: int, text: int) -> None:
    data = read_string(engine.machine, text, LONGEST_TEXT)
    engine.check()
    _put(engine, m, data, "seq_write")


@binds("seq_putc")
def seq_putc(engine: Engine, m: int, character: int) -> None:
    buffer, count, size = _window(engine, m, "seq_putc")
    engine.steps_left[0] -= PRINT_STEPS
    if count < size:
        store(engine, buffer + count, 1, character, "seq_putc")
        store(engine, m + SEQ_FILE["count"][0], 8, count + 1, "seq_putc")


@binds("seq_write")
def seq_write(engine: Engine, m: int, data: int, size: int) -> int:
    _, count, room = _window(engine, m, "seq_write")
    if count + size >= room:
        store(engine, m + SEQ_FILE["count"][0], 8, room, "seq_write")
        return -1
    with kernel_function(engine.machine, "seq_write"):
        found = engine.machine.memory.load_bytes(data, size) if size else b""
    engine.check()
    return 0 if _put(engine, m, found or b"", "seq_write") else -1


@binds("seq_put_decimal_ull", "seq_put_decimal_ll")
def seq_put_decimal(engine: Engine, m: int, delimiter: int, number: int) -> None:
    before = read_string(engine.machine, delimiter) if delimiter else b""
    engine.check()
    _put(engine, m, before + str(number).encode(), "seq_put_decimal_ull")


@binds("seq_pad")
def seq_pad(engine: Engine, m: int, character: int) -> None:
    seq = Sequence(engine, m, "seq_pad")
    count, size = seq.get("count"), seq.get("size")
    missing = signed(seq.get("pad_until") - count)
    if missing > 0:
        if missing + count > size:
            seq.put("count", size)
            return
        place = seq.get("buf") + count
        for start in range(0, missing, MEMSET_CHUNK):
            piece = b" " * min(missing - start, MEMSET_CHUNK)
            with kernel_function(engine.machine, "seq_pad"):
                engine.machine.memory.store_bytes(place + start, piece)
            charge(engine, len(piece) // BYTES_A_STEP, "padding the record took too long")
        spend(engine, missing)
        seq.put("count", count + missing)
    if character:
        seq_putc(engine, m, character)


# --- lists --------------------------------------------------------------------------------


def _walk(engine: Engine, first: int, end: int, position: int, by: str) -> int:
    """Return the element at a position, 0 behind the last one."""
    node = first
    while node != end:
        if position == 0:
            return node
        position -= 1
        charge(engine, HOP_STEPS, f"{by}() never came to the end of the list")
        node = load(engine, node, 8, by)
    return 0


def _advance(engine: Engine, position: int, by: str) -> None:
    store(engine, position, 8, load(engine, position, 8, by) + 1, by)


@binds("seq_list_start")
def seq_list_start(engine: Engine, head: int, position: int) -> int:
    first = load(engine, head, 8, "seq_list_start")
    return _walk(engine, first, head, position, "seq_list_start")


@binds("seq_list_start_head")
def seq_list_start_head(engine: Engine, head: int, position: int) -> int:
    return seq_list_start(engine, head, position - 1) if position else head


@binds("seq_list_next")
def seq_list_next(engine: Engine, item: int, head: int, position: int) -> int:
    following = load(engine, item, 8, "seq_list_next")
    _advance(engine, position, "seq_list_next")
    return 0 if following == head else following


@binds("seq_hlist_start")
def seq_hlist_start(engine: Engine, head: int, position: int) -> int:
    first = load(engine, head, 8, "seq_hlist_start")
    return _walk(engine, first, 0, position, "seq_hlist_start")


@binds("seq_hlist_start_head")
def seq_hlist_start_head(engine: Engine, head: int, position: int) -> int:
    return seq_hlist_start(engine, head, position - 1) if position else START_TOKEN


@binds("seq_hlist_next")
def seq_hlist_next(engine: Engine, item: int, head: int, position: int) -> int:
    _advance(engine, position, "seq_hlist_next")
    return load(engine, head if item == START_TOKEN else item, 8, "seq_hlist_next")
