"""What the build says, where, and how it tells to mend it."""

from __future__ import annotations

import pytest

from kmemquest.driver.build import BuildOptions, build
from kmemquest.driver.header_index import missing_include
from tests.driver.c_program import LENIENT, messages

HEADER = """typedef unsigned long size_t;
void *take(size_t n) __attribute__((warn_unused_result));
int log_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
"""

STATEMENTS = [
    ("return x;", "7:9 error ‘x’ undeclared (first use in this function)"),
    ("foo(); return 0;", "error implicit declaration of function ‘foo’"),
    ("return take();", "error too few arguments to function ‘take’"),
    ("take(1, 2); return 0;", "error too many arguments to function ‘take’"),
    ("take(1); return 0;", "error ignoring return value of ‘take’ declared with attribute"),
    ("int *p = 5; return *p;", "initialization of ‘int *’ from ‘int’ makes pointer from integer"),
    ("long a; int *p = &a; return *p;", "initialization of ‘int *’ from incompatible pointer type"),
    ("char *s = 0; int i = s; return i;", "‘int’ from ‘char *’ makes integer from pointer"),
    ("const char *s = 0; char *t = s; return *t;", "initialization discards ‘const’ qualifier"),
    ("const int i = 1; i = 2; return i;", "assignment of read-only variable ‘i’"),
    ("struct s t; return 0;", "storage size of ‘t’ isn’t known"),
    ("struct { int a; } t = { 0 }; return t.b;", "has no member named ‘b’"),
    ("struct { int a; } *t = 0; return t.a;", "is a pointer; did you mean to use ‘->’?"),
    ("int i; return i;", "error ‘i’ is used uninitialized"),
    ("int i = 1; int i = 2; return i;", "error redefinition of ‘i’"),
    ("int i = 0; return 0;", "error unused variable ‘i’"),
    ("break; return 0;", "error break statement not within loop or switch"),
    ("goto out; return 0;", "error label ‘out’ used but not defined"),
    ("5 = 6; return 0;", "error lvalue required"),
    ("return 1 << 40;", "error left shift count >= width of type"),
    ("return 1 / 0;", "error division by zero"),
    ("unsigned char c = 300; return c;", "changes value from ‘300’ to ‘44’"),
    ("int a[2]; a = 0; return 0;", "assignment to expression with array type"),
    ("double d = 1.5; return 0;", "floating point is not available in the kernel"),
    ("return *5;", "invalid type argument of unary ‘*’"),
    ("int n = 3; int a[n]; return a[0];", "variable length array"),
    ('log_line("%lu\\n", 5); return 0;',
     "format ‘%lu’ expects argument of type ‘long unsigned int’, but argument 2 has type ‘int’"),
    ('log_line("%d\\n", sizeof(int)); return 0;',
     "format ‘%d’ expects argument of type ‘int’, but argument 2 has type ‘long unsigned int’"),
    ('log_line("%s\\n", 5); return 0;', "format ‘%s’ expects argument of type ‘char *’"),
    ('log_line("%d %d\\n", 5); return 0;', "format ‘%d’ expects a matching ‘int’ argument"),
    ('log_line("x\\n", 5); return 0;', "too many arguments for format"),
    ("int x = 1; x == 2; return 0;", "statement with no effect"),
    ("take; return 0;", "statement with no effect"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "message"), STATEMENTS)
def test_semantic_errors(body: str, message: str) -> None:
    found = messages(f"{HEADER}int f(void);\nint f(void)\n{{\n\t{body}\n}}\n")
    assert len([m for m in found if " note " not in m]) == 1, found
    assert found[0].startswith("7:")
    assert message in found[0]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "int f(void)\n{\n\tint a = 1\n\treturn a;\n}\n",
            "3:11 error expected ‘;’ before ‘return’",
        ),
        ("int f(void)\n{\n\treturn (1 + 2;\n}\n", "3:15 error expected ‘)’ before ‘;’ token"),
        (
            "int f(void)\n{\n\tif (1) {\n\t\treturn 1;\n}\n",
            "expected declaration or statement at end",
        ),
        ("int f(void)\n{\n\treturn 1;\n}\n}\n", "5:1 error expected identifier or ‘(’ before ‘}’"),
        ("u32 x;\n", "1:1 error unknown type name ‘u32’"),
        (
            "int f(void)\n{\n\tint x = ;\n\treturn x;\n}\n",
            "3:10 error expected expression before ‘;’",
        ),
        ('char *s = "abc;\n', 'missing terminating " character'),
        ("int x = 0b12;\n", "invalid integer constant"),
        ("int @;\n", "stray ‘@’ in program"),
        ("struct s { int a }\n", "expected ‘;’ before ‘}’ token"),
        ('int f(void) { asm("cli"); return 0; }\n', "inline assembly is not simulated"),
        ("int x = " + "(" * 200 + "1" + ")" * 200 + ";\n", "brackets nested deeper"),
    ],
)
def test_syntax_errors(source: str, message: str) -> None:
    found = messages(source)
    assert len(found) == 1
    assert message in found[0]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("int f(void) { return 1; }\nint f(void) { return 2; }\n", "redefinition of ‘f’"),
        ("int x = 1;\nint x = 2;\n", "redefinition of ‘x’"),
        ("int x;\nlong x;\n", "conflicting types for ‘x’; have ‘long int’"),
        ("int f(int);\nlong f(int);\n", "conflicting types for ‘f’; have ‘long int(int)’"),
        ("static int f(void) { return 1; }\n", "‘f’ defined but not used"),
        ("int f(void);\nint f(void) { int x = 1; if (x) return 1; }\n", "control reaches end"),
        ("void f(void);\nvoid f(void) { return 1; }\n", "‘return’ with a value"),
        ("int g(void);\nint f(void);\nint f(void) { return g(); }\n", 'modpost: "g" [driver.ko]'),
        ("int f(void);\nint f(void) { out: return 0; }\n", "label ‘out’ defined but not used"),
        ("struct s { int a; };\nstruct s { int b; };\n", "redefinition of ‘struct s’"),
        ("int a[3];\nint b = a[0];\n", "initializer element is not constant"),
        ('_Static_assert(1 == 2, "no");\n', "static assertion failed"),
    ],
)
def test_file_scope_errors(source: str, message: str) -> None:
    assert any(message in m for m in messages(source))


def test_every_error_has_a_hint() -> None:
    for body, _ in STATEMENTS:
        source = f"{HEADER}int f(void);\nint f(void)\n{{\n\t{body}\n}}\n"
        for item in build(source, options=BuildOptions(require_license=False)).diagnostics:
            assert item.hint or item.severity == "note", str(item)


def test_all_errors_of_a_file_are_told_at_once() -> None:
    found = messages("int f(void);\nint f(void)\n{\n\ta();\n\tb = 1;\n\tb = 2;\n\treturn c;\n}\n")
    assert [m.split(" ")[0] for m in found] == ["4:2", "5:2", "7:9"]


def test_werror_is_a_choice() -> None:
    source = "int f(void);\nint f(void) { int x = 1; return 0; }\n"
    result = build(source, options=BuildOptions(werror=False, require_license=False))
    assert result.ok
    assert str(result.diagnostics[0]).endswith("warning: unused variable ‘x’ [-Wunused-variable]")
    strict = build(source, options=BuildOptions(require_license=False))
    assert str(strict.diagnostics[0]).endswith("[-Werror=unused-variable]")


def test_missing_licence_and_section_mismatch_are_modposts() -> None:
    assert "missing MODULE_LICENSE()" in messages("int x;\n", BuildOptions())[0]
    source = """
    static int table[4] __attribute__((section(".init.data"))) = { 1, 2, 3, 4 };
    int f(int x);
    int f(int x) { return table[x & 3]; }
    """
    found = messages(source)
    assert (
        "section mismatch in reference: f (section: .text) -> table (section: .init.data)"
        in found[0]
    )


FORTIFY = """
#include <linux/slab.h>
#include <linux/string.h>
struct s { char a[8]; int b; };
int f(int n);
int f(int n)
{
	char *p = kmalloc(96, GFP_KERNEL), *q, *r = kmalloc(n, GFP_KERNEL);
	struct s s;

	if (n)
		q = kmalloc(8, GFP_KERNEL);
	else
		q = kmalloc(16, GFP_KERNEL);
	%s
	return !p + !q + !r + s.b;
}
"""


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("memset(p, 0, 97);", True),
        ("memset(p, 0, 96);", False),
        ("memset(q, 0, 16);", False),
        ("memset(r, 0, 1 << 20);", False),
        ("memset(p, 0, n);", False),
        ("memset(&s, 0, sizeof(s) + 1);", True),
        ("memset(&s, 0, sizeof(s));", False),
    ],
)
def test_writes_past_objects_of_known_size(call: str, told: bool) -> None:
    found = messages(FORTIFY % call, LENIENT)
    assert [m for m in found if "uninit" not in m] == (
        [
            "15:2 warning call to ‘__write_overflow_field’ declared with attribute warning: "
            "detected write beyond size of field (1st parameter); maybe use struct_group()?"
        ]
        if told
        else []
    )


def test_an_undeclared_name_has_no_aftermath() -> None:
    source = "int f(void);\nint f(void)\n{\n\tint a, unused;\n\ta = nowhere;\n\treturn a + a;\n}\n"
    assert messages(source) == ["5:6 error ‘nowhere’ undeclared (first use in this function)"]


def test_many_mistakes_are_counted() -> None:
    lines = "\n".join(f"\tnowhere{n} = 1;" for n in range(60))
    found = messages("void f(void);\nvoid f(void)\n{\n" + lines + "\n}\n")
    assert len(found) == 21
    assert found[-1].endswith("… and 40 more messages: mend the first ones and build again")


def test_the_value_of_a_statement_expression_may_go_unused() -> None:
    assert messages("void f(int a);\nvoid f(int a)\n{\n\t({ int b = a; b; });\n}\n") == []
    assert "statement with no effect" in messages("void f(int a);\nvoid f(int a)\n{\n\ta;\n}\n")[0]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "struct s { int a; }\nint b;\n",
            "1:20 error expected ‘;’, identifier or ‘(’ before ‘int’",
        ),
        ("int f(void) { else return 1; }\n", "1:15 error ‘else’ without a previous ‘if’"),
        ("int f(void) {\n\t?\n}\n", "2:2 error expected expression before ‘?’ token"),
        ("int f(void) { ; = 3; }\n", "1:17 error expected expression before ‘=’ token"),
        ("int f(void) {\n\t) ;\n}\n", "2:2 error expected statement before ‘)’ token"),
        ("int f(void) { foo_t *p = 0; }\n", "1:15 error unknown type name ‘foo_t’"),
        ("int for = 1;\n", "1:5 error expected identifier or ‘(’ before ‘for’"),
        ("int a; /* open\n", "1:8 error unterminated comment"),
        ("int a = '';\n", "1:9 error empty character constant"),
        ("int f(void) {\n\tint a = 1\n\treturn a;\n}\n", "2:11 error expected ‘;’ before ‘return’"),
    ],
)
def test_likely_causes_are_named(source: str, message: str) -> None:
    assert messages(source) == [message]


@pytest.mark.parametrize(
    ("line", "header"),
    [
        ("void *p = kzalloc(8, 0);", "linux/slab.h"),
        ("kvfree(0);", "linux/slab.h"),
        ("return GFP_KERNEL;", "linux/gfp.h"),
        ("return -ENOMEM;", "linux/errno.h"),
        ("return IS_ERR(0);", "linux/err.h"),
        ("u32 x = 1;", "linux/types.h"),
        ("msleep(5);", "linux/delay.h"),
    ],
)
def test_a_forgotten_header_is_named(line: str, header: str) -> None:
    source = f"int f(void);\nint f(void)\n{{\n\t{line}\n\treturn 0;\n}}\n"
    result = build(source, "driver.c", options=BuildOptions(require_license=False))
    assert result.diagnostics[0].hint == f"#include <{header}> declares it"


def test_each_named_header_does_declare_the_name() -> None:
    for name in (
        "kmalloc",
        "vmalloc",
        "mutex_unlock",
        "dma_alloc_coherent",
        "PAGE_SIZE",
        "GFP_DMA",
    ):
        line = f"#{missing_include(name).removeprefix('#').removesuffix(' declares it')}\n"
        source = f"{line}int f(void);\nint f(void)\n{{\n\treturn sizeof({name}) > 0;\n}}\n"
        shown = [
            str(each)
            for each in build(
                source, "driver.c", options=BuildOptions(require_license=False)
            ).diagnostics
        ]
        assert not [text for text in shown if "undeclared" in text or "implicit" in text], name


@pytest.mark.parametrize(
    ("allocation", "change", "caught"),
    [
        ("kmalloc(n, GFP_KERNEL)", "", True),
        ("kmalloc_array(n, 2, GFP_KERNEL)", "", True),
        ("vmalloc(n + 3)", "", True),
        ("kmalloc(n, GFP_KERNEL)", "n++;", False),
        ("kmalloc(n, GFP_KERNEL)", "OPTIMIZER_HIDE_VAR(p);", False),
        ("kmem_cache_alloc(cache, GFP_KERNEL)", "", False),
    ],
)
def test_sizes_known_at_run_time_are_fortified(allocation: str, change: str, caught: bool) -> None:
    """`__builtin_dynamic_object_size`: the size of an allocation is what was asked for."""
    body = f"""
static noinline void use(struct kmem_cache *cache, size_t n)
{{
	char *p = {allocation};

	{change}
	memset(p, 0, 20000);
}}
"""
    from kmemquest.driver.run import run_driver
    from tests.driver.kernel_module import HEAD, machine

    init = "static int __init start(void) { use(NULL, 40); return 0; }\nmodule_init(start);\n"
    if "cache" in allocation:
        init = init.replace("NULL", 'kmem_cache_create("c", 64, 0, 0, NULL)')
    result = run_driver(HEAD + body + init, "f.c", machine=machine())
    assert ("fortify" in {report.kind for report in result.reports}) == caught, result.diagnostics
