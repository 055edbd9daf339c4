"""A `struct seq_file`, its operations and its buffer, touched as the kernel touches them.

Source: `fs/seq_file.c` of 6.12. The buffer begins with one page; what does not fit into it makes
the kernel throw the text away, double the buffer and ask for the same record again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi
from kmemquest.driver.bindings import slab
from kmemquest.driver.devices import signed
from kmemquest.driver.holdings import got
from kmemquest.driver.pending import kernel_function
from kmemquest.driver.placement import kernel_function_addresses
from kmemquest.kernel.gfp import GFP_KERNEL_ACCOUNT

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

SEQ_FILE: Final[abi.Layout] = {
    "buf": (0, 8),
    "size": (8, 8),
    "from": (16, 8),
    "count": (24, 8),
    "pad_until": (32, 8),
    "index": (40, 8),
    "read_pos": (48, 8),
    "lock": (56, 32),
    "op": (88, 8),
    "file": (104, 8),
    "private": (112, 8),
}
SEQ_FILE_SIZE: Final = 120
SEQ_OPERATIONS: Final[abi.Layout] = {
    "start": (0, 8),
    "stop": (8, 8),
    "next": (16, 8),
    "show": (24, 8),
}
SEQ_OPERATIONS_SIZE: Final = 32
MAX_RW_COUNT: Final = 0x7FFF_F000
"""Largest buffer: what one read() may return at most."""
START_TOKEN: Final = 1
WORD: Final = (1 << 64) - 1
RECORD_STEPS: Final = 100
"""What asking the driver for a record counts in statements besides the call."""


@dataclass(slots=True)
class Sequence:
    """A `struct seq_file`, touched as the kernel does: a bad pointer faults in function `by`."""

    engine: Engine
    address: int
    by: str

    def get(self, name: str) -> int:
        offset, size = SEQ_FILE[name]
        return load(self.engine, self.address + offset, size, self.by)

    def put(self, name: str, value: int) -> None:
        offset, size = SEQ_FILE[name]
        store(self.engine, self.address + offset, size, value, self.by)

    def add(self, name: str, value: int) -> None:
        self.put(name, self.get(name) + value)

    @property
    def index(self) -> int:
        """The address of the position, which start() and next() are given."""
        return self.address + SEQ_FILE["index"][0]

    @property
    def lock(self) -> int:
        return self.address + SEQ_FILE["lock"][0]

    def call(self, name: str, *arguments: int) -> int:
        """Call an operation of the driver's. A sequence without end is stopped as a loop is."""
        engine = self.engine
        place = self.get("op") + SEQ_OPERATIONS[name][0]
        function = load(engine, place, 8, self.by)
        charge(engine, RECORD_STEPS, "reading the file never came to the end of its records")
        result = engine.call(function, *arguments)
        engine.check()
        return result & WORD

    def start(self) -> int:
        return self.call("start", self.address, self.index)

    def next(self, item: int) -> int:
        return self.call("next", self.address, item, self.index)

    def show(self, item: int) -> int:
        return signed(self.call("show", self.address, item))

    def stop(self, item: int) -> None:
        self.call("stop", self.address, item)

    @property
    def overflowed(self) -> bool:
        """Full to the last byte: something did not fit."""
        return self.get("count") == self.get("size")

    def new_buffer(self, size: int) -> bool:
        self.put("size", size)
        address = new_buffer(self.engine, size, "seq_read")
        self.put("buf", address)
        return bool(address)

    def grow(self) -> bool:
        """Throw the text away and get a buffer of twice the size."""
        slab.kvfree(self.engine, self.get("buf"))
        self.put("count", 0)
        return self.new_buffer(self.get("size") << 1)


def new_buffer(engine: Engine, size: int, function: str) -> int:
    if size > MAX_RW_COUNT:
        return 0
    address = engine.machine.vmalloc.kvmalloc(size, GFP_KERNEL_ACCOUNT)
    engine.check()
    return got(engine, "kvmalloc", address, size, function)


def charge(engine: Engine, steps: int, words: str) -> None:
    """Count what the kernel's own loops do as statements, and stop the run past the limit."""
    engine.steps_left[0] -= steps
    if engine.steps_left[0] < 0:
        engine.stop("endless-loop", words)
    engine.check()


def load(engine: Engine, address: int, size: int, by: str) -> int:
    """Load a value in a function of the kernel; the run ends here if that faults."""
    with kernel_function(engine.machine, by):
        value = engine.machine.memory.load(address & WORD, size)
    engine.check()
    return value


def store(engine: Engine, address: int, size: int, value: int, by: str) -> None:
    """Store a value in a function of the kernel; the run ends here if that faults."""
    with kernel_function(engine.machine, by):
        engine.machine.memory.store(address & WORD, size, value)
    engine.check()


def kernel_address(name: str) -> int:
    """Return the text address of a bound function, for the kernel's own tables of operations."""
    return kernel_function_addresses()[name]
