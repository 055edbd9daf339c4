"""The level file, format_version 1: what an author may write, and nothing else.

Text that players read is not here: it lies beside the level, one file per language
(`<id>.en.yaml`, `<id>.zh_CN.yaml`), in the shape of `LevelText`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from kmemquest.kernel.spec import Checkers, MachineSpec, RamRange, parse_size

Id: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9-]*$", max_length=60)]
Name: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_-]*$", max_length=40)]
Size: TypeAlias = Annotated[int, msgspec.Meta(ge=0)] | str
CheckerName: TypeAlias = Literal[
    "kasan", "atomic-sleep", "kmemleak", "dma-debug", "lockdep", "debug-vm"
]
ProcFile: TypeAlias = Literal[
    "buddyinfo", "slabinfo", "zoneinfo", "vmallocinfo", "meminfo", "iomem", "pagetypeinfo"
]
Code: TypeAlias = Annotated[str, msgspec.Meta(max_length=4000)]


WRITTEN: Final = ("fill", "edit", "driver")
"""Kinds of slots that the player fills with C of his own."""
MAX_DRIVER: Final = 64_000
"""Characters of a level's driver, and of a player's answer that replaces all of it."""


class RamModel(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A range of RAM: `base` and `size` in bytes (or `4K`, `16M`), on a node."""

    base: Size
    size: Size
    node: Annotated[int, msgspec.Meta(ge=0, le=7)] = 0


class ProcessModel(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A user task that holds `resident` bytes and that the OOM killer may choose."""

    comm: Annotated[str, msgspec.Meta(min_length=1, max_length=15)]
    resident: Size
    oom_score_adj: Annotated[int, msgspec.Meta(ge=-1000, le=1000)] = 0


class HistoryModel(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What the machine has been through before the driver comes; it is run, not drawn."""

    seed: Annotated[int, msgspec.Meta(ge=0)] = 1
    uptime: Literal["fresh", "worn", "fragmented"] = "fresh"


class MachineModel(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The machine to boot."""

    ram: Size = "256M"
    cpus: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    nodes: Annotated[int, msgspec.Meta(ge=1, le=8)] = 1
    map: list[RamModel] = []
    checkers: str | list[CheckerName] = "debug"
    options: list[str] = []
    page_cache: Size = 0
    processes: list[ProcessModel] = []
    history: HistoryModel = HistoryModel()
    seed: Annotated[int, msgspec.Meta(ge=0)] = 1

    def checker_set(self) -> Checkers:
        """Return the checkers: a preset by its word, or just those of the list."""
        if isinstance(self.checkers, str):
            return Checkers.preset(self.checkers)
        chosen = {name.replace("-", "_"): True for name in self.checkers}
        return Checkers(**chosen)  # type: ignore[arg-type]

    def spec(self) -> MachineSpec:
        """Return the kernel's spec; ValueError tells which word is wrong."""
        return MachineSpec(
            ram=to_bytes(self.ram),
            cpus=self.cpus,
            nodes=self.nodes,
            map=tuple(RamRange(to_bytes(r.base), to_bytes(r.size), r.node) for r in self.map),
            options=tuple(self.options),
            checkers=self.checker_set(),
            page_cache=to_bytes(self.page_cache),
            processes=tuple(
                (p.comm, to_bytes(p.resident), p.oom_score_adj) for p in self.processes
            ),
            seed=self.seed,
        )


class Edit(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One place of a driver written anew: `find` stands in it exactly once; `put` replaces it."""

    find: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]
    put: Code


class Slot(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An open place of the driver.

    `choice`: one of `options`, C text put in the place of the marker. `fill`, `edit`: the player
    writes C (one line, many lines); `options` are then samples that the checker runs. `order`: a
    permutation of `options`, all of which are put in. `predict`: nothing is put in; the answer
    is compared with what `probe` computes from the player's own run. `diagnose`: the same, but
    `probe` looks at the incident, the run of the driver as it stands. `empty` is put in while
    nothing is answered. `driver`: the player mends the whole driver, in the lab; it has no marker,
    and its samples are `edits` of the driver that the level begins with.
    """

    kind: Literal["choice", "fill", "edit", "order", "predict", "diagnose", "driver"]
    options: Annotated[dict[Name, Code], msgspec.Meta(min_length=2)] = {}
    empty: Code = "0"
    probe: str | dict[str, Any] | None = None
    edits: dict[Name, Annotated[list[Edit], msgspec.Meta(min_length=1, max_length=40)]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all sample answers."""
        return (*self.options, *self.edits)


class Goal(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Something that must be so; `require` names a predicate of the closed list."""

    id: Id
    require: str | dict[str, Any]


class Forbid(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Something that must never happen."""

    id: Id
    never: str | dict[str, Any]


class Stars(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What the second and the third star ask for; one star is for passing."""

    two: str | dict[str, Any]
    three: str | dict[str, Any]


class Predict(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A question asked before the run and answered by it; `ask` names a probe."""

    ask: str | dict[str, Any]
    of: Annotated[list[str], msgspec.Meta(min_length=2, max_length=8)]


class Wrong(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A wrong answer, the goal that it fails, and the belief behind it."""

    answers: Annotated[dict[Name, str], msgspec.Meta(min_length=1)]
    fails: Id
    misconception: Id


class Hint(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """When a hint opens: after a failed goal (`on`, one or several) or so many attempts."""

    on: Id | list[Id] | None = None
    after: Annotated[int, msgspec.Meta(ge=0, le=9)] = 0
    reveals: Name | None = None


class Show(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A run that the engine demonstrates before the player's turn.

    Without a `driver` it is the level's own with these answers; with one it is a worked example,
    run through `script` (or the level's). `fails` names the goal that the level's own driver
    fails here; without it the run must be clean.
    """

    answers: dict[Name, str] = {}
    driver: Annotated[str, msgspec.Meta(max_length=64_000)] = ""
    script: Annotated[list[str | dict[str, Any]], msgspec.Meta(max_length=200)] = []
    fails: Id | None = None


class Sweep(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """“At which value does the answer change?”: `constant`, a #define of the driver, goes through
    `values` in this order; `probe` answers each run; `answers` default to the solution's.
    """

    constant: Annotated[str, msgspec.Meta(pattern="^[A-Za-z_][A-Za-z0-9_]*$", max_length=60)]
    values: Annotated[list[Size], msgspec.Meta(min_length=2, max_length=24)]
    probe: str | dict[str, Any]
    answers: dict[Name, str] = {}


class LevelFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One level."""

    format_version: Literal[1]
    id: Id
    teaches: Id | None
    uses: list[Id]
    difficulty: Annotated[int, msgspec.Meta(ge=1, le=5)]
    driver: Annotated[str, msgspec.Meta(max_length=MAX_DRIVER)]
    slots: Annotated[dict[Name, Slot], msgspec.Meta(min_length=1)]
    script: Annotated[list[str | dict[str, Any]], msgspec.Meta(min_length=1, max_length=200)]
    predict: Predict
    stars: Stars
    refs: Annotated[list[str], msgspec.Meta(min_length=1)]
    goals: list[Goal] = []
    solution: dict[Name, str] = {}
    wrong: Annotated[list[Wrong], msgspec.Meta(max_length=60)] = []
    hints: Annotated[list[Hint], msgspec.Meta(max_length=3)] = []
    machine: MachineModel = MachineModel()
    builtin: bool = False
    forbid: list[Forbid] = []
    minutes: Annotated[int, msgspec.Meta(ge=1, le=60)] = 5
    checkpoint: bool = False
    """The mixed test that ends a world: teaches nothing new, and has no hints."""
    shows: Annotated[list[Show], msgspec.Meta(max_length=4)] = []
    sweep: Sweep | None = None
    artefacts: Annotated[list[ProcFile], msgspec.Meta(max_length=7)] = []
    """Files of /proc that a player of a diagnosis is handed, beside the log."""
    student: bool = False
    """Exported for students: without solution, wrong answers, debrief and revealing hints."""


class LevelText(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What the player reads of a level, in one language; paragraphs are parted by empty lines."""

    title: Annotated[str, msgspec.Meta(min_length=2, max_length=60)]
    story: Annotated[str, msgspec.Meta(min_length=20, max_length=1500)]
    hints: Annotated[list[str], msgspec.Meta(max_length=3)] = []
    wrong: list[str] = []
    debrief: Annotated[str, msgspec.Meta(max_length=4000)] = ""
    options: dict[Name, dict[Name, str]] = {}
    ask: str = ""
    asks: dict[Name, str] = {}
    """Slot -> the question above it, for predict and diagnose slots; else that of its probe."""
    reactions: dict[Id, str] = {}
    """Goal -> what the first hint says when this goal was the one that failed first."""
    shows: Annotated[list[str], msgspec.Meta(max_length=4)] = []
    sweep: str = ""


class World(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One world of the campaign: a folder of `levels/` and the order of its levels."""

    folder: Id
    levels: list[Id]


class CampaignFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The order of worlds and levels (`levels/campaign.yaml`)."""

    format_version: Literal[1]
    worlds: list[World]


class WorldText(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Title of a world and one sentence about it."""

    title: str
    about: str


class CampaignText(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What the player reads on the map: worlds, and the names of concepts."""

    worlds: dict[Id, WorldText]
    concepts: dict[Id, str]


def apply_edits(driver: str, edits: Sequence[Edit]) -> str:
    """Return the driver with every place written anew; a place not found is left out."""
    for edit in edits:
        driver = driver.replace(edit.find, edit.put, 1)
    return driver


def to_bytes(size: int | str) -> int:
    """Return bytes for `4096` or `"16M"`; ValueError tells what was expected."""
    return size if isinstance(size, int) else parse_size(size)
