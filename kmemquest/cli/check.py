"""`kmemquest check [PATH…]`: prove levels, packs and question banks."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from kmemquest.content import assets_root, levels_root
from kmemquest.level.check import check_paths, level_files
from kmemquest.quiz.bank import structure_files
from kmemquest.quiz.bank_check import check_bank_files
from kmemquest.quiz.bank_index import holds_questions, is_blueprint, structure_of


def command(arguments: argparse.Namespace) -> int:
    """Check what is named, or everything that ships; exit 1 on any error."""
    if arguments.words:
        from kmemquest.level.words import reference

        print(reference())
        return 0
    if arguments.coverage:
        return _coverage([Path(word) for word in arguments.paths], as_json=arguments.json)
    paths = [Path(word) for word in arguments.paths] or [levels_root(), assets_root() / "quiz"]
    banks, others = _sorted_out(paths)
    result = check_paths(others).as_json() if others else _nothing()
    errors = list(result["errors"])  # type: ignore[call-overload]
    questions = 0
    for count, problems in check_bank_files(banks):
        questions += count
        errors += [problem.as_json() for problem in problems]
    extra = 0
    if not arguments.paths and not errors:
        from kmemquest.cli.check_trainer import trainer_problems

        extra, problems = trainer_problems()
        errors += [problem.as_json() for problem in problems]
    report = {
        "files": int(str(result["files"])) + 3 * len(banks) + extra,
        "levels": result["levels"],
        "questions": questions,
        "wrong_answers_proven": result["wrong_answers_proven"],
        "errors": errors,
    }
    if arguments.json:
        print(json.dumps(report, ensure_ascii=False, indent=1))
    else:
        for error in errors:
            place = (
                f"{error['file']}:{error['line']}:{error['column']}"
                if error["line"]
                else error["file"]
            )
            hint = f" ({error['hint']})" if error["hint"] else ""
            print(f"{place}: {error['message']}{hint}")
        print(
            ", ".join(
                (
                    _counted(report["files"], "file"),
                    _counted(report["levels"], "level"),
                    _counted(questions, "question"),
                    _counted(report["wrong_answers_proven"], "wrong answer") + " proven",
                    _counted(len(errors), "error"),
                )
            )
        )
    return 1 if errors else 0


def _counted(number: object, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _coverage(paths: list[Path], *, as_json: bool) -> int:
    from kmemquest.level.coverage import coverage, lines

    found = coverage(list(level_files(paths or [levels_root()])))
    if as_json:
        print(json.dumps(found.as_json(), ensure_ascii=False, indent=1))
    else:
        for line in lines(found):
            print(line)
    return 1 if found.broken else 0


def _nothing() -> dict[str, object]:
    return {"files": 0, "levels": 0, "wrong_answers_proven": 0, "errors": []}


def _sorted_out(roots: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the topics among what is named, and all the rest.

    A folder with a topic in it is one of questions: what else lies there is looked at file by
    file, but for blueprints, which are proven when an exam is drawn.
    """
    banks: dict[Path, None] = {}
    others = []
    for root in roots:
        inside = structure_files(root) if root.is_dir() else []
        topics = [path for path in inside if holds_questions(path)]
        if topics:
            banks |= dict.fromkeys(topics)
            others += [path for path in inside if path not in topics and not is_blueprint(path)]
        elif holds_questions(root):
            banks[structure_of(root)] = None
        else:
            others.append(root)
    return list(banks), others
