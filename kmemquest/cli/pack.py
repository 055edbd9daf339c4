"""`kmemquest pack list|install|remove|export`: levels of other people."""

from __future__ import annotations

import argparse
from pathlib import Path

from kmemquest.cli.errors import BadInput
from kmemquest.cli.language_option import choose_language
from kmemquest.content.problem import ProblemsFound
from kmemquest.i18n import _, ngettext


def command(arguments: argparse.Namespace) -> int:
    """Run one of the pack commands; BadInput tells everything that is wrong with a pack."""
    from kmemquest.level.pack_store import UnknownPack

    choose_language(arguments.language)
    run = {"list": _list, "install": _install, "remove": _remove, "export": _export}
    try:
        return run[arguments.action](arguments)
    except UnknownPack as error:
        raise BadInput(str(error.args[0])) from None
    except ProblemsFound as found:
        raise BadInput("\n".join(str(problem) for problem in found.problems)) from None
    except OSError as error:
        raise BadInput(f"{error.filename or ''}: {error.strerror or error}") from None


def _list(arguments: argparse.Namespace) -> int:
    from kmemquest.level.pack_store import installed

    sound, broken = installed()
    if arguments.json:
        import json

        rows = [
            {
                "id": pack.id,
                "version": pack.file.version,
                "title": pack.text().title,
                "authors": pack.file.authors,
                "licence": pack.file.licence,
                "levels": [f"{pack.id}/{level}" for level in pack.file.levels],
                "student": pack.file.student,
            }
            for pack in sound
        ]
        errors = [problem.as_json() for pack in broken for problem in pack.problems]
        print(json.dumps({"packs": rows, "errors": errors}, ensure_ascii=False, indent=1))
        return 1 if broken else 0
    for pack in sound:
        count = ngettext("{n} level", "{n} levels", len(pack.file.levels)).format(
            n=len(pack.file.levels)
        )
        print(f"{pack.id} {pack.file.version}  {pack.text().title}  ({count}, {pack.file.licence})")
        for level in pack.file.levels:
            print(f"  {pack.id}/{level}")
    for each in broken:
        print(_("{pack} can no longer be read:").format(pack=each.id))
        for problem in each.problems:
            print(f"  {problem}")
    if not sound and not broken:
        print(_("No packs are installed. kmemquest pack install FILE.zip"))
    return 1 if broken else 0


def _install(arguments: argparse.Namespace) -> int:
    from kmemquest.level.pack_store import install

    pack = install(Path(arguments.path), replace=arguments.replace)
    print(_("{pack} {version} is installed.").format(pack=pack.id, version=pack.file.version))
    print(f"kmemquest play {pack.id}/{pack.file.levels[0]}")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    from kmemquest.level.pack_store import remove

    remove(arguments.pack)
    print(_("{pack} is removed.").format(pack=arguments.pack))
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from kmemquest.level.check import check_paths
    from kmemquest.level.pack import open_pack
    from kmemquest.level.pack_export import write_export
    from kmemquest.level.pack_store import find_pack

    folder = Path(arguments.pack)
    pack = open_pack(folder) if folder.is_dir() else find_pack(arguments.pack)
    if pack.file.student and arguments.student:
        raise BadInput(f"{pack.id} is a student's copy already")
    if not arguments.unproven and (errors := check_paths([pack.root]).errors):
        raise BadInput(
            "\n".join(str(error) for error in errors)
            + "\nnothing was written: mend this first, or export a draft with --unproven"
        )
    print(write_export(pack, Path(arguments.output), student=arguments.student))
    return 0
