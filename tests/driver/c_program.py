"""Small C programs for the engine's tests: built without headers, run on a booted machine."""

from __future__ import annotations

from functools import cache

from kmemquest.driver.build import Build, BuildOptions, build
from kmemquest.driver.engine import Engine, Limits
from kmemquest.kernel.machine import Machine
from kmemquest.kernel.spec import MIB, MachineSpec

PLAIN = BuildOptions(require_license=False)
LENIENT = BuildOptions(require_license=False, werror=False)


@cache
def _snapshot() -> bytes:
    return Machine.boot(MachineSpec(ram=64 * MIB)).snapshot()


def machine() -> Machine:
    """Return a freshly booted machine."""
    return Machine.restore(_snapshot())


def built(source: str, options: BuildOptions = PLAIN) -> Build:
    """Build C text; complain with its diagnostics when it does not."""
    result = build(source, "driver.c", options=options)
    assert result.ok, "\n".join(map(str, result.diagnostics))
    return result


def engine_for(source: str, options: BuildOptions = PLAIN, limits: Limits | None = None) -> Engine:
    """Return an engine with the module placed."""
    module = built(source, options).module
    assert module is not None
    engine = Engine(machine(), module, limits)
    engine.place()
    return engine


def run(source: str, *arguments: int, function: str = "f") -> int:
    """Call a function of a program and return its result."""
    return engine_for(source, LENIENT).call(function, *arguments)


def value(expression: str, before: str = "") -> int:
    """Evaluate one C expression as a long."""
    return run(f"long f(void);\nlong f(void) {{ {before} return {expression}; }}")


def messages(source: str, options: BuildOptions = PLAIN) -> list[str]:
    """Return `line:column severity message` of every diagnostic."""
    found = build(source, "driver.c", options=options).diagnostics
    return [f"{d.line}:{d.column} {d.severity} {d.message}" for d in found]
