"""Which language a command speaks: the option, else the saved setting, else the environment."""

from __future__ import annotations

import os

from kmemquest.i18n import language_of_environment, set_language


def choose_language(option: str | None) -> str:
    """Switch to the language asked for, or to the environment's; return it."""
    name = option or language_of_environment(dict(os.environ))
    set_language(name)
    return name
