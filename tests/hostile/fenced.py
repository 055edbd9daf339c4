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
    """What the child returned or raised, its processor seconds and its largest size in bytes."""

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
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (_spent() + seconds + 1,) * 2)
            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
            answer = pickle.dumps((function(), ""))
        except BaseException:
            answer = pickle.dumps((None, traceback.format_exc()))
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(answer)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status, usage = os.wait4(child, 0)
    value, trouble = pickle.loads(answer) if answer else (None, f"died: wait status {status}")
    return Outcome(value, trouble, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _spent() -> int:
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF)
    return int(usage.ru_utime + usage.ru_stime)
