"""Driver files on the disk: read whole, written whole, never half."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from kmemquest.i18n import _
from kmemquest.tui.lab_model import START, LabCase

MAX_BYTES: Final = 256 * 1024
"""Longest file that the lab opens; the build takes no longer source either."""


class FileTrouble(Exception):
    """A file that cannot be read or written; the text says why."""


def read_source(path: Path) -> str:
    """Return a file's text."""
    try:
        if path.is_dir():
            raise FileTrouble(_("{path} is a folder").format(path=path))
        if path.stat().st_size > MAX_BYTES:
            raise FileTrouble(
                _("{path} is larger than {limit} KiB").format(path=path, limit=MAX_BYTES >> 10)
            )
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileTrouble(
            _("{path} is not UTF-8 text (byte {byte})").format(path=path, byte=error.start)
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileTrouble(f"{path}: {reason}") from None
    return text.replace("\r\n", "\n")


def write_source(path: Path, text: str) -> None:
    """Write a file so that it holds the old text or the new one, whatever happens meanwhile."""
    target = path
    try:
        target = Path(os.path.realpath(path))
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, mode)
            os.replace(name, target)
        except BaseException:
            os.unlink(name)
            raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileTrouble(f"{target}: {reason}") from None


def case_of_file(name: str) -> LabCase:
    """A lab case of a file; one that does not exist yet begins as an empty module."""
    path = Path(name).expanduser()
    if path.is_dir():
        raise FileTrouble(_("{path} is a folder").format(path=path))
    text = read_source(path) if path.exists() else START
    stem = path.name if path.suffix == ".c" else f"{path.stem}.c"
    return LabCase(f"file:{path.absolute()}", path.name, text, stem, str(path))
