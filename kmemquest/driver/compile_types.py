"""From the parser's declarations to C types: specifiers, declarators, records, enums."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from kmemquest.driver.c_types import (
    INT,
    VOID,
    ArrayType,
    CType,
    FloatType,
    FunctionType,
    IntType,
    PointerType,
    Record,
    RecordType,
    decayed,
    enum_type,
    named_type,
    with_const,
    without_const,
)
from kmemquest.driver.compile_base import CompilerBase
from kmemquest.driver.header_index import unknown_type_hint
from kmemquest.driver.layout import Field, lay_out
from kmemquest.driver.limits import OBJECT_BYTES
from kmemquest.driver.parse import Attribute, ast
from kmemquest.driver.values import Symbol

_LARGEST_ALIGNMENT: Final = 1 << 28


class TypeReader(CompilerBase):
    """Reads types."""

    def read_type(self, node: Any) -> CType:
        """Return the type of a declarator chain, Typename or specifier node."""
        if isinstance(node, ast.Typename | ast.Decl | ast.Typedef):
            return self.read_type(node.type)
        if isinstance(node, ast.TypeDecl):
            base = self.read_type(node.type)
            return with_const(base) if "const" in (node.quals or ()) else base
        if isinstance(node, ast.PtrDecl):
            pointer: CType = PointerType(self.read_type(node.type))
            return with_const(pointer) if "const" in (node.quals or ()) else pointer
        if isinstance(node, ast.ArrayDecl):
            return self._array(node)
        if isinstance(node, ast.FuncDecl):
            return self._function(node)
        if isinstance(node, ast.IdentifierType):
            return self._named(node)
        if isinstance(node, ast.Struct | ast.Union):
            return self._record(node)
        if isinstance(node, ast.Enum):
            return self._enum(node)
        if isinstance(node, ast.TypeOf):
            if isinstance(node.expr, ast.Typename):
                return self.read_type(node.expr)
            found = self.type_of(node.expr)
            return without_const(found) if "unqual" in node.op else found
        raise self.failure(
            node, "this kind of type is not simulated", "use integers, pointers and structs"
        )

    def _named(self, node: Any) -> CType:
        names = node.names
        if len(names) == 1:
            symbol = self.lookup(names[0])
            if symbol is not None and symbol.kind == "typedef":
                return replace(symbol.type, alias=names[0])
        found = named_type(names)
        if found is not None:
            return found
        unknown = next((n for n in names if self.lookup(n) is None), " ".join(names))
        if unknown == "__auto_type":
            self.fail(node, "‘__auto_type’ needs an initialiser", "initialise the variable")
        raise self.failure(
            node,
            f"unknown type name ‘{unknown}’",
            unknown_type_hint(unknown),
        )

    def _array(self, node: Any) -> CType:
        element = self.read_type(node.type)
        if isinstance(element, FunctionType):
            self.fail(
                node, "declaration as array of functions", "use an array of function pointers"
            )
        if not element.complete and not isinstance(element, ArrayType):
            self.fail(
                node,
                f"array type has incomplete element type ‘{element.spelled()}’",
                "include the header that defines it",
            )
        if node.dim is None:
            return ArrayType(element, None)
        count = self.integer_constant_or_none(node.dim)
        if count is None:
            self.fail(
                node.dim,
                "ISO C90 forbids variable length array [-Wvla]",
                "use a constant size, or kmalloc_array()",
            )
        if count < 0:
            self.fail(node.dim, "size of array is negative", "give it a positive size")
        if count * max(element.size, 1) > OBJECT_BYTES:
            self.fail(node.dim, "size of array is too large", "allocate it at run time")
        return ArrayType(element, count)

    def integer_constant_or_none(self, node: Any) -> int | None:
        """Evaluate a constant expression; None when it is not constant."""
        saved = self.capture()
        try:
            value = self.value(node)
        finally:
            emitted = self.release(saved)
        del emitted
        return value.known if isinstance(value.type, IntType) else None

    def integer_constant(self, node: Any) -> int:
        """Evaluate an integer constant expression or tell that it is none."""
        found = self.integer_constant_or_none(node)
        if found is None:
            self.fail(node, "expression is not an integer constant", "use a constant here")
        return found

    def _function(self, node: Any) -> CType:
        result = self.read_type(node.type)
        parameters: list[CType] = []
        variadic = False
        if node.args is None:
            return FunctionType(result, (), prototype=False)
        items = node.args.params
        for item in items:
            if isinstance(item, ast.EllipsisParam):
                variadic = True
                continue
            if isinstance(item, ast.ID):
                self.fail(
                    item,
                    f"unknown type name ‘{item.name}’",
                    unknown_type_hint(item.name),
                )
            ctype = decayed(self.read_type(item))
            if ctype == VOID and len(items) == 1 and getattr(item, "name", None) is None:
                continue
            parameters.append(without_const(ctype))
        return FunctionType(result, tuple(parameters), variadic=variadic)

    # --- records ----------------------------------------------------------------------------

    def _record(self, node: Any) -> CType:
        kind = "struct" if isinstance(node, ast.Struct) else "union"
        if node.decls is None:
            found = self.lookup_tag(node.name)
            if found is None:
                found = self.record_of(node.name, kind, local=False)
            if not isinstance(found, Record) or found.kind != kind:
                self.fail(node, f"‘{node.name}’ defined as wrong kind of tag", "use another tag")
            return RecordType(found)
        if node.name:
            record = self.record_of(node.name, kind, local=True)
            if record.complete:
                self.fail(node, f"redefinition of ‘{kind} {node.name}’", "use another tag")
        else:
            record = Record(kind, "")
        fields: list[Field] = []
        for item in node.decls:
            if isinstance(item, ast.Decl):
                fields.extend(self._field(item))
        attributes = self.attributes.get(id(node), ())
        packed = any(a.name == "packed" for a in attributes)
        for position, entry in enumerate(fields[:-1]):
            if isinstance(entry.type, ArrayType) and entry.type.count is None and kind == "struct":
                del position
                self.fail(node, "flexible array member not at end of struct", "move it to the end")
        lay_out(record, fields, packed=packed, aligned=self.alignment_of(attributes))
        self.completed.add(id(record))
        return RecordType(record)

    def _field(self, item: Any) -> list[Field]:
        ctype = self.read_type(item.type)
        attributes: tuple[Attribute, ...] = self.attributes.get(id(item), ())
        aligned = self.alignment_of(attributes)
        packed = any(a.name == "packed" for a in attributes)
        name = item.name or ""
        if item.bitsize is not None:
            width = self.integer_constant(item.bitsize)
            if not isinstance(ctype, IntType):
                self.fail(item, f"bit-field ‘{name}’ has invalid type", "use an integer type")
            if width < 0:
                field = name or "<anonymous>"
                self.fail(item, f"negative width in bit-field ‘{field}’", "it must be 0 or more")
            if width > (1 if ctype.is_bool else ctype.bits):
                self.fail(item, f"width of ‘{name}’ exceeds its type", "use a wider type")
            return [Field(name, ctype, width, aligned, packed)]
        if not name and not isinstance(ctype, RecordType):
            self.sink.warn(
                self.at(item), "", "declaration does not declare anything", "give the member a name"
            )
            return []
        flexible = isinstance(ctype, ArrayType) and ctype.count is None
        if isinstance(ctype, FunctionType):
            self.fail(item, f"field ‘{name}’ declared as a function", "make it a function pointer")
        if not ctype.complete and not flexible:
            self.fail(
                item, f"field ‘{name}’ has incomplete type", "include the header, or use a pointer"
            )
        return [Field(name, ctype, None, aligned, packed)]

    def alignment_of(self, attributes: tuple[Attribute, ...]) -> int:
        """Return the largest aligned(n) of some attributes, 0 when there is none."""
        largest = 0
        for attribute in attributes:
            if attribute.name == "aligned":
                amount = 16
                if attribute.arguments:
                    amount = self._attribute_number(attribute.arguments)
                if amount > _LARGEST_ALIGNMENT or amount < 1 or amount & (amount - 1):
                    self.sink.error(
                        self.here, f"requested alignment ‘{amount}’ is not a positive power of 2"
                        if amount <= _LARGEST_ALIGNMENT else
                        f"requested alignment ‘{amount}’ exceeds maximum {_LARGEST_ALIGNMENT}",
                        "use 8, 64 or PAGE_SIZE, say",
                    )  # fmt: skip
                    amount = 1
                largest = max(largest, amount)
        return largest

    def _attribute_number(self, words: tuple[str, ...]) -> int:
        if len(words) == 1 and words[0].isdigit():
            return int(words[0])
        # Attribute arguments such as (1 << 6) or sizeof(long) are parsed on their own.
        from kmemquest.driver.parse import KernelParser
        from kmemquest.driver.tokens import cut

        lines = cut("int x = " + " ".join(words) + ";", self.file)
        typedefs = {n: s.kind == "typedef" for n, s in self.scopes[0].items()}
        syntax = KernelParser(self.sink, typedefs).parse_tokens(
            [t for line in lines for t in line], self.file
        )
        return self.integer_constant(syntax.declarations[0].init)

    def _enum(self, node: Any) -> CType:
        if node.values is None:
            found = self.lookup_tag(node.name)
            if isinstance(found, IntType):
                return found
            return enum_type(node.name or "", signed=False)
        value = -1
        negative = False
        for item in node.values.enumerators:
            if not isinstance(item, ast.Enumerator):
                continue
            value = self.integer_constant(item.value) if item.value is not None else value + 1
            negative = negative or value < 0
            if item.name in self.scopes[-1]:
                self.fail(item, f"redeclaration of enumerator ‘{item.name}’", "use another name")
            if item.value is None and value == 1 << 63:
                self.fail(item, "overflow in enumeration values", "use smaller values")
            ctype = INT if -(1 << 31) <= value < 1 << 31 else _wide(value)
            self.scopes[-1][item.name] = Symbol(
                item.name, "constant", ctype, self.at(item), value=value
            )
        ctype = enum_type(node.name or "", signed=negative)
        if node.name:
            self.tags[-1][node.name] = ctype
        return ctype

    def require_complete(self, ctype: CType, node: Any, name: str) -> None:
        """Refuse an object of an incomplete type."""
        if isinstance(ctype, FloatType):
            self.fail(
                node,
                "floating point is not available in the kernel (SSE is disabled)",
                "compute in integers, e.g. thousandths",
            )
        if not ctype.complete:
            what = ctype.spelled()
            if ctype == VOID:
                self.fail(node, f"variable or field ‘{name}’ declared void", "did you mean void *?")
            self.fail(
                node,
                f"storage size of ‘{name}’ isn’t known",
                f"include the header that defines {what}",
            )


def _wide(value: int) -> IntType:
    from kmemquest.driver.c_types import LONG, UINT, ULONG

    if 0 <= value < 1 << 32:
        return UINT
    return LONG if -(1 << 63) <= value < 1 << 63 else ULONG
