"""The headers agree with the Python side: values, layouts, and that every prototype is bound."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kmemquest.driver import abi
from kmemquest.driver.binding import OBJECTS, REGISTRY, load_bindings
from kmemquest.driver.build import build
from kmemquest.driver.engine import Engine
from kmemquest.driver.errno_names import ERRNO
from kmemquest.kernel import gfp
from kmemquest.kernel.mm import slab_geometry
from tests.driver.kernel_module import HEAD, machine

INCLUDE = Path(build.__code__.co_filename).parent / "include"
HEADERS = sorted(str(path.relative_to(INCLUDE)) for path in INCLUDE.rglob("*.h"))


def values_of(expressions: list[str], head: str = HEAD) -> list[int]:
    source = head + "static u64 values[] = {\n" + ",\n".join(f"(u64)({e})" for e in expressions)
    source += "};\nlong probe(void);\nlong probe(void) { return (long)values; }\n"
    module = build(source, "values.c").module
    assert module is not None, "\n".join(map(str, build(source, "values.c").diagnostics))
    engine = Engine(machine(), module)
    engine.place()
    address = engine.globals_address("values")
    data = engine.machine.memory.peek(address, 8 * len(expressions))
    return [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]


def errors_of(source: str) -> list[str]:
    """Return the messages of a build, warnings too."""
    found = build(f'{HEAD}\n{source}\nMODULE_LICENSE("GPL");\n', "errors.c").diagnostics
    return [diagnostic.message for diagnostic in found]


def test_gfp_constants_equal_the_kernel_rooms() -> None:
    names = list(gfp.NAMES)
    assert dict(zip(names, values_of(names), strict=True)) == gfp.NAMES


def test_slab_flags_equal_the_kernel_rooms() -> None:
    names = [
        name
        for name in vars(slab_geometry)
        if name.startswith("SLAB_")
        and name not in ("SLAB_KMALLOC", "SLAB_TRACE", "SLAB_SKIP_KFENCE")
        and f"#define {name} " in (INCLUDE / "linux/slab.h").read_text()
    ]
    assert len(names) >= 12
    assert values_of(names) == [getattr(slab_geometry, name) for name in names]


def test_errno_values() -> None:
    head = HEAD + "#include <linux/errno.h>\n"
    assert dict(zip(ERRNO, values_of(list(ERRNO), head), strict=True)) == ERRNO


STRUCTURES = {
    "struct device": (abi.DEVICE, abi.DEVICE_SIZE),
    "struct resource": (abi.RESOURCE, abi.RESOURCE_SIZE),
    "struct pci_dev": (abi.PCI_DEV, abi.PCI_DEV_SIZE),
    "struct pci_device_id": (abi.PCI_DEVICE_ID, abi.PCI_DEVICE_ID_SIZE),
    "struct pci_driver": (abi.PCI_DRIVER, 0),
    "struct platform_device": (abi.PLATFORM_DEVICE, abi.PLATFORM_DEVICE_SIZE),
    "struct platform_driver": (abi.PLATFORM_DRIVER, 0),
    "struct device_driver": (abi.DEVICE_DRIVER, 0),
    "struct of_device_id": (abi.OF_DEVICE_ID, abi.OF_DEVICE_ID_SIZE),
    "struct miscdevice": (abi.MISCDEVICE, 0),
    "struct file_operations": (abi.FILE_OPERATIONS, 0),
    "struct inode": (abi.INODE, abi.INODE_SIZE),
    "struct file": (abi.FILE, abi.FILE_SIZE),
    "struct cdev": (abi.CDEV, 0),
    "struct vm_area_struct": (abi.VM_AREA, abi.VM_AREA_SIZE),
    "struct vm_operations_struct": (abi.VM_OPERATIONS, 0),
    "struct vm_fault": (abi.VM_FAULT, abi.VM_FAULT_SIZE),
    "struct dev_pm_ops": (abi.DEV_PM_OPS, 0),
    "struct firmware": (abi.FIRMWARE, abi.FIRMWARE_SIZE),
    "struct timer_list": (abi.TIMER_LIST, 40),
    "struct work_struct": (abi.WORK_STRUCT, 32),
    "struct delayed_work": (abi.DELAYED_WORK, 88),
    "struct tasklet_struct": (abi.TASKLET, 40),
    "struct task_struct": (abi.TASK_STRUCT, abi.TASK_STRUCT_SIZE),
    "struct hrtimer": (abi.HRTIMER, abi.HRTIMER_SIZE),
    "struct shrinker": (abi.SHRINKER, abi.SHRINKER_SIZE),
    "struct shrink_control": (abi.SHRINK_CONTROL, abi.SHRINK_CONTROL_SIZE),
    "struct scatterlist": (abi.SCATTERLIST, abi.SCATTERLIST_SIZE),
    "struct module": (abi.MODULE, abi.MODULE_SIZE),
    "mempool_t": (abi.MEMPOOL, abi.MEMPOOL_SIZE),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_structure_layouts(name: str) -> None:
    layout, size = STRUCTURES[name]
    head = (
        HEAD + "#include <linux/pci.h>\n#include <linux/platform_device.h>\n"
        "#include <linux/miscdevice.h>\n#include <linux/cdev.h>\n"
        "#include <linux/hrtimer.h>\n#include <linux/shrinker.h>\n#include <linux/dma-mapping.h>\n"
        "#include <linux/firmware.h>\n#include <linux/poll.h>\n"
    )
    fields = list(layout)
    expressions = [f"offsetof({name}, {field})" for field in fields]
    expressions += [f"sizeof((({name} *)0)->{field})" for field in fields]
    found = values_of([*expressions, f"sizeof({name})"], head)
    assert found[: len(fields)] == [layout[field][0] for field in fields]
    assert found[len(fields) : -1] == [layout[field][1] for field in fields]
    if size:
        assert found[-1] == size


def test_sizes_of_types_as_on_the_real_configuration() -> None:
    sizes = {
        "spinlock_t": 4,
        "struct mutex": 32,
        "struct list_head": 16,
        "atomic_t": 4,
        "struct completion": 32,
        "wait_queue_head_t": 24,
        "struct page": 64,
        "gfp_t": 4,
        "dma_addr_t": 8,
        "size_t": 8,
        "loff_t": 8,
    }
    assert values_of([f"sizeof({name})" for name in sizes]) == list(sizes.values())


@pytest.mark.parametrize("header", HEADERS)
def test_every_header_compiles_alone(header: str) -> None:
    source = f'#include <{header}>\n#include <linux/module.h>\nMODULE_LICENSE("GPL");\n'
    result = build(source, "alone.c")
    assert result.ok, "\n".join(map(str, result.diagnostics))


def test_every_prototype_is_bound() -> None:
    load_bindings()
    known = set(REGISTRY) | set(OBJECTS)
    missing = []
    for header in HEADERS:
        for name in prototypes((INCLUDE / header).read_text()):
            if name not in known:
                missing.append(f"{header}: {name}")
    assert missing == []


def prototypes(text: str) -> list[str]:
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"\\\n", " ", text)
    text = "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("#"))
    # Macros that define inline functions, DEFINE_FREE(…) and kin: parentheses nest three deep.
    inner = r"(?:[^()]|\([^()]*\))*"
    text = re.sub(rf"^DEFINE_\w+\((?:{inner}|\({inner}\))*\)", "@", text, flags=re.MULTILINE)
    while re.search(r"\{[^{}]*\}", text):
        text = re.sub(r"\{[^{}]*\}", "@", text)
    names = []
    for statement in text.split(";"):
        words = " ".join(statement.split()).rsplit("@", 1)[-1].strip()
        match = re.match(r"^[\w\s*]*?\*?\s*(\w+)\s*\(", words.replace("__must_check", ""))
        if match and not words.startswith("typedef") and not match.group(1).startswith("__KMQ"):
            names.append(match.group(1))
    return names


def test_macros_of_everyday_use() -> None:
    cases = {
        "min(3, 5)": 3,
        "max_t(u32, 3, 9)": 9,
        "clamp(20, 1, 10)": 10,
        "ALIGN(4097, 4096)": 8192,
        "DIV_ROUND_UP(10, 4)": 3,
        "BIT(5)": 32,
        "GENMASK(7, 4)": 0xF0,
        "SZ_1M": 1 << 20,
        "array_size(SIZE_MAX, 2)": (1 << 64) - 1,
        # sizeof(struct tail) is 12, so its tail of ten bytes makes 22.
        "struct_size((struct tail *)0, data, 10)": 22,
        "IS_ERR(ERR_PTR(-ENOMEM))": 1,
        "(unsigned long)PTR_ERR(ERR_PTR(-12))": (1 << 64) - 12,
        "IS_ENABLED(CONFIG_SLUB)": 1,
        "IS_ENABLED(CONFIG_NO_SUCH_OPTION)": 0,
        "round_up(70, 64)": 128,
        "roundup_pow_of_two(33)": 64,
        "ilog2(4096)": 12,
        "upper_32_bits(0x1234567890ULL)": 0x12,
        "PFN_UP(4097)": 2,
        "pgd_index(0x00007f1234567890UL)": 254,
        "pud_index(0x00007f1234567890UL)": 72,
        "pmd_index(0x00007f1234567890UL)": 418,
        "pte_index(0x00007f1234567890UL)": 359,
        "PGDIR_SIZE / PUD_SIZE": 512,
        "PUD_SIZE / PMD_SIZE": 512,
        "PMD_SIZE / PAGE_SIZE": 512,
        "ARRAY_SIZE(((struct tail *)0)->fixed)": 3,
    }
    body = "struct tail { u32 n; u16 fixed[3]; u8 data[]; };\nstatic u64 got[32];\n"
    lines = [f"got[{index}] = {expression};" for index, expression in enumerate(cases)]
    body += "long probe(void);\nlong probe(void) {\n" + "\n".join(lines) + "\nreturn 0; }\n"
    module = build(HEAD + body, "macros.c").module
    assert module is not None, "\n".join(map(str, build(HEAD + body, "macros.c").diagnostics))
    engine = Engine(machine(), module)
    engine.call("probe")
    data = engine.machine.memory.peek(engine.globals_address("got"), 8 * len(cases))
    found = [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]
    assert dict(zip(cases, found, strict=True)) == cases


def test_thread_size_is_that_of_x86_64() -> None:
    assert values_of(["THREAD_SIZE", "THREAD_SIZE_ORDER"]) == [16384, 2]


def test_array_size_of_a_pointer_does_not_build() -> None:
    found = errors_of("int *p; int n(void);\nint n(void) { return ARRAY_SIZE(p); }\n")
    assert any("negative width in bit-field" in message for message in found)


def test_a_parameter_has_the_type_that_it_names() -> None:
    found = errors_of("static int verbose;\nmodule_param(verbose, bool, 0444);\n")
    assert any("verbose is no bool" in message for message in found)
    assert not errors_of("static int verbose;\nmodule_param(verbose, uint, 0444);\n")
