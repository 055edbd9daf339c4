"""What each step of a script does and what its parameters mean, for `kmemquest check --words`.

`kmemquest.driver.script` reads them; here they are put into words, beside their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class StepWord:
    """A step: what happens, and for each parameter what it means and what it is if left out.

    `short` is the parameter that `{word: value}` sets; empty when there is none.
    """

    what: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    short: str = ""


_DATA: Final = {
    "text": "what is handed over, as text",
    "hex": "or as hex digits",
    "size": "or so many bytes",
    "fill": "each of this value (0x5A)",
}
_DEVICE: Final = {
    "name": "its name, by which other steps know it",
    "irq": "its interrupt line",
    "address_bits": "how many address bits the hardware has (it does not say)",
    "node": "the NUMA node it sits at (none)",
}
_FILE: Final = "the name of the open file"
_TIMES: Final = "how often (1)"

STEPS: Final[dict[str, StepWord]] = {
    "insmod": StepWord("Loads the module; a mapping holds values of its module_param()s."),
    "rmmod": StepWord("Unloads the module, then looks for what it has left behind."),
    "boot": StepWord("Early code only: memblock hands over, then the remaining initcalls run."),
    "initcall": StepWord(
        "Early code only: runs one function now, ahead of the others.",
        {"function": "its name"},
        "function",
    ),
    "call": StepWord(
        "Calls a function of the driver.",
        {
            "function": "its name",
            "args": "a list of numbers ([])",
            "context": "process, softirq or hardirq (process)",
            "times": _TIMES,
        },
        "function",
    ),
    "probe": StepWord(
        "Plugs a device in: `pci: {…}` or `platform: {…}`. The driver registered for it probes it.",
        {
            **_DEVICE,
            "vendor": "pci: the id that the driver's table names",
            "device": "pci: the same of the device",
            "bars": "pci: its memory, [[base, size], …]",
            "id": "platform: the number behind the name (-1: none)",
            "memory": "platform: its memory, [[base, size], …]",
            "compatible": "platform: what of_match_table looks for",
        },
    ),
    "unplug": StepWord("Takes a device away: remove() runs.", {"name": "the device"}, "name"),
    "open": StepWord(
        "A program opens a file of /dev.",
        {
            "device": "the `.name` of the driver's miscdevice (or of its character device)",
            "access": "read, write or rw (rw)",
            "as": "how later steps call this open file (as the device)",
            "by": "the program (cat)",
            "wait": "false for O_NONBLOCK (true)",
        },
        "device",
    ),
    "read": StepWord(
        "Reads from an open file.",
        {"file": _FILE, "size": "bytes of the user's buffer (64)", "times": _TIMES},
        "file",
    ),
    "write": StepWord("Writes to an open file.", {"file": _FILE, **_DATA, "times": _TIMES}),
    "ioctl": StepWord(
        "Calls ioctl() on an open file.",
        {"file": _FILE, "cmd": "the command's number", "arg": "a number (0)", **_DATA},
    ),
    "close": StepWord("Closes an open file: release() runs.", {"file": _FILE}, "file"),
    "seek": StepWord(
        "Moves the place in an open file.",
        {"file": _FILE, "offset": "in bytes (0)", "whence": "set, cur or end (set)"},
    ),
    "poll": StepWord(
        "Polls an open file.",
        {"file": _FILE, "events": "a mask (all)", "timeout": "a time such as 10ms (0)"},
        "file",
    ),
    "mmap": StepWord(
        "Maps an open file into the program.",
        {
            "file": _FILE,
            "size": "in bytes (4096)",
            "offset": "into the file, in bytes (0)",
            "as": "how later steps call this mapping (as the file)",
            "access": "read, write or rw (rw)",
            "shared": "false for MAP_PRIVATE (true)",
        },
    ),
    "munmap": StepWord("Takes a mapping away.", {"map": "its name"}, "map"),
    "peek": StepWord(
        "The program reads from its mapping.",
        {"map": "its name", "size": "in bytes (4)", "offset": "in bytes (0)"},
        "map",
    ),
    "poke": StepWord(
        "The program writes to its mapping.",
        {"map": "its name", **_DATA, "offset": "in bytes (0)"},
    ),
    "exit": StepWord(
        "A program ends: its files are closed, its mappings go.",
        {"program": "the name behind `by` of its open"},
        "program",
    ),
    "firmware": StepWord(
        "Puts a file where request_firmware() finds it.", {"name": "its name", **_DATA}
    ),
    "suspend": StepWord("The machine goes to sleep: the devices' suspend callbacks run."),
    "resume": StepWord("It wakes up again."),
    "irq": StepWord(
        "Raises an interrupt.",
        {
            "line": "the number that the driver gave to request_irq()",
            "times": _TIMES,
            "every": "the time before each, such as 100us (0)",
            "cpu": "the CPU that takes it (0)",
        },
        "line",
    ),
    "advance": StepWord(
        "Time passes: timers and delayed work run.", {"time": "such as 10ms or 2s"}, "time"
    ),
    "pending": StepWord("Nothing happens but what waits already: work, softirqs."),
    "pressure": StepWord(
        "Somebody else takes memory, or gives it back: just one of the first four.",
        {
            "page_cache": "so many bytes of files are read",
            "hog": "a program touches so many bytes",
            "drop_caches": "true: the page cache goes",
            "release": "true: the hog ends",
            "name": "the hog's name (hog)",
        },
    ),
    "device": StepWord(
        "The hardware does DMA by itself: `write: {…}` into memory, or `read: {…}` from it.",
        {
            "device": "its name (if there is but one)",
            "handle": "the driver's variable that holds the DMA address",
            "offset": "in bytes behind it (0)",
            "size": "bytes to read, or of `value` (4)",
            "value": "a number to write",
            **{name: _DATA[name] for name in ("text", "hex", "fill")},
        },
    ),
    "sync": StepWord("A point to look at; its value is a label."),
}
