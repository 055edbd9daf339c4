"""The player's save, as commands open it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kmemquest.store import Store


def open_save() -> Store:
    """Open the save; what is wrong with it is told, and the game goes on without it."""
    from kmemquest.store import Store

    store = Store.open()
    if store.trouble is not None:
        print(f"{store.path}: {store.trouble.kind}: {store.trouble.detail}", file=sys.stderr)
    return store
