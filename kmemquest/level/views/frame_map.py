"""What every page frame is used for: one byte each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from kmemquest.i18n import N_, _
from kmemquest.kernel import events as ev
from kmemquest.kernel import gfp
from kmemquest.level import picture as pic
from kmemquest.level.views.fold import Fold


@dataclass(frozen=True, slots=True)
class Portrait:
    """How a frame class looks: a glyph, the name of a style, words for status line and plain."""

    glyph: str
    style: str
    words: str


_PORTRAITS: Final[dict[int, tuple[str, str, str]]] = {
    pic.ABSENT: (" ", "absent", N_("no memory here")),
    pic.FREE: ("·", "free", N_("free, on a buddy list")),
    pic.PCP: ("∙", "pcp", N_("free, on a per-CPU list")),
    pic.SLAB: ("▤", "slab", N_("slab of objects")),
    pic.DRIVER: ("█", "driver", N_("page of the driver")),
    pic.PAGE_CACHE: ("▒", "cache", N_("page cache")),
    pic.VMALLOC: ("▚", "vmalloc", N_("behind a vmalloc area")),
    pic.DMA: ("◆", "dma", N_("coherent DMA buffer")),
    pic.RESERVED: ("▓", "reserved", N_("reserved since boot")),
    pic.USER: ("░", "user", N_("memory of a process")),
    pic.KERNEL: ("▪", "kernel", N_("used by the kernel")),
    pic.MEMBLOCK: ("·", "memblock", N_("free, known to memblock")),
}


def portray(kind: int) -> Portrait:
    """Return how a frame class looks; words in the language in force."""
    glyph, style, words = _PORTRAITS[kind]
    return Portrait(glyph, style, _(words))


@dataclass(frozen=True, slots=True)
class FrameMapView:
    """All frames: `frames[pfn]` is a class of `level.picture`; `changed` are (pfn, count)."""

    frames: bytes = field(repr=False)
    changed: tuple[tuple[int, int], ...]

    def counts(self, start: int = 0, end: int | None = None) -> dict[int, int]:
        """Return frames per class in [start, end)."""
        return dict(Counter(self.frames[start:end]))


class FrameMapFold(Fold[FrameMapView]):
    """Paints frames as blocks change hands."""

    topics = frozenset(
        ("pages", "buddy", "pcp", "slab", "vmalloc", "dma", "reclaim", "compaction", "memblock",
         "call")
    )  # fmt: skip

    def __init__(self) -> None:
        self._frames = bytearray()
        self._changed: dict[tuple[int, int], None] = {}
        self._calls = 0

    def start(self, picture: pic.Picture) -> None:
        self._frames = bytearray(picture.frames)

    def forget_changes(self) -> None:
        self._changed = {}

    def clone(self) -> FrameMapFold:
        twin = FrameMapFold()
        twin._frames = bytearray(self._frames)
        twin._calls = self._calls
        return twin

    def weight(self) -> int:
        return len(self._frames) + 256

    def view(self) -> FrameMapView:
        return FrameMapView(bytes(self._frames), tuple(self._changed))

    def apply(self, event: ev.Event) -> None:
        if isinstance(event, ev.PagesAllocated):
            self._paint(event.pfn, event.order, self._owner(event.gfp))
        elif isinstance(event, ev.PagesFreed):
            self._paint(event.pfn, event.order, pic.PCP if event.to_pcp else pic.FREE)
        elif isinstance(event, ev.BlockListed):
            self._paint(event.pfn, event.order, pic.FREE)
        elif isinstance(event, ev.PcpRefilled):
            for pfn in event.pfns:
                self._paint(pfn, event.order, pic.PCP)
        elif isinstance(event, ev.PcpDrained):
            for pfn, order in event.blocks:
                self._paint(pfn, order, pic.FREE)
        elif isinstance(event, ev.CallMade):
            self._calls += 1
        elif isinstance(event, ev.CallReturned):
            self._calls = max(0, self._calls - 1)
        else:
            self._apply_user(event)

    def _owner(self, mask: int) -> int:
        """Return the class of a block just taken: movable memory belongs to a process."""
        if mask & gfp.MOVABLE:
            return pic.USER
        return pic.DRIVER if self._calls else pic.KERNEL

    def _apply_user(self, event: ev.Event) -> None:
        """Take the events that tell what a block is used for."""
        if isinstance(event, ev.SlabCreated):
            self._paint(event.pfn, event.order, pic.SLAB)
        elif isinstance(event, ev.VmAreaCreated):
            if event.kind != "ioremap":
                for pfn in event.pfns:
                    self._paint(pfn, 0, pic.VMALLOC)
        elif isinstance(event, ev.CoherentAllocated):
            self._paint(event.pfn, event.order, pic.DMA)
        elif isinstance(event, ev.PageCacheFilled):
            for pfn in event.pfns:
                self._paint(pfn, 0, pic.PAGE_CACHE)
        elif isinstance(event, ev.Compacted):
            for source, target in event.moves:
                if max(source, target) < len(self._frames):
                    kind = self._frames[source]
                    if kind not in (pic.FREE, pic.PCP):
                        self._paint(target, 0, kind)
        elif isinstance(event, ev.MemblockChanged):
            self._apply_memblock(event)

    def _apply_memblock(self, event: ev.MemblockChanged) -> None:
        if event.operation in ("reserve", "alloc"):
            self._paint_range(event.base >> 12, -(-event.end >> 12), pic.RESERVED)
        elif event.operation in ("phys_free", "free"):
            self._paint_range(-(-event.base >> 12), event.end >> 12, pic.MEMBLOCK)

    def _paint(self, pfn: int, order: int, kind: int) -> None:
        self._paint_range(pfn, pfn + (1 << order), kind)

    def _paint_range(self, start: int, end: int, kind: int) -> None:
        frames = self._frames
        end = min(end, len(frames))
        if 0 <= start < end:
            if end - start == 1:
                frames[start] = kind
            else:
                frames[start:end] = bytes((kind,)) * (end - start)
            self._changed[start, end - start] = None
