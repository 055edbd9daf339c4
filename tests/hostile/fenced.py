"""Runs a function in a child process with limits, so that a hang or a hog fails one test only."""

from __future__ import annotations

import os
import pickle
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

MIB: Final = 1 << 20
COUNTING: Final = 0.0175
"""Processor seconds of `_count` where the bars were set; a busier processor takes up to twice."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the child returned or raised, its processor seconds, and by how many bytes it grew.

    A forked child begins with its parent's pages, which are not its own doing. Seconds are those
    of a processor that counts in `COUNTING`: a slower one is measured beside the function, since
    a neighbour on the same core is not the function's doing either.
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
            before = _count()
            value = function()
            slowness = max(1.0, before / COUNTING, _count() / COUNTING)
            answer = pickle.dumps((value, "", inherited, slowness))
        except BaseException:
            answer = pickle.dumps((None, traceback.format_exc(), inherited, 1.0))
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(answer)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status, usage = os.wait4(child, 0)
    died = (None, f"died: wait status {status}", 0, 1.0)
    value, trouble, inherited, slowness = pickle.loads(answer) if answer else died
    grown = usage.ru_maxrss * 1024 - inherited
    return Outcome(value, trouble, (usage.ru_utime + usage.ru_stime) / slowness, grown)


def _count() -> float:
    """Return the processor seconds that a fixed loop takes just now."""
    begin = time.process_time()
    count = 0
    while count < 900_000:
        count += 1
    return time.process_time() - begin


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
