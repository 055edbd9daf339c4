"""Threads of the host on which tasks run, one at a time; who is free serves the next task."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

HOST_STACK_BYTES: Final = 16 << 20
"""Stack of a host thread; the address space is only reserved."""


class HostThread:
    """A thread that runs jobs while it has the baton; it gives it back when one waits or ends."""

    def __init__(self) -> None:
        self.job: Callable[[], None] | None = None
        self._go, self._back = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._back.acquire()
        before = threading.stack_size(HOST_STACK_BYTES)
        try:
            self._thread = threading.Thread(target=self._serve, name="task", daemon=True)
            self._thread.start()
        finally:
            threading.stack_size(before)

    def resume(self) -> None:
        """Hand the baton over; back when the job pauses or is done. It must not raise."""
        self._go.release()
        self._back.acquire()

    def pause(self) -> None:
        """On the thread itself: give the baton back and wait for the next turn."""
        self._back.release()
        self._go.acquire()

    def end(self) -> None:
        """Let a thread without a job go."""
        self.job = None
        self._go.release()

    def join(self) -> None:
        """Wait until the thread is gone."""
        self._thread.join()

    def _serve(self) -> None:
        while True:
            self._go.acquire()
            if self.job is None:
                return
            self.job()
            self.job = None
            self._back.release()


class HostThreads:
    """The threads of one engine that are free."""

    def __init__(self) -> None:
        self._free: list[HostThread] = []

    def take(self, job: Callable[[], None]) -> HostThread:
        """Return a thread that runs the job at its first `resume()`."""
        thread = self._free.pop() if self._free else HostThread()
        thread.job = job
        return thread

    def give_back(self, thread: HostThread) -> None:
        """A job is done."""
        self._free.append(thread)

    def end(self) -> None:
        """Let all free threads go, and wait for it."""
        ending, self._free = self._free, []
        for thread in ending:
            thread.end()
        for thread in ending:
            thread.join()

    def __del__(self) -> None:
        # Nobody may wait here: the interpreter itself may be about to end.
        for thread in self._free:
            thread.end()
