"""`<linux/printk.h>`, dev_printk and sprintf: text for the log and for buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi
from kmemquest.driver.binding import Argument, binds
from kmemquest.driver.devices import jiffies, world_of
from kmemquest.driver.errno_names import errno_name
from kmemquest.driver.holdings import got
from kmemquest.driver.printk_format import format_text, read_string
from kmemquest.kernel.text.dump_stack import dump_stack as stack_lines

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

DEFAULT_LEVEL: Final = 4
START_OF_HEADER: Final = 1
CONTINUE: Final = "c"
ROW_BYTES: Final = 16
EPROBE_DEFER: Final = 517
RATELIMIT: Final[abi.Layout] = {
    "interval": (4, 4),
    "burst": (8, 4),
    "printed": (12, 4),
    "missed": (16, 4),
    "begin": (24, 8),
}


@binds("_printk", variadic=True)
def printk(engine: Engine, template: int, arguments: list[Argument]) -> int:
    data = read_string(engine.machine, template)
    return log_text(engine, format_text(engine, data, arguments))


@binds("vprintk")
def vprintk(engine: Engine, template: int, tail: int) -> int:
    return printk(engine, template, engine.va_lists.left(tail))


@binds("_dev_printk", variadic=True)
def dev_printk(
    engine: Engine, level: int, dev: int, template: int, arguments: list[Argument]
) -> int:
    data = read_string(engine.machine, template)
    prefix = read_string(engine.machine, level) + device_prefix(engine, dev).encode()
    return log_text(engine, prefix + format_text(engine, data, arguments))


@binds("dev_err_probe", variadic=True)
def dev_err_probe(
    engine: Engine, dev: int, error: int, template: int, arguments: list[Argument]
) -> int:
    """Print `error -ENOMEM: …`, say nothing for a deferred probe; return the error."""
    if -error != EPROBE_DEFER:
        text = format_text(engine, read_string(engine.machine, template), arguments)
        head = f"{device_prefix(engine, dev)}error -{errno_name(-error)}: "
        log_text(engine, b"\x013" + head.encode() + text)
    return error


def device_prefix(engine: Engine, dev: int) -> str:
    """Return the `driver device: ` that dev_info puts first (`dev_driver_string`)."""
    if not dev:
        return "(NULL device *): "
    known = world_of(engine).by_dev.get(dev)
    if known is None:
        return "(null) (null): "
    return f"{known.driver_name or known.bus} {known.name}: "


def log_text(engine: Engine, data: bytes) -> int:
    """Put a message into the log: level prefix, continuation, one record per call."""
    world, machine = world_of(engine), engine.machine
    level, continued = DEFAULT_LEVEL, False
    text = data
    while len(text) >= 2 and text[0] == START_OF_HEADER:
        word = chr(text[1])
        if word == CONTINUE:
            continued = True
        elif word in "01234567":
            level = int(word)
        text = text[2:]
    if continued and world.pending_text:
        level = world.pending_level
    elif world.pending_text:
        flush_log(engine)
    whole = world.pending_text + _readable(text)
    if text.endswith(b"\n"):
        world.pending_text = ""
        machine.log.print(whole[:-1], level)
    else:
        world.pending_text, world.pending_level = whole, level
    return len(text)


def flush_log(engine: Engine) -> None:
    """Print a message that was left without its newline."""
    world = world_of(engine)
    if world.pending_text:
        text, world.pending_text = world.pending_text, ""
        engine.machine.log.print(text, world.pending_level)


def _readable(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace").translate(_UNPRINTABLE)


_UNPRINTABLE = {code: f"\\x{code:02x}" for code in range(32) if chr(code) not in "\n\t"}


@binds("dump_stack")
def dump_stack(engine: Engine) -> None:
    flush_log(engine)
    for line in stack_lines(engine.machine, ("dump_stack_lvl",)):
        engine.machine.log.print(line, 7)


@binds("print_hex_dump")
def print_hex_dump(
    engine: Engine,
    level: int,
    prefix: int,
    kind: int,
    row_size: int,
    group: int,
    buffer: int,
    length: int,
    ascii_too: int,
) -> None:
    machine = engine.machine
    head = read_string(machine, level) + read_string(machine, prefix)
    row_size = 32 if row_size == 32 else ROW_BYTES
    group = group if group in (1, 2, 4, 8) and length % group == 0 else 1
    for start in range(0, min(length, 65536), row_size):
        row = machine.memory.load_bytes(buffer + start, min(row_size, length - start))
        if row is None:
            return
        words = [row[at : at + group][::-1].hex() for at in range(0, len(row), group)]
        text = " ".join(words)
        if ascii_too:
            width = row_size * 2 + row_size // group + 1
            shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
            text = f"{text:<{width}}{shown}"
        place = {1: f"{buffer + start:016x}: ", 2: f"{start:08x}: "}.get(kind, "")
        log_text(engine, head + f"{place}{text}\n".encode())


@binds("___ratelimit")
def ratelimit(engine: Engine, state: int, function: int) -> int:
    """Allow `burst` messages in every `interval` ticks (`lib/ratelimit.c`)."""
    machine = engine.machine
    interval = abi.get(machine, state, RATELIMIT, "interval")
    if not interval:
        return 1
    now = jiffies(machine)
    begin = abi.get(machine, state, RATELIMIT, "begin")
    if not begin or now > begin + interval:
        missed = abi.get(machine, state, RATELIMIT, "missed")
        if missed:
            name = abi.get_text(machine, function)
            machine.log.print(f"{name}: {missed} callbacks suppressed", DEFAULT_LEVEL)
        for field, value in (("begin", now), ("printed", 0), ("missed", 0)):
            abi.put(machine, state, RATELIMIT, field, value)
    printed = abi.get(machine, state, RATELIMIT, "printed")
    if printed < abi.get(machine, state, RATELIMIT, "burst"):
        abi.put(machine, state, RATELIMIT, "printed", printed + 1)
        return 1
    missed = abi.get(machine, state, RATELIMIT, "missed")
    abi.put(machine, state, RATELIMIT, "missed", missed + 1)
    return 0


# --- text into buffers --------------------------------------------------------------------


@binds("sprintf", variadic=True)
def sprintf(engine: Engine, buffer: int, template: int, arguments: list[Argument]) -> int:
    text = format_text(engine, read_string(engine.machine, template), arguments)
    engine.machine.memory.store_bytes(buffer, text + b"\0")
    return len(text)


@binds("snprintf", variadic=True)
def snprintf(
    engine: Engine, buffer: int, size: int, template: int, arguments: list[Argument]
) -> int:
    text = format_text(engine, read_string(engine.machine, template), arguments)
    if size:
        engine.machine.memory.store_bytes(buffer, text[: size - 1] + b"\0")
    return len(text)


@binds("scnprintf", variadic=True)
def scnprintf(
    engine: Engine, buffer: int, size: int, template: int, arguments: list[Argument]
) -> int:
    length = snprintf(engine, buffer, size, template, arguments)
    return min(length, size - 1) if size else 0


@binds("vsprintf")
def vsprintf(engine: Engine, buffer: int, template: int, tail: int) -> int:
    return sprintf(engine, buffer, template, engine.va_lists.left(tail))


@binds("vsnprintf")
def vsnprintf(engine: Engine, buffer: int, size: int, template: int, tail: int) -> int:
    return snprintf(engine, buffer, size, template, engine.va_lists.left(tail))


@binds("vscnprintf")
def vscnprintf(engine: Engine, buffer: int, size: int, template: int, tail: int) -> int:
    return scnprintf(engine, buffer, size, template, engine.va_lists.left(tail))


@binds("kvasprintf")
def kvasprintf(engine: Engine, flags: int, template: int, tail: int) -> int:
    return kasprintf(engine, flags, template, engine.va_lists.left(tail))


@binds("kasprintf", variadic=True)
def kasprintf(engine: Engine, flags: int, template: int, arguments: list[Argument]) -> int:
    text = format_text(engine, read_string(engine.machine, template), arguments)
    address = engine.machine.kmalloc.kmalloc(len(text) + 1, flags)
    if address:
        engine.machine.memory.store_bytes(address, text + b"\0")
    return got(engine, "kmalloc", address, len(text) + 1, "kasprintf")
