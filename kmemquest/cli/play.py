"""`kmemquest play LEVEL`: on the full screen, line by line, or headless for scripts and graders."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from kmemquest.cli.errors import BadInput
from kmemquest.cli.language_option import choose_language
from kmemquest.cli.level_argument import find_level, find_workpiece, read_answers
from kmemquest.level.attempt import AnswerError, Attempt
from kmemquest.level.load import Level
from kmemquest.level.plain import verdict_lines
from kmemquest.level.recording import Recording
from kmemquest.level.verdict import Verdict, judge, verdict_json

WATCH_INTERVAL = 0.5
"""Seconds between two looks at a watched file."""


def command(arguments: argparse.Namespace) -> int:
    """Play a level; exit 0 when passed, 1 when not, 2 for bad input."""
    choose_language(arguments.language)
    answers = read_answers(arguments.answer)
    if arguments.training or arguments.test_out or arguments.take_back:
        from kmemquest.cli.practice import practise

        return practise(arguments, answers)
    if arguments.level is None:
        raise BadInput("which level? Name one, or use --training or --test-out WORLD")
    if arguments.seed is not None:
        raise BadInput("--seed belongs to --training")
    if arguments.watch and (arguments.headless or arguments.json):
        return watch(arguments.level, answers, as_json=arguments.json)
    if arguments.watch and not arguments.plain:
        return watch_on_screen(arguments.level, arguments.language)
    if arguments.headless or arguments.json:
        return headless(arguments.level, answers, as_json=arguments.json)
    if arguments.plain:
        from kmemquest.cli.plain_play import play_and_save

        level, notice = find_workpiece(arguments.level)
        tell_unfinished(notice)
        return play_and_save(level, answers)
    find_level(arguments.level)
    from kmemquest.tui.app import run

    return run(level=arguments.level, language=arguments.language)


def watch_on_screen(word: str, language: str | None) -> int:
    """Play on the full screen; the level is loaded again whenever its files change."""
    _watchable(word)
    from kmemquest.tui.app import run

    return run(level=word, language=language, watch=True)


def _watchable(word: str) -> Path:
    path = Path(word)
    if not path.is_file():
        raise BadInput(f"--watch needs the path of a level file, and {word} is none")
    return path


def attempt(
    level: Level, answers: dict[str, str], prediction: str | None = None, seed: int | None = None
) -> tuple[Recording, Verdict]:
    """Run answers and judge them; BadInput for a slot or option that the level lacks."""
    try:
        recording = Attempt(level, answers, prediction=prediction, seed=seed).run()
    except AnswerError as error:
        raise BadInput(str(error)) from None
    return recording, judge(level, recording)


def tell_unfinished(notice: str, *, as_json: bool = False) -> None:
    """Print the line about an unfinished level, if there is one; JSON keeps its stream."""
    if notice:
        print(notice, file=sys.stderr if as_json else sys.stdout, flush=True)


def headless(word: str, answers: dict[str, str], *, as_json: bool) -> int:
    """Run the answers once and print the verdict."""
    level, notice = find_workpiece(word)
    tell_unfinished(notice, as_json=as_json)
    recording, verdict = attempt(level, answers)
    if as_json:
        print(json.dumps(verdict_json(level, recording, verdict), ensure_ascii=False, indent=1))
    else:
        for line in verdict_lines(level, recording, verdict):
            print(line)
    return 0 if verdict.passed else 1


def watch(word: str, answers: dict[str, str], *, as_json: bool) -> int:
    """Run again whenever the level's file or its text changes, until interrupted."""
    path = _watchable(word)
    seen: dict[Path, float] = {}
    status = 2
    while True:
        now = {p: p.stat().st_mtime for p in path.parent.glob(f"{path.stem}*.yaml")}
        if now != seen:
            seen = now
            try:
                status = headless(word, answers, as_json=as_json)
            except BadInput as error:
                print(error, flush=True)
            print("—", flush=True)
        try:
            time.sleep(WATCH_INTERVAL)
        except KeyboardInterrupt:
            return status
