"""Languages: gettext over the catalogues in `assets/locale`.

English is the language of the message ids; Simplified Chinese is complete. Text of levels and
banks lies beside them, one file per language, and is not in the catalogues.
"""

from __future__ import annotations

import gettext as _gettext
from typing import Final

from kmemquest.content import assets_root

LANGUAGES: Final = ("en", "zh_CN")
DOMAIN: Final = "kmemquest"

_current = "en"
_catalogue: _gettext.NullTranslations = _gettext.NullTranslations()


def set_language(name: str) -> None:
    """Switch to `en` or `zh_CN`; ValueError names the languages for anything else."""
    global _current, _catalogue
    if name not in LANGUAGES:
        raise ValueError(f"unknown language {name!r}: expected one of {', '.join(LANGUAGES)}")
    if name == "en":
        _catalogue = _gettext.NullTranslations()
    else:
        _catalogue = _gettext.translation(DOMAIN, assets_root() / "locale", [name], fallback=True)
    _current = name


def language() -> str:
    """Return the language in force."""
    return _current


def language_of_environment(environment: dict[str, str]) -> str:
    """Choose a language as gettext does: LANGUAGE, LC_ALL, LC_MESSAGES, LANG; English else."""
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = environment.get(variable, "")
        if value:
            first = value.split(":")[0].split(".")[0].replace("-", "_")
            return "zh_CN" if first.split("_")[0] == "zh" else "en"
    return "en"


def _(message: str) -> str:
    """Translate a message."""
    return _catalogue.gettext(message)


def ngettext(one: str, many: str, count: int) -> str:
    """Translate a message that depends on a number; Chinese has one form."""
    return _catalogue.ngettext(one, many, count)


def N_(message: str) -> str:  # noqa: N802 - the name that message extractors know
    """Mark a message for translation at a later time."""
    return message
