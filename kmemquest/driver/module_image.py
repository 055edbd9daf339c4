"""A built module: its functions as Python source, its objects as bytes with relocations."""

from __future__ import annotations

from dataclasses import dataclass, field

from kmemquest.driver.c_types import CType
from kmemquest.driver.diagnostics import Position
from kmemquest.driver.values import Line, StepPoint, Symbol


@dataclass(frozen=True, slots=True)
class Relocation:
    """Eight bytes at `offset` hold the address of a symbol plus `addend`."""

    offset: int
    symbol: str
    addend: int


@dataclass(frozen=True, slots=True)
class Reference:
    """Code or data of one section refers to a symbol of another."""

    source: str
    source_section: str
    target: str
    target_section: str
    where: Position


@dataclass(slots=True)
class DataObject:
    """A static object; `section` is .data, .rodata, .bss, .init.data, .modinfo, .kmq.…"""

    name: str
    size: int
    align: int
    section: str
    data: bytearray
    relocations: list[Relocation] = field(default_factory=list)


@dataclass(slots=True)
class FunctionCode:
    """A C function as lines of Python; `frame` bytes of simulated stack per call."""

    name: str
    line: int
    section: str
    frame: int = 0
    watched: list[tuple[int, int]] = field(default_factory=list)
    """(offset, bytes) of the arrays and records in the frame: KASAN poisons what is around."""
    parameters: tuple[str, ...] = ()
    lines: list[Line] = field(default_factory=list)
    quiet: bool = False
    variadic: bool = False
    text_size: int = 64
    """Pretended length of its machine code, for `name+offset/size` in traces."""


@dataclass(slots=True)
class ModuleDraft:
    """A module while it is compiled."""

    functions: dict[str, FunctionCode] = field(default_factory=dict)
    objects: dict[str, DataObject] = field(default_factory=dict)
    steps: list[StepPoint] = field(default_factory=list)
    strings: dict[bytes, str] = field(default_factory=dict)
    kernel_functions: dict[str, Symbol] = field(default_factory=dict)
    """Bound functions that the module calls or takes the address of."""
    kernel_objects: dict[str, Symbol] = field(default_factory=dict)
    types: list[CType] = field(default_factory=list)
    """Types of variadic arguments, by index."""
    references: list[Reference] = field(default_factory=list)
    """What refers to what, for modpost's section check."""

    def type_index(self, ctype: CType) -> int:
        """Return the index of a type in `types`, added when new."""
        for number, known in enumerate(self.types):
            if known == ctype and known.alias == ctype.alias:
                return number
        self.types.append(ctype)
        return len(self.types) - 1

    def string(self, data: bytes) -> str:
        """Return the symbol of a string literal, stored once."""
        name = self.strings.get(data)
        if name is None:
            name = f".str{len(self.strings)}"
            self.strings[data] = name
            self.objects[name] = DataObject(
                name, len(data) + 1, 1, ".rodata.str", bytearray(data + b"\0")
            )
        return name


@dataclass(frozen=True, slots=True)
class Parameter:
    """A module parameter: `insmod x.ko name=value` writes the variable."""

    name: str
    variable: str
    kind: str
    permissions: int
    counter: str = ""
    """Of an array: the variable that gets the number of values."""


@dataclass(frozen=True, slots=True)
class Module:
    """A module ready to be loaded by an Engine; immutable, shared by any number of engines."""

    name: str
    file: str
    builtin: bool
    source: str
    functions: dict[str, FunctionCode]
    objects: dict[str, DataObject]
    steps: tuple[StepPoint, ...]
    symbols: dict[str, Symbol]
    """File-scope names of the driver: objects and functions."""
    types: tuple[CType, ...]
    kernel_functions: dict[str, Symbol]
    kernel_objects: dict[str, Symbol]
    info: tuple[tuple[str, str], ...]
    """The pairs of `.modinfo` in order: license, author, description, parm, …"""
    parameters: tuple[Parameter, ...]

    def entries(self, section: str) -> list[str]:
        """Names of the functions that a `.kmq.…` section points to, in source order."""
        names: list[str] = []
        for item in self.objects.values():
            if item.section == section:
                names.extend(r.symbol for r in item.relocations)
        return names

    def first_info(self, tag: str) -> str:
        """Return the first `.modinfo` value of a tag, or an empty string."""
        return next((text for key, text in self.info if key == tag), "")

    def python_source(self, *, traced: bool) -> str:
        """Return the Python source of all functions; `traced` with a step before statements."""
        wanted = {"code", "place", "step"} if traced else {"code", "place", "site", "count"}
        out = []
        for function in self.functions.values():
            out.append("\n".join(
                " " * line.depth + line.text for line in function.lines if line.kind in wanted
            ))  # fmt: skip
        return "\n".join(out) + "\n"
