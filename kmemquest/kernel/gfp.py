"""Allocation flags as Linux 6.12 spells, composes and prints them (`include/linux/gfp_types.h`)."""

from typing import Final

GFP_DMA_BIT: Final = 0x1
HIGHMEM: Final = 0x2
DMA32_BIT: Final = 0x4
MOVABLE: Final = 0x8
RECLAIMABLE: Final = 0x10
HIGH: Final = 0x20
IO: Final = 0x40
FS: Final = 0x80
ZERO: Final = 0x100
DIRECT_RECLAIM: Final = 0x400
KSWAPD_RECLAIM: Final = 0x800
WRITE: Final = 0x1000
NOWARN: Final = 0x2000
RETRY_MAYFAIL: Final = 0x4000
NOFAIL: Final = 0x8000
NORETRY: Final = 0x10000
MEMALLOC: Final = 0x20000
COMP: Final = 0x40000
NOMEMALLOC: Final = 0x80000
HARDWALL: Final = 0x100000
THISNODE: Final = 0x200000
ACCOUNT: Final = 0x400000
ZEROTAGS: Final = 0x800000
NO_OBJ_EXT: Final = 0x1000000

RECLAIM: Final = DIRECT_RECLAIM | KSWAPD_RECLAIM
ZONEMASK: Final = 0xF
BITS_MASK: Final = 0x1FFFFFF

GFP_ATOMIC: Final = HIGH | KSWAPD_RECLAIM
GFP_KERNEL: Final = RECLAIM | IO | FS
GFP_KERNEL_ACCOUNT: Final = GFP_KERNEL | ACCOUNT
GFP_NOWAIT: Final = KSWAPD_RECLAIM | NOWARN
GFP_NOIO: Final = RECLAIM
GFP_NOFS: Final = RECLAIM | IO
GFP_USER: Final = GFP_KERNEL | HARDWALL
GFP_DMA: Final = GFP_DMA_BIT
GFP_DMA32: Final = DMA32_BIT
GFP_HIGHUSER: Final = GFP_USER | HIGHMEM
GFP_HIGHUSER_MOVABLE: Final = GFP_HIGHUSER | MOVABLE
GFP_TRANSHUGE_LIGHT: Final = (GFP_HIGHUSER_MOVABLE | COMP | NOMEMALLOC | NOWARN) & ~RECLAIM
GFP_TRANSHUGE: Final = GFP_TRANSHUGE_LIGHT | DIRECT_RECLAIM

PRINT_ORDER: Final[tuple[tuple[str, int], ...]] = (
    ("GFP_TRANSHUGE", GFP_TRANSHUGE),
    ("GFP_TRANSHUGE_LIGHT", GFP_TRANSHUGE_LIGHT),
    ("GFP_HIGHUSER_MOVABLE", GFP_HIGHUSER_MOVABLE),
    ("GFP_HIGHUSER", GFP_HIGHUSER),
    ("GFP_USER", GFP_USER),
    ("GFP_KERNEL_ACCOUNT", GFP_KERNEL_ACCOUNT),
    ("GFP_KERNEL", GFP_KERNEL),
    ("GFP_NOFS", GFP_NOFS),
    ("GFP_ATOMIC", GFP_ATOMIC),
    ("GFP_NOIO", GFP_NOIO),
    ("GFP_NOWAIT", GFP_NOWAIT),
    ("GFP_DMA", GFP_DMA),
    ("__GFP_HIGHMEM", HIGHMEM),
    ("GFP_DMA32", GFP_DMA32),
    ("__GFP_HIGH", HIGH),
    ("__GFP_IO", IO),
    ("__GFP_FS", FS),
    ("__GFP_NOWARN", NOWARN),
    ("__GFP_RETRY_MAYFAIL", RETRY_MAYFAIL),
    ("__GFP_NOFAIL", NOFAIL),
    ("__GFP_NORETRY", NORETRY),
    ("__GFP_COMP", COMP),
    ("__GFP_ZERO", ZERO),
    ("__GFP_NOMEMALLOC", NOMEMALLOC),
    ("__GFP_MEMALLOC", MEMALLOC),
    ("__GFP_HARDWALL", HARDWALL),
    ("__GFP_THISNODE", THISNODE),
    ("__GFP_RECLAIMABLE", RECLAIMABLE),
    ("__GFP_MOVABLE", MOVABLE),
    ("__GFP_ACCOUNT", ACCOUNT),
    ("__GFP_WRITE", WRITE),
    ("__GFP_RECLAIM", RECLAIM),
    ("__GFP_DIRECT_RECLAIM", DIRECT_RECLAIM),
    ("__GFP_KSWAPD_RECLAIM", KSWAPD_RECLAIM),
    ("__GFP_ZEROTAGS", ZEROTAGS),
)
"""The order in which `%pGg` tries the names (`include/trace/events/mmflags.h`)."""

NAMES: Final[dict[str, int]] = dict(PRINT_ORDER) | {
    "__GFP_DMA": GFP_DMA_BIT,
    "__GFP_DMA32": DMA32_BIT,
}
"""Every name a driver may write, with its value on the simulated configuration."""

_GFP_ZONE_TABLE: Final = 0x1320122


def format_gfp(mask: int) -> str:
    """Print a mask as `%pGg` does (`lib/vsprintf.c:format_flags`)."""
    words = []
    for name, bits in PRINT_ORDER:
        if mask & bits == bits:
            words.append(name)
            mask &= ~bits
    if mask:
        words.append(f"{mask:#x}")
    return "|".join(words)


def parse_gfp(text: str) -> int:
    """Read `GFP_KERNEL | __GFP_ZERO` or a number; raise ValueError naming the unknown word."""
    mask = 0
    for word in text.split("|"):
        word = word.strip()
        if word in NAMES:
            mask |= NAMES[word]
        else:
            try:
                mask |= int(word, 0)
            except ValueError:
                raise ValueError(f"unknown allocation flag {word!r}") from None
    return mask


def allows_blocking(mask: int) -> bool:
    """Tell whether the caller may sleep (`include/linux/gfp.h:gfpflags_allow_blocking`)."""
    return bool(mask & DIRECT_RECLAIM)


def zone_index(mask: int) -> int:
    """Return the highest zone a request may use: 0 DMA, 1 DMA32, 2 Normal, 3 Movable.

    Two zone selectors at once silently give zone DMA, as on a kernel without DEBUG_VM
    (`include/linux/gfp.h:gfp_zone`).
    """
    return (_GFP_ZONE_TABLE >> (2 * (mask & ZONEMASK))) & 3


def migratetype(mask: int) -> int:
    """Return the migratetype asked for (`include/linux/gfp.h:gfp_migratetype`)."""
    return (mask & (MOVABLE | RECLAIMABLE)) >> 3
