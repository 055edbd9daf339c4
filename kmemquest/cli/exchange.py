"""`kmemquest export` and `kmemquest import`: Anki, GIFT, CSV."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from kmemquest.cli.errors import BadInput
from kmemquest.cli.language_option import choose_language
from kmemquest.cli.own_files import bank_of, prove
from kmemquest.cli.quiz import check_topic
from kmemquest.content.problem import ProblemsFound
from kmemquest.i18n import LANGUAGES, _, language, ngettext
from kmemquest.quiz.bank import Bank, open_bank
from kmemquest.quiz.generator import GENERATORS, generate
from kmemquest.quiz.generators import load_generators
from kmemquest.quiz.gift import Dropped, write_gift
from kmemquest.store import Store

MOST_GENERATED = 50
_SHOWN = 30


def command(arguments: argparse.Namespace) -> int:
    """Write or read a file; exit 0 when it was done."""
    choose_language(arguments.language)
    try:
        if arguments.direction == "import":
            return _import(arguments)
        return _export(arguments)
    except OSError as error:
        raise BadInput(f"{error.filename or arguments.file}: {error.strerror or error}") from None


def _export(arguments: argparse.Namespace) -> int:
    if arguments.form in ("csv", "exams-csv"):
        if arguments.own:
            raise BadInput("--from goes with anki and gift; your results have no file to come from")
        return _export_results(arguments)
    load_generators()
    languages = LANGUAGES if arguments.both and arguments.form == "anki" else None
    bank = bank_of(arguments.own, languages)
    for topic in arguments.topic:
        check_topic(bank, topic)
    if not 0 <= arguments.generated <= MOST_GENERATED:
        raise BadInput(f"--generated must lie between 0 and {MOST_GENERATED}")
    if arguments.generated and not bank.families:
        raise BadInput("--generated adds questions to topics that ship; leave it out with --from")
    prove(bank, [e.id for e in bank.entries if not arguments.topic or e.topic in arguments.topic])
    if arguments.form == "anki":
        return _export_anki(arguments, bank)
    text, dropped = write_gift(
        [
            bank.question(entry.id, language())
            for entry in bank.entries
            if not arguments.topic or entry.topic in arguments.topic
        ]
        + [
            generate(name, seed, language())
            for name in sorted(GENERATORS)
            if not arguments.topic or GENERATORS[name].topic in arguments.topic
            for seed in range(1, arguments.generated + 1)
        ]
    )
    _write(arguments.file, text)
    _tell(arguments, text.count("\n::"), dropped)
    return 0


def _export_anki(arguments: argparse.Namespace, bank: Bank) -> int:
    from kmemquest.quiz.anki import NoAnkiLibrary, anki_notes, write_anki

    if arguments.file == "-":
        raise BadInput("an Anki package is no text: name a file, e.g. kmemquest.apkg")
    languages = LANGUAGES if arguments.both else (language(),)
    notes = anki_notes(bank, languages, topics=arguments.topic, generated=arguments.generated)
    try:
        count = write_anki(notes, Path(arguments.file))
    except NoAnkiLibrary as error:
        raise BadInput(str(error)) from None
    _tell(arguments, count, [])
    return 0


def _export_results(arguments: argparse.Namespace) -> int:
    from kmemquest.quiz.results_csv import exams_csv, grades_csv

    store = Store.open()
    try:
        review = store.review
        text = grades_csv(review.grades) if arguments.form == "csv" else exams_csv(review.exams)
    finally:
        store.close()
    _write(arguments.file, text)
    _tell(arguments, text.count("\n") - 1, [])
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from kmemquest.quiz.gift_read import MAX_BYTES, as_yaml, read_gift

    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", arguments.topic):
        raise BadInput("--topic takes lower case words with hyphens, e.g. my-class")
    path = Path(arguments.file)
    if path.stat().st_size > MAX_BYTES:
        raise BadInput(f"{path}: larger than {MAX_BYTES >> 10} KiB")
    try:
        text = path.read_text(encoding="utf-8")
        imported = read_gift(text, path.name, arguments.topic, _ids_that_ship())
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 text (byte {error.start})") from None
    except ProblemsFound as found:
        raise BadInput("\n".join(map(str, found.problems))) from None
    structure, words = as_yaml(imported, arguments.topic, language())
    folder = Path(arguments.into)
    files = (
        (folder / f"{arguments.topic}.yaml", structure),
        (folder / f"{arguments.topic}.{language()}.yaml", words),
    )
    for target, _content in files:
        if target.exists():
            raise BadInput(f"{target} is there already: choose another --topic or --into")
    if imported.questions:
        for target, content in files:
            target.write_text(content, encoding="utf-8")
    _tell(arguments, len(imported.questions), imported.dropped, imported.left_out)
    return 0 if imported.questions else 1


def _ids_that_ship() -> set[str]:
    """Return the ids that a file of one's own must not use, see `kmemquest.quiz.bank_check`."""
    return {entry.id for entry in open_bank().entries}


def _write(name: str, text: str) -> None:
    if name == "-":
        print(text, end="")
    else:
        Path(name).write_text(text, encoding="utf-8")


def _tell(
    arguments: argparse.Namespace, count: int, dropped: list[Dropped], left_out: int = 0
) -> None:
    """Tell on the error stream, so that a text on standard output stays whole."""
    if arguments.json:
        shown = {
            "file": arguments.file,
            "count": count,
            "left_out": left_out,
            "dropped": [{"question": each.question, "what": each.what} for each in dropped],
        }
        print(json.dumps(shown, ensure_ascii=False, indent=1), file=sys.stderr)
        return
    print(
        ngettext("{count} entry.", "{count} entries.", count).format(count=count), file=sys.stderr
    )
    if left_out:
        said = ngettext(
            "{n} more question was left out: a topic holds at most {most}. Split the text.",
            "{n} more questions were left out: a topic holds at most {most}. Split the text.",
            left_out,
        )
        print(said.format(n=left_out, most=count), file=sys.stderr)
    if dropped:
        print(_("Not carried over:"), file=sys.stderr)
    for each in dropped[:_SHOWN]:
        print(f"  {each}", file=sys.stderr)
    if len(dropped) > _SHOWN:
        more = len(dropped) - _SHOWN
        print(ngettext("… and {n} more", "… and {n} more", more).format(n=more), file=sys.stderr)
