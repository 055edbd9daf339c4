"""The interview trainer's door: choose a topic."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult

from kmemquest.i18n import N_, _, ngettext
from kmemquest.tui.model import Topic
from kmemquest.tui.operations import BACK, Operation
from kmemquest.tui.review_source import due_at_a_glance
from kmemquest.tui.screens.base import GameScreen, bindings
from kmemquest.tui.screens.quiz_question import now
from kmemquest.tui.widgets.caption import Head
from kmemquest.tui.widgets.choice_list import Choice, ChoiceList
from kmemquest.tui.widgets.prose import Prose

ROUND = 10
"""Questions in a round."""


DOORS = ("review", "exam", "report")
"""Entries that are no topics; each opens a place of the game."""


def _door(key: str, place: str, label: str, words: str) -> Operation:
    return Operation(f"quiz-menu.{place}", key, f"app.go('{place}')", label, words, shown=key)


class QuizMenuScreen(GameScreen):
    """Topics with how many questions are answered right."""

    NAME = "quiz-menu"
    CSS_PATH = "quiz.tcss"
    HELP = "quiz-menu"
    OPERATIONS = (
        Operation(
            "quiz-menu.start",
            "enter",
            "start",
            N_("start"),
            N_("Ten questions of the topic under the cursor."),
            shown="⏎",
        ),
        _door("r", "review", N_("review"), N_("What is due today, and how a day is cut.")),
        _door("m", "exam", N_("mock interview"), N_("A timed paper without hints, and a report.")),
        _door("o", "report", N_("report"), N_("Answers, retention and what is coming, plotted.")),
        BACK,
    )
    BINDINGS = bindings(OPERATIONS)

    def __init__(self, topics: Sequence[Topic]) -> None:
        super().__init__()
        self._topics = tuple(topics)

    def body(self) -> ComposeResult:
        """Words, topics."""
        yield Head(_("interview trainer"), "")
        yield Prose((("plain", ""),))
        yield ChoiceList(self._choices(), id="topics")

    def on_mount(self) -> None:
        """The topics have the keyboard."""
        topics = self.query_one("#topics", ChoiceList)
        topics.focus()
        topics.move_to("*")

    def on_screen_resume(self) -> None:
        """More may be answered now."""
        super().on_screen_resume()
        self.query_one("#topics", ChoiceList).show(self._choices())

    def _due(self) -> str:
        count = due_at_a_glance(self.game.services.store, now())
        if not count:
            return _("spaced so that it stays")
        return ngettext("{count} due", "{count} due", count).format(count=count)

    def _choices(self) -> list[Choice]:
        tallies = self.game.services.store.questions().values()
        total = sum(topic.questions for topic in self._topics)
        words = ngettext("{count} question", "{count} questions", total).format(count=total)
        choices = [
            Choice("review", _("Review"), "r", self._due()),
            Choice("exam", _("Mock interview"), "m", _("timed, no hints, a report at the end")),
            Choice("report", _("Report"), "o", _("retention and progress, plotted")),
            Choice("", ""),
            Choice("", _("Practice: ten questions a round, an explanation after each")),
            Choice("*", _("A mix of everything"), tail=words),
        ]
        for topic in self._topics:
            seen = [tally for tally in tallies if tally.topic == topic.id]
            right = sum(tally.last_right for tally in seen)
            count = ngettext("{count} question", "{count} questions", topic.questions).format(
                count=topic.questions
            )
            known = _("{right} right of {seen} · ").format(right=right, seen=len(seen))
            choices.append(Choice(topic.id, topic.title, tail=(known if seen else "") + count))
        return choices

    @on(ChoiceList.Chosen, "#topics")
    def action_start(self) -> None:
        """Draw a round. Its seed counts the answers given so far, so no two rounds are alike."""
        current = self.query_one("#topics", ChoiceList).current
        if current is None:
            return
        if current.id in DOORS:
            self.game.action_go(current.id)
            return
        store = self.game.services.store
        seed = sum(tally.seen for tally in store.questions().values()) + 1
        topic = None if current.id == "*" else current.id
        items = self.game.services.trainer.draw(topic, ROUND, seed)
        if not items:
            self.notify(_("There are no questions on this topic yet."))
            return
        from kmemquest.tui.screens.quiz import QuizScreen

        self.app.push_screen(QuizScreen(items))
