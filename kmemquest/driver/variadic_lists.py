"""`va_list`: what is left of a call's unnamed arguments; the C value is a handle."""

from __future__ import annotations

from kmemquest.driver.binding import Argument


class VariadicLists:
    """The lists of one engine, by handle from 1 on."""

    def __init__(self) -> None:
        self._lists: dict[int, list[Argument]] = {}
        self._next = 1

    def begin(self, tail: list[Argument]) -> int:
        """Open a list (`va_start`) and return its handle."""
        handle = self._next
        self._next += 1
        self._lists[handle] = list(tail)
        return handle

    def copy(self, handle: int) -> int:
        """Open a second list over what is left of one (`va_copy`)."""
        return self.begin(self.left(handle))

    def next(self, handle: int) -> int:
        """Take the next value (`va_arg`); 0 past the end, where real C has no answer."""
        left = self._lists.get(handle)
        return left.pop(0).value if left else 0

    def left(self, handle: int) -> list[Argument]:
        """Return what is left of a list."""
        return self._lists.get(handle, [])
