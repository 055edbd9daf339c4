"""What can be wrong with a save file, told as values that a front end words."""

from __future__ import annotations

import errno
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["corrupt", "newer", "locked", "read-only", "full", "unusable"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something about the save file that the player should know.

    `corrupt` and `newer` name the file that was set aside in `moved_to` (None when even that
    failed); with the other kinds the game goes on unsaved until the cause is gone.
    """

    kind: Kind
    path: Path
    detail: str = ""
    moved_to: Path | None = None

    @property
    def unsaved(self) -> bool:
        """True while new actions are kept in memory only."""
        return self.kind not in ("corrupt", "newer") or self.moved_to is None


def kind_of(error: Exception, path: Path) -> Kind:
    """The kind of trouble behind an error of SQLite or of the operating system at `path`."""
    text = str(error).lower()
    if isinstance(error, sqlite3.OperationalError):
        if "locked" in text or "busy" in text:
            return "locked"
        if "readonly" in text or "read-only" in text or "permission" in text:
            return "read-only"
        if "full" in text:
            return "full"
        # "unable to open database file" is all that SQLite says about a missing permission.
        if path.parent.is_dir() and not os.access(path.parent, os.W_OK):
            return "read-only"
        return "unusable"
    if isinstance(error, sqlite3.DatabaseError):
        return "corrupt"
    if isinstance(error, PermissionError):
        return "read-only"
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return "full"
        if error.errno == errno.EROFS:
            return "read-only"
    return "unusable"
