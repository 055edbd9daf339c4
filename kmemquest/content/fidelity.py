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


class FidelityText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row's words in another language; its figures stand in the English table alone."""

    subsystem: str
    exact: str
    modelled: str
    left_out: str


def read_fidelity(language: str = "en") -> list[Fidelity]:
    """Return the table's rows in a language."""
    rows = convert(read_yaml(assets_root() / "fidelity.yaml"), list[Fidelity])
    if language == "en":
        return rows
    words = read_yaml(assets_root() / f"fidelity.{language}.yaml")
    return [
        Fidelity(text.subsystem, row.matched, text.exact, text.modelled, text.left_out)
        for row, text in zip(rows, convert(words, list[FidelityText]), strict=True)
    ]


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
