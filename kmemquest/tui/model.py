"""What the widgets draw: plain values and the protocols that supply them.

Widgets know these and nothing else: no event, no allocator, no YAML. The adapters in
`level_source` and `quiz_source` fill them from the level and quiz rooms; tests fill them by hand.
Every text here is already in the player's language and every kernel text is verbatim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from kmemquest.quiz.question import Question
    from kmemquest.store import Store
    from kmemquest.tui.lab_model import LabCase
    from kmemquest.tui.round_model import Round

# --- the catalogue --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LevelEntry:
    """One level as the campaign map shows it, without opening the level."""

    id: str
    number: str
    title: str
    world: str
    teaches: str
    needs: tuple[str, ...] = ()
    """Concepts (in words) that other levels teach and this one takes for granted."""
    needs_levels: tuple[str, ...] = ()
    """The ids of the levels that teach them; the map opens this level when they are passed."""
    difficulty: int = 1
    world_id: str = ""
    """The world's folder, by which its test is saved."""


# --- phase 1: reading and choosing ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Option:
    """One answer card: C text that goes into the slot."""

    id: str
    code: str


@dataclass(frozen=True, slots=True)
class Slot:
    """An open place in the driver, or a question about a run.

    `kind` is choice, fill, edit, order, predict, diagnose or driver. What is written begins with
    `start`; `takes_line` tells that a line's number is an answer too.
    """

    id: str
    prompt: str
    options: tuple[Option, ...]
    kind: str = "choice"
    start: str = ""
    takes_line: bool = False


@dataclass(frozen=True, slots=True)
class Prediction:
    """The question asked before the run: its wording and the choices as (id, label)."""

    ask: str
    choices: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class GoalText:
    """A goal in words. `rank` is 1 for what must be met, 2 and 3 for the further stars."""

    id: str
    text: str
    rank: int = 1


@dataclass(frozen=True, slots=True)
class Showing:
    """A run to be looked at before the player's turn, and what it is about in a sentence."""

    text: str
    mistake: bool = False
    """It fails; otherwise it shows how something is done."""


@dataclass(frozen=True, slots=True)
class Brief:
    """What a level says before it is tried."""

    id: str
    number: str
    title: str
    story: str
    machine: str
    goals: tuple[GoalText, ...]
    slots: tuple[Slot, ...]
    prediction: Prediction | None
    hints: tuple[str, ...]
    difficulty: int = 1
    sealed: bool = False
    """A diagnosis: the driver is shown only when what went wrong has been named."""
    checkpoint: bool = False
    shows: tuple[Showing, ...] = ()
    """The demonstrations before the player's turn."""
    folded: bool = False
    """The story is put away, and shown when it is asked for."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """A file that the player of a diagnosis is handed: `dmesg`, or one of /proc."""

    name: str
    lines: tuple[LogRow, ...]


@dataclass(frozen=True, slots=True)
class SizeQuestion:
    """“At which size does the answer change?”: the choices are values, in order."""

    text: str
    first: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SizePoint:
    """What the simulator answered at one value; `changed` where it is another answer."""

    value: str
    answer: str
    changed: bool


@dataclass(frozen=True, slots=True)
class Span:
    """Columns [start, end) of a source line that belong to a slot. `line` counts from 0."""

    slot: str
    line: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Source:
    """A driver's text with the answers written in."""

    name: str
    lines: tuple[str, ...]
    spans: tuple[Span, ...] = ()
    contexts: Mapping[int, str] = field(default_factory=dict)
    """Words beside a line (0-based), such as the context in which its function runs."""


# --- phase 2: watching ------------------------------------------------------------------------


class FrameState(IntEnum):
    """What a page frame is used for, in the numbers of `kmemquest.level.picture`."""

    HOLE = 0
    FREE = 1
    PCP = 2
    SLAB = 3
    YOURS = 4
    CACHE = 5
    VMALLOC = 6
    DMA = 7
    RESERVED = 8
    USER = 9
    KERNEL = 10
    MEMBLOCK = 11


@dataclass(frozen=True, slots=True)
class ZoneSpan:
    """The frames [start, end) of a zone."""

    name: str
    start: int
    end: int


class Frames(Protocol):
    """The page frames at one step. Asking for a stretch must cost what the stretch costs."""

    @property
    def end(self) -> int:
        """One past the last frame of the machine."""

    @property
    def spans(self) -> Sequence[ZoneSpan]:
        """The zones in address order."""

    @property
    def changed(self) -> Sequence[tuple[int, int]]:
        """Frame ranges [start, end) that the step touched."""

    def states(self, start: int, end: int) -> bytes:
        """One `FrameState` per frame of [start, end)."""

    def words(self, pfn: int) -> str:
        """All that is known of a frame, in words."""


@dataclass(frozen=True, slots=True)
class FreeLists:
    """The buddy lists of one zone: free blocks per order, and what the step changed."""

    zone: str
    counts: tuple[int, ...]
    before: tuple[int, ...] = ()
    pcp: int = 0
    """Pages on the per-CPU lists of the zone, all CPUs together."""


@dataclass(frozen=True, slots=True)
class SlabRow:
    """One slab: a cell per object, 0 free, 1 used, 2 allocated by the driver, 3 freed by it."""

    cache: str
    pfn: int
    order: int
    size: int
    cells: bytes
    changed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ZoneRow:
    """A zone's free pages against its watermarks, in pages."""

    name: str
    free: int
    low: int
    minimum: int
    high: int
    managed: int


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a plain table. `tone` is one of the style words of `portray.TONES`."""

    cells: tuple[str, ...]
    tone: str = "plain"
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a heading per column; `empty` is said when there is no row."""

    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    empty: str = ""


@dataclass(frozen=True, slots=True)
class StepWords:
    """Where the driver stands at a step. `line` counts from 1 in the source; 0 is nowhere."""

    line: int
    function: str
    context: str
    variables: tuple[tuple[str, str], ...] = ()
    happened: str = ""
    stack: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogRow:
    """A line of the kernel log, already with its time stamp. `grave` lines are reports."""

    text: str
    grave: bool = False


class Picture(Protocol):
    """The machine at one step, each part computed when it is asked for."""

    @property
    def frames(self) -> Frames: ...
    @property
    def lists(self) -> Sequence[FreeLists]: ...
    @property
    def slabs(self) -> Sequence[SlabRow]: ...
    @property
    def vmalloc(self) -> Table: ...
    @property
    def zones(self) -> Sequence[ZoneRow]: ...
    @property
    def dma(self) -> Table: ...
    @property
    def calls(self) -> Table: ...


class Play(Protocol):
    """A finished run that can be watched in both directions."""

    @property
    def source(self) -> Source: ...
    @property
    def marks(self) -> bytes:
        """One byte per step: 0 nothing happened, 1 the machine changed, 2 a report."""

    @property
    def log(self) -> Sequence[LogRow]: ...
    @property
    def verdict(self) -> Verdict: ...

    def log_length(self, step: int) -> int:
        """How many lines of `log` were printed when `step` was over."""

    def words(self, step: int) -> StepWords:
        """Where the driver stands."""

    def picture(self, step: int) -> Picture:
        """The machine when `step` was over."""

    def why(self, step: int) -> Sequence[str]:
        """The chain of events of a step, one sentence each."""


# --- phase 3: the verdict ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GoalResult:
    """Whether a goal was met, and why (not)."""

    text: str
    met: bool
    why: str = ""
    rank: int = 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run came to. `first_bad_step` is an index into the play, or None."""

    passed: bool
    stars: int
    headline: str
    goals: tuple[GoalResult, ...]
    first_bad_step: int | None = None
    first_bad: str = ""
    rule: str = ""
    prediction: str = ""
    foretold: bool | None = None
    failed: tuple[str, ...] = ()
    """The ids of the goals that were not met."""
    remark: str = ""
    """What the level says about the belief behind this answer."""
    sealed: bool = False
    """What went wrong was not named yet: the driver stays hidden."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one option really did, for the table of all options."""

    answers: Mapping[str, str]
    code: str
    passed: bool
    stars: int
    result: str
    waste: str = ""
    worst: str = ""
    notes: str = ""


class Desk(Protocol):
    """One open level."""

    round: Round | None
    """The round that the level is played in; None in the campaign."""

    @property
    def brief(self) -> Brief: ...

    def source(self, answers: Mapping[str, str]) -> Source:
        """The driver with these answers written in; an open slot stays visible."""

    def run(self, answers: Mapping[str, str], prediction: str | None) -> Play:
        """Run an attempt; blocking, safe in a thread, never raises for what a driver does."""

    def hint(self, index: int, failed: tuple[str, ...]) -> str:
        """A hint, 0..2; the first one reacts to the goals that failed last."""

    def artefacts(self) -> Sequence[Artefact]:
        """What the player of a diagnosis is handed; runs the incident, so ask in a thread."""

    def demonstrate(self, index: int) -> Play:
        """Run one of the demonstrations; blocking."""

    def size_question(self) -> SizeQuestion | None:
        """The question after the level, if it has one."""

    def size_points(self) -> Iterator[SizePoint]:
        """Run the values one by one; blocking."""

    def outcomes(self) -> Sequence[Callable[[], Outcome]]:
        """One thunk per answer to compare; each really runs it when called."""

    def debrief(self) -> str:
        """What the level wanted to teach, as Markdown-free paragraphs."""

    def references(self) -> Sequence[str]:
        """Where to read on."""

    def lab(self, answers: Mapping[str, str], slot: str = "") -> LabCase:
        """The driver with these answers, for the lab; with `slot`, as the answer to that slot."""


class Library(Protocol):
    """All levels."""

    def entries(self) -> Sequence[LevelEntry]:
        """The levels in campaign order; cheap, no level is parsed."""

    def open(self, level: str) -> Desk:
        """Open a level; raises `LevelUnavailable` with words for the player."""

    def train(self, store: Store, seed: int | None = None) -> Desk:
        """Draw a level to train with; raises `LevelUnavailable`. Blocking."""

    def sit_test(self, store: Store, world: str) -> Desk:
        """Begin or go on with a world's test; raises `LevelUnavailable`."""


class LevelUnavailable(Exception):
    """A level cannot be opened; the text says why and how to mend it."""


# --- the quiz ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of the bank and how many questions it has."""

    id: str
    title: str
    questions: int


class Trainer(Protocol):
    """The question bank."""

    def topics(self) -> Sequence[Topic]:
        """The topics in reading order."""

    def draw(self, topic: str | None, count: int, seed: int) -> Sequence[Question]:
        """`count` questions of a topic (or of all), the same for the same seed."""

    def another(self, question: Question) -> Question | None:
        """The next question of the same generator; None for a question of the bank."""

    def belief(self, name: str) -> str:
        """A misconception in words; empty if there are none for it."""

    def title(self, topic: str) -> str:
        """A topic's title."""


Phase = Literal["choose", "watch", "verdict", "debrief"]
