"""A library, a level, a play and a trainer made by hand: the screens need nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kmemquest.quiz.bank import Bank
from kmemquest.quiz.question import Option as QuizOption
from kmemquest.quiz.question import Question
from kmemquest.store import Store
from kmemquest.tui.lab_model import LabCase
from kmemquest.tui.model import (
    Artefact,
    Brief,
    Desk,
    FreeLists,
    GoalResult,
    GoalText,
    LevelEntry,
    LevelUnavailable,
    LogRow,
    Option,
    Outcome,
    Prediction,
    SizePoint,
    SizeQuestion,
    SlabRow,
    Slot,
    Source,
    Span,
    StepWords,
    Table,
    TableRow,
    Topic,
    Verdict,
    ZoneRow,
    ZoneSpan,
)
from kmemquest.tui.preferences import Preferences
from kmemquest.tui.round_model import Round
from kmemquest.tui.services import Services

DRIVER = """#include <linux/interrupt.h>
#include <linux/slab.h>

#define RX_RING 64
#define RX_LEN 2048

static void *rx[RX_RING];

/* Called by the NIC for every burst of packets. */
static irqreturn_t nic_irq(int irq, void *dev)
{
	int i;

	for (i = 0; i < RX_RING; i++) {
		rx[i] = SLOT;
		if (!rx[i])
			break;
	}
	return IRQ_HANDLED;
}

static int __init nic_init(void)
{
	return request_irq(17, nic_irq, 0, "nic", NULL);
}
module_init(nic_init);
MODULE_LICENSE("GPL");
"""
OPTIONS = {
    "kernel": "kmalloc(RX_LEN, GFP_KERNEL)",
    "atomic": "kmalloc(RX_LEN, GFP_ATOMIC)",
    "vmalloc": "vmalloc(RX_LEN)",
    "page": "(void *)__get_free_page(GFP_ATOMIC)",
}
STEPS = 24
FIRST_FRAME = 4100


class FakeFrames:
    """256 MiB in three zones; each step takes one more frame."""

    def __init__(self, step: int, end: int = 65536) -> None:
        self._step = step
        self.end = end

    @property
    def spans(self) -> Sequence[ZoneSpan]:
        return (ZoneSpan("DMA", 1, 4096), ZoneSpan("DMA32", 4096, self.end))

    @property
    def changed(self) -> Sequence[tuple[int, int]]:
        pfn = FIRST_FRAME + self._step
        return ((pfn, pfn + 1),) if self._step % 2 else ()

    def states(self, start: int, end: int) -> bytes:
        taken = FIRST_FRAME + self._step
        return bytes(
            4
            if FIRST_FRAME <= pfn <= taken and (pfn - FIRST_FRAME) % 2
            else 8
            if pfn < 160
            else 3
            if pfn % 97 < 9
            else 5
            if pfn % 31 < 7
            else 1
            for pfn in range(start, end)
        )

    def words(self, pfn: int) -> str:
        return f"frame 0x{pfn:05x}: slab kmalloc-2k, order 3"


class FakePicture:
    def __init__(self, step: int) -> None:
        self._step = step

    @property
    def frames(self) -> FakeFrames:
        return FakeFrames(self._step)

    @property
    def lists(self) -> Sequence[FreeLists]:
        now = (3, 1, max(0, 2 - self._step), 1, 0, 2, 1, 1, 0, 1, 57)
        before = (3, 1, max(0, 3 - self._step), 1, 0, 2, 1, 1, 0, 1, 57)
        return (FreeLists("DMA", (0,) * 10 + (3,)), FreeLists("DMA32", now, before, pcp=63))

    @property
    def slabs(self) -> Sequence[SlabRow]:
        used = min(8, 1 + self._step // 2)
        return (
            SlabRow(
                "kmalloc-2k", 0x2690, 3, 2048, bytes([2] * used + [0] * (8 - used)), (used - 1,)
            ),
        )

    @property
    def vmalloc(self) -> Table:
        return Table(("start", "size", "kind"), (), "no areas yet")

    @property
    def zones(self) -> Sequence[ZoneRow]:
        return (
            ZoneRow("DMA", 3840, 40, 32, 48, 3840),
            ZoneRow("DMA32", 900 - self._step, 1100, 880, 1320, 61000),
        )

    @property
    def dma(self) -> Table:
        return Table(("device", "handle", "size"), (), "no mapping yet")

    @property
    def calls(self) -> Table:
        rows = [
            TableRow(("kmalloc", "2048, GFP_ATOMIC", "0xffff888002690000", "62 ns"))
            for _ in range(self._step // 2)
        ]
        return Table(("call", "arguments", "result", "cost"), tuple(rows), "no call yet")


class FakePlay:
    def __init__(self, source: Source, passed: bool) -> None:
        self.source = source
        self._passed = passed

    @property
    def marks(self) -> bytes:
        marks = bytearray(step % 2 for step in range(STEPS))
        if not self._passed:
            marks[5] = 2
        return bytes(marks)

    @property
    def log(self) -> Sequence[LogRow]:
        lines = [LogRow("[    2.101000] nic: loading out-of-tree module taints kernel.")]
        if not self._passed:
            lines.append(
                LogRow(
                    "[    2.104233] BUG: sleeping function called from invalid context at "
                    "include/linux/sched/mm.h:321",
                    grave=True,
                )
            )
        return lines

    def log_length(self, step: int) -> int:
        return len(self.log) if step >= 5 else min(1, step)

    def words(self, step: int) -> StepWords:
        return StepWords(
            14 + step % 4,
            "nic_irq",
            "hardirq · irq 17 · no locks",
            (("i", str(step // 4)), ("rx[i]", "0xffff888002690000")),
            "kmalloc-2k: object 3 handed out" if step % 2 else "",
            ("nic_irq", "handle_irq_event"),
        )

    def picture(self, step: int) -> FakePicture:
        return FakePicture(step)

    def why(self, step: int) -> Sequence[str]:
        return ("kmalloc(2048) asks the cache kmalloc-2k", "the slab has a free object")

    @property
    def verdict(self) -> Verdict:
        goals = (
            GoalResult("all 64 allocations succeed", True),
            GoalResult("nothing sleeps in atomic context", self._passed, "line 15 slept"),
            GoalResult("waste below 25 %", self._passed, "", 2),
        )
        if self._passed:
            return Verdict(
                True, 2, "Passed.", goals, prediction="hardirq, as you said", foretold=True
            )
        return Verdict(
            False,
            0,
            "Not yet: something slept in atomic context.",
            goals,
            5,
            "line 15, kmalloc(RX_LEN, GFP_KERNEL) in hardirq (irq 17)",
            "GFP_KERNEL may sleep to reclaim memory; an interrupt handler may not.",
            failed=("no-sleep",),
        )


class FakeDesk:
    def __init__(self, level: str, number: str, round_: Round | None = None) -> None:
        self.round = round_
        self.brief = Brief(
            level,
            number,
            "RX ring refill",
            "The NIC raises IRQ 17 at line rate. Its handler refills 64 buffers of 2,048 bytes. "
            "Nothing may sleep here, and the ring must never run dry.",
            "256 MiB · 1 CPU · 2.1 s uptime",
            (
                GoalText("all", "all 64 allocations succeed"),
                GoalText("no-sleep", "nothing sleeps in atomic context"),
                GoalText("no-leak", "no leak after rmmod"),
                GoalText("two", "waste < 25 %", 2),
                GoalText("three", "waste < 5 %", 3),
            ),
            (Slot("alloc", "", tuple(Option(key, code) for key, code in OPTIONS.items())),),
            Prediction(
                "in which context does line 15 run?",
                (("process", "process"), ("softirq", "softirq"), ("hardirq", "hardirq")),
            ),
            ("Look at who calls nic_irq.", "May it sleep?", "GFP_ATOMIC never sleeps."),
            2,
        )

    def source(self, answers: Mapping[str, str]) -> Source:
        code = OPTIONS.get(answers.get("alloc", ""), "▒▒▒▒▒▒")
        lines = DRIVER.replace("SLOT", code).splitlines()
        line = next(number for number, text in enumerate(lines) if "rx[i] =" in text)
        start = lines[line].index(code)
        return Source(
            "driver.c",
            tuple(lines),
            (Span("alloc", line, start, start + len(code)),),
            {9: "hardirq"},
        )

    def run(self, answers: Mapping[str, str], prediction: str | None) -> FakePlay:
        return FakePlay(self.source(answers), answers.get("alloc") in ("atomic", "page"))

    def outcomes(self) -> Sequence[Callable[[], Outcome]]:
        def outcome(key: str) -> Callable[[], Outcome]:
            passed = key in ("atomic", "page")
            return lambda: Outcome(
                {"alloc": key},
                OPTIONS[key],
                passed,
                {"atomic": 3, "page": 1}.get(key, 0),
                "ok" if passed else "sleeps in atomic context",
                "50 %" if key == "page" else "0 %",
                "0.4 µs" if passed else "",
                "half of every page unused" if key == "page" else "",
            )

        return [outcome(key) for key in OPTIONS]

    def hint(self, index: int, failed: tuple[str, ...]) -> str:
        return self.brief.hints[index]

    def artefacts(self) -> Sequence[Artefact]:
        return ()

    def demonstrate(self, index: int) -> FakePlay:
        return FakePlay(self.source({}), passed=False)

    def size_question(self) -> SizeQuestion | None:
        return None

    def size_points(self) -> Iterator[SizePoint]:
        yield from ()

    def debrief(self) -> str:
        return "An interrupt handler must not sleep.\n\nGFP_ATOMIC dips into the reserves instead."

    def references(self) -> Sequence[str]:
        return ("core-api/memory-allocation",)

    def lab(self, answers: Mapping[str, str], slot: str = "") -> LabCase:
        text = "\n".join(self.source(answers).lines) + "\n"
        draft = f"level:{self.brief.id}"
        return LabCase(draft, self.brief.title, text, level=self.brief.id, slot=slot)


@dataclass
class FakeLibrary:
    broken: str = ""

    def entries(self) -> Sequence[LevelEntry]:
        return (
            LevelEntry(
                "first", "1·1", "First light", "World 1: the shop of small things", "kmalloc"
            ),
            LevelEntry(
                "rx-ring",
                "2·3",
                "RX ring refill",
                "World 2: interrupts",
                "GFP_ATOMIC",
                ("kmalloc",),
                ("first",),
                2,
            ),
        )

    def open(self, level: str) -> Desk:
        if level == self.broken:
            raise LevelUnavailable("rx.yaml:3:1: unknown key 'goal', did you mean 'goals'?")
        return FakeDesk(level, "1·1")

    def train(self, store: Store, seed: int | None = None) -> Desk:
        raise LevelUnavailable("pass a level first")

    def sit_test(self, store: Store, world: str) -> Desk:
        raise LevelUnavailable("there is no such world")


class FakeTrainer:
    def __init__(self) -> None:
        self.bank = Bank(Path("no-such-folder"))

    def topics(self) -> Sequence[Topic]:
        return (Topic("gfp", "GFP flags", 2),)

    def title(self, topic: str) -> str:
        return "GFP flags"

    def belief(self, name: str) -> str:
        return ""

    def another(self, question: Question) -> Question | None:
        return None

    def draw(self, topic: str | None, count: int, seed: int) -> Sequence[Question]:
        options = (
            QuizOption("yes", "It may sleep.", "Right: it may reclaim.", True),
            QuizOption("no", "It never sleeps.", "That is GFP_ATOMIC.", False),
        )
        source = ("gfp.h",)
        return (
            Question(
                "q1", "gfp", "single", 1, "What about GFP_KERNEL?", options, "See gfp.", source
            ),
            Question("q2", "gfp", "multiple", 2, "Which are true?", options, "See gfp.", source),
            Question(
                "q3", "gfp", "numeric", 2, "kmalloc(100) gives?", (), "128.", source, number=128
            ),
        )


def services(store: Store | None = None, **preferences: str) -> Services:
    """Fake suppliers; settings by keyword."""
    chosen = Preferences(**{"motion": "none", **preferences})
    return Services(store or Store.in_memory(), chosen, FakeLibrary, FakeTrainer)
