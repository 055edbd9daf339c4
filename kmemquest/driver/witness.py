"""A listener that keeps what went wrong in a run, with all that is known of where and why.

    witness = Witness(machine)
    unsubscribe = machine.events.subscribe(witness)
    ...
    witness.findings

Reports of the kernel and those that only the simulator knows of become `Finding`s. A report may
come long after the deed; its finding names the earlier one that it follows from, if one is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kmemquest.driver.c_types import FunctionType, PointerType
from kmemquest.kernel.address import PAGE_SIZE
from kmemquest.kernel.events import CallMade, CallReturned, Event, Report

if TYPE_CHECKING:
    from kmemquest.driver.module_image import Module
    from kmemquest.kernel.context import Frame
    from kmemquest.kernel.machine import Machine

WORD_RESULTS: Final = (
    "__get_free_pages", "get_zeroed_page", "kmem_cache_alloc_bulk", "alloc_pages_bulk_array",
    "gen_pool_alloc",
)  # fmt: skip
"""Functions that give something, or 0 when there is nothing, and return no pointer."""
ERROR_POINTERS: Final = (1 << 64) - 4096
NULL_REACH: Final = 1 << 20
"""A NULL pointer to something large is dereferenced at most so far from zero, in bytes."""
POINTER_FAULTS: Final = (
    "null-dereference", "page-fault", "user-pointer-dereference", "general-protection-fault",
)  # fmt: skip
SURFACED: Final = (
    "object-given-twice", "object-from-damaged-freelist", "general-protection-fault", "page-fault",
    "slab-corruption", "bad-page", "warning", "kernel-bug", "list-corruption", "soft-lockup",
)  # fmt: skip
"""Kinds that mostly show damage done before."""
DEEDS: Final = (
    "slab-use-after-free", "slab-out-of-bounds", "page-use-after-free", "page-out-of-bounds",
    "vmalloc-out-of-bounds", "double-free", "invalid-free", "free-size-mismatch",
)  # fmt: skip
"""Kinds that damage what others trip over."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that went wrong.

    `site` is the statement that did it, None when only the kernel ran; `sites` are the others,
    each with a word for its role: allocated, freed, freed-first, mapped, unmapped, unchecked (the
    allocation whose failure nobody looked at), surfaced (where the kernel noticed). `step` counts
    the steps of the script from 0; `call` is the kernel function that was being called.
    """

    report: Report
    kind: str
    site: Frame | None
    sites: tuple[tuple[str, Frame], ...]
    context: str
    step: int
    call: str = ""

    @property
    def key(self) -> tuple[str, str, int]:
        """What makes it the same finding in another run of the same driver."""
        site = self.site
        return self.kind, site.function if site else "", site.line if site else 0


@dataclass(slots=True)
class _Call:
    function: str
    site: Frame | None
    arguments: tuple[int, ...]


class Witness:
    """Collects the findings of one machine."""

    def __init__(self, machine: Machine, module: Module | None = None) -> None:
        self._machine = machine
        self._givers = {*WORD_RESULTS, *_pointer_functions(module)}
        self.findings: list[Finding] = []
        self.step = 0
        """Set by whoever performs the script."""
        self.failed_calls: list[tuple[str, Frame | None, int]] = []
        """Allocating calls that gave nothing: (function, statement, result)."""
        self.failing_call = ""
        """The kernel function in which a sweep's failure fell."""
        self.failing_call_failed = False
        """Whether that function gave nothing, or an error, to the driver."""
        self._open: list[_Call] = []
        self._failing: _Call | None = None

    def failure_injected(self) -> None:
        """A request was made to fail just now."""
        if self._open:
            self._failing = self._open[-1]
            self.failing_call = self._failing.function

    def __call__(self, event: Event) -> None:
        """Take an event of the stream."""
        if isinstance(event, CallMade):
            self._open.append(_Call(event.function, event.site, event.arguments))
        elif isinstance(event, CallReturned):
            self._returned(event)
        elif isinstance(event, Report):
            self.findings.append(self._finding(event))

    @property
    def call_is_open(self) -> bool:
        """Whether the call in which the failure fell never came back."""
        return self._failing is not None

    @property
    def call(self) -> str:
        """The kernel function that the driver is in, empty outside."""
        context = self._machine.context
        self._forget_unwound(context.site)
        return self._open[-1].function if self._open else ""

    def _returned(self, event: CallReturned) -> None:
        call = None
        while self._open:
            call = self._open.pop()
            if call.function == event.function:
                break
        gave_nothing = event.result >= ERROR_POINTERS or (
            not event.result and event.function in self._givers
        )
        if gave_nothing:
            self.failed_calls.append((event.function, event.site, event.result))
        if call is not None and call is self._failing:
            self.failing_call_failed, self._failing = gave_nothing, None

    def _forget_unwound(self, site: Frame | None) -> None:
        # A call that ended in an oops never returns.
        while self._open and site is None:
            self._open.pop()

    # --- findings -------------------------------------------------------------------------------

    def _finding(self, report: Report) -> Finding:
        site, sites = report.site, list(report.related or self._history_of(report))
        kind = report.kind
        if kind in POINTER_FAULTS and _is_nothing(report.address) and self.failed_calls:
            unchecked = self.failed_calls[-1][1]
            if unchecked is not None:
                sites.append(("unchecked", unchecked))
        if kind in SURFACED and not any(role == "unchecked" for role, _ in sites):
            deed = self._deed_before(report)
            if deed is not None and site is not None:
                sites = [*deed.sites, ("surfaced", site)]
                site = deed.site
        return Finding(
            report, kind, site, tuple(sites), self._machine.context.kind, self.step, self.call
        )

    def _history_of(self, report: Report) -> tuple[tuple[str, Frame], ...]:
        shadow = self._machine.checks.shadow
        address = report.address
        if not address and report.kind in DEEDS and self._open and self._open[-1].arguments:
            address = self._open[-1].arguments[0]
        past = self._machine.checks.book.last_release("pages", address)
        if past is not None and report.kind == "double-free":
            pair = (("allocated", past[0].site), ("freed-first", past[1]))
            return tuple((role, frame) for role, frame in pair if frame is not None)
        if shadow is None or not address:
            return ()
        life = shadow.history.around(address)
        if life is None:
            return ()
        freed = life.freed
        if report.kind == "double-free":
            freed = life.freed_before or life.freed
            named = (("allocated", life.allocated), ("freed-first", freed))
        elif report.kind == "leak":
            named = (("allocated", life.allocated), ("freed", None))
        else:
            named = (("allocated", life.allocated), ("freed", freed))
        return tuple((role, frame) for role, frame in named if frame is not None)

    def _deed_before(self, report: Report) -> Finding | None:
        """Return the earliest deed that damaged the same page, else the earliest of all."""
        deeds = [item for item in self.findings if item.kind in DEEDS and item.site is not None]
        page = report.address // PAGE_SIZE
        near = [item for item in deeds if item.report.address // PAGE_SIZE == page]
        return next(iter(near or deeds), None)


def _pointer_functions(module: Module | None) -> Iterator[str]:
    """Names of the kernel functions that a module calls and that return pointers."""
    if module is None:
        return
    for name, symbol in module.kernel_functions.items():
        ctype = symbol.type
        if isinstance(ctype, FunctionType) and isinstance(ctype.result, PointerType):
            yield name


def _is_nothing(address: int) -> bool:
    """Tell whether an address comes of a NULL or an error pointer."""
    return address < NULL_REACH or address >= ERROR_POINTERS
