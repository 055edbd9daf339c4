"""Views: what the screen shows of the machine at a step, folded from picture and events.

An example:

    views = ViewSet(recording)
    now = views.at(36)
    now.lists.rows, now.frames.changed, now.slabs.caches, …
"""

from __future__ import annotations

from kmemquest.level.views.viewset import StepViews, ViewSet

__all__ = ["StepViews", "ViewSet"]
