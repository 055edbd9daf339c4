"""The command line's shape. Nothing heavy is imported here: `--help` must come at once.

Not even `typing` is (it costs a fifth of the time), hence the constants without Final.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable

import kmemquest

LANGUAGES = ("en", "zh_CN")
"""Those of `kmemquest.i18n`, which is too heavy to load for `--help` (a test compares them)."""

PROC_FILES = (
    "buddyinfo",
    "slabinfo",
    "zoneinfo",
    "vmallocinfo",
    "meminfo",
    "iomem",
    "pagetypeinfo",
)


def _lazy(module: str) -> Callable[[argparse.Namespace], int]:
    """Return a command that imports its module only when it is run."""

    def command(arguments: argparse.Namespace) -> int:
        run: Callable[[argparse.Namespace], int] = importlib.import_module(
            f"kmemquest.cli.{module}"
        ).command
        return run(arguments)

    return command


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; each command's function lands in `arguments.command`."""
    parser = argparse.ArgumentParser(
        prog="kmemquest",
        description="Learn Linux kernel memory allocation: real C on a simulated Linux 6.12.",
        epilog="Without a command the game starts.",
    )
    parser.add_argument("--version", action="version", version=f"kmemquest {kmemquest.__version__}")
    parser.add_argument(
        "--plain", action="store_true", help="line by line, for screen readers and pipes"
    )
    parser.add_argument("--language", choices=LANGUAGES, help="language of this run")
    parser.set_defaults(command=_lazy("game"))
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    tour = commands.add_parser("tour", help="five guided minutes that end in a first win")
    _add_voice(tour)
    tour.set_defaults(command=_lazy("game"), tour=True)

    play = commands.add_parser("play", help="play a level by id or file")
    play.add_argument(
        "level", nargs="?", metavar="LEVEL", help="a level's id, or the path of a level file"
    )
    play.add_argument(
        "--answer",
        action="append",
        default=[],
        metavar="SLOT=OPTION",
        help="answer a slot (an option's name, or C text for a fill slot); repeat for more slots",
    )
    play.add_argument("--headless", action="store_true", help="run the answers, print the verdict")
    play.add_argument("--json", action="store_true", help="print the verdict as JSON")
    play.add_argument("--watch", action="store_true", help="reload and rerun when the file changes")
    play.add_argument(
        "--training",
        action="store_true",
        help="without LEVEL: draw one you have learnt, the weakest first; no story, no hints",
    )
    play.add_argument("--seed", type=int, metavar="N", help="the number of the training")
    play.add_argument(
        "--test-out", metavar="WORLD", help="sit the test of a world: its number, or its folder"
    )
    play.add_argument(
        "--take-back", metavar="WORLD", help="as if you had never sat the test of this world"
    )
    _add_voice(play)
    play.set_defaults(command=_lazy("play"))

    run = commands.add_parser("run", help="load and drive a module, print the kernel log")
    run.add_argument("file", metavar="FILE.c", help="the driver's source")
    run.add_argument("--machine", default="", metavar="SPEC", help="e.g. ram=512M,cpus=2,seed=7")
    run.add_argument("--script", metavar="EVENTS.yaml", help="what to do with the module")
    run.add_argument(
        "--checkers",
        metavar="SET",
        default="debug",
        help="production, debug (default) or slub_debug=FZPU",
    )
    run.add_argument("--keep-going", action="store_true", help="load it although the build stops")
    run.add_argument("--faults", action="store_true", help="fail each allocation in turn")
    run.add_argument("--json", action="store_true", help="print the result as JSON")
    run.set_defaults(command=_lazy("run"))

    lab = commands.add_parser("lab", help="write a driver and see what the kernel would do")
    lab.add_argument("file", nargs="?", default="", metavar="FILE.c", help="a driver to open")
    lab.add_argument(
        "--language", choices=LANGUAGES, default=argparse.SUPPRESS, help="language of this run"
    )
    lab.set_defaults(command=_lazy("lab"))

    sandbox = commands.add_parser("sandbox", help="C statements one by one on a machine of yours")
    sandbox.add_argument(
        "level", nargs="?", default="", metavar="LEVEL", help="on this level's machine and driver"
    )
    sandbox.add_argument("--answer", action="append", default=[], metavar="SLOT=OPTION")
    sandbox.add_argument(
        "--machine", default="", metavar="SPEC", help="line by line on e.g. ram=512M,cpus=2"
    )
    sandbox.add_argument(
        "--uptime", choices=("fresh", "worn", "fragmented"), default="fresh", help="what was before"
    )
    _add_voice(sandbox)
    sandbox.set_defaults(command=_lazy("sandbox"))

    check = commands.add_parser("check", help="prove levels, packs and question banks")
    check.add_argument("paths", nargs="*", metavar="PATH", help="default: everything that ships")
    check.add_argument("--json", action="store_true", help="print the result as JSON")
    check.add_argument(
        "--coverage",
        action="store_true",
        help="run nothing; show which APIs, concepts and kinds of answers the levels use",
    )
    check.add_argument(
        "--words", action="store_true", help="list what a level file may say, and the headers"
    )
    check.set_defaults(command=_lazy("check"))

    solve = commands.add_parser("solve", help="search all answers of a level")
    solve.add_argument("level", metavar="LEVEL", help="a level's id, or the path of a level file")
    solve.add_argument("--json", action="store_true", help="print the table as JSON")
    _add_language(solve)
    solve.set_defaults(command=_lazy("solve"))

    new = commands.add_parser("new", help="begin a level, a pack or a topic of questions")
    new.add_argument("kind", choices=("level", "pack", "question"))
    new.add_argument("name", metavar="NAME", help="its id: lower-case words joined by hyphens")
    new.add_argument("--folder", default=".", metavar="FOLDER", help="where (default: here)")
    _add_language(new)
    new.set_defaults(command=_lazy("new"))

    _add_pack(commands.add_parser("pack", help="levels of other people: list, install, export"))

    quiz = commands.add_parser("quiz", help="answer questions in the terminal")
    quiz.add_argument(
        "files", nargs="*", metavar="FILE.yaml", help="ask from these topics of yours (or folders)"
    )
    quiz.add_argument("--topic", metavar="T", help="only questions of this topic")
    quiz.add_argument("--kind", metavar="K", help="only bank questions of this kind")
    quiz.add_argument("--difficulty", type=int, choices=range(1, 6), metavar="D", help="1 to 5")
    quiz.add_argument("--question", metavar="ID", help="one question, or a family#seed")
    quiz.add_argument("--count", type=int, default=10, metavar="N", help="how many (default 10)")
    quiz.add_argument("--seed", type=int, default=None, metavar="S", help="draw reproducibly")
    quiz.add_argument("--json", action="store_true", help="print the drawn questions as JSON")
    _add_voice(quiz)
    quiz.set_defaults(command=_lazy("quiz"))

    _add_review(commands)
    _add_exam(commands)
    _add_exchange(commands)

    bank = commands.add_parser("bank", help="count questions by topic, kind and difficulty")
    bank.add_argument("--json", action="store_true", help="print the counts as JSON")
    bank.set_defaults(command=_lazy("bank"))

    conform = commands.add_parser("conform", help="replay recordings of real kernels")
    conform.add_argument("files", nargs="+", metavar="FILE", help="recordings, plain or gzip")
    conform.add_argument("--json", action="store_true", help="print the results as JSON")
    conform.set_defaults(command=_lazy("conform"))

    proc = commands.add_parser("proc", help="show a file of a booted machine")
    proc.add_argument("name", choices=PROC_FILES, metavar="NAME", help=", ".join(PROC_FILES))
    proc.add_argument("--machine", default="", metavar="SPEC", help="e.g. ram=5G,nodes=2")
    proc.set_defaults(command=_lazy("proc"))

    doctor = commands.add_parser("doctor", help="what this terminal and installation can do")
    doctor.set_defaults(command=_lazy("doctor"))
    return parser


def _add_pack(parser: argparse.ArgumentParser) -> None:
    """Add the actions of `pack`."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listed = actions.add_parser("list", help="installed packs and their levels")
    listed.add_argument("--json", action="store_true", help="print the list as JSON")
    install = actions.add_parser("install", help="install a folder or a zip")
    install.add_argument("path", metavar="PATH", help="the pack: a folder or a zip file")
    install.add_argument("--replace", action="store_true", help="take the place of an older one")
    remove = actions.add_parser("remove", help="remove an installed pack")
    remove.add_argument("pack", metavar="PACK", help="the pack's id")
    export = actions.add_parser("export", help="write a pack as a zip")
    export.add_argument("pack", metavar="PACK", help="an installed pack's id, or a folder")
    export.add_argument(
        "--student", action="store_true", help="without solutions, wrong answers and debriefs"
    )
    export.add_argument("--output", default=".", metavar="PATH", help="a file or a folder")
    export.add_argument("--unproven", action="store_true", help="even if the check refuses it")
    for name, action in (
        ("list", listed), ("install", install), ("remove", remove), ("export", export),
    ):  # fmt: skip
        _add_language(action)
        action.set_defaults(command=_lazy("pack"), action=name)


def _add_language(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--language",
        choices=LANGUAGES,
        default=argparse.SUPPRESS,
        help="language of this run",
    )


def _add_review(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    review = commands.add_parser("review", help="what is due today, scheduled by FSRS")
    review.add_argument("--topic", metavar="T", help="only items of this topic")
    review.add_argument("--count", type=int, default=None, metavar="N", help="at most so many")
    review.add_argument("--cram", action="store_true", help="whatever is weakest, off schedule")
    review.add_argument("--drill", action="store_true", help="misconceptions not overcome yet")
    review.add_argument("--list", action="store_true", help="topics, weaknesses, what is due")
    review.add_argument("--exam-date", metavar="DATE", help="2026-12-24: see all by then; none")
    review.add_argument("--cap", type=int, metavar="N", help="at most so many grades a day")
    review.add_argument("--new", type=int, metavar="N", help="so many new items a day")
    review.add_argument("--undo", action="store_true", help="take the last grade back")
    review.add_argument("--suspend", metavar="ITEM", help="take an item out of review")
    review.add_argument("--resume", metavar="ITEM", help="bring it back")
    review.add_argument("--seed", type=int, default=None, metavar="S", help="draw reproducibly")
    review.add_argument("--json", action="store_true", help="print the state as JSON")
    _add_voice(review)
    review.set_defaults(command=_lazy("review"))


def _add_exam(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    exam = commands.add_parser("exam", help="sit or print a mock interview")
    exam.add_argument(
        "blueprint", nargs="?", metavar="BLUEPRINT", help="an id or a file; without it: the list"
    )
    exam.add_argument("--seed", type=int, default=None, metavar="S", help="the paper's number")
    exam.add_argument("--print", choices=("md", "html", "json"), dest="form", help="the paper")
    _add_from(exam)
    exam.add_argument("--key", action="store_true", help="print it with the key")
    exam.add_argument("--json", action="store_true", help="print the list, or the report, as JSON")
    _add_voice(exam)
    exam.set_defaults(command=_lazy("exam"))


def _add_exchange(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    export = commands.add_parser("export", help="Anki package, GIFT text, results as CSV")
    export.add_argument("form", choices=("anki", "gift", "csv", "exams-csv"), metavar="FORM")
    export.add_argument("file", metavar="FILE", help="what to write; - for standard output")
    export.add_argument("--topic", action="append", default=[], metavar="T", help="repeatable")
    _add_from(export)
    export.add_argument(
        "--generated", type=int, default=0, metavar="N", help="so many of each family"
    )
    export.add_argument("--both", action="store_true", help="both languages (anki)")
    export.add_argument("--json", action="store_true", help="print what was done as JSON")
    _add_voice(export)
    export.set_defaults(command=_lazy("exchange"), direction="export")

    bring = commands.add_parser("import", help="GIFT text into question bank files")
    bring.add_argument("file", metavar="FILE.gift", help="the text to read")
    bring.add_argument("--topic", required=True, metavar="T", help="the topic's new name")
    bring.add_argument("--into", default=".", metavar="FOLDER", help="where to write the files")
    bring.add_argument("--json", action="store_true", help="print what was done as JSON")
    _add_voice(bring)
    bring.set_defaults(command=_lazy("exchange"), direction="import")


def _add_from(parser: argparse.ArgumentParser) -> None:
    """Add the files whose questions take the place of the bank's."""
    parser.add_argument(
        "--from",
        action="append",
        default=[],
        dest="own",
        metavar="FILE.yaml",
        help="questions of this topic of yours (or folder) instead of the bank's; repeatable",
    )


def _add_voice(parser: argparse.ArgumentParser) -> None:
    """Add what may stand before or after the command's name."""
    parser.add_argument(
        "--language",
        choices=LANGUAGES,
        default=argparse.SUPPRESS,
        help="language of this run",
    )
    parser.add_argument(
        "--plain",
        action="store_true",
        default=argparse.SUPPRESS,
        help="line by line, for screen readers and pipes",
    )
