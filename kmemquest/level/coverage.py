"""What a pack covers: allocators, contexts and needs of driver authors, concepts, kinds of slots.

Nothing is run: a call counts as used where the solution's driver makes it, as offered where only
another option does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kmemquest.content.problem import ProblemsFound
from kmemquest.level.attempt import Attempt
from kmemquest.level.habits import PACK, most_allowed
from kmemquest.level.load import Level, load_level

APIS: Final[dict[str, tuple[str, ...]]] = {
    "slab": (
        "kmalloc", "kzalloc", "kcalloc", "kmalloc_array", "krealloc", "kmemdup", "kstrdup",
        "struct_size", "kmem_cache_create", "kmem_cache_alloc", "kmem_cache_zalloc", "kfree_rcu",
        "kfree_sensitive", "kmalloc_node",
    ),
    "pages": (
        "alloc_pages", "__get_free_pages", "get_zeroed_page", "alloc_pages_exact",
        "alloc_pages_node", "page_frag_alloc", "kmap_local_page",
    ),
    "virtual": (
        "vmalloc", "vzalloc", "kvmalloc", "kvzalloc", "vmap", "vmalloc_user",
        "remap_vmalloc_range", "ioremap", "ioremap_wc",
    ),
    "boot": ("memblock_alloc", "memblock_reserve", "memblock_phys_alloc"),
    "dma": (
        "dma_set_mask_and_coherent", "dma_alloc_coherent", "dma_map_single", "dma_map_page",
        "dma_map_sgtable", "dma_sync_single_for_cpu", "dma_sync_single_for_device",
        "dma_mapping_error", "dma_pool_create", "dma_pool_alloc", "dma_alloc_pages",
    ),
    "pressure": ("mempool_create_slab_pool", "mempool_create_kmalloc_pool", "mempool_alloc"),
    "per CPU": ("alloc_percpu", "DEFINE_PER_CPU"),
    "lifetime": ("devm_kzalloc", "devm_kcalloc", "dmam_alloc_coherent", "kref_init"),
    "user": ("copy_to_user", "remap_pfn_range", "vm_insert_page", "pin_user_pages_fast"),
    "special": ("gen_pool_alloc",),
}  # fmt: skip
"""The allocators and companions that a driver's author must know, by world."""

NEEDS: Final[dict[str, str]] = {
    "GFP_KERNEL: may sleep": r"\bGFP_KERNEL\b",
    "GFP_ATOMIC: reserves, no sleep": r"\bGFP_ATOMIC\b",
    "GFP_NOWAIT: no sleep, no reserves": r"\bGFP_NOWAIT\b",
    "GFP_NOIO, or a noio scope": r"\bGFP_NOIO\b|\bmemalloc_noio_save\b",
    "GFP_NOFS, or a nofs scope": r"\bGFP_NOFS\b|\bmemalloc_nofs_save\b",
    "GFP_KERNEL_ACCOUNT: charged to a user": r"\bGFP_KERNEL_ACCOUNT\b|\b__GFP_ACCOUNT\b",
    "__GFP_NORETRY: optional memory": r"\b__GFP_NORETRY\b",
    "__GFP_RETRY_MAYFAIL: wanted, may fail": r"\b__GFP_RETRY_MAYFAIL\b",
    "__GFP_NOFAIL: must not fail": r"\b__GFP_NOFAIL\b",
    "__GFP_NOWARN: failure expected": r"\b__GFP_NOWARN\b",
    "__GFP_THISNODE: this node or nothing": r"\b__GFP_THISNODE\b",
    "GFP_DMA, GFP_DMA32: zones": r"\bGFP_DMA(?:32)?\b",
    "hard interrupt": r"\brequest_irq\b",
    "threaded interrupt": r"\brequest_threaded_irq\b",
    "timer": r"\btimer_setup\b",
    "tasklet or bottom half": r"\btasklet_|\bWQ_BH\b|\bsystem_bh_wq\b",
    "workqueue": r"\b(?:schedule|queue)_(?:delayed_)?work\b",
    "spinlock held": r"\bspin_lock",
    "mutex held": r"\bmutex_lock\b",
    "RCU reader": r"\brcu_read_lock\b",
    "constructor of a cache": r"\bkmem_cache_create\b[^;]*,\s*[a-z]\w*_ctor\s*\)",
    "cache line alignment": r"\bSLAB_HWCACHE_ALIGN\b|____cacheline_aligned",
    "objects typesafe by RCU": r"\bSLAB_TYPESAFE_BY_RCU\b",
    "bulk allocation": r"\bkmem_cache_alloc_bulk\b|\balloc_pages_bulk",
    "array without overflow": r"\b(?:kcalloc|kmalloc_array|array_size|struct_size)\b",
    "DMA mask": r"\bDMA_BIT_MASK\b",
    "scatter-gather": r"\bsg_(?:init|alloc|set)_|\bdma_map_sg",
    "error unwinding": r"\bgoto\s+\w+",
    "reference count": r"\bkref_|\brefcount_",
    "shrinker": r"\bshrinker_",
    "user's own pages": r"\b(?:pin|get)_user_pages",
    "mmap of driver memory": r"\bremap_pfn_range\b|\bvm_insert_page|\bremap_vmalloc_range\b",
}
"""Contexts and needs by which one chooses, and how a driver shows that it is about them."""

KINDS: Final = ("choice", "fill", "edit", "order", "predict", "diagnose", "driver")
FORMS: Final = ("shows", "sweep", "checkpoint", "reactions", "artefacts", "survives-faults")


@dataclass(slots=True)
class Coverage:
    """Word -> levels. `offered` names levels where only an option besides the solution does."""

    levels: tuple[str, ...] = ()
    apis: dict[str, list[str]] = field(default_factory=dict)
    offered: dict[str, list[str]] = field(default_factory=dict)
    needs: dict[str, list[str]] = field(default_factory=dict)
    concepts: dict[str, str] = field(default_factory=dict)
    uses: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    forms: dict[str, list[str]] = field(default_factory=dict)
    wrong: int = 0
    broken: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """Calls and needs that no level's solution shows."""
        return tuple(
            w for table in (self.apis, self.needs) for w, levels in table.items() if not levels
        )

    def as_json(self) -> dict[str, object]:
        """Return the shape of `kmemquest check --coverage --json`."""
        return {
            "levels": len(self.levels),
            "wrong_answers": self.wrong,
            "apis": self.apis,
            "offered": self.offered,
            "needs": self.needs,
            "concepts": self.concepts,
            "uses": self.uses,
            "kinds": self.kinds,
            "forms": self.forms,
            "missing": list(self.missing),
            "broken": list(self.broken),
        }


def coverage(files: Sequence[Path]) -> Coverage:
    """Read levels and tell what they cover; broken ones are named and left out."""
    found = Coverage(
        apis={api: [] for group in APIS.values() for api in group},
        needs={need: [] for need in NEEDS},
        kinds=dict.fromkeys(KINDS, 0),
        forms={form: [] for form in FORMS},
    )
    broken = []
    for path in files:
        try:
            level = load_level(path)
        except ProblemsFound:
            broken.append(path.stem)
            continue
        found.levels = (*found.levels, level.id)
        _add(found, level)
    found.broken = tuple(broken)
    return found


def _add(found: Coverage, level: Level) -> None:
    file = level.file
    solved = Attempt(level, file.solution).source.text
    options = "\n".join(text for slot in file.slots.values() for text in slot.options.values())
    for api, levels in found.apis.items():
        pattern = rf"\b{api}\s*\("
        if re.search(pattern, solved):
            levels.append(level.id)
        elif re.search(pattern, options):
            found.offered.setdefault(api, []).append(level.id)
    for need, levels in found.needs.items():
        if re.search(NEEDS[need], solved):
            levels.append(level.id)
    if file.teaches:
        found.concepts[file.teaches] = level.id
    uses = Counter(found.uses)
    uses.update(file.uses)
    found.uses = dict(sorted(uses.items()))
    for slot in file.slots.values():
        found.kinds[slot.kind] = found.kinds.get(slot.kind, 0) + 1
    found.wrong += len(file.wrong)
    goals = [named.predicate.word for named in (*level.goals, *level.stars)]
    forms = {
        "shows": bool(file.shows),
        "sweep": file.sweep is not None,
        "checkpoint": file.checkpoint,
        "reactions": bool(level.text().reactions),
        "artefacts": bool(file.artefacts),
        "survives-faults": "survives-faults" in goals,
    }
    for form, used in forms.items():
        if used:
            found.forms[form].append(level.id)


def lines(found: Coverage) -> Iterator[str]:
    """Tell a coverage as a table."""
    count = len(found.levels)
    yield f"{count} levels, {found.wrong} wrong answers, {len(found.concepts)} concepts taught"
    if found.broken:
        yield "cannot be read: " + ", ".join(found.broken)
    for group, apis in APIS.items():
        yield ""
        yield f"calls: {group}"
        for api in apis:
            yield _row(api, found.apis[api], found.offered.get(api, []))
    yield ""
    yield "contexts and needs"
    for need, levels in found.needs.items():
        yield _row(need, levels, [])
    yield ""
    yield "concepts (taught by; used by so many)"
    for concept, level in found.concepts.items():
        yield f"  {concept:36} {level} ({found.uses.get(concept, 0)})"
    yield ""
    yield "kinds of slots: " + ", ".join(f"{kind} {n}" for kind, n in found.kinds.items())
    for form, levels in found.forms.items():
        yield f"{form}: {len(levels)}" + (f" ({', '.join(levels)})" if levels else "")
    yield ""
    yield f"missing: {', '.join(found.missing) or 'nothing'}"
    if count >= PACK:
        yield f"one habit may pass {most_allowed(count)} of these levels"


def _row(word: str, levels: list[str], offered: list[str]) -> str:
    if levels:
        return (
            f"  {word:36} {len(levels):3}  {', '.join(levels[:4])}{' …' if len(levels) > 4 else ''}"
        )
    if offered:
        return f"  {word:36}   –  only offered, in {', '.join(offered[:3])}"
    return f"  {word:36}   –  missing"
