"""Where the save file lives."""

from __future__ import annotations

import os
from pathlib import Path

FILE_NAME = "save.sqlite3"


def data_directory() -> Path:
    """The player's data directory: `KMEMQUEST_HOME`, or the platform's own place for such data."""
    home = os.environ.get("KMEMQUEST_HOME")
    if home:
        return Path(home).expanduser()
    from platformdirs import user_data_path

    return user_data_path("kmemquest", appauthor=False)


def save_path() -> Path:
    """The save file of this player."""
    return data_directory() / FILE_NAME
