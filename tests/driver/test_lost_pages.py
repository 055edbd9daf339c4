"""Pages given back by the wrong function, and pointers that are no struct page."""

from __future__ import annotations

import pytest

from kmemquest.driver.run import RunResult, run_driver
from kmemquest.kernel.address import PAGE_SIZE
from kmemquest.kernel.machine import Fate
from kmemquest.kernel.spec import MIB, Checkers, MachineSpec
from tests.driver.kernel_module import HEAD, engine_for, log_of, machine

PROBE = "long probe(void);\nlong probe(void) {\n"


def run(code: str, checkers: str = "production") -> RunResult:
    body = f"static int __init start(void)\n{{\n{code}\nreturn 0;\n}}\nmodule_init(start);\n"
    body += "static void __exit end(void) {}\nmodule_exit(end);\n"
    result = run_driver(HEAD + body, "probe.c", machine=machine(checkers))
    assert result.outcome != "does-not-compile", [str(item) for item in result.diagnostics]
    return result


def leaked(result: RunResult) -> list[str]:
    return [report.detail for report in result.reports if report.kind == "leak"]


@pytest.mark.parametrize("function", ["kfree", "kvfree", "kfree_sensitive"])
@pytest.mark.parametrize(
    ("get", "lost"),
    [
        ("(void *)__get_free_pages(GFP_KERNEL, 0)", 0),
        ("(void *)__get_free_pages(GFP_KERNEL, 2)", 3),
        ("(void *)__get_free_pages(GFP_KERNEL | __GFP_COMP, 2)", 0),
    ],
)
def test_kfree_frees_the_first_page_of_a_plain_block(get: str, lost: int, function: str) -> None:
    result = run(f"void *p = {get};\nif (p) {function}(p);")
    wanted = [f"pages: {lost * PAGE_SIZE} bytes from __get_free_pages()"] if lost else []
    assert leaked(result) == wanted


@pytest.mark.parametrize(
    ("free", "lost"),
    [
        ("free_pages((unsigned long)p, 2)", 0),
        ("__free_pages(virt_to_page(p), 2)", 0),
        ("put_page(virt_to_page(p))", 0),
        ("free_pages((unsigned long)p, 1)", 16000 - 2 * PAGE_SIZE),
    ],
)
def test_large_kmalloc_memory_is_pages(free: str, lost: int) -> None:
    result = run(f"void *p = kmalloc(16000, GFP_KERNEL);\nif (p) {free};")
    assert leaked(result) == ([f"pages: {lost} bytes from kmalloc()"] if lost else [])


def test_put_page_frees_one_page_of_a_plain_block() -> None:
    result = run("struct page *p = alloc_pages(GFP_KERNEL, 1);\nif (p) put_page(p);")
    assert leaked(result) == [f"pages: {PAGE_SIZE} bytes from alloc_pages()"]


def test_objects_on_slabs_stay_held() -> None:
    result = run(
        "void *p = kmalloc(64, GFP_KERNEL);\nif (p) free_page((unsigned long)p & ~4095UL);"
    )
    assert leaked(result) == ["kmalloc: 64 bytes from kmalloc()"]


@pytest.mark.parametrize("call", ["page_count", "PageCompound", "page_to_nid"])
def test_struct_page_of_vmalloc_memory_is_not_mapped(call: str) -> None:
    engine = engine_for(
        PROBE + f"void *p = vmalloc(4096); if (!p) return 1; return {call}(virt_to_page(p)); }}"
    )
    assert engine.call("probe") == 0
    assert engine.machine.fate is Fate.TASK_KILLED


def test_an_address_is_no_struct_page_and_is_decremented() -> None:
    code = """u32 *p = kzalloc(64, GFP_KERNEL); if (!p) return 1;
p[13] = 7; __free_pages((struct page *)p, 0); put_page((struct page *)p); return p[13]; }"""
    engine = engine_for(PROBE + code)
    assert engine.call("probe") == 5
    assert engine.machine.fate is Fate.RUNNING


@pytest.mark.parametrize(("count", "order"), [(1, 0), (7, 4)])
def test_the_zone_of_no_frame_is_looked_for(count: int, order: int) -> None:
    code = f"""u32 *p = kzalloc(64, GFP_KERNEL); if (!p) return 1;
p[13] = {count}; __free_pages((struct page *)p, {order}); return 2; }}"""
    engine = engine_for(PROBE + code)
    before = len(engine.machine.log.lines)
    assert engine.call("probe") == 0
    assert engine.machine.fate is Fate.TASK_KILLED
    assert any("Oops" in line for line in log_of(engine, before))


def test_debug_vm_refuses_a_count_of_zero() -> None:
    code = "void *p = kzalloc(128, GFP_KERNEL); __free_pages((struct page *)p, 0); return 2; }"
    engine = engine_for(PROBE + code, "debug")
    assert engine.call("probe") == 0
    assert engine.machine.fate is Fate.TASK_KILLED


@pytest.mark.parametrize(
    ("debug_vm", "options", "freed", "fresh"),
    [
        (True, ("page_poison=1", "init_on_alloc=0"), 0xAA, 0xAA),
        (True, ("page_poison=1",), 0xAA, 0xAA),
        (False, ("page_poison=1", "init_on_alloc=0"), 0x53, 0x53),
        (False, ("page_poison=1",), 0x53, 0),
    ],
)
def test_poisoned_pages(debug_vm: bool, options: tuple[str, ...], freed: int, fresh: int) -> None:
    body = """static int __init start(void)
{
u8 *p = (u8 *)__get_free_page(GFP_KERNEL);
if (!p) return -ENOMEM;
memset(p, 0x53, PAGE_SIZE);
free_page((unsigned long)p);
pr_info("freed %x\\n", p[9]);
p = (u8 *)__get_free_page(GFP_KERNEL);
if (!p) return -ENOMEM;
pr_info("fresh %x\\n", p[9]);
free_page((unsigned long)p);
p = (u8 *)get_zeroed_page(GFP_KERNEL);
if (!p) return -ENOMEM;
pr_info("zeroed %x\\n", p[9]);
free_page((unsigned long)p);
return 0;
}
module_init(start);
"""
    spec = MachineSpec(ram=64 * MIB, options=options, checkers=Checkers(debug_vm=debug_vm))
    result = run_driver(HEAD + body, "probe.c", spec, ["insmod"])
    lines = [line.text for line in result.log][-3:]
    assert lines == [f"freed {freed:x}", f"fresh {fresh:x}", "zeroed 0"]


@pytest.mark.parametrize(
    ("code", "lost"),
    [
        ("get_page(p); __free_pages(p, 2);", "4096"),
        ("get_page(p); __free_pages(p, 2); put_page(p);", ""),
        ("get_page(p); free_pages((unsigned long)page_address(p), 2);", "4096"),
    ],
)
def test_a_page_with_a_reference_left_is_not_free(code: str, lost: str) -> None:
    result = run(f"struct page *p = alloc_pages(GFP_KERNEL, 2);\nif (p) {{ {code} }}")
    assert leaked(result) == ([f"pages: {lost} bytes from alloc_pages()"] if lost else [])


def test_a_compound_page_with_a_reference_left_stays_whole() -> None:
    code = "struct page *p = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);\n"
    code += "if (p) { get_page(p); __free_pages(p, 2); }"
    assert leaked(run(code)) == ["pages: 16384 bytes from alloc_pages()"]


@pytest.mark.parametrize("free", ["put_page(p)", "__free_page(p)"])
@pytest.mark.parametrize(("byte", "count"), [(0x14, 0x14141414), (0, 0)])
def test_a_count_that_was_written_over_is_the_one_that_counts(
    free: str, byte: int, count: int
) -> None:
    """One less is not zero: nothing is printed, and the page is lost."""
    result = run(
        "struct page *p = alloc_page(GFP_KERNEL);\n"
        f'if (p) {{ memset(p, {byte}, 64); pr_info("count %d\\n", page_count(p)); {free}; }}'
    )
    assert result.log_text()[-1].endswith(f"count {count}")
    assert leaked(result) == [f"pages: {PAGE_SIZE} bytes from alloc_pages()"]


def test_a_count_of_one_that_a_driver_wrote_frees_the_page() -> None:
    code = "struct page *p = alloc_page(GFP_KERNEL);\n"
    code += "if (p) { *(int *)((char *)p + 52) = 1; put_page(p); }"
    assert leaked(run(code)) == []
