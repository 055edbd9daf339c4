"""Lvalues: variables, elements, members, compound literals; loading from them, storing to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NoReturn

from kmemquest.driver.c_types import (
    CHAR,
    INT,
    LONG,
    ULONG,
    VOID,
    ArrayType,
    CType,
    FunctionType,
    IntType,
    PointerType,
    RecordType,
    decayed,
    is_scalar,
    quoted,
    with_const,
    without_const,
)
from kmemquest.driver.compile_base import CannotCompile
from kmemquest.driver.compile_call import Calling
from kmemquest.driver.header_index import missing_include
from kmemquest.driver.literals import string_bytes
from kmemquest.driver.parse import ast
from kmemquest.driver.values import (
    Place,
    Symbol,
    Value,
    access_letter,
    bit_field_type,
    constant,
)


class Places(Calling):
    """Compiles expressions that name an object."""

    def string_value(self, data: bytes) -> Value:
        """Return the address of a string literal."""
        name = self.draft.string(data)
        code = f"A[{name!r}]"
        return Value(PointerType(CHAR), code, const=0, symbol=name, literal=data)

    def _undeclared(self, node: Any) -> Symbol:
        name = node.name
        if name in ("__func__", "__FUNCTION__", "__PRETTY_FUNCTION__") and self.function:
            data = self.function.name.encode()
            label = self.draft.string(data)
            ctype = ArrayType(with_const(CHAR), len(data) + 1)
            return Symbol(name, "object", ctype, self.at(node), code=f"A[{label!r}]", value=0,
                          names=(label,))  # fmt: skip
        where = "(first use in this function)" if self.function else "here (not in a function)"
        # Searching all the kernel's names takes milliseconds: a hopeless file need not have it.
        near = self._similar(name) if self.sink.mistakes < 5 else ""
        self.scopes[1 if self.function else 0][name] = Symbol(name, "poison", INT, self.at(node))
        hint = missing_include(name) or (
            f"did you mean ‘{near}’?" if near else "declare it, or include its header"
        )
        raise self.failure(
            node,
            f"‘{name}’ undeclared {where}" + (f"; did you mean ‘{near}’?" if near else ""),
            hint,
        )

    def _similar(self, name: str) -> str:
        import difflib

        known = {n for scope in self.scopes for n in scope if not n.startswith("__")}
        found = difflib.get_close_matches(name, sorted(known), 1, 0.75)
        return found[0] if found else ""

    # --- places -----------------------------------------------------------------------------

    def place(self, node: Any) -> Place:
        """Compile an expression to an lvalue."""
        if isinstance(node, ast.ID):
            symbol = self.lookup(node.name) or self._undeclared(node)
            return self.symbol_place(symbol, node)
        if isinstance(node, ast.UnaryOp) and node.op == "*":
            return self._pointed(self.value(node.expr), node)
        if isinstance(node, ast.ArrayRef):
            return self._element(node)
        if isinstance(node, ast.StructRef):
            return self._member(node)
        if isinstance(node, ast.CompoundLiteral):
            return self._compound_literal(node)
        if isinstance(node, ast.Constant) and node.type == "string":
            data = string_bytes(node.value)
            value = self.string_value(data)
            return Place(ArrayType(CHAR, len(data) + 1), address=value)
        found = self.value(node)
        if isinstance(found.type, RecordType):
            return Place(found.type, address=Value(PointerType(found.type), found.code))
        raise self.failure(node, "lvalue required", "only objects can stand here")

    def symbol_place(self, symbol: Symbol, node: Any) -> Place:
        """Return the place of a variable or function."""
        symbol.used = True
        if symbol.kind == "poison":
            raise CannotCompile
        if symbol.kind == "register":
            return Place(symbol.type, register=symbol.code, symbol=symbol)
        if symbol.kind == "stack":
            address = Value(PointerType(symbol.type), f"({symbol.code})")
            return Place(symbol.type, address=address, symbol=symbol)
        if symbol.kind in ("object", "function"):
            label = symbol.names[0] if symbol.names else symbol.name
            self.reference(symbol, label, node)
            address = Value(PointerType(symbol.type), f"A[{label!r}]", const=0, symbol=label)
            return Place(symbol.type, address=address, symbol=symbol)
        if symbol.kind == "typedef":
            self.fail(
                node, f"expected expression before ‘{symbol.name}’", "a type cannot stand here"
            )
        raise self.failure(
            node, "lvalue required as left operand of assignment", "constants cannot change"
        )

    def _pointed(self, pointer: Value, node: Any) -> Place:
        if not isinstance(pointer.type, PointerType):
            self.fail(
                node,
                f"invalid type argument of unary ‘*’ (have {quoted(pointer.type)})",
                "only pointers can be dereferenced",
            )
        return Place(pointer.type.target, address=self.spilled(pointer))

    def _element(self, node: Any) -> Place:
        base, index = self.value(node.name), self.value(node.subscript)
        if isinstance(index.type, PointerType) and isinstance(base.type, IntType):
            base, index = index, base
        if not isinstance(base.type, PointerType):
            self.fail(
                node, "subscripted value is neither array nor pointer nor vector",
                "index an array or a pointer",
            )  # fmt: skip
        if not isinstance(index.type, IntType):
            self.fail(node, "array subscript is not an integer", "use an integer index")
        moved = self.binary("+", base, index, node)
        return Place(base.type.target, address=moved)

    def _member(self, node: Any) -> Place:
        name = node.field.name
        if node.type == "->":
            pointer = self.value(node.name)
            if not isinstance(pointer.type, PointerType):
                self.fail(
                    node.field,
                    f"invalid type argument of ‘->’ (have {quoted(pointer.type)})",
                    "use . on a struct, -> on a pointer to one",
                )
            holder: CType = pointer.type.target
        else:
            place = self.place(node.name)
            holder = place.type
            if isinstance(holder, PointerType):
                self.fail(
                    node.field,
                    f"{quoted(holder)} is a pointer; did you mean to use ‘->’?",
                    f"write ->{name}",
                )
            if place.address is None or not isinstance(holder, RecordType):
                self._not_a_record(node, holder, name)
            pointer = place.address
        if not isinstance(holder, RecordType):
            self._not_a_record(node, holder, name)
        if not holder.complete:
            self.fail(
                node.field,
                f"invalid use of undefined type ‘{without_const(holder).spelled()}’",
                "include the header that defines it",
            )
        member = holder.record.index.get(name)
        if member is None:
            import difflib

            near = difflib.get_close_matches(name, sorted(holder.record.index), 1, 0.7)
            tail = f"; did you mean ‘{near[0]}’?" if near else ""
            self.fail(
                node.field,
                f"‘{without_const(holder).spelled()}’ has no member named ‘{name}’{tail}",
                f"its members are: {', '.join(list(holder.record.index)[:12])}",
            )
        ctype = with_const(member.type) if holder.const else member.type
        base = replace(pointer, type=PointerType(ctype))
        moved = self.advanced(base, constant(member.offset, LONG), "+", 1)
        return Place(ctype, address=moved, member=member if member.width is not None else None)

    def _not_a_record(self, node: Any, holder: CType, name: str) -> NoReturn:
        self.fail(
            node.field,
            f"request for member ‘{name}’ in something not a structure or union",
            f"this has the type {quoted(holder)}",
        )

    def _compound_literal(self, node: Any) -> Place:
        ctype = self.read_type(node.type)
        if self.function is None:
            label = self.static_object(ctype, node.init, node)
            found = self.draft.objects[label]
            element = ctype.element if isinstance(ctype, ArrayType) else None
            if element is not None and ctype.size == 0:
                ctype = ArrayType(element, found.size // max(element.size, 1))
            return Place(
                ctype, address=Value(PointerType(ctype), f"A[{label!r}]", const=0, symbol=label)
            )
        if isinstance(ctype, ArrayType) and ctype.count is None:
            ctype = self.counted_array(ctype, node.init, node)
        self.require_complete(ctype, node, "<literal>")
        address = Value(PointerType(ctype), f"({self.reserve_stack(ctype)})")
        self.initialise(ctype, address, node.init, node)
        return Place(ctype, address=address)

    def static_object(self, ctype: CType, init: Any, node: Any) -> str:
        """Make an unnamed static object; return its symbol."""
        raise NotImplementedError

    def counted_array(self, ctype: ArrayType, init: Any, node: Any) -> ArrayType:
        """Return an array type completed by its initialiser."""
        raise NotImplementedError

    # --- reading and writing ----------------------------------------------------------------

    def read(self, place: Place) -> Value:
        """Load from a place; aggregates yield their address."""
        ctype = place.type
        if place.register:
            return Value(without_const(ctype), place.register)
        address = place.address
        assert address is not None
        if isinstance(ctype, ArrayType | FunctionType):
            pointer = decayed(ctype)
            return replace(address, type=pointer)
        if isinstance(ctype, RecordType) or ctype == VOID:
            return Value(without_const(ctype), address.code, depth=address.depth)
        if not is_scalar(ctype):
            self.convert(Value(ctype, "0"), INT)
        if place.member is not None:
            return self._read_bits(place, address)
        letter = access_letter(ctype)
        return Value(without_const(ctype), f"ld_{letter}({address.loose})", depth=address.depth + 1)

    def _read_bits(self, place: Place, address: Value) -> Value:
        member = place.member
        assert member is not None
        assert member.width is not None
        assert isinstance(member.type, IntType)
        size = _unit_bytes(member.bit + member.width)
        unit = f"ld_{'BBHIIQQQQ'[size]}({address.loose})"
        code = f"({unit} >> {member.bit} & {(1 << member.width) - 1:#x})"
        ctype = bit_field_type(member)
        if member.type.signed and not member.type.is_bool:
            half = 1 << member.width - 1
            code = f"(({code} ^ {half}) - {half})"
        return Value(ctype, code, depth=address.depth + 3)

    def write(self, place: Place, value: Value) -> Value:
        """Store a value of the place's type; return it for further use."""
        if place.register:
            self.emit(f"{place.register} = {value.code}")
            return Value(value.type, place.register)
        address = place.address
        assert address is not None
        if isinstance(place.type, RecordType):
            self.emit(f"copy({address.code}, {value.code}, {place.type.size})")
            return Value(value.type, address.code)
        if place.member is not None:
            return self._write_bits(place, address, value)
        if value.const is None and not value.code.isidentifier():
            value = Value(value.type, self.temp(value.code), literal=value.literal)
        self.emit(f"st_{access_letter(place.type)}({address.loose}, {value.code})")
        return value

    def _write_bits(self, place: Place, address: Value, value: Value) -> Value:
        member = place.member
        assert member is not None
        assert member.width is not None
        assert isinstance(member.type, IntType)
        letter = "BBHIIQQQQ"[_unit_bytes(member.bit + member.width)]
        mask = (1 << member.width) - 1
        where = self.pure(replace(address, type=ULONG))
        new = self.temp(f"{value.code} & {mask:#x}")
        self.emit(
            f"st_{letter}({where.code}, ld_{letter}({where.code}) & ~{mask << member.bit:#x} "
            f"| {new} << {member.bit})"
        )
        if member.type.signed and not member.type.is_bool:
            half = 1 << member.width - 1
            return Value(value.type, f"(({new} ^ {half}) - {half})", depth=3)
        return Value(value.type, new)


def _unit_bytes(bits: int) -> int:
    for size in (1, 2, 4):
        if bits <= size * 8:
            return size
    return 8
