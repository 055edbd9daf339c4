"""mmap from both sides: what the driver may map, and what the program meets there."""

from __future__ import annotations

from typing import Any

import pytest

from kmemquest.driver.run import RunResult, run_driver
from kmemquest.driver.script import ScriptError
from tests.driver.kernel_module import HEAD, machine, texts

HEADERS = (
    HEAD + "#include <linux/fs.h>\n#include <linux/miscdevice.h>\n#include <linux/poll.h>\n"
    "#include <linux/platform_device.h>\n"
)
DEVICE = """
static int m_mmap(struct file *file, struct vm_area_struct *vma) { %s }
static const struct file_operations fops = { .owner = THIS_MODULE, .mmap = m_mmap };
static struct miscdevice misc = { .minor = MISC_DYNAMIC_MINOR, .name = "m", .fops = &fops };
static int __init start(void) { %s; return misc_register(&misc); }
static void __exit end(void) { misc_deregister(&misc); %s; }
module_init(start);
module_exit(end);
"""
OPEN = ["insmod", {"open": {"device": "m", "by": "p"}}]


def run(globals_: str, mmap: str, init: str, exit_: str, steps: list[Any]) -> RunResult:
    source = HEADERS + globals_ + DEVICE % (mmap, init, exit_)
    result = run_driver(source, "m.c", script=OPEN + steps, machine=machine("debug"))
    assert result.outcome != "does-not-compile", "\n".join(map(str, result.diagnostics))
    return result


def values(result: RunResult) -> list[int | None]:
    return [step.result for step in result.results[2:]]


def test_a_page_is_shared_by_reference() -> None:
    result = run(
        "static struct page *page;",
        "return vm_insert_page(vma, vma->vm_start, page);",
        "page = alloc_page(GFP_KERNEL | __GFP_ZERO)",
        'pr_info("count %d, byte %d\\n", page_count(page), *(u8 *)page_address(page)); '
        "put_page(page)",
        [
            {"mmap": {"file": "m", "size": 4096}},
            {"mmap": {"file": "m", "as": "two"}},
            {"poke": {"map": "m", "hex": "2a"}},
            {"peek": {"map": "two", "size": 1}},
            {"munmap": "m"},
            {"exit": "p"},
            "rmmod",
        ],
    )
    assert values(result)[2:] == [1, 1, 0, 0, 0]
    assert result.results[5].data == b"\x2a"
    assert texts(result)[-1] == "count 1, byte 42"
    assert not result.reports


@pytest.mark.parametrize(
    ("mmap", "expected"),
    [
        ("return vm_insert_page(vma, vma->vm_end, virt_to_page(buffer));", -14),
        ("return vm_insert_page(vma, vma->vm_start, virt_to_page(slab));", -22),
        ("return remap_vmalloc_range(vma, area, 0);", -22),
        ("return remap_vmalloc_range(vma, user_area, 1);", -22),
        ("return vm_iomap_memory(vma, virt_to_phys(buffer), 100);", 1),
        ("return vm_iomap_memory(vma, virt_to_phys(buffer), 0);", -22),
        ("return -ENXIO;", -6),
        ("int r = vm_insert_page(vma, vma->vm_start, virt_to_page(buffer)); "
         "return r ? r : vm_insert_page(vma, vma->vm_start, virt_to_page(buffer));", -16),
    ],
)  # fmt: skip
def test_what_cannot_be_mapped_is_refused(mmap: str, expected: int) -> None:
    result = run(
        "static void *buffer, *slab, *area, *user_area;",
        mmap,
        "buffer = (void *)get_zeroed_page(GFP_KERNEL); slab = kmalloc(64, GFP_KERNEL); "
        "area = vmalloc(4096); user_area = vmalloc_user(4096)",
        "free_page((unsigned long)buffer); kfree(slab); vfree(area); vfree(user_area)",
        [{"mmap": {"file": "m", "size": 4096}}, {"exit": "p"}, "rmmod"],
    )
    found = values(result)[0]
    assert found is not None
    assert min(found, 1) == expected
    assert not result.reports


def test_mapping_a_page_twice_by_number_is_a_bug() -> None:
    body = (
        "unsigned long pfn = virt_to_phys(buffer) >> PAGE_SHIFT; int r;"
        "r = remap_pfn_range(vma, vma->vm_start, pfn, 4096, vma->vm_page_prot);"
        "return r ? r : remap_pfn_range(vma, vma->vm_start, pfn, 4096, vma->vm_page_prot);"
    )
    result = run(
        "static void *buffer;",
        body,
        "buffer = (void *)get_zeroed_page(GFP_KERNEL)",
        "free_page((unsigned long)buffer)",
        [{"mmap": {"file": "m", "size": 4096}}],
    )
    assert [report.kind for report in result.reports] == ["kernel-bug"]
    assert result.reports[0].headline.startswith("kernel BUG at mm/memory.c")
    assert result.outcome == "task-killed"


def test_flags_of_a_mapping_are_read_only() -> None:
    source = HEADERS + DEVICE % ("vma->vm_flags |= VM_IO; return 0;", "", "")
    result = run_driver(source, "m.c", machine=machine())
    messages = [item.message for item in result.diagnostics if item.severity == "error"]
    assert messages == ["assignment of read-only member ‘vm_flags’"]


def test_signals_and_protection() -> None:
    steps: list[Any] = [{"mmap": {"file": "m", "size": 8192, "access": "read"}}]
    fill = "return vm_insert_page(vma, vma->vm_start, virt_to_page(buffer));"
    init = "buffer = (void *)get_zeroed_page(GFP_KERNEL)"
    free = "free_page((unsigned long)buffer)"
    for step, note in (
        ({"poke": {"map": "m", "hex": "00"}}, "p is killed by SIGSEGV"),
        ({"peek": {"map": "m", "offset": 8190, "size": 4}}, "p is killed by SIGBUS"),
        ({"peek": {"map": "m", "offset": "1M"}}, "p is killed by SIGSEGV"),
    ):
        script = [*steps, step, "rmmod"]
        result = run("static void *buffer;", fill, init, free, script)
        assert (result.results[3].note, result.results[4].result) == (note, 0)
        assert not result.reports


def test_files_are_released_after_their_last_mapping() -> None:
    source = HEADERS + (
        "static void *area;\n"
        "static int m_mmap(struct file *file, struct vm_area_struct *vma)\n"
        "{ return remap_vmalloc_range(vma, area, 0); }\n"
        "static int m_flush(struct file *file, void *id) { pr_info(\"flush\\n\"); return 0; }\n"
        "static int m_release(struct inode *inode, struct file *file)\n"
        "{ pr_info(\"release\\n\"); return 0; }\n"
        "static const struct file_operations fops = { .owner = THIS_MODULE, .mmap = m_mmap,\n"
        ".flush = m_flush, .release = m_release };\n"
        "static struct miscdevice misc = { .minor = 255, .name = \"m\", .fops = &fops };\n"
        "static int __init start(void)\n"
        "{ area = vmalloc_user(4096); return misc_register(&misc); }\n"
        "static void __exit end(void) { misc_deregister(&misc); vfree(area); }\n"
        "module_init(start);\nmodule_exit(end);\n"
    )  # fmt: skip
    script = [*OPEN, {"mmap": {"file": "m"}}, {"close": "m"}, "rmmod", {"munmap": "m"}, "rmmod"]
    result = run_driver(source, "m.c", script=script, machine=machine())
    assert result.results[4].note == "rmmod: the module is in use"
    assert result.results[6].result == 0
    assert texts(result)[-2:] == ["flush", "release"]


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([{"peek": "m"}], "no mapping 'm'; mappings: none"),
        ([{"munmap": "x"}], "no mapping 'x'"),
        ([{"exit": "nobody"}], "no program 'nobody'; programs: p"),
        (["resume"], "the machine is not suspended"),
        (["suspend", {"advance": "1s"}], "the machine is suspended; use resume first"),
    ],
)
def test_steps_that_make_no_sense(steps: list[Any], words: str) -> None:
    with pytest.raises(ScriptError, match=words):
        run("", "return 0;", "", "", steps)


PM = """
#define LOUD(name) static int name(struct device *dev) \\
{ dev_info(dev, #name "\\n"); \\
  return !strcmp(dev_name(dev), stubborn) && !strcmp(#name, at) ? -5 : 0; }
static char *stubborn = "", *at = "";
module_param(stubborn, charp, 0444);
module_param(at, charp, 0444);
LOUD(p_suspend)
LOUD(p_resume)
LOUD(p_late)
LOUD(p_early)
static const struct dev_pm_ops pm = { SYSTEM_SLEEP_PM_OPS(p_suspend, p_resume)
	LATE_SYSTEM_SLEEP_PM_OPS(p_late, p_early) };
static int p_probe(struct platform_device *pdev) { return 0; }
static struct platform_driver driver = { .probe = p_probe, .driver = { .name = "d", .pm = &pm } };
module_platform_driver(driver);
""".replace("p_resume)\n\tLATE", "p_resume),\n\tLATE")
DEVICES = [{"probe": {"platform": {"name": "d", "id": number}}} for number in (0, 1)]


def sleep(parameters: dict[str, str], *steps: object) -> list[str]:
    script = [{"insmod": parameters}, *DEVICES, *steps]
    result = run_driver(HEADERS + PM, "d.c", script=script, machine=machine())
    assert result.outcome == "ran", "\n".join(map(str, result.diagnostics))
    return [text.removeprefix("d d.") for text in texts(result)[1:]]


def test_devices_sleep_last_first_and_wake_first_first() -> None:
    assert sleep({}, "suspend", "sync", "resume") == [
        "PM: suspend entry (deep)",
        "1: p_suspend", "0: p_suspend", "1: p_late", "0: p_late",
        "0: p_early", "1: p_early", "0: p_resume", "1: p_resume",
        "PM: suspend exit",
    ]  # fmt: skip


def test_a_device_that_refuses_wakes_the_others() -> None:
    assert sleep({"stubborn": "d.0", "at": "p_late"}, "suspend") == [
        "PM: suspend entry (deep)",
        "1: p_suspend", "0: p_suspend", "1: p_late", "0: p_late",
        "0: PM: failed to suspend late: error -5",
        "PM: Some devices failed to suspend, or early wake event detected",
        "1: p_early", "0: p_resume", "1: p_resume",
        "PM: suspend exit",
    ]  # fmt: skip


def test_poll_waits_for_a_timer() -> None:
    source = HEADERS + (
        "static struct timer_list t; static int ready; static DECLARE_WAIT_QUEUE_HEAD(q);\n"
        "static void ring(struct timer_list *x) { ready = 1; wake_up(&q); }\n"
        "static __poll_t m_poll(struct file *f, poll_table *w)\n"
        "{ poll_wait(f, &q, w); return ready ? EPOLLIN | EPOLLRDNORM : 0; }\n"
        "static const struct file_operations fops = { .owner = THIS_MODULE, .poll = m_poll };\n"
        "static struct miscdevice misc = { .minor = 255, .name = \"m\", .fops = &fops };\n"
        "static int __init start(void) { timer_setup(&t, ring, 0); mod_timer(&t, jiffies + 10);"
        " return misc_register(&misc); }\n"
        "static void __exit end(void) { misc_deregister(&misc); }\n"
        "module_init(start);\nmodule_exit(end);\n"
    )  # fmt: skip
    polls = [{"poll": {"file": "m", "timeout": time}} for time in ("0", "20ms", "100ms")]
    result = run_driver(source, "m.c", script=[*OPEN, *polls], machine=machine())
    assert [step.result for step in result.results[2:]] == [0, 0, 0x41]


def test_steps_on_what_was_never_mapped_fail() -> None:
    result = run(
        "",
        "return -EPERM;",
        "",
        "",
        [
            {"mmap": {"file": "m", "size": 4096}},
            {"peek": {"map": "m", "size": 1}},
            {"poke": {"map": "m", "hex": "2a"}},
            {"munmap": "m"},
            {"open": {"device": "none", "as": "n"}},
            {"read": {"file": "n", "size": 1}},
            {"mmap": {"file": "n", "as": "n"}},
            {"peek": {"map": "n", "size": 1}},
        ],
    )
    assert values(result) == [-1, -14, -14, -22, -2, -9, -9, -14]


def test_a_name_that_no_step_gave_is_still_a_mistake_of_the_script() -> None:
    with pytest.raises(ScriptError, match="no mapping 'z'"):
        run("", "return 0;", "", "", [{"peek": {"map": "z", "size": 1}}])


@pytest.mark.parametrize("mapped", ["counted", "frames"])
@pytest.mark.parametrize("read_first", [False, True])
def test_a_private_mapping_copies_on_write(mapped: str, read_first: bool) -> None:
    call = {
        "counted": "vm_insert_page(vma, vma->vm_start, page)",
        "frames": "remap_pfn_range(vma, vma->vm_start, page_to_pfn(page), PAGE_SIZE, "
        "vma->vm_page_prot)",
    }[mapped]
    first: list[Any] = [{"peek": {"map": "mine", "size": 2}}] if read_first else []
    result = run(
        "static struct page *page;",
        f"return {call};",
        "page = alloc_page(GFP_KERNEL | __GFP_ZERO); *(u8 *)page_address(page) = 7",
        'pr_info("count %d, byte %d\\n", page_count(page), *(u8 *)page_address(page)); '
        "__free_page(page)",
        [
            {"mmap": {"file": "m", "as": "mine", "shared": False}},
            {"mmap": {"file": "m", "as": "all"}},
            *first,
            {"poke": {"map": "mine", "offset": 1, "hex": "2a"}},
            {"peek": {"map": "mine", "size": 2}},
            {"peek": {"map": "all", "size": 2}},
            {"poke": {"map": "all", "hex": "09"}},
            {"peek": {"map": "mine", "size": 1}},
            {"exit": "p"},
            "rmmod",
        ],
    )
    data = [step.data for step in result.results if step.data]
    assert data[-3:] == [b"\x07\x2a", b"\x07\x00", b"\x07"]
    assert texts(result)[-1] == "count 1, byte 9"
    assert not result.reports


@pytest.mark.parametrize(
    ("before", "inside", "lost"),
    [("get_page(page)", "0", 1), ("(void)0", "0", 0), ("(void)0", "__free_page(page), 0", 0)],
)
def test_a_reference_too_many_outlives_the_mapping(before: str, inside: str, lost: int) -> None:
    # Freed inside mmap() the page lives on in the mapping alone, and ends with it.
    early = "free" in inside
    result = run(
        "static struct page *page;",
        f"int r; {before}; r = vm_insert_page(vma, vma->vm_start, page);"
        f" return r ? r : ({inside});",
        "page = alloc_page(GFP_KERNEL)",
        "(void)page" if early else "__free_page(page)",
        [{"mmap": {"file": "m", "size": 4096}}, {"munmap": "m"}, {"exit": "p"}, "rmmod"],
    )
    found = [report.detail for report in result.reports if report.kind == "leak"]
    assert found == ["pages: 4096 bytes from alloc_pages()"] * lost


def test_a_program_can_end_only_once() -> None:
    steps: list[Any] = [{"exit": "p"}, {"exit": "p"}, "rmmod"]
    assert values(run("", "return 0;", "(void)0", "(void)0", steps)) == [0, -3, 0]
    with pytest.raises(ScriptError, match="no program"):
        run("", "return 0;", "(void)0", "(void)0", [{"exit": "stranger"}])


def test_a_dying_program_has_no_memory_when_its_files_are_released() -> None:
    """`do_exit` gives the memory back (`exit_mm`) before the files (`exit_files`)."""
    source = (
        HEADERS
        + """
static u8 __user *kept;
static ssize_t m_write(struct file *file, const char __user *buf, size_t n, loff_t *pos)
{
	kept = (u8 __user *)buf;
	return n;
}
static int m_release(struct inode *inode, struct file *file)
{
	u8 byte;

	pr_info("left %lu\\n", copy_from_user(&byte, kept, 1));
	return 0;
}
static const struct file_operations fops = {
	.owner = THIS_MODULE, .write = m_write, .release = m_release,
};
static struct miscdevice misc = { .minor = MISC_DYNAMIC_MINOR, .name = "m", .fops = &fops };
module_misc_device(misc);
"""
    )
    write = {"write": {"file": "m", "text": "x"}}
    for end, left in (({"exit": "p"}, 1), ({"close": "m"}, 0)):
        result = run_driver(source, "m.c", script=[*OPEN, write, end], machine=machine("debug"))
        assert texts(result)[-1] == f"left {left}", result.diagnostics


@pytest.mark.parametrize(
    ("prepared", "bad"), [("", True), ("vm_flags_set(vma, VM_MIXEDMAP);", False)]
)
def test_a_fault_handler_may_not_change_the_flags_of_an_area(prepared: str, bad: bool) -> None:
    result = run(
        "static struct page *page;\n"
        "static vm_fault_t m_fault(struct vm_fault *vmf)\n"
        "{ return vmf_insert_page(vmf->vma, vmf->address, page); }\n"
        "static const struct vm_operations_struct vops = { .fault = m_fault };\n",
        f"{prepared} vma->vm_ops = &vops; return 0;",
        "page = alloc_page(GFP_KERNEL | __GFP_ZERO)",
        "put_page(page)",
        [{"mmap": {"file": "m"}}, {"peek": {"map": "m", "size": 1}}],
    )
    assert any("kernel BUG at mm/memory.c:2298!" in line for line in result.log_text()) is bad
    assert bool(result.reports) is bad


@pytest.mark.parametrize(
    ("access", "shared", "flags"),
    [("rw", True, 0xBB), ("read", True, 0x91), ("read", False, 0x31), ("rw", False, 0x33)],
)
def test_who_may_only_read_the_file_shares_nothing(access: str, shared: bool, flags: int) -> None:
    source = HEADERS + DEVICE % (
        'pr_info("flags %lx cow %d\\n", vma->vm_flags & 0xff, is_cow_mapping(vma->vm_flags)); '
        "return 0;",
        "",
        "",
    )
    opened = {"open": {"device": "m", "access": access}}
    steps = ["insmod", opened, {"mmap": {"file": "m", "access": access, "shared": shared}}]
    result = run_driver(source, "m.c", script=steps, machine=machine())
    assert texts(result)[-1] == f"flags {flags:x} cow {int(not shared)}"
