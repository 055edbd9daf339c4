# ruff: noqa: E501 (tables of words)
"""Mutated and made-up drivers: no exception of the simulator, no run past its limits, repeatable.

KMEMQUEST_FUZZ=5000 runs that many examples with fresh randomness.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kmemquest.driver.limits import Limits
from kmemquest.driver.run import RunResult, run_driver
from kmemquest.driver.script import ScriptError
from tests.driver.corpus import MODES, Case, cases, run_case
from tests.driver.kernel_module import HEAD, machine

EXAMPLES: Final = int(os.environ.get("KMEMQUEST_FUZZ", "0"))
LIMITS: Final = Limits(steps=20_000)
FUZZ: Final = settings(
    max_examples=EXAMPLES or 120,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
LEVELS: Final = Path(__file__).parent.parent.parent / "levels"


def _level_drivers() -> list[str]:
    paths = (p for p in sorted(LEVELS.glob("*/*.yaml")) if p.name.count(".") == 1)
    found = (yaml.safe_load(path.read_text("utf-8"))["driver"] for path in paths)
    return [re.sub(r"/\*@slot.*?\*/", "NULL", source) for source in found]


CASES: Final = [case for case in cases() if not case.boot]
CORPUS: Final = [case.source for case in cases()] + _level_drivers()
WORDS: Final = [
    "{", "}", "(", ")", ";", ",", "*", "&", "->", "[", "]", "=", "==", "<<", "0", "-1", "0xffffffff",
    "NULL", "sizeof", "int", "char", "unsigned long", "void", "struct", "static", "return", "if (1)",
    "while (1)", "for (;;)", "break;", "goto out;", "out:", "kfree", "kmalloc(8, GFP_KERNEL)", '"',
    "'", "/*", "*/", "#define x x x", "#if 0", "#endif", "\\", "__init", "GFP_ATOMIC", "~0ul", "1 / 0",
]  # fmt: skip
TOKEN: Final = re.compile(r"\s+|\w+|[^\w\s]")


@st.composite
def mutants(draw: st.DrawFn) -> str:
    """A driver of the corpus with a few words lost, doubled, swapped or put in."""
    pieces = TOKEN.findall(draw(st.sampled_from(CORPUS)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(pieces) - 1))
        act = draw(st.sampled_from(["drop", "double", "swap", "put", "replace"]))
        if act == "drop":
            del pieces[at : at + draw(st.integers(1, 3))]
        elif act == "double":
            pieces.insert(at, pieces[at])
        elif act == "swap":
            other = draw(st.integers(0, len(pieces) - 1))
            pieces[at], pieces[other] = pieces[other], pieces[at]
        elif act == "put":
            pieces.insert(at, " " + draw(st.sampled_from(WORDS)) + " ")
        else:
            pieces[at] = draw(st.sampled_from(WORDS))
        if not pieces:
            pieces = [";"]
    return "".join(pieces)


STATEMENT: Final = re.compile(r"^\t+[^\s/#*].*;(?:\s*/\*.*)?$", re.MULTILINE)
NUMBER: Final = re.compile(r"\b(?:0x[0-9a-f]+|\d+)\b")
IDENTIFIER: Final = re.compile(r"\b[a-z_][a-z_0-9]{2,}\b")
CONDITION: Final = re.compile(r"if \((.+)\)$", re.MULTILINE)


def _change(draw: st.DrawFn, source: str) -> str:
    """One change that mostly compiles: what an author forgets, doubles, or mistypes."""
    act = draw(st.sampled_from(["lose", "lose", "double", "swap", "number", "name", "negate"]))
    pattern = {"number": NUMBER, "name": IDENTIFIER, "negate": CONDITION}.get(act, STATEMENT)
    found = list(pattern.finditer(source))
    if not found:
        return source
    spot = draw(st.sampled_from(found))
    start, end, text = spot.start(), spot.end(), spot.group()
    other = draw(st.sampled_from(found))
    if act == "swap" and spot.end() <= other.start():
        middle = source[end : other.start()]
        return source[:start] + other.group() + middle + text + source[other.end() :]
    changed = {
        "lose": "",
        "double": f"{text}\n{text}",
        "number": draw(st.sampled_from(["0", "1", "-1", "4097", "0x7fffffff", "~0ul"])),
        "name": other.group(),
        "negate": f"if (!({spot.group(1) if act == 'negate' else ''}))",
    }.get(act, text)
    return source[:start] + changed + source[end:]


@st.composite
def faulty_cases(draw: st.DrawFn) -> Case:
    """A driver of the corpus with a few statements changed, and steps of its script lost."""
    case = draw(st.sampled_from(CASES))
    source = case.source
    for _ in range(draw(st.integers(1, 3))):
        source = _change(draw, source)
    script = list(case.script)
    if draw(st.booleans()):
        for _ in range(draw(st.integers(1, 3))):
            at = draw(st.integers(0, len(script) - 1))
            script.insert(draw(st.integers(0, len(script) - 1)), script[at])
            if len(script) > 2 and draw(st.booleans()):
                del script[draw(st.integers(0, len(script) - 1))]
    return replace(case, source=source, script=script)


NAMES: Final = ["a", "b", "p", "q", "g", "t[a & 3]", "*p", "s.m", "r->m"]
NUMBERS: Final = ["0", "1", "-1", "8", "4096", "0x7fffffff", "1ul << 63", "PAGE_SIZE", "200"]
OPERATORS: Final = ["+", "-", "*", "/", "%", "<<", ">>", "&", "|", "^", "<", "==", "&&", "||", ","]
CALLS: Final = [
    "p = kmalloc({0}, GFP_KERNEL)", "p = kzalloc({0}, GFP_ATOMIC)", "kfree(p)", "q = vmalloc({0})",
    "vfree(q)", "memset(p, {0}, {1})", "memcpy(p, q, {0})", 'pr_info("%d %p %s\\n", (int)({0}), p, "x")',
    "p = krealloc(p, {0}, GFP_KERNEL)", "free_pages((unsigned long)p, {0})", "msleep({0})",
    "p = (void *)__get_free_pages(GFP_KERNEL, {0})", "b = ksize(p)", "f({0})", "a = f((int)({0}))",
    "spin_lock(&l)", "spin_unlock(&l)", "p = (void *)({0})", "r = (void *)p", "a = fp({0})",
]  # fmt: skip


def _expression(draw: st.DrawFn, depth: int) -> str:
    if depth <= 0 or draw(st.booleans()):
        return draw(st.sampled_from(NAMES + NUMBERS))
    left, right = _expression(draw, depth - 1), _expression(draw, depth - 1)
    shape = draw(st.sampled_from(["({0}) {2} ({1})", "({0}) ? ({1}) : ({0})", "-({0})", "!({1})"]))
    return shape.format(f"(long)({left})", f"(long)({right})", draw(st.sampled_from(OPERATORS)))


def _statement(draw: st.DrawFn, depth: int) -> str:
    kind = draw(st.sampled_from(["call", "call", "set", "if", "loop", "switch", "return", "block"]))
    first, second = _expression(draw, 2), _expression(draw, 1)
    if kind == "call" or depth <= 0:
        return draw(st.sampled_from(CALLS)).format(first, second) + ";"
    inner = "".join(_statement(draw, depth - 1) for _ in range(draw(st.integers(1, 3))))
    return {
        "set": f"{draw(st.sampled_from(['a', 'b', 'g', 't[1]', 's.m']))} = (long)({first});",
        "if": f"if ({first}) {{ {inner} }} else {{ {second}; }}",
        "loop": f"for (a = 0; a < ({first}); a++) {{ {inner} }}",
        "switch": f"switch ((int)({first})) {{ case 1: {inner} break; default: a++; }}",
        "return": f"if ({second}) return 0;",
        "block": f"{{ {inner} }}",
    }[kind]


@st.composite
def programs(draw: st.DrawFn) -> str:
    """A module that compiles more often than not, and does nonsense."""
    body = "\n".join(_statement(draw, 3) for _ in range(draw(st.integers(1, 6))))
    return HEAD + (
        "struct pair { int m; long n; };\nstatic long g;\nstatic DEFINE_SPINLOCK(l);\n"
        "static long f(int n) { return n > 3 ? f(n - 1) : g++; }\n"
        "static long (*fp)(int) = f;\n"
        "static int __init start(void)\n{\n"
        "long a = 0, b = 1, t[4] = { 0 }; int *p = (int *)t; void *q = t;\n"
        "struct pair s = { 0 }, *r = &s;\n(void)b; (void)q; (void)r; (void)p; (void)s;\n"
        f"{body}\nreturn 0;\n}}\nmodule_init(start);\n"
        "static void __exit end(void) { }\nmodule_exit(end);\n"
    )


def _run(source: str) -> RunResult:
    return run_driver(source, "f.c", limits=LIMITS, machine=machine(), keep_going=True)


def _picture(result: RunResult) -> Any:
    return result.outcome, result.diagnostics, result.reports, result.log, result.events


def _check(source: str) -> None:
    first = _run(source)
    _sound(first)
    assert _picture(first) == _picture(_run(source))


def _sound(first: RunResult) -> None:
    assert "simulator-defect" not in [r.kind for r in first.reports], first.reports[-1]
    if first.machine is not None:
        assert len(first.machine.memory.frames) << 12 <= LIMITS.memory_bytes + (8 << 20)
    for diagnostic in first.diagnostics:
        assert diagnostic.line >= 1
        assert diagnostic.column >= 1


def test_the_corpus_is_there() -> None:
    assert len(CORPUS) >= 10


@FUZZ
@given(mutants())
def test_mutated_drivers(source: str) -> None:
    _check(source)


def _outcome(case: Case, mode: str) -> Any:
    """Run a case to its end, or to the step that makes no sense any more."""
    try:
        result = run_case(case, mode, limits=LIMITS, keep_going=True)
    except ScriptError as error:
        return str(error)
    _sound(result)
    return _picture(result)


@FUZZ
@given(faulty_cases(), st.sampled_from(MODES))
def test_drivers_with_mistakes(case: Case, mode: str) -> None:
    assert _outcome(case, mode) == _outcome(case, mode)


@FUZZ
@given(programs())
def test_made_up_drivers(source: str) -> None:
    _check(source)


@FUZZ
@given(st.text(max_size=300))
def test_any_text(source: str) -> None:
    _check(source)
