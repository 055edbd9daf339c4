"""Verbs limited to what is taught: an answer that calls what a later world teaches.

A call is taught by the levels whose solution makes it. What no level teaches is not held back.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from kmemquest.content.problem import ProblemsFound
from kmemquest.i18n import _
from kmemquest.level.attempt import Attempt
from kmemquest.level.coverage import APIS
from kmemquest.level.model import WRITTEN

if TYPE_CHECKING:
    from kmemquest.level.library import Entry, Library
    from kmemquest.level.load import Level

SIBLINGS: Final[Mapping[str, str]] = {
    "alloc_page": "alloc_pages", "__get_free_page": "__get_free_pages",
    "kvcalloc": "kvmalloc", "kvmalloc_array": "kvmalloc", "kvmalloc_node": "kvmalloc",
    "__vmalloc": "vmalloc", "vmalloc_node": "vmalloc", "vmalloc_32": "vmalloc",
    "vzalloc_node": "vzalloc", "kzalloc_node": "kmalloc_node", "kcalloc_node": "kmalloc_node",
    "devm_kmalloc": "devm_kzalloc", "devm_kmalloc_array": "devm_kcalloc",
    "kmem_cache_alloc_node": "kmem_cache_alloc", "kmem_cache_alloc_lru": "kmem_cache_alloc",
    "dma_pool_zalloc": "dma_pool_alloc", "memblock_alloc_node": "memblock_alloc",
    "memblock_alloc_low": "memblock_alloc", "mempool_create": "mempool_create_kmalloc_pool",
    "mempool_create_page_pool": "mempool_create_kmalloc_pool",
    "ioremap_cache": "ioremap", "kstrndup": "kstrdup", "kasprintf": "kstrdup",
}  # fmt: skip
"""Calls that are learnt together with another one."""
_CALL: Final = re.compile(r"\b([A-Za-z_]\w*)\s*\(")
_NOT_CODE: Final = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def calls_in(text: str) -> dict[str, str]:
    """Return the allocators that a C text calls: the call each is learnt with -> as written."""
    known = {api for group in APIS.values() for api in group}
    found = {SIBLINGS.get(name, name): name for name in _CALL.findall(_NOT_CODE.sub(" ", text))}
    return {call: name for call, name in found.items() if call in known}


def later_calls(
    library: Library, level: Level, answers: Mapping[str, str], known: Collection[str]
) -> tuple[str, ...]:
    """Return a sentence for every call of a written answer that no level in `known` teaches."""
    sentences = []
    given = calls_in(_given(level))
    for call, written in sorted(_written_calls(level, answers).items()):
        if call in given:
            continue
        teachers = list(_teachers(library, call))
        if teachers and not any(entry.id in known for entry in teachers):
            first = teachers[0]
            sentences.append(
                _("{call}() comes later, in world {number} ({title}).").format(
                    call=written,
                    number=first.world_number,
                    title=library.world_text(first.world).title,
                )
            )
    return tuple(sentences)


def _written_calls(level: Level, answers: Mapping[str, str]) -> dict[str, str]:
    slots = level.file.slots
    return {
        call: written
        for name, text in answers.items()
        if name in slots and slots[name].kind in WRITTEN and text not in slots[name].names
        for call, written in calls_in(text).items()
    }


def _given(level: Level) -> str:
    """What the level itself puts before the player, and its solution."""
    return f"{level.file.driver}\n{Attempt(level, level.file.solution).source.text}"


def _teachers(library: Library, call: str) -> Iterator[Entry]:
    """The levels whose solution makes a call; a broken level teaches nothing."""
    for entry in library.entries:
        try:
            if not any(word in entry.path.read_text(encoding="utf-8") for word in _spellings(call)):
                continue
            level = entry.load()
        except (OSError, ProblemsFound):
            continue
        if call in calls_in(Attempt(level, level.file.solution).source.text):
            yield entry


def _spellings(call: str) -> tuple[str, ...]:
    return (call, *(name for name, sibling in SIBLINGS.items() if sibling == call))
