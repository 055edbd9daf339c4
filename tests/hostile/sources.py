# ruff: noqa: E501 (one driver a line is the easiest to read)
"""Drivers that a stranger might feed the game: what they attack, and their text."""

from __future__ import annotations

from typing import Final

HEAD: Final = """#include <linux/module.h>
#include <linux/slab.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>
#include <linux/interrupt.h>
#include <linux/string.h>
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("hostile");
"""
TAIL: Final = """
static void __exit bad_exit(void) { }
module_init(bad_init);
module_exit(bad_exit);
"""


def module(init: str, before: str = "") -> str:
    """Return a module whose init runs the given statements."""
    body = f"static int __init bad_init(void)\n{{\n{init}\n\treturn 0;\n}}\n"
    return HEAD + before + "\n" + body + TAIL


def _chain(count: int) -> str:
    """Macros each of which uses the one before twice."""
    lines = ["#define x0 1"]
    lines += [f"#define x{n} x{n - 1} + x{n - 1}" for n in range(1, count)]
    return "\n".join(lines)


SYNTAX: Final[dict[str, str]] = {
    "missing semicolon": module("\tint a = 1\n\ta++;"),
    "missing semicolon after return": HEAD + "int f(void);\nint f(void)\n{\n\treturn 1\n}\n",
    "missing semicolon after struct": HEAD + "struct s { int a; }\nint f(void);\n",
    "missing closing brace": HEAD + "int f(void);\nint f(void)\n{\n\tif (1) {\n\treturn 1;\n}\n",
    "extra closing brace": HEAD + "int f(void);\nint f(void)\n{\n\treturn 1;\n}\n}\n",
    "missing closing parenthesis": module("\tint a = (1 + 2;\n\ta++;"),
    "missing parenthesis of if": module("\tif (1\n\t\treturn 0;"),
    "extra closing parenthesis": module("\tint a = 1 + 2);\n\ta++;"),
    "missing bracket": module("\tint a[3;\n"),
    "unterminated string": module('\tpr_info("hello);\n'),
    "unterminated character": module("\tint a = 'a;\n"),
    "empty character": module("\tint a = '';\n\ta++;"),
    "unterminated comment": module("\tint a = 1; /* never closed\n"),
    "stray byte": module("\tint a = 1 @ 2;\n"),
    "stray backslash": module("\tint a = 1 \\ 2;\n"),
    "typographic quotes": module("\tpr_info(“hello”);\n"),
    "no-break space": module("\tint\u00a0a = 1;\n"),
    "nul byte": module("\tint a\0 = 1;\n\t(void)a; foo;"),
    "else without if": module("\telse\n\t\treturn 1;"),
    "case outside switch": module("\tcase 1: return 1;"),
    "break outside loop": module("\tbreak;"),
    "missing operand": module("\tint a = 3 * ;\n"),
    "two types": module("\tint char a;\n"),
    "keyword as name": module("\tint for = 1;\n"),
    "missing type name": module("\tstruct a = {0};\n"),
    "unknown type": module("\tfoo_t *p = NULL;\n\tp = p;"),
    "unknown name": module("\tint a = nowhere;\n\tif (a) a = nowhere + 1;\n\treturn nowhere;"),
    "unknown function": module("\tint a = nowhere(1);\n\treturn a;"),
    "unknown member": module("\tstruct page *p = NULL;\n\treturn p->nowhere;"),
    "python": "def f(x):\n    return x\n",
    "yaml": "format_version: 1\nid: x\n",
    "lone hash": "#\n#bogus\nint a;\n",
    "unterminated if": HEAD + "#if 1\nint a;\n",
    "endif without if": HEAD + "#endif\nint a;\n",
    "else twice": HEAD + "#if 1\n#else\n#else\n#endif\n",
    "bad condition": HEAD + "#if (1 +\nint a;\n#endif\n",
    "division by zero in condition": HEAD + "#if 1 / 0\n#endif\n",
    "condition nested": HEAD + "#if " + "(" * 5000 + "1" + ")" * 5000 + "\n#endif\n",
    "condition of minus": HEAD + "#if " + "-" * 50000 + "1" + "\n#endif\n",
    "condition of terns": HEAD + "#if " + "1 ? 1 : " * 50000 + "1" + "\n#endif\n",
    "condition of shifts": HEAD + "#if " + "1 << 63 << " * 5000 + "63\n#endif\n",
    "condition of products": HEAD + "#if 9" + " * 99999999999999999" * 9000 + "\n#endif\n",
    "error directive": HEAD + "#error this driver is not ready\n",
    "macro too few arguments": HEAD + "#define two(a, b) a + b\nint a = two(1);\n",
    "macro unterminated call": HEAD + "#define two(a, b) a + b\nint a = two(1, 2;\n",
    "macro bad paste": HEAD + "#define glue(a, b) a ## b\nint a = glue(+, /);\n",
    "macro bad define": HEAD + "#define 3 4\n",
    "macro bad parameters": HEAD + "#define f(a, a) a\n#define g(1) 1\n#define h(a b) 1\n",
    "include passwd": '#include "/etc/passwd"\n',
    "include passwd in brackets": "#include </etc/passwd>\n",
    "include dots": "#include <../../../../../etc/passwd>\n",
    "include dots late": "int a;\n#include <linux/../../engine.py>\n",
    "include nothing": '#include\n#include <\n#include "\n',
    "include missing": "#include <linux/nowhere.h>\n",
    "include user header": "#include <stdio.h>\nint main(void) { return 0; }\n",
    "include itself": '#include "driver.c"\n',
    "include folder": "#include <linux>\n#include <.>\n#include <>\n",
    "include nul": "#include <linux/\0slab.h>\n",
    "include macro": "#define W <linux/nowhere.h>\n#include W\n",
    "inline assembly": module('\tasm volatile("hlt");'),
    "floating point": module("\tdouble d = 1.5;\n\treturn d > 1;"),
    "variable length array": module("\tint n = 3;\n\tint a[n];\n\ta[0] = 1;"),
    "huge number": module("\tint a = 99999999999999999999999999;\n\ta++;"),
    "huger number": module("\tint a = " + "9" * 10000 + ";\n\ta++;"),
    "number without sense": module("\tint a = 0x;\n\tint b = 09;\n\tint c = 1abc;"),
    "negative array": HEAD + "int a[-1];\n",
    "giant array": HEAD + "char a[1ul << 40];\nvoid f(void);\nvoid f(void) { a[0] = 1; }\n",
    "giant array of arrays": HEAD + "char a[1ul << 40][1ul << 40][1ul << 40];\n",
    "giant local": module("\tchar a[1 << 30];\n\ta[0] = 1;"),
    "giant struct": HEAD + "struct s { char a[1ul << 62]; char b[1ul << 62]; };\nstruct s x[8];\n",
    "giant designator": HEAD + "int a[] = { [0x7fffffffffff] = 1 };\n",
    "giant range": HEAD + "int a[] = { [0 ... 0x7ffffff] = 1 };\n",
    "giant range of structs": HEAD + "struct s { int v[1000]; };\n"
    "struct s a[1000] = { [0 ... 999] = { .v = { [0 ... 999] = 3 } } };\n",
    "struct in itself": HEAD + "struct s { struct s again; };\n",
    "incomplete struct": HEAD + "struct nobody x;\n",
    "bitfield too wide": HEAD + "struct s { int a : 64; int b : -1; unsigned c : 0; };\n",
    "division by zero": module("\tint a = 1 / 0;\n\treturn a % 0;"),
    "division by zero in size": HEAD + "int a[1 / 0];\n",
    "shift too far": module("\tint a = 1 << 200;\n\treturn a >> -1;"),
    "shift huge": HEAD + "unsigned long a = 1ul << (1ul << 60);\nint b[1 << 70000000];\n",
    "duplicate case": module("\tswitch (1) { case 1: case 1: default: default: ; }"),
    "giant case range": module("\tswitch (1) { case 0 ... 0x7fffffffffff: return 1; }"),
    "label missing": module("\tgoto nowhere;"),
    "label twice": module("here:\n\t;\nhere:\n\tgoto here;"),
    "enum twice": HEAD + "enum a { X, X };\n",
    "enum overflow": HEAD + "enum a { X = 0x7fffffffffffffffL, Y, Z };\n",
    "function twice": HEAD + "int f(void);\nint f(void) { return 1; }\nint f(void) { return 2; }\n",
    "conflicting types": HEAD + "int f(void);\nchar *f(int a) { return 0; }\n",
    "call of a number": module("\treturn 3(4);"),
    "too many arguments": module("\tkfree(1, 2, 3);"),
    "assign to constant": module("\t3 = 4;\n\t(1 ? 2 : 3) = 4;"),
    "address of nothing": module("\tint *p = &3;\n\treturn *p;"),
    "member of a number": module("\tint a = 1;\n\treturn a.x + a->y + *a;"),
    "void variable": module("\tvoid v;\n\treturn v;"),
    "void arithmetic": module("\treturn kfree(NULL) + 1;"),
    "empty file": "",
    "only blanks": "\n\n\t  \n",
    "no module": "int a;\n",
    "no init": '#include <linux/module.h>\nMODULE_LICENSE("GPL");\nstatic int a;\n',
    "exit without init": HEAD + "static void __exit bye(void) { }\nmodule_exit(bye);\n",
    "two inits": HEAD + "static int __init a(void) { return 0; }\n"
    "static int __init b(void) { return 0; }\nmodule_init(a);\nmodule_init(b);\n",
    "init of wrong type": HEAD + "static void a(int x) { }\nmodule_init(a);\n",
    "wrong static assertion": HEAD + '_Static_assert(0, "no");\n_Static_assert(1 / 0, "no");\n',
    "build bug": module("\tBUILD_BUG_ON(1);"),
    "nested functions": module("\tint g(int x) { return x; }\n\treturn g(1);"),
    "old style function": HEAD + "int f(a, b) int a; char b; { return a + b; }\n",
    "generic without match": module("\treturn _Generic(1, char *: 2);"),
    "statement expression empty": module("\tint a = ({ });\n\ta++;"),
    "typeof nothing": module("\ttypeof(nowhere) a = 1;\n\ta++;"),
    "offsetof nothing": module("\treturn offsetof(struct page, nowhere);"),
    "attribute broken": HEAD + "int a __attribute__((aligned(3)));\nint b __attribute__((;\n",
    "attribute unterminated": HEAD + "int a __attribute__((aligned(\n",
    "asm unterminated": HEAD + "void f(void) { asm(\n",
    "alignment huge": HEAD + "int a __attribute__((aligned(1ul << 62)));\n",
    "alignment wrong": HEAD + "struct s { int a; } __attribute__((aligned(0)));\nstruct s x;\n",
}
"""Each must give at least one diagnostic with a place, or build."""

SIZE: Final[dict[str, str]] = {
    "carriage returns": module("\tint a = 1;\n\ta++;").replace("\n", "\r\n"),
    "old mac lines": module("\tint a = 1;\n\ta++;").replace("\n", "\r"),
    "byte order mark": "\ufeff" + module(""),
    "tabs and form feeds": module("\t\t\v\f\tint a = 1;\n\ta++;"),
    "half a megabyte": module("\tint a = 1;\n" + "\ta++;\n" * 70000),
    "a megabyte": "/* " + "x" * (1 << 20) + " */\n" + module(""),
    "a long line": HEAD + "int a = 1 " + "+ 1 " * 100000 + ";\n",
    "a long string": module('\tpr_info("' + "x" * 400000 + '\\n");'),
    "many strings": module("\tpr_info(" + '"x" ' * 100000 + ");"),
    "nested parentheses": module("\treturn " + "(" * 10000 + "1" + ")" * 10000 + ";"),
    "nested brackets": module("\tint a" + "[1" * 10000 + "]" * 10000 + ";"),
    "nested blocks": module("{" * 10000 + "}" * 10000),
    "nested ifs": module("if (1) " * 10000 + ";"),
    "nested elses": module("if (0) ; else " * 10000 + ";"),
    "nested fors": module("for (;;) " * 1000 + ";"),
    "nested unary": module("\treturn " + "!" * 50000 + "1;"),
    "nested minus": module("\treturn " + "- " * 50000 + "1;"),
    "nested casts": module("\treturn " + "(int)" * 50000 + "1;"),
    "nested stars": module("\tint " + "*" * 50000 + "p;\n\t(void)p;"),
    "nested dereference": module("\tint *p = 0;\n\treturn " + "*" * 50000 + "p;"),
    "nested ternary": module("\treturn " + "1 ? 2 : " * 50000 + "3;"),
    "nested assignment": module("\tint a;\n\t" + "a = " * 50000 + "3;"),
    "nested sizeof": module("\treturn " + "sizeof " * 50000 + "3;"),
    "nested calls": module(
        "\treturn " + "f(" * 70 + "1" + ")" * 70 + ";", "int f(int a);\nint f(int a) { return a; }"
    ),
    "nested members": module("\tint a;\n\treturn a" + ".x" * 50000 + ";"),
    "nested postfix": module("\tint a;\n\treturn a" + "[0]" * 50000 + ";"),
    "nested labels": module("".join(f"l{n}: " for n in range(20000)) + ";"),
    "nested cases": module(
        "\tswitch (1) { " + "".join(f"case {n}: " for n in range(20000)) + "; }"
    ),
    "nested structs": HEAD + "struct { " * 70 + "int a; " + "} x; " * 70,
    "nested initialisers": HEAD + "int a = " + "{" * 10000 + "1" + "}" * 10000 + ";\n",
    "nested statement expressions": module("\treturn " + "({ " * 35 + "1;" + " });" * 34 + "});"),
    "nested commas": module("\treturn " + "1, " * 50000 + "1;"),
    "long and": module("\treturn " + "1 && " * 50000 + "1;"),
    "long or": module("\tint a = 1;\n\treturn " + "a || " * 50000 + "a;"),
    "long sum": module("\tint a = 1;\n\treturn " + "a + " * 50000 + "a;"),
    "long declaration": HEAD + "int a" + ", a".join(str(n) for n in range(30000)) + ";\n",
    "long enum": HEAD + "enum e { " + ", ".join(f"E{n}" for n in range(30000)) + " };\n",
    "long struct": HEAD
    + "struct s { "
    + " ".join(f"int m{n};" for n in range(30000))
    + " };\nstruct s x;\n",
    "long array": HEAD + "int a[] = { " + "1, " * 120000 + "};\n",
    "long parameters": HEAD + "void f(" + ", ".join(f"int a{n}" for n in range(10000)) + ");\n",
    "many functions": HEAD
    + "\n".join(f"static int __used f{n}(int a) {{ return a + {n}; }}" for n in range(5000)),
    "many globals": HEAD + "\n".join(f"int g{n};" for n in range(20000)),
    "many ifs": HEAD + "#if 1\n" * 20000 + "#endif\n" * 20000,
    "many blanks": module("\n" * 400000),
    "many semicolons": module(";" * 200000),
    "many errors": module("\n".join(f"\tnowhere{n} = {n};" for n in range(5000))),
    "many warnings": module("\n".join('\tpr_info("%s", 1);' for n in range(3000))),
    "macro of itself": HEAD + "#define a a + a\nint b = sizeof(a);\nint a;\n",
    "macro of each other": HEAD + "#define a b\n#define b a\nint a;\n",
    "macro doubled 20 times": HEAD + _chain(20) + "\nint a = x19;\n",
    "macro doubled 60 times": HEAD + _chain(60) + "\nint a = x59;\n",
    "macro nested arguments": HEAD
    + "#define d(x) x x\nint a = sizeof("
    + "d(" * 60
    + "1"
    + ")" * 60
    + ");\n",
    "macro nested deeply": HEAD
    + "#define d(x) x\nint a = "
    + "d(" * 10000
    + "1"
    + ")" * 10000
    + ";\n",
    "macro chain": HEAD
    + "\n".join(f"#define c{n} c{n + 1}" for n in range(20000))
    + "\nint a = c0;\n",
    "macro chain of calls": HEAD
    + "#define c0(x) x\n"
    + "\n".join(f"#define c{n + 1}(x) c{n}(x)" for n in range(3000))
    + "\nint a = c3000(1);\n",
    "macro in condition": HEAD + _chain(60) + "\n#if x59\n#endif\n",
    "macro strings": HEAD
    + "#define s(x) #x\n#define t(x) s(x x)\nchar *a = t(t(t(t(t(t(1))))));\n",
    "macro pastes": HEAD + "#define p(a, b) a ## b\nint " + "p(x, " * 60 + "1" + ")" * 60 + ";\n",
    "macro quadratic": HEAD + "#define e\n" + "e " * 100000 + "int a;\n",
    "macro quotes": HEAD
    + "#define q(x) #x\n#define q2(x) q(x)\nchar *a = "
    + "q2(" * 25
    + '"'
    + ")" * 25
    + ";\n",
    "include in a loop": "#define L <linux/slab.h>\n" + "#include L\n" * 20000,
    "backslashes": "\\\n" * 200000 + "int a;\n",
    "stars in a comment": "/*" + "*" * 300000 + "\n",
    "slashes": "/" * 300000 + "\n",
    "quotes": '"' * 300001,
    "open comments": "/*" * 150000,
    "open strings": '"\\' * 100000,
    "random words": "int " * 100000,
    "all opening": "([{" * 50000,
    "all closing": ")]}" * 50000,
    "typedef chain": HEAD
    + "typedef int t0;\n"
    + "\n".join(f"typedef t{n} *t{n + 1};" for n in range(5000))
    + "\nt5000 a;\n",
    "struct chain": HEAD
    + "struct s0 { int a; };\n"
    + "\n".join(f"struct s{n + 1} {{ struct s{n} a, b; }};" for n in range(200))
    + "\nstruct s200 a;\n",
    "function pointers": HEAD + "int (" * 75 + "*f" + ")(void)" * 75 + ";\n",
    "typeof chain": module(
        "\tint a0 = 1;\n"
        + "\n".join(f"\ttypeof(a{n} + a{n}) a{n + 1} = a{n};" for n in range(2000))
    ),
    "sizeof of statement": module("\treturn sizeof(({ " + "int a; a; " * 5000 + "}));"),
    "compound literals": module("\treturn " + "(int){" * 75 + "1" + "}" * 75 + ";"),
    "min of min": module("\tint a = 1;\n\treturn " + "min(a, " * 12 + "a" + ")" * 12 + ";"),
}
"""Big, deep or odd text: each must end in time, with or without a module."""

RUNTIME: Final[dict[str, str]] = {
    "endless loop": module("\tfor (;;)\n\t\t;"),
    "endless while": module("\tint a = 0;\n\twhile (1)\n\t\ta++;"),
    "endless empty while": module("\twhile (1);"),
    "endless do": module("\tdo { } while (1);"),
    "endless goto": module("again:\n\tgoto again;"),
    "endless goto pair": module("a:\n\tgoto b;\nb:\n\tgoto a;"),
    "endless expression": module("\tint a = 1;\n\twhile (a ? a : a) { }"),
    "endless for without body": module("\tvolatile int a;\n\tfor (a = 0; a < 1; a = 0);"),
    "endless inline": module("\tspin();", "static inline void spin(void) { for (;;) ; }"),
    "endless in statement expression": module("\treturn ({ while (1); 1; });"),
    "endless recursion of loops": module(
        "\tf(0);",
        "static int f(int n);\nstatic int f(int n) { int i, s = 0; if (n > 30) return 1; for (i = 0; i < 2; i++) s += f(n + 1); return s; }",
    ),
    "endless by memset": module(
        "\tchar *p = vmalloc(1 << 26);\n\tfor (;;)\n\t\tmemset(p, 1, 1 << 26);"
    ),
    "endless by strings": module(
        "\tchar *p = vmalloc(1 << 20);\n\tmemset(p, 1, 1 << 20);\n\tfor (;;)\n\t\tstrlen(p);"
    ),
    "endless in an interrupt": HEAD
    + """
static irqreturn_t storm(int irq, void *data)
{
	for (;;)
		;
	return IRQ_HANDLED;
}
static int __init bad_init(void)
{
	return request_irq(9, storm, 0, "storm", NULL);
}
"""
    + TAIL,
    "endless timer": HEAD
    + """
static struct timer_list t;
static void tick(struct timer_list *unused) { mod_timer(&t, jiffies); }
static int __init bad_init(void) { timer_setup(&t, tick, 0); mod_timer(&t, jiffies); return 0; }
"""
    + TAIL,
    "endless work": HEAD
    + """
#include <linux/workqueue.h>
static void again(struct work_struct *work) { schedule_work(work); }
static DECLARE_WORK(w, again);
static int __init bad_init(void) { schedule_work(&w); flush_work(&w); return 0; }
"""
    + TAIL,
    "recursion": module(
        "\treturn f(1);", "static int f(int a);\nstatic int f(int a) { return f(a + 1) + 1; }"
    ),
    "mutual recursion": module(
        "\treturn f(1);",
        "static int g(int a);\nstatic int f(int a) { return g(a); }\nstatic int g(int a) { return f(a); }",
    ),
    "recursion through a pointer": module(
        "\treturn f(1);",
        "static int f(int a);\nstatic int (*p)(int) = f;\nstatic int f(int a) { return p(a) + 1; }",
    ),
    "recursion with a large frame": module(
        "\treturn f(1);",
        "static int f(int a);\nstatic int f(int a) { char b[4000]; b[0] = a; return f(a + 1) + b[0]; }",
    ),
    "recursion of inlines": module(
        "\treturn f(1);",
        "static inline int f(int a);\nstatic inline int f(int a) { return f(a + 1) + 1; }",
    ),
    "recursion by init": module("\treturn bad_init();", "static int __init bad_init(void);"),
    "four gigabytes": module("\tfor (;;)\n\t\tkmalloc(1ul << 32, GFP_KERNEL);"),
    "four gigabytes of vmalloc": module("\tfor (;;)\n\t\tvmalloc(1ul << 32);"),
    "all pages": module("\tfor (;;)\n\t\talloc_pages(GFP_KERNEL, 0);"),
    "all pages high order": module("\tfor (;;)\n\t\talloc_pages(GFP_KERNEL, 10);"),
    "all pages no fail": module("\tfor (;;)\n\t\talloc_pages(GFP_KERNEL | __GFP_NOFAIL, 0);"),
    "all pages atomic": module("\tfor (;;)\n\t\talloc_pages(GFP_ATOMIC, 0);"),
    "all pages zeroed": module("\tfor (;;)\n\t\tget_zeroed_page(GFP_KERNEL);"),
    "all objects": module("\tfor (;;)\n\t\tkmalloc(8, GFP_KERNEL);"),
    "all large objects": module("\tfor (;;)\n\t\tkzalloc(1 << 20, GFP_KERNEL);"),
    "all vmalloc": module("\tfor (;;)\n\t\tvzalloc(1 << 20);"),
    "all pages written": module(
        "\tchar *p;\n\twhile ((p = (char *)__get_free_page(GFP_KERNEL)))\n\t\tmemset(p, 1, PAGE_SIZE);"
    ),
    "all caches": module('\tfor (;;)\n\t\tkmem_cache_create("c", 64, 0, 0, NULL);'),
    "memset of everything": module("\tmemset((void *)PAGE_OFFSET, 1, 1ul << 46);"),
    "memset with a negative size": module(
        "\tchar *p = kmalloc(8, GFP_KERNEL);\n\tlong n = -1;\n\tmemset(p, 0, n);"
    ),
    "memcpy of everything": module(
        "\tchar *p = vmalloc(1 << 20);\n\tmemcpy(p, (void *)PAGE_OFFSET, 1ul << 40);"
    ),
    "printk flood": module('\tfor (;;)\n\t\tpr_info("flood %d\\n", 1);'),
    "printk of long strings": module(
        '\tchar *p = vmalloc(1 << 20);\n\tmemset(p, 65, (1 << 20) - 1);\n\tfor (;;)\n\t\tpr_info("%s\\n", p);'
    ),
    "printk with a huge width": module('\tpr_info("%2000000000d %.*d\\n", 1, 2000000000, 1);'),
    "printk with a wild string": module(
        '\tpr_info("%s %pS %pI4\\n", (char *)0x1234, (void *)3, (void *)5);'
    ),
    "writes over its stack": module(
        "\tlong a[4];\n\tint i;\n\tfor (i = -4000; i < 4000; i++)\n\t\ta[i] = 0x4141414141414141;"
    ),
    "frees its stack": module("\tlong a[4];\n\tkfree(a);"),
    "vfrees its stack": module(
        "\tlong a[4];\n\tvfree((void *)((unsigned long)a & PAGE_MASK));\n\ta[0] = 1;\n\tvfree((void *)((unsigned long)a & ~16383ul));\n\ta[1] = 2;"
    ),
    "frees its code": module(
        "\tkfree(bad_init);\n\tvfree(bad_init);", "static int bad_init(void);"
    ),
    "writes its code": module(
        "\t*(long *)(void *)bad_init = 1;", "static int __init bad_init(void);"
    ),
    "calls nothing": module("\tint (*f)(void) = NULL;\n\treturn f();"),
    "calls a wild address": module("\tint (*f)(int) = (void *)0xffff888000001000;\n\treturn f(1);"),
    "calls data": module("\tstatic int data[4];\n\tint (*f)(int) = (void *)data;\n\treturn f(1);"),
    "calls a non-canonical address": module(
        "\tint (*f)(int) = (void *)0x4141414141414141;\n\treturn f(1);"
    ),
    "calls into the middle": module(
        "\tint (*f)(void) = (void *)((char *)bad_init + 3);\n\treturn f();",
        "static int __init bad_init(void);",
    ),
    "calls with wrong type": module(
        "\tint (*f)(int, int, int) = (void *)kfree;\n\treturn f(1, 2, 3);"
    ),
    "calls with too few": module("\tint (*f)(void) = (void *)memcpy;\n\treturn f();"),
    "calls itself with too many": module(
        "\tint (*f)(int, int) = (void *)g;\n\treturn f(1, 2);",
        "static int g(void);\nstatic int g(void) { return 1; }",
    ),
    "calls itself with too few": module(
        "\tint (*f)(void) = (void *)g;\n\treturn f();",
        "static int g(int a, int b);\nstatic int g(int a, int b) { return a + b; }",
    ),
    "null dereference": module("\treturn *(int *)NULL;"),
    "wild read": module("\treturn *(int *)0xdead000000000100;"),
    "wild write": module("\t*(int *)0xffffffff81000000 = 1;"),
    "address wraps": module("\treturn *(long *)-3L;"),
    "copies past the end of addresses": module(
        "\tchar b[8];\n\tmemcpy(b, (void *)-4L, 8);\n\tmemset((void *)-8L, 0, 64);"
    ),
    "divides by zero": module("\tvolatile int a = 0;\n\treturn 1 / a;"),
    "divides too far": module("\tvolatile int a = -1, b = 1 << 31;\n\treturn b / a;"),
    "shifts too far": module("\tvolatile int a = 200;\n\treturn 1 << a;"),
    "shifts by a negative number": module("\tvolatile long a = -5;\n\treturn 1l >> a;"),
    "init returns garbage": module("\treturn 77;"),
    "init returns low garbage": module("\treturn -100000;"),
    "init without a return": HEAD + "static int __init bad_init(void) { }\n" + TAIL,
    "frees the world": module(
        "\tunsigned long i;\n\tfor (i = 0; i < 4096; i++)\n\t\tfree_page(PAGE_OFFSET + (i << 12));"
    ),
    "frees wild pages": module(
        "\t__free_pages((struct page *)0x1230, 3);\n\t__free_pages(NULL, 0);\n\tfree_pages(5, 99);"
    ),
    "frees wild slabs": module(
        "\tkmem_cache_free((void *)5, (void *)6);\n\tkmem_cache_destroy((void *)77);"
    ),
    "wild order": module(
        "\talloc_pages(GFP_KERNEL, 11);\n\talloc_pages(GFP_KERNEL, -1);\n\talloc_pages(GFP_KERNEL, 4000000000u);\n\talloc_pages(~0, 0);"
    ),
    "wild cache": module(
        '\tkmem_cache_create(NULL, 0, 0, 0, NULL);\n\tkmem_cache_create("x", 1ul << 40, 3, ~0u, (void *)5);'
    ),
    "wild lock": module("\tspin_lock((spinlock_t *)8);\n\tspin_unlock((spinlock_t *)16);"),
    "locks twice": module("\tspin_lock(&l);\n\tspin_lock(&l);", "static DEFINE_SPINLOCK(l);"),
    "panics": module('\tpanic("%s", "no reason");'),
    "bug": module("\tBUG();"),
    "warns for ever": module("\tfor (;;)\n\t\tWARN_ON(1);"),
    "dumps the stack for ever": module("\tfor (;;)\n\t\tdump_stack();"),
    "fails for ever": module("\tfor (;;)\n\t\tkmalloc(1 << 21, GFP_ATOMIC);"),
    "frees twice for ever": module(
        "\tvoid *p = kmalloc(8, GFP_KERNEL);\n\tfor (;;)\n\t\tkfree(p);"
    ),
    "sleeps for ever": module("\tfor (;;)\n\t\tmsleep(1000000);", "#include <linux/delay.h>"),
    "waits for ever": module(
        "\twait_for_completion(&c);", "#include <linux/completion.h>\nstatic DECLARE_COMPLETION(c);"
    ),
    "string without an end": module(
        "\tchar *p = (char *)__get_free_page(GFP_KERNEL);\n\tmemset(p, 65, PAGE_SIZE);\n\treturn strlen(p) + strlen((char *)5);"
    ),
    "struct copy from nowhere": module(
        "\tstruct big b = *(struct big *)5;\n\treturn b.a[3];", "struct big { char a[2000]; };"
    ),
    "removes itself": module("\tbad_exit();\n\tbad_exit();", "static void __exit bad_exit(void);"),
    "huge local offset": module("\tchar a[8];\n\tlong n = 1l << 60;\n\ta[n] = 1;"),
    "module parameters": module(
        "\treturn a;", "static int a;\nmodule_param(a, int, 0644);\nmodule_param(a, int, 0644);"
    ),
    "many interrupts": module(
        '\tint i;\n\tfor (i = 0; i < 100000; i++)\n\t\trequest_irq(i, (void *)5, 0, "x", NULL);'
    ),
    "many timers": HEAD
    + """
static void tick(struct timer_list *unused) { }
static struct timer_list t[4000];
static int __init bad_init(void)
{
	int i;
	for (i = 0; i < 4000; i++) {
		timer_setup(&t[i], tick, 0);
		mod_timer(&t[i], jiffies + i * 1000000000ul);
	}
	return 0;
}
"""
    + TAIL,
    "timer of garbage": module(
        "\tstatic struct timer_list t;\n\tmod_timer(&t, jiffies);\n\tmod_timer((void *)8, 1);"
    ),
    "many steps of one statement": module("\tint i;\n\tfor (i = 0; i < 100000000; i++) ;"),
    "giant global": HEAD
    + "static char a[60 << 20];\nstatic int __init bad_init(void) { memset(a, 1, sizeof(a)); return a[5]; }\n"
    + TAIL,
    "giant globals": HEAD
    + "\n".join(f"static char a{n}[60 << 20];" for n in range(40))
    + "\nstatic int __init bad_init(void) { return "
    + " + ".join(f"a{n}[5]" for n in range(40))
    + "; }\n"
    + TAIL,
    "large frame": module("\tchar a[20000];\n\tmemset(a, 0, sizeof(a));"),
    "frame larger than any stack": module("\tchar a[100000];\n\ta[0] = 1;\n\treturn a[0];"),
}
"""Drivers that build (or say why not) and misbehave when they run."""
