"""Opening and saving in the lab."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kmemquest.i18n import _
from kmemquest.tui.lab_files import FileTrouble, case_of_file, write_source
from kmemquest.tui.lab_model import LabCase
from kmemquest.tui.screens.base import GameScreen
from kmemquest.tui.widgets.code_editor import CodeEditor


class FileScreen(GameScreen):
    """A screen with an editor whose text belongs to a file."""

    def __init__(self, case: LabCase) -> None:
        super().__init__()
        self.case = case
        self._saved = case.text

    @property
    def editor(self) -> CodeEditor:
        """The driver's text."""
        return self.query_one("#source", CodeEditor)

    def _show_head(self) -> None:
        raise NotImplementedError

    def _moved(self) -> None:
        raise NotImplementedError

    def _keep_draft(self) -> None:
        raise NotImplementedError

    def action_save(self) -> None:
        """Write the file, or ask for its name."""
        if self.case.path:
            self._save_to(self.case.path)
        else:
            self.action_save_as()

    def action_save_as(self) -> None:
        """Ask for a name, then write."""
        from kmemquest.tui.screens.lab_sheets import NameScreen

        name = self.case.path or str(Path.cwd() / self.case.file)
        self.app.push_screen(
            NameScreen(_("save"), _("Write the driver to this file:"), name), self._save_to
        )

    def _save_to(self, name: str | None) -> None:
        if name is None:
            return
        path = Path(name).expanduser()
        text = self.editor.text
        try:
            write_source(path, text)
        except FileTrouble as trouble:
            self.notify(str(trouble), severity="error", timeout=10)
            return
        store = self.game.services.store
        store.drop_draft(self.case.draft)
        if not self.case.slot:
            file = path.name if path.suffix == ".c" else f"{path.stem}.c"
            self.case = replace(
                self.case,
                path=str(path),
                title=path.name,
                file=file,
                draft=f"file:{path.absolute()}",
                level="",
            )
            self._saved = text
        self._show_head()
        self._moved()
        self.notify(_("Saved: {path}").format(path=path), timeout=3)

    def action_open(self) -> None:
        """Ask for a file; what is unsaved here stays as a draft."""
        from kmemquest.tui.screens.lab_sheets import NameScreen

        folder = Path(self.case.path).parent if self.case.path else Path.cwd()
        self.app.push_screen(
            NameScreen(_("open"), _("Open this file:"), f"{folder}/"), self._open_file
        )

    def _open_file(self, name: str | None) -> None:
        if name is None:
            return
        try:
            case = case_of_file(name)
        except FileTrouble as trouble:
            self.notify(str(trouble), severity="error", timeout=10)
            return
        self._keep_draft()
        self.app.switch_screen(type(self)(case))
