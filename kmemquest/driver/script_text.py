"""Steps of a script in words: one short line each, for logs, lists and questions.

Only what an author has chosen is said: a parameter at its default says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

_TIME_UNITS: Final = (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1))
_SIZE_UNITS: Final = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))
_QUIET: Final[Mapping[str, object]] = {
    "times": 1, "access": "rw", "by": "cat", "wait": True, "offset": 0, "shared": True,
    "node": -1, "reach": 0, "id": -1, "whence": 0, "events": 0xFFFF_FFFF, "context": "process",
    "label": "", "cpu": 0,
}  # fmt: skip
"""Parameters and the value at which they say nothing."""
_SHOWN_BYTES: Final = 16
FIRST_SLOT: Final = "0000:00:03.0"
"""Where a PCI device is if nobody says so."""


def step_text(word: str, values: Mapping[str, Any]) -> str:
    """Return a step on one line: `irq 17, times 3`, `open /dev/cam`, `mmap cam 64 KiB`."""
    say = _SAYINGS.get(word)
    left = dict(values)
    head = say(left) if say is not None else word
    rest = ", ".join(_rest(left))
    return f"{head}, {rest}" if rest else head


def time_text(nanoseconds: int) -> str:
    """Return a time as a script would write it: `50ms`."""
    unit, factor = next((u, f) for u, f in _TIME_UNITS if nanoseconds % f == 0)
    return f"{nanoseconds // factor}{unit}"


def size_text(size: int) -> str:
    """Return a number of bytes in the largest unit that divides it: `64 KiB`, `100 bytes`."""
    for unit, factor in _SIZE_UNITS:
        if size >= factor and size % factor == 0:
            return f"{size // factor} {unit}"
    return f"{size} byte" if size == 1 else f"{size} bytes"


def _rest(values: Mapping[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        if value in ("", (), [], None) or (key in _QUIET and value == _QUIET[key]):
            continue
        if key in ("timeout", "every", "time"):
            if value:
                yield f"{key} {time_text(value)}"
        elif key == "times":
            yield f"{value:,} times"
        elif key == "size":
            yield size_text(value)
        elif isinstance(value, bytes):
            yield _data(value)
        elif isinstance(value, Mapping):
            yield from (f"{name}={given}" for name, given in value.items())
        elif key == "memory":
            yield from (f"memory {base:#x} ({size_text(size)})" for base, size in value)
        elif key == "wait":
            yield "not waited for"
        elif key == "shared":
            yield "private"
        elif key == "reach":
            yield f"{value} address bits"
        elif key == "whence":
            yield f"from the {('start', 'position', 'end')[value]}"
        elif key == "context":
            yield f"in {value} context"
        else:
            yield f"{key} {value}"


def _data(data: bytes) -> str:
    """Return what a program hands over: as text where it is text, else as a number of bytes."""
    if len(data) <= 4 * _SHOWN_BYTES and data.isascii() and data.decode("ascii").isprintable():
        return f'"{data.decode("ascii")}"' if data.strip(b"Z") else size_text(len(data))
    if len(data) <= _SHOWN_BYTES:
        return data.hex(" ")
    return size_text(len(data))


def _insmod(values: dict[str, Any]) -> str:
    given = values.pop("parameters", {})
    return " ".join(("insmod", *(f"{name}={value}" for name, value in given.items())))


def _call(values: dict[str, Any]) -> str:
    arguments = ", ".join(str(value) for value in values.pop("args", ()))
    return f"{values.pop('function')}({arguments})"


def _initcall(values: dict[str, Any]) -> str:
    return f"initcall {values.pop('function')}()"


def _probe(values: dict[str, Any]) -> str:
    bus, name = values.pop("bus"), values.pop("name")
    if bus == "pci":
        ids = f"{values.pop('vendor'):04x}:{values.pop('device'):04x}"
        name = ids if name == FIRST_SLOT else f"{name} ({ids})"
    if not values.get("irq"):
        values.pop("irq", None)
    return f"probe {bus} {name}"


def _open(values: dict[str, Any]) -> str:
    device = values.pop("device")
    if values.get("as") == device:
        del values["as"]
    return f"open /dev/{device}"


def _of_file(word: str) -> Callable[[dict[str, Any]], str]:
    def say(values: dict[str, Any]) -> str:
        name = values.pop("file")
        size = f" {size_text(values.pop('size'))}" if "size" in values else ""
        return f"{word} {name}{size}"

    return say


def _mmap(values: dict[str, Any]) -> str:
    name = values.pop("file")
    if values.get("as") == name:
        del values["as"]
    return f"mmap {name} {size_text(values.pop('size'))}"


def _ioctl(values: dict[str, Any]) -> str:
    name, command = values.pop("file"), values.pop("cmd")
    data, argument = values.pop("data"), values.pop("arg")
    given = _data(data) if data is not None else hex(argument) if argument > 9 else str(argument)
    return f"ioctl {name} {command:#x} {given}"


def _one(word: str, key: str) -> Callable[[dict[str, Any]], str]:
    def say(values: dict[str, Any]) -> str:
        return f"{word} {values.pop(key)}".rstrip()

    return say


def _of_map(word: str) -> Callable[[dict[str, Any]], str]:
    def say(values: dict[str, Any]) -> str:
        name, offset = values.pop("map"), values.pop("offset", 0)
        return f"{word} {name}+{offset:#x}" if offset else f"{word} {name}"

    return say


def _advance(values: dict[str, Any]) -> str:
    return f"wait {time_text(values.pop('time'))}"


def _pressure(values: dict[str, Any]) -> str:
    kind, size, name = values.pop("kind"), values.pop("size"), values.pop("name")
    if kind in ("hog", "release") and name != "hog":
        kind = f"{kind} {name}"
    said = f"memory pressure: {kind.replace('_', ' ')}"
    return f"{said} {size_text(size)}" if size else said


def _device(values: dict[str, Any]) -> str:
    act, name, handle = values.pop("act"), values.pop("device"), values.pop("handle")
    return f"device {name} {act}s {handle}" if name else f"device {act}s {handle}"


_SAYINGS: Final[Mapping[str, Callable[[dict[str, Any]], str]]] = {
    "insmod": _insmod,
    "call": _call,
    "initcall": _initcall,
    "probe": _probe,
    "unplug": _one("unplug", "name"),
    "open": _open,
    "read": _of_file("read"),
    "write": _of_file("write"),
    "close": _of_file("close"),
    "seek": _of_file("seek"),
    "poll": _of_file("poll"),
    "ioctl": _ioctl,
    "mmap": _mmap,
    "munmap": _one("munmap", "map"),
    "peek": _of_map("peek"),
    "poke": _of_map("poke"),
    "exit": _one("exit of", "program"),
    "firmware": _one("firmware file", "name"),
    "irq": _one("irq", "line"),
    "advance": _advance,
    "pressure": _pressure,
    "device": _device,
    "sync": _one("sync", "label"),
}
