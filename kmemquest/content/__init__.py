"""Where levels, banks and catalogues lie, and how YAML is read safely."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def content_root() -> Path:
    """Return the folder that holds `levels/` and `assets/`.

    A wheel ships them as `kmemquest/_content`; a checkout (or an editable install of one) has
    them at its top level.
    """
    package = Path(__file__).resolve().parent.parent
    shipped = package / "_content"
    return shipped if (shipped / "levels").is_dir() else package.parent


def levels_root() -> Path:
    """Return the folder of the campaign's levels."""
    return content_root() / "levels"


def assets_root() -> Path:
    """Return the folder of schemas, catalogues, banks and art."""
    return content_root() / "assets"
