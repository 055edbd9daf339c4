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
    play.add_argument("level", metavar="LEVEL", help="a level's id, or the path of a level file")
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

    check = commands.add_parser("check", help="prove levels, packs and question banks")
    check.add_argument("paths", nargs="*", metavar="PATH", help="default: everything that ships")
    check.add_argument("--json", action="store_true", help="print the result as JSON")
    check.set_defaults(command=_lazy("check"))

    quiz = commands.add_parser("quiz", help="answer questions in the terminal")
    quiz.add_argument("--topic", metavar="T", help="only questions of this topic")
    quiz.add_argument("--count", type=int, default=10, metavar="N", help="how many (default 10)")
    quiz.add_argument("--seed", type=int, default=None, metavar="S", help="draw reproducibly")
    quiz.add_argument("--json", action="store_true", help="print the drawn questions as JSON")
    _add_voice(quiz)
    quiz.set_defaults(command=_lazy("quiz"))

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
