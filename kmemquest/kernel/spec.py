"""What machine to boot: RAM map, nodes, CPUs, boot options and checkers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from kmemquest.kernel.address import MODULES_VADDR

KIB: Final = 1 << 10
MIB: Final = 1 << 20
GIB: Final = 1 << 30
TIB: Final = 1 << 40

CHECKER_PRESETS: Final = ("production", "debug")
"""Words accepted besides `slub_debug=<letters>`."""


@dataclass(frozen=True, slots=True)
class RamRange:
    """A range of firmware-reported RAM: [base, base + size) bytes on a NUMA node."""

    base: int
    size: int
    node: int = 0

    @property
    def end(self) -> int:
        """The first byte after the range."""
        return self.base + self.size


@dataclass(frozen=True, slots=True)
class Checkers:
    """What the simulated kernel is built with; all off is a distribution's kernel."""

    kasan: bool = False
    atomic_sleep: bool = False
    kmemleak: bool = False
    dma_debug: bool = False
    lockdep: bool = False
    debug_vm: bool = False
    slub_debug: str = ""

    @classmethod
    def preset(cls, name: str) -> Checkers:
        """Return the set for `production`, `debug` or `slub_debug=FZPU`; ValueError otherwise."""
        if name == "production":
            return cls()
        if name == "debug":
            return cls(
                kasan=True,
                atomic_sleep=True,
                kmemleak=True,
                dma_debug=True,
                lockdep=True,
                debug_vm=True,
            )
        if name.startswith("slub_debug="):
            letters = name.removeprefix("slub_debug=")
            if letters and not set(letters) - set("FZPUT"):
                return cls(slub_debug=letters)
        raise ValueError(
            f"unknown checkers {name!r}: expected production, debug or slub_debug=FZPU"
        )


BOOT_OPTIONS: Final = (
    "cma", "init_on_alloc", "init_on_free", "initrdmem", "kmemquest.image", "memblock",
    "no_hash_pointers", "nohugevmalloc", "page_poison", "pti", "slab_debug", "slab_min_objects",
    "slab_nomerge", "slub_debug", "slub_nomerge", "swiotlb", "transparent_hugepage",
)  # fmt: skip
"""Words of the command line that change anything here; all others are ignored, as on Linux."""


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """A machine to boot. Sizes are bytes.

    `ram` is the total; `map` overrides it with explicit ranges (the usual PC layout is derived
    from `ram`: a hole from 640 KiB to 1 MiB and one below 4 GiB for PCI). `nodes` splits the RAM
    evenly. `options` are kernel command-line words such as `init_on_alloc=0`, `slab_nomerge`,
    `swiotlb=force`, `page_poison=1`, `slab_debug=FZPU`. `page_cache` bytes are filled with clean
    file pages after boot; `processes` are user tasks as (comm, resident bytes, oom_score_adj).
    `seed` decides all that a real kernel draws at random (freelist order, pointer hash keys).
    """

    ram: int = 256 * MIB
    cpus: int = 1
    nodes: int = 1
    map: tuple[RamRange, ...] = ()
    options: tuple[str, ...] = ()
    checkers: Checkers = field(default_factory=Checkers)
    page_cache: int = 0
    processes: tuple[tuple[str, int, int], ...] = ()
    uptime: int = 2_100_000_000
    seed: int = 1

    @property
    def modules_start(self) -> int:
        """Where the module area begins: behind 1 GiB of kernel image, or 512 MiB if told so.

        The image's window shrinks on a kernel built without KASLR (`KERNEL_IMAGE_SIZE`); the word
        `kmemquest.image=512M`, which no kernel knows, says that this one is.
        """
        small = self.option("kmemquest.image") == "512M"
        return MODULES_VADDR - 512 * MIB if small else MODULES_VADDR

    def option(self, name: str, default: str = "") -> str:
        """Return the value of `name=value` among the boot options (the last one wins)."""
        value = default
        for word in self.options:
            key, _, rest = word.partition("=")
            if key == name:
                value = rest or "1"
        return value


_UNITS: Final = {"": 1, "K": KIB, "M": MIB, "G": GIB, "T": TIB}


def parse_size(text: str) -> int:
    """Read `256M`, `1.5G`, `4096`; return bytes. ValueError tells what was expected."""
    word = text.strip().upper().removesuffix("B").removesuffix("I")
    unit = word[-1:] if word[-1:] in _UNITS else ""
    number = word[: len(word) - len(unit)]
    try:
        value = float(number) if "." in number else int(number, 0)
    except ValueError:
        raise ValueError(f"{text!r} is not a size: expected e.g. 4096, 64K, 256M, 1.5G") from None
    size = int(value * _UNITS[unit])
    if size < 0:
        raise ValueError(f"{text!r} is not a size: it is negative")
    return size


def parse_machine_spec(text: str) -> MachineSpec:
    """Read the command line's `ram=256M,cpus=2,nodes=1,checkers=debug,seed=7,option=…`.

    A bare size (`512M`) stands for `ram=512M`. ValueError names the word that is wrong.
    """
    values: dict[str, object] = {}
    options: list[str] = []
    for word in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = word.partition("=")
        if not equals:
            values["ram"] = parse_size(word)
        elif key in ("ram", "page_cache"):
            values[key] = parse_size(value)
        elif key in ("cpus", "nodes", "seed"):
            try:
                values[key] = int(value)
            except ValueError:
                raise ValueError(f"{key}={value}: expected a whole number") from None
        elif key == "checkers":
            values[key] = Checkers.preset(value)
        elif key == "option":
            options.append(value)
        else:
            raise ValueError(
                f"unknown machine word {key!r}: expected ram, cpus, nodes, page_cache, "
                "checkers, seed or option"
            )
    spec = MachineSpec(**values, options=tuple(options))  # type: ignore[arg-type]
    check_spec(spec)
    return spec


def check_spec(spec: MachineSpec) -> None:
    """Refuse what cannot boot, with a sentence that tells the limits."""
    if not 16 * MIB <= spec.ram <= 64 * TIB:
        raise ValueError("ram must lie between 16M and 64T")
    if not 1 <= spec.cpus <= 256:
        raise ValueError("cpus must lie between 1 and 256")
    if not 1 <= spec.nodes <= 8:
        raise ValueError("nodes must lie between 1 and 8")
