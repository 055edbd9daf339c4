"""The steps of a script as level files write them; the driver room runs them."""

from __future__ import annotations

from typing import Any


def check_step(step: str | dict[str, Any]) -> str:
    """Return what is wrong with a step, or an empty text."""
    from kmemquest.driver.script import ScriptError, parse_step

    try:
        parse_step(step)
    except ScriptError as error:
        return str(error)
    return ""


def step_name(step: str | dict[str, Any]) -> str:
    """Return the step's word: `insmod`, `irq`, …"""
    return step if isinstance(step, str) else next(iter(step), "")
