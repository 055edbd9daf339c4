"""PCI and platform drivers, and what devm_* keeps for them."""

# ruff: noqa: ARG001 - a binding has the parameters of the C function, needed or not

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from kmemquest.driver import abi
from kmemquest.driver.binding import Argument, binds
from kmemquest.driver.bindings.io import managed_ioremap
from kmemquest.driver.devices import (
    Managed,
    SimDevice,
    add_platform_device,
    kernel_string,
    probe,
    remove,
    world_of,
)
from kmemquest.driver.holdings import gave_back, got
from kmemquest.driver.printk_format import format_text, read_string
from kmemquest.kernel.address import pfn_to_virt
from kmemquest.kernel.gfp import ZERO

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine

DEVRES_HEADER: Final = 40
"""What devm_kmalloc puts in front of the memory (`drivers/base/devres.c:struct devres`)."""
ENOMEM: Final = 12
EINVAL: Final = 22
ENXIO: Final = 6
SIZE_MAX: Final = (1 << 64) - 1
MEMORY: Final = 0x200
IRQ: Final = 0x400


def _device(engine: Engine, dev: int) -> SimDevice | None:
    known = world_of(engine).by_dev.get(dev)
    if known is None:
        engine.machine.memory.load(dev, 8)
    return known


def _of_structure(engine: Engine, structure: int) -> SimDevice | None:
    for device in world_of(engine).devices.values():
        if device.structure == structure:
            return device
    engine.machine.memory.load(structure, 8)
    return None


# --- registration -------------------------------------------------------------------------


@binds("pci_register_driver")
def pci_register_driver(engine: Engine, driver: int) -> int:
    return _register(engine, driver, "pci", world_of(engine).pci_drivers)


@binds("platform_driver_register")
def platform_driver_register(engine: Engine, driver: int) -> int:
    return _register(engine, driver, "platform", world_of(engine).platform_drivers)


def _register(engine: Engine, driver: int, bus: str, drivers: list[int]) -> int:
    drivers.append(driver)
    got(engine, "driver", driver, 0, f"{bus}_driver_register")
    for device in list(world_of(engine).devices.values()):
        if device.bus == bus and not device.driver:
            probe(engine, driver, device)
    return 0


@binds("pci_unregister_driver")
def pci_unregister_driver(engine: Engine, driver: int) -> None:
    _unregister(engine, driver, world_of(engine).pci_drivers)


@binds("platform_driver_unregister")
def platform_driver_unregister(engine: Engine, driver: int) -> None:
    _unregister(engine, driver, world_of(engine).platform_drivers)


def _unregister(engine: Engine, driver: int, drivers: list[int]) -> None:
    for device in list(world_of(engine).devices.values()):
        if device.driver == driver:
            remove(engine, device)
    if driver in drivers:
        drivers.remove(driver)
    gave_back(engine, driver, "driver_unregister", "driver")


@binds("dev_name")
def dev_name(engine: Engine, dev: int) -> int:
    known = _device(engine, dev)
    return kernel_string(engine, known.name) if known is not None else 0


# --- PCI ----------------------------------------------------------------------------------


@binds("pci_enable_device", "pci_enable_device_mem", "pcim_enable_device")
def pci_enable_device(engine: Engine, pdev: int) -> int:
    return 0 if _of_structure(engine, pdev) is not None else -EINVAL


@binds("pci_disable_device", "pci_set_master", "pci_clear_master", "pci_release_regions")
def pci_switch(engine: Engine, pdev: int) -> None:
    _of_structure(engine, pdev)


@binds("pci_request_regions")
def pci_request_regions(engine: Engine, pdev: int, name: int) -> int:
    return 0 if _of_structure(engine, pdev) is not None else -EINVAL


def _bar(engine: Engine, pdev: int, bar: int) -> tuple[int, int]:
    base = pdev + abi.PCI_DEV["resource"][0] + bar * abi.RESOURCE_SIZE
    start = abi.get(engine.machine, base, abi.RESOURCE, "start")
    end = abi.get(engine.machine, base, abi.RESOURCE, "end")
    return start, end - start + 1 if end else 0


@binds("pci_iomap")
def pci_iomap(engine: Engine, pdev: int, bar: int, limit: int) -> int:
    start, size = _bar(engine, pdev, bar)
    size = min(size, limit) if limit else size
    return got(engine, "ioremap", engine.machine.ioremap.ioremap(start, size), size, "pci_iomap")


@binds("pci_ioremap_bar")
def pci_ioremap_bar(engine: Engine, pdev: int, bar: int) -> int:
    return pci_iomap(engine, pdev, bar, 0)


@binds("pcim_iomap")
def pcim_iomap(engine: Engine, pdev: int, bar: int, limit: int) -> int:
    start, size = _bar(engine, pdev, bar)
    dev = pdev + abi.PCI_DEV["dev"][0]
    return managed_ioremap(engine, dev, start, min(size, limit) if limit else size)


@binds("pci_iounmap")
def pci_iounmap(engine: Engine, pdev: int, address: int) -> None:
    engine.machine.ioremap.iounmap(address)
    gave_back(engine, address, "pci_iounmap", "ioremap")


@binds("pci_alloc_irq_vectors")
def pci_alloc_irq_vectors(engine: Engine, pdev: int, least: int, most: int, flags: int) -> int:
    return 1 if least <= 1 else -28


@binds("pci_free_irq_vectors")
def pci_free_irq_vectors(engine: Engine, pdev: int) -> None:
    _of_structure(engine, pdev)


@binds("pci_irq_vector")
def pci_irq_vector(engine: Engine, pdev: int, number: int) -> int:
    device = _of_structure(engine, pdev)
    return device.irq if device is not None and number == 0 else -EINVAL


# --- platform -----------------------------------------------------------------------------


@binds("platform_get_resource")
def platform_get_resource(engine: Engine, pdev: int, kind: int, number: int) -> int:
    machine = engine.machine
    table = abi.get(machine, pdev, abi.PLATFORM_DEVICE, "resource")
    for index in range(abi.get(machine, pdev, abi.PLATFORM_DEVICE, "num_resources")):
        entry = table + index * abi.RESOURCE_SIZE
        if abi.get(machine, entry, abi.RESOURCE, "flags") & 0x1F00 == kind:
            if number == 0:
                return entry
            number -= 1
    return 0


@binds("platform_get_irq")
def platform_get_irq(engine: Engine, pdev: int, number: int) -> int:
    entry = platform_get_resource(engine, pdev, IRQ, number)
    if entry:
        return abi.get(engine.machine, entry, abi.RESOURCE, "start")
    device = _of_structure(engine, pdev)
    if device is not None:
        name = f"{device.driver_name or 'platform'} {device.name}"
        engine.machine.log.print(f"{name}: error -ENXIO: IRQ index {number} not found", 3)
    return -ENXIO


@binds("devm_platform_ioremap_resource")
def devm_platform_ioremap_resource(engine: Engine, pdev: int, number: int) -> int:
    entry = platform_get_resource(engine, pdev, MEMORY, number)
    if not entry:
        return -EINVAL
    start = abi.get(engine.machine, entry, abi.RESOURCE, "start")
    size = abi.get(engine.machine, entry, abi.RESOURCE, "end") - start + 1
    dev = pdev + abi.PLATFORM_DEVICE["dev"][0]
    return managed_ioremap(engine, dev, start, size) or -ENOMEM


@binds("platform_device_register_simple")
def platform_device_register_simple(
    engine: Engine, name: int, number: int, resources: int, count: int
) -> int:
    text = abi.get_text(engine.machine, name)
    device = add_platform_device(engine, text, number)
    return got(engine, "device", device.structure, 0, "platform_device_register_simple")


@binds("platform_device_unregister")
def platform_device_unregister(engine: Engine, pdev: int) -> None:
    device = _of_structure(engine, pdev)
    if device is None:
        return
    if device.driver:
        remove(engine, device)
    world = world_of(engine)
    world.devices.pop(device.name, None)
    world.by_dev.pop(device.dev, None)
    gave_back(engine, pdev, "platform_device_unregister", "device")


# --- devm ---------------------------------------------------------------------------------


def _managed(engine: Engine, dev: int, size: int, flags: int) -> int:
    """Allocate memory that goes back when the driver is unbound (`devm_kmalloc`)."""
    device = _device(engine, dev)
    if device is None or size + DEVRES_HEADER > SIZE_MAX:
        return 0
    kmalloc = engine.machine.kmalloc
    block = kmalloc.kmalloc(size + DEVRES_HEADER, flags)
    if not block:
        return 0
    address = block + DEVRES_HEADER
    device.managed.append(Managed(address, partial(kmalloc.kfree, block), "devm_kmalloc"))
    return address


@binds("devm_kmalloc")
def devm_kmalloc(engine: Engine, dev: int, size: int, flags: int) -> int:
    return _managed(engine, dev, size, flags)


@binds("devm_kzalloc")
def devm_kzalloc(engine: Engine, dev: int, size: int, flags: int) -> int:
    return _managed(engine, dev, size, flags | ZERO)


@binds("devm_kmalloc_array")
def devm_kmalloc_array(engine: Engine, dev: int, count: int, size: int, flags: int) -> int:
    return 0 if count * size > SIZE_MAX else _managed(engine, dev, count * size, flags)


@binds("devm_kcalloc")
def devm_kcalloc(engine: Engine, dev: int, count: int, size: int, flags: int) -> int:
    return 0 if count * size > SIZE_MAX else _managed(engine, dev, count * size, flags | ZERO)


@binds("devm_kfree")
def devm_kfree(engine: Engine, dev: int, address: int) -> None:
    if address > 16:
        _give_back_early(engine, dev, address, "devm_kmalloc", 1085, "devm_kfree")


@binds("devm_free_pages")
def devm_free_pages(engine: Engine, dev: int, address: int) -> None:
    _give_back_early(engine, dev, address, "devm_get_free_pages", 1190, "devm_free_pages")


def _give_back_early(
    engine: Engine, dev: int, address: int, made_by: str, line: int, function: str
) -> None:
    """Give back what one family of functions made; what another made is not found: a WARN."""
    device = _device(engine, dev)
    if device is None:
        return
    for entry in reversed(device.managed):
        if (entry.address, entry.made_by) == (address, made_by):
            device.managed.remove(entry)
            entry.give_back()
            return
    from kmemquest.kernel.check.oops import warn

    warn(engine.machine, "drivers/base/devres.c", line, function, kind="bad-devm-free")


@binds("devm_kmemdup")
def devm_kmemdup(engine: Engine, dev: int, source: int, size: int, flags: int) -> int:
    from kmemquest.driver.bindings.string import memcpy

    address = _managed(engine, dev, size, flags)
    if address:
        memcpy(engine, address, source, size)
    return address


@binds("devm_kstrdup")
def devm_kstrdup(engine: Engine, dev: int, text: int, flags: int) -> int:
    return _managed_text(engine, dev, read_string(engine.machine, text), flags) if text else 0


@binds("devm_kasprintf", variadic=True)
def devm_kasprintf(
    engine: Engine, dev: int, flags: int, template: int, arguments: list[Argument]
) -> int:
    text = format_text(engine, read_string(engine.machine, template), arguments)
    return _managed_text(engine, dev, text, flags)


def _managed_text(engine: Engine, dev: int, text: bytes, flags: int) -> int:
    address = _managed(engine, dev, len(text) + 1, flags)
    if address:
        engine.machine.memory.store_bytes(address, text + b"\0")
    return address


@binds("devm_get_free_pages")
def devm_get_free_pages(engine: Engine, dev: int, flags: int, order: int) -> int:
    device = _device(engine, dev)
    pages = engine.machine.pages
    pfn = pages.alloc_pages(flags, order) if device is not None else -1
    if pfn < 0 or device is None:
        return 0
    address = pfn_to_virt(pfn)
    free = partial(pages.free_pages, pfn, order)
    device.managed.append(Managed(address, free, "devm_get_free_pages"))
    return address


@binds("devm_add_action")
def devm_add_action(engine: Engine, dev: int, action: int, data: int) -> int:
    device = _device(engine, dev)
    if device is None:
        return -EINVAL
    device.managed.append(Managed(data, _action(engine, action, data), "devm_add_action"))
    return 0


@binds("devm_add_action_or_reset")
def devm_add_action_or_reset(engine: Engine, dev: int, action: int, data: int) -> int:
    result = devm_add_action(engine, dev, action, data)
    if result:
        engine.call(action, data)
    return result


def _action(engine: Engine, action: int, data: int) -> Callable[[], None]:
    def run() -> None:
        engine.call(action, data)

    return run
