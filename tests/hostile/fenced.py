"""Runs a function in a child process with limits, so that a hang or a hog fails one test only."""

from __future__ import annotations

import os
import pickle
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the child returned or raised, its processor seconds, and by how many bytes it grew.

    A forked child begins with its parent's pages, which are not its own doing.
    """

    value: Any
    trouble: str
    seconds: float
    resident: int


def fenced(function: Callable[[], Any], *, seconds: int, memory: int = 2048 * MIB) -> Outcome:
    """Call a function in a forked child that dies after some processor seconds."""
    import resource

    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        inherited = _resident()
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (_spent() + seconds + 1,) * 2)
            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
            answer = pickle.dumps((function(), "", inherited))
        except BaseException:
            answer = pickle.dumps((None, traceback.format_exc(), inherited))
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(answer)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status, usage = os.wait4(child, 0)
    died = (None, f"died: wait status {status}", 0)
    value, trouble, inherited = pickle.loads(answer) if answer else died
    grown = usage.ru_maxrss * 1024 - inherited
    return Outcome(value, trouble, usage.ru_utime + usage.ru_stime, grown)


def _resident() -> int:
    """Return the bytes of memory that this process has in RAM; 0 where nothing tells."""
    if not os.path.exists("/proc/self/statm"):
        return 0
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _spent() -> int:
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF)
    return int(usage.ru_utime + usage.ru_stime)
