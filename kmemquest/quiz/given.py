"""What a key depends on, in words: the closed list behind `given` in the bank."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kmemquest.i18n import N_, _, ngettext
from kmemquest.quiz.question import Question

GIVEN: Final[dict[str, str]] = {
    "x86-64": N_("x86-64"),
    "32-bit": N_("a 32-bit kernel"),
    "4k-pages": N_("4 KiB pages"),
    "64k-pages": N_("64 KiB pages"),
    "max-order-10": N_("MAX_PAGE_ORDER 10"),
    "no-debug": N_("no debug options"),
    "kasan": N_("KASAN"),
    "slub-debug": N_("slub_debug=FZPU"),
    "atomic-sleep-debug": N_("CONFIG_DEBUG_ATOMIC_SLEEP"),
    "preempt-rt": N_("PREEMPT_RT"),
    "no-preempt-rt": N_("no PREEMPT_RT"),
    "no-iommu": N_("no IOMMU"),
    "no-memcg": N_("no memory cgroups"),
    "one-node": N_("one NUMA node"),
    "two-nodes": N_("two NUMA nodes"),
    "plain-kernel": N_("a plain distribution kernel"),
    "default-config": N_("the default configuration"),
}

UNITS: Final[dict[str, str]] = {
    "bytes": N_("bytes"),
    "pages": N_("pages"),
    "objects": N_("objects"),
    "slots": N_("slots"),
    "order": N_("(order)"),
    "calls": N_("calls"),
    "blocks": N_("blocks"),
    "cpus": N_("CPUs"),
    "ns": N_("ns"),
}
"""The bank's units in words."""


def unit_word(unit: str) -> str:
    """Return a unit in the language in force; empty for a bare number."""
    return _(UNITS[unit]) if unit in UNITS else ""


def given_line(names: Iterable[str]) -> str:
    """Return the line that stands below a prompt, in the language in force; empty without any."""
    words = [_(GIVEN[name]) for name in names]
    return _("Given: {conditions}").format(conditions=", ".join(words)) if words else ""


def setting_line(question: Question) -> str:
    """Return on which machine and with which checkers an experiment runs; empty without one."""
    experiment = question.experiment
    if experiment is None:
        return ""
    return _("Machine: {machine}, {kernel}. It goes: {script}.").format(
        machine=_machine_words(experiment.machine),
        kernel=_kernel_words(experiment.checkers),
        script=" → ".join(experiment.script_lines()),
    )


def _machine_words(machine: str) -> str:
    from kmemquest.driver.script_text import size_text
    from kmemquest.kernel.spec import parse_machine_spec

    spec = parse_machine_spec(machine)
    words = [size_text(spec.ram)]
    words.append(ngettext("{n} CPU", "{n} CPUs", spec.cpus).format(n=spec.cpus))
    if spec.nodes > 1:
        words.append(ngettext("{n} node", "{n} nodes", spec.nodes).format(n=spec.nodes))
    return ", ".join((*words, *spec.options))


def _kernel_words(checkers: str) -> str:
    if checkers == "production":
        return _("a production kernel")
    if checkers == "debug":
        return _("a debug kernel (KASAN and its kin)")
    return _("a kernel with {option}").format(option=checkers)
