"""How true the simulator is, as data: one source for the documents and the game."""

from __future__ import annotations

import msgspec

from kmemquest.content import assets_root
from kmemquest.content.safe_yaml import read_yaml
from kmemquest.content.shape import convert


class Fidelity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One subsystem: what is exact and proven, what is modelled, what is left out."""

    subsystem: str
    matched: str
    exact: str
    modelled: str
    left_out: str


def read_fidelity() -> list[Fidelity]:
    """Return the table's rows."""
    return convert(read_yaml(assets_root() / "fidelity.yaml"), list[Fidelity])


def markdown_table(rows: list[Fidelity]) -> str:
    """Render the rows as ARCHITECTURE.md shows them."""
    lines = [
        "| subsystem | matched | exact | modelled | left out |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.subsystem} | {row.matched} | {row.exact} | {row.modelled} | {row.left_out} |"
        for row in rows
    ]
    return "\n".join(lines)
