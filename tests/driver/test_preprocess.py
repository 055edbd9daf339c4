"""Macros, conditions, includes and the positions that survive them."""

from __future__ import annotations

import pytest

from kmemquest.driver.build import build
from kmemquest.driver.diagnostics import BuildStop, DiagnosticSink
from kmemquest.driver.preprocess import Preprocessor
from kmemquest.driver.tokens import PPToken, cut
from tests.driver.c_program import messages, value


def expanded(source: str) -> list[PPToken]:
    sink = DiagnosticSink()
    preprocessor = Preprocessor(sink)
    preprocessor.predefine(module=True)
    tokens = preprocessor.run(cut(source, "driver.c"))
    assert not sink.collected(), [str(d) for d in sink.collected()]
    return tokens


def text(source: str) -> str:
    return " ".join(token.text for token in expanded(source))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("#define A B\n#define B A\nA B", "A B"),
        ("#define F(x) x + F\nF(1)(2)", "1 + F ( 2 )"),
        ('#define S(x) #x\nS(a  "b\\n" c)', '"a \\"b\\\\n\\" c"'),
        ("#define C(a, b) a##b\nC(foo, 12) C(, x) C(y, )", "foo12 x y"),
        ("#define P(f, ...) p(f, ##__VA_ARGS__)\nP(1) P(1, 2, 3)", "p ( 1 ) p ( 1 , 2 , 3 )"),
        ("#define P(f, a...) p(f, a)\nP(1, 2, 3)", "p ( 1 , 2 , 3 )"),
        ("#define P(...) p(0 __VA_OPT__(,) __VA_ARGS__)\nP() P(1)", "p ( 0 ) p ( 0 , 1 )"),
        ("#define X(a) Y(a)\n#define Y(a) a a\nX(1)", "1 1"),
        ("#define E()\nE() x", "x"),
        ("#define F(a) [a]\nF\n(\n1\n)", "[ 1 ]"),
        ("#define F(a) a\nF((1, 2))", "( 1 , 2 )"),
        ("#if defined(__KERNEL__) && !defined NOPE && 1 ? 2 : 0\nyes\n#else\nno\n#endif", "yes"),
        ("#if 0\n#bad\n#elif 3 > 2\ny\n#else\nn\n#endif", "y"),
        ("__COUNTER__ __COUNTER__ __LINE__", "0 1 1"),
        ("a /* c\n */ b // d \\\n e\nf", "a b f"),
        ("#define f(x) x x\nf(f(1))", "1 1 1 1"),
    ],
)
def test_expansion(source: str, expected: str) -> None:
    assert text(source) == expected


def test_tokens_keep_the_place_of_the_use() -> None:
    tokens = expanded("#define TWICE(x) (x) * 2\nint a;\n  int b = TWICE(c);\n")
    c = next(t for t in tokens if t.text == "c")
    two = next(t for t in tokens if t.text == "2")
    assert (c.line, c.column) == (3, 17)
    assert (two.line, two.column) == (3, 11)


def test_include_stays_in_our_folder() -> None:
    for line in ("#include </etc/passwd>", "#include <../build.py>", '#include "driver.h"'):
        assert "No such file or directory" in messages(line)[0]
    assert messages("int x;\n#include <stdio.h>\n")[0].startswith("2:10 error stdio.h: No such")


def test_words_behind_an_include_are_told() -> None:
    for name in ("<linux/slab.h>", '"linux/slab.h"'):
        found = messages(f"#include {name} junk\nint x;")
        assert found[0].endswith("extra tokens at end of #include directive")
        assert found[0].startswith("1:")
    assert messages("#include <linux/slab.h> /* fine */ // so is this\nint x;") == []


def test_redefinition_is_told_with_the_first_place() -> None:
    found = messages("#define SIZE 1\n#define SIZE 1\n#define SIZE 2\nint x;")
    assert found == [
        '3:9 error "SIZE" redefined',
        "2:9 note this is the location of the previous definition",
    ]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("#if 1\nint x;\n", "unterminated #if"),
        ("#endif\n", "#endif without #if"),
        ("#if (1\n#endif\n", "missing ‘)’ in expression"),
        ("#define F(a) a\nint x = F(1, 2);\n", "passed 2 arguments, but takes just 1"),
        ("#define F(a) a\nint x = F(1;\n", "unterminated argument list"),
        ("#error no way\n", "#error no way"),
        ("#frobnicate\n", "invalid preprocessing directive"),
        ("#define 3 4\n", "macro names must be identifiers"),
    ],
)
def test_broken_directives(source: str, message: str) -> None:
    assert message in messages(source)[0]


def test_macro_bombs_are_stopped() -> None:
    bomb = "#define A0 x x\n" + "".join(f"#define A{n} A{n - 1} A{n - 1}\n" for n in range(1, 40))
    assert "expand to more than" in messages(bomb + "int a[] = { A39 };")[-1]
    with pytest.raises(BuildStop):
        Preprocessor(DiagnosticSink()).run(cut(bomb + "A39", "driver.c"))


def test_a_macro_may_hold_a_statement_expression() -> None:
    assert value("SQ(3 + 1)", "\n#define SQ(x) ({ int y = (x); y * y; })\n") == 16


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("linux/slabb.h", "linux/slab.h"),
        ("slab.h", "linux/slab.h"),
        ("linux/dma_mapping.h", "linux/dma-mapping.h"),
        ("linux/netdevice.h", ""),
        ("linux/sysfs.h", ""),
    ],
)
def test_a_header_of_nearly_the_same_name_is_proposed(name: str, near: str) -> None:
    (error,) = build(f"#include <{name}>\n", "h.c").diagnostics
    assert error.message == f"{name}: No such file or directory"
    assert ("did you mean" in error.hint) == bool(near)
    assert near in error.hint
