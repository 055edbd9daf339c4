"""One pattern per kind of line that the kernel prints about memory, for its log and for /proc.

The same patterns read what real kernels printed and what the simulator prints. A pattern is a
template: literal text with fields in braces, `{field}`. A field's class says what it may hold:

    n, hex, word, text      plain values, compared as they are
    n>8, name<17            right- and left-aligned columns of exactly that width, or wider
    address, symbol, pid, time, register, code, slot
                            values that no simulator can predict: see `UNPREDICTABLE`

`normalise` is the one rule by which texts of two machines are compared: every field of an
unpredictable class is replaced by the class's name, everything else stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

UNPREDICTABLE: Final = {
    "address": "0*[0-9a-f]{1,16}",
    "symbol": r"[\w.]+\+0x[0-9a-f]+/0x[0-9a-f]+(?: \[\w+\])?|0x[0-9a-f]+",
    "module_symbol": r"[\w.]+\+0x[0-9a-f]+/0x[0-9a-f]+ \[\w+\]",
    "pid": r"\d+",
    "time": r"\d+",
    "register": "[0-9a-f]{4,16}",
    "code": "(?:[0-9a-f]{2} |<[0-9a-f]{2}> ?){8,}[0-9a-f]*|Unable to access opcode bytes at "
    r"0x[0-9a-f]+\.",
    "slot": r"\d+",
}
"""Class -> expression. Addresses (hashed or not), stack traces, functions of the module that
made the mistake (its compiler placed them), registers, code bytes, times,
PIDs, and the place of an object in its slab, which follows the random order of the free list."""

_PREDICTABLE: Final = {
    "n": r"-?\d+",
    "hex": "[0-9a-f]+",
    "word": r"\S+",
    "text": ".+?",
    "comm": ".{1,15}?",
    "taint": r"Not tainted|Tainted: [PG][FSRMBUDAWCIOELKXTN ]{18}",
    "gfp": r"[A-Z_0-9|]+|0x[0-9a-f]+|0",
    "types": r"U?M?E?H?C?I?",
    "bytes": "(?:[0-9a-f]{2} ){0,15}[0-9a-f]{2}",
    "ascii": "[ -~]{1,16}",
    "flags": r"\w+(?:=\w+)?(?:\|\w+(?:=\w+)?)*",
    "list": r"\d+(?:[-,]\d+)*",
    "modules": r"(?: [\w-]+(?:\([A-Z+-]+\))?)*(?: \[last unloaded: [^]]+\])?",
    "what": "Left Redzone|Right Redzone|kmalloc Redzone|Alignment padding|Poison|End Poison"
    "|Object padding",
}

_FIELD: Final = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class LinePattern:
    """A kind of line: its name, its template and the expression made of it."""

    kind: str
    template: str
    expression: re.Pattern[str]
    classes: tuple[str, ...]

    def fields(self, line: str) -> tuple[str, ...] | None:
        """Return the fields of a line of this kind, in order; None when it is of another."""
        found = self.expression.fullmatch(line)
        return found.groups() if found is not None else None

    def normalise(self, line: str) -> str:
        """Replace the unpredictable fields of a matching line by the names of their classes."""
        found = self.expression.fullmatch(line)
        assert found is not None
        parts, end = [], 0
        for index, name in enumerate(self.classes, 1):
            if name in UNPREDICTABLE and found[index] is not None:
                parts += [line[end : found.start(index)], f"<{name}>"]
                end = found.end(index)
        return "".join(parts) + line[end:]


def line_pattern(kind: str, template: str) -> LinePattern:
    """Make a pattern of a template; `[[` … `]]` surround what may be missing."""
    classes: list[str] = []
    expression, end = "", 0
    for field in _FIELD.finditer(template):
        expression += _literal(template[end : field.start()])
        expression += f"({_field_expression(field[1])})"
        classes.append(re.split("[<>]", field[1])[0])
        end = field.end()
    expression += _literal(template[end:])
    return LinePattern(kind, template, re.compile(expression), tuple(classes))


def _literal(text: str) -> str:
    return re.escape(text).replace(r"\[\[", "(?:").replace(r"\]\]", ")?")


def _field_expression(name: str) -> str:
    kind, aligned, width = re.match(r"(\w+)([<>]?)(\d*)$", name).groups()  # type: ignore[union-attr]
    if not aligned:
        return UNPREDICTABLE.get(kind) or _PREDICTABLE[kind]
    character, size = (r"\d" if kind in ("n", "pid") else r"\S"), int(width)
    if aligned == ">":
        padded = [f" {{{size - k}}}{character}{{{k}}}" for k in range(1, size)]
    else:
        padded = [f"{character}{{{k}}} {{{size - k}}}" for k in range(1, size)]
    return "|".join([f"{character}{{{size},}}", *padded])


DUMP_STACK: Final = (
    ("cpu", "CPU: {n} UID: {n} PID: {pid} Comm: {comm} {taint} {word} #{n} [[ {text}]]"),
    ("taint-legend", "Tainted: {text}"),
    ("hardware", "Hardware name: {text}"),
    ("workqueue", "Workqueue: {word} {word}"),
    ("call-trace", "Call Trace:"),
    ("stack-tag", " <[[/]]{word}>"),
    ("frame", " [[? ]]{symbol}"),
    ("ip-user", "RIP: 0033:0x{register}"),
    ("ip-module", "RIP: 0010:{module_symbol}"),
    ("ip", "RIP: 0010:{text}"),
    ("code", "Code: {code}"),
    ("stack-user", "RSP: 002b:{register} EFLAGS: {register}[[ ORIG_RAX: {register}]]"),
    ("stack", "RSP: 0018:{register} EFLAGS: {register}"),
    ("registers-a", "RAX: {register} RBX: {register} RCX: {register}"),
    ("registers-b", "RDX: {register} RSI: {register} RDI: {register}"),
    ("registers-c", "RBP: {register} R08: {register} R09: {register}"),
    ("registers-d", "R10: {register} R11: {register} R12: {register}"),
    ("registers-e", "R13: {register} R14: {register} R15: {register}"),
    ("segments", "FS:  {register}({hex}) GS:{register}({hex}) knlGS:{register}"),
    ("selectors", "CS:  {hex} DS: {hex} ES: {hex} CR0: {register}"),
    ("control", "CR2: {register} CR3: {register} CR4: {register}"),
    ("protection-keys", "PKRU: {hex}"),
    ("modules", "Modules linked in:{modules}"),
)

WARNINGS: Final = (
    ("cut", "------------[ cut here ]------------"),
    ("warning-module", "WARNING: CPU: {n} PID: {pid} at {word}:{n} {module_symbol}"),
    ("warning", "WARNING: CPU: {n} PID: {pid} at {word}:{n} {text}"),
    ("end-trace", "---[ end trace 0000000000000000 ]---"),
    ("lock-debugging", "Disabling lock debugging due to kernel taint"),
    ("vfree", "Trying to {word}() {text} ({address})"),
    ("object-pointer", "object pointer: 0x{address}"),
    ("wrong-cache", "cache_from_obj: Wrong slab cache. {word} but object is from {word}"),
    (
        "cache-busy",
        "kmem_cache_destroy {word}: Slab cache still has objects when called from {symbol}",
    ),
    ("cache-refused", "__kmem_cache_create_args({text}) failed with error {n}"),
    ("dma-vmalloc", "{text}: rejecting DMA map of vmalloc memory"),
    (
        "dma-overflow",
        "{text}: [[swiotlb ]][[DMA ]]addr 0x{address}+{n} overflow (mask {hex}, bus limit {hex}).",
    ),
    ("initcall", "initcall {symbol} returned with {text}"),
    ("fortify", "{word}: detected buffer overflow: {n} byte {word} of buffer size {n}"),
    ("name-taken", "kmem_cache of name '{text}' already exists"),
    ("percpu-refused", "illegal size ({n}) or align ({n}) for percpu allocation"),
    ("dma-api-mapped", "DMA-API: Mapped at:"),
    ("dma-api", "DMA-API: {text}: device driver {text}"),
    ("dma-api-leak", "One of leaked entries details: {text}"),
    ("pool-busy", "{text}: dma_pool_destroy {word} busy"),
    (
        "swiotlb-full",
        "{text}: swiotlb buffer is full (sz: {n} bytes), total {n} (slots), used {n} (slots)",
    ),
)

OOPS: Final = (
    ("null", "BUG: kernel NULL pointer dereference, address: {hex}"),
    ("page-fault", "BUG: unable to handle page fault for address: {address}"),
    ("access", "#PF: supervisor {text} in kernel mode"),
    ("error-code", "#PF: error_code(0x{hex}) - {text}"),
    ("walk-0", "PGD 0 P4D 0 "),
    ("walk-2", "PGD {register} P4D {register} PUD 0 "),
    ("walk-3", "PGD {register} P4D {register} PUD {register} PMD 0 "),
    ("walk-4", "PGD {register} P4D {register} PUD {register} PMD {register} PTE {hex}"),
    (
        "protection",
        "Oops: general protection fault, probably for non-canonical address 0x{address}: "
        "{hex} [#{n}] PREEMPT SMP [[DEBUG_PAGEALLOC ]][[KASAN ]]{word}",
    ),
    ("oops", "Oops: {text}: {hex} [#{n}] PREEMPT SMP [[DEBUG_PAGEALLOC ]][[KASAN ]]{word}"),
    ("nx", "kernel tried to execute NX-protected page - exploit attempt? (uid: {n})"),
    ("usercopy", "usercopy: Kernel memory {word} attempt detected {word} {text}!"),
    ("kasan-range", "KASAN: {text} in range [0x{address}-0x{address}]"),
    ("bug", "kernel BUG at {word}:{n}!"),
    ("fault-address", "CR2: {address}"),
    ("exited", "note: {comm}[{pid}] exited with [[irqs disabled]][[preempt_count {n}]]"),
    ("panic", "Kernel panic - not syncing: {text}"),
    ("offset", "Kernel Offset: [[disabled]][[0x{hex} from 0x{hex} {text}]]"),
    ("panic-end", "---[ end Kernel panic - not syncing: {text} ]---"),
)

PAGE: Final = (
    ("bad-page", "BUG: Bad page state in process {comm}  pfn:{address}"),
    (
        "page",
        "page: refcount:{n} mapcount:{n} mapping:{address} index:0x{address} pfn:0x{address}",
    ),
    ("page-invalid-mapping", "invalid mapping:{hex}"),
    ("page-aops", "aops:{symbol}"),
    ("page-flags", "flags: 0x{hex}({flags})"),
    ("page-anon-flags", "anon flags: 0x{hex}({flags})"),
    ("page-ksm-flags", "ksm flags: 0x{hex}({flags})"),
    ("page-type", "page_type: {hex}({word})"),
    ("page-raw", "raw: {hex} {hex} {hex} {hex}"),
    ("page-head", "head: {text}"),
    ("page-reason", "page dumped because: {text}"),
    ("page-owner", "page_owner tracks the page as {word}"),
    (
        "page-owner-allocated",
        "page last allocated via order {n}, migratetype {word}, gfp_mask 0x{hex}({gfp}), "
        "pid {pid}, tgid {pid} ({comm}), ts {time}, free_ts {time}",
    ),
    ("page-owner-freed", "page last free pid {pid} tgid {pid} stack trace:"),
    ("page-owner-none", "page_owner free stack trace missing"),
)

FAILURES: Final = (
    (
        "page-failure",
        "{comm}: page allocation failure: order:{n}, mode:0x{hex}({gfp}), nodemask={word}"
        "[[,cpuset={word},mems_allowed={list}]]",
    ),
    (
        "vmalloc-failure",
        "{comm}: vmalloc error: size {n}, {text}, mode:0x{hex}({gfp}), nodemask={word}"
        "[[,cpuset={word},mems_allowed={list}]]",
    ),
    ("slub-failure", "SLUB: Unable to allocate memory on CPU {n} (of node {n}) on node {n}, "
     "gfp=0x{hex}({gfp})"),
    ("slub-failure-cache", "  cache: {word}, object size: {n}, buffer size: {n}, "
     "default order: {n}, min order: {n}"),
    ("slub-failure-debug", "  {word} debugging increased min order, use slab_debug=O to disable."),
    ("slub-failure-node", "  node {n}: slabs: {n}, objs: {n}, free: {n}"),
)  # fmt: skip

MEM_INFO: Final = (
    ("mem-info", "Mem-Info:"),
    ("totals-anon", "active_anon:{n} inactive_anon:{n} isolated_anon:{n}"),
    ("totals-file", " active_file:{n} inactive_file:{n} isolated_file:{n}"),
    ("totals-dirty", " unevictable:{n} dirty:{n} writeback:{n}"),
    ("totals-slab", " slab_reclaimable:{n} slab_unreclaimable:{n}"),
    ("totals-mapped", " mapped:{n} shmem:{n} pagetables:{n}"),
    ("totals-tables", " sec_pagetables:{n} bounce:{n}"),
    ("totals-misc", " kernel_misc_reclaimable:{n}"),
    ("totals-free", " free:{n} free_pcp:{n} free_cma:{n}"),
    (
        "node",
        "Node {n} active_anon:{n}kB inactive_anon:{n}kB active_file:{n}kB inactive_file:{n}kB "
        "unevictable:{n}kB isolated(anon):{n}kB isolated(file):{n}kB mapped:{n}kB dirty:{n}kB "
        "writeback:{n}kB shmem:{n}kB[[ shmem_thp:{n}kB shmem_pmdmapped:{n}kB anon_thp:{n}kB]] "
        "writeback_tmp:{n}kB kernel_stack:{n}kB pagetables:{n}kB sec_pagetables:{n}kB "
        "all_unreclaimable? {word}",
    ),
    (
        "zone",
        "[[Node {n} ]]{word} free:{n}kB boost:{n}kB min:{n}kB low:{n}kB high:{n}kB "
        "reserved_highatomic:{n}KB active_anon:{n}kB inactive_anon:{n}kB active_file:{n}kB "
        "inactive_file:{n}kB unevictable:{n}kB writepending:{n}kB present:{n}kB managed:{n}kB "
        "mlocked:{n}kB bounce:{n}kB free_pcp:{n}kB local_pcp:{n}kB free_cma:{n}kB",
    ),
    ("reserve", "lowmem_reserve[]: {n} {n}[[ {n}]][[ {n}]][[ {n}]]"),
    (
        "free-lists",
        "[[Node {n} ]]{word}: "
        + " ".join(f"{{n}}*{4 << order}kB[[ ({{types}})]]" for order in range(11))
        + " = {n}kB",
    ),
    (
        "hugepages",
        "Node {n} hugepages_total={n} hugepages_free={n} hugepages_surp={n} hugepages_size={n}kB",
    ),
    ("cache-pages", "{n} total pagecache pages"),
    ("swap-pages", "{n} pages in swap cache"),
    ("swap-free", "Free swap  = {n}kB"),
    ("swap-total", "Total swap = {n}kB"),
    ("ram", "{n} pages RAM"),
    ("highmem", "{n} pages HighMem/MovableOnly"),
    ("reserved", "{n} pages reserved"),
    ("cma", "{n} pages cma reserved"),
    ("hwpoisoned", "{n} pages hwpoisoned"),
)

OOM: Final = (
    ("oom", "{comm} invoked oom-killer: gfp_mask=0x{hex}({gfp}), order={n}, oom_score_adj={n}"),
    ("oom-slab", "Unreclaimable slab info:"),
    ("oom-slab-head", "Name                      Used          Total"),
    ("oom-slab-row", "{name<17} {n>10}KB {n>10}KB"),
    ("oom-tasks", "Tasks state (memory values in pages):"),
    ("oom-task-head", "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem "
     "pgtables_bytes swapents oom_score_adj name"),
    ("oom-task", "[{pid>7}] {n>5} {pid>5} {n>8} {n>8} {n>8} {n>8} {n>9} {n>8} {n>8}         "
     "{adjust} {comm}"),
    ("oom-verdict", "oom-kill:constraint={word},nodemask={word}[[,cpuset={word},"
     "mems_allowed={list}]][[,global_oom,task_memcg={word}]],task={comm},pid={pid},uid={n}"),
    ("oom-killed", "Out of memory: Killed process {pid} ({comm}) total-vm:{n}kB, anon-rss:{n}kB, "
     "file-rss:{n}kB, shmem-rss:{n}kB, UID:{n} pgtables:{n}kB oom_score_adj:{n}"),
    ("oom-reaped", "oom_reaper: reaped process {pid} ({comm}), now anon-rss:{n}kB, "
     "file-rss:{n}kB, shmem-rss:{n}kB"),
    ("oom-nobody", "Out of memory and no killable processes..."),
)  # fmt: skip
_PREDICTABLE["adjust"] = "|".join(f" {{{5 - k}}}-?\\d{{{k}}}" for k in range(1, 5)) + r"|-\d{3,4}"

SLUB: Final = (
    ("slub-rule", "============================================================================="),
    ("slub-thin-rule", "-----------------------------------------------------------------------"
     "------"),
    ("slub-overwritten", "[{what} overwritten] 0x{address}-0x{address} @offset={slot}. "
     "First byte 0x{hex} instead of 0x{hex}"),
    ("slub-invalid", "BUG {word} ({taint}): Invalid object pointer 0x{address}"),
    ("slub", "BUG {word} ({taint}): {text}"),
    ("slub-track", "[[Allocated]][[Freed]] in {symbol} age={time} cpu={n} pid={pid}"),
    ("slub-slab", "Slab 0x{address} objects={n} used={n} fp=0x{address} flags=0x{hex}({flags})"),
    ("slub-object", "Object 0x{address} @offset={slot} fp=0x{address}"),
    ("slub-remaining", "Object 0x{address} @offset={slot}"),
    ("slub-bytes", "[[Redzone ]][[Object  ]][[Padding ]][[Bytes b4]] {address}: "
     "{bytes} {text}"),
    ("slub-restoring", "FIX {word}: Restoring {what} 0x{address}-0x{address}=0x{hex}"),
    ("slub-not-freed", "FIX {word}: Object at 0x{address} not freed"),
    ("slub-fix", "FIX {word}: {text}"),
)  # fmt: skip

SLEEPING: Final = (
    ("sleeping", "BUG: sleeping function called from invalid context at {word}:{n}"),
    ("sleeping-context", "in_atomic(): {n}, irqs_disabled(): {n}, non_block: {n}, pid: {pid}, "
     "name: {comm}"),
    ("sleeping-count", "preempt_count: {hex}, expected: {hex}"),
    ("sleeping-rcu", "RCU nest depth: {n}, expected: {n}"),
    ("locks", "{n} lock[[s]] held by {comm}/{pid}:"),
    ("lock", " #{n}: {address} ({text}){{text}}-{{text}}, at: {symbol}"),
    ("no-locks", "no locks held by {comm}/{pid}."),
    ("scheduling", "BUG: scheduling while atomic: {comm}/{pid}/0x{hex}"),
    ("irq-stamp", "irq event stamp: {time}"),
    ("irq-event", "[[hard]][[soft]]irqs last [[ enabled]][[disabled]] at ({time}): "
     "[<{address}>] {symbol}"),
)  # fmt: skip

KASAN: Final = (
    ("kasan-rule", "=" * 66),
    ("kasan", "BUG: KASAN: {word} in {symbol}"),
    ("kasan-access", "[[Read]][[Write]] of size {n} at addr {address} by task {comm}/{pid}"),
    ("kasan-free", "Free of addr {address} by task {comm}/{pid}"),
    ("kasan-stack", "[[Allocated]][[Freed]] by task {pid}[[ on cpu {n} at {word}s]]:"),
    ("kasan-work", "Last potentially related work creation:"),
    ("kasan-object", "The buggy address belongs to the object at {address}"),
    ("kasan-cache", " which belongs to the cache {word} of size {n}"),
    ("kasan-located", "The buggy address is located {n} bytes {text} of"),
    ("kasan-region", " [[allocated ]][[freed ]]{n}-byte region [{address}, {address})"),
    ("kasan-vmalloc", "The buggy address belongs to a {n}-page vmalloc region starting at "
     "0x{address} allocated at {symbol}"),
    ("kasan-variable", "The buggy address belongs to the variable:"),
    ("kasan-page", "The buggy address belongs to the physical page:"),
    ("kasan-state", "Memory state around the buggy address:"),
    ("kasan-row", " {address}: {bytes}"),
    ("kasan-bad-row", ">{address}: {bytes}"),
    ("kasan-caret", " {spaces}^"),
)  # fmt: skip
_PREDICTABLE["spaces"] = " {18,66}"

PROC: Final = {
    "buddyinfo": (("row", "Node {n}, zone {word>8} " + "{n>6} " * 11),),
    "pagetypeinfo": (
        ("block-order", "Page block order: {n}"),
        ("block-pages", "Pages per block:  {n}"),
        ("blank", ""),
        ("orders", "Free pages count per migrate type at order  " + "{n>6} " * 11),
        ("row", "Node {n>4}, zone {word>8}, type {word>12} " + "{count} " * 11),
        ("types", "Number of blocks type  " + "{word>12} " * 5),
        ("blocks", "Node {n}, zone {word>8} " + "{n>12} " * 5),
    ),
    "zoneinfo": (
        ("zone", "Node {n}, zone {word>8}"),
        ("node-stats", "  per-node stats"),
        ("free", "  pages free     {n}"),
        ("mark", "        {name<8} {n}"),
        ("protection", "        protection: ({n}, {n}, {n}, {n}, {n})"),
        ("stat", "      {name<12} {n}"),
        ("pagesets", "  pagesets"),
        ("cpu", "    cpu: {n}"),
        ("count", "              count: {n}"),
        ("high", "              high:  {n}"),
        ("batch", "              batch: {n}"),
        ("threshold", "  vm stats threshold: {n}"),
        ("unreclaimable", "  node_unreclaimable:  {n}"),
        ("start", "  start_pfn:           {n}"),
    ),
    "slabinfo": (
        ("version", "slabinfo - version: 2.1"),
        (
            "head",
            "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
            " : tunables <limit> <batchcount> <sharedfactor>"
            " : slabdata <active_slabs> <num_slabs> <sharedavail>",
        ),
        (
            "row",
            "{name<17} {n>6} {n>6} {n>6} {n>4} {n>4} : tunables    0    0    0 : "
            "slabdata {n>6} {n>6}      0",
        ),
    ),
    "vmallocinfo": (
        (
            "row",
            "0x{address}-0x{address} {n>7}[[ {symbol}]][[ pages={n}]][[ phys=0x{hex}]]"
            "[[ ioremap]][[ sparse]][[ vmalloc]][[ vmap]][[ user]][[ dma-coherent]][[ vpages]]"
            "[[ N{n}={n}]][[ N{n}={n}]][[ N{n}={n}]][[ N{n}={n}]]",
        ),
        ("unpurged", "0x{address}-0x{address} {n>7} unpurged vm_area"),
        ("ram", "0x{address}-0x{address} {n>7} vm_map_ram"),
    ),
    "meminfo": (
        ("row", "{label}{n>8} kB"),
        ("wide", "VmallocTotal:   {n} kB"),
        ("narrow", "HardwareCorrupted: {n>5} kB"),
        ("count", "{count_label}{n>5}"),
    ),
    "iomem": (("row", "{indent}{range} : {text}"),),
}
_PREDICTABLE["count"] = r" {5}\d| {4}\d{2}| {3}\d{3}| {2}\d{4}| \d{5}|\d{6,}|>100000"
_PREDICTABLE["label"] = "|".join(rf"[A-Z][\w()]{{{k - 2}}}: {{{16 - k}}}" for k in range(3, 17))
_PREDICTABLE["count_label"] = r"HugePages_(?:Total|Free|Rsvd|Surp): {2,4}"
_PREDICTABLE["indent"] = "(?:  )*"
_PREDICTABLE["range"] = "(?:[0-9a-f]{8}|[1-9a-f][0-9a-f]{8,})-(?:[0-9a-f]{8}|[1-9a-f][0-9a-f]{8,})"

LOG: Final = (
    *DUMP_STACK, *WARNINGS, *OOPS, *PAGE, *FAILURES, *MEM_INFO, *OOM, *SLUB, *SLEEPING, *KASAN,
)  # fmt: skip
"""All kinds of log lines; the first that matches names a line's kind."""


@cache
def log_patterns() -> tuple[LinePattern, ...]:
    """Return the patterns of the log, made on first use."""
    return tuple(line_pattern(kind, template) for kind, template in LOG)


@cache
def proc_patterns(name: str) -> tuple[LinePattern, ...]:
    """Return the patterns of a file of /proc; KeyError for one that has none."""
    return tuple(line_pattern(kind, template) for kind, template in PROC[name])


@lru_cache(maxsize=20_000)
def classify(line: str) -> LinePattern | None:
    """Return the pattern of a log line, None for one that no report contains."""
    return next((one for one in log_patterns() if one.fields(line) is not None), None)


def classify_proc(name: str, line: str) -> LinePattern | None:
    """Return the pattern of a line of /proc/`name`, None for one that is not of its form."""
    return next((one for one in proc_patterns(name) if one.fields(line) is not None), None)


def normalise(line: str) -> str:
    """Return a log line with its unpredictable fields replaced by the names of their classes."""
    found = classify(line)
    return line if found is None else found.normalise(line)


def normalise_report(lines: Iterable[str]) -> list[str]:
    """Normalise a report; the frames of a stack are one unpredictable field, so they vanish."""
    return [
        normalise(line)
        for line in lines
        if (found := classify(line)) is None or found.kind != "frame"
    ]
