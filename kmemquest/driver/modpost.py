"""The last step of a module build: what modpost checks, and the finished module."""

from __future__ import annotations

from kmemquest.driver.binding import OBJECTS, REGISTRY, load_bindings
from kmemquest.driver.build import BuildOptions
from kmemquest.driver.compile_unit import UnitCompiler
from kmemquest.driver.diagnostics import Position
from kmemquest.driver.exports import INSTEAD, UNEXPORTED
from kmemquest.driver.module_image import Module, Parameter
from kmemquest.driver.values import Symbol

_EXEMPT = (".kmq.", ".modinfo", "__param", ".discard")


def finish(
    unit: UnitCompiler,
    stem: str,
    file: str,
    source: str,
    options: BuildOptions,
    *,
    builtin: bool,
) -> Module | None:
    """Resolve symbols, check sections and the licence; return the module."""
    load_bindings()
    _resolve(unit, stem)
    if not builtin:
        _check_exports(unit, stem)
    info = _module_info(unit)
    if unit.sink.mistakes:
        return None
    if not unit.sink.failed:
        _unused(
            unit, {n for k, v in info if k in ("kmq_param", "kmq_export") for n in v.split(":")}
        )
    if not builtin:
        _check_sections(unit, stem)
        if options.require_license and not any(key == "license" for key, _ in info):
            last = source.count("\n") + 1
            unit.sink.error(
                Position(file, last, 1),
                f"modpost: missing MODULE_LICENSE() in {stem}.o",
                'add MODULE_LICENSE("GPL"); at the end of the file',
            )
    if unit.sink.failed:
        return None
    draft = unit.draft
    symbols = {
        name: symbol
        for name, symbol in unit.scopes[0].items()
        if symbol.kind in ("object", "function")
        and (name in draft.objects or name in draft.functions)
    }
    return Module(
        name=stem, file=file, builtin=builtin, source=source, functions=draft.functions,
        objects=draft.objects, steps=tuple(draft.steps), symbols=symbols,
        types=tuple(draft.types), kernel_functions=draft.kernel_functions,
        kernel_objects=draft.kernel_objects, info=tuple(info),
        parameters=tuple(_parameters(unit, info)),
    )  # fmt: skip


def _resolve(unit: UnitCompiler, stem: str) -> None:
    draft = unit.draft
    compiled = not unit.sink.failed
    wanted = dict(unit.needed)
    for item in draft.objects.values():
        for relocation in item.relocations:
            wanted.setdefault(relocation.symbol, unit.here)
    for name, where in wanted.items():
        if name in draft.functions or name in draft.objects:
            continue
        symbol = unit.scopes[0].get(name)
        if symbol is None:
            continue
        if symbol.kind == "function":
            if name in REGISTRY:
                draft.kernel_functions[name] = symbol
            elif symbol.node is None:
                _missing(unit, symbol, where, stem, compiled=compiled)
        elif symbol.kind == "object":
            if name in OBJECTS:
                draft.kernel_objects[name] = symbol
            else:
                _missing(unit, symbol, where, stem, compiled=compiled)


def _check_exports(unit: UnitCompiler, stem: str) -> None:
    """Refuse kernel functions that no module may link to."""
    for name, where in unit.needed.items():
        if name in unit.draft.kernel_functions and name in UNEXPORTED:
            unit.sink.error(
                where,
                f'modpost: "{UNEXPORTED[name]}" [{stem}.ko] undefined!',
                f"{name}() is not exported to modules; {INSTEAD[name.partition('_')[0]]}",
            )


def _missing(
    unit: UnitCompiler, symbol: Symbol, where: Position, stem: str, *, compiled: bool
) -> None:
    if symbol.where.file == unit.file and not compiled:
        return
    if symbol.static:
        unit.sink.warn(
            symbol.where, "", f"‘{symbol.name}’ used but never defined", "define the function"
        )
    elif symbol.where.file == unit.file:
        unit.sink.error(
            where, f'modpost: "{symbol.name}" [{stem}.ko] undefined!', f"define {symbol.name}"
        )
    else:
        unit.sink.error(
            where,
            f"‘{symbol.name}’ is not simulated yet",
            f"{symbol.where.file} declares it, but KMemQuest cannot run it: use another function",
        )


def _unused(unit: UnitCompiler, published: set[str]) -> None:
    entries = {
        r.symbol
        for item in unit.draft.objects.values()
        for r in item.relocations
    }  # fmt: skip
    for name, symbol in unit.scopes[0].items():
        if symbol.where.file != unit.file or not symbol.static or symbol.used:
            continue
        if name in entries or name in unit.needed or name in published:
            continue
        if any(a.name in ("unused", "used", "maybe_unused") for a in symbol.attributes):
            continue
        if symbol.kind == "function" and symbol.node is not None and not symbol.inline:
            unit.sink.warn(
                symbol.where, "-Wunused-function", f"‘{name}’ defined but not used",
                "call it, or remove it (did you forget module_init()/module_exit()?)",
            )  # fmt: skip
        elif symbol.kind == "object" and not symbol.section.startswith(_EXEMPT) and "." not in name:
            if not symbol.type.const:
                unit.sink.warn(
                    symbol.where, "-Wunused-variable", f"‘{name}’ defined but not used",
                    "use it, or remove it",
                )  # fmt: skip


def _module_info(unit: UnitCompiler) -> list[tuple[str, str]]:
    info = []
    for item in unit.draft.objects.values():
        if item.section == ".modinfo":
            text = bytes(item.data).split(b"\0")[0].decode("utf-8", "replace")
            key, _, value = text.partition("=")
            info.append((key, value))
    return info


def _parameters(unit: UnitCompiler, info: list[tuple[str, str]]) -> list[Parameter]:
    found = []
    for key, value in info:
        if key != "kmq_param":
            continue
        parts = value.split(":")
        if len(parts) >= 3 and parts[1] in unit.draft.objects:
            digits = parts[3].strip() if len(parts) > 3 else "0"
            permissions = int(digits, 8) if digits.isdigit() else 0
            counter = parts[4].strip().removeprefix("&") if len(parts) > 4 else ""
            found.append(Parameter(parts[0], parts[1], parts[2], permissions, counter))
    return found


# --- section mismatches (scripts/mod/modpost.c) -----------------------------------------------


def _check_sections(unit: UnitCompiler, stem: str) -> None:
    home = _effective_sections(unit)
    told = False
    for reference in unit.draft.references:
        source = home.get(reference.source, reference.source_section)
        target = reference.target_section
        if source.startswith(_EXEMPT) or not _mismatch(source, target):
            continue
        told = True
        unit.sink.error(
            reference.where,
            f"modpost: {stem}: section mismatch in reference: {reference.source} "
            f"(section: {source}) -> {reference.target} (section: {target})",
            "what is __init or __initdata is freed after init: remove the annotation, or add it "
            "to the user as well"
            if ".init" in target
            else "code in .exit.text may be discarded: remove the __exit",
        )
    if told:
        unit.sink.note(Position(unit.file, 1, 1), "modpost: Section mismatches detected.")


def _mismatch(source: str, target: str) -> bool:
    normal = not source.startswith((".init", ".exit"))
    if target.startswith(".init"):
        return normal or source.startswith(".exit")
    if target.startswith(".exit"):
        return source.startswith(".init")
    return False


def _effective_sections(unit: UnitCompiler) -> dict[str, str]:
    """A static function with one caller is inlined: its code lies where the caller's does."""
    callers: dict[str, list[str]] = {}
    addressed = {r.symbol for item in unit.draft.objects.values() for r in item.relocations}
    for reference in unit.draft.references:
        callers.setdefault(reference.target, []).append(reference.source)
    home = {name: code.section for name, code in unit.draft.functions.items()}
    for _ in range(len(home)):
        changed = False
        for name, section in home.items():
            symbol = unit.scopes[0].get(name)
            if section != ".text" or symbol is None or not symbol.static or name in addressed:
                continue
            sources = callers.get(name, [])
            if len(sources) == 1 and home.get(sources[0], ".text") != ".text":
                home[name] = home[sources[0]]
                changed = True
        if not changed:
            break
    return home
