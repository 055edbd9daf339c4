"""mmap, munmap and a program's own loads and stores through its mappings (`mm/mmap.c`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kmemquest.driver import abi
from kmemquest.driver.contexts import process
from kmemquest.driver.devices import OpenFile, signed, world_of
from kmemquest.driver.script import ScriptError
from kmemquest.driver.user_mapping import (
    VM_MAYREAD,
    VM_MAYSHARE,
    VM_MAYWRITE,
    VM_READ,
    VM_SHARED,
    VM_WRITE,
    UserMapping,
    drop_mapping,
    fault,
    new_mapping,
    report_freed_frame,
)
from kmemquest.driver.user_process import UserProcess
from kmemquest.kernel.address import PAGE_SHIFT, PAGE_SIZE, page_align

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

EACCES: Final = 13
ENODEV: Final = 19
EINVAL: Final = 22
PROTECTIONS: Final = {"read": VM_READ, "write": VM_WRITE, "rw": VM_READ | VM_WRITE}
MAY_READ: Final = 1
MAY_WRITE: Final = 2


@dataclass(slots=True)
class FileMappings:
    """The mappings of all processes by their name in the script."""

    engine: Engine
    named: dict[str, UserMapping] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    """Names whose mmap() failed, or whose program is dead: nothing is mapped there."""

    def map(self, values: Mapping[str, Any], entry: OpenFile, user: UserProcess) -> int:
        """mmap(): the address, or what the driver's mmap refused with."""
        name = values["as"]
        if name in self.named:
            raise ScriptError(f"mmap: there is a mapping {name!r} already")
        result = self._map(values, entry, user)
        (self.missing.add if result < 0 else self.missing.discard)(name)
        return result

    def _map(self, values: Mapping[str, Any], entry: OpenFile, user: UserProcess) -> int:
        engine, machine = self.engine, self.engine.machine
        size = page_align(values["size"])
        if not size or values["offset"] % PAGE_SIZE:
            return -EINVAL
        mode = abi.get(machine, entry.file, abi.FILE, "f_mode")
        wanted = PROTECTIONS[values["access"]]
        # A private writable mapping copies, so the file may be open for reading alone.
        if not mode & MAY_READ or (wanted & VM_WRITE and values["shared"] and not mode & MAY_WRITE):
            return -EACCES
        function = _mmap_operation(engine, entry)
        if not function:
            return -ENODEV
        flags = wanted | VM_MAYREAD | VM_MAYWRITE
        if values["shared"]:
            # Who may not write the file shares nothing that could change (`mm/mmap.c:do_mmap`).
            flags |= VM_SHARED | VM_MAYSHARE
            flags &= -1 if mode & MAY_WRITE else ~(VM_SHARED | VM_MAYWRITE)
        with process(machine, user.comm, user.pid, entry="mmap"):
            offset = values["offset"] >> PAGE_SHIFT
            mapping = new_mapping(engine, user, entry, size, offset, flags)
            result = signed(engine.call(function, entry.file, mapping.vma))
            mapping.locked = False
        if result < 0:
            drop_mapping(engine, mapping, tell=False)
            return result
        entry.mappings += 1
        self.named[values["as"]] = mapping
        return mapping.start

    def unmap(self, name: str) -> OpenFile:
        """munmap(): return the file whose last user this may have been."""
        mapping = self.find("munmap", name)
        machine = self.engine.machine
        with process(machine, mapping.user.comm, mapping.user.pid, entry="munmap"):
            drop_mapping(self.engine, mapping)
        del self.named[name]
        mapping.entry.mappings -= 1
        return mapping.entry

    def find(self, word: str, name: str) -> UserMapping:
        """Return a mapping by name."""
        if name not in self.named:
            known = ", ".join(self.named) or "none"
            raise ScriptError(f"{word}: no mapping {name!r}; mappings: {known}")
        return self.named[name]

    def peek(self, values: Mapping[str, Any]) -> tuple[int, bytes, str]:
        """Let the program read: (bytes read, the bytes, the signal that ended it or nothing)."""
        mapping = self.find("peek", values["map"])
        size = values["size"]
        signal = self._touch(mapping, values["offset"], size, write=False)
        if signal:
            return 0, b"", signal
        data = self.engine.machine.memory.peek(mapping.start + values["offset"], size)
        return size, data, ""

    def poke(self, values: Mapping[str, Any]) -> tuple[int, bytes, str]:
        """Let the program write: (bytes written, nothing, the signal that ended it or nothing)."""
        mapping = self.find("poke", values["map"])
        data = values["data"]
        signal = self._touch(mapping, values["offset"], len(data), write=True)
        if signal:
            return 0, b"", signal
        self.engine.machine.memory.poke(mapping.start + values["offset"], data)
        return len(data), b"", ""

    def _touch(self, mapping: UserMapping, offset: int, size: int, *, write: bool) -> str:
        """Take the page faults of an access; the signal when one of them cannot be served."""
        engine, user = self.engine, mapping.user
        first = mapping.start + offset
        for page in range(first >> PAGE_SHIFT, (first + max(size, 1) - 1 >> PAGE_SHIFT) + 1):
            address = max(page << PAGE_SHIFT, first)
            if not mapping.start <= address < mapping.start + mapping.size:
                return "SIGSEGV"
            with process(engine.machine, user.comm, user.pid, entry="fault"):
                signal = fault(engine, mapping, address, write=write)
            if signal:
                return signal
            report_freed_frame(engine, mapping, address, write=write)
        return ""

    def of_user(self, user: UserProcess) -> list[str]:
        """Return the names of a process's mappings."""
        return [name for name, mapping in self.named.items() if mapping.user is user]


def _mmap_operation(engine: Engine, entry: OpenFile) -> int:
    operations = entry.device.operations
    offset, size = abi.FILE_OPERATIONS["mmap"]
    return engine.machine.memory.load(operations + offset, size) if operations else 0


def mapped_files(engine: Engine) -> list[OpenFile]:
    """Return the files that some mapping keeps open."""
    return [mapping.entry for mapping in world_of(engine).mappings.values()]
