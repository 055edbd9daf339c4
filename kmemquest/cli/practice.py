"""`kmemquest play --training` and `--test-out WORLD`: on screen, line by line, or headless."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from kmemquest.cli.errors import BadInput
from kmemquest.cli.plain_play import saved_attempt
from kmemquest.cli.play import attempt
from kmemquest.cli.save import open_save
from kmemquest.i18n import _
from kmemquest.level.fast_track import NoTest, after_run, counts, known_levels, sit, sitting_words
from kmemquest.level.later_calls import later_calls
from kmemquest.level.library import Library, UnknownLevel
from kmemquest.level.load import Level
from kmemquest.level.plain import brief_lines, verdict_lines
from kmemquest.level.training import Draw, NothingToTrain, draw, draw_level
from kmemquest.level.verdict import Verdict, verdict_json
from kmemquest.store import Store, TrainingRun, WorldTest


def practise(arguments: argparse.Namespace, answers: dict[str, str]) -> int:
    """Train, sit a test or take one back; exit 0 when passed, 1 when not, 2 for bad input."""
    if arguments.watch:
        raise BadInput("--watch reloads a level file; it goes neither with training nor a test")
    library = Library.open()
    headless = arguments.headless or arguments.json
    if not headless and not arguments.plain and not arguments.take_back:
        return _on_screen(arguments, library)
    with closing(open_save()) as store:
        if arguments.take_back:
            return _take_back(store, _world(library, arguments.take_back))
        round_ = _round(arguments, library, store)
        if headless:
            return _headless(round_, answers, as_json=arguments.json)
        from kmemquest.cli.plain_practice import play_round

        return play_round(round_, _following)


def _on_screen(arguments: argparse.Namespace, library: Library) -> int:
    from kmemquest.tui.app import run
    from kmemquest.tui.screens import round_flow

    if arguments.level is not None:
        raise BadInput("on the full screen training draws its levels; LEVEL goes with --plain")
    world = _world(library, arguments.test_out) if arguments.test_out else ""
    if world:
        return run(language=arguments.language, start=lambda app: round_flow.open_test(app, world))
    seed: int | None = arguments.seed
    return run(language=arguments.language, start=lambda app: round_flow.open_training(app, seed))


def _take_back(store: Store, world: str) -> int:
    store.practice.forget_test(world)
    print(_("The test of {world} is taken back.").format(world=world))
    return 0


def _world(library: Library, word: str) -> str:
    """Return a world's folder from its number or its name."""
    folders = [world.folder for world in library.campaign.worlds]
    if word in folders:
        return word
    if word.isascii() and word.isdigit() and 1 <= int(word) <= len(folders):
        return folders[int(word) - 1]
    raise BadInput(f"no world {word!r}: a number from 1 to {len(folders)}, or one of {folders}")


@dataclass(slots=True)
class PlainRound:
    """A level of a training or a test, as the command line plays it."""

    library: Library
    store: Store
    level: Level
    title: str
    machine: int | None = None
    found: Draw | None = None
    test: WorldTest | None = None

    @property
    def words(self) -> str:
        """Where the test stands; empty in training."""
        return sitting_words(self.library, self.test) if self.test is not None else ""

    @property
    def may_retry(self) -> bool:
        """Whether the level in hand may be tried again."""
        return self.test is None or (
            self.test.state == "open" and self.test.current == self.level.id
        )

    @property
    def tells_story(self) -> bool:
        """A checkpoint is told; other levels come without their story."""
        return self.level.file.checkpoint

    def refusal(self, answers: dict[str, str]) -> str:
        """Why written C is not judged in training; empty when it is."""
        if self.found is None:
            return ""
        known = {*known_levels(self.library, self.store), self.level.id}
        return " ".join(later_calls(self.library, self.level, answers, known))

    def ran(self, answers: dict[str, str], verdict: Verdict, prediction: str | None) -> None:
        """Save what a run came to."""
        passed, stars = verdict.passed, verdict.stars
        if self.found is not None:
            run = TrainingRun(self.level.id, self.found.seed, passed, stars)
            self.store.practice.record_run(run)
        elif self.test is not None and self.may_retry:
            if not counts(self.level, compiled=verdict.outcome != "does-not-compile"):
                print(_("This did not compile, so it does not count."))
                return
            record = saved_attempt(self.level, answers, prediction, verdict)
            self.test = after_run(self.library, self.store, self.test, record)


def _round(arguments: argparse.Namespace, library: Library, store: Store) -> PlainRound:
    try:
        if arguments.test_out:
            world = _world(library, arguments.test_out)
            return _test_round(library, store, sit(library, store, world, arguments.seed))
        if arguments.level is None:
            return _training_round(library, store, draw(library, store, arguments.seed))
        entry = library.entry(arguments.level)
        seed = store.practice.runs + 1 if arguments.seed is None else arguments.seed
        return _training_round(library, store, draw_level(entry, seed))
    except (NoTest, NothingToTrain) as error:
        raise BadInput(str(error)) from None
    except UnknownLevel as error:
        raise BadInput(str(error.args[0])) from None


def _training_round(library: Library, store: Store, found: Draw) -> PlainRound:
    title = _("training {seed}").format(seed=found.seed)
    return PlainRound(library, store, found.level, title, found.machine, found=found)


def _test_round(library: Library, store: Store, test: WorldTest) -> PlainRound:
    entry = library.entry(test.current)
    title = _("test of world {number}").format(number=entry.world_number)
    return PlainRound(library, store, entry.load(), title, test=test)


def _following(round_: PlainRound) -> PlainRound | None:
    """The next level of a test, or another one to train with."""
    library, store = round_.library, round_.store
    if round_.found is not None:
        here = round_.found
        found = draw(library, store, here.seed + 1, besides=here.entry.id)
        return _training_round(library, store, found)
    assert round_.test is not None
    if round_.test.state != "open":
        return None
    return _test_round(library, store, round_.test)


def _headless(round_: PlainRound, answers: dict[str, str], *, as_json: bool) -> int:
    """Without answers tell what is asked; with them run, save and judge."""
    tell = _tell_json if as_json else _tell_lines
    if not answers:
        return tell(round_, None, lambda: brief_lines(round_.level, story=round_.tells_story))
    refusal = round_.refusal(answers)
    if refusal:
        raise BadInput(refusal)
    recording, verdict = attempt(round_.level, answers, seed=round_.machine)
    round_.ran(answers, verdict, None)
    if as_json:
        return tell(round_, verdict, lambda: verdict_json(round_.level, recording, verdict))
    return tell(round_, verdict, lambda: verdict_lines(round_.level, recording, verdict))


def _tell_lines(round_: PlainRound, verdict: Verdict | None, lines: Callable[[], Any]) -> int:
    print(f"{round_.level.id} · {round_.title}")
    for line in lines():
        print(line)
    if round_.words:
        print(round_.words)
    return 0 if verdict is None or verdict.passed else 1


def _tell_json(round_: PlainRound, verdict: Verdict | None, told: Callable[[], Any]) -> int:
    about: dict[str, object] = {"level": round_.level.id, "machine": round_.machine}
    if round_.found is not None:
        about["seed"] = round_.found.seed
    if round_.test is not None:
        about["test"] = {
            "world": round_.test.world, "state": round_.test.state, "seed": round_.test.seed,
            "levels": round_.test.levels, "done": round_.test.done,
            "mistakes": round_.test.mistakes,
        }  # fmt: skip
    if verdict is None:
        about["slots"] = {
            name: {"kind": slot.kind, "options": list(slot.options)}
            for name, slot in round_.level.file.slots.items()
        }
    else:
        about |= {key: value for key, value in told().items() if key not in about}
    print(json.dumps(about, ensure_ascii=False, indent=1))
    return 0 if verdict is None or verdict.passed else 1
