"""The world around a driver: devices on buses, who is registered for what, what is pending.

One `World` belongs to one engine. The bindings fill it when the driver registers something; the
script drives it: plugs devices in, raises interrupts, lets timers expire.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from kmemquest.driver import abi

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine
    from kmemquest.driver.pseudo_files import PseudoFile
    from kmemquest.driver.user_mapping import UserMapping
    from kmemquest.kernel.context import Task
    from kmemquest.kernel.dma.device import Device
    from kmemquest.kernel.machine import Machine

TICK: Final = 4_000_000
"""Nanoseconds of one jiffy at HZ = 250."""
INITIAL_JIFFIES: Final = (1 << 32) - 300 * 250
"""The tick counter starts five minutes before it wraps in 32 bits (`include/linux/jiffies.h`)."""
FIRST_PID: Final = 140
MISC_MAJOR: Final = 10
FIRST_DYNAMIC_MINOR: Final = 127
ENODEV: Final = 19
EPROBE_DEFER: Final = 517
ENXIO: Final = 6
NUMA_NO_NODE: Final = -1
"""What `dev_to_node` tells of a device that no node is nearer to (`include/linux/numa.h`)."""


@dataclass(frozen=True, slots=True)
class IrqAction:
    """A handler that a driver installed on an interrupt line."""

    handler: int
    thread: int
    flags: int
    name: str
    dev_id: int


@dataclass(frozen=True, slots=True)
class CharacterDevice:
    """A node in /dev; `operations` is the address of its `struct file_operations`.

    Files of /proc and debugfs are nodes too, named by their whole path: `entry` is theirs.
    """

    name: str
    major: int
    minor: int
    operations: int
    owner: int
    """Address of the miscdevice, cdev, proc_dir_entry or dentry."""
    misc: bool
    entry: PseudoFile | None = None


@dataclass(slots=True)
class OpenFile:
    """An open file of a user process."""

    device: CharacterDevice
    file: int
    inode: int
    mappings: int = 0
    """Mappings of it: each keeps the file open after close()."""
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Managed:
    """What goes back by itself when the driver is unbound (`struct devres`).

    `made_by` is the family of functions that made it, and that finds it again: `devm_kmalloc`,
    `devm_get_free_pages`, `dmam_alloc_coherent`, …; `size` in bytes and `bus` (its address for the
    device) are compared where the family compares them.
    """

    address: int
    give_back: Callable[[], None]
    made_by: str
    size: int = 0
    bus: int = 0


@dataclass(slots=True)
class SimDevice:
    """A device as the bus sees it. `structure` is its pci_dev or platform_device."""

    name: str
    bus: str
    structure: int
    dev: int
    dma: Device | None
    ids: dict[str, int] = field(default_factory=dict)
    irq: int = 0
    driver: int = 0
    driver_name: str = ""
    probe_result: int | None = None
    """What probe returned last; None while no driver has been asked."""
    managed: list[Managed] = field(default_factory=list)
    """devres: released last in, first out."""


@dataclass(slots=True)
class World:
    """Everything that a driver registered, and the devices it may meet."""

    irqs: dict[int, list[IrqAction]] = field(default_factory=dict)
    masked: dict[int, int] = field(default_factory=dict)
    tasklets: deque[int] = field(default_factory=deque)
    timers: dict[int, int] = field(default_factory=dict)
    """timer_list address -> jiffies at which it expires."""
    hrtimers: dict[int, int] = field(default_factory=dict)
    """hrtimer address -> nanosecond at which it expires."""
    works: deque[int] = field(default_factory=deque)
    delayed: dict[int, int] = field(default_factory=dict)
    """delayed_work address -> jiffies."""
    threads: deque[tuple[int, int, int]] = field(default_factory=deque)
    """Woken threaded handlers: (function, irq, dev_id)."""
    busy_threads: list[tuple[int, int, int]] = field(default_factory=list)
    """Those that run now, asleep perhaps."""
    wakes: dict[int, int] = field(default_factory=dict)
    """Wait queue -> how often somebody woke it up."""
    lock_owners: dict[int, Task] = field(default_factory=dict)
    """Lock whose owner may sleep -> the task that took it last."""
    dead_threads: set[tuple[int, int, int]] = field(default_factory=set)
    """Those that oopsed: nothing wakes them any more."""
    busy_works: list[int] = field(default_factory=list)
    """Work items that run now, asleep perhaps."""
    kthreads: deque[tuple[int, int, int, str]] = field(default_factory=deque)
    """Kernel threads to run: (task, function, data, name)."""
    sleeping: dict[int, tuple[int, int, str]] = field(default_factory=dict)
    """Created but not woken kernel threads: task -> (function, data, name)."""
    stopped: set[int] = field(default_factory=set)
    thread_results: dict[int, int] = field(default_factory=dict)
    """Task -> what the kernel thread returned."""
    rcu_callbacks: deque[tuple[int, int]] = field(default_factory=deque)
    """(function, argument); function 0 stands for kfree."""
    characters: dict[str, CharacterDevice] = field(default_factory=dict)
    regions: dict[tuple[int, int], tuple[int, str]] = field(default_factory=dict)
    """(major, first minor) -> (count, name), from alloc_chrdev_region."""
    classes: dict[int, str] = field(default_factory=dict)
    """Address of a `struct class` -> its name."""
    class_nodes: dict[tuple[int, int], tuple[str, int]] = field(default_factory=dict)
    """(class, device number) -> the node's name and its `struct device`."""
    old_majors: dict[int, int] = field(default_factory=dict)
    """Major number of register_chrdev() -> its cdev."""
    allocated_cdevs: set[int] = field(default_factory=set)
    """Those of cdev_alloc(): cdev_del() frees them."""
    files: dict[tuple[str, str], OpenFile] = field(default_factory=dict)
    """(process, device name) -> the open file."""
    pci_drivers: list[int] = field(default_factory=list)
    platform_drivers: list[int] = field(default_factory=list)
    devices: dict[str, SimDevice] = field(default_factory=dict)
    by_dev: dict[int, SimDevice] = field(default_factory=dict)
    """Address of a `struct device` -> the device."""
    lock_names: dict[int, str] = field(default_factory=dict)
    destroyed_queues: set[int] = field(default_factory=set)
    """Workqueues that are gone; their memory goes after a grace period."""
    unwatched: dict[int, str] = field(default_factory=dict)
    """What the driver told kmemleak of an object: `not-leak`, `ignore`."""
    strings: dict[str, int] = field(default_factory=dict)
    sleeves: dict[int, list[int]] = field(default_factory=dict)
    """User address of a mapping that vm_mmap made -> its frames, empty until they are touched."""
    gen_pools: dict[int, list[list[int]]] = field(default_factory=dict)
    """gen_pool -> chunks as [start, bytes, physical, granules taken, address of the bitmap]."""
    tasks: dict[int, int] = field(default_factory=dict)
    """pid -> address of its task_struct."""
    singletons: dict[str, int] = field(default_factory=dict)
    mappings: dict[int, UserMapping] = field(default_factory=dict)
    """Address of a vm_area_struct -> the mapping of a user process."""
    asleep: list[SimDevice] = field(default_factory=list)
    """Devices that were put to sleep, in that order; empty while the machine runs."""
    firmware: dict[str, bytes] = field(default_factory=dict)
    """Name below /lib/firmware -> contents."""
    takers: dict[int, tuple[str, int]] = field(default_factory=dict)
    """Address of an allocation -> (comm, pid) of the task that made it."""
    pending_text: str = ""
    pending_level: int = 4
    next_pid: int = FIRST_PID
    next_major: int = 240
    next_minor: int = FIRST_DYNAMIC_MINOR

    @property
    def has_work(self) -> bool:
        """True while anything waits to run, now or when its time comes."""
        return bool(
            self.tasklets
            or self.timers
            or self.hrtimers
            or self.works
            or self.delayed
            or self.threads
            or self.kthreads
            or self.rcu_callbacks
        )

    def new_pid(self) -> int:
        """Return the next process number."""
        self.next_pid += 1
        return self.next_pid - 1


_WORLDS: WeakKeyDictionary[Engine, World] = WeakKeyDictionary()


def world_of(engine: Engine) -> World:
    """Return the world of an engine, made on first use."""
    world = _WORLDS.get(engine)
    if world is None:
        world = _WORLDS[engine] = World()
    return world


def jiffies(machine: Machine) -> int:
    """Return the tick counter."""
    return INITIAL_JIFFIES + machine.clock.now // TICK


def kernel_string(engine: Engine, text: str) -> int:
    """Return the address of a C string that the kernel itself keeps."""
    world = world_of(engine)
    address = world.strings.get(text)
    if address is None:
        data = text.encode() + b"\0"
        address = world.strings[text] = engine.reserve(len(data))
        engine.machine.memory.poke(address, data)
    return address


# --- devices ------------------------------------------------------------------------------


def add_pci_device(
    engine: Engine,
    name: str,
    vendor: int,
    device: int,
    irq: int = 11,
    bars: tuple[tuple[int, int], ...] = (),
    *,
    address_bits: int = 0,
    node: int = NUMA_NO_NODE,
) -> SimDevice:
    """Plug a PCI function in: `bars` are (physical base, bytes); a registered driver probes it."""
    machine = engine.machine
    structure = engine.reserve(abi.PCI_DEV_SIZE)
    fields = {"vendor": vendor, "device": device, "irq": irq, "dma_mask": 0xFFFF_FFFF}
    for field_name, value in fields.items():
        abi.put(machine, structure, abi.PCI_DEV, field_name, value)
    table = structure + abi.PCI_DEV["resource"][0]
    for index, (base, size) in enumerate(bars):
        _write_resource(engine, table + index * abi.RESOURCE_SIZE, base, size, 0x200, name)
    dev = structure + abi.PCI_DEV["dev"][0]
    mask_field = structure + abi.PCI_DEV["dma_mask"][0]
    made = _register(engine, name, "pci", structure, dev, mask_field, irq, address_bits, node)
    made.ids = {"vendor": vendor, "device": device}
    probe_matching(engine, made)
    return made


def add_platform_device(
    engine: Engine,
    name: str,
    number: int = -1,
    irq: int = 0,
    memory: tuple[tuple[int, int], ...] = (),
    compatible: str = "",
    *,
    address_bits: int = 0,
    node: int = NUMA_NO_NODE,
) -> SimDevice:
    """Register a platform device with memory and interrupt resources."""
    machine = engine.machine
    structure = engine.reserve(abi.PLATFORM_DEVICE_SIZE)
    count = len(memory) + bool(irq)
    table = engine.reserve(max(count, 1) * abi.RESOURCE_SIZE)
    for index, (base, size) in enumerate(memory):
        _write_resource(engine, table + index * abi.RESOURCE_SIZE, base, size, 0x200, name)
    if irq:
        place = table + len(memory) * abi.RESOURCE_SIZE
        _write_resource(engine, place, irq, 1, 0x400, name)
    fields = {
        "name": kernel_string(engine, name),
        "id": number,
        "platform_dma_mask": 0xFFFF_FFFF,
        "num_resources": count,
        "resource": table,
    }
    for field_name, value in fields.items():
        abi.put(machine, structure, abi.PLATFORM_DEVICE, field_name, value)
    full = name if number == -1 else f"{name}.{number}"
    dev = structure + abi.PLATFORM_DEVICE["dev"][0]
    mask_field = structure + abi.PLATFORM_DEVICE["platform_dma_mask"][0]
    made = _register(engine, full, "platform", structure, dev, mask_field, irq, address_bits, node)
    if compatible:
        world_of(engine).strings[f"compatible {full}"] = kernel_string(engine, compatible)
    probe_matching(engine, made)
    return made


def _register(
    engine: Engine,
    name: str,
    bus: str,
    structure: int,
    dev: int,
    mask_field: int,
    irq: int,
    address_bits: int,
    node: int,
) -> SimDevice:
    machine, world = engine.machine, world_of(engine)
    abi.put(machine, dev, abi.DEVICE, "dma_mask", mask_field)
    abi.put(machine, dev, abi.DEVICE, "coherent_dma_mask", 0xFFFF_FFFF)
    abi.put(machine, dev, abi.DEVICE, "numa_node", node)
    dma = machine.dma.device(name, bus)
    dma.address_bits = address_bits or None
    made = SimDevice(name, bus, structure, dev, dma, irq=irq)
    world.devices[name] = made
    world.by_dev[dev] = made
    return made


def _write_resource(
    engine: Engine, address: int, start: int, size: int, flags: int, name: str
) -> None:
    values = {
        "start": start,
        "end": start + size - 1,
        "flags": flags,
        "name": kernel_string(engine, name),
    }
    for field_name, value in values.items():
        abi.put(engine.machine, address, abi.RESOURCE, field_name, value)


# --- matching, probe, remove --------------------------------------------------------------


def probe_matching(engine: Engine, device: SimDevice) -> None:
    """Offer a device to the registered drivers of its bus until one takes it."""
    world = world_of(engine)
    drivers = world.pci_drivers if device.bus == "pci" else world.platform_drivers
    for driver in list(drivers):
        if not device.driver and probe(engine, driver, device):
            return


def probe(engine: Engine, driver: int, device: SimDevice) -> bool:
    """Call a driver's probe for a device it matches (`drivers/base/dd.c:really_probe`)."""
    machine = engine.machine
    pci = device.bus == "pci"
    match = _match_pci(machine, driver, device) if pci else _match_platform(engine, driver, device)
    if match is None:
        return False
    layout = abi.PCI_DRIVER if pci else abi.PLATFORM_DRIVER
    name = driver_name(machine, driver, pci=pci)
    device.driver, device.driver_name = driver, name
    if device.dma is not None:
        device.dma.driver = name
    abi.put(machine, device.dev, abi.DEVICE, "driver", driver)
    function = abi.get(machine, driver, layout, "probe")
    arguments = (device.structure, match) if pci else (device.structure,)
    result = signed(engine.call(function, *arguments)) if function else 0
    device.probe_result = result
    if pci and result > 0:
        # `drivers/pci/pci-driver.c:local_pci_probe`: a warning, and the device is bound.
        text = f"{name} {device.name}: Driver probe function unexpectedly returned {result}"
        machine.log.print(text, 4)
        result = 0
    if result == 0 or not _running(machine):
        return result == 0
    if result not in (-ENODEV, -ENXIO, -EPROBE_DEFER):
        text = f"{name} {device.name}: probe with driver {name} failed with error {result}"
        machine.log.print(text, 3)
    _detach(engine, device)
    return False


def remove(engine: Engine, device: SimDevice) -> None:
    """Call remove and give the managed resources back (`__device_release_driver`)."""
    machine = engine.machine
    layout = abi.PCI_DRIVER if device.bus == "pci" else abi.PLATFORM_DRIVER
    function = abi.get(machine, device.driver, layout, "remove")
    if function:
        engine.call(function, device.structure)
    if _running(machine):
        _detach(engine, device)


def _detach(engine: Engine, device: SimDevice) -> None:
    while device.managed:
        device.managed.pop().give_back()
    machine = engine.machine
    abi.put(machine, device.dev, abi.DEVICE, "driver_data", 0)
    abi.put(machine, device.dev, abi.DEVICE, "driver", 0)
    if device.dma is not None:
        machine.dma.driver_released(device.dma)
    device.driver, device.driver_name = 0, ""


def driver_name(machine: Machine, driver: int, *, pci: bool) -> str:
    """Return the name in a pci_driver or platform_driver."""
    if pci:
        return abi.get_text(machine, abi.get(machine, driver, abi.PCI_DRIVER, "name"))
    inner = driver + abi.PLATFORM_DRIVER["driver"][0]
    return abi.get_text(machine, abi.get(machine, inner, abi.DEVICE_DRIVER, "name"))


def _match_pci(machine: Machine, driver: int, device: SimDevice) -> int | None:
    entry = abi.get(machine, driver, abi.PCI_DRIVER, "id_table")
    any_id = 0xFFFF_FFFF
    for _ in range(256):
        if not entry:
            return None
        vendor = abi.get(machine, entry, abi.PCI_DEVICE_ID, "vendor")
        product = abi.get(machine, entry, abi.PCI_DEVICE_ID, "device")
        empty = not vendor and not abi.get(machine, entry, abi.PCI_DEVICE_ID, "subvendor")
        if empty and not abi.get(machine, entry, abi.PCI_DEVICE_ID, "class_mask"):
            return None
        if vendor in (any_id, device.ids["vendor"]) and product in (any_id, device.ids["device"]):
            return entry
        entry += abi.PCI_DEVICE_ID_SIZE
    return None


def _match_platform(engine: Engine, driver: int, device: SimDevice) -> int | None:
    machine = engine.machine
    inner = driver + abi.PLATFORM_DRIVER["driver"][0]
    wanted = world_of(engine).strings.get(f"compatible {device.name}")
    entry = abi.get(machine, inner, abi.DEVICE_DRIVER, "of_match_table")
    while entry and wanted:
        text = abi.get_text(machine, entry + abi.OF_DEVICE_ID["compatible"][0], 128)
        if not text:
            break
        if text == abi.get_text(machine, wanted):
            return entry
        entry += abi.OF_DEVICE_ID_SIZE
    name = abi.get_text(machine, abi.get(machine, device.structure, abi.PLATFORM_DEVICE, "name"))
    entry = abi.get(machine, driver, abi.PLATFORM_DRIVER, "id_table")
    while entry:
        text = abi.get_text(machine, entry, 24)
        if not text:
            return None
        if text == name:
            abi.put(machine, device.structure, abi.PLATFORM_DEVICE, "id_entry", entry)
            return entry
        entry += abi.PLATFORM_DEVICE_ID_SIZE
    return 0 if driver_name(machine, driver, pci=False) == name else None


def signed(value: int, bits: int = 32) -> int:
    """Read the low bits of a register as a signed number."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >= 1 << (bits - 1) else value


def _running(machine: Machine) -> bool:
    from kmemquest.kernel.machine import Fate

    return machine.fate is Fate.RUNNING
