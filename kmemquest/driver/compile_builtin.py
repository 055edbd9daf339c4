"""The builtins that kernel headers lean on."""

from __future__ import annotations

from typing import Any, Final

from kmemquest.driver.c_types import (
    BOOL,
    CHAR_POINTER,
    INT,
    LONG,
    ULONG,
    VOID,
    VOID_POINTER,
    ArrayType,
    IntType,
    PointerType,
    RecordType,
    compatible,
    decayed,
    is_scalar,
    quoted,
    without_const,
)
from kmemquest.driver.check_assign import Assigning
from kmemquest.driver.parse import ast
from kmemquest.driver.values import Value, constant, wrap_code

_BITS: Final = {
    "ffs": ("bit_ffs", INT), "ffsl": ("bit_ffs", LONG), "ffsll": ("bit_ffs", LONG),
    "clz": ("bit_clz32", IntType("unsigned int", 4, signed=False, rank=3)),
    "clzl": ("bit_clz64", ULONG), "clzll": ("bit_clz64", ULONG),
    "ctz": ("bit_ctz", IntType("unsigned int", 4, signed=False, rank=3)),
    "ctzl": ("bit_ctz", ULONG), "ctzll": ("bit_ctz", ULONG),
    "popcount": ("bit_count", IntType("unsigned int", 4, signed=False, rank=3)),
    "popcountl": ("bit_count", ULONG), "popcountll": ("bit_count", ULONG),
    "abs": ("abs", INT), "labs": ("abs", LONG),
}  # fmt: skip
_FUNCTIONS: Final = frozenset(
    {"memcpy", "memset", "memmove", "memcmp", "strlen", "strcmp", "strncmp", "strchr"}
)


class Builtins(Assigning):
    """Compiles calls of `__builtin_…` and our own `__kmq_…`."""

    def builtin(self, name: str, node: Any) -> Value | None:
        """Compile a builtin call; None when the name is no builtin."""
        arguments = node.args.exprs if node.args is not None else []
        if name.startswith("__builtin_"):
            short = name.removeprefix("__builtin_")
            method = getattr(self, f"_builtin_{short}", None)
            if method is not None:
                result: Value = method(arguments, node)
                return result
            if short in _BITS:
                return self._bits(short, arguments)
            if short in ("bswap16", "bswap32", "bswap64"):
                return self._swap(int(short[5:]), arguments)
            if short in _FUNCTIONS and self.lookup(short) is not None:
                renamed = ast.FuncCall(ast.ID(short, node.name.coord), node.args, node.coord)
                return self.value(renamed)
            self.fail(node, f"‘{name}’ is not simulated", "use the kernel's own function for it")
        if name == "__kmq_type_text":
            ctype = (
                self.read_type(arguments[0])
                if isinstance(arguments[0], ast.Typename)
                else self.type_of(arguments[0])
            )
            return self.text(ctype.spelled())
        if name == "__kmq_size_known":
            fixed = self._builtin_object_size([arguments[0]], node).const != ULONG.mask
            return constant(int(fixed or self._lasting_size(arguments[0]) is not None), INT)
        if name == "__kmq_line":
            return constant(self.here.line, INT)
        if name == "__sync_synchronize":
            return Value(VOID, "0")
        return None

    def text(self, words: str) -> Value:
        """Return a string literal."""
        data = words.encode()
        label = self.draft.string(data)
        return Value(CHAR_POINTER, f"A[{label!r}]", const=0, symbol=label, literal=data)

    def _builtin_constant_p(self, arguments: list[Any], node: Any) -> Value:
        del node
        saved = self.capture()
        self.silent += 1
        try:
            value = self.value(arguments[0])
        finally:
            self.silent -= 1
            lines = self.release(saved)
        known = not lines and (value.known is not None or value.literal is not None)
        return constant(int(known), INT)

    def _builtin_expect(self, arguments: list[Any], node: Any) -> Value:
        del node
        value = self.value(arguments[0])
        if not isinstance(value.type, IntType):
            return self.convert(value, LONG) if value.test == "" else value
        converted = self.convert(value, LONG)
        converted.test = value.condition
        return converted

    def _builtin_choose_expr(self, arguments: list[Any], node: Any) -> Value:
        del node
        chosen = self.integer_constant(arguments[0])
        return self.value(arguments[1] if chosen else arguments[2])

    def _builtin_types_compatible_p(self, arguments: list[Any], node: Any) -> Value:
        del node
        types = [
            without_const(self.read_type(a) if isinstance(a, ast.Typename) else self.type_of(a))
            for a in arguments
        ]
        return constant(int(compatible(types[0], types[1])), INT)

    def _builtin_unreachable(self, arguments: list[Any], node: Any) -> Value:
        del arguments, node
        return Value(VOID, "0")

    _builtin_prefetch = _builtin_unreachable

    def _builtin_va_end(self, arguments: list[Any], node: Any) -> Value:
        del arguments, node
        return Value(VOID, "0")

    def _builtin_va_start(self, arguments: list[Any], node: Any) -> Value:
        place = self.place(arguments[0])
        if self.function is None or not self.function.variadic:
            self.fail(node, "‘va_start’ used in function with fixed arguments", "add , ... to it")
        return self.write(place, Value(ULONG, self.temp("va_begin(tail)")))

    def _builtin_va_copy(self, arguments: list[Any], node: Any) -> Value:
        del node
        place = self.place(arguments[0])
        source = self.value(arguments[1])
        return self.write(place, Value(ULONG, self.temp(f"va_copy({source.code})")))

    def _builtin_va_arg(self, arguments: list[Any], node: Any) -> Value:
        handle = self.value(arguments[0])
        ctype = self.read_type(arguments[1])
        if not is_scalar(ctype):
            self.fail(node, f"va_arg of {quoted(ctype)} is not simulated", "pass a pointer")
        name = self.temp(f"va_next({handle.code})")
        return Value(without_const(ctype), wrap_code(name, ctype))

    def _builtin_trap(self, arguments: list[Any], node: Any) -> Value:
        del arguments, node
        self.emit("trap()")
        return Value(VOID, "0")

    def _builtin_return_address(self, arguments: list[Any], node: Any) -> Value:
        del arguments, node
        return Value(VOID_POINTER, "return_address()")

    def _builtin_frame_address(self, arguments: list[Any], node: Any) -> Value:
        del arguments, node
        return Value(VOID_POINTER, "fp")

    def _builtin_object_size(self, arguments: list[Any], node: Any) -> Value:
        """The size of a named object; -1 (or 0 for the minimum) when unknown."""
        kind = self.integer_constant(arguments[1]) if len(arguments) > 1 else 0
        inner = arguments[0]
        while isinstance(inner, ast.Cast):
            inner = inner.expr
        unknown = constant(0 if kind & 2 else ULONG.mask, ULONG)
        if isinstance(inner, ast.UnaryOp) and inner.op == "&":
            inner = inner.expr
        elif not isinstance(inner, ast.ID | ast.StructRef):
            return unknown
        if isinstance(inner, ast.StructRef):
            size = self._size_of_member(inner, whole=not kind & 1)
            return unknown if size is None else constant(size, ULONG)
        if isinstance(inner, ast.ArrayRef):
            return unknown
        ctype = self.type_of(inner)
        if isinstance(ctype, ArrayType | RecordType) and ctype.size:
            return constant(ctype.size, ULONG)
        if isinstance(ctype, PointerType) and isinstance(inner, ast.ID):
            size = self._size_behind(inner.name)
            if size is not None:
                return constant(size, ULONG)
        del node
        return unknown

    def _size_of_member(self, node: Any, *, whole: bool) -> int | None:
        """The bytes of a member that is an array or a record, or (`whole`) to its object's end."""
        member_type = self.type_of(node)
        if not isinstance(member_type, ArrayType | RecordType) or not member_type.size:
            return None
        if not whole:
            return member_type.size
        outer = self.type_of(node.name)
        behind: int | None = None
        if node.type == "->":
            outer = outer.target if isinstance(outer, PointerType) else outer
            if isinstance(node.name, ast.ID):
                behind = self._size_behind(node.name.name)
        elif isinstance(node.name, ast.ID) and isinstance(outer, RecordType):
            behind = outer.size
        if behind is None or not isinstance(outer, RecordType):
            return None
        member = outer.record.index.get(node.field.name)
        return None if member is None else max(behind - member.offset, 0)

    def _size_behind(self, name: str) -> int | None:
        """The bytes behind a local pointer that an allocator with alloc_size gave, if known."""
        from kmemquest.driver.allocation_size import allocated_size, only_source

        body = self.function_symbol.node.body if self.function_symbol is not None else None
        call = only_source(body, name) if body is not None else None
        indices = self._allocation_indices(call)
        if not indices:
            return None
        self.silent += 1
        try:
            return allocated_size(call, indices, self.integer_constant_or_none)
        finally:
            self.silent -= 1

    def _allocation_indices(self, call: Any) -> tuple[int, ...]:
        """The arguments (from 1) that a function's alloc_size names; none without one."""
        callee = self.lookup(call.name.name) if call and isinstance(call.name, ast.ID) else None
        declared = callee.attribute("alloc_size") if callee is not None else None
        if declared is None:
            return ()
        return tuple(int(word) for word in declared.arguments if word.isdigit())

    def _builtin_dynamic_object_size(self, arguments: list[Any], node: Any) -> Value:
        """The same, computed at run time where the size of an allocation lasts."""
        known = self._builtin_object_size(arguments, node)
        if known.const not in (0, ULONG.mask):
            return known
        return self._lasting_size(arguments[0]) or known

    def _lasting_size(self, pointer: Any) -> Value | None:
        from kmemquest.driver.allocation_size import (
            lasting_arguments,
            lasts,
            only_source,
            parameter_names,
        )

        while isinstance(pointer, ast.Cast):
            pointer = pointer.expr
        function = self.function_symbol
        if function is None or not isinstance(pointer, ast.ID):
            return None
        body = function.node.body
        call = only_source(body, pointer.name)
        if call is None:
            return None
        indices = self._allocation_indices(call)
        parameters = parameter_names(function.node)
        chosen = lasting_arguments(call, indices, lambda node: lasts(node, body, parameters))
        if not chosen:
            return None
        values = [self.convert(self.value(argument), ULONG) for argument in chosen]
        product = " * ".join(f"({value.code})" for value in values)
        return Value(ULONG, f"({product} & {ULONG.mask:#x})", depth=values[0].depth + 2)

    def _builtin_add_overflow(self, arguments: list[Any], node: Any) -> Value:
        return self._overflow("+", arguments, node)

    def _builtin_sub_overflow(self, arguments: list[Any], node: Any) -> Value:
        return self._overflow("-", arguments, node)

    def _builtin_mul_overflow(self, arguments: list[Any], node: Any) -> Value:
        return self._overflow("*", arguments, node)

    def _overflow(self, operator: str, arguments: list[Any], node: Any) -> Value:
        left, right, target = (self.value(a) for a in arguments)
        if not isinstance(target.type, PointerType) or not isinstance(target.type.target, IntType):
            self.fail(node, "the third argument must point to an integer", "pass &result")
        ctype = target.type.target
        exact = self.temp(f"{left.code} {operator} {right.code}")
        kept = self.temp(wrap_code(exact, ctype))
        from kmemquest.driver.values import Place

        self.write(Place(ctype, address=target), Value(ctype, kept))
        test = f"({exact} != {kept})"
        return Value(BOOL, f"(1 if {test} else 0)", test=test)

    def _bits(self, short: str, arguments: list[Any]) -> Value:
        function, ctype = _BITS[short]
        value = self.convert(self.value(arguments[0]), ctype)
        if value.known is not None and short != "abs":
            known = value.known & ULONG.mask
            if function == "bit_count":
                return constant(known.bit_count(), INT)
            if function == "bit_ffs":
                return constant((known & -known).bit_length(), INT)
            if function == "bit_clz64" and known:
                return constant(64 - known.bit_length(), INT)
            if function == "bit_clz32" and known:
                return constant(32 - known.bit_length(), INT)
            if function == "bit_ctz" and known:
                return constant((known & -known).bit_length() - 1, INT)
        result = LONG if short == "labs" else INT
        return Value(result, f"{function}({value.code})", depth=value.depth + 1)

    def _swap(self, bits: int, arguments: list[Any]) -> Value:
        ctype = {
            16: ("short unsigned int", 2, 2),
            32: ("unsigned int", 4, 3),
            64: ("long unsigned int", 8, 4),
        }[bits]
        integer = IntType(ctype[0], ctype[1], signed=False, rank=ctype[2])
        value = self.convert(self.value(arguments[0]), integer)
        if value.known is not None:
            data = value.known.to_bytes(integer.bytes, "little")
            return constant(int.from_bytes(data, "big"), integer)
        return Value(integer, f"swap({value.code}, {integer.bytes})", depth=value.depth + 1)

    def offset_of(self, node: Any) -> Value:
        """Compile __builtin_offsetof(type, member.path[3])."""
        ctype = self.read_type(node.args.exprs[0])
        offset, _ = self._path(ctype, node.args.exprs[1])
        return constant(offset, ULONG)

    def _path(self, ctype: Any, node: Any) -> tuple[int, Any]:
        if isinstance(node, ast.ID):
            return self._step_into(ctype, node)
        if isinstance(node, ast.StructRef):
            offset, inner = self._path(ctype, node.name)
            further, last = self._step_into(inner, node.field)
            return offset + further, last
        if isinstance(node, ast.ArrayRef):
            offset, inner = self._path(ctype, node.name)
            if isinstance(inner, ArrayType):
                index = self.integer_constant_or_none(node.subscript)
                if index is not None:
                    return offset + index * inner.element.size, inner.element
        raise self.failure(node, "this offsetof is not simulated", "name a member of the struct")

    def _step_into(self, ctype: Any, node: Any) -> tuple[int, Any]:
        if isinstance(ctype, RecordType) and ctype.complete:
            member = ctype.record.index.get(node.name)
            if member is not None:
                return member.offset, member.type
        raise self.failure(
            node,
            f"{quoted(decayed(ctype))} has no member named ‘{node.name}’",
            "offsetof needs a struct and one of its members",
        )
