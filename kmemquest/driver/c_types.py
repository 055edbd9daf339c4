"""The C types of x86-64 (System V ABI, LP64). Sizes and alignments are bytes.

Types are values; a struct or union is a shared `Record` that may be completed later. `alias` is the
typedef name a type was reached by, kept for messages only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class CType:
    """The base of all types."""

    const: bool = field(default=False, kw_only=True)
    alias: str = field(default="", kw_only=True, compare=False)

    @property
    def size(self) -> int:
        """sizeof, 0 for incomplete types."""
        return 0

    @property
    def align(self) -> int:
        """_Alignof."""
        return 1

    @property
    def complete(self) -> bool:
        """Whether objects of the type can exist."""
        return True

    def spelled(self) -> str:
        """Return the type as gcc writes it, without typedef names."""
        return "void"

    def __str__(self) -> str:
        return self.spelled()


@dataclass(frozen=True, slots=True)
class VoidType(CType):
    """`void`; gcc gives it size 1 for pointer arithmetic."""

    @property
    def size(self) -> int:
        """1, as gcc has it."""
        return 1

    @property
    def complete(self) -> bool:
        """Never."""
        return False

    def spelled(self) -> str:
        """`void`."""
        return "const void" if self.const else "void"


@dataclass(frozen=True, slots=True)
class IntType(CType):
    """An integer type, `_Bool` and enums included."""

    name: str
    bytes: int
    signed: bool
    rank: int
    tag: str = field(default="", compare=False)
    """The enum tag when the type is an enum."""
    width: int = 0
    """Bits of the value when it is a bit-field wider than int, which gcc keeps as a type."""

    @property
    def size(self) -> int:
        """Bytes."""
        return self.bytes

    @property
    def align(self) -> int:
        """Its size."""
        return self.bytes

    @property
    def bits(self) -> int:
        """Width in bits."""
        return self.width or self.bytes * 8

    @property
    def mask(self) -> int:
        """All value bits set."""
        return (1 << self.bits) - 1

    @property
    def is_bool(self) -> bool:
        """Whether it is `_Bool`."""
        return self.rank == 0

    def wrap(self, value: int) -> int:
        """Convert a mathematical integer to this type."""
        if self.rank == 0:
            return 1 if value else 0
        bits = self.width or self.bytes * 8
        value &= (1 << bits) - 1
        if self.signed and value >> (bits - 1):
            value -= 1 << bits
        return value

    def spelled(self) -> str:
        """The name."""
        name = (f"enum {self.tag}" if self.tag else "enum <anonymous>") if self.enum else self.name
        return f"const {name}" if self.const else name

    @property
    def enum(self) -> bool:
        """Whether the type is an enum."""
        return self.name == "enum"


@dataclass(frozen=True, slots=True)
class FloatType(CType):
    """float and double: known to the types, refused by the compiler."""

    name: str
    bytes: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.bytes

    @property
    def align(self) -> int:
        """Its size."""
        return self.bytes

    def spelled(self) -> str:
        """The name."""
        return self.name


@dataclass(frozen=True, slots=True)
class PointerType(CType):
    """A pointer."""

    target: CType

    @property
    def size(self) -> int:
        """8."""
        return 8

    @property
    def align(self) -> int:
        """8."""
        return 8

    def spelled(self) -> str:
        """As gcc writes it: `char *`, `int (*)(int)`, `int (*)[4]`."""
        star = "*const" if self.const else "*"
        target = self.target
        if isinstance(target, FunctionType):
            arguments = ", ".join(p.spelled() for p in target.parameters)
            if target.variadic:
                arguments += ", ..."
            return f"{target.result.spelled()} ({star})({arguments or 'void'})"
        if isinstance(target, ArrayType):
            count = "" if target.count is None else str(target.count)
            return f"{target.element.spelled()} ({star})[{count}]"
        inner = target.spelled()
        return inner + star if inner.endswith("*") else f"{inner} {star}"


@dataclass(frozen=True, slots=True)
class ArrayType(CType):
    """An array; `count` is None while unknown or flexible."""

    element: CType
    count: int | None

    @property
    def size(self) -> int:
        """Bytes; 0 for a flexible array."""
        return self.element.size * (self.count or 0)

    @property
    def align(self) -> int:
        """That of the element."""
        return self.element.align

    @property
    def complete(self) -> bool:
        """Whether the count is known."""
        return self.count is not None

    def spelled(self) -> str:
        """`int[4]`, `int[2][3]`."""
        suffix = "" if self.count is None else str(self.count)
        element, dimensions = self.element, f"[{suffix}]"
        while isinstance(element, ArrayType):
            dimensions += f"[{'' if element.count is None else element.count}]"
            element = element.element
        return f"{element.spelled()}{dimensions}"


@dataclass(frozen=True, slots=True)
class FunctionType(CType):
    """A function type; `prototype` is false for `f()`."""

    result: CType
    parameters: tuple[CType, ...]
    variadic: bool = False
    prototype: bool = True

    def spelled(self) -> str:
        """`int(int,  char *)` as gcc has it."""
        arguments = ",  ".join(p.spelled() for p in self.parameters)
        if self.variadic:
            arguments += ",  ..."
        return f"{self.result.spelled()}({arguments or 'void'})"


@dataclass(frozen=True, slots=True)
class Member:
    """A member: byte offset, and for bit-fields the bit within the unit of its type."""

    name: str
    type: CType
    offset: int
    bit: int = 0
    width: int | None = None
    """Bits of a bit-field, None otherwise."""


@dataclass(eq=False, slots=True)
class Record:
    """What a struct or union tag stands for."""

    kind: str
    tag: str
    members: tuple[Member, ...] = ()
    size: int = 0
    align: int = 1
    complete: bool = False
    index: dict[str, Member] = field(default_factory=dict)
    """Every reachable name, those of anonymous members included."""


@dataclass(frozen=True, slots=True)
class RecordType(CType):
    """A struct or union; identity is that of its record."""

    record: Record

    @property
    def size(self) -> int:
        """Bytes."""
        return self.record.size

    @property
    def align(self) -> int:
        """Bytes."""
        return self.record.align

    @property
    def complete(self) -> bool:
        """Whether its members are known."""
        return self.record.complete

    def spelled(self) -> str:
        """`struct foo`."""
        name = f"{self.record.kind} {self.record.tag or '<anonymous>'}"
        return f"const {name}" if self.const else name


VOID: Final = VoidType()
BOOL: Final = IntType("_Bool", 1, signed=False, rank=0)
CHAR: Final = IntType("char", 1, signed=True, rank=1)
SCHAR: Final = IntType("signed char", 1, signed=True, rank=1)
UCHAR: Final = IntType("unsigned char", 1, signed=False, rank=1)
SHORT: Final = IntType("short int", 2, signed=True, rank=2)
USHORT: Final = IntType("short unsigned int", 2, signed=False, rank=2)
INT: Final = IntType("int", 4, signed=True, rank=3)
UINT: Final = IntType("unsigned int", 4, signed=False, rank=3)
LONG: Final = IntType("long int", 8, signed=True, rank=4)
ULONG: Final = IntType("long unsigned int", 8, signed=False, rank=4)
LLONG: Final = IntType("long long int", 8, signed=True, rank=5)
ULLONG: Final = IntType("long long unsigned int", 8, signed=False, rank=5)
DOUBLE: Final = FloatType("double", 8)
FLOAT: Final = FloatType("float", 4)
VOID_POINTER: Final = PointerType(VOID)
CHAR_POINTER: Final = PointerType(CHAR)

_NAMED: Final[dict[tuple[str, ...], CType]] = {
    ("void",): VOID, ("_Bool",): BOOL, ("char",): CHAR, ("char", "signed"): SCHAR,
    ("char", "unsigned"): UCHAR, ("short",): SHORT, ("int", "short"): SHORT,
    ("short", "signed"): SHORT, ("int", "short", "signed"): SHORT, ("short", "unsigned"): USHORT,
    ("int", "short", "unsigned"): USHORT, ("int",): INT, ("signed",): INT, ("int", "signed"): INT,
    ("unsigned",): UINT, ("int", "unsigned"): UINT, ("long",): LONG, ("int", "long"): LONG,
    ("long", "signed"): LONG, ("int", "long", "signed"): LONG, ("long", "unsigned"): ULONG,
    ("int", "long", "unsigned"): ULONG, ("long", "long"): LLONG, ("int", "long", "long"): LLONG,
    ("long", "long", "signed"): LLONG, ("int", "long", "long", "signed"): LLONG,
    ("long", "long", "unsigned"): ULLONG, ("int", "long", "long", "unsigned"): ULLONG,
    ("double",): DOUBLE, ("float",): FLOAT, ("double", "long"): FloatType("long double", 16),
}  # fmt: skip


def named_type(words: list[str]) -> CType | None:
    """Return the arithmetic type of a list of specifiers in any order; None when there is none."""
    return _NAMED.get(tuple(sorted(words)))


def enum_type(tag: str, *, signed: bool) -> IntType:
    """The type of an enum: unsigned int unless an enumerator is negative."""
    return IntType("enum", 4, signed=signed, rank=3, tag=tag)


def with_const(ctype: CType) -> CType:
    """Return the const version of a type; arrays hand it to their elements."""
    if isinstance(ctype, ArrayType):
        return replace(ctype, element=with_const(ctype.element))
    return ctype if ctype.const else replace(ctype, const=True)


def without_const(ctype: CType) -> CType:
    """Return the type without its outermost const."""
    return replace(ctype, const=False) if ctype.const else ctype


def is_scalar(ctype: CType) -> bool:
    """Whether values of the type are integers or pointers."""
    return isinstance(ctype, IntType | PointerType)


def promoted(ctype: CType) -> CType:
    """Integer promotion (C11 6.3.1.1p2)."""
    if isinstance(ctype, IntType):
        if ctype.rank < 3:
            return INT
        if ctype.width:
            return ctype
        if ctype.enum:
            return INT if ctype.signed else UINT
        if ctype.const or ctype.alias:
            return _BY_NAME[ctype.name]
    return ctype


_BY_NAME: Final[dict[str, IntType]] = {
    t.name: t for t in (INT, UINT, LONG, ULONG, LLONG, ULLONG)
}  # fmt: skip


def common_type(left: CType, right: CType) -> IntType:
    """The usual arithmetic conversions (C11 6.3.1.8) of two integer types."""
    first, second = promoted(left), promoted(right)
    assert isinstance(first, IntType)
    assert isinstance(second, IntType)
    if first == second:
        return first
    if (first.width or second.width) and first.bits != second.bits:
        return first if first.bits > second.bits else second
    if first.signed == second.signed:
        return first if first.rank >= second.rank else second
    unsigned, signed = (second, first) if first.signed else (first, second)
    if unsigned.rank >= signed.rank:
        return unsigned
    if signed.bytes > unsigned.bytes:
        return signed
    return {"long int": ULONG, "long long int": ULLONG}.get(signed.name, UINT)


def decayed(ctype: CType) -> CType:
    """Arrays and functions become pointers (C11 6.3.2.1)."""
    if isinstance(ctype, ArrayType):
        return PointerType(ctype.element)
    if isinstance(ctype, FunctionType):
        return PointerType(ctype)
    return ctype


def compatible(left: CType, right: CType) -> bool:
    """Whether two types are compatible (C11 6.2.7), outermost qualifiers aside."""
    left, right = without_const(left), without_const(right)
    if left == right:
        return True
    if isinstance(left, IntType) and isinstance(right, IntType):
        if left.enum or right.enum:
            return promoted(left) == promoted(right) and left.bytes == right.bytes
        return left.name == right.name
    if isinstance(left, PointerType) and isinstance(right, PointerType):
        if left.target.const != right.target.const:
            return False
        return compatible(left.target, right.target)
    if isinstance(left, ArrayType) and isinstance(right, ArrayType):
        if left.count is not None and right.count is not None and left.count != right.count:
            return False
        return compatible(left.element, right.element)
    if isinstance(left, FunctionType) and isinstance(right, FunctionType):
        if not compatible(left.result, right.result):
            return False
        if not left.prototype or not right.prototype:
            return True
        return (
            left.variadic == right.variadic
            and len(left.parameters) == len(right.parameters)
            and all(map(compatible, left.parameters, right.parameters))
        )
    return False


def quoted(ctype: CType) -> str:
    """Return ‘type’, with {aka ‘…’} where a typedef name hides it, as gcc writes it."""
    plain = ctype.spelled()
    named = _with_alias(ctype)
    return f"‘{plain}’" if named == plain else f"‘{named}’ {{aka ‘{plain}’}}"


def _with_alias(ctype: CType) -> str:
    if ctype.alias:
        return f"const {ctype.alias}" if ctype.const else ctype.alias
    if isinstance(ctype, PointerType) and not isinstance(ctype.target, FunctionType | ArrayType):
        inner = _with_alias(ctype.target)
        star = "*const" if ctype.const else "*"
        return inner + star if inner.endswith("*") else f"{inner} {star}"
    return ctype.spelled()
