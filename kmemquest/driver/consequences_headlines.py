"""Which lines of a kernel log begin a report, how bad each is, and when two are the same.

The rule by which two headlines count as equal: after removing what belongs to one run or one build
of a kernel. Those are addresses (`0x…`, words of 8 or more hex digits), offsets (`+0x1f/0x30`,
`@offset=16`), process numbers (`PID: 39`, `process 39`, `insmod/39`, `pfn:…`), source line numbers
(`file.c:123`), suffixes that a compiler gives to symbols (`.constprop.0`, `.part.0`), and the
figures of one machine's memory in an OOM report (`…-rss:12kB`), the fields that only a kernel with
cpusets prints (`,cpuset=/,mems_allowed=0`). Everything else must agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

SEVERITIES: Final = (
    "silent", "message", "kmemleak report", "WARN", "BUG report", "oops", "panic",
)  # fmt: skip
"""From harmless to final."""

_KINDS: Final[tuple[tuple[str, str], ...]] = (
    (r"Kernel panic - not syncing: ", "panic"),
    (r"Oops: ", "oops"),
    (r"kernel BUG at ", "oops"),
    (r"BUG: unable to handle ", "oops"),
    (r"BUG: kernel NULL pointer dereference", "oops"),
    (r"divide error: ", "oops"),
    (r"\[ BUG: ", "BUG report"),
    (r"BUG: ", "BUG report"),
    (r"BUG \S+ \(", "BUG report"),
    (r"\[.* overwritten\] ", "BUG report"),
    (r"INFO: task .* blocked for more than", "BUG report"),
    (r"watchdog: BUG: ", "BUG report"),
    (r"WARNING: ", "WARN"),
    (r"list_(add|del) (corruption|double add)", "WARN"),
    (r"refcount_t: ", "WARN"),
    (r"DMA-API: ", "WARN"),
    (r"INFO: trying to register non-static key", "message"),
    (r"iounmap: bad address ", "message"),
    (r"Unexpected gfp: ", "message"),
    (r"\S*kmem_cache_create\S* ?\(.*\) (failed|integrity check failed)", "message"),
    (r"genirq: ", "message"),
    (r"percpu: allocation failed", "message"),
    (r"workqueue: cannot queue ", "message"),
    (r"Buffer overflow detected ", "message"),
    (r"usercopy: Kernel memory ", "message"),
    (r"\S+: detected (buffer overflow|field-spanning write)", "message"),
    (r"cache_from_obj: ", "message"),
    (r"virt_to_cache: ", "message"),
    (r"kmem_cache_destroy \S+: ", "message"),
    (r"kmem_cache of name ", "message"),
    (r"Trying to (vfree|vunmap|vrealloc|iounmap)", "message"),
    (r"illegal size ", "message"),
    (r"ioremap on RAM ", "message"),
    (r"memremap attempted ", "message"),
    (r".*: rejecting DMA map of vmalloc memory", "message"),
    (r".*: swiotlb buffer is full ", "message"),
    (r".*: dma_pool_destroy \S+ busy", "message"),
    (r"cma: ", "message"),
    (r".*: page allocation failure: ", "message"),
    (r".*: vmalloc error: ", "message"),
    (r".* invoked oom-killer: ", "message"),
    (r"Out of memory: ", "message"),
    (r"Memory cgroup out of memory: ", "message"),
    (r"SLUB: Unable to allocate memory", "message"),
    (r"FAULT_INJECTION: ", "message"),
    (r"kmemleak: \d+ new suspected", "kmemleak report"),
    (r"unreferenced object( \(\w+\))? ", "kmemleak report"),
)
_PATTERNS: Final = tuple((re.compile(pattern), severity) for pattern, severity in _KINDS)

_RULES: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"\+0x[0-9a-f]+/0x[0-9a-f]+"), ""),
    (re.compile(r"\.(constprop|part|isra|cold)(\.\d+)?\b"), ""),
    (re.compile(r"[-+]?0x[0-9a-f]+(\.\.\.|…)?"), "X"),
    (re.compile(r"\b[0-9a-f]{8,16}\b"), "X"),
    (re.compile(r"@offset=\d+"), "@offset=N"),
    (re.compile(r"\bpfn:[0-9a-f]+"), "pfn:N"),
    (re.compile(r"\bPID: \d+"), "PID: N"),
    (re.compile(r"\bprocess \d+"), "process N"),
    (re.compile(r"(\S+)/\d+/X"), r"\1/N/X"),
    (re.compile(r"(\.[chS]):\d+"), r"\1:N"),
    (re.compile(r"(total-vm|\w+-rss|pgtables):\d+kB"), r"\1:N"),
    (re.compile(r"Tainted: .{19}(?=\))"), "Tainted"),
    (re.compile(r"X-X"), "X"),
    (re.compile(r",cpuset=\S*,mems_allowed=\S+$"), ""),
)


def severity_of(line: str) -> str | None:
    """Return how bad a report is that begins with this line, None if none does."""
    for pattern, severity in _PATTERNS:
        if pattern.match(line):
            return severity
    return None


def normalise(line: str) -> str:
    """Remove from a headline what belongs to one run or one build."""
    for pattern, replacement in _RULES:
        line = pattern.sub(replacement, line)
    return line.strip()


def headlines(lines: Iterable[str]) -> list[str]:
    """Return the first lines of reports, each distinct one (after `normalise`) once."""
    found: dict[str, str] = {}
    for line in lines:
        text = line.strip()
        if severity_of(text) is not None:
            found.setdefault(normalise(text), text.rstrip(":"))
    return list(found.values())


def worst(lines: Iterable[str]) -> str:
    """Return the severity of the worst report among lines."""
    found = [SEVERITIES.index(severity_of(line.strip()) or "silent") for line in lines]
    return SEVERITIES[max(found, default=0)]
