"""Every observable act of the kernel: the one stream that leaves this room.

Events are slotted and never change (the type checker holds them to be frozen). Frame numbers are
pfns, orders are buddy orders, addresses are simulated virtual addresses, sizes are bytes, times are
nanoseconds. Views, goals and checkers fold over the stream; nothing else may be asked how the
machine got where it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeVar, dataclass_transform

from kmemquest.kernel.context import Frame

_E = TypeVar("_E")


class Event:
    """The base of all events."""

    __slots__ = ()
    topic: ClassVar[str] = ""


@dataclass_transform(frozen_default=True)
def _event(cls: type[_E]) -> type[_E]:
    """Make a slotted, hashable dataclass that the type checker holds to be frozen.

    Freezing at run time would cost four times as much per event: a frozen dataclass stores each
    field by name through `object.__setattr__`.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)


class EventStream:
    """Where events go; `emit` is a no-op cost-wise when nobody listens (test `active` first)."""

    __slots__ = ("_listeners", "active")

    def __init__(self) -> None:
        self._listeners: list[Callable[[Event], None]] = []
        self.active = False
        """True when somebody listens; emitters test it before building an event."""

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Add a listener; the returned function removes it again."""
        self._listeners.append(listener)
        self.active = True

        def unsubscribe() -> None:
            self._listeners.remove(listener)
            self.active = bool(self._listeners)

        return unsubscribe

    def emit(self, event: Event) -> None:
        """Hand an event to every listener, in the order of subscription."""
        for listener in self._listeners:
            listener(event)

    def __reduce__(self) -> tuple[type[EventStream], tuple[()]]:
        # Listeners belong to the outside and are never part of a snapshot.
        return (EventStream, ())


# --- the log ------------------------------------------------------------------------------


@_event
class LogLine(Event):
    """A line of the kernel log. `level` is KERN_* 0..7; `time` is nanoseconds since boot."""

    topic: ClassVar[str] = "log"
    time: int
    level: int
    text: str


@_event
class Report(Event):
    """The kernel (or the simulator, when `spoken` is false) says that something is wrong.

    `kind` is a stable kebab-case word that goals and verdicts use (`sleep-in-atomic`,
    `page-allocation-failure`, `slab-out-of-bounds`, `slab-use-after-free`, `double-free`,
    `invalid-free`, `leak`, `oom-kill`, `oops`, `panic`, `warning`, `bad-page`, …).
    `severity` is one of `silent`, `message`, `kmemleak report`, `WARN`, `BUG report`, `oops`,
    `panic`. `headline` is the first line the kernel prints; it is empty when nothing is printed.
    `site` is the driver statement that did it; `related` are the other sites (allocated at,
    freed at), each with a word for its role.
    """

    topic: ClassVar[str] = "report"
    kind: str
    severity: str
    headline: str
    lines: tuple[str, ...] = ()
    address: int = 0
    site: Frame | None = None
    related: tuple[tuple[str, Frame], ...] = ()
    spoken: bool = True
    detail: str = ""


# --- context ------------------------------------------------------------------------------


@_event
class ContextEntered(Event):
    """A context begins: `kind` is process, softirq, hardirq, lock, unlock, rcu, irqs-off, …"""

    topic: ClassVar[str] = "context"
    kind: str
    name: str = ""


@_event
class ContextLeft(Event):
    """A context entered before ends."""

    topic: ClassVar[str] = "context"
    kind: str
    name: str = ""


@_event
class SleptInAtomic(Event):
    """A call that may sleep was made where sleeping is forbidden, whether or not anyone says so."""

    topic: ClassVar[str] = "context"
    call: str
    context: str
    site: Frame | None
    locks: tuple[str, ...] = ()
    """Names of the spinning locks held, outermost first."""
    irqs_off: bool = False
    rcu: bool = False


@_event
class CallMade(Event):
    """The driver calls a kernel function; arguments are the raw 64-bit values."""

    topic: ClassVar[str] = "call"
    function: str
    arguments: tuple[int, ...]
    site: Frame | None


@_event
class CallReturned(Event):
    """That call returns; `cost` is what it took in simulated nanoseconds."""

    topic: ClassVar[str] = "call"
    function: str
    result: int
    cost: int
    site: Frame | None


# --- boot ---------------------------------------------------------------------------------


@_event
class MemblockChanged(Event):
    """memblock acted: `operation` is add, remove, reserve, phys_free, …; `end` is exclusive."""

    topic: ClassVar[str] = "memblock"
    operation: str
    base: int
    end: int
    caller: str = ""


@_event
class BootPhase(Event):
    """Boot reached a phase: `memblock`, `buddy`, `slab`, `vmalloc`, `late`, `running`."""

    topic: ClassVar[str] = "boot"
    phase: str


# --- page allocator -----------------------------------------------------------------------


@_event
class PagesAllocated(Event):
    """The page allocator handed out 2**order frames from `pfn` on."""

    topic: ClassVar[str] = "pages"
    pfn: int
    order: int
    gfp: int
    migratetype: int
    node: int
    zone: str
    from_pcp: bool


@_event
class PagesFreed(Event):
    """2**order frames came back; `to_pcp` when they stay on the per-CPU list for now."""

    topic: ClassVar[str] = "pages"
    pfn: int
    order: int
    node: int
    zone: str
    to_pcp: bool


@_event
class BlockListed(Event):
    """A free block was put on a free list, at its head or tail."""

    topic: ClassVar[str] = "buddy"
    node: int
    zone: str
    pfn: int
    order: int
    migratetype: int
    tail: bool


@_event
class BlockUnlisted(Event):
    """A free block was taken off its free list (handed out, split, merged or moved)."""

    topic: ClassVar[str] = "buddy"
    node: int
    zone: str
    pfn: int
    order: int
    migratetype: int


@_event
class BlockSplit(Event):
    """A block of `from_order` at `pfn` was split down to `to_order` (`expand`)."""

    topic: ClassVar[str] = "buddy"
    pfn: int
    from_order: int
    to_order: int


@_event
class BlocksMerged(Event):
    """Buddies were merged; the result is a block of `to_order` at `pfn`."""

    topic: ClassVar[str] = "buddy"
    pfn: int
    from_order: int
    to_order: int


@_event
class PageblockConverted(Event):
    """A pageblock of 512 frames from `pfn` on changed its migratetype."""

    topic: ClassVar[str] = "buddy"
    pfn: int
    before: int
    after: int
    reason: str


@_event
class PcpRefilled(Event):
    """A per-CPU list took blocks from the buddy lists; `pfns` in list order."""

    topic: ClassVar[str] = "pcp"
    node: int
    zone: str
    cpu: int
    order: int
    migratetype: int
    pfns: tuple[int, ...]


@_event
class PcpDrained(Event):
    """A per-CPU list gave blocks back to the buddy lists: pairs of (pfn, order)."""

    topic: ClassVar[str] = "pcp"
    node: int
    zone: str
    cpu: int
    blocks: tuple[tuple[int, int], ...]


@_event
class WatermarkFailed(Event):
    """A zone was passed over: free pages minus what must stay do not suffice.

    `shortage` is true when too few pages are free, false when enough are free but no block of
    the order exists (fragmentation).
    """

    topic: ClassVar[str] = "watermark"
    node: int
    zone: str
    order: int
    free: int
    needed: int
    shortage: bool


@_event
class SlowPathEntered(Event):
    """The fast path failed; the slow path begins (`__alloc_pages_slowpath`)."""

    topic: ClassVar[str] = "pages"
    order: int
    gfp: int


@_event
class AllocationFailed(Event):
    """A page request ended without a page; `reason` in plain words."""

    topic: ClassVar[str] = "pages"
    order: int
    gfp: int
    reason: str


@_event
class KswapdWoken(Event):
    """kswapd of a node was woken for an order."""

    topic: ClassVar[str] = "reclaim"
    node: int
    order: int


@_event
class Reclaimed(Event):
    """Page-cache frames were reclaimed; `by` is kswapd or direct."""

    topic: ClassVar[str] = "reclaim"
    by: str
    pfns: tuple[int, ...]


@_event
class PageCacheFilled(Event):
    """The simulated page cache took frames."""

    topic: ClassVar[str] = "reclaim"
    pfns: tuple[int, ...]


@_event
class Compacted(Event):
    """Compaction ran in a zone; `moves` are (from pfn, to pfn) of the migrated pages."""

    topic: ClassVar[str] = "compaction"
    node: int
    zone: str
    order: int
    moves: tuple[tuple[int, int], ...]
    succeeded: bool


@_event
class OomKilled(Event):
    """The OOM killer chose a task; `freed_pages` came back."""

    topic: ClassVar[str] = "oom"
    pid: int
    comm: str
    freed_pages: int


# --- slab ---------------------------------------------------------------------------------


@_event
class CacheCreated(Event):
    """A kmem_cache exists now (or an existing one got an alias: `merged_into`)."""

    topic: ClassVar[str] = "slab"
    cache: str
    object_size: int
    size: int
    align: int
    order: int
    objects: int
    merged_into: str = ""


@_event
class CacheDestroyed(Event):
    """A kmem_cache is gone; `leaked` objects were still alive."""

    topic: ClassVar[str] = "slab"
    cache: str
    leaked: int


@_event
class SlabCreated(Event):
    """A cache took 2**order frames from `pfn` on for `objects` objects."""

    topic: ClassVar[str] = "slab"
    cache: str
    pfn: int
    order: int
    objects: int
    size: int


@_event
class SlabDiscarded(Event):
    """An empty slab went back to the page allocator."""

    topic: ClassVar[str] = "slab"
    cache: str
    pfn: int
    order: int


@_event
class ObjectAllocated(Event):
    """An object was handed out: `requested` bytes wanted, `size` bytes usable, in slot `index`.

    For a large kmalloc `cache` is empty, `pfn` and `order` tell the block.
    """

    topic: ClassVar[str] = "slab"
    cache: str
    address: int
    requested: int
    size: int
    pfn: int
    index: int
    gfp: int
    site: Frame | None
    order: int = 0


@_event
class ObjectFreed(Event):
    """An object came back."""

    topic: ClassVar[str] = "slab"
    cache: str
    address: int
    pfn: int
    index: int
    site: Frame | None


# --- vmalloc ------------------------------------------------------------------------------


@_event
class VmAreaCreated(Event):
    """An area of the vmalloc window is in use: [start, end) including its guard page.

    `kind` is vmalloc, ioremap, vmap, stack or percpu; `pfns` are the frames behind it, if RAM.
    """

    topic: ClassVar[str] = "vmalloc"
    start: int
    end: int
    kind: str
    pfns: tuple[int, ...]
    caller: str
    physical: int = 0


@_event
class VmAreaFreed(Event):
    """An area was unmapped; its address range stays lazily reserved until a purge."""

    topic: ClassVar[str] = "vmalloc"
    start: int
    end: int
    kind: str


@_event
class VmAreasPurged(Event):
    """The lazily freed ranges are available again; `ranges` are [start, end) pairs."""

    topic: ClassVar[str] = "vmalloc"
    ranges: tuple[tuple[int, int], ...]


# --- per-CPU, mempool ---------------------------------------------------------------------


@_event
class PercpuAllocated(Event):
    """`size` bytes for every possible CPU; `token` is the per-CPU pointer."""

    topic: ClassVar[str] = "percpu"
    token: int
    size: int
    align: int
    site: Frame | None


@_event
class PercpuFreed(Event):
    """A per-CPU area came back."""

    topic: ClassVar[str] = "percpu"
    token: int
    site: Frame | None


@_event
class MempoolChanged(Event):
    """A mempool's reserve changed: `operation` is create, take, refill, wait, destroy."""

    topic: ClassVar[str] = "mempool"
    pool: int
    operation: str
    reserve: int
    minimum: int


# --- DMA ----------------------------------------------------------------------------------


@_event
class DmaMaskSet(Event):
    """A device's mask was set, or refused (`result` is the return value)."""

    topic: ClassVar[str] = "dma"
    device: str
    mask: int
    coherent: bool
    streaming: bool
    result: int


@_event
class CoherentAllocated(Event):
    """dma_alloc_coherent returned: CPU address, DMA handle, frames taken."""

    topic: ClassVar[str] = "dma"
    device: str
    address: int
    handle: int
    size: int
    pfn: int
    order: int
    zone: str
    site: Frame | None


@_event
class CoherentFreed(Event):
    """A coherent buffer came back."""

    topic: ClassVar[str] = "dma"
    device: str
    address: int
    handle: int
    size: int
    site: Frame | None


@_event
class DmaMapped(Event):
    """A streaming mapping: `bounced` when it goes through swiotlb, `direction` as the kernel's."""

    topic: ClassVar[str] = "dma"
    device: str
    handle: int
    physical: int
    size: int
    direction: int
    bounced: bool
    site: Frame | None


@_event
class DmaMapFailed(Event):
    """A streaming mapping was refused; `reason` in plain words."""

    topic: ClassVar[str] = "dma"
    device: str
    size: int
    reason: str
    site: Frame | None


@_event
class DmaUnmapped(Event):
    """A streaming mapping ended."""

    topic: ClassVar[str] = "dma"
    device: str
    handle: int
    size: int
    direction: int
    site: Frame | None


@_event
class DmaSynced(Event):
    """Ownership of a mapping went to the CPU or to the device."""

    topic: ClassVar[str] = "dma"
    device: str
    handle: int
    size: int
    direction: int
    for_cpu: bool


@_event
class DeviceTouched(Event):
    """The simulated device read or wrote memory by DMA."""

    topic: ClassVar[str] = "dma"
    device: str
    handle: int
    size: int
    wrote: bool
    reached: bool


# --- user side ----------------------------------------------------------------------------


@_event
class CopiedToUser(Event):
    """Kernel bytes reached user space; `stale` of them were never written since allocation.

    Stale bytes are what an information leak is made of, whatever value they happen to have;
    `revealed` counts those of them that are not zero, i.e. really carry somebody's old data.
    """

    topic: ClassVar[str] = "user"
    destination: int
    source: int
    size: int
    stale: int
    revealed: int
    site: Frame | None


@_event
class CopiedFromUser(Event):
    """User bytes were copied into the kernel."""

    topic: ClassVar[str] = "user"
    destination: int
    source: int
    size: int
    site: Frame | None
