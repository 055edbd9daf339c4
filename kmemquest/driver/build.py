"""From driver source to a module, or to diagnostics: `build(source) -> Build`.

Headers are preprocessed, parsed and entered once per list of includes; later builds start from the
finished state.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from kmemquest.driver.diagnostics import (
    ERROR,
    NOTE,
    BuildStop,
    Diagnostic,
    DiagnosticSink,
    Position,
)
from kmemquest.driver.limits import SHOWN_DIAGNOSTICS, SOURCE_BYTES
from kmemquest.driver.macros import Macro
from kmemquest.driver.module_image import Module, ModuleDraft
from kmemquest.driver.tokens import PPToken, cut
from kmemquest.kernel.garbage import collector_paused

_RECURSION: Final = 12_000
_KEPT_PRELUDES: Final = 64


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How to build. `werror` is CONFIG_WERROR (y in x86_64_defconfig); `defines` are -D words."""

    werror: bool = True
    require_license: bool = True
    defines: tuple[tuple[str, str], ...] = ()
    include_folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Build:
    """The outcome: a module when `ok`, and all that was said."""

    module: Module | None
    diagnostics: tuple[Diagnostic, ...]

    @property
    def ok(self) -> bool:
        """Whether there is a module to load."""
        return self.module is not None


@dataclass(slots=True)
class _Prelude:
    """The state after a driver's leading includes."""

    macros: dict[str, Macro]
    once: set[str]
    guards: dict[str, str]
    counter: int
    typedefs: dict[str, bool]
    scope: dict[str, Any]
    tags: dict[str, Any]
    needed: dict[str, Position]
    draft: ModuleDraft
    diagnostics: tuple[Diagnostic, ...]
    unfinished: dict[int, Any]
    next_name: int


_preludes: OrderedDict[tuple[object, ...], _Prelude] = OrderedDict()


def build(
    source: str,
    name: str = "driver.c",
    *,
    builtin: bool = False,
    options: BuildOptions | None = None,
) -> Build:
    """Build a driver. Nothing that a source contains raises; it is told in the diagnostics."""
    options = options or BuildOptions()
    sink = DiagnosticSink(werror=options.werror)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _RECURSION))
    module = None
    try:
        with collector_paused():
            module = _build(source, name, sink, options, builtin=builtin)
    except BuildStop:
        pass
    except (RecursionError, MemoryError):
        sink.error(
            Position(name, 1, 1),
            "the source is nested too deeply to be compiled",
            "split long expressions and functions",
        )
    finally:
        sys.setrecursionlimit(limit)
    return Build(None if sink.failed else module, _shown(_in_order(sink.collected())))


def _shown(diagnostics: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Leave off what nobody reads: all after the first messages becomes a count."""
    errors = [d for d in diagnostics if d.severity == ERROR]
    if len(diagnostics) <= SHOWN_DIAGNOSTICS:
        return diagnostics
    kept = diagnostics[:SHOWN_DIAGNOSTICS]
    if errors and not any(d.severity == ERROR for d in kept):
        kept = (*kept[:-1], errors[0])
    last, more = kept[-1], len(diagnostics) - len(kept)
    text = f"… and {more} more messages: mend the first ones and build again"
    return (*kept, Diagnostic(last.file, last.line, last.column, NOTE, "", text))


def _in_order(diagnostics: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Sort by line; notes stay behind the message they belong to."""
    groups: list[list[Diagnostic]] = []
    for item in diagnostics:
        if item.severity == "note" and groups:
            groups[-1].append(item)
        else:
            groups.append([item])
    groups.sort(key=lambda group: (group[0].line, group[0].column))
    return tuple(item for group in groups for item in group)


def _build(
    source: str, name: str, sink: DiagnosticSink, options: BuildOptions, *, builtin: bool
) -> Module | None:
    from kmemquest.driver.compile_unit import UnitCompiler
    from kmemquest.driver.parse import KernelParser
    from kmemquest.driver.preprocess import Preprocessor

    if len(source.encode("utf-8", "surrogatepass")) > SOURCE_BYTES:
        sink.error(
            Position(name, 1, 1),
            f"the source is longer than {SOURCE_BYTES // 1024} KiB",
            "shorten it",
        )
        raise BuildStop
    lines = cut(_plain(source), name)
    head, body = _split(lines)
    prelude = _prelude(head, sink, name, options, builtin=builtin)

    preprocessor = Preprocessor(sink, options.include_folder)
    preprocessor.expander.macros = dict(prelude.macros)
    preprocessor.expander.counter = prelude.counter
    preprocessor.once, preprocessor.guards = set(prelude.once), dict(prelude.guards)
    stem = name.rsplit("/", 1)[-1].rsplit(".", 1)[0].replace("-", "_")
    preprocessor.define_text("KBUILD_MODNAME", f'"{stem}"')
    preprocessor.define_text("KBUILD_BASENAME", f'"{stem}"')
    tokens = preprocessor.run_driver(body)

    parser = KernelParser(sink, prelude.typedefs)
    syntax = parser.parse_within(tokens, name)

    draft = _copied(prelude.draft)
    unit = UnitCompiler(sink, draft, name)
    unit.scopes[0], unit.tags[0] = dict(prelude.scope), dict(prelude.tags)
    unit.counter = prelude.next_name
    unit.needed.update(prelude.needed)
    unit.run(syntax)
    unit.compile_needed()
    if prelude.unfinished.keys() & unit.completed:
        # The driver completed a struct that the shared headers only name: do not share it on.
        _forget(prelude)

    from kmemquest.driver.modpost import finish

    return finish(unit, stem, name, source, options, builtin=builtin)


def _plain(source: str) -> str:
    """Drop a byte order mark, blank NULs, and give a file of carriage returns lines."""
    source = source.removeprefix("\ufeff").replace("\0", " ")
    return source if "\n" in source else source.replace("\r", "\n")


def _split(lines: Sequence[list[PPToken]]) -> tuple[list[list[PPToken]], list[list[PPToken]]]:
    """Split into leading #include and #define lines, and the rest."""
    last = 0
    for number, line in enumerate(lines):
        if line[0].text != "#" or len(line) < 2 or line[1].text not in ("include", "define"):
            break
        if line[1].text == "include":
            if len(line) < 3 or line[2].text != "<":
                break
            last = number + 1
    return list(lines[:last]), list(lines[last:])


def _prelude(
    head: list[list[PPToken]],
    sink: DiagnosticSink,
    name: str,
    options: BuildOptions,
    *,
    builtin: bool,
) -> _Prelude:
    from kmemquest.driver.compile_unit import UnitCompiler
    from kmemquest.driver.parse import KernelParser
    from kmemquest.driver.preprocess import Preprocessor

    spelled = tuple(
        (line[0].line if line[1].text == "define" else 0, *(t.text + " " * t.space for t in line))
        for line in head
    )
    key = (spelled, name if any("define" in s[:3] for s in spelled) else "", builtin, options)
    found = _preludes.get(key)
    if found is not None:
        _preludes.move_to_end(key)
        _repeat(found.diagnostics, sink)
        return found
    own = DiagnosticSink(werror=options.werror)
    preprocessor = Preprocessor(own, options.include_folder)
    preprocessor.predefine(module=not builtin)
    for word, value in options.defines:
        preprocessor.define_text(word, value)
    try:
        kconfig = Path(preprocessor.folder) / "linux" / "kconfig.h"
        if kconfig.is_file():
            preprocessor.include("linux/kconfig.h", None)
        first = preprocessor._out
        tokens = first + preprocessor.run(head)
        parser = KernelParser(own, {"__builtin_va_list": True})
        syntax = parser.parse_tokens(tokens, name)
        unit = UnitCompiler(own, ModuleDraft(), "<headers>")
        unit.in_headers = True
        unit.scopes[0]["__builtin_va_list"] = _va_list()
        unit.run(syntax)
    except BuildStop:
        sink.adopt(own)
        raise
    sink.adopt(own)
    from kmemquest.driver.c_types import Record

    prelude = _Prelude(
        macros=preprocessor.macros,
        once=preprocessor.once,
        guards=preprocessor.guards,
        counter=preprocessor.expander.counter,
        typedefs=dict(parser.typedefs),
        scope=unit.scopes[0],
        tags=unit.tags[0],
        needed=dict(unit.needed),
        draft=unit.draft,
        diagnostics=own.collected(),
        unfinished={
            id(r): r for r in unit.tags[0].values() if isinstance(r, Record) and not r.complete
        },
        next_name=unit.counter,
    )
    if not own.failed:
        _preludes[key] = prelude
        while len(_preludes) > _KEPT_PRELUDES:
            _preludes.popitem(last=False)
    return prelude


def _va_list() -> Any:
    from kmemquest.driver.c_types import ULONG
    from kmemquest.driver.values import Symbol

    return Symbol("__builtin_va_list", "typedef", ULONG, Position("<built-in>", 1, 1))


def _repeat(diagnostics: Sequence[Diagnostic], sink: DiagnosticSink) -> None:
    for item in diagnostics:
        sink._add(replace(item))


def _forget(prelude: _Prelude) -> None:
    for key, value in list(_preludes.items()):
        if value is prelude:
            del _preludes[key]


def _copied(draft: ModuleDraft) -> ModuleDraft:
    return ModuleDraft(
        functions=dict(draft.functions), objects=dict(draft.objects), steps=list(draft.steps),
        strings=dict(draft.strings), kernel_functions=dict(draft.kernel_functions),
        kernel_objects=dict(draft.kernel_objects), types=list(draft.types),
        references=list(draft.references),
    )  # fmt: skip
