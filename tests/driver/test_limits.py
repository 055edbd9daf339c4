"""Nothing a driver does or says may hang, crash or escape."""

from __future__ import annotations

import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kmemquest.driver.build import BuildOptions, build
from kmemquest.driver.engine import Limits
from kmemquest.kernel.machine import Fate
from tests.driver.c_program import LENIENT, engine_for, value

FEW = Limits(steps=5_000)


@pytest.mark.parametrize(
    "body",
    [
        "while (1) ;",
        "for (;;) { }",
        "do { } while (1);",
        "again: goto again;",
        "int i; for (i = 0; ; i++) { if (i < 0) break; switch (i) { default: continue; } }",
        "unsigned int i; for (i = 10; i >= 0; i--) { }",
    ],
)
def test_endless_loops_are_stopped_and_told(body: str) -> None:
    engine = engine_for(f"int f(void); int f(void) {{ {body} return 0; }}", LENIENT, FEW)
    assert engine.call("f") == 0
    assert engine.stopped is not None
    assert engine.stopped.kind == "endless-loop"
    assert not engine.stopped.spoken
    assert engine.machine.fate is Fate.RUNNING
    assert engine.call("f") == 0


def test_mutual_recursion_and_the_host_recursion_limit() -> None:
    limit = sys.getrecursionlimit()
    source = """
    int g(int n);
    int f(int n); int f(int n) { return n ? g(n) : 0; }
    int g(int n) { return f(n); }
    """
    engine = engine_for(source)
    engine.call("f", 1)
    assert engine.machine.fate is Fate.PANICKED
    assert sys.getrecursionlimit() == limit


@pytest.mark.parametrize(
    "source",
    [
        "int x = " + "-" * 3000 + "1;",
        "int x = " + "1 + " * 5000 + "1;",
        "int x = " + "1 ? 2 : " * 3000 + "1;",
        "int f(int a); int f(int a) { " + "if (a) " * 300 + "return 1; return 0; }",
        "int f(int a); int f(int a) { " + "while (a) " * 40 + "a--; return 0; }",
        "int f(int a); int f(int a) { if (a) a = 1; "
        + "".join(f"else if (a == {n}) a = {n};" for n in range(200))
        + " return a; }",
        "int f(int a); int f(int a) { return " + "(" * 70 + "a" + ")" * 70 + "; }",
        "int f(int a); int f(int a) { a = " + "a + (" * 70 + "a" + ")" * 70 + "; return a; }",
        "int f(int a); int f(int a) { return a" + " ? a : a" * 200 + "; }",
        "int f(int a); int f(int a) { return " + "a && " * 300 + "a; }",
        "struct s { struct s { struct s { int a; } b; } c; };",
        "int a[1 << 30][1 << 30];",
        "char big[200000000];",
        "int a[] = { [0 ... 100000000] = 1 };",
        "enum e { A = 1 << 31, B = -5, C = B / (1 - 1) };",
        "typedef int t; t t; t (*t)(t);",
        "#define f(x) f(f(x))\nint y = f(f(f(1)));",
        "int x = sizeof(struct nothing) + sizeof(void) + sizeof(int()) ;",
        "void v(void); int f(void); int f(void) { return v(); }",
        "struct s { int a:40; int b:0; int:3; unsigned c:-1; };",
        "int f(void); int f(void) { return ({ ; }); }",
        "int f(void); int f(void) { switch (1) case 1: case 2: return 1; return 0; }",
        "int f(void); int f(void) { if (1) l: return 1; goto l; }",
        "int f(int n); int f(int n) { while (n) { case 1: n--; } return 0; }",
        "\0\0", "/*", "#", "#define", '"', "'", "\\", "#include", "}", "(", "int", "int x[",
        "#if", "#include <", "int f(", "struct", "enum {", "a b c d e;", "typedef", "= = =",
    ],
)  # fmt: skip
def test_hostile_sources_build_or_are_told(source: str) -> None:
    result = build(source, options=BuildOptions(require_license=False))
    assert result.ok or any(d.severity == "error" for d in result.diagnostics)
    if result.module is not None and "int f(int a)" in source:
        engine = engine_for(source, LENIENT, FEW)
        engine.call("f", 3)


def test_a_source_may_not_be_longer_than_its_limit() -> None:
    assert not build("/* " + "x" * 600_000 + " */").ok


WORDS = (
    "int", "char", "struct", "s", "x", "y", "f", "(", ")", "{", "}", "[", "]", ";", ";", ",", "=",
    "*", "&", "+", "-", "1", "0", "2", "if", "else", "while", "for", "return", "goto", "case", ":",
    "switch", "break", "sizeof", "typeof", ".", "->", "++", "?", '"a"', "\n", "static", "void",
    "#define M", "#if 1\n", "#endif\n", "__attribute__((packed))", "unsigned", "long", "...",
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(WORDS), max_size=60))
def test_any_word_salad_is_answered(words: list[str]) -> None:
    build(" ".join(words), options=BuildOptions(require_license=False))


TYPES = {
    "char": (8, True), "unsigned char": (8, False), "short": (16, True),
    "unsigned short": (16, False), "int": (32, True), "unsigned int": (32, False),
    "long": (64, True), "unsigned long": (64, False),
}  # fmt: skip


def reduce(number: int, bits: int, signed: bool) -> int:
    number &= (1 << bits) - 1
    return number - (1 << bits) if signed and number >> bits - 1 else number


def model(operator: str, left: tuple[int, str], right: tuple[int, str]) -> tuple[int, str]:
    """The usual arithmetic conversions and wrap-around, written once more and plainly."""

    def promote(item: tuple[int, str]) -> tuple[int, str]:
        return (item[0], "int") if TYPES[item[1]][0] < 32 else item

    (a, first), (b, second) = promote(left), promote(right)
    order = ["int", "unsigned int", "long", "unsigned long"]
    common = order[max(order.index(first), order.index(second))]
    bits, signed = TYPES[common]
    a, b = reduce(a, bits, signed), reduce(b, bits, signed)
    if operator in ("<", "==", ">="):
        return int({"<": a < b, "==": a == b, ">=": a >= b}[operator]), "int"
    results = {"+": a + b, "-": a - b, "*": a * b, "&": a & b, "|": a | b, "^": a ^ b}
    return reduce(results[operator], bits, signed), common


operands = st.tuples(st.integers(-(1 << 63), (1 << 64) - 1), st.sampled_from(sorted(TYPES)))
operators = st.sampled_from(["+", "-", "*", "&", "|", "^", "<", "==", ">="])


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(operands, min_size=3, max_size=6), st.lists(operators, min_size=5, max_size=5))
def test_arithmetic_agrees_with_a_plain_model(
    leaves: list[tuple[int, str]], chosen: list[str]
) -> None:
    declared, reduced = [], []
    for number, (raw, ctype) in enumerate(leaves):
        bits, signed = TYPES[ctype]
        kept = reduce(raw, bits, signed)
        reduced.append((kept, ctype))
        declared.append(f"{ctype} v{number} = ({ctype}){raw & (1 << 64) - 1}ul;")
    text, expected = "v0", reduced[0]
    for number, operator in enumerate(chosen[: len(leaves) - 1], 1):
        text = f"({text} {operator} v{number})"
        expected = model(operator, expected, reduced[number])
    assert value(text, " ".join(declared)) == reduce(expected[0], 64, signed=True)
