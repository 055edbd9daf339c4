"""Runs a built module on a machine.

    engine = Engine(machine, build(source).module)
    result = engine.load()          # module_init; 0 or -errno
    engine.call("demo_open", inode, file)
    engine.unload()

Whatever the C does, the caller gets an int: an oops or a panic shows in `machine.fate`, a run past
its limits in `engine.stopped`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kmemquest.driver.binding import OBJECTS, REGISTRY, Argument
from kmemquest.driver.c_types import FunctionType, IntType, PointerType
from kmemquest.driver.engine_frames import register_globals, stack_overflowed, watched_frames
from kmemquest.driver.engine_memory import Lookaside, Unwind, accessors
from kmemquest.driver.kernel_call import kernel_call, reduced, through_pointer
from kmemquest.driver.limits import Limits
from kmemquest.driver.module_image import Module
from kmemquest.driver.module_parameters import set_parameters
from kmemquest.driver.placement import (
    KERNEL_DATA,
    KERNEL_TEXT,
    Placement,
    fill,
    kernel_function_addresses,
    map_image,
    place,
    unmap,
)
from kmemquest.driver.runtime import arithmetic
from kmemquest.driver.step import Observer, StepInfo
from kmemquest.driver.tasks import Tasks
from kmemquest.driver.variadic_lists import VariadicLists
from kmemquest.kernel.address import THREAD_SIZE
from kmemquest.kernel.context import Frame
from kmemquest.kernel.events import Report
from kmemquest.kernel.text.build import build_of, symbol_of

if TYPE_CHECKING:
    from kmemquest.kernel.machine import Machine

_RECURSION: Final = 10_000
_ADDRESS: Final = re.compile(r"A\['([^']*)'\]")


@dataclass(frozen=True, slots=True)
class StackState:
    """The kernel stack in use: its pointer, its bounds, and how many calls are open on it."""

    pointer: int
    low: int
    top: int
    depth: int


class Engine:
    """One module on one machine."""

    def __init__(
        self,
        machine: Machine,
        module: Module,
        limits: Limits | None = None,
        observer: Observer | None = None,
    ) -> None:
        from kmemquest.kernel.machine import Fate

        self.machine = machine
        self.module = module
        self.limits = limits or Limits()
        self.observer = observer
        self.stopped: Report | None = None
        """The report of the limit that ended the run; nothing runs after that."""
        self.defect: Exception | None = None
        """What went wrong inside the simulator, if anything did: never the driver's doing."""
        self.loaded = False
        self.placement = Placement()
        self.steps_left = [self.limits.steps]
        self.va_lists = VariadicLists()
        self._running = Fate.RUNNING
        self._functions: dict[str, Callable[..., int]] = {}
        self._targets: dict[int, Callable[..., int]] = {}
        self._indirect_targets: dict[tuple[int, int], Callable[..., int]] = {}
        """(address, index of the pointer's type) -> what a call through the pointer runs."""
        self._names: dict[int, str] = {}
        self._kernel_addresses = kernel_function_addresses()
        self._kernel_names = {a: n for n, a in self._kernel_addresses.items()}
        self._objects: dict[str, int] = {}
        self._pool = (0, 0)
        self.lookaside = Lookaside()
        self._depth = 0
        self._stack_top = 0
        self._stack_low = 0
        self._stack_mapped = False
        self._sp = 0
        self.tasks = Tasks(self)
        self.released = False
        """Whether the module was unloaded: its code is gone."""
        self._points: list[Frame] = []
        self._max_frames = self.limits.memory_bytes >> 12

    # --- the life of a module ---------------------------------------------------------------

    def place(self) -> None:
        """Map the module and make its functions callable; `load` does it when needed."""
        if self.placement.symbols:
            return
        module, machine = self.module, self.machine
        self.placement = place(machine, module)
        symbols = dict(self.placement.symbols)
        for name in module.kernel_objects:
            symbols[name] = self.object_address(name)
        for name in module.kernel_functions:
            symbols[name] = self._kernel_addresses[name]
        self._symbols = symbols
        fill(machine, module, symbols)
        register_globals(machine, module, self.placement)
        if machine.phase == "running":
            for area in self.placement.read_only:
                machine.memory.protect(area.start, area.size)
        self._compile(symbols)

    def load(self, parameters: Mapping[str, str] | None = None) -> int:
        """insmod: place the module, set parameters, run module_init; 0 or an error."""
        self.place()
        self.loaded, self.released = True, False
        result = set_parameters(self, parameters or {})
        for name in self.module.entries(".kmq.init") if not result else ():
            result = self.call(name)
        if self.stopped is not None or self.machine.fate is not self._running:
            return result
        if result < 0:
            self._release()
        else:
            self.free_init()
        return result

    def unload(self) -> None:
        """rmmod: run module_exit and give the module's memory back."""
        if not self.loaded:
            return
        for name in self.module.entries(".kmq.exit"):
            self.call(name)
        if self.stopped is None and self.machine.fate is self._running:
            self._release()

    def free_init(self) -> None:
        """Free what is __init and __initdata, as the kernel does after init."""
        area = self.placement.init_area
        if area is None:
            return
        self.placement.init_area = None
        unmap(self.machine, area)
        self._indirect_targets.clear()
        for name in self.placement.init_symbols:
            address = self.placement.symbols.pop(name, None)
            if address is not None:
                self._targets.pop(address, None)

    def _release(self) -> None:
        self.released = True
        self.free_init()
        for area in self.placement.areas:
            unmap(self.machine, area)
        if self._stack_mapped and self._depth == 0:
            self.machine.vmalloc.unmap_stack(self._stack_top, THREAD_SIZE)
            self._stack_mapped, self._stack_top = False, 0
        self.placement = Placement()
        self._targets.clear()
        self._indirect_targets.clear()
        self._functions.clear()
        self.loaded = False

    # --- calls --------------------------------------------------------------------------------

    def call(self, function: str | int, *arguments: int) -> int:
        """Call a function by name or address; 0 when it did not return.

        Arguments are reduced to the parameter types; the result is an int of the result type.
        """
        target = self._target(function)
        if self.stopped is not None or self.machine.fate is not self._running:
            return 0
        if target is None:
            self.jumped_astray(function if isinstance(function, int) else 0)
            return 0
        outermost = self._depth == 0
        limit = sys.getrecursionlimit()
        if outermost:
            self.steps_left[0] = self.limits.steps
            if limit < _RECURSION:
                sys.setrecursionlimit(_RECURSION)
            self._ensure_stack()
        self._depth += 1
        self.lookaside.flush()
        stack_pointer, frames = self._sp, len(self.machine.context.stack)
        try:
            return target(*self._converted(function, arguments))
        except Unwind:
            return 0
        except RecursionError:
            self.stop("endless-recursion", "the driver's functions call each other without end")
            return 0
        except MemoryError:
            self.stop("host-memory", "the run needed more memory than there is")
            return 0
        except Exception as error:
            # A defect of the simulator must not cost the player the game: say so, and go on.
            self.defect = error
            self.stop("simulator-defect", f"the simulator itself failed here: {error!r}")
            return 0
        finally:
            self._sp = stack_pointer
            del self.machine.context.stack[frames:]
            self._depth -= 1
            if outermost and limit < _RECURSION:
                sys.setrecursionlimit(limit)

    def _target(self, function: str | int) -> Callable[..., int] | None:
        if isinstance(function, str):
            if not self.placement.symbols:
                self.place()
            return self._functions.get(function)
        return self.target(function)

    def target(self, address: int) -> Callable[..., int] | None:
        """Return what lies at a text address: a driver function or a bound kernel function."""
        found = self._targets.get(address)
        if found is None and address in self._kernel_names:
            found = self._kernel_target(self._kernel_names[address])
            self._targets[address] = found
        return found

    def _kernel_target(self, name: str) -> Callable[..., int]:
        symbol = self.module.kernel_functions.get(name)
        prototype = symbol.type if symbol is not None else None
        return kernel_call(
            self, REGISTRY[name], prototype if isinstance(prototype, FunctionType) else None
        )

    def _converted(self, function: str | int, arguments: tuple[int, ...]) -> list[int]:
        name = function if isinstance(function, str) else self._names.get(function, "")
        symbol = self.module.symbols.get(name)
        values = [int(a) for a in arguments]
        if symbol is None or not isinstance(symbol.type, FunctionType):
            return values
        wanted = symbol.type.parameters
        values = (values + [0] * len(wanted))[: len(wanted)]
        return [reduced(value, ctype) for value, ctype in zip(values, wanted, strict=True)]

    def _indirect(self, address: int, called: int, *arguments: Any) -> int:
        target = self._indirect_targets.get((address, called))
        if target is None:
            found = self.target(address)
            if found is None:
                self.jumped_astray(address)
                raise Unwind
            name = self._names.get(address) or self._kernel_names.get(address, "")
            target = through_pointer(self.module, found, name, self.module.types[called])
            self._indirect_targets[address, called] = target
        return target(*arguments)

    def code_address(self, function: str) -> int:
        """Return an address inside a function of the driver: where a call in it returns to."""
        start = self.placement.symbols.get(function, 0)
        return start + 0x20 if start else 0

    def jumped_astray(self, address: int) -> None:
        """The CPU fetched an instruction where there is no code."""
        mapped = self.machine.memory.translate(address) is not None
        self.machine.fault(address, 1, write=False, present=mapped, execute=True)

    def stop(self, kind: str, detail: str) -> None:
        """End the run: a limit was passed. Nothing is printed, for a kernel would just hang."""
        report = Report(
            kind, "silent", "", site=self.machine.context.site, spoken=False, detail=detail
        )
        self.stopped = report
        self.machine.report(report)

    def _out_of_steps(self) -> None:
        self.stop(
            "endless-loop",
            f"the driver did not return within {self.limits.steps:,} statements"
            " (a kernel call counts for several, a slow one for many)",
        )
        raise Unwind

    def check(self) -> None:
        """Unwind when the task is dead, the machine is, or a limit is passed."""
        if self.machine.fate is not self._running or self.stopped is not None:
            raise Unwind
        if len(self.machine.memory.frames) > self._max_frames:
            self.stop("host-memory", "the run touched more memory than it may use")
            raise Unwind

    # --- the stack ----------------------------------------------------------------------------

    def _ensure_stack(self) -> None:
        if self._stack_top:
            return
        machine = self.machine
        top = 0
        if machine.phase == "running":
            top = machine.vmalloc.map_stack(THREAD_SIZE)
        if not top:
            area = map_image(machine, THREAD_SIZE, KERNEL_DATA + 0x20_0000)
            top = area.start + THREAD_SIZE
        else:
            self._stack_mapped = True
        self._stack_top = self._sp = top
        self._stack_low = top - THREAD_SIZE

    def stack_state(self) -> StackState:
        """Return the stack in use, for a task that is put aside."""
        return StackState(self._sp, self._stack_low, self._stack_top, self._depth)

    def use_stack(self, state: StackState) -> None:
        """Go over to another task's stack."""
        self._sp, self._stack_low, self._stack_top = state.pointer, state.low, state.top
        self._depth = state.depth

    def fresh_stack(self, low: int, top: int) -> StackState:
        """Return an empty stack between two addresses; calls on it count as nested ones."""
        return StackState(top, low, top, self._depth)

    def resumed_by(self, resumer: StackState) -> None:
        """A task goes on. With no call below it, it begins a run of its own, with all its steps."""
        if resumer.depth == 0:
            self.steps_left[0] = self.limits.steps

    @property
    def runs(self) -> bool:
        """Whether driver code can run: nobody died and no limit was passed."""
        return self.stopped is None and self.machine.fate is self._running

    def _enter(self, size: int, frame: Frame) -> tuple[int, list[Frame]]:
        pointer = self._sp - size
        stack = self.machine.context.stack
        if pointer < self._stack_low:
            stack_overflowed(self.machine, pointer, self.stack_bounds)
        self._sp = pointer
        stack.append(frame)
        return pointer, stack

    def _leave(self, size: int, stack: list[Frame]) -> None:
        self._sp += size
        if stack:
            stack.pop()

    def _enter_quiet(self, size: int) -> int:
        pointer = self._sp - size
        if pointer < self._stack_low:
            stack_overflowed(self.machine, pointer, self.stack_bounds)
        self._sp = pointer
        return pointer

    def _leave_quiet(self, size: int) -> None:
        self._sp += size

    @property
    def stack_bounds(self) -> tuple[int, int]:
        """Lowest address and end of the stack of the driver's functions; zeros without one."""
        return self._stack_low, self._stack_top

    @property
    def stack_pointer(self) -> int:
        """Where the innermost frame begins."""
        return self._sp

    # --- symbols and globals --------------------------------------------------------------------

    def globals_address(self, name: str) -> int:
        """Return the address of a global variable or function, 0 when there is none."""
        if not self.placement.symbols:
            self.place()
        return self.placement.symbols.get(name, 0)

    def read_global(self, name: str) -> int:
        """Return the value of a scalar global (for others: of its first eight bytes)."""
        address = self.globals_address(name)
        symbol = self.module.symbols.get(name)
        if not address or symbol is None:
            return 0
        ctype = symbol.type
        size = ctype.size if isinstance(ctype, IntType | PointerType) else 8
        signed = isinstance(ctype, IntType) and ctype.signed
        return int.from_bytes(self.machine.memory.peek(address, size), "little", signed=signed)

    def symbol_at(self, address: int) -> tuple[str, int, int] | None:
        """Return (function, offset, size) of a text address, for `%pS`."""
        for name, start in self.placement.symbols.items():
            code = self.module.functions.get(name)
            if code is not None and start <= address < start + code.text_size:
                return name, address - start, code.text_size
        return self.kernel_symbol_at(address)

    def kernel_symbol_at(self, address: int) -> tuple[str, int, int] | None:
        """Return the same for a function of the kernel itself."""
        base = address & ~0xFF
        if address < KERNEL_TEXT or base not in self._kernel_names:
            return None
        name = self._kernel_names[base]
        length = symbol_of(build_of(self.machine), name).partition("/")[2]
        return name, address - base, int(length or "100", 16)

    def symbol_name(self, address: int) -> str:
        """Return the name of the function or object that starts at an address, or nothing."""
        return self._names.get(address) or self._kernel_names.get(address, "")

    def object_address(self, name: str) -> int:
        """Return the address of an extern kernel object."""
        if name not in self._objects:
            self._objects[name] = OBJECTS[name](self)
        return self._objects[name]

    def reserve(self, size: int) -> int:
        """Return the address of `size` zeroed bytes of the kernel image's data, 16-aligned."""
        size = -(-max(size, 1) // 16) * 16
        start, end = self._pool
        if start + size > end:
            area = map_image(self.machine, max(size, 4096), KERNEL_DATA + 0x40_0000)
            start, end = area.start, area.start + area.size
        self._pool = (start + size, end)
        return start

    # --- making the functions ---------------------------------------------------------------------

    def _compile(self, symbols: dict[str, int]) -> None:
        module = self.module
        traced = self.observer is not None
        enter, leave = watched_frames(self, self._enter, self._leave)
        source = _ADDRESS.sub(
            lambda match: str(symbols.get(match.group(1), 0)), module.python_source(traced=traced)
        )
        code = _compiled(source, module.file)
        self._points = [
            Frame(point.function, module.file, point.line, module.name) for point in module.steps
        ]
        space: dict[str, Any] = {
            "P": self._points, "T": module.types, "C": self.steps_left, "Arg": Argument,
            "enter": enter, "leave": leave, "enter_quiet": self._enter_quiet,
            "leave_quiet": self._leave_quiet, "icall": self._indirect, "stop": self._out_of_steps,
            "va_begin": self.va_lists.begin, "va_next": self.va_lists.next,
            "va_copy": self.va_lists.copy,
            "return_address": self._return_address, "step": self._step,
        }  # fmt: skip
        space.update(accessors(self.machine, self.lookaside))
        space.update(arithmetic(self))
        for name in module.kernel_functions:
            space[f"F_{name}"] = self._kernel_target(name)
        exec(code, space)
        self._functions = {name: space[f"F_{name}"] for name in module.functions}
        self._names = {address: name for name, address in symbols.items()}
        for name, function in self._functions.items():
            self._targets[symbols[name]] = function

    def _step(self, index: int) -> None:
        self.steps_left[0] -= 1
        if self.steps_left[0] < 0:
            self._out_of_steps()
        self.machine.context.stack[-1] = self._points[index]
        assert self.observer is not None
        self.observer.on_step(StepInfo(self, index, sys._getframe(1)))

    def _return_address(self) -> int:
        stack = self.machine.context.stack
        caller = stack[-2] if len(stack) > 1 else None
        known = self.code_address(caller.function) if caller is not None else 0
        return known or KERNEL_TEXT + 0x20


_code_cache: dict[str, Any] = {}


def _compiled(source: str, file: str) -> Any:
    code = _code_cache.get(source)
    if code is None:
        code = compile(source, f"<{file}>", "exec", dont_inherit=True)
        if len(_code_cache) >= 64:
            _code_cache.clear()
        _code_cache[source] = code
    return code


__all__ = ["Engine", "Limits"]
