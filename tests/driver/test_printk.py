"""printk formats, levels and continuation, against what `lib/vsprintf.c` documents."""

from __future__ import annotations

import re

import pytest

from kmemquest.driver.printk_format import pointer_text
from kmemquest.driver.run import run_driver
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.spec import MIB, MachineSpec
from tests.driver.kernel_module import HEAD, engine_for, log_of, machine

FORMATS = [
    (r'"%d", -5', "-5"),
    (r'"%u", -1', "4294967295"),
    (r'"%5d|%-5d|%05d", 42, 42, 42', "   42|42   |00042"),
    (r'"%+d % d", 7, 7', "+7  7"),
    (r'"%x %X %#x %#010x", 255, 255, 255, 255', "ff FF 0xff 0x000000ff"),
    (r'"%o %#o", 8, 8', "10 010"),
    (r'"%ld %lld", -3L, 1LL << 40', "-3 1099511627776"),
    (r'"%lu", ~0UL', "18446744073709551615"),
    (r'"%zu %zd", sizeof(long), (ssize_t)-1', "8 -1"),
    (r'"%hhx %hd", 0x1ff, 70000', "ff 4464"),
    (r'"%c%c", 65, 66', "AB"),
    (r'"%s|%8s|%-8s|%.2s", "abc", "abc", "abc", "abc"', "abc|     abc|abc     |ab"),
    (r'"%*d|%-*d|%.*s", 4, 1, 3, 2, 2, "xyz"', "   1|2  |xy"),
    (r'"100%%"', "100%"),
    (r'"%.3d", 5', "005"),
    (r'"%s", (char *)NULL', "(null)"),
    (r'"%pe", ERR_PTR(-ENOMEM)', "-ENOMEM"),
    (r'"%px", (void *)0xffff888000000010UL', "ffff888000000010"),
    (r'"%p", (void *)NULL', "0000000000000000"),
    (r'"%*ph", 4, "\x01\x02\xab\xff"', "01 02 ab ff"),
    (r'"%*phC|%*phN", 3, "abc", 3, "abc"', "61:62:63|616263"),
    (r'"%pM", "\x00\x1b\x21\x0a\xff\x02"', "00:1b:21:0a:ff:02"),
    (r'"%pI4", "\x0a\x00\x02\x0f"', "10.0.2.15"),
]


@pytest.mark.parametrize(("call", "expected"), FORMATS)
def test_formats(call: str, expected: str) -> None:
    template, comma, arguments = call.partition('", ')
    template = template if not comma else template + '"'
    body = f'int probe(void);\nint probe(void) {{ printk("%s" {template} "\\n", "" '
    body += f"{', ' + arguments if comma else ''}); return 0; }}"
    engine = engine_for(body)
    before = len(engine.machine.log.lines)
    engine.call("probe")
    assert log_of(engine, before) == [expected]


def test_pointers_to_values() -> None:
    engine = engine_for(
        "static phys_addr_t where = 0x1234000;\nstatic gfp_t flags = GFP_KERNEL | __GFP_ZERO;\n"
        'int probe(void);\nint probe(void) { pr_info("%pa %pGg\\n", &where, &flags); '
        'pr_info("%pS %ps\\n", probe, probe); return 0; }'
    )
    before = len(engine.machine.log.lines)
    engine.call("probe")
    lines = log_of(engine, before)
    assert lines[0] == "0x0000000001234000 GFP_KERNEL|__GFP_ZERO"
    assert re.fullmatch(r"probe\+0x0/0x[0-9a-f]+ \[probe\] probe \[probe\]", lines[1])


def test_symbols_of_the_kernel_have_no_module() -> None:
    engine = engine_for(
        "int probe(void);\nint probe(void) {"
        ' pr_info("%pS %ps\\n", kfree, kfree); pr_info("%pS\\n", kfree); return 0; }'
    )
    before = len(engine.machine.log.lines)
    engine.call("probe")
    first, second = log_of(engine, before)
    assert re.fullmatch(r"kfree\+0x0/0x[0-9a-f]+ kfree", first)
    assert first.split()[0] == second


def test_plain_pointers_are_hashed_and_stable() -> None:
    booted = machine()
    text = pointer_text(booted, 0xFFFF888001234560)
    assert re.fullmatch(r"00000000[0-9a-f]{8}", text)
    assert text == pointer_text(booted, 0xFFFF888001234560)
    assert text != pointer_text(booted, 0xFFFF888001234568)
    assert pointer_text(booted, (1 << 64) - 12) == "fffffffffffffff4"


def test_pointers_before_the_random_generator_is_ready() -> None:
    early = Machine(MachineSpec(ram=64 * MIB))
    assert pointer_text(early, 0xFFFF888001234560) == "(____ptrval____)"


def test_slab_debug_prints_real_pointers() -> None:
    spec = MachineSpec(ram=64 * MIB, options=("slab_debug=FZPU",))
    assert pointer_text(Machine(spec), 0xFFFF888001234560) == "ffff888001234560"


def test_levels_prefixes_and_continuation() -> None:
    engine = engine_for(
        '#undef pr_fmt\n#define pr_fmt(fmt) "probe: " fmt\nint probe(void);\nint probe(void) {\n'
        'pr_err("bad\\n"); pr_debug("hidden\\n"); printk("plain\\n");\n'
        'printk(KERN_INFO "a"); printk(KERN_CONT "b"); pr_cont("c\\n");\n'
        'pr_warn("one\\ntwo\\n"); for (int i = 0; i < 3; i++) pr_info_once("once\\n");\n'
        "return 0; }"
    )
    before = len(engine.machine.log.lines)
    engine.call("probe")
    lines = list(engine.machine.log.lines)[before:]
    assert [(line.level, line.text) for line in lines] == [
        (3, "probe: bad"),
        (4, "plain"),
        (6, "abc"),
        (4, "probe: one"),
        (4, "two"),
        (6, "probe: once"),
    ]


def test_rate_limit_lets_ten_through() -> None:
    engine = engine_for(
        "int probe(void);\nint probe(void) {\n"
        'for (int i = 0; i < 25; i++) pr_info_ratelimited("%d\\n", i);\nreturn 0; }'
    )
    before = len(engine.machine.log.lines)
    engine.call("probe")
    assert log_of(engine, before) == [str(number) for number in range(10)]


def test_control_characters_cannot_reach_a_terminal() -> None:
    engine = engine_for('int probe(void);\nint probe(void) { printk("a\\033[2Jb\\n"); return 0; }')
    before = len(engine.machine.log.lines)
    engine.call("probe")
    assert log_of(engine, before) == ["a\\x1b[2Jb"]


def test_sprintf_family() -> None:
    engine = engine_for(
        "static char text[16];\nlong probe(void);\nlong probe(void) {\n"
        'int full = snprintf(text, 6, "%s", "abcdefgh");\n'
        'int cut = scnprintf(text, 6, "%s", "abcdefgh");\n'
        "return full * 100 + cut * 10 + strlen(text); }"
    )
    assert engine.call("probe") == 855
    address = engine.globals_address("text")
    assert engine.machine.memory.peek(address, 6) == b"abcde\0"


def test_a_list_of_arguments_is_handed_on() -> None:
    body = """
static void say(const char *fmt, ...) __printf(1, 2);
static void say(const char *fmt, ...)
{
	struct va_format text;
	va_list args;
	char small[6], *whole;

	va_start(args, fmt);
	text.fmt = fmt;
	text.va = &args;
	pr_info("<%pV>\\n", &text);
	pr_info("%d\\n", vsnprintf(small, sizeof(small), fmt, args));
	va_end(args);
	va_start(args, fmt);
	pr_info("%s %d\\n", small, vscnprintf(small, sizeof(small), fmt, args));
	va_end(args);
	va_start(args, fmt);
	whole = kvasprintf(GFP_KERNEL, fmt, args);
	va_end(args);
	pr_info("%s %zu\\n", whole, ksize(whole));
	kfree(whole);
}
static int __init start(void)
{
	say("%s has %d", "pump", 12);
	return 0;
}
module_init(start);
"""
    result = run_driver(HEAD + body, "v.c", script=["insmod"], machine=machine())
    found = [line.split("] ", 1)[1] for line in result.log_text()][-4:]
    assert found == ["<pump has 12>", "11", "pump  5", "pump has 12 16"]
