"""Bring the catalogues up to date with the code, and compile them.

    python -m kmemquest.i18n.compile            # merge new messages, then write the .mo files
    python -m kmemquest.i18n.compile --check    # change nothing; tell what is stale or missing

For developers: needs babel, which the `test` extra installs. The .mo files are committed, so that
neither a checkout nor a wheel needs it to run.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kmemquest.content import assets_root
from kmemquest.i18n import DOMAIN, LANGUAGES

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

KEYWORDS: Final[dict[str, tuple[int, ...] | None]] = {
    "_": None,
    "N_": None,
    "gettext": None,
    "ngettext": (1, 2),
}


def source_messages() -> Catalog:
    """Return every message of the package's code."""
    from babel.messages.catalog import Catalog
    from babel.messages.extract import extract_from_dir

    package = Path(__file__).resolve().parent.parent
    catalogue = Catalog(project="KMemQuest", charset="utf-8")
    found = extract_from_dir(
        package,
        [("**.py", "python")],
        keywords=KEYWORDS,
    )
    # Line numbers would change the catalogue with every edit; file names are enough to find it.
    for file, _line, message, _comments, _context in sorted(found, key=lambda item: item[0]):
        if "/_content/" not in file:
            catalogue.add(message, locations=[(f"kmemquest/{file}", 0)])
    return catalogue


def po_path(lang: str) -> Path:
    """Return where a language's catalogue lies."""
    return assets_root() / "locale" / lang / "LC_MESSAGES" / f"{DOMAIN}.po"


def read_catalogue(lang: str) -> Catalog:
    """Read a language's catalogue; an empty one if there is none yet."""
    from babel.messages.catalog import Catalog
    from babel.messages.pofile import read_po

    path = po_path(lang)
    if not path.is_file():
        return Catalog(locale=lang, project="KMemQuest", charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=lang)


def compiled(catalogue: Catalog) -> bytes:
    """Return a catalogue in gettext's binary form."""
    from babel.messages.mofile import write_mo

    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def complaints(lang: str) -> list[str]:
    """Return what is missing or stale in a language: untranslated messages, an old .mo."""
    catalogue = read_catalogue(lang)
    problems = []
    for message in source_messages():
        if message.id and not _translated(catalogue, message.id):
            where = ", ".join(file for file, _ in message.locations)
            problems.append(f"{lang}: not translated: {message.id!r} ({where})")
    binary = po_path(lang).with_suffix(".mo")
    if not binary.is_file() or binary.read_bytes() != compiled(catalogue):
        problems.append(f"{lang}: {binary.name} is older than its catalogue")
    return problems


def _translated(catalogue: Catalog, message_id: str | tuple[str, ...] | list[str]) -> bool:
    key = message_id[0] if isinstance(message_id, list | tuple) else message_id
    found = catalogue.get(key)
    if found is None or found.fuzzy:
        return False
    texts = found.string if isinstance(found.string, list | tuple) else [found.string]
    return bool(texts) and all(texts)


def update(lang: str) -> None:
    """Merge the code's messages into a catalogue and compile it."""
    from babel.messages.pofile import write_po

    catalogue = read_catalogue(lang)
    catalogue.update(source_messages(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    path = po_path(lang)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, width=100, sort_output=True, include_lineno=False)
    path.with_suffix(".mo").write_bytes(compiled(read_catalogue(lang)))


def main(arguments: list[str]) -> int:
    """Run from the command line; 1 when something is missing."""
    problems = []
    for lang in LANGUAGES:
        if lang == "en":
            continue
        if "--check" not in arguments:
            update(lang)
        problems += complaints(lang)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
