"""System calls of user processes on a driver's device nodes (`fs/read_write.c`, `fs/open.c`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from kmemquest.driver import abi
from kmemquest.driver.contexts import process
from kmemquest.driver.devices import CharacterDevice, OpenFile, signed, world_of
from kmemquest.driver.script import ACCESS, ScriptError, ScriptStep
from kmemquest.driver.user_process import UserProcess

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

ENOENT: Final = 2
EBADF: Final = 9
EINVAL: Final = 22
ENOTTY: Final = 25
OPEN_FLAGS: Final = {"read": 0, "write": 1, "rw": 2}
READ: Final = 1
WRITE: Final = 2


class FileCalls:
    """Open files by their name in the script, and the processes that opened them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.open_files: dict[str, tuple[OpenFile, UserProcess]] = {}
        self.processes: dict[str, UserProcess] = {}

    def pins_module(self) -> bool:
        """Whether an open file holds the module: only if its operations name an owner."""
        machine = self.engine.machine
        return any(
            abi.get(machine, entry.device.operations, {"owner": (0, 8)}, "owner")
            for entry, _ in self.open_files.values()
        )

    def perform(self, step: ScriptStep, running: Callable[[], bool]) -> tuple[int, bytes]:
        """Run open, read, write, ioctl or close; return its result and what came back."""
        values = step.values
        if step.word == "open":
            return self._open(values), b""
        name = values["file"]
        if name not in self.open_files:
            known = ", ".join(self.open_files) or "none"
            raise ScriptError(f"{step.word}: no open file {name!r}; open files: {known}")
        act = {"read": self._read, "write": self._write, "ioctl": self._ioctl}.get(step.word)
        if act is None:
            return self._close(name), b""
        result, data = 0, b""
        for _ in range(values.get("times", 1)):
            if not running():
                break
            result, data = act(values, *self.open_files[name])
        return result, data

    # --- the calls --------------------------------------------------------------------------

    def _open(self, values: Any) -> int:
        engine, machine = self.engine, self.engine.machine
        if values["as"] in self.open_files:
            raise ScriptError(f"open: there is an open file {values['as']!r} already")
        device = world_of(engine).characters.get(values["device"])
        if device is None:
            return -ENOENT
        user = self._process(values["by"])
        entry = self._new_file(device, values["access"])
        with process(machine, user.comm, user.pid):
            function = self._operation(device, "open")
            result = signed(engine.call(function, entry.inode, entry.file)) if function else 0
        if result == 0:
            self.open_files[values["as"]] = (entry, user)
        return result

    def _new_file(self, device: CharacterDevice, access: str) -> OpenFile:
        engine, machine = self.engine, self.engine.machine
        inode = engine.reserve(abi.INODE_SIZE)
        file = engine.reserve(abi.FILE_SIZE)
        abi.put(machine, inode, abi.INODE, "i_mode", 0o20600)
        abi.put(machine, inode, abi.INODE, "i_rdev", device.major << 20 | device.minor)
        if not device.misc:
            abi.put(machine, inode, abi.INODE, "i_cdev", device.owner)
        fields = {
            "f_mode": ACCESS[access],
            "f_flags": OPEN_FLAGS[access],
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

    def _close(self, name: str) -> int:
        engine, machine = self.engine, self.engine.machine
        entry, user = self.open_files.pop(name)
        function = self._operation(entry.device, "release")
        with process(machine, user.comm, user.pid):
            if function:
                engine.call(function, entry.inode, entry.file)
        return 0

    # --- what they share --------------------------------------------------------------------

    def _process(self, comm: str) -> UserProcess:
        user = self.processes.get(comm)
        if user is None:
            number = len(self.processes)
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
