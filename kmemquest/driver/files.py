"""System calls of user processes on a driver's device nodes (`fs/read_write.c`, `fs/open.c`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from kmemquest.driver import abi
from kmemquest.driver.bindings import debugfs, proc_fs
from kmemquest.driver.contexts import process
from kmemquest.driver.devices import CharacterDevice, OpenFile, signed, world_of
from kmemquest.driver.engine_memory import Unwind
from kmemquest.driver.file_mappings import FileMappings, mapped_files
from kmemquest.driver.pending import advance_once, kernel_function, run_pending
from kmemquest.driver.program_ends import ProgramEnds, dies_with_its_own_lock
from kmemquest.driver.pseudo_files import INODE, PROC, PROC_OPS, PseudoFile, node_name
from kmemquest.driver.script import ACCESS, ScriptError, ScriptStep
from kmemquest.driver.sequence import kernel_address
from kmemquest.driver.user_process import UserProcess

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

ENOENT: Final = 2
ESRCH: Final = 3
EIO: Final = 5
EBADF: Final = 9
EFAULT: Final = 14
ENODEV: Final = 19
EISDIR: Final = 21
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
HUNG_UP: Final = 0x10
"""EPOLLHUP: a file of debugfs whose entry was removed."""
UNPROXIED: Final = ("flush", "mmap", "fsync")
"""Operations that debugfs does not hand on (`fs/debugfs/file.c:full_proxy_open`)."""
O_NONBLOCK: Final = 0o4000
POLL_TABLE_BYTES: Final = 16


Answer = tuple[int | None, bytes, str]
_Act = Callable[[Any, OpenFile, UserProcess], tuple[int, bytes]]


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
        self._caller: UserProcess | None = None
        """Whose system call or page fault it is, or was last."""
        self._ends = ProgramEnds()
        self._started = 0

    def pins_module(self) -> bool:
        """Whether an open or mapped file holds the module: only if its operations name an owner.

        Files of /proc have none: to remove their entry is to release them.
        """
        machine = self.engine.machine
        files = [entry for entry, _ in self.open_files.values()] + self._ends.half_way
        files += mapped_files(self.engine)
        return any(
            abi.get(machine, entry.device.operations, {"owner": (0, 8)}, "owner")
            for entry in files
            if not _is_proc(entry.device)
        )

    def perform(self, step: ScriptStep, running: Callable[[], bool]) -> Answer:
        """Run a file step; return its result, what came back, and what became of the program.

        There is no result where the call never came back, or nobody is left to make it.
        """
        gone = self._ends.why_not(step, self._owner_of(step))
        if gone:
            return None, b"", f"not run: {gone}"
        result, data, note = self._perform(step, running)
        if running() or self._caller is None:
            return result, data, note
        return None, b"", f"{self._caller.comm} does not come back from {step.word}"

    def _perform(self, step: ScriptStep, running: Callable[[], bool]) -> tuple[int, bytes, str]:
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
            result, data = self._counted(act, values, *self.open_files[name])
        return result, data, ""

    def _counted(
        self, act: _Act, values: Any, entry: OpenFile, user: UserProcess
    ) -> tuple[int, bytes]:
        """Make a call; who removes the file's entry waits until it has come back."""
        self._caller = user
        with self._using(entry.device.entry):
            return act(values, entry, user)

    @contextmanager
    def _using(self, node: PseudoFile | None) -> Iterator[None]:
        """Hold an entry's count of callers; who dies in the call never gives it back."""
        if node is None:
            yield
            return
        node.users += 1
        yield
        if self.engine.runs:
            node.users -= 1

    def _access(self, step: ScriptStep) -> tuple[int, bytes, str]:
        """The program touches its mapping; a signal ends it, and the kernel cleans up after it."""
        maps = self.mappings
        if step.values["map"] in maps.missing:
            return -EFAULT, b"", ""
        act = maps.peek if step.word == "peek" else maps.poke
        self._caller = maps.find(step.word, step.values["map"]).user
        result, data, signal = act(step.values)
        if signal and self.engine.runs:
            comm = maps.find(step.word, step.values["map"]).user.comm
            self._exit(comm)
            signal = f"{comm} is killed by {signal}"
        return result, data, signal

    # --- the calls --------------------------------------------------------------------------

    def _open(self, values: Any) -> int:
        engine = self.engine
        if values["as"] in self.open_files:
            raise ScriptError(f"open: there is an open file {values['as']!r} already")
        self._programs.add(values["by"])
        device = world_of(engine).characters.get(node_name(values["device"]))
        if device is None:
            self._missing.add(values["as"])
            return -ENOENT
        self._missing.discard(values["as"])
        self._ends.dead.pop(values["as"], None)
        user = self._caller = self._process(values["by"])
        if device.entry is not None and device.entry.is_directory and values["access"] != "read":
            self._missing.add(values["as"])
            return -EISDIR
        if device.entry is not None:
            entry, result = self._open_entry(device, device.entry, values, user)
        else:
            entry = self._new_file(device, values["access"], wait=values["wait"])
            with self._call("open", device, user):
                function = self._operation(device, "open")
                result = signed(engine.call(function, entry.inode, entry.file)) if function else 0
        if not self.engine.runs:
            self._ends.half_way.append(entry)
        if result == 0:
            self.open_files[values["as"]] = (entry, user)
        else:
            self._missing.add(values["as"])
        return result

    def _open_entry(
        self, device: CharacterDevice, node: PseudoFile, values: Any, user: UserProcess
    ) -> tuple[OpenFile, int]:
        """Open an entry of /proc or debugfs."""
        with self._call("open", device, user):
            entry = self._new_file(device, values["access"], wait=values["wait"])
            opened = proc_fs.opened if node.tree == PROC else debugfs.opened
            with self._using(node):
                result = self._in_kernel(opened, node, entry)
        return entry, result

    def _in_kernel(self, function: Callable[..., int], node: PseudoFile, entry: OpenFile) -> int:
        """Run code of the kernel's own, unless the task has died; 0 when it dies there."""
        try:
            self.engine.check()
            return function(self.engine, node, entry)
        except Unwind:
            return 0

    def _new_file(self, device: CharacterDevice, access: str, *, wait: bool) -> OpenFile:
        engine, machine = self.engine, self.engine.machine
        inode = engine.reserve(abi.INODE_SIZE)
        file = engine.reserve(abi.FILE_SIZE)
        node = device.entry
        abi.put(machine, inode, abi.INODE, "i_mode", node.mode if node is not None else 0o20600)
        if node is not None:
            abi.put(machine, inode, INODE, "i_ino", node.number)
            abi.put(machine, inode, INODE, "i_private", node.data)
        else:
            abi.put(machine, inode, abi.INODE, "i_rdev", device.major << 20 | device.minor)
        if node is None and not device.misc:
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
        if _is_gone(entry):
            return -EIO, b""
        buffer = user.put(machine, bytes(size))
        function = self._reader(entry.device)
        if not function:
            return self._without_reader(entry.device), b""
        position = entry.file + abi.FILE["f_pos"][0]
        with self._call("read", entry.device, user):
            result = signed(engine.call(function, entry.file, buffer, size, position), 64)
        return result, user.look(machine, result) if result > 0 else b""

    def _write(self, values: Any, entry: OpenFile, user: UserProcess) -> tuple[int, bytes]:
        engine, machine = self.engine, self.engine.machine
        data = values["data"]
        if not self._allowed(entry, WRITE):
            return -EBADF, b""
        if _is_gone(entry):
            return -EIO, b""
        buffer = user.put(machine, data)
        function = self._operation(entry.device, "write")
        if not function:
            return -EIO if _is_proc(entry.device) else -EINVAL, b""
        position = entry.file + abi.FILE["f_pos"][0]
        with self._call("write", entry.device, user):
            result = signed(engine.call(function, entry.file, buffer, len(data), position), 64)
        return result, b""

    def _ioctl(self, values: Any, entry: OpenFile, user: UserProcess) -> tuple[int, bytes]:
        engine, machine = self.engine, self.engine.machine
        if _is_gone(entry):
            return -ENOTTY if _is_proc(entry.device) else -EIO, b""
        function = self._operation(entry.device, "unlocked_ioctl")
        if not function:
            return -ENOTTY, b""
        data = values["data"]
        argument = values["arg"] if data is None else user.put(machine, data)
        with self._call("ioctl", entry.device, user):
            result = signed(engine.call(function, entry.file, values["cmd"], argument), 64)
        return result, user.look(machine, len(data)) if data is not None else b""

    def _seek(self, values: Any, entry: OpenFile, user: UserProcess) -> tuple[int, bytes]:
        engine, machine = self.engine, self.engine.machine
        if _is_gone(entry):
            return -EINVAL if _is_proc(entry.device) else -EIO, b""
        function = self._operation(entry.device, "llseek")
        if not function or not abi.get(machine, entry.file, abi.FILE, "f_mode") & SEEK:
            return -ESPIPE, b""
        with self._call("llseek", entry.device, user):
            result = engine.call(function, entry.file, values["offset"], values["whence"])
        return signed(result, 64), b""

    def _poll(self, values: Any, entry: OpenFile, user: UserProcess) -> tuple[int, bytes]:
        """poll(): ask the driver, and again whenever something happened, until the time is up."""
        engine, machine = self.engine, self.engine.machine
        if _is_gone(entry):
            ready = ALWAYS_READY if _is_proc(entry.device) else HUNG_UP
            return ready & (values["events"] | HUNG_UP), b""
        function = self._operation(entry.device, "poll")
        if not function:
            return ALWAYS_READY & values["events"], b""
        table = engine.reserve(POLL_TABLE_BYTES)
        end = machine.clock.now + values["timeout"]
        with self._call("poll", entry.device, user):
            while True:
                ready = engine.call(function, entry.file, table) & values["events"]
                if ready or machine.clock.now >= end or not advance_once(engine, end):
                    return ready, b""

    def _mmap(self, values: Any, entry: OpenFile, user: UserProcess) -> tuple[int, bytes]:
        if _is_gone(entry) or (
            _is_proc(entry.device) and not self._operation(entry.device, "mmap")
        ):
            self.mappings.missing.add(values["as"])
            return -EIO, b""
        device = entry.device
        if device.entry is not None and not _is_proc(device):
            self.mappings.missing.add(values["as"])
            return -ENODEV, b""
        if _is_proc(device):
            # What maps a file looks where file_operations have their mmap.
            shift = PROC_OPS["mmap"][0] - abi.FILE_OPERATIONS["mmap"][0]
            entry.device = replace(device, operations=device.operations + shift)
        self._ends.dead.pop(values["as"], None)
        try:
            return self.mappings.map(values, entry, user), b""
        finally:
            entry.device = device

    def _munmap(self, name: str) -> int:
        if name in self.mappings.missing:
            return -EINVAL
        user = self._caller = self.mappings.find("munmap", name).user
        entry = self.mappings.unmap(name)
        if entry.closed and not entry.mappings:
            self._release(entry, user)
        return 0

    def _close(self, name: str) -> int:
        """Forget the descriptor; the driver's release waits for the last mapping (`fput`)."""
        engine = self.engine
        entry, user = self.open_files.pop(name)
        self._caller = user
        entry.closed = True
        function = self._operation(entry.device, "flush")
        result = 0
        if function:
            with self._call("flush", entry.device, user):
                result = signed(engine.call(function, entry.file, 0))
        if not entry.mappings:
            self._release(entry, user)
        return result

    def _release(self, entry: OpenFile, user: UserProcess) -> None:
        engine = self.engine
        node = entry.device.entry
        if node is not None:
            closed = proc_fs.closed if node.tree == PROC else debugfs.closed
            with self._call("release", entry.device, user):
                self._in_kernel(closed, node, entry)
            return
        function = self._operation(entry.device, "release")
        with self._call("release", entry.device, user):
            if function:
                engine.call(function, entry.inode, entry.file)
        if not engine.runs:
            self._ends.half_way.append(entry)

    def _exit(self, comm: str) -> int:
        """End a program: mappings and memory go first, then its files (`do_exit`)."""
        user = self.processes.get(comm)
        if user is None and comm in self._programs:
            return -ESRCH
        self._caller = user
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

    # --- calls that never come back -----------------------------------------------------------

    def caller_died(self, step: ScriptStep) -> None:
        """Let a program whose task was killed by an oops go: its memory, its files (`do_exit`)."""
        user = self._caller
        if user is None or self.processes.get(user.comm) is not user:
            return
        if dies_with_its_own_lock(step):
            self.caller_hangs()
            return
        names = [name for name, (_, owner) in self.open_files.items() if owner is user]
        names += self.mappings.of_user(user)
        if "as" in step.values:
            names.append(step.values["as"])
        self._ends.dead |= dict.fromkeys(names, user.comm)
        self._exit(user.comm)

    def caller_hangs(self) -> None:
        """Keep a program that waits for ever: it does nothing more, and closes nothing."""
        if self._caller is not None:
            self._ends.stuck.add(self._caller.comm)

    def _owner_of(self, step: ScriptStep) -> UserProcess | None:
        """Return whose file or mapping a step names; None if it is gone or has none."""
        values, named = step.values, self.mappings.named
        if "map" in values:
            return named[values["map"]].user if values["map"] in named else None
        return self.open_files.get(values.get("file", ""), (None, None))[1]

    # --- what they share --------------------------------------------------------------------

    def _process(self, comm: str) -> UserProcess:
        user = self.processes.get(comm)
        if user is None:
            number = self._started
            self._started += 1
            user = UserProcess(comm, world_of(self.engine).new_pid(), number)
            self.processes[comm] = user
        return user

    def _call(
        self, name: str, device: CharacterDevice, user: UserProcess
    ) -> AbstractContextManager[None]:
        """Be the program in one of its calls."""
        tree = device.entry.tree if device.entry is not None else ""
        way = f"{tree} {name}" if tree else name
        return process(self.engine.machine, user.comm, user.pid, entry=way)

    def _operation(self, device: CharacterDevice, name: str) -> int:
        """Return the address in a file_operations slot; freed operations fault here."""
        machine = self.engine.machine
        if not device.operations:
            return 0
        if device.entry is None:
            offset, size = abi.FILE_OPERATIONS[name]
            return machine.memory.load(device.operations + offset, size)
        layout = PROC_OPS if _is_proc(device) else abi.FILE_OPERATIONS
        if name not in layout or (name in UNPROXIED and not _is_proc(device)):
            return 0
        offset, size = layout[name]
        with kernel_function(machine, "proc_reg_open" if _is_proc(device) else "full_proxy_open"):
            return machine.memory.load(device.operations + offset, size)

    def _reader(self, device: CharacterDevice) -> int:
        """Return the address of read; a seq_file's read_iter does what seq_read() does."""
        function = self._operation(device, "read")
        if function or not _is_proc(device):
            return function
        function = self._operation(device, "read_iter")
        own = function == kernel_address("seq_read_iter")
        return kernel_address("seq_read") if own else 0

    def _without_reader(self, device: CharacterDevice) -> int:
        if device.entry is not None and device.entry.is_directory:
            return -EISDIR
        return -EIO if _is_proc(device) else -EINVAL

    def _allowed(self, entry: OpenFile, wanted: int) -> bool:
        return bool(abi.get(self.engine.machine, entry.file, abi.FILE, "f_mode") & wanted)


def _is_proc(device: CharacterDevice) -> bool:
    return device.entry is not None and device.entry.tree == PROC


def _is_gone(entry: OpenFile) -> bool:
    """Tell whether the entry was removed under the feet of who has it open."""
    node = entry.device.entry
    return node is not None and node.removed
