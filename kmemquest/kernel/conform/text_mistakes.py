"""The mistakes of the recorded tests, made again on a simulated machine.

Each function is what the recording's kernel module did in the test of that name, as far as its
name and its text tell. What a test needs to find as the recording found it (see `text`) it reads
from the recorded lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from kmemquest.kernel.address import PAGE_SIZE, pfn_to_page, pfn_to_virt
from kmemquest.kernel.check.oops import page_fault_oops
from kmemquest.kernel.context import Frame, Task
from kmemquest.kernel.gfp import COMP, GFP_ATOMIC, GFP_KERNEL, HIGHMEM, NORETRY, NOWARN, ZERO
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.mm.slab_geometry import SLAB_NO_MERGE
from kmemquest.kernel.mm.slub_named import KERNEL_CTOR
from kmemquest.kernel.mm.slub_pages import NO_PAGE
from kmemquest.kernel.spec import MIB, MachineSpec

if TYPE_CHECKING:
    from kmemquest.kernel.dma.device import Device
    from kmemquest.kernel.mm.slab_cache import KmemCache

MODULE: Final = "oracle"
SHELL: Final = "sh"
OBJECT_BYTES: Final = 100
"""Size of the objects in the tests of slab damage."""
LARGE: Final = 8 * MIB
STOCK: Final = SLAB_NO_MERGE
LEFT_PAGES: Final = 600
RAM_STEP: Final = 2 * MIB
DEFAULT_RAM: Final = 256 * MIB
EXCESS_PAGES: Final = 1000
TRIALS: Final = 5
MAPPING_WORD: Final = 3
LEFT_WORDS: Final = (1, 2, 4, 5)
"""The words of struct page that its free does not look at: lru, index, private."""
STRAY_MAPPING: Final = 0x1234
FILLERS: Final = 500
"""More objects than the partial slabs of a freshly booted machine have room for."""


def recorded_ram(lines: Sequence[str]) -> int:
    """Return the bytes of RAM that a report tells of (less what firmware keeps), or 256 MiB."""
    for line in lines:
        found = re.fullmatch(r"(\d+) pages RAM", line)
        if found is not None:
            return -(-int(found[1]) * PAGE_SIZE // RAM_STEP) * RAM_STEP
    return DEFAULT_RAM


class Laboratory:
    """One booted machine on which a recording's tests run one after the other."""

    def __init__(self, recorded: Sequence[str]) -> None:
        """Boot with the options that the recorded text betrays."""
        options = ["kmemquest.build=debian"]
        if any(line.startswith("FIX ") or " age=" in line for line in recorded):
            options.append("slab_debug=FZPU")
        if any("swiotlb buffer is full" in line for line in recorded):
            options.append("swiotlb=force")
        spec = MachineSpec(ram=recorded_ram(recorded), options=tuple(options))
        self.machine = Machine.boot(spec)
        self.machine.checks.modules.append(MODULE)
        self.machine.checks.taint |= {"O", "E"}
        self._device: Device | None = None

    def make(self, name: str, recorded: Sequence[str], begin: int) -> list[str]:
        """Make the mistake `name`; return what the kernel printed. `begin` is in nanoseconds."""
        machine = self.machine
        machine.checks.rearm_warnings()
        machine.clock.advance(max(begin - machine.clock.now, 0))
        machine.context.task = Task(pid=137, comm=SHELL)
        machine.context.stack[:] = [
            Frame("o_ctl_write", "oracle.c", 20, MODULE),
            Frame("crash_test", "oracle.c", 10, MODULE),
        ]
        known = len(machine.log.lines)
        MISTAKES[name](self, recorded)
        return [line.text for line in list(machine.log.lines)[known:]]

    # --- what the mistakes share ------------------------------------------------------------

    def kmalloc(self, size: int) -> int:
        """Allocate with GFP_KERNEL."""
        return self.machine.kmalloc.kmalloc(size, GFP_KERNEL)

    def cache(self, name: str, size: int = OBJECT_BYTES, ctor: int = 0) -> KmemCache:
        """Create a cache of the test's own."""
        cache = self.machine.slub.create(name, size, flags=STOCK, ctor=ctor)
        assert cache is not None
        return cache

    def page(self) -> int:
        """Return the address of a fresh page of the buddy allocator."""
        return pfn_to_virt(self.machine.pages.alloc_pages(GFP_KERNEL, 0))

    def device(self) -> Device:
        """Return the platform device that the recording module owns."""
        if self._device is None:
            self._device = self.machine.dma.device("oracle-dma", bus="platform", driver="platform")
        return self._device

    def slab_as_recorded(self, size: int, recorded: Sequence[str], mine: int) -> None:
        """Fill a fresh slab of a kmalloc cache until it is as full as the recorded one.

        `mine` objects of the test itself count in the recorded `used=`. Where the recording
        tells of an owner before the test, an object is allocated and freed by that task first.
        """
        slub, context = self.machine.slub, self.machine.context
        if not slub.debug.enabled:
            return
        given = next((int(m[1]) for m in map(_USED.search, recorded) if m is not None), mine)
        stack = list(context.stack)
        context.stack[:] = [Frame("simple_attr_release", "fs/libfs.c", 1)]
        for _ in range(FILLERS):
            slab = slub.slab_of(self.kmalloc(size))
            if slab is not None and slab.inuse == 1:
                break
        for _ in range(given - mine - 1):
            self.kmalloc(size)
        for used in [self.kmalloc(size) for _ in range(max(mine, 1))]:
            self.machine.kmalloc.kfree(used)
        context.stack[:] = stack


_USED: Final = re.compile(r"^Slab .* used=(\d+)")


# --- the page allocator -------------------------------------------------------------------------


def _exhaust(lab: Laboratory, order: int, gfp: int) -> list[int]:
    taken = []
    while (pfn := lab.machine.pages.alloc_pages(gfp, order)) != NO_PAGE:
        taken.append(pfn)
    return taken


def _give_back(lab: Laboratory, taken: list[int], order: int) -> None:
    for pfn in taken:
        lab.machine.pages.free_pages(pfn, order)


def pagefail(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Take blocks of order 10 until there are none."""
    _give_back(lab, _exhaust(lab, 10, GFP_ATOMIC), 10)


def pagefail0(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Take single pages until there are none."""
    _give_back(lab, _exhaust(lab, 0, GFP_ATOMIC), 0)


def slabfail(lab: Laboratory, recorded: Sequence[str]) -> None:
    """Take all pages, then an object of a new cache; if that fails is up to kswapd's speed."""
    if not recorded:
        return
    cache = lab.cache("oracle_slabfail", 1000)
    taken = _exhaust(lab, 0, GFP_ATOMIC | NOWARN)
    lab.machine.slub.alloc(cache, GFP_ATOMIC)
    _give_back(lab, taken, 0)
    lab.machine.slub.destroy(cache)


def toobigpages(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Ask for a block of order 11."""
    lab.machine.pages.alloc_pages(GFP_KERNEL, 11)


def kmalloctoobig(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Ask kmalloc for more than it can give."""
    lab.machine.kmalloc.kmalloc(LARGE, GFP_KERNEL)


def nofail_big(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """GFP_NOFAIL with free memory at hand."""
    from kmemquest.kernel.gfp import NOFAIL

    pages = lab.machine.pages
    pages.free_pages(pages.alloc_pages(GFP_KERNEL | NOFAIL, 2), 2)


def freepartial(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Free a block with too small an order: the rest leaks without a word."""
    pages = lab.machine.pages
    pages.free_pages(pages.alloc_pages(GFP_KERNEL, 3), 1)


def freepagetwice(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Free a page twice; another program's allocation finds it."""
    machine = lab.machine
    pfn = machine.pages.alloc_pages(GFP_KERNEL, 0)
    machine.pages.free_pages(pfn, 0)
    machine.pages.free_pages(pfn, 0)
    machine.context.task = Task(pid=141, comm=SHELL)
    machine.context.stack[:] = [Frame("__x64_sys_execve", "fs/exec.c", 1)]
    known = len(machine.log.lines)
    while len(machine.log.lines) == known:
        if machine.pages.alloc_pages(GFP_KERNEL, 0) == NO_PAGE:
            return


def badpageref(lab: Laboratory, recorded: Sequence[str]) -> None:
    """Leave `page->mapping` set and free the page.

    What earlier users of that page left in the fields that nobody checks is read off the dump.
    """
    machine = lab.machine
    pfn = machine.pages.alloc_pages(GFP_KERNEL, 0)
    page = pfn_to_page(pfn)
    words = [word for found in map(_RAW.match, recorded) if found for word in found[1].split()]
    for index in LEFT_WORDS:
        left = int(words[index], 16) if index < len(words) else 0
        machine.memory.store(page + 8 * index, 8, left)
    machine.memory.store(page + 8 * MAPPING_WORD, 8, STRAY_MAPPING)
    machine.pages.free_pages(pfn, 0)


_RAW: Final = re.compile(r"raw: ([0-9a-f ]+)$")


# --- vmalloc ------------------------------------------------------------------------------------


def kvmalloctoobig(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Ask kvmalloc for more than INT_MAX."""
    lab.machine.vmalloc.kvmalloc(1 << 31)


def vmalloc0(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Ask vmalloc for nothing."""
    lab.machine.vmalloc.vmalloc(0)


def vfreebad(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Free with vfree a page that vmalloc never gave."""
    lab.machine.vmalloc.vfree(lab.page())


def vfreeunaligned(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Free with vfree an address inside the first page."""
    lab.machine.vmalloc.vfree(lab.machine.vmalloc.vmalloc(PAGE_SIZE) + 1)


def vfreetwice(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Free twice, with vfree."""
    address = lab.machine.vmalloc.vmalloc(PAGE_SIZE)
    lab.machine.vmalloc.vfree(address)
    lab.machine.vmalloc.vfree(address)


def irqvmalloc(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Call vmalloc with interrupts off, on a kernel that does not check."""
    lab.machine.context.irqs_disabled_depth += 1
    lab.machine.vmalloc.vfree(lab.machine.vmalloc.vmalloc(PAGE_SIZE))
    lab.machine.context.irqs_disabled_depth -= 1


def vmallocfail(lab: Laboratory, recorded: Sequence[str]) -> None:
    """Ask vmalloc for more than there is.

    The size that is printed is what could be had: how much memory was free is read off it.
    """
    found = _VMALLOC_ERROR.search("\n".join(recorded))
    if found is None:
        return
    size, gfp = int(found[1]), int(found[2], 16) & ~HIGHMEM
    if not gfp & NORETRY:
        lab.machine.vmalloc.vmalloc_gfp(size, gfp)
        return
    request = size + EXCESS_PAGES * PAGE_SIZE
    taken = _exhaust(lab, 0, GFP_ATOMIC | NOWARN)
    surplus = -(size // PAGE_SIZE) - LEFT_PAGES
    for _ in range(TRIALS):
        # Hold more pages, or fewer, until a copy of the machine gets as many as was recorded.
        if surplus < 0:
            _give_back(lab, taken[surplus:], 0)
            del taken[surplus:]
        else:
            taken += [lab.machine.pages.alloc_pages(GFP_ATOMIC, 0) for _ in range(surplus)]
        twin = Machine.restore(lab.machine.snapshot())
        known = len(twin.log.lines)
        twin.vmalloc.vmalloc_gfp(request, gfp)
        said = _VMALLOC_ERROR.search("\n".join(line.text for line in list(twin.log.lines)[known:]))
        surplus = (int(said[1]) - size) // PAGE_SIZE if said is not None else 0
        if not surplus:
            break
    lab.machine.vmalloc.vmalloc_gfp(request, gfp)
    _give_back(lab, taken, 0)


_VMALLOC_ERROR: Final = re.compile(r"vmalloc error: size (\d+), .*mode:0x([0-9a-f]+)\(")


# --- kmalloc and slabs --------------------------------------------------------------------------


def kfreepage(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Free with kfree what it never gave: a page of the buddy allocator."""
    lab.machine.kmalloc.kfree(lab.page())


def kfreelarge_inner(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Free with kfree what it never gave: an address inside a large kmalloc block."""
    lab.machine.kmalloc.kfree(lab.kmalloc(4 * PAGE_SIZE) + 64)


def kfreevmalloc(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Free with kfree what it never gave: vmalloc memory."""
    lab.machine.kmalloc.kfree(lab.machine.vmalloc.vmalloc(PAGE_SIZE))


def kfreeunaligned(lab: Laboratory, recorded: Sequence[str]) -> None:
    """Free with kfree what it never gave: an address three bytes into an object."""
    lab.slab_as_recorded(OBJECT_BYTES, recorded, 1)
    lab.machine.kmalloc.kfree(lab.kmalloc(OBJECT_BYTES) + 3)


def irqkmalloc(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """GFP_KERNEL with interrupts off, on a kernel that does not check."""
    lab.machine.context.irqs_disabled_depth += 1
    lab.machine.kmalloc.kfree(lab.kmalloc(OBJECT_BYTES))
    lab.machine.context.irqs_disabled_depth -= 1


def doublefree(lab: Laboratory, recorded: Sequence[str]) -> None:
    """Free twice in a row, with kfree."""
    lab.slab_as_recorded(256, recorded, 0)
    address = lab.kmalloc(256)
    lab.machine.kmalloc.kfree(address)
    lab.machine.kmalloc.kfree(address)


def doublefree2(lab: Laboratory, recorded: Sequence[str]) -> None:
    """Free twice with another kfree between."""
    lab.slab_as_recorded(256, recorded, 0)
    first, second = lab.kmalloc(256), lab.kmalloc(256)
    for address in (first, second, first):
        lab.machine.kmalloc.kfree(address)


def uafread(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Read a freed object."""
    address = lab.kmalloc(64)
    lab.machine.kmalloc.kfree(address)
    lab.machine.memory.load(address, 8)


def oob(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Write two bytes past an object, free it, destroy the cache."""
    _damage(lab, "oracle_oob", OBJECT_BYTES, b"AB")


def oobleft(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Write the byte before an object, free it, destroy the cache."""
    _damage(lab, "oracle_oobl", -1, b"A")


def _damage(lab: Laboratory, name: str, offset: int, data: bytes) -> None:
    slub, cache = lab.machine.slub, lab.cache(name)
    address = slub.alloc(cache, GFP_KERNEL)
    lab.machine.memory.store_bytes(address + offset, data)
    slub.free(cache, address)
    slub.destroy(cache)


def oobkmalloc(lab: Laboratory, recorded: Sequence[str]) -> None:
    """Write one byte into the slack of a kmalloc(100), free it."""
    lab.slab_as_recorded(OBJECT_BYTES, recorded, 1)
    address = lab.kmalloc(OBJECT_BYTES)
    lab.machine.memory.store(address + OBJECT_BYTES, 1, 0x41)
    lab.machine.kmalloc.kfree(address)


def uaf(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Write to a freed object; the next allocation finds it."""
    slub, cache = lab.machine.slub, lab.cache("oracle_uaf")
    slub.alloc(cache, GFP_KERNEL)
    address = slub.alloc(cache, GFP_KERNEL)
    slub.free(cache, address)
    lab.machine.memory.store(address + 10, 1, 0x43)
    slub.alloc(cache, GFP_KERNEL)


def ctorzero(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """__GFP_ZERO on a cache with a constructor."""
    cache = lab.cache("oracle_ctor", ctor=KERNEL_CTOR)
    lab.machine.slub.alloc(cache, GFP_KERNEL | ZERO)


def wrongcache(lab: Laboratory, recorded: Sequence[str]) -> None:
    """Call kmem_cache_free with a kmalloc object."""
    if any(line.startswith("Freed in") for line in recorded):
        lab.slab_as_recorded(OBJECT_BYTES, recorded, 0)
    address = lab.kmalloc(OBJECT_BYTES)
    lab.machine.slub.free(lab.cache("oracle_wc"), address)


def destroybusy(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Destroy a cache with two live objects."""
    slub, cache = lab.machine.slub, lab.cache("oracle_busy")
    slub.alloc(cache, GFP_KERNEL)
    slub.alloc(cache, GFP_KERNEL)
    slub.destroy(cache)


def cachecreate2(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Create caches that cannot be, and some that can."""
    slub = lab.machine.slub
    slub.create("oracle space", 64)
    slub.create("oracle_huge", 64 * MIB)
    slub.create("oracle_5m", 5 * MIB)
    slub.create("oracle_bf", 64, flags=1 << 31)
    slub.create("oracle_dup", 64)
    slub.create("oracle_dup", 64)
    slub.create("oracle_al3", 16, align=3)


def cachecreate_bad(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Create a cache of objects of size 0."""
    lab.machine.slub.create("oracle_zero", 0)


def cachecreate_null(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Create a cache without a name: strlen() reads address 0 (names are words here)."""
    page_fault_oops(lab.machine, 0, 1, write=False, function="strlen")


def ksizebad(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Ask for the ksize of a page of the buddy allocator."""
    lab.machine.kmalloc.ksize(lab.page())


# --- DMA ----------------------------------------------------------------------------------------


def dmavmalloc(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Map vmalloc memory for a device; the mapping function is the module's own copy."""
    frame = Frame("dma_map_single_attrs.constprop.0", "include/linux/dma-mapping.h", 381, MODULE)
    device, address = lab.device(), lab.machine.vmalloc.vmalloc(PAGE_SIZE)
    lab.machine.context.stack.append(frame)
    lab.machine.dma.map_single(device, address, 64, 1)


def dmanomask(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Map for a device without a mask."""
    device = lab.device()
    mask, device.dma_mask = device.dma_mask, None
    lab.machine.dma.map_single(device, lab.kmalloc(64), 64, 1)
    device.dma_mask = mask


def dmaoverflow(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Map for a device that reaches one MiB, with bounce buffers out of its reach."""
    device = lab.device()
    mask, limit = device.dma_mask, device.bus_dma_limit
    device.dma_mask = device.bus_dma_limit = (1 << 20) - 1
    lab.machine.dma.map_single(device, lab.kmalloc(64), 64, 1)
    device.dma_mask, device.bus_dma_limit = mask, limit


def dmabigbounce(lab: Laboratory, _recorded: Sequence[str]) -> None:
    """Map more than a bounce buffer can hold."""
    device = lab.device()
    address = pfn_to_virt(lab.machine.pages.alloc_pages(GFP_KERNEL | COMP, 8))
    lab.machine.dma.map_single(device, address, MIB, 1)


MISTAKES: Final[dict[str, Callable[[Laboratory, Sequence[str]], None]]] = {
    function.__name__: function
    for function in (
        pagefail, pagefail0, slabfail, toobigpages, kmalloctoobig, nofail_big, freepartial,
        freepagetwice, badpageref, kvmalloctoobig, vmalloc0, vfreebad, vfreeunaligned, vfreetwice,
        irqvmalloc,
        kfreepage, kfreelarge_inner, kfreevmalloc, kfreeunaligned, irqkmalloc, doublefree,
        doublefree2, uafread, oob, oobleft, oobkmalloc, uaf, ctorzero, wrongcache, destroybusy,
        cachecreate2, cachecreate_bad, cachecreate_null, ksizebad, dmavmalloc, dmanomask,
        dmaoverflow, dmabigbounce,
    )
}  # fmt: skip
MISTAKES["vunmapbad"] = vfreeunaligned
for _number in (1, 2, 3):
    MISTAKES[f"vmallocfail{_number}"] = vmallocfail
