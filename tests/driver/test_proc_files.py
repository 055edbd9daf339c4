"""Files that the kernel makes up: /proc, seq_file and debugfs."""

from __future__ import annotations

import time
from typing import Any

import pytest

from kmemquest.driver.bindings import debugfs, proc_fs
from kmemquest.driver.fault_sweep import sweep_driver
from kmemquest.driver.pseudo_files import INODE, PROC_OPS, PROC_OPS_SIZE, node_name
from kmemquest.driver.run import RunResult, module_of, run_driver
from kmemquest.driver.script import parse_script
from kmemquest.driver.sequence import SEQ_FILE, SEQ_FILE_SIZE, SEQ_OPERATIONS, SEQ_OPERATIONS_SIZE
from tests.driver.kernel_module import HEAD, machine, texts
from tests.driver.test_headers import values_of

INCLUDES = (
    "#include <linux/proc_fs.h>\n#include <linux/seq_file.h>\n#include <linux/debugfs.h>\n"
    "#include <linux/miscdevice.h>\n"
)
DEBUG = "/sys/kernel/debug"


def drive(body: str, *steps: Any, checkers: str = "production") -> RunResult:
    """Load a module, do something to it, unload it."""
    script = ["insmod", *steps, "rmmod"]
    return run_driver(HEAD + INCLUDES + body, "m.c", script=script, machine=machine(checkers))


def module(init: str, leave: str, before: str = "") -> str:
    """Return a driver whose init and exit are these statements."""
    return f"""{before}
static int __init start(void) {{ {init} return 0; }}
static void __exit stop(void) {{ {leave} }}
module_init(start);
module_exit(stop);
"""


def opened(path: str = "/proc/x", **more: Any) -> dict[str, Any]:
    return {"open": {"device": path, "as": "f", **more}}


def read(size: int = 64) -> dict[str, Any]:
    return {"read": {"file": "f", "size": size}}


def seek(offset: int, whence: str = "set") -> dict[str, Any]:
    return {"seek": {"file": "f", "offset": offset, "whence": whence}}


CLOSE = {"close": "f"}


def returns(result: RunResult) -> list[int | None]:
    """Return what the steps between insmod and rmmod returned."""
    assert result.results, result.diagnostics
    return [step.result for step in result.results[1:-1]]


def data(result: RunResult) -> list[bytes]:
    return [step.data for step in result.results if step.step.word == "read"]


def kinds(result: RunResult) -> list[str]:
    return [report.kind for report in result.reports]


def details(result: RunResult) -> list[str]:
    return [report.detail for report in result.reports]


def said(result: RunResult, words: str) -> bool:
    return any(words in line for line in texts(result))


# --- layouts ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "layout", "size"),
    [
        ("struct seq_file", SEQ_FILE, SEQ_FILE_SIZE),
        ("struct seq_operations", SEQ_OPERATIONS, SEQ_OPERATIONS_SIZE),
        ("struct inode", INODE, 0),
    ],
)
def test_layouts_are_those_of_the_headers(name: str, layout: Any, size: int) -> None:
    expressions = [f"offsetof({name}, {field})" for field in layout]
    expressions += [f"sizeof((({name} *)0)->{field})" for field in layout]
    found = values_of([*expressions, f"sizeof({name})"], HEAD + INCLUDES)
    assert found[:-1] == [at for at, _ in layout.values()] + [many for _, many in layout.values()]
    assert not size or found[-1] == size


def test_proc_ops_have_the_layout_of_6_12() -> None:
    names = {"llseek": "lseek", "unlocked_ioctl": "ioctl"}
    expressions = [f"offsetof(struct proc_ops, proc_{names.get(n, n)})" for n in PROC_OPS]
    found = values_of([*expressions, "sizeof(struct proc_ops)"], HEAD + INCLUDES)
    assert found == [offset for offset, _ in PROC_OPS.values()] + [PROC_OPS_SIZE]


def test_sizes_are_those_of_the_caches() -> None:
    slub = machine().slub
    for name, size in (("seq_file", 120), ("proc_dir_entry", 192), ("pde_opener", 40)):
        cache = slub.find(name)
        assert cache is not None
        assert cache.object_size >= size
    assert SEQ_FILE_SIZE == 120
    assert proc_fs.ENTRY_SIZE == proc_fs.INLINE_NAME + proc_fs.INLINE_ROOM + 4
    assert debugfs.ATTRIBUTE_SIZE == 112


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ("cam", "cam"),
        ("/dev/cam", "cam"),
        ("/proc//driver/./x", "/proc/driver/x"),
        ("//proc/x/", "/proc/x"),
        ("/dev/../proc/x", "/proc/x"),
    ],
)
def test_paths_are_tidied_up(given: str, known: str) -> None:
    assert node_name(given) == known


# --- one record ---------------------------------------------------------------------------

SHOW = """
static int calls;
static int x_show(struct seq_file *m, void *v)
{
	calls++;
	seq_printf(m, "call %d of %s, %5d|%-4s|", calls, (char *)m->private, 42, "ab");
	seq_puts(m, "puts");
	seq_putc(m, '\\n');
	seq_write(m, "raw\\n", 4);
	seq_put_decimal_ull(m, "n=", 7);
	return 0;
}
static int x_open(struct inode *inode, struct file *file)
{
	return single_open(file, x_show, pde_data(inode));
}
static const struct proc_ops x_ops = {
	.proc_open = x_open, .proc_read = seq_read,
	.proc_lseek = seq_lseek, .proc_release = single_release,
};
"""
PLAIN = module(
    'proc_create_data("driver/x", 0444, NULL, &x_ops, "data");',
    'remove_proc_entry("driver/x", NULL);',
    SHOW,
)
TEXT = b"call 1 of data,    42|ab  |puts\nraw\nn=7"


@pytest.mark.parametrize("checkers", ["production", "debug"])
def test_a_single_record_is_printed_once_and_read_in_pieces(checkers: str) -> None:
    steps = [opened("/proc/driver/x"), read(10), read(10), read(64), read(64), CLOSE]
    result = drive(PLAIN, *steps, checkers=checkers)
    pieces = [TEXT[:10], TEXT[10:20], TEXT[20:]]
    assert data(result) == [*pieces, b""]
    assert returns(result) == [0, *map(len, pieces), 0, 0]
    assert kinds(result) == []


def test_going_back_prints_again() -> None:
    steps = [opened("/proc/driver/x"), read(), seek(5), read(1), seek(0), read(6), CLOSE]
    result = drive(PLAIN, *steps)
    assert data(result) == [TEXT, b"2", b"call 3"]
    assert returns(result) == [0, len(TEXT), 5, 1, 0, 6, 0]


def test_seek_refuses_the_end_and_what_is_before_the_beginning() -> None:
    steps = [opened("/proc/driver/x"), seek(0, "end"), seek(-1), seek(3), seek(4, "cur"), CLOSE]
    assert returns(drive(PLAIN, *steps)) == [0, -22, -22, 3, 7, 0]


LONG = """
static int calls, size;
static int x_show(struct seq_file *m, void *v)
{
	calls++;
	for (int i = 0; i < size; i++)
		seq_puts(m, "0123456789abcde\\n");
	return 0;
}
"""


@pytest.mark.parametrize(
    ("lines", "calls", "buffer"), [(255, 1, 4096), (256, 2, 8192), (1000, 3, 16384)]
)
def test_a_full_buffer_is_doubled_and_show_runs_again(lines: int, calls: int, buffer: int) -> None:
    """Text as long as the buffer does not fit: the last byte is never used."""
    body = module(
        f'size = {lines}; proc_create_single("x", 0, NULL, x_show);',
        'remove_proc_entry("x", NULL); pr_info("calls %d\\n", calls);',
        LONG.replace("calls++;", 'calls++; pr_info("size %zu\\n", m->size);'),
    )
    result = drive(body, opened(), read(20_000), read(10), CLOSE)
    assert len(data(result)[0]) == 16 * lines
    assert said(result, f"calls {calls}")
    assert said(result, f"size {buffer}")
    assert not said(result, f"size {2 * buffer}")
    assert kinds(result) == []


def test_the_memory_of_an_open_file_is_that_of_the_kernel() -> None:
    body = module(
        'proc_create_single("x", 0, NULL, x_show);', 'remove_proc_entry("x", NULL);', LONG
    ).replace("calls++;", "calls++; size = 400;")
    result = drive(body, opened(), read(8000))
    assert result.machine is not None
    left = {report.detail for report in result.reports}
    # Removing the entry released the file: nothing of it is left.
    assert left == set()
    slub = result.machine.slub
    for name in ("proc_dir_entry", "seq_file", "pde_opener"):
        assert slub.find(name) is not None


def test_single_open_size_begins_with_a_larger_buffer() -> None:
    body = module(
        'size = 1000; proc_create("x", 0, NULL, &x_ops);',
        'remove_proc_entry("x", NULL); pr_info("calls %d\\n", calls);',
        LONG
        + """
static int x_open(struct inode *inode, struct file *file)
{
	return single_open_size(file, x_show, NULL, 32768);
}
static const struct proc_ops x_ops = {
	.proc_open = x_open, .proc_read_iter = seq_read_iter, .proc_release = single_release,
};""",
    )
    result = drive(body, opened(), read(20_000), seek(0), CLOSE)
    assert returns(result) == [0, 16_000, -29, 0]
    assert said(result, "calls 1")
    assert kinds(result) == []


def test_an_error_of_show_is_what_read_returns() -> None:
    body = module(
        'proc_create_single("x", 0, NULL, x_show);',
        'remove_proc_entry("x", NULL);',
        "static int x_show(struct seq_file *m, void *v) { return -EIO; }",
    )
    assert returns(drive(body, opened(), read(), CLOSE)) == [0, -5, 0]


# --- sequences ----------------------------------------------------------------------------

LIST = """
struct item { int n; struct list_head node; };
static LIST_HEAD(items);
static DEFINE_MUTEX(lock);
static int starts, stops, shows;
static void *s_start(struct seq_file *m, loff_t *pos)
{
	starts++;
	mutex_lock(&lock);
	return seq_list_start(&items, *pos);
}
static void *s_next(struct seq_file *m, void *v, loff_t *pos)
{
	return seq_list_next(v, &items, pos);
}
static void s_stop(struct seq_file *m, void *v)
{
	stops++;
	mutex_unlock(&lock);
}
static int s_show(struct seq_file *m, void *v)
{
	struct item *item = list_entry(v, struct item, node);

	shows++;
	if (item->n == 3)
		return SEQ_SKIP;
	seq_printf(m, "item %d\\n", item->n);
	return 0;
}
static const struct seq_operations s_ops = {
	.start = s_start, .next = s_next, .stop = s_stop, .show = s_show,
};
static int fill(int n)
{
	for (int i = 0; i < n; i++) {
		struct item *item = kzalloc(sizeof(*item), GFP_KERNEL);
		if (!item)
			return -ENOMEM;
		item->n = i;
		list_add_tail(&item->node, &items);
	}
	return 0;
}
static void drain(void)
{
	struct item *item, *next;

	list_for_each_entry_safe(item, next, &items, node)
		kfree(item);
	pr_info("starts %d stops %d shows %d\\n", starts, stops, shows);
}
"""
SEQUENCE = module(
    'if (fill(6)) return -ENOMEM; if (!proc_create_seq("x", 0, NULL, &s_ops)) return -ENOMEM;',
    'remove_proc_entry("x", NULL); drain();',
    LIST,
)
ITEMS = b"".join(b"item %d\n" % n for n in (0, 1, 2, 4, 5))


@pytest.mark.parametrize("checkers", ["production", "debug"])
def test_a_list_is_read_record_by_record(checkers: str) -> None:
    result = drive(SEQUENCE, opened(), read(), read(), CLOSE, checkers=checkers)
    assert data(result) == [ITEMS, b""]
    assert said(result, "starts 2 stops 2 shows 6")
    assert kinds(result) == []


def test_a_small_reader_makes_the_sequence_start_again_and_again() -> None:
    result = drive(SEQUENCE, opened(), *[read(10)] * 6, CLOSE)
    assert b"".join(data(result)) == ITEMS
    assert returns(result) == [0, 10, 10, 10, 5, 0, 0, 0]
    assert kinds(result) == []


def test_seek_walks_the_records() -> None:
    result = drive(SEQUENCE, opened(), seek(9), read(5), seek(21), read(), CLOSE)
    assert data(result) == [ITEMS[9:14], ITEMS[21:]]


def test_a_long_list_needs_no_larger_buffer() -> None:
    """Records that do not fit are left for the next read; only one record must fit."""
    body = SEQUENCE.replace("fill(6)", "fill(2000)")
    result = drive(body, opened(), {"read": {"file": "f", "size": 65536, "times": 8}}, CLOSE)
    assert kinds(result) == []
    whole = b"".join(b"item %d\n" % n for n in range(2000) if n != 3)
    first = drive(body, opened(), read(65536), read(65536), CLOSE)
    assert 4000 < len(data(first)[0]) < 4096
    assert whole.startswith(b"".join(data(first)))


def test_a_next_that_stands_still_is_told_of() -> None:
    body = SEQUENCE.replace("return seq_list_next(v, &items, pos);", "return NULL;")
    result = drive(body, opened(), read(8), CLOSE)
    assert said(result, "seq_file: buggy .next function s_next [m] did not update position index")


def test_private_state_comes_and_goes_with_the_file() -> None:
    body = module(
        'proc_create_seq_private("x", 0, NULL, &s_ops, 24, NULL);',
        'remove_proc_entry("x", NULL);',
        """
struct state { int shown; long rest[2]; };
static void *s_start(struct seq_file *m, loff_t *pos) { return *pos < 3 ? m->private : NULL; }
static void *s_next(struct seq_file *m, void *v, loff_t *pos) { return ++*pos < 3 ? v : NULL; }
static void s_stop(struct seq_file *m, void *v) { }
static int s_show(struct seq_file *m, void *v)
{
	struct state *state = v;
	seq_printf(m, "%d,", state->shown++);
	return 0;
}
static const struct seq_operations s_ops = { s_start, s_stop, s_next, s_show };
""",
    )
    result = drive(body, opened(), read(), CLOSE, opened(), read(), CLOSE)
    assert data(result) == [b"0,1,2,", b"0,1,2,"]
    assert kinds(result) == []


def test_the_lock_of_the_file_is_held_in_show() -> None:
    body = module(
        'proc_create_single("x", 0, NULL, x_show);',
        'remove_proc_entry("x", NULL);',
        """
static int x_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%d %d", mutex_is_locked(&m->lock), in_atomic());
	return 0;
}""",
    )
    assert data(drive(body, opened(), read(), CLOSE)) == [b"1 0"]


# --- entries ------------------------------------------------------------------------------

OPS = "static const struct proc_ops x_ops = { .proc_flags = 0 };\n"


def test_a_path_that_nobody_registered() -> None:
    assert returns(drive(PLAIN, opened("/proc/y"))) == [-2]


def test_what_operations_lack_is_an_error_of_its_own() -> None:
    body = module('proc_create("x", 0, NULL, &x_ops);', 'remove_proc_entry("x", NULL);', OPS)
    steps = [read(), {"write": {"file": "f", "text": "a"}}, {"ioctl": {"file": "f", "cmd": 1}}]
    steps += [seek(0), {"mmap": {"file": "f"}}, {"poll": {"file": "f", "events": 5}}]
    assert returns(drive(body, opened(), *steps, CLOSE)) == [0, -5, -5, -25, -29, -5, 5, 0]


def test_directories() -> None:
    body = module(
        'dir = proc_mkdir("mine", NULL); proc_create_single("a", 0, dir, show);'
        'proc_mkdir("deep", dir); proc_create_single("mine/deep/b", 0, NULL, show);',
        'pr_info("%d\\n", remove_proc_subtree("none", NULL)); proc_remove(dir);',
        "static struct proc_dir_entry *dir;\n"
        'static int show(struct seq_file *m, void *v) { seq_puts(m, "hi"); return 0; }',
    )
    result = drive(
        body,
        opened("/proc/mine/a"), read(), CLOSE,
        opened("/proc/mine/deep/b"), read(), CLOSE,
        opened("/proc/mine"), opened("/proc/mine", access="read"), read(), CLOSE,
    )  # fmt: skip
    assert returns(result) == [0, 2, 0, 0, 2, 0, -21, 0, -21, 0]
    assert kinds(result) == []


@pytest.mark.parametrize(
    ("init", "warning"),
    [
        ('proc_create("x", 0, NULL, &x_ops);', "proc_dir_entry '/proc/x' already registered"),
        ('proc_create("meminfo", 0, NULL, &x_ops);', "'/proc/meminfo' already registered"),
        ('proc_create("none/x", 0, NULL, &x_ops);', "name 'none/x'"),
        ('proc_create("", 0, NULL, &x_ops);', "name len 0"),
        ('proc_create("12", 0, NULL, &x_ops);', "create '/proc/12' by hand"),
        ('(remove_proc_entry("y", NULL), NULL);', "name 'y'"),
    ],
)
def test_refused_names_warn(init: str, warning: str) -> None:
    body = module(
        f'void *p; proc_create("x", 0, NULL, &x_ops); p = {init} pr_info("got %d\\n", !!p);',
        'remove_proc_entry("x", NULL);',
        OPS,
    )
    result = drive(body)
    assert said(result, warning)
    assert said(result, "got 0")
    assert kinds(result) == ["warning"]


def test_a_directory_that_is_not_empty_loses_its_children() -> None:
    body = module(
        'proc_create("a", 0, proc_mkdir("d", NULL), &x_ops);', 'remove_proc_entry("d", NULL);', OPS
    )
    result = drive(body)
    assert said(result, "removing non-empty directory '/proc/d', leaking at least 'a'")
    assert details(result)[1:] == ["proc-entry: from proc_create()"]


# --- what is forgotten --------------------------------------------------------------------


def test_a_forgotten_entry_is_a_leak_and_a_fault_for_who_opens_it() -> None:
    body = PLAIN.replace('remove_proc_entry("driver/x", NULL);', "")
    result = drive(body)
    assert details(result) == ["proc-entry: from proc_create_data()"]
    assert result.reports[0].site is not None
    script = ["insmod", "rmmod", opened("/proc/driver/x")]
    after = run_driver(HEAD + INCLUDES + body, "m.c", script=script, machine=machine())
    assert after.outcome == "task-killed"
    assert "page-fault" in kinds(after)
    assert said(after, "RIP: 0010:proc_reg_open+")


def test_a_stale_entry_with_the_kernels_own_operations_jumps_into_code_that_is_gone() -> None:
    body = module('proc_create_single("x", 0, NULL, x_show);', "", LONG)
    script = ["insmod", "rmmod", opened(), read()]
    result = run_driver(HEAD + INCLUDES + body, "m.c", script=script, machine=machine())
    assert [step.result for step in result.results[2:3]] == [0]
    assert "page-fault" in kinds(result)


@pytest.mark.parametrize(
    ("release", "left"),
    [
        ("single_release", []),
        ("seq_release", ["kmalloc: 32 bytes from single_open()"]),
        (
            "NULL",
            [
                "kmalloc: 32 bytes from single_open()",
                "cache-object: 120 bytes from single_open()",
                "kvmalloc: 4096 bytes from seq_read()",
            ],
        ),
    ],
)
def test_what_a_release_leaves_behind(release: str, left: list[str]) -> None:
    body = PLAIN.replace("single_release", release)
    assert details(drive(body, opened("/proc/driver/x"), read(), CLOSE)) == left


def test_removing_an_entry_releases_who_has_it_open() -> None:
    body = module(
        'proc_create_data("x", 0, NULL, &x_ops, "data");',
        "",
        SHOW + 'void late(void);\nvoid late(void) { remove_proc_entry("x", NULL); }\n',
    )
    result = drive(body, opened(), read(), {"call": "late"}, read(), seek(0), CLOSE)
    assert returns(result) == [0, len(TEXT), 0, -5, -22, 0]
    assert kinds(result) == []
    again = drive(PLAIN, opened("/proc/driver/x"), read())
    assert again.results[-1].result == 0
    assert kinds(again) == []


def test_a_show_that_removes_its_own_entry_waits_for_itself() -> None:
    body = module(
        'proc_create_single("x", 0, NULL, x_show);',
        "",
        """
static int x_show(struct seq_file *m, void *v) { remove_proc_entry("x", NULL); return 0; }
""",
    )
    assert kinds(drive(body, opened(), read()))[:1] == ["hung-task"]


def test_a_misc_device_leaves_something_where_seq_open_wants_nothing() -> None:
    """misc_open() puts the miscdevice into private_data: a WARNING, and it works."""
    body = module(
        "return misc_register(&box);",
        "misc_deregister(&box);",
        """
static int box_show(struct seq_file *m, void *v) { seq_puts(m, "box"); return 0; }
static int box_open(struct inode *inode, struct file *file)
{
	%s
	return single_open(file, box_show, NULL);
}
static const struct file_operations box_fops = {
	.owner = THIS_MODULE, .open = box_open, .read = seq_read, .release = single_release,
};
static struct miscdevice box = {
	.minor = MISC_DYNAMIC_MINOR, .name = "box", .fops = &box_fops,
};
""",
    ).replace("return misc_register(&box); return 0;", "return misc_register(&box);")
    loud = drive(body % "", opened("box"), read(), CLOSE)
    assert data(loud) == [b"box"]
    assert kinds(loud) == ["warning"]
    assert said(loud, "at fs/seq_file.c:61 seq_open+")
    quiet = drive(body % "file->private_data = NULL;", opened("box"), read(), CLOSE)
    assert kinds(quiet) == []


def test_reading_without_seq_open_faults_at_the_lock() -> None:
    body = module(
        'proc_create("x", 0, NULL, &x_ops);',
        'remove_proc_entry("x", NULL);',
        "static const struct proc_ops x_ops = { .proc_read = seq_read };",
    )
    result = drive(body, opened(), read(), CLOSE)
    # The reader never leaves the entry, so rmmod waits for it for ever.
    assert kinds(result) == ["null-dereference", "hung-task"]
    assert result.reports[0].address == 0x38


# --- failing allocations ------------------------------------------------------------------


def test_every_failure_of_a_careful_driver_is_survived() -> None:
    source = (
        HEAD
        + INCLUDES
        + SEQUENCE.replace("fill(6)", "fill(1)")
        .replace(
            "if (!proc_create_seq",
            'if (!proc_create_single("alongnamethatisnotinline", 0, NULL, s_show)) '
            "{ drain(); return -ENOMEM; } "
            'remove_proc_entry("alongnamethatisnotinline", NULL); if (!proc_create_seq',
        )
        .replace("&s_ops)) return -ENOMEM;", "&s_ops)) { drain(); return -ENOMEM; }")
    )
    steps = parse_script(["insmod", opened(), read(), CLOSE, "rmmod"])
    _, built = module_of(source, "m.c", builtin=False)
    assert built is not None
    sweep = sweep_driver(built, machine().snapshot(), steps)
    assert sweep.points >= 4
    assert [(r.point.number, r.verdict) for r in sweep.results if not r.survived] == []


def test_a_failing_open_leaves_nothing() -> None:
    body = PLAIN.replace(
        "return single_open(",
        "void *p = __seq_open_private(file, &none, 1UL << 30);\n\tif (!p) return -ENOMEM;\n"
        "\treturn single_open(",
    ).replace(
        "static int x_open", "static const struct seq_operations none = { };\nstatic int x_open"
    )
    result = drive(body, opened("/proc/driver/x"), read())
    assert returns(result) == [-12, -9]
    assert [kind for kind in kinds(result) if kind == "leak"] == []


# --- debugfs ------------------------------------------------------------------------------

SCALARS = module(
    """
	dir = debugfs_create_dir("demo", NULL);
	debugfs_create_u8("u8", 0644, dir, &a);
	debugfs_create_u16("u16", 0644, dir, &b);
	debugfs_create_u32("u32", 0444, dir, &c);
	debugfs_create_u64("u64", 0200, dir, &d);
	debugfs_create_x32("x32", 0644, dir, &c);
	debugfs_create_size_t("size", 0644, dir, &e);
	debugfs_create_bool("bool", 0644, dir, &f);
	debugfs_create_atomic_t("atomic", 0644, dir, &g);
	debugfs_create_blob("blob", 0444, dir, &blob);""",
    'debugfs_remove(dir); pr_info("a %d b %d f %d g %d\\n", a, b, f, atomic_read(&g));',
    """
static struct dentry *dir;
static u8 a = 200; static u16 b = 60000; static u32 c = 0xbeef; static u64 d = 1;
static size_t e = 12; static bool f; static atomic_t g = ATOMIC_INIT(-3);
static struct debugfs_blob_wrapper blob = { "blobby", 6 };
""",
)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("u8", b"200\n"),
        ("u16", b"60000\n"),
        ("u32", b"48879\n"),
        ("x32", b"0x0000beef\n"),
        ("size", b"12\n"),
        ("bool", b"N\n"),
        ("atomic", b"-3\n"),
        ("blob", b"blobby"),
    ],
)
def test_numbers_are_shown(name: str, shown: bytes) -> None:
    result = drive(SCALARS, opened(f"{DEBUG}/demo/{name}"), read(2), read(), read(), CLOSE)
    assert data(result) == [shown[:2], shown[2:], b""]
    assert kinds(result) == []


@pytest.mark.parametrize(
    ("name", "text", "result", "left"),
    [
        ("u8", "0x11", 4, "a 17"),
        ("u8", "300", 3, "a 44"),
        ("u16", "no", -22, "b 60000"),
        ("u32", "1", -13, "a 200"),
        ("bool", "y\n", 2, "f 1"),
        ("bool", "maybe", 5, "f 0"),
        ("atomic", "-9\n", 3, "g -9"),
        ("blob", "1", -22, "a 200"),
    ],
)
def test_numbers_are_written(name: str, text: str, result: int, left: str) -> None:
    write = {"write": {"file": "f", "text": text}}
    found = drive(SCALARS, opened(f"{DEBUG}/demo/{name}"), write, CLOSE)
    assert returns(found) == [0, result, 0]
    assert said(found, left)


def test_a_file_that_may_only_be_written_is_not_shown() -> None:
    assert returns(drive(SCALARS, opened(f"{DEBUG}/demo/u64"), read(), CLOSE)) == [0, -13, 0]


ATTRIBUTE = module(
    'dir = debugfs_create_dir("demo", NULL);'
    'debugfs_create_file("gain", 0644, dir, &gain, &gain_fops);'
    'debugfs_create_file("text", 0444, dir, "private", &text_fops);',
    "debugfs_remove_recursive(dir);",
    """
static struct dentry *dir;
static int gain = 5;
static int gain_get(void *data, u64 *value) { *value = *(int *)data; return 0; }
static int gain_set(void *data, u64 value)
{
	if (value > 9)
		return -ERANGE;
	*(int *)data = value;
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(gain_fops, gain_get, gain_set, "%llu dB\\n");
static int text_show(struct seq_file *m, void *v) { seq_puts(m, m->private); return 0; }
DEFINE_SHOW_ATTRIBUTE(text);
""",
)


def test_attributes_and_shown_files() -> None:
    path, write = f"{DEBUG}/demo/gain", {"write": {"file": "f", "text": "7"}}
    result = drive(ATTRIBUTE, opened(path), read(), write, CLOSE, opened(path), read(), CLOSE)
    assert data(result) == [b"5 dB\n", b"7 dB\n"]
    assert kinds(result) == []
    high = {"write": {"file": "f", "text": "10"}}
    assert returns(drive(ATTRIBUTE, opened(path), high, CLOSE)) == [0, -34, 0]
    text = drive(ATTRIBUTE, opened(f"{DEBUG}/demo/text"), read(), CLOSE)
    assert data(text) == [b"private"]
    assert kinds(text) == []


def test_an_open_file_of_debugfs_pins_its_owner() -> None:
    result = drive(ATTRIBUTE, opened(f"{DEBUG}/demo/text"))
    assert result.results[-1].note == "rmmod: the module is in use"


def test_forgotten_and_stale_entries_of_debugfs() -> None:
    body = ATTRIBUTE.replace("debugfs_remove_recursive(dir);", "")
    assert details(drive(body)) == [
        "debugfs-entry: from debugfs_create_dir()",
        "debugfs-entry: from debugfs_create_file()",
        "debugfs-entry: from debugfs_create_file()",
    ]
    script = ["insmod", "rmmod", opened(f"{DEBUG}/demo/text")]
    result = run_driver(HEAD + INCLUDES + body, "m.c", script=script, machine=machine())
    assert "page-fault" in kinds(result)


def test_a_name_twice_is_an_error_pointer_that_callers_pass_on() -> None:
    body = module(
        'struct dentry *a = debugfs_create_dir("d", NULL), *b = debugfs_create_dir("d", NULL);'
        'debugfs_create_u32("n", 0644, b, &n); debugfs_remove(b); debugfs_remove(NULL);'
        'pr_info("%ld\\n", PTR_ERR(b)); dir = a;',
        "debugfs_remove(dir);",
        "static u32 n; static struct dentry *dir;",
    )
    result = drive(body)
    assert said(result, "debugfs: Directory 'd' with parent '/' already present!")
    assert said(result, "-17")
    assert kinds(result) == []


def test_removing_twice_touches_memory_that_is_free() -> None:
    """A dentry is freed with its entry; KASAN sees the second debugfs_remove()."""
    body = ATTRIBUTE.replace(
        "debugfs_remove_recursive(dir);", "debugfs_remove(dir); debugfs_remove(dir);"
    )
    assert "slab-use-after-free" in kinds(drive(body, checkers="debug"))
    proc = module(
        'pde = proc_create("x", 0, NULL, &x_ops);',
        "proc_remove(pde); proc_remove(pde);",
        OPS + "static struct proc_dir_entry *pde;\n",
    )
    assert "slab-use-after-free" in kinds(drive(proc, checkers="debug"))


# --- hostile files ------------------------------------------------------------------------

ENDLESS = {
    "records": 'seq_puts(m, "r\\n"); return 0;',
    "nothing": "return 0;",
    "skipped": "return SEQ_SKIP;",
    "text": 'for (;;) seq_printf(m, "%d", 1); return 0;',
    "characters": "for (;;) seq_putc(m, 'x'); return 0;",
    "always full": "m->count = m->size; return 0;",
    "until full": 'while (!seq_has_overflowed(m)) seq_printf(m, "%8000s", ""); return 0;',
    "wild buffer": 'm->buf = (void *)1; m->size = ~0UL; seq_puts(m, "r"); return 0;',
    "wild count": "m->count = 1UL << 40; m->size = 1UL << 41; return 0;",
    "wild write": "m->size = ~0UL; return seq_write(m, m, 1UL << 62);",
    "wild padding": "m->size = ~0UL; seq_setwidth(m, 0x7fffffff); seq_pad(m, 10); return 0;",
    "wild operations": "m->op = (void *)0x4141414141414141; return 0;",
    "freed file": 'kfree(m); seq_puts(m, "r"); return 0;',
    "circle": "ring.next = &knot; knot.next = &knot; seq_list_start(&ring, 1LL << 60); return 0;",
}


@pytest.mark.parametrize("show", ENDLESS.values(), ids=ENDLESS.keys())
def test_no_file_hangs_the_simulator(show: str) -> None:
    body = module(
        'proc_create_seq("x", 0, NULL, &s_ops);',
        'remove_proc_entry("x", NULL);',
        f"""
static struct list_head ring __maybe_unused, knot __maybe_unused;
static void *s_start(struct seq_file *m, loff_t *pos) {{ return SEQ_START_TOKEN; }}
static void *s_next(struct seq_file *m, void *v, loff_t *pos) {{ ++*pos; return v; }}
static void s_stop(struct seq_file *m, void *v) {{ }}
static int s_show(struct seq_file *m, void *v) {{ {show} }}
static const struct seq_operations s_ops = {{ s_start, s_stop, s_next, s_show }};
""",
    )
    begun = time.process_time()
    result = drive(body, opened(), read(), seek(100_000), CLOSE)
    assert time.process_time() - begun < 6
    assert "simulator-defect" not in kinds(result)
    assert result.outcome in ("ran", "stopped", "task-killed")
    assert "lock-not-released" not in kinds(result)


@pytest.mark.parametrize(
    "init",
    [
        'for (int i = 0; ; i++) { char n[16]; snprintf(n, 16, "x%d", i); proc_mkdir(n, NULL); }',
        'void *d = NULL; for (;;) d = proc_mkdir("x", d);',
        'struct dentry *d = NULL; for (;;) d = debugfs_create_dir("x", d);',
    ],
)
def test_entries_without_end_are_stopped(init: str) -> None:
    body = f"static int __init start(void) {{ {init} return 0; }}\nmodule_init(start);\n"
    result = drive(body)
    assert result.outcome == "stopped"
    assert kinds(result) == ["endless-loop"]
