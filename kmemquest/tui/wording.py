"""Words for values of other rooms that are shown in more than one place."""

from __future__ import annotations

from kmemquest.i18n import _
from kmemquest.store import Trouble


def word_trouble(trouble: Trouble) -> str:
    """What is wrong with the save file, what it means, what to do."""
    match trouble.kind:
        case "corrupt" if trouble.moved_to is not None:
            return _(
                "The save file could not be read. It was kept as {name}, and a new one was begun."
            ).format(name=trouble.moved_to.name)
        case "newer" if trouble.moved_to is not None:
            return _(
                "The save file is from a newer KMemQuest. It was kept as {name}, and a new one was "
                "begun; update to use the old one."
            ).format(name=trouble.moved_to.name)
        case "locked":
            return _(
                "Another program holds the save file. You can play on; what you do is saved as "
                "soon as the file is free."
            )
        case "read-only":
            return _(
                "{path} cannot be written. You can play on, but nothing is saved. Set "
                "KMEMQUEST_HOME to a folder of yours."
            ).format(path=trouble.path.parent)
        case "full":
            return _(
                "The disk is full. You can play on; what you do is saved as soon as there is room."
            )
        case _:
            return _("{path} cannot be used ({detail}). You can play on, unsaved.").format(
                path=trouble.path, detail=trouble.detail
            )
