"""Layout and conversion rules of x86-64."""

from __future__ import annotations

import pytest

from kmemquest.driver.c_types import CHAR, INT, LONG, SHORT, UINT, ULONG, common_type
from tests.driver.c_program import value

LAYOUTS = [
    ("struct { char c; int i; }", 8, 4),
    ("struct { char c; long l; char d; }", 24, 8),
    ("struct { char c; int i; } __attribute__((packed))", 5, 1),
    ("struct __attribute__((packed)) { short s; long l; }", 10, 1),
    ("struct { int i; } __attribute__((aligned(64)))", 64, 64),
    ("struct { char c; int i __attribute__((aligned(16))); }", 32, 16),
    ("union { char c[5]; int i; }", 8, 4),
    ("struct { unsigned a:3, b:5; }", 4, 4),
    ("struct { unsigned char a:3, b:6; }", 2, 1),
    ("struct { unsigned a:20, b:20; }", 8, 4),
    ("struct { char c; unsigned a:20; }", 4, 4),
    ("struct { char c; int :0; char d; }", 5, 1),
    ("struct { long n; char tail[]; }", 8, 8),
    ("struct { int a; struct { short b; char c; }; union { long d; int e; }; }", 16, 8),
    ("struct { short a[3]; int *p; }", 16, 8),
    ("struct { unsigned long a:40; unsigned b:30; }", 16, 8),
]


@pytest.mark.parametrize(("ctype", "size", "align"), LAYOUTS)
def test_size_and_alignment(ctype: str, size: int, align: int) -> None:
    assert value(f"sizeof({ctype})") == size
    assert value(f"__alignof__({ctype})") == align


@pytest.mark.parametrize(
    ("member", "offset"), [("a", 0), ("c", 6), ("d", 8), ("e", 8), ("f[2]", 24), ("g", 32)]
)
def test_offsets_of_nested_and_anonymous_members(member: str, offset: int) -> None:
    before = """struct s { int a; struct { short b; char c; }; union { long d; int e; };
                struct { int x, y; } f[3]; char g; };"""
    expected = {"f[2]": 32, "g": 40}.get(member, offset)
    assert value(f"__builtin_offsetof(struct s, {member})", before) == expected


def test_usual_arithmetic_conversions() -> None:
    assert common_type(CHAR, SHORT) == INT
    assert common_type(INT, UINT) == UINT
    assert common_type(UINT, LONG) == LONG
    assert common_type(LONG, ULONG) == ULONG


def test_enums_are_unsigned_until_one_is_negative() -> None:
    assert value("(enum a)-1 > 0", "enum a { X, Y = 5, Z };") == 1
    assert value("(enum b)-1 < 0", "enum b { M = -1, N };") == 1
    assert value("Z", "enum a { X, Y = 5, Z };") == 6


def test_packed_bit_fields_straddle_bytes() -> None:
    before = """struct __attribute__((packed)) { unsigned a:5; unsigned b:9; unsigned c:2; } s;
                s.a = 21; s.b = 300; s.c = 2;"""
    assert value("s.a * 10000 + s.b * 10 + s.c + sizeof(s) * 1000000", before) == 2213002


def test_bit_fields_wider_than_int_keep_their_width() -> None:
    """The values are those of gcc 12 (-fwrapv) for the same expressions."""
    from tests.driver.c_program import engine_for

    engine = engine_for(
        "typedef unsigned long long u64; typedef long long s64;\n"
        "struct s { u64 a:40; s64 c:36; s64 d:63; unsigned e:31; u64 f:32; } x = {\n"
        "0xfedcba9876, 0x3ffffffff, 0x3123456789abcdef, 0x7654321, 0xffffffff };\n"
        "u64 f(int n);\nu64 f(int n)\n{\nswitch (n) {\n"
        "case 0: return (u64)((0x100000000ull + (x.e - x.a)) * (1 + ~x.e));\n"
        "case 1: return (u64)((x.e - x.a) * x.e);\n"
        "case 2: return (u64)(x.c << 25);\n"
        "case 3: return (u64)((5ll * x.d) + (3u + x.a) * (x.e >> 1));\n"
        "case 4: return (u64)(x.a << 8);\n"
        "case 5: return (u64)(x.a + 1 + 0x123456789);\n"
        "case 6: return (u64)(x.f + 1);\n"
        "}\nreturn 0;\n}\n"
    )
    found = [engine.call("f", n) & (1 << 64) - 1 for n in range(7)]
    assert found == [
        0xEFF9EE8DD2DE3EF5, 0x512D21C10B, 0xFFFFFFFFFE000000, 0xF5B05BBAA256E2BB,
        0xDCBA987600, 0x10000000000, 0,
    ]  # fmt: skip
