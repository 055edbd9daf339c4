"""What a person is told of a finding: where it went wrong first, which rule, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kmemquest.i18n import _
from kmemquest.level.goals_run import context_word
from kmemquest.level.report_fixes import fix_of
from kmemquest.level.reports import kind_of

if TYPE_CHECKING:
    from kmemquest.driver.witness import Finding
    from kmemquest.kernel.context import Frame

BLAME_UNCHECKED: Final = "unchecked"
"""Role of the statement that did wrong by not looking at its result."""


@dataclass(frozen=True, slots=True)
class Site:
    """A line of the driver with a sentence for its part, in the language in force."""

    role: str
    text: str
    line: int
    function: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A finding in words; `line` is that of the first bad step, 0 when no driver line did it."""

    kind: str
    name: str
    spoken: bool
    headline: str
    line: int
    function: str
    context: str
    sites: tuple[Site, ...]
    rule: str
    silently: str
    page: str
    fix: str
    detail: str

    def as_json(self) -> dict[str, Any]:
        """Return plain values for `--json`."""
        return {
            "kind": self.kind,
            "spoken": self.spoken,
            "headline": self.headline,
            "line": self.line,
            "function": self.function,
            "context": self.context,
            "sites": [
                {"role": site.role, "line": site.line, "function": site.function}
                for site in self.sites
            ],
            "rule": self.rule,
            "page": self.page,
            "fix": self.fix,
            "detail": self.detail,
        }


def explain(finding: Finding) -> Explanation:
    """Put one finding into words, in the language in force."""
    report = finding.report
    kind, fix = kind_of(finding.kind), fix_of(finding.kind)
    unchecked = next((frame for role, frame in finding.sites if role == BLAME_UNCHECKED), None)
    bad = unchecked or finding.site
    roles = list(finding.sites)
    if unchecked is not None and finding.site is not None:
        roles.append(("used", finding.site))
    elif finding.site is not None and report.kind not in LEFT_BEHIND:
        roles.append(("misused", finding.site))
    sites = tuple(_site(role, frame) for role, frame in roles)
    return Explanation(
        finding.kind,
        _(kind.name),
        report.spoken,
        report.headline if report.spoken else "",
        bad.line if bad is not None else 0,
        bad.function if bad is not None else "",
        finding.context,
        sites,
        _(kind.rule),
        _(kind.silently) if kind.silently else "",
        f"Documentation/{fix.page}",
        _(fix.text),
        report.detail,
    )


LEFT_BEHIND: Final = ("leak", "irq-not-freed", "timer-not-stopped", "device-not-removed")
"""Kinds whose report comes from the end of the run; their site is that of the allocation."""


def explain_all(findings: Iterable[Finding]) -> list[Explanation]:
    """Put findings into words; what the simulator saw and the kernel then said is one."""
    found: list[Finding] = []
    for finding in findings:
        twin = next((item for item in found if item.key == finding.key), None)
        if twin is None:
            found.append(finding)
        elif finding.report.spoken and not twin.report.spoken:
            found[found.index(twin)] = finding
    return [explain(finding) for finding in found]


def lines_of(explanation: Explanation, file: str) -> list[str]:
    """Return an explanation as lines of text."""
    where = f"{file}:{explanation.line}: " if explanation.line else f"{file}: "
    what = where + explanation.name
    if explanation.detail:
        what += f" ({explanation.detail})"
    lines = [what]
    if explanation.function:
        lines.append(
            "  "
            + _("in {function}(), {context} context").format(
                function=explanation.function, context=context_word(explanation.context)
            )
        )
    lines += [f"  {site.text}" for site in explanation.sites]
    lines.append("  " + _("Rule: {rule}").format(rule=explanation.rule))
    lines.append("  " + _("Fix: {fix}").format(fix=explanation.fix))
    lines.append("  " + _("Read: {page}").format(page=explanation.page))
    return lines


def _site(role: str, frame: Frame) -> Site:
    templates = {
        "allocated": _("allocated in line {line}, {function}()"),
        "freed": _("freed in line {line}, {function}()"),
        "freed-first": _("freed the first time in line {line}, {function}()"),
        "mapped": _("mapped in line {line}, {function}()"),
        "unmapped": _("unmapped in line {line}, {function}()"),
        "unchecked": _("nobody looked at the result of line {line}, {function}()"),
        "used": _("used in line {line}, {function}()"),
        "misused": _("it went wrong in line {line}, {function}()"),
        "surfaced": _("the kernel noticed in line {line}, {function}()"),
    }
    template = templates.get(role, role + ": {function}():{line}")
    text = template.format(line=frame.line, function=frame.function)
    return Site(role, text, frame.line, frame.function)
