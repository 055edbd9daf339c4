"""What level and text files must hold beyond their shape: completeness, demonstrations, sweeps."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from kmemquest.content.problem import Problem, did_you_mean
from kmemquest.content.safe_yaml import Document, YamlPath
from kmemquest.level.diagnose import NAMED, named_answer_problem, plain_line, takes_a_line
from kmemquest.level.model import LevelFile, LevelText, Slot, to_bytes
from kmemquest.level.source import define_of, substitute

WRONG_ANSWERS: Final = 2
HINTS: Final = 3
DEBRIEF: Final = 40
"""Least characters of a debrief."""
TELLING_NAMES: Final = frozenset(
    ("right", "wrong", "correct", "incorrect", "solution", "answer", "good", "bad", "best", "true",
     "false", "ok", "broken")
)  # fmt: skip
"""Names of options that would give the answer away: players and scripts see them."""
_CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")


def completeness(document: Document, model: LevelFile) -> list[Problem]:
    """Tell what is missing, or must not be there: a level, a checkpoint, a student's copy."""
    problems = needed_to_run(document, model)
    problems += _student(document, model) if model.student else _full(document, model)
    if model.checkpoint:
        if model.teaches is not None:
            hint = "a checkpoint mixes what its world has taught: write teaches: null"
            problems.append(
                document.problem(("teaches",), "a checkpoint teaches nothing new", hint)
            )
        if model.hints:
            hint = "write hints: []"
            problems.append(document.problem(("hints",), "a checkpoint has no hints", hint))
        if model.shows:
            hint = "remove shows"
            problems.append(document.problem(("shows",), "a checkpoint demonstrates nothing", hint))
    if model.teaches is not None and model.teaches in model.uses:
        message = f"{model.teaches!r} is both taught and used"
        problems.append(document.problem(("uses",), message, "take it out of uses"))
    for word in dict.fromkeys(model.uses):
        if model.uses.count(word) > 1:
            problems.append(document.problem(("uses",), f"{word!r} is there twice", "keep one"))
    for name, slot in model.slots.items():
        problems += _slot(document, name, slot)
    return problems


def needed_to_run(document: Document, model: LevelFile) -> list[Problem]:
    """Tell what is missing without which a level cannot be run, however unfinished it is."""
    problems = []
    if not model.solution and not model.student:
        hint = "add solution: {SLOT: OPTION}"
        problems.append(document.problem(("solution",), "the key 'solution' is missing", hint))
    named = any(slot.kind in NAMED for slot in model.slots.values())
    if not model.goals and not model.forbid and not named:
        problems.append(
            document.problem(
                ("goals",), "a level needs a goal", "e.g. {id: clean, require: no-report}"
            )
        )
    for name, slot in model.slots.items():
        if slot.kind in NAMED and takes_a_line(slot):
            for option, text in slot.options.items():
                problems += _line_option(document, name, option, text, _as_it_stands(model))
    return problems


def _full(document: Document, model: LevelFile) -> list[Problem]:
    problems = []
    if len(model.wrong) < WRONG_ANSWERS:
        message = f"expected at least {WRONG_ANSWERS} wrong answers, found {len(model.wrong)}"
        hint = "add wrong: - {answers: …, fails: GOAL, misconception: BELIEF}"
        problems.append(document.problem(("wrong",), message, hint))
    if len(model.hints) != HINTS and not model.checkpoint:
        message = f"expected {HINTS} hints, found {len(model.hints)}"
        hint = "only a checkpoint (checkpoint: true) has none"
        problems.append(document.problem(("hints",), message, hint))
    return problems


def _student(document: Document, model: LevelFile) -> list[Problem]:
    problems = []
    for key, there in (("solution", model.solution), ("wrong", model.wrong)):
        if there:
            message = f"a student's copy must not hold {key!r}"
            hint = "export it anew with kmemquest pack export --student"
            problems.append(document.problem((key,), message, hint, key=True))
    for index, shown in enumerate(model.hints):
        if shown.reveals is not None:
            message = "a student's copy must not hold a hint that reveals a slot"
            problems.append(document.problem(("hints", index), message, "remove the hint"))
    return problems


def _slot(document: Document, name: str, slot: Slot) -> list[Problem]:
    problems = []
    for option in slot.names:
        if option in TELLING_NAMES:
            key = "edits" if option in slot.edits else "options"
            problems.append(
                document.problem(
                    ("slots", name, key, option),
                    f"the name {option!r} tells players whether the option is right",
                    "name it after what it does",
                    key=True,
                )
            )
    texts = [plain_line(text) for text in slot.options.values()]
    for option, text in slot.options.items():
        if texts.count(plain_line(text)) > 1 and slot.kind in ("choice", *NAMED):
            message = f"another option of slot {name!r} holds the same text"
            problems.append(
                document.problem(("slots", name, "options", option), message, "keep one")
            )
    return problems


def _as_it_stands(model: LevelFile) -> str:
    """Return the driver of the incident: every open place holds its `empty` text."""
    empty = {name: slot.empty for name, slot in model.slots.items() if slot.kind not in NAMED}
    return substitute(model.driver, empty).text


def _line_option(
    document: Document, name: str, option: str, text: str, driver: str
) -> list[Problem]:
    """A line of the driver is named by its text, which must stand there exactly once."""
    lines = [plain_line(line) for line in driver.split("\n")]
    found = lines.count(plain_line(text))
    if found == 1:
        return []
    place = "is no line of the driver" if not found else f"stands in {found} lines of the driver"
    hint = "copy a whole line that stands there once"
    at: YamlPath = ("slots", name, "options", option)
    return [document.problem(at, f"{text.strip()!r} {place}", hint)]


def answer_problem(name: str, slot: Slot, answer: str) -> tuple[str, str]:
    """Return what is wrong with an answer of a level file, and a hint; empty when nothing is."""
    if slot.kind in NAMED:
        problem = named_answer_problem(name, slot, answer)
        message, _, hint = problem.partition("; ")
        return message, hint
    if slot.kind == "choice" and answer not in slot.options:
        return f"slot {name!r} has no option {answer!r}", did_you_mean(answer, slot.options)
    if slot.kind == "driver" and answer not in slot.edits:
        return f"slot {name!r} has no edits {answer!r}", did_you_mean(answer, slot.edits)
    if slot.kind == "order":
        words = [word.strip() for word in answer.split(",")]
        if sorted(words) != sorted(slot.options):
            expected = ",".join(slot.options)
            return f"slot {name!r} needs every option once", f"e.g. {expected!r}"
    return "", ""


def show_problems(document: Document, model: LevelFile, goals: Sequence[str]) -> list[Problem]:
    """Check the demonstrations' form; that they run as claimed is the checker's."""
    from kmemquest.level.script_words import check_step

    problems = []
    known = [*goals, "survives"]
    for index, show in enumerate(model.shows):
        at: YamlPath = ("shows", index)
        for name, answer in show.answers.items():
            if name not in model.slots:
                hint = did_you_mean(name, model.slots)
                message = f"unknown slot {name!r}"
                problems.append(document.problem((*at, "answers", name), message, hint, key=True))
                continue
            message, hint = answer_problem(name, model.slots[name], answer)
            if message:
                problems.append(document.problem((*at, "answers", name), message, hint))
        if show.driver and show.answers:
            hint = "a worked example has no open places: write its answers into it"
            problems.append(document.problem(at, "both driver and answers", hint))
        if not show.driver and not show.answers:
            hint = "add answers: {SLOT: OPTION}, or a driver of its own"
            problems.append(document.problem(at, "there is nothing to show", hint))
        if show.driver and show.fails is not None:
            hint = "goals belong to the level's own driver"
            problems.append(
                document.problem((*at, "fails"), "a worked example fails no goal", hint)
            )
        if show.fails is not None and show.fails not in known:
            hint = did_you_mean(show.fails, known)
            message = f"no goal is called {show.fails!r}"
            problems.append(document.problem((*at, "fails"), message, hint))
        if not show.driver and model.solution and show.answers == model.solution:
            hint = "show it on a driver of its own, or leave one slot open"
            problems.append(document.problem(at, "this gives the solution away", hint))
        for number, step in enumerate(show.script):
            message = check_step(step)
            if message:
                problems.append(document.problem((*at, "script", number), message))
    return problems


def sweep_problems(document: Document, model: LevelFile) -> list[Problem]:
    """Check a sweep's form: a constant that the driver defines once, and values that differ."""
    sweep = model.sweep
    if sweep is None:
        return []
    problems = []
    found = len(define_of(sweep.constant).findall(model.driver))
    if found != 1:
        message = f"the driver defines {sweep.constant} {found} times"
        hint = f"expected one line: #define {sweep.constant} 64"
        problems.append(document.problem(("sweep", "constant"), message, hint))
    seen: list[int] = []
    for index, value in enumerate(sweep.values):
        try:
            number = to_bytes(value)
        except ValueError as error:
            problems.append(document.problem(("sweep", "values", index), str(error)))
            continue
        if number in seen:
            message = f"the value {value} is there twice"
            problems.append(document.problem(("sweep", "values", index), message, "keep one"))
        seen.append(number)
    for name, answer in sweep.answers.items():
        if name not in model.slots:
            hint = did_you_mean(name, model.slots)
            message = f"unknown slot {name!r}"
            problems.append(document.problem(("sweep", "answers", name), message, hint, key=True))
            continue
        message, hint = answer_problem(name, model.slots[name], answer)
        if message:
            problems.append(document.problem(("sweep", "answers", name), message, hint))
    if model.student and not sweep.answers:
        message = "a student's copy must say with which answers its sweep runs"
        problems.append(document.problem(("sweep",), message, "export it anew"))
    return problems


# --- texts ----------------------------------------------------------------------------------


def text_problems(document: Document, text: LevelText, model: LevelFile) -> list[Problem]:
    """Hold a text file against its level: everything told, and nothing that is not there."""
    problems = []
    pairs = (
        ("wrong", len(text.wrong), len(model.wrong), "wrong answers", "one explanation for each"),
        ("hints", len(text.hints), len(model.hints), "hints", "one text for each"),
        ("shows", len(text.shows), len(model.shows), "demonstrations", "one sentence for each"),
    )
    for key, mine, there, what, hint in pairs:
        if mine != there:
            message = f"the level has {there} {what}, this file {mine}"
            problems.append(document.problem((key,), message, f"write {hint}"))
    if len(text.debrief) < DEBRIEF and not model.student:
        message = f"expected a debrief of at least {DEBRIEF} characters, found {len(text.debrief)}"
        hint = "tell what each option did, and why"
        problems.append(document.problem(("debrief",), message, hint))
    problems += _labels(document, text, model)
    goals = [g.id for g in model.goals] + [f.id for f in model.forbid] + list(model.slots)
    for goal in text.reactions:
        if goal not in (*goals, "survives"):
            hint = did_you_mean(goal, goals)
            message = f"no goal is called {goal!r}"
            problems.append(document.problem(("reactions", goal), message, hint, key=True))
    if text.reactions and not (model.hints and model.hints[0].on is not None):
        hint = "write hints: - {on: [GOAL, …]} in the level"
        problems.append(
            document.problem(("reactions",), "the first hint does not react to a goal", hint)
        )
    for slot in text.asks:
        if slot not in model.slots or model.slots[slot].kind not in NAMED:
            known = [name for name, each in model.slots.items() if each.kind in NAMED]
            message = f"{slot!r} is no predict or diagnose slot"
            problems.append(
                document.problem(("asks", slot), message, did_you_mean(slot, known), key=True)
            )
    if text.sweep and model.sweep is None:
        problems.append(document.problem(("sweep",), "the level has no sweep", "remove it"))
    return problems


def _labels(document: Document, text: LevelText, model: LevelFile) -> list[Problem]:
    problems = []
    for slot, labels in text.options.items():
        if slot not in model.slots:
            hint = did_you_mean(slot, model.slots)
            problems.append(
                document.problem(("options", slot), f"unknown slot {slot!r}", hint, key=True)
            )
            continue
        for option in labels:
            if option not in model.slots[slot].names:
                hint = did_you_mean(option, model.slots[slot].names)
                message = f"slot {slot!r} has no option {option!r}"
                problems.append(
                    document.problem(("options", slot, option), message, hint, key=True)
                )
    return problems


def translation_problems(
    texts: Mapping[str, LevelText], documents: Mapping[str, Document]
) -> list[Problem]:
    """Every language must say as much as the first, and Chinese must be Chinese."""
    if not texts:
        return []
    problems = []
    first_lang, first = next(iter(texts.items()))
    for lang, text in texts.items():
        document = documents[lang]
        for key in ("ask", "sweep", "options", "asks", "reactions"):
            theirs, mine = _keys(first, key), _keys(text, key)
            for path in sorted(theirs - mine):
                named = ".".join(path)
                hint = f"{first_lang} has it"
                problems.append(document.problem(path, f"{named} is not translated", hint))
            for path in sorted(mine - theirs):
                named = ".".join(path)
                hint = "add it there, or remove it here"
                problems.append(
                    document.problem(path, f"{named} is missing in {first_lang}", hint, key=True)
                )
        if lang.startswith("zh"):
            for key in ("story", "debrief"):
                words = getattr(text, key)
                if words and not _CHINESE.search(words):
                    problems.append(document.problem((key,), f"{key} is not translated"))
    return problems


def _keys(text: LevelText, key: str) -> set[tuple[str, ...]]:
    value = getattr(text, key)
    if isinstance(value, str):
        return {(key,)} if value else set()
    found: set[tuple[str, ...]] = set()
    for name, below in value.items():
        found |= {(key, name, word) for word in below} if isinstance(below, dict) else {(key, name)}
    return found
