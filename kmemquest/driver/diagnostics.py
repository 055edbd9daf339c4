"""What the build says about a driver: the compiler's and modpost's words, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ERROR: Final = "error"
WARNING: Final = "warning"
NOTE: Final = "note"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message. `line` and `column` count from 1; `code` is a -W name or empty.

    `message` has the words of gcc 12 or modpost where they say the same thing; `hint` is ours and
    tells how to mend it.
    """

    file: str
    line: int
    column: int
    severity: str
    code: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        code = f" [{self.code}]" if self.code else ""
        if self.severity == ERROR and self.code.startswith("-W"):
            code = f" [-Werror={self.code[2:]}]"
        return f"{self.file}:{self.line}:{self.column}: {self.severity}: {self.message}{code}"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a source file; both numbers count from 1."""

    file: str
    line: int
    column: int


class BuildStop(Exception):
    """The build cannot go on; the diagnostic is in the sink already."""


class DiagnosticSink:
    """Collects diagnostics, each once, in the order of their making."""

    def __init__(self, *, werror: bool = True, limit: int = 100) -> None:
        self.werror = werror
        self.limit = limit
        self.mistakes = 0
        """How many errors were told that no option turns into warnings."""
        self._seen: dict[tuple[str, int, int, str], Diagnostic] = {}

    def error(self, where: Position, message: str, hint: str = "", code: str = "") -> None:
        """Add an error: the build stops after all messages are collected."""
        self.mistakes += not code
        self._add(Diagnostic(where.file, where.line, where.column, ERROR, code, message, hint))

    def warn(self, where: Position, code: str, message: str, hint: str = "") -> None:
        """Add a warning, which CONFIG_WERROR makes an error."""
        severity = ERROR if self.werror else WARNING
        self._add(Diagnostic(where.file, where.line, where.column, severity, code, message, hint))

    def advise(self, where: Position, code: str, message: str, hint: str = "") -> None:
        """Add a warning that never stops a build."""
        self._add(Diagnostic(where.file, where.line, where.column, WARNING, code, message, hint))

    def note(self, where: Position, message: str) -> None:
        """Add a note to the message before."""
        self._add(Diagnostic(where.file, where.line, where.column, NOTE, "", message))

    def _add(self, diagnostic: Diagnostic) -> None:
        key = (diagnostic.file, diagnostic.line, diagnostic.column, diagnostic.message)
        if key not in self._seen and len(self._seen) < self.limit:
            self._seen[key] = diagnostic
        if self.mistakes >= self.limit:
            raise BuildStop

    def adopt(self, other: DiagnosticSink) -> None:
        """Take over what another sink has collected."""
        self.mistakes += other.mistakes
        for diagnostic in other.collected():
            self._add(diagnostic)

    @property
    def failed(self) -> bool:
        """Whether any message is an error."""
        return any(d.severity == ERROR for d in self._seen.values())

    def collected(self) -> tuple[Diagnostic, ...]:
        """All messages in source order, notes after what they belong to."""
        return tuple(self._seen.values())
