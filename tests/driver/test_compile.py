"""C semantics: what compiled programs compute."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.driver.c_program import LENIENT, built, engine_for, run, value


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("2147483647 + 1", -2147483648),
        ("4294967295u + 1", 0),
        ("-1 < 0u", 0),
        ("(unsigned char)300", 44),
        ("(signed char)200", -56),
        ("(_Bool)256", 1),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("-7 >> 1", -4),
        ("1u << 31", 1 << 31),
        ("sizeof(long) + sizeof(char *)", 16),
        ("'\\xff'", -1),
        ("~0u == 0xffffffff", 1),
        ("(3, 4)", 4),
        ("5 ?: 7", 5),
        ("0 ?: 7", 7),
        ('sizeof("abc" "d")', 5),
        ('"abc"[1]', 98),
        ("_Generic(1ul, int: 1, unsigned long: 2, default: 3)", 2),
        ("__builtin_types_compatible_p(int, const int)", 1),
        ("__builtin_constant_p(3 + 4)", 1),
        ("({ int a = 4; a * 2; })", 8),
        ("__builtin_popcount(0xff) + __builtin_ctzl(8) + __builtin_clz(1)", 8 + 3 + 31),
        ("__builtin_bswap32(0x01020304)", 0x04030201),
        ("0x8000000000000000 > 0", 1),
        ("-2147483648 < 2147483647", 1),
        ("(char)128 == -128", 1),
        ("1 ? -1 : 0u", 4294967295),
        ("!5 + !0", 1),
        ("sizeof(int[3][4])", 48),
        ("__alignof__(long)", 8),
    ],
)
def test_expression(expression: str, expected: int) -> None:
    assert value(expression) == expected


def test_narrow_values_are_reduced_before_they_widen() -> None:
    assert run("long f(int x); long f(int x) { return 1000000l + (short)x; }", 65535) == 999999


def test_compound_assignment_converts_through_the_common_type() -> None:
    assert value("c", "unsigned char c = 200; c += 100;") == 44
    assert value("c", "signed char c = 100; c *= 3;") == 44
    assert value("x", "int x = -8; x >>= 1;") == -4


def test_increments_of_registers_memory_and_bit_fields() -> None:
    assert value("i * 10 + j", "int i = 3, j = i++;") == 43
    assert value("q * 100 + *p", "int a[2] = { 5, 6 }; int *p = a; int q = *p++;") == 506
    assert value("s.a", "struct { unsigned a:3; } s = { 7 }; s.a++;") == 0
    assert value("s.a", "struct { int a:3; } s = { 3 }; s.a++;") == -4


def test_pointers_reach_arrays_structs_and_functions() -> None:
    source = """
    struct node { int value; struct node *next; };
    static struct node last = { .value = 3 };
    static struct node first = { 4, &last };
    static int twice(int x) { return 2 * x; }
    static int (*const table[])(int) = { twice };
    long f(void);
    long f(void)
    {
        int sum = 0, grid[2][3] = { { 1, 2, 3 }, [1][2] = 9 };
        struct node *n;
        for (n = &first; n; n = n->next)
            sum += table[0](n->value);
        return sum * 1000 + grid[1][2] * 10 + (int)(&grid[1][0] - &grid[0][0]);
    }
    """
    assert run(source) == 14093


def test_structs_are_copied_passed_and_returned_by_value() -> None:
    source = """
    struct pair { long a, b; };
    static struct pair swap(struct pair p) { long t = p.a; p.a = p.b; p.b = t; return p; }
    long f(void);
    long f(void)
    {
        struct pair x = { 1, 2 }, y = swap(x), z;
        z = y;
        return x.a * 1000 + x.b * 100 + z.a * 10 + z.b;
    }
    """
    assert run(source) == 1221


def test_goto_unwinds_and_goes_back() -> None:
    source = """
    long f(int stage);
    long f(int stage)
    {
        int tries = 0, log = 0;
    again:
        tries++;
        while (1) {
            if (stage == 1)
                goto undo_one;
            switch (stage) {
            case 2:
                goto undo_two;
            case 3:
                if (tries < 3)
                    goto again;
                break;
            default:
                return 7;
            }
            break;
        }
        return tries * 100;
    undo_two:
        log += 20;
    undo_one:
        log += 1;
        return log;
    }
    """
    assert [run(source, stage) for stage in (0, 1, 2, 3)] == [7, 1, 21, 300]


def test_loops_switches_and_jumps_out_of_both() -> None:
    source = """
    long f(int n);
    long f(int n)
    {
        int i, j, sum = 0;
        for (i = 0; i < n; i++) {
            j = 0;
            do {
                if (j == 2)
                    continue;
                switch (j) {
                case 0 ... 1: sum += 1; break;
                case 3: sum += 10; continue;
                case 5: goto next;
                default: sum += 100;
                }
            } while (++j < 8);
    next:
            if (i == 2)
                break;
        }
        return sum;
    }
    """
    # Per round: j = 0, 1 add 1 each, 3 adds 10, 4 adds 100, 5 leaves.
    assert run(source.replace("next:\n", "next: ;\n"), 10) == 3 * 112


def test_short_circuit_keeps_side_effects_apart() -> None:
    source = """
    static int calls;
    static int hit(int r) { calls++; return r; }
    long f(void);
    long f(void)
    {
        int a = hit(0) && hit(1), b = hit(1) || hit(0), c = hit(1) ? hit(5) : hit(6);
        return calls * 100 + a * 10 + b + c * 1000;
    }
    """
    assert run(source) == 5000 + 400 + 1


def test_statement_expression_macros_of_the_kernel() -> None:
    source = """
    #define max(x, y) ({ typeof(x) _x = (x); typeof(y) _y = (y); _x > _y ? _x : _y; })
    #define container_of(ptr, type, member) ({ void *__m = (void *)(ptr); \\
        ((type *)(__m - __builtin_offsetof(type, member))); })
    struct dev { char pad[24]; int inner; };
    long f(void);
    long f(void)
    {
        struct dev d = { .inner = 3 };
        int *p = &d.inner;
        return max(max(1, 5), max(2, 3)) * 10 + (container_of(p, struct dev, inner) == &d);
    }
    """
    assert run(source) == 51


def test_variadic_functions_of_the_driver() -> None:
    source = """
    static int add(int n, ...)
    {
        __builtin_va_list ap;
        int sum = 0;
        __builtin_va_start(ap, n);
        while (n--)
            sum += __builtin_va_arg(ap, int);
        __builtin_va_end(ap);
        return sum;
    }
    long f(void);
    long f(void) { return add(3, 10, 20, -1); }
    """
    assert run(source) == 29


def test_static_locals_live_on_and_names_shadow() -> None:
    source = """
    static int x = 1;
    static int next(void) { static int x = 10; return ++x; }
    long f(void);
    long f(void) { int r = next() + next(); { int x = 5; r += x; } return r + x; }
    """
    assert run(source) == 11 + 12 + 5 + 1


def test_overflow_builtins() -> None:
    assert value("__builtin_add_overflow(2147483647, 1, &r) * 10 + (r < 0)", "int r;") == 11
    assert value("__builtin_mul_overflow(1ul << 40, 1ul << 20, &r)", "unsigned long r;") == 0


def test_locals_start_as_zero_like_a_kernel_built_with_init_stack() -> None:
    assert value("a[0] + a[3]", "int a[4];") == 0


def test_engine_runs_the_same_program_the_same_way_twice() -> None:
    source = "static int n; long f(void); long f(void) { n++; return n * (long)&n; }"
    assert run(source) == run(source)


GCC_PROGRAM = """
struct S { int a:5; unsigned b:7; unsigned char c:3; _Bool d:1; short e; };
unsigned long run(void);
unsigned long run(void)
{
    struct S s = { -3, 100, 5, 1, -9 };
    unsigned long h = 7;
    short v = -5; unsigned char w = 250; long x = 1l << 40; int y = 77; unsigned z = 4000000000u;
    int i;
    for (i = -20; i < 20; i++) {
        s.a += i; s.b ^= w; s.c -= 1; s.e *= i;
        v = v * i + (z >> (i & 31)); w += v; x ^= (long)v << (i & 15); y -= x / ((i & 7) + 1);
        z = z * 31 + (i < v) + (y >= w ? -1 : z % 7);
        h = h * 31 + (unsigned long)(s.a + s.b + s.c + s.d + s.e + v + w + x + y) + z;
    }
    return h + sizeof(struct S);
}
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc here")
def test_a_program_of_all_sizes_agrees_with_gcc(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    main = '#include <stdio.h>\nint main(void) { printf("%lu", run()); return 0; }\n'
    (folder / "p.c").write_text(GCC_PROGRAM + main)
    subprocess.run(
        ["gcc", "-w", "-O0", "-fwrapv", "-o", str(folder / "p"), str(folder / "p.c")], check=True
    )
    expected = int(subprocess.run([str(folder / "p")], capture_output=True, check=True).stdout)
    assert run(GCC_PROGRAM, function="run") == expected


def test_a_build_is_shared_and_an_engine_is_not() -> None:
    module = built("static int n; long f(void); long f(void) { return ++n; }", LENIENT).module
    assert module is not None
    first = engine_for("static int n; long f(void); long f(void) { return ++n; }", LENIENT)
    assert [first.call("f"), first.call("f")] == [1, 2]
    second = engine_for("static int n; long f(void); long f(void) { return ++n; }", LENIENT)
    assert second.call("f") == 1
