"""`kmemquest check [PATH…]`: prove levels, packs and question banks."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from kmemquest.content import assets_root, levels_root
from kmemquest.content.safe_yaml import MAX_BYTES
from kmemquest.level.check import check_paths, level_files
from kmemquest.quiz.bank import check_bank_file, structure_files


def command(arguments: argparse.Namespace) -> int:
    """Check what is named, or everything that ships; exit 1 on any error."""
    if arguments.words:
        from kmemquest.level.words import reference

        print(reference())
        return 0
    if arguments.coverage:
        return _coverage([Path(word) for word in arguments.paths], as_json=arguments.json)
    paths = [Path(word) for word in arguments.paths] or [levels_root(), assets_root() / "quiz"]
    banks = [path for root in paths for path in _bank_files(root)]
    others = [path for path in paths if path not in banks and not _is_bank_folder(path)]
    result = check_paths(others).as_json() if others else _nothing()
    errors = list(result["errors"])  # type: ignore[call-overload]
    questions = 0
    for path in banks:
        count, problems = check_bank_file(path)
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
            f"{report['files']} files, {report['levels']} levels, {questions} questions, "
            f"{report['wrong_answers_proven']} wrong answers proven, {len(errors)} errors"
        )
    return 1 if errors else 0


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


def _bank_files(root: Path) -> list[Path]:
    if _is_bank_folder(root):
        return structure_files(root)
    return [root] if root.is_file() and _is_bank_file(root) else []


def _is_bank_folder(root: Path) -> bool:
    return root.is_dir() and any(_is_bank_file(path) for path in structure_files(root)[:1])


def _is_bank_file(path: Path) -> bool:
    """Tell a bank by its top-level key, without parsing the rest; a huge file is none."""
    try:
        if path.stat().st_size > MAX_BYTES or not path.is_file():
            return False
        with path.open(encoding="utf-8", errors="replace") as lines:
            return any(line.startswith("questions:") for line in lines)
    except OSError:
        return False
