"""What happens to a driver: the steps of a script, checked and made into values.

A script is a list; each step is a word or a mapping of one word to what it needs:

    [insmod, {open: cam}, {read: {file: cam, size: 64}}, {irq: {line: 17, times: 3}}, rmmod]

`parse_script` takes what a YAML file holds (lists, dicts, strings, numbers) and raises ScriptError
with a sentence that tells what was expected. Running it is `kmemquest.driver.session`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from kmemquest.driver.script_text import FIRST_SLOT, step_text
from kmemquest.kernel.spec import parse_size

MAX_STEPS: Final = 500
MAX_TIMES: Final = 100_000
MAX_CPU: Final = 63
MAX_TRANSFER: Final = 16 << 20
"""Largest user buffer, in bytes."""
CONTEXTS: Final = ("process", "softirq", "hardirq")
PRESSURES: Final = ("page_cache", "hog", "drop_caches", "release")
WHENCE: Final = ("set", "cur", "end")
ACCESS: Final = {"read": 1, "write": 2, "rw": 3}


class ScriptError(ValueError):
    """A step that nothing can be made of; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class ScriptStep:
    """A checked step. `word` names it; `values` are its parameters with defaults filled in."""

    word: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the step on one line, for logs and lists."""
        return step_text(self.word, self.values)


def parse_script(script: object) -> tuple[ScriptStep, ...]:
    """Check a whole script; the first thing wrong is told with the number of its step."""
    if isinstance(script, str | bytes) or not isinstance(script, Sequence):
        raise ScriptError("a script is a list of steps, e.g. [insmod, rmmod]")
    if len(script) > MAX_STEPS:
        raise ScriptError(f"a script has at most {MAX_STEPS} steps; this one has {len(script)}")
    steps = []
    for number, step in enumerate(script, 1):
        try:
            steps.append(parse_step(step))
        except ScriptError as error:
            raise ScriptError(f"step {number}: {error}") from None
    return tuple(steps)


def parse_step(step: object) -> ScriptStep:
    """Check one step."""
    if isinstance(step, ScriptStep):
        return step
    if isinstance(step, str):
        word, detail = step, None
    elif isinstance(step, Mapping) and len(step) == 1:
        word, detail = next(iter(step.items()))
    else:
        raise ScriptError("a step is a word or a mapping with one word, e.g. {irq: {line: 17}}")
    reader = _READERS.get(str(word))
    if reader is None:
        raise ScriptError(f"unknown step {word!r}{_suggest(str(word), _READERS)}")
    return ScriptStep(word, reader(detail))


# --- reading parameters -------------------------------------------------------------------


def _suggest(word: str, known: object) -> str:
    names = sorted(str(name) for name in known)  # type: ignore[attr-defined]
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; expected one of {', '.join(names)}"


class _Reader:
    """Takes parameters out of a mapping one by one and complains about what is left."""

    def __init__(self, word: str, detail: object, short: str = "") -> None:
        if not isinstance(detail, Mapping):
            if detail is None or not short:
                expected = f", e.g. {{{word}: {{{short}: …}}}}" if short else ""
                raise ScriptError(f"{word} needs parameters{expected}")
            detail = {short: detail}
        self.word = word
        self.left = dict(detail)
        self.known: list[str] = []

    def value(self, name: str, default: object = None, *, required: bool = False) -> Any:
        self.known.append(name)
        if name not in self.left and required:
            strange = [word for word in self.left if word not in self.known]
            found = f", found {', '.join(map(repr, strange))}" if strange else ""
            raise ScriptError(f"{self.word} needs {name!r}{found}")
        return self.left.pop(name, default)

    def text(self, name: str, default: str | None = None) -> str:
        value = self.value(name, default, required=default is None)
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise ScriptError(f"{self.word}: {name} must be a word, not {value!r}")
        return str(value)

    def number(self, name: str, default: int | None = None, low: int = 0, high: int = 2**64) -> int:
        value = self.value(name, default, required=default is None)
        if isinstance(value, str):
            try:
                value = int(value, 0)
            except ValueError:
                raise ScriptError(f"{self.word}: {name} must be a number, not {value!r}") from None
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ScriptError(
                f"{self.word}: {name} must be a number from {low} to {high}, not {value!r}"
            )
        return value

    def size(self, name: str, default: int | None = None, high: int = MAX_TRANSFER) -> int:
        value = self.value(name, default, required=default is None)
        if isinstance(value, str):
            try:
                value = parse_size(value)
            except ValueError as error:
                raise ScriptError(f"{self.word}: {name}: {error}") from None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= high:
            raise ScriptError(
                f"{self.word}: {name} must be a size from 0 to {high} bytes, not {value!r}"
            )
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.value(name, default)
        if not isinstance(value, bool):
            raise ScriptError(f"{self.word}: {name} must be true or false, not {value!r}")
        return value

    def data(self) -> bytes:
        """Read what a user program hands over: text, hex bytes, or a number of equal bytes."""
        given = [name for name in ("text", "hex", "size") if name in self.left]
        if len(given) != 1:
            raise ScriptError(f"{self.word} needs exactly one of text, hex and size")
        if given[0] == "text":
            return self.text("text").encode()
        if given[0] == "size":
            fill = self.number("fill", 0x5A, 0, 255)
            return bytes([fill]) * self.size("size")
        try:
            return bytes.fromhex(self.text("hex").replace("_", " "))
        except ValueError:
            raise ScriptError(f"{self.word}: hex must be pairs of hex digits") from None

    def done(self) -> None:
        for name in self.left:
            hint = _suggest(str(name), self.known)
            raise ScriptError(f"{self.word} has no parameter {name!r}{hint}")


def _nothing(word: str) -> Callable[[object], dict[str, Any]]:
    def read(detail: object) -> dict[str, Any]:
        if detail not in (None, True, {}):
            raise ScriptError(f"{word} takes no parameters")
        return {}

    return read


def _insmod(detail: object) -> dict[str, Any]:
    if detail is None:
        return {"parameters": {}}
    if not isinstance(detail, Mapping):
        raise ScriptError("insmod takes module parameters, e.g. {insmod: {count: 8}}")
    parameters = {str(name): str(value) for name, value in detail.items()}
    return {"parameters": parameters}


def _call(detail: object) -> dict[str, Any]:
    reader = _Reader("call", detail, "function")
    function = reader.text("function")
    arguments = reader.value("args", [])
    if not isinstance(arguments, list) or not all(isinstance(a, int) for a in arguments):
        raise ScriptError("call: args must be a list of numbers")
    context = reader.text("context", "process")
    if context not in CONTEXTS:
        raise ScriptError(f"call: context must be one of {', '.join(CONTEXTS)}")
    times = reader.number("times", 1, 1, MAX_TIMES)
    reader.done()
    return {"function": function, "args": tuple(arguments), "context": context, "times": times}


def _initcall(detail: object) -> dict[str, Any]:
    reader = _Reader("initcall", detail, "function")
    function = reader.text("function")
    reader.done()
    return {"function": function}


def _probe(detail: object) -> dict[str, Any]:
    outer = _Reader("probe", detail)
    found = [bus for bus in ("pci", "platform") if bus in outer.left]
    if len(found) != 1:
        raise ScriptError("probe needs pci or platform, e.g. {probe: {pci: {vendor: 0x8086, …}}}")
    bus = found[0]
    inner = _Reader(f"probe {bus}", outer.value(bus), "name" if bus == "platform" else "")
    outer.done()
    values: dict[str, Any] = {"bus": bus}
    if bus == "pci":
        values["name"] = inner.text("name", FIRST_SLOT)
        values["vendor"] = inner.number("vendor", None, 0, 0xFFFF)
        values["device"] = inner.number("device", None, 0, 0xFFFF)
        values["irq"] = inner.number("irq", 11, 0, 255)
        values["memory"] = _ranges(inner, "bars")
    else:
        values["name"] = inner.text("name")
        values["id"] = inner.number("id", -1, -1, 1 << 20)
        values["irq"] = inner.number("irq", 0, 0, 255)
        values["memory"] = _ranges(inner, "memory")
        values["compatible"] = inner.text("compatible", "")
    values["reach"] = inner.number("address_bits", 0, 0, 64)
    values["node"] = inner.number("node", -1, -1, 7)
    inner.done()
    return values


def _ranges(reader: _Reader, name: str) -> tuple[tuple[int, int], ...]:
    value = reader.value(name, [])
    if not isinstance(value, list):
        raise ScriptError(f"{reader.word}: {name} must be a list of [base, size]")
    ranges = []
    for item in value:
        if not isinstance(item, list) or len(item) != 2:
            raise ScriptError(f"{reader.word}: each of {name} is [base, size]")
        pair = _Reader(reader.word, {"base": item[0], "size": item[1]})
        ranges.append((pair.number("base"), pair.size("size", None, 1 << 40)))
    return tuple(ranges)


def _unplug(detail: object) -> dict[str, Any]:
    reader = _Reader("unplug", detail, "name")
    name = reader.text("name")
    reader.done()
    return {"name": name}


def _open(detail: object) -> dict[str, Any]:
    reader = _Reader("open", detail, "device")
    device = reader.text("device")
    access = reader.text("access", "rw")
    if access not in ACCESS:
        raise ScriptError("open: access must be read, write or rw")
    values: dict[str, Any] = {"device": device, "access": access}
    values["as"] = reader.text("as", device)
    values["by"] = reader.text("by", "cat")
    values["wait"] = reader.flag("wait", default=True)
    reader.done()
    return values


def _read(detail: object) -> dict[str, Any]:
    reader = _Reader("read", detail, "file")
    values: dict[str, Any] = {"file": reader.text("file"), "size": reader.size("size", 64)}
    values["times"] = reader.number("times", 1, 1, MAX_TIMES)
    reader.done()
    return values


def _write(detail: object) -> dict[str, Any]:
    reader = _Reader("write", detail)
    values: dict[str, Any] = {"file": reader.text("file"), "data": reader.data()}
    values["times"] = reader.number("times", 1, 1, MAX_TIMES)
    reader.done()
    return values


def _ioctl(detail: object) -> dict[str, Any]:
    reader = _Reader("ioctl", detail)
    values: dict[str, Any] = {"file": reader.text("file"), "cmd": reader.number("cmd", None)}
    given = [name for name in ("arg", "text", "hex", "size") if name in reader.left]
    if "arg" in given or not given:
        values |= {"arg": reader.number("arg", 0), "data": None}
    else:
        values |= {"arg": 0, "data": reader.data()}
    reader.done()
    return values


def _close(detail: object) -> dict[str, Any]:
    reader = _Reader("close", detail, "file")
    name = reader.text("file")
    reader.done()
    return {"file": name}


def _seek(detail: object) -> dict[str, Any]:
    reader = _Reader("seek", detail)
    values: dict[str, Any] = {"file": reader.text("file")}
    values["offset"] = reader.number("offset", 0, -(2**63), 2**63 - 1)
    whence = reader.text("whence", "set")
    if whence not in WHENCE:
        raise ScriptError("seek: whence must be set, cur or end")
    reader.done()
    return values | {"whence": WHENCE.index(whence)}


def _poll(detail: object) -> dict[str, Any]:
    reader = _Reader("poll", detail, "file")
    values: dict[str, Any] = {"file": reader.text("file")}
    values["events"] = reader.number("events", 0xFFFF_FFFF, 0, 0xFFFF_FFFF)
    values["timeout"] = _duration(reader, "timeout", "0")
    reader.done()
    return values


def _mmap(detail: object) -> dict[str, Any]:
    reader = _Reader("mmap", detail)
    values: dict[str, Any] = {"file": reader.text("file"), "size": reader.size("size", 4096)}
    values["offset"] = reader.size("offset", 0, 1 << 40)
    values["as"] = reader.text("as", values["file"])
    values["access"] = reader.text("access", "rw")
    if values["access"] not in ACCESS:
        raise ScriptError("mmap: access must be read, write or rw")
    values["shared"] = reader.flag("shared", default=True)
    reader.done()
    return values


def _munmap(detail: object) -> dict[str, Any]:
    reader = _Reader("munmap", detail, "map")
    values = {"map": reader.text("map")}
    reader.done()
    return values


def _peek(detail: object) -> dict[str, Any]:
    reader = _Reader("peek", detail, "map")
    values: dict[str, Any] = {"map": reader.text("map"), "size": reader.size("size", 4)}
    values["offset"] = reader.size("offset", 0, 1 << 40)
    reader.done()
    return values


def _poke(detail: object) -> dict[str, Any]:
    reader = _Reader("poke", detail)
    values: dict[str, Any] = {"map": reader.text("map"), "data": reader.data()}
    values["offset"] = reader.size("offset", 0, 1 << 40)
    reader.done()
    return values


def _exit(detail: object) -> dict[str, Any]:
    reader = _Reader("exit", detail, "program")
    values = {"program": reader.text("program")}
    reader.done()
    return values


def _firmware(detail: object) -> dict[str, Any]:
    reader = _Reader("firmware", detail)
    values: dict[str, Any] = {"name": reader.text("name"), "data": reader.data()}
    reader.done()
    return values


def _irq(detail: object) -> dict[str, Any]:
    reader = _Reader("irq", detail, "line")
    values: dict[str, Any] = {"line": reader.number("line", None, 0, 255)}
    values["times"] = reader.number("times", 1, 1, MAX_TIMES)
    values["every"] = _duration(reader, "every", "0")
    values["cpu"] = reader.number("cpu", 0, 0, MAX_CPU)
    reader.done()
    return values


def _advance(detail: object) -> dict[str, Any]:
    reader = _Reader("advance", detail, "time")
    values = {"time": _duration(reader, "time", None)}
    reader.done()
    return values


_UNITS: Final = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}


def _duration(reader: _Reader, name: str, default: str | None) -> int:
    """Read `10ms`, `2s`, `500us`; a bare number is milliseconds. Returns nanoseconds."""
    text = reader.text(name, default).replace(" ", "")
    number = text.rstrip("nusm")
    factor = _UNITS.get(text[len(number) :] or "ms")
    if factor is None or not number.isdigit() or int(number) * factor > 3_600_000_000_000:
        raise ScriptError(f"{reader.word}: {name} must be a time such as 10ms or 2s, not {text!r}")
    return int(number) * factor


def _pressure(detail: object) -> dict[str, Any]:
    reader = _Reader("pressure", detail)
    given = [name for name in PRESSURES if name in reader.left]
    if len(given) != 1:
        raise ScriptError(f"pressure needs one of {', '.join(PRESSURES)}")
    kind = given[0]
    size = 0
    if kind in ("page_cache", "hog"):
        size = reader.size(kind, None, 1 << 46)
    else:
        reader.value(kind)
    values = {"kind": kind, "size": size, "name": reader.text("name", "hog")}
    reader.done()
    return values


def _device(detail: object) -> dict[str, Any]:
    outer = _Reader("device", detail)
    found = [act for act in ("write", "read") if act in outer.left]
    if len(found) != 1:
        raise ScriptError("device needs write or read, e.g. {device: {write: {handle: ring, …}}}")
    act = found[0]
    reader = _Reader(f"device {act}", outer.value(act))
    outer.done()
    values: dict[str, Any] = {
        "act": act,
        "device": reader.text("device", ""),
        "handle": reader.text("handle"),
        "offset": reader.number("offset", 0),
    }
    if act == "read":
        values["size"] = reader.size("size")
    elif "value" in reader.left:
        value, size = reader.number("value"), reader.number("size", 4, 1, 8)
        values["data"] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
    else:
        values["data"] = reader.data()
    reader.done()
    return values


def _sync(detail: object) -> dict[str, Any]:
    return {"label": "" if detail is None else str(detail)}


_READERS: Final[dict[str, Callable[[object], dict[str, Any]]]] = {
    "insmod": _insmod,
    "rmmod": _nothing("rmmod"),
    "boot": _nothing("boot"),
    "initcall": _initcall,
    "call": _call,
    "probe": _probe,
    "unplug": _unplug,
    "open": _open,
    "read": _read,
    "write": _write,
    "ioctl": _ioctl,
    "close": _close,
    "seek": _seek,
    "poll": _poll,
    "mmap": _mmap,
    "munmap": _munmap,
    "peek": _peek,
    "poke": _poke,
    "exit": _exit,
    "firmware": _firmware,
    "suspend": _nothing("suspend"),
    "resume": _nothing("resume"),
    "irq": _irq,
    "advance": _advance,
    "pending": _nothing("pending"),
    "pressure": _pressure,
    "device": _device,
    "sync": _sync,
}

WORDS: Final = tuple(_READERS)
"""Every word a step can begin with."""

DEFAULT_SCRIPT: Final[tuple[str, ...]] = ("insmod", "rmmod")
