"""Names at file scope: declarations of functions, and objects with static storage."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from kmemquest.driver.c_types import ArrayType, CType, FunctionType, compatible, quoted
from kmemquest.driver.compile_base import CannotCompile
from kmemquest.driver.compile_stmt import Statements
from kmemquest.driver.limits import OBJECT_BYTES
from kmemquest.driver.module_image import DataObject
from kmemquest.driver.parse import Attribute
from kmemquest.driver.values import Symbol

_ENTRIES: Final = {
    "__kmq_init": ("init_module", "a module has one module_init()"),
    "__kmq_exit": ("cleanup_module", "a module has one module_exit()"),
}


def _section(attributes: tuple[Attribute, ...]) -> str:
    for attribute in attributes:
        if attribute.name == "section" and attribute.arguments:
            return "".join(attribute.arguments).replace('"', "")
    return ""


class Statics(Statements):
    """Enters functions and static objects into the scope of the file."""

    def declare_function(
        self, node: Any, ctype: FunctionType, attributes: tuple[Attribute, ...]
    ) -> Symbol:
        """Enter a prototype, or merge it with the one before."""
        name = node.name
        known = self.scopes[0].get(name)
        static = "static" in (node.storage or ())
        if known is not None:
            if known.kind != "function" or not compatible(known.type, ctype):
                self.sink.error(
                    self.at(node),
                    f"conflicting types for ‘{name}’; have ‘{ctype.spelled()}’"
                    if known.kind == "function"
                    else f"‘{name}’ redeclared as different kind of symbol",
                    f"the declaration before is ‘{known.type.spelled()}’",
                )
                self.sink.note(known.where, f"previous declaration of ‘{name}’")
                raise CannotCompile
            if static and not known.static:
                self.fail(
                    node,
                    f"static declaration of ‘{name}’ follows non-static declaration",
                    f"a kernel header declares {name}() already: choose another name"
                    if known.where.file != self.file else "make both static",
                )  # fmt: skip
            merged = replace(
                known,
                attributes=known.attributes + attributes,
                section=_section(attributes) or known.section,
            )
            if isinstance(known.type, FunctionType) and not known.type.prototype:
                merged.type = ctype
            self.scopes[0][name] = merged
            return merged
        symbol = Symbol(
            name, "function", ctype, self.at(node), static=static,
            inline="inline" in (node.funcspec or ()), attributes=attributes,
            section=_section(attributes) or ".text",
        )  # fmt: skip
        self.scopes[0][name] = symbol
        return symbol

    def _object(self, node: Any, ctype: CType, attributes: tuple[Attribute, ...]) -> None:
        name = node.name
        storage = node.storage or ()
        known = self.scopes[0].get(name)
        if known is not None:
            if known.kind != "object" or not self._same_object(known.type, ctype):
                self.sink.error(
                    self.at(node), f"conflicting types for ‘{name}’; have {quoted(ctype)}"
                    if known.kind == "object" else f"‘{name}’ redeclared as different kind",
                    f"the declaration before has the type {quoted(known.type)}",
                )  # fmt: skip
                self.sink.note(known.where, f"previous declaration of ‘{name}’")
                raise CannotCompile
            if known.defined and node.init is not None:
                shown, hint = _ENTRIES.get(name, (name, "remove one of them"))
                self.sink.error(self.at(node), f"redefinition of ‘{shown}’", hint)
                self.sink.note(known.where, f"previous definition of ‘{shown}’")
                raise CannotCompile
        if "extern" in storage and node.init is None:
            if known is None:
                self.scopes[0][name] = Symbol(
                    name, "object", ctype, self.at(node), extern=True, attributes=attributes,
                    section=".data",
                )  # fmt: skip
            return
        self.define_object(node, ctype, attributes, name, self.scopes[0])

    def _same_object(self, known: CType, new: CType) -> bool:
        return compatible(known, new)

    def define_object(
        self, node: Any, ctype: CType, attributes: tuple[Attribute, ...], label: str,
        scope: dict[str, Symbol],
    ) -> None:  # fmt: skip
        """Make a static object and its symbol."""
        unfinished = isinstance(ctype, ArrayType) and ctype.count is None
        if not (unfinished and node.init is not None):
            self.require_complete(ctype, node, node.name)
        section = _section(attributes)
        self._check_size(node, ctype.size)
        symbol = Symbol(
            node.name, "object", ctype, self.at(node), static="static" in (node.storage or ()),
            defined=node.init is not None, attributes=attributes, assigned=True, names=(label,),
            section=section or (".bss" if node.init is None else ".data"),
        )  # fmt: skip
        known = scope.get(node.name)
        if known is not None:
            symbol.used = known.used
        scope[node.name] = symbol
        align = max(ctype.align, self.alignment_of(attributes), 1)
        item = DataObject(label, ctype.size, align, symbol.section, bytearray(ctype.size))
        before = self.draft.objects.get(label)
        if before is None or node.init is not None:
            self.draft.objects[label] = item
            if label != node.name or scope is not self.scopes[0]:
                self.scopes[0].setdefault(label, symbol)
        if node.init is not None:
            ctype = self.static_data(ctype, node.init, node, item)
            symbol.type = ctype
            if _constant(ctype) and not section:
                item.section = symbol.section = ".rodata"

    def _check_size(self, node: Any, size: int) -> None:
        held = sum(item.size for item in self.draft.objects.values()) if size > 4096 else 0
        if size + held > OBJECT_BYTES:
            self.fail(
                node, f"size of variable ‘{node.name}’ is too large",
                f"static data of a module is limited to {OBJECT_BYTES >> 20} MiB here: "
                "allocate it at run time",
            )  # fmt: skip


def _constant(ctype: CType) -> bool:
    """Tell whether an object is const: an array is if its elements are."""
    while isinstance(ctype, ArrayType):
        ctype = ctype.element
    return ctype.const
