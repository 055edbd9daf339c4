"""BUG and WARN, reference counts, list checks, numbers in text, bits, randomness."""

# ruff: noqa: ARG001 - a binding has the parameters of the C function, needed or not

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi
from kmemquest.driver.binding import Argument, binds, binds_object
from kmemquest.driver.devices import world_of
from kmemquest.driver.number_text import NumberTextError, read_number, read_truth
from kmemquest.driver.printk_format import format_text, read_string
from kmemquest.kernel.check import oops

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

EINVAL: Final = 22
LIST_POISON1: Final = 0xDEAD_0000_0000_0100
LIST_POISON2: Final = 0xDEAD_0000_0000_0122
SATURATED: Final = 0xC000_0000
REFCOUNT_FILE: Final = "lib/refcount.c"


def _where(engine: Engine, file: int, function: int) -> tuple[str, str]:
    return abi.get_text(engine.machine, file), abi.get_text(engine.machine, function)


@binds("__kmq_bug")
def bug(engine: Engine, file: int, line: int, function: int) -> None:
    name, where = _where(engine, file, function)
    oops.bug(engine.machine, name, line, where)


@binds("__kmq_warn")
def warn(engine: Engine, file: int, line: int, function: int) -> None:
    name, where = _where(engine, file, function)
    oops.warn(engine.machine, name, line, where)


@binds("__kmq_warn_fmt", variadic=True)
def warn_text(
    engine: Engine,
    file: int,
    line: int,
    function: int,
    template: int,
    arguments: list[Argument],
) -> None:
    name, where = _where(engine, file, function)
    text = format_text(engine, read_string(engine.machine, template), arguments)
    oops.warn(engine.machine, name, line, where, text.decode("utf-8", "replace").rstrip("\n"))


@binds("panic", variadic=True)
def panic(engine: Engine, template: int, arguments: list[Argument]) -> None:
    text = format_text(engine, read_string(engine.machine, template), arguments)
    oops.panic(engine.machine, text.decode("utf-8", "replace").rstrip("\n"))


# --- reference counts ---------------------------------------------------------------------


@binds("refcount_set")
def refcount_set(engine: Engine, counter: int, value: int) -> None:
    engine.machine.memory.store(counter, 4, value)


@binds("refcount_read")
def refcount_read(engine: Engine, counter: int) -> int:
    return engine.machine.memory.load(counter, 4)


def _saturate(engine: Engine, counter: int, line: int, text: str) -> None:
    engine.machine.memory.store(counter, 4, SATURATED)
    oops.warn_once(
        engine.machine,
        f"refcount {line}",
        REFCOUNT_FILE,
        line,
        "refcount_warn_saturate",
        text,
        kind="refcount",
    )


@binds("refcount_inc")
def refcount_inc(engine: Engine, counter: int) -> None:
    refcount_add(engine, 1, counter)


@binds("refcount_add")
def refcount_add(engine: Engine, value: int, counter: int) -> None:
    before = engine.machine.memory.load(counter, 4)
    if before == 0:
        _saturate(engine, counter, 25, "refcount_t: addition on 0; use-after-free.")
    elif before >= 1 << 31:
        _saturate(engine, counter, 22, "refcount_t: saturated; leaking memory.")
    else:
        engine.machine.memory.store(counter, 4, before + value)


@binds("refcount_inc_not_zero")
def refcount_inc_not_zero(engine: Engine, counter: int) -> int:
    before = engine.machine.memory.load(counter, 4)
    if before:
        engine.machine.memory.store(counter, 4, before + 1)
    return before != 0


@binds("refcount_dec")
def refcount_dec(engine: Engine, counter: int) -> None:
    if refcount_sub_and_test(engine, 1, counter):
        _saturate(engine, counter, 31, "refcount_t: decrement hit 0; leaking memory.")


@binds("refcount_dec_and_test")
def refcount_dec_and_test(engine: Engine, counter: int) -> int:
    return refcount_sub_and_test(engine, 1, counter)


@binds("refcount_sub_and_test")
def refcount_sub_and_test(engine: Engine, value: int, counter: int) -> int:
    before = engine.machine.memory.load(counter, 4)
    if before == value:
        engine.machine.memory.store(counter, 4, 0)
        return 1
    if before < value or before >= 1 << 31:
        _saturate(engine, counter, 28, "refcount_t: underflow; use-after-free.")
        return 0
    engine.machine.memory.store(counter, 4, before - value)
    return 0


# --- list checks (`lib/list_debug.c`) -----------------------------------------------------


def _corrupt(engine: Engine, function: str, line: int, text: str) -> int:
    """CONFIG_LIST_HARDENED with BUG_ON_DATA_CORRUPTION off: warn and refuse."""
    name = f"{function}+0x0/0x0"
    oops.warn(engine.machine, "lib/list_debug.c", line, name, text, kind="list-corruption")
    return 0


@binds("__list_add_valid_or_report")
def list_add_valid(engine: Engine, entry: int, before: int, after: int) -> int:
    memory = engine.machine.memory
    function = "__list_add_valid_or_report"
    back = memory.load(after + 8, 8)
    engine.check()
    if back != before:
        text = (
            f"list_add corruption. next->prev should be prev ({before:016x}), "
            f"but was {back:016x}. (next={after:016x})."
        )
        return _corrupt(engine, function, 29, text)
    ahead = memory.load(before, 8)
    engine.check()
    if ahead != after:
        text = (
            f"list_add corruption. prev->next should be next ({after:016x}), "
            f"but was {ahead:016x}. (prev={before:016x})."
        )
        return _corrupt(engine, function, 32, text)
    if entry in (before, after):
        text = f"list_add double add: new={entry:016x}, prev={before:016x}, next={after:016x}."
        return _corrupt(engine, function, 35, text)
    return 1


@binds("__list_del_entry_valid_or_report")
def list_del_valid(engine: Engine, entry: int) -> int:
    memory = engine.machine.memory
    function = "__list_del_entry_valid_or_report"
    after, before = memory.load(entry, 8), memory.load(entry + 8, 8)
    engine.check()
    if not engine.machine.spec.checkers.debug_vm:
        # LIST_HARDENED alone follows the pointers before it looks whether they are poison.
        fine = memory.load(before, 8) == entry
        engine.check()
        if fine and memory.load(after + 8, 8) == entry:
            return 1
        engine.check()
    if not after or not before:
        side = "next" if not after else "prev"
        text = f"list_del corruption, {entry:016x}->{side} is NULL"
        return _corrupt(engine, function, 52, text)
    if after == LIST_POISON1 or before == LIST_POISON2:
        side, poison = (
            ("next", "LIST_POISON1") if after == LIST_POISON1 else ("prev", "LIST_POISON2")
        )
        value = after if side == "next" else before
        text = f"list_del corruption, {entry:016x}->{side} is {poison} ({value:016x})"
        return _corrupt(engine, function, 56, text)
    for line, place, name in ((62, before, "prev->next"), (65, after + 8, "next->prev")):
        found = memory.load(place, 8)
        engine.check()
        if found != entry:
            text = f"list_del corruption. {name} should be {entry:016x}, but was {found:016x}."
            return _corrupt(engine, function, line, text)
    return 1


# --- numbers in text ----------------------------------------------------------------------


def _store_number(
    engine: Engine, text: int, base: int, result: int, size: int, *, signed: bool
) -> int:
    word = read_string(engine.machine, text, 128).decode("latin-1")
    try:
        value = read_number(word, base, size, signed=signed)
    except NumberTextError as error:
        return -error.number
    engine.machine.memory.store(result, size, value)
    return 0


@binds("kstrtoint")
def kstrtoint(engine: Engine, text: int, base: int, result: int) -> int:
    return _store_number(engine, text, base, result, 4, signed=True)


@binds("kstrtouint")
def kstrtouint(engine: Engine, text: int, base: int, result: int) -> int:
    return _store_number(engine, text, base, result, 4, signed=False)


@binds("kstrtol", "kstrtoll")
def kstrtol(engine: Engine, text: int, base: int, result: int) -> int:
    return _store_number(engine, text, base, result, 8, signed=True)


@binds("kstrtoul", "kstrtoull")
def kstrtoul(engine: Engine, text: int, base: int, result: int) -> int:
    return _store_number(engine, text, base, result, 8, signed=False)


@binds("kstrtou8")
def kstrtou8(engine: Engine, text: int, base: int, result: int) -> int:
    return _store_number(engine, text, base, result, 1, signed=False)


@binds("kstrtou16")
def kstrtou16(engine: Engine, text: int, base: int, result: int) -> int:
    return _store_number(engine, text, base, result, 2, signed=False)


@binds("kstrtos8")
def kstrtos8(engine: Engine, text: int, base: int, result: int) -> int:
    return _store_number(engine, text, base, result, 1, signed=True)


@binds("kstrtos16")
def kstrtos16(engine: Engine, text: int, base: int, result: int) -> int:
    return _store_number(engine, text, base, result, 2, signed=True)


@binds("kstrtobool")
def kstrtobool(engine: Engine, text: int, result: int) -> int:
    if not text:
        return -EINVAL
    word = read_string(engine.machine, text, 4).decode("latin-1")
    try:
        yes = read_truth(word)
    except NumberTextError as error:
        return -error.number
    engine.machine.memory.store(result, 1, int(yes))
    return 0


@binds("simple_strtoul")
def simple_strtoul(engine: Engine, text: int, end: int, base: int) -> int:
    value, used = _leading_number(read_string(engine.machine, text, 64), base)
    if end:
        engine.machine.memory.store(end, 8, text + used)
    return value


@binds("memparse")
def memparse(engine: Engine, text: int, end: int) -> int:
    data = read_string(engine.machine, text, 64)
    value, used = _leading_number(data, 0)
    suffix = data[used : used + 1].upper()
    if suffix and suffix in b"KMGTPE":
        value <<= 10 * (b"KMGTPE".index(suffix) + 1)
        used += 1
    if end:
        engine.machine.memory.store(end, 8, text + used)
    return value


def _leading_number(data: bytes, base: int) -> tuple[int, int]:
    text = data.decode("latin-1").lower()
    start = 0
    if base in (0, 16) and text.startswith("0x"):
        base, start = 16, 2
    elif base == 0:
        base = 8 if text.startswith("0") else 10
    end = start
    allowed = "0123456789abcdef"[:base]
    while end < len(text) and text[end] in allowed:
        end += 1
    return (int(text[start:end], base) if end > start else 0), end


# --- bits and logarithms ------------------------------------------------------------------


@binds("ilog2", "__fls")
def ilog2(engine: Engine, value: int) -> int:
    return value.bit_length() - 1


@binds("is_power_of_2")
def is_power_of_2(engine: Engine, value: int) -> int:
    return value != 0 and not value & (value - 1)


@binds("roundup_pow_of_two")
def roundup_pow_of_two(engine: Engine, value: int) -> int:
    return 1 << max(value - 1, 0).bit_length()


@binds("rounddown_pow_of_two")
def rounddown_pow_of_two(engine: Engine, value: int) -> int:
    return 1 << max(value.bit_length() - 1, 0)


@binds("order_base_2")
def order_base_2(engine: Engine, value: int) -> int:
    return max(value - 1, 0).bit_length()


@binds("int_sqrt")
def int_sqrt(engine: Engine, value: int) -> int:
    import math

    return math.isqrt(value)


@binds("fls", "fls64")
def fls(engine: Engine, value: int) -> int:
    return (value & ((1 << 64) - 1)).bit_length()


@binds("ffs")
def ffs(engine: Engine, value: int) -> int:
    return (value & -value).bit_length()


@binds("__ffs")
def ffs_long(engine: Engine, value: int) -> int:
    return (value & -value).bit_length() - 1


@binds("ffz")
def ffz(engine: Engine, value: int) -> int:
    return ffs_long(engine, ~value & ((1 << 64) - 1))


@binds("hweight32", "hweight64", "hweight_long")
def hweight(engine: Engine, value: int) -> int:
    return value.bit_count()


# --- modules, randomness ------------------------------------------------------------------


@binds_object("__this_module")
def this_module(engine: Engine) -> int:
    singletons = world_of(engine).singletons
    if "module" not in singletons:
        address = singletons["module"] = engine.reserve(abi.MODULE_SIZE)
        engine.machine.memory.poke(address, engine.module.name.encode()[:55])
    return singletons["module"]


@binds("try_module_get")
def try_module_get(engine: Engine, module: int) -> int:
    return 1


@binds("module_put")
def module_put(engine: Engine, module: int) -> None:
    """The simulated kernel does not count who uses a module."""


@binds("get_random_bytes")
def get_random_bytes(engine: Engine, buffer: int, size: int) -> None:
    data = engine.machine.random.randbytes(min(size, 1 << 24))
    if data:
        engine.machine.memory.store_bytes(buffer, data)


@binds("get_random_u32")
def get_random_u32(engine: Engine) -> int:
    return engine.machine.random.getrandbits(32)


@binds("get_random_u64")
def get_random_u64(engine: Engine) -> int:
    return engine.machine.random.getrandbits(64)


@binds("get_random_u32_below")
def get_random_u32_below(engine: Engine, ceiling: int) -> int:
    return engine.machine.random.randrange(max(ceiling, 1))
