"""The facts of one kind of report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of report means.

    `name` fits after "no …"; `rule` is the sentence a driver author should have known; `silently`
    is what a production kernel makes of it; `reference` is a path of the kernel's documentation
    or source, with a symbol.
    """

    name: str
    rule: str
    silently: str
    reference: str
