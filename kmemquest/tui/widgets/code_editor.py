"""An editor for C: TextArea with the game's colours, marks in the gutter, kernel indentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Self

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.strip import Strip
from textual.widgets import TextArea
from textual.widgets.text_area import TextAreaTheme

from kmemquest.tui.highlight import Piece, comment_states, highlight

if TYPE_CHECKING:
    from textual.document._document import EditResult
    from textual.document._edit import Edit
    from textual.events import Key

    from kmemquest.tui.app import GameApp

MAX_PIECES = 4096
"""Coloured lines kept."""


class CodeEditor(TextArea):
    """A text to edit. `marks` maps lines (0-based) to error or warning."""

    HELP = "editor"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("shift+tab", "outdent", show=False),
        Binding("ctrl+underscore,ctrl+slash", "comment", show=False),
    ]
    DEFAULT_CSS = """
    CodeEditor {
        border: none;
        padding: 0;
        background: $background;
        scrollbar-size: 1 1;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        scrollbar-color: $line;
        scrollbar-color-hover: $primary;
        scrollbar-color-active: $primary;
        scrollbar-corner-color: $background;
        &:focus { border: none; }
        & .text-area--gutter { color: $quiet; }
        & .text-area--cursor-gutter { color: $accent; background: $panel; }
        & .text-area--cursor-line { background: $panel; }
    }
    """

    def __init__(self, text: str = "", *, colours: bool = True, **arguments: Any) -> None:
        # TextArea draws on these while it is made.
        self._colours = colours
        self._marks: Mapping[int, str] = {}
        self._pieces: dict[tuple[str, bool], list[Piece]] = {}
        self._comments: bytes | None = None
        self._drawn: list[str] = []
        self._shown: list[Strip] = []
        self._editing = False
        super().__init__(
            text,
            soft_wrap=False,
            tab_behavior="indent",
            show_line_numbers=True,
            max_checkpoints=400,
            **arguments,
        )
        self.indent_type = "tabs"
        self.indent_width = 8

    @property
    def game(self) -> GameApp:
        """The game this widget belongs to."""
        from kmemquest.tui.app import GameApp

        app = self.app
        assert isinstance(app, GameApp)
        return app

    def on_mount(self) -> None:
        """A cursor that blinks is motion."""
        self.cursor_blink = self.game.services.preferences.motion == "full"
        self._dress()

    def _dress(self) -> None:
        """Under the cursor only the ground changes: the colours of the code stay."""
        ground = self.app.theme_variables.get("panel", "")[:7]
        self.register_theme(
            TextAreaTheme("kmemquest", cursor_line_style=Style(bgcolor=ground or None))
        )
        self.theme = "css"
        self.theme = "kmemquest"

    def mark(self, marks: Mapping[int, str]) -> None:
        """Show other marks in the gutter."""
        if marks != self._marks:
            self._marks = dict(marks)
            self.refresh()

    @property
    def marks(self) -> Mapping[int, str]:
        """The marks in the gutter: line (0-based) to severity."""
        return self._marks

    def go(self, line: int, column: int = 1) -> None:
        """Place the cursor; both numbers count from 1, a tab being one column."""
        row = min(max(line - 1, 0), self.document.line_count - 1)
        place = min(max(column - 1, 0), len(self.document.get_line(row)))
        self.move_cursor((row, place), center=True)

    def replace_all(self, text: str) -> None:
        """Put another text in as one step that can be undone."""
        self.replace(text, (0, 0), self.document.end, maintain_selection_offset=False)
        self.move_cursor((0, 0))

    # --- drawing --------------------------------------------------------------------------------

    def notify_style_update(self) -> None:
        """A theme change means new colours."""
        super().notify_style_update()
        self._shown = []
        if self.is_mounted:
            self._dress()

    def refresh(
        self,
        *regions: Region,
        repaint: bool = True,
        layout: bool = False,
        recompose: bool = False,
    ) -> Self:
        """Repaint only the rows that differ from those shown; a key changes one or two."""
        if regions or layout or recompose or not repaint or not self._shown:
            return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        if self._editing:
            return self
        width, height = self.size
        before, self._shown = self._shown, [self.render_line(y) for y in range(height)]
        if len(before) != height:
            return super().refresh()
        rows = [
            y for y, (old, new) in enumerate(zip(before, self._shown, strict=True)) if old != new
        ]
        if rows:
            super().refresh(*(Region(0, y, width, 1) for y in rows))
        return self

    def edit(self, edit: Edit) -> EditResult:
        """Change the text; it is drawn when all of the editor knows of it."""
        with self._edited():
            return super().edit(edit)

    def _undo_batch(self, edits: Sequence[Edit]) -> None:
        with self._edited():
            super()._undo_batch(edits)

    def _redo_batch(self, edits: Sequence[Edit]) -> None:
        with self._edited():
            super()._redo_batch(edits)

    @contextmanager
    def _edited(self) -> Iterator[None]:
        self._editing = True
        try:
            yield
        finally:
            self._editing = False
            self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """What is painted is what the next repaint is compared with."""
        strips = super().render_lines(crop)
        if not self._shown and self.is_mounted:
            self._shown = [self.render_line(y) for y in range(self.size.height)]
        return strips

    def _build_highlight_map(self) -> None:
        """Every edit comes by here. Typing within a line leaves the other drawn lines alone."""
        before, self._drawn = self._drawn, list(self.document.lines)
        row = _only_difference(before, self._drawn)
        if row is not None and self._comments is not None:
            starts = bool(self._comments[row])
            if highlight(before[row], starts)[1] == highlight(self._drawn[row], starts)[1]:
                for key in list(self._line_cache.keys()):
                    if key[2] == row:
                        self._line_cache.discard(key)
                return
        self._comments = None
        super()._build_highlight_map()

    def get_line(self, line_index: int) -> Text:
        """A line in colours."""
        line = super().get_line(line_index)
        if not self._colours:
            return line
        if self._comments is None:
            self._comments = comment_states(self.document.lines)
        key = (line.plain, bool(self._comments[line_index]))
        pieces = self._pieces.get(key)
        if pieces is None:
            if len(self._pieces) > MAX_PIECES:
                self._pieces.clear()
            pieces = self._pieces[key] = highlight(*key)[0]
        inks = self.game.inks
        start = 0
        for tone, text in pieces:
            end = start + len(text)
            if tone != "plain":
                line.stylize(inks[tone], start, end)
            start = end
        return line

    def render_line(self, y: int) -> Strip:
        """A line with its mark between number and text."""
        strip = super().render_line(y)
        severity = self._marks.get(y + self.scroll_offset.y)
        if severity is None or not self.show_line_numbers:
            return strip
        game = self.game
        bad = severity == "error"
        first, *others = list(strip)
        glyph = game.glyphs.unmet if bad else game.glyphs.flag
        style = (first.style or self.rich_style) + game.inks["bad" if bad else "warn"]
        segments = [Segment(first.text[:-2], style), Segment(f"{glyph} ", style), *others]
        return Strip(segments, strip.cell_length)

    # --- typing ---------------------------------------------------------------------------------

    async def _on_key(self, event: Key) -> None:
        """Enter keeps the indentation; Escape belongs to the screen."""
        if event.key == "escape":
            # TextArea would move the focus on; the event goes on to the screen's bindings.
            event.prevent_default()
            return
        if event.key == "enter" and not self.read_only:
            event.stop()
            event.prevent_default()
            row, column = self.selection.start
            before = self.document.get_line(row)[:column]
            indent = before[: len(before) - len(before.lstrip())]
            if before.rstrip().endswith(("{", "(")) and self._colours:
                indent += "\t"
            self._replace_via_keyboard("\n" + indent, *self.selection)
            return
        if event.character == "}" and not self.read_only:
            row, column = self.selection.end
            before = self.document.get_line(row)[:column]
            if before.endswith("\t") and not before.strip():
                event.stop()
                event.prevent_default()
                self._replace_via_keyboard("}", (row, column - 1), (row, column))
                return
        await super()._on_key(event)

    def _chosen_rows(self) -> range:
        (first, _), (last, column) = sorted((self.selection.start, self.selection.end))
        return range(first, last + (column > 0 or first == last))

    def action_outdent(self) -> None:
        """Take one tab off the chosen lines."""
        for row in self._chosen_rows():
            if self.document.get_line(row).startswith("\t"):
                self.delete((row, 0), (row, 1))

    def action_comment(self) -> None:
        """Put the chosen lines into comments, or take them out."""
        rows = self._chosen_rows()
        lines = [self.document.get_line(row) for row in rows]
        out = all(line.startswith("//") for line in lines)
        for row in rows:
            if out:
                self.delete((row, 0), (row, 2))
            else:
                self.insert("//", (row, 0))


def _only_difference(before: list[str], after: list[str]) -> int | None:
    """The only row in which two texts differ; None when there are more, or none."""
    if len(before) != len(after):
        return None
    rows = [row for row, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    return rows[0] if len(rows) == 1 else None
