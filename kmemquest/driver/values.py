"""Typed values while compiling: the Python expression that computes a C value, and its facts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

from kmemquest.driver.c_types import UINT, CType, IntType, Member, PointerType, promoted
from kmemquest.driver.diagnostics import Position
from kmemquest.driver.parse import Attribute

WORD_MASK: Final = (1 << 64) - 1


@dataclass(slots=True)
class Value:
    """An rvalue. `code` is pure Python without side effects.

    `raw` is congruent to `code` modulo 2**width and saves wrapping; `test` is the same value as a
    condition. `const` is the value when known; with `symbol` it is the offset from that symbol.
    The code of a struct value is its address.
    """

    type: CType
    code: str
    raw: str = ""
    test: str = ""
    const: int | None = None
    symbol: str = ""
    depth: int = 1
    null_constant: bool = False
    """Whether it is an integer constant 0, or one cast to void *."""
    literal: bytes | None = None
    """The bytes of a string literal (without NUL)."""

    @property
    def condition(self) -> str:
        """The value as a Python condition."""
        return self.test or self.code

    @property
    def loose(self) -> str:
        """Code that is right modulo 2**width."""
        return self.raw or self.code

    @property
    def known(self) -> int | None:
        """The value when it is a plain constant (no address)."""
        return None if self.symbol else self.const


def constant(value: int, ctype: CType) -> Value:
    """Return a constant of an integer or pointer type; the value must fit already."""
    code = str(value) if value >= 0 else f"({value})"
    return Value(ctype, code, const=value, null_constant=value == 0 and isinstance(ctype, IntType))


@dataclass(slots=True)
class Place:
    """An lvalue: a Python local (`register`), or memory at `address`."""

    type: CType
    register: str = ""
    address: Value | None = None
    member: Member | None = None
    """Set for bit-fields."""
    symbol: Symbol | None = None


@dataclass(slots=True)
class Symbol:
    """What a name stands for in one scope."""

    name: str
    kind: str
    """typedef, constant, register, stack, object, function."""
    type: CType
    where: Position
    code: str = ""
    offset: int = 0
    value: int = 0
    static: bool = False
    inline: bool = False
    extern: bool = False
    defined: bool = False
    used: bool = False
    assigned: bool = False
    section: str = ""
    attributes: tuple[Attribute, ...] = ()
    node: Any = None
    tables: Any = None
    """For functions: the attribute table that belongs to `node`."""
    names: tuple[str, ...] = ()

    def attribute(self, name: str) -> Attribute | None:
        """Return the attribute of that name, if present."""
        for attribute in self.attributes:
            if attribute.name == name:
                return attribute
        return None


def wrap_code(code: str, ctype: CType) -> str:
    """Return Python code that reduces `code` to the range of an integer or pointer type."""
    if isinstance(ctype, IntType):
        if ctype.is_bool:
            return f"(1 if {code} else 0)"
        mask = ctype.mask
        if ctype.signed:
            half = (mask >> 1) + 1
            return f"(({code} + {half:#x} & {mask:#x}) - {half:#x})"
        return f"({code} & {mask:#x})"
    return f"({code} & 0xffffffffffffffff)"


def int_range(ctype: CType) -> tuple[int, int]:
    """The least and greatest value of an integer or pointer type."""
    if isinstance(ctype, IntType):
        if ctype.is_bool:
            return 0, 1
        if ctype.signed:
            half = 1 << ctype.bits - 1
            return -half, half - 1
        return 0, ctype.mask
    return 0, WORD_MASK


def fits(source: CType, target: CType) -> bool:
    """Whether every value of `source` is a value of `target`."""
    low, high = int_range(source)
    least, most = int_range(target)
    return least <= low and high <= most


def wrap_constant(value: int, ctype: CType) -> int:
    """Convert a constant to an integer or pointer type."""
    return ctype.wrap(value) if isinstance(ctype, IntType) else value & WORD_MASK


def bit_field_type(member: Member) -> CType:
    """The type a bit-field promotes to: int when all its values fit in one."""
    assert isinstance(member.type, IntType)
    assert member.width is not None
    if member.width < 32 or (member.width == 32 and member.type.signed):
        return promoted(IntType("short int", 2, signed=True, rank=2))
    if member.width == 32:
        return UINT
    whole = promoted(member.type)
    assert isinstance(whole, IntType)
    if member.width == whole.bits:
        return whole
    return replace(whole, name=f"{whole.name}:{member.width}", width=member.width)


def access_letter(ctype: CType) -> str:
    """The struct-module letter by which a scalar is loaded and stored."""
    if isinstance(ctype, IntType):
        letter = {1: "b", 2: "h", 4: "i", 8: "q"}[ctype.bytes]
        return letter if ctype.signed else letter.upper()
    assert isinstance(ctype, PointerType), ctype
    return "Q"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of generated Python. `kind` is code, step, site or count."""

    depth: int
    text: str
    kind: str = "code"


@dataclass(slots=True)
class StepPoint:
    """A place where the driver stands before a statement."""

    line: int
    function: str
    visible: tuple[Symbol, ...] = field(default=())
