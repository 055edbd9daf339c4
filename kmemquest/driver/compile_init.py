"""Initialisers: braces, designators, brace elision, strings; for the stack and for static data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kmemquest.driver.c_types import (
    LONG,
    ArrayType,
    CType,
    IntType,
    Member,
    PointerType,
    Record,
    RecordType,
    is_scalar,
    without_const,
)
from kmemquest.driver.compile_expr import Expressions
from kmemquest.driver.limits import INITIALISED, OBJECT_BYTES
from kmemquest.driver.literals import string_bytes
from kmemquest.driver.module_image import DataObject, Reference, Relocation
from kmemquest.driver.parse import CaseRange, ast
from kmemquest.driver.values import Place, Value, bit_field_type, constant


@dataclass(slots=True)
class Slot:
    """One scalar, string or struct value at a byte offset of the object."""

    offset: int
    type: CType
    member: Member | None
    node: Any


class _Cursor:
    """The items of one braced list."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self.index = 0

    def peek(self) -> Any:
        return self.items[self.index] if self.index < len(self.items) else None

    def take(self) -> Any:
        item = self.items[self.index]
        self.index += 1
        return item


def _is_string(node: Any) -> bool:
    return isinstance(node, ast.Constant) and node.type == "string"


def _is_char_array(ctype: CType) -> bool:
    return (
        isinstance(ctype, ArrayType)
        and isinstance(ctype.element, IntType)
        and ctype.element.bytes == 1
    )


class Initialising(Expressions):
    """Compiles initialisers."""

    def slots(self, ctype: CType, init: Any, node: Any) -> tuple[list[Slot], int]:
        """Return the slots of an initialiser, and for arrays how many elements it reaches."""
        out: list[Slot] = []
        if isinstance(init, ast.InitList):
            if self._reach(ctype, init) > INITIALISED:
                self.fail(
                    node, f"an initializer of more than {INITIALISED:,} values is not simulated",
                    "fill the array in a loop",
                )  # fmt: skip
            return out, self._braced(ctype, 0, init, out)
        if _is_string(init) and _is_char_array(ctype):
            out.append(Slot(0, ctype, None, init))
            return out, len(string_bytes(init.value)) + 1
        if isinstance(ctype, ArrayType):
            self.fail(node, "invalid initializer", "initialise an array with { … } or a string")
        out.append(Slot(0, ctype, None, init))
        return out, 0

    def _reach(self, ctype: CType, init: Any) -> int:
        """How many values a braced list sets at most, ranges multiplied out."""
        count = 0
        for item in init.exprs:
            times = 1
            inner = item
            if isinstance(item, ast.NamedInitializer):
                inner = item.expr
                for designator in item.name:
                    if isinstance(getattr(designator, "expr", None), CaseRange):
                        low = self.integer_constant(designator.expr.low)
                        times *= max(self.integer_constant(designator.expr.high) - low + 1, 1)
            count += times * (
                max(self._reach(ctype, inner), 1) if isinstance(inner, ast.InitList) else 1
            )
        return count

    def _braced(self, ctype: CType, base: int, init: Any, out: list[Slot]) -> int:
        items = list(init.exprs)
        if is_scalar(ctype):
            if not items:
                return 0
            if len(items) > 1:
                self._excess(items[1], "scalar")
            out.append(Slot(base, ctype, None, items[0]))
            return 0
        if _is_char_array(ctype) and len(items) == 1 and _is_string(items[0]):
            out.append(Slot(base, ctype, None, items[0]))
            return len(string_bytes(items[0].value)) + 1
        return self._fill(ctype, base, _Cursor(items), out, braced=True)

    def _fill(
        self, ctype: CType, base: int, cursor: _Cursor, out: list[Slot], *, braced: bool
    ) -> int:
        if isinstance(ctype, ArrayType):
            return self._fill_array(ctype, base, cursor, out, braced=braced)
        if isinstance(ctype, RecordType):
            return self._fill_record(ctype.record, base, cursor, out, braced=braced)
        item = cursor.take()
        out.append(Slot(base, ctype, None, item))
        return 0

    def _fill_array(
        self, ctype: ArrayType, base: int, cursor: _Cursor, out: list[Slot], *, braced: bool
    ) -> int:
        index = reached = 0
        size = ctype.element.size
        while (item := cursor.peek()) is not None:
            if isinstance(item, ast.NamedInitializer):
                if not braced:
                    break
                cursor.take()
                low, high = self._range(item.name[0], ctype)
                if high * max(size, 1) > OBJECT_BYTES or high - low > 65536:
                    self.fail(
                        item.expr, "array index in initializer is too large", "use smaller ones"
                    )
                for number in range(low, high + 1):
                    self._designated(
                        ctype.element, base + number * size, item.name[1:], item.expr, out
                    )
                index = high + 1
            else:
                if ctype.count is not None and index >= ctype.count:
                    if not braced:
                        break
                    self._excess(cursor.take(), "array")
                    continue
                self._element_init(ctype.element, base + index * size, cursor, out)
                index += 1
            reached = max(reached, index)
        return reached

    def _range(self, designator: Any, ctype: ArrayType) -> tuple[int, int]:
        if not isinstance(designator, ast.ArrayDesignator):
            self.fail(designator, "field name not in record or union initializer", "use [index] =")
        if isinstance(designator.expr, CaseRange):
            low = self.integer_constant(designator.expr.low)
            high = self.integer_constant(designator.expr.high)
        else:
            low = high = self.integer_constant(designator.expr)
        if low < 0 or high < low or (ctype.count is not None and high >= ctype.count):
            self.fail(
                designator, "array index in initializer exceeds array bounds", "use a smaller index"
            )
        return low, high

    def _fill_record(
        self, record: Record, base: int, cursor: _Cursor, out: list[Slot], *, braced: bool
    ) -> int:
        members = record.members
        position = 0
        while (item := cursor.peek()) is not None:
            if isinstance(item, ast.NamedInitializer):
                if not braced:
                    break
                cursor.take()
                first = item.name[0]
                name = getattr(first, "name", "")
                member = record.index.get(name)
                if member is None:
                    self.fail(
                        first if hasattr(first, "coord") else item.expr,
                        f"‘{RecordType(record).spelled()}’ has no member named ‘{name}’",
                        f"its members are: {', '.join(list(record.index)[:12])}",
                    )
                self._member_init(member, base, item.name[1:], item.expr, out)
                position = self._position_after(record, name)
            else:
                if position >= len(members) or (record.kind == "union" and position > 0):
                    if not braced:
                        break
                    self._excess(cursor.take(), record.kind)
                    continue
                member = members[position]
                if member.width is not None:
                    out.append(Slot(base + member.offset, member.type, member, cursor.take()))
                else:
                    self._element_init(member.type, base + member.offset, cursor, out)
                position += 1
        return 0

    def _member_init(
        self, member: Member, base: int, rest: list[Any], init: Any, out: list[Slot]
    ) -> None:
        if member.width is not None:
            out.append(Slot(base + member.offset, member.type, member, init))
        else:
            self._designated(member.type, base + member.offset, rest, init, out)

    def _position_after(self, record: Record, name: str) -> int:
        for number, member in enumerate(record.members):
            inner = member.type.record.index if isinstance(member.type, RecordType) else {}
            if member.name == name or (not member.name and name in inner):
                return number + 1
        return len(record.members)

    def _designated(
        self, ctype: CType, base: int, rest: list[Any], init: Any, out: list[Slot]
    ) -> None:
        if not rest:
            self._element_init(ctype, base, _Cursor([init]), out)
            return
        if isinstance(ctype, ArrayType):
            low, high = self._range(rest[0], ctype)
            for number in range(low, high + 1):
                self._designated(
                    ctype.element, base + number * ctype.element.size, rest[1:], init, out
                )
            return
        name = getattr(rest[0], "name", "")
        member = ctype.record.index.get(name) if isinstance(ctype, RecordType) else None
        if member is None:
            self.fail(rest[0], f"no member named ‘{name}’", "check the designator")
        self._member_init(member, base, rest[1:], init, out)

    def _element_init(self, ctype: CType, base: int, cursor: _Cursor, out: list[Slot]) -> None:
        item = cursor.peek()
        if isinstance(item, ast.InitList):
            cursor.take()
            self._braced(ctype, base, item, out)
        elif (
            is_scalar(ctype)
            or (_is_string(item) and _is_char_array(ctype))
            or (isinstance(ctype, RecordType) and self._is_record(item, ctype))
        ):
            out.append(Slot(base, ctype, None, cursor.take()))
        elif not ctype.complete and not isinstance(ctype, ArrayType):
            self.fail(item, "initialisation of an incomplete type", "include its header")
        else:
            before = cursor.index
            self._fill(ctype, base, cursor, out, braced=False)
            if cursor.index == before:
                self._excess(cursor.take(), "struct")

    def _is_record(self, item: Any, ctype: RecordType) -> bool:
        if isinstance(item, ast.Constant):
            return False
        return without_const(self.type_of(item)) == without_const(ctype)

    def _excess(self, item: Any, kind: str) -> None:
        self.sink.warn(
            self.at(item), "", f"excess elements in {kind} initializer", "remove the surplus values"
        )

    def counted_array(self, ctype: ArrayType, init: Any, node: Any) -> ArrayType:
        """Return an array type completed by its initialiser."""
        _, reached = self.slots(ctype, init, node)
        return ArrayType(ctype.element, reached, const=ctype.const)

    # --- on the stack -----------------------------------------------------------------------

    def initialise(self, ctype: CType, address: Value, init: Any, node: Any) -> CType:
        """Emit stores that initialise an object in memory; return its completed type."""
        slots, _ = self.slots(ctype, init, node)
        if not (len(slots) == 1 and slots[0].offset == 0 and slots[0].type.size == ctype.size):
            self.emit(f"zero({address.code}, {ctype.size})")
        for slot in slots:
            where = self.advanced(
                Value(PointerType(slot.type), address.code), constant(slot.offset, LONG), "+", 1
            )
            if isinstance(slot.type, ArrayType):
                self._copy_string(slot, where)
                continue
            value = self.value(slot.node)
            ctype_of_slot = bit_field_type(slot.member) if slot.member is not None else slot.type
            if isinstance(slot.type, IntType) and slot.type.is_bool:
                ctype_of_slot = slot.type
            value = self.assign_convert(value, ctype_of_slot, slot.node, "initialization")
            self.write(Place(without_const(slot.type), address=where, member=slot.member), value)
        return ctype

    def _copy_string(self, slot: Slot, where: Value) -> None:
        data, size = self._string_data(slot)
        label = self.draft.string(data[:-1] if data.endswith(b"\0") else data)
        self.emit(f"copy({where.code}, A[{label!r}], {min(len(data), size)})")
        if size > len(data):
            self.emit(f"zero({where.code} + {len(data)}, {size - len(data)})")

    def _string_data(self, slot: Slot) -> tuple[bytes, int]:
        data = string_bytes(slot.node.value) + b"\0"
        size = slot.type.size or len(data)
        if len(data) - 1 > size:
            self.sink.warn(
                self.at(slot.node), "", "initializer-string for array of ‘char’ is too long",
                "make the array longer",
            )  # fmt: skip
        return data[:size], size

    # --- in static data ---------------------------------------------------------------------

    def static_data(self, ctype: CType, init: Any, node: Any, item: DataObject) -> CType:
        """Fill a static object from its initialiser; return its completed type."""
        slots, reached = self.slots(ctype, init, node)
        if isinstance(ctype, ArrayType) and ctype.count is None:
            ctype = ArrayType(ctype.element, reached, const=ctype.const)
        size = max([ctype.size, *(slot.offset + slot.type.size for slot in slots)])
        item.size = size
        item.data = bytearray(size)
        for slot in slots:
            self._static_slot(slot, item)
        return ctype

    def _static_slot(self, slot: Slot, item: DataObject) -> None:
        if isinstance(slot.type, ArrayType):
            data, size = self._string_data(slot)
            item.data[slot.offset : slot.offset + size] = data.ljust(size, b"\0")
            return
        if isinstance(slot.type, RecordType):
            self._static_record(slot, item)
            return
        saved = self.capture()
        try:
            value = self.value(slot.node)
        finally:
            lines = self.release(saved)
        value = self.assign_convert(value, slot.type, slot.node, "initialization")
        if lines or value.const is None:
            self.fail(
                slot.node, "initializer element is not constant",
                "set it in the init function",
            )  # fmt: skip
        width = slot.type.size
        if value.symbol:
            for old in [r for r in item.relocations if r.offset == slot.offset]:
                item.relocations.remove(old)
            item.relocations.append(Relocation(slot.offset, value.symbol, value.const))
            symbol = self.scopes[0].get(value.symbol)
            if symbol is not None and not self.silent:
                self.draft.references.append(
                    Reference(item.name, item.section, value.symbol, symbol.section,
                              self.at(slot.node))
                )  # fmt: skip
            return
        number = value.const & ((1 << 8 * width) - 1)
        if slot.member is not None:
            assert slot.member.width is not None
            mask = (1 << slot.member.width) - 1
            span = -(-(slot.member.bit + slot.member.width) // 8)
            region = slice(slot.offset, slot.offset + span)
            old_bits = int.from_bytes(item.data[region], "little")
            new_bits = old_bits & ~(mask << slot.member.bit) | (number & mask) << slot.member.bit
            item.data[region] = new_bits.to_bytes(span, "little")
            return
        item.data[slot.offset : slot.offset + width] = number.to_bytes(width, "little")

    def _static_record(self, slot: Slot, item: DataObject) -> None:
        if not isinstance(slot.node, ast.CompoundLiteral):
            self.fail(
                slot.node, "initializer element is not constant", "set it in the init function"
            )
        inner = DataObject("", slot.type.size, 1, item.section, bytearray(slot.type.size))
        self.static_data(slot.type, slot.node.init, slot.node, inner)
        item.data[slot.offset : slot.offset + slot.type.size] = inner.data
        for relocation in inner.relocations:
            item.relocations.append(
                Relocation(slot.offset + relocation.offset, relocation.symbol, relocation.addend)
            )

    def static_object(self, ctype: CType, init: Any, node: Any) -> str:
        """Make an unnamed static object; return its symbol."""
        name = f".compound{len(self.draft.objects)}"
        item = DataObject(name, 0, max(ctype.align, 1), ".data", bytearray())
        self.draft.objects[name] = item
        self.static_data(ctype, init, node, item)
        return name
