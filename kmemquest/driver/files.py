"""System calls of user processes on a driver's device nodes (`fs/read_write.c`, `fs/open.c`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from kmemquest.driver import abi
from kmemquest.driver.contexts import process
from kmemquest.driver.devices import CharacterDevice, OpenFile, signed, world_of
from kmemquest.driver.file_mappings import FileMappings, mapped_files
from kmemquest.driver.pending import advance_once, run_pending
from kmemquest.driver.script import ACCESS, ScriptError, ScriptStep
from kmemquest.driver.user_process import UserProcess

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

ENOENT: Final = 2
ESRCH: Final = 3
EBADF: Final = 9
EFAULT: Final = 14
EINVAL: Final = 22
ENOTTY: Final = 25
OPEN_FLAGS: Final = {"read": 0, "write": 1, "rw": 2}
ESPIPE: Final = 29
READ: Final = 1
WRITE: Final = 2
SEEK: Final = 0x4
SEEKABLE: Final = 0x4 | 0x8 | 0x10
"""FMODE_LSEEK, FMODE_PREAD, FMODE_PWRITE: what open gives a file whose driver has llseek."""
ALWAYS_READY: Final = 0x145
"""EPOLLIN, EPOLLOUT, EPOLLRDNORM, EPOLLWRNORM: files without poll (`DEFAULT_POLLMASK`)."""
O_NONBLOCK: Final = 0o4000
POLL_TABLE_BYTES: Final = 16


class FileCalls:
    """Open files by their name in the script, and the processes that opened them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.open_files: dict[str, tuple[OpenFile, UserProcess]] = {}
        self.processes: dict[str, UserProcess] = {}
        self._programs: set[str] = set()
        """Every program that a step has named, those that are gone among them."""
        self.mappings = FileMappings(engine)
        self._missing: set[str] = set()
        """Names whose open() failed, or whose program is dead."""
        self._started = 0

    def pins_module(self) -> bool:
        """Whether an open or mapped file holds the module: only if its operations name an owner."""
        machine = self.engine.machine
        files = [entry for entry, _ in self.open_files.values()] + mapped_files(self.engine)
        return any(
            abi.get(machine, entry.device.operations, {"owner": (0, 8)}, "owner") for entry in files
        )

    def perform(self, step: ScriptStep, running: Callable[[], bool]) -> tuple[int, bytes, str]:
        """Run a file step; return its result, what came back, and the signal it ended with."""
        values = step.values
        if step.word == "open":
            return self._open(values), b"", ""
        if step.word == "exit":
            return self._exit(values["program"]), b"", ""
        if step.word in ("peek", "poke"):
            return self._access(step)
        if step.word == "munmap":
            return self._munmap(values["map"]), b"", ""
        name = values["file"]
        if name not in self.open_files and name in self._missing:
            if step.word == "mmap":
                self.mappings.missing.add(values["as"])
            return -EBADF, b"", ""
        if name not in self.open_files:
            known = ", ".join(self.open_files) or "none"
            raise ScriptError(f"{step.word}: no open file {name!r}; open files: {known}")
        act = {
            "read": self._read,
            "write": self._write,
            "ioctl": self._ioctl,
            "seek": self._seek,
            "poll": self._poll,
            "mmap": self._mmap,
        }.get(step.word)
        if act is None:
            return self._close(name), b"", ""
        result, data = 0, b""
        for turn in range(values.get("times", 1)):
            if turn and running():
                run_pending(self.engine)
            if not running():
                break
            result, data = act(values, *self.open_files[name])
        return result, data, ""

    def _access(self, step: ScriptStep) -> tuple[int, bytes, str]:
        """The program touches its mapping; a signal ends it, and the kernel cleans up after it."""
        maps = self.mappings
        if step.values["map"] in maps.missing:
            return -EFAULT, b"", ""
        act = maps.peek if step.word == "peek" else maps.poke
        result, data, signal = act(step.values)
        if signal:
            comm = maps.find(step.word, step.values["map"]).user.comm
            self._exit(comm)
            signal = f"{comm} is killed by {signal}"
        return result, data, signal

    # --- the calls --------------------------------------------------------------------------

    def _open(self, values: Any) -> int:
        engine, machine = self.engine, self.engine.machine
        if values["as"] in self.open_files:
            raise ScriptError(f"open: there is an open file {values['as']!r} already")
        self._programs.add(values["by"])
        device = world_of(engine).characters.get(values["device"])
        if device is None:
            self._missing.add(values["as"])
            return -ENOENT
        self._missing.discard(values["as"])
        user = self._process(values["by"])
        entry = self._new_file(device, values["access"], wait=values["wait"])
        with process(machine, user.comm, user.pid):
            function = self._operation(device, "open")
            result = signed(engine.call(function, entry.inode, entry.file)) if function else 0
        if result == 0:
            self.open_files[values["as"]] = (entry, user)
        else:
            self._missing.add(values["as"])
        return result

    def _new_file(self, device: CharacterDevice, access: str, *, wait: bool) -> OpenFile:
        engine, machine = self.engine, self.engine.machine
        inode = engine.reserve(abi.INODE_SIZE)
        file = engine.reserve(abi.FILE_SIZE)
        abi.put(machine, inode, abi.INODE, "i_mode", 0o20600)
        abi.put(machine, inode, abi.INODE, "i_rdev", device.major << 20 | device.minor)
        if not device.misc:
            abi.put(machine, inode, abi.INODE, "i_cdev", device.owner)
        seekable = bool(self._operation(device, "llseek"))
        fields = {
            "f_mode": ACCESS[access] | (SEEKABLE if seekable else 0),
            "f_flags": OPEN_FLAGS[access] | (0 if wait else O_NONBLOCK),
            # misc_open() leaves the miscdevice here for the driver's own open.
            "private_data": device.owner if device.misc else 0,
            "f_op": device.operations,
            "f_inode": inode,
        }
        for name, value in fields.items():
            abi.put(machine, file, abi.FILE, name, value)
        return OpenFile(device, file, inode)

    def _read(self, values: Any, entry: OpenFile, user: UserProcess) -> tuple[int, bytes]:
        engine, machine = self.engine, self.engine.machine
        size = values["size"]
        if not self._allowed(entry, READ):
            return -EBADF, b""
        buffer = user.put(machine, bytes(size))
        function = self._operation(entry.device, "read")
        if not function:
            return -EINVAL, b""
        position = entry.file + abi.FILE["f_pos"][0]
        with process(machine, user.comm, user.pid):
            result = signed(engine.call(function, entry.file, buffer, size, position), 64)
        return result, user.look(machine, result) if result > 0 else b""

    def _write(self, values: Any, entry: OpenFile, user: UserProcess) -> tuple[int, bytes]:
        engine, machine = self.engine, self.engine.machine
        data = values["data"]
        if not self._allowed(entry, WRITE):
            return -EBADF, b""
        buffer = user.put(machine, data)
        function = self._operation(entry.device, "write")
        if not function:
            return -EINVAL, b""
        position = entry.file + abi.FILE["f_pos"][0]
        with process(machine, user.comm, user.pid):
            result = signed(engine.call(function, entry.file, buffer, len(data), position), 64)
        return result, b""

    def _ioctl(self, values: Any, entry: OpenFile, user: UserProcess) -> tuple[int, bytes]:
        engine, machine = self.engine, self.engine.machine
        function = self._operation(entry.device, "unlocked_ioctl")
        if not function:
            return -ENOTTY, b""
        data = values["data"]
        argument = values["arg"] if data is None else user.put(machine, data)
        with process(machine, user.comm, user.pid):
            result = signed(engine.call(function, entry.file, values["cmd"], argument), 64)
        return result, user.look(machine, len(data)) if data is not None else b""

    def _seek(self, values: Any, entry: OpenFile, user: UserProcess) -> tuple[int, bytes]:
        engine, machine = self.engine, self.engine.machine
        function = self._operation(entry.device, "llseek")
        if not function or not abi.get(machine, entry.file, abi.FILE, "f_mode") & SEEK:
            return -ESPIPE, b""
        with process(machine, user.comm, user.pid):
            result = engine.call(function, entry.file, values["offset"], values["whence"])
        return signed(result, 64), b""

    def _poll(self, values: Any, entry: OpenFile, user: UserProcess) -> tuple[int, bytes]:
        """poll(): ask the driver, and again whenever something happened, until the time is up."""
        engine, machine = self.engine, self.engine.machine
        function = self._operation(entry.device, "poll")
        if not function:
            return ALWAYS_READY & values["events"], b""
        table = engine.reserve(POLL_TABLE_BYTES)
        end = machine.clock.now + values["timeout"]
        with process(machine, user.comm, user.pid):
            while True:
                ready = engine.call(function, entry.file, table) & values["events"]
                if ready or machine.clock.now >= end or not advance_once(engine, end):
                    return ready, b""

    def _mmap(self, values: Any, entry: OpenFile, user: UserProcess) -> tuple[int, bytes]:
        return self.mappings.map(values, entry, user), b""

    def _munmap(self, name: str) -> int:
        if name in self.mappings.missing:
            return -EINVAL
        user = self.mappings.find("munmap", name).user
        entry = self.mappings.unmap(name)
        if entry.closed and not entry.mappings:
            self._release(entry, user)
        return 0

    def _close(self, name: str) -> int:
        """Forget the descriptor; the driver's release waits for the last mapping (`fput`)."""
        engine, machine = self.engine, self.engine.machine
        entry, user = self.open_files.pop(name)
        entry.closed = True
        function = self._operation(entry.device, "flush")
        result = 0
        if function:
            with process(machine, user.comm, user.pid):
                result = signed(engine.call(function, entry.file, 0))
        if not entry.mappings:
            self._release(entry, user)
        return result

    def _release(self, entry: OpenFile, user: UserProcess) -> None:
        engine, machine = self.engine, self.engine.machine
        function = self._operation(entry.device, "release")
        with process(machine, user.comm, user.pid):
            if function:
                engine.call(function, entry.inode, entry.file)

    def _exit(self, comm: str) -> int:
        """End a program: mappings and memory go first, then its files (`do_exit`)."""
        user = self.processes.get(comm)
        if user is None and comm in self._programs:
            return -ESRCH
        if user is None:
            known = ", ".join(self.processes) or "none"
            raise ScriptError(f"exit: no program {comm!r}; programs: {known}")
        for name in self.mappings.of_user(user):
            self._munmap(name)
            self.mappings.missing.add(name)
        user.exit(self.engine.machine)
        for name in [name for name, (_, owner) in self.open_files.items() if owner is user]:
            self._close(name)
            self._missing.add(name)
        del self.processes[comm]
        return 0

    # --- what they share --------------------------------------------------------------------

    def _process(self, comm: str) -> UserProcess:
        user = self.processes.get(comm)
        if user is None:
            number = self._started
            self._started += 1
            user = UserProcess(comm, world_of(self.engine).new_pid(), number)
            self.processes[comm] = user
        return user

    def _operation(self, device: CharacterDevice, name: str) -> int:
        """Return the address in a file_operations slot; freed operations fault here."""
        if not device.operations:
            return 0
        offset, size = abi.FILE_OPERATIONS[name]
        return self.engine.machine.memory.load(device.operations + offset, size)

    def _allowed(self, entry: OpenFile, wanted: int) -> bool:
        return bool(abi.get(self.engine.machine, entry.file, abi.FILE, "f_mode") & wanted)
