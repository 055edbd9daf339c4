"""Review: what is due today, how a day is cut, topics, weaknesses, misconceptions, suspended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from textual import on, work
from textual.app import ComposeResult
from textual.events import Resize

from kmemquest.i18n import N_, _, ngettext
from kmemquest.quiz.review_plan import NoExamDay, Plan, Settings, plan, read_exam_day
from kmemquest.quiz.review_state import belief_states, cram, drill, topic_states, weaknesses
from kmemquest.tui.operations import BACK, Operation
from kmemquest.tui.review_source import ReviewDesk
from kmemquest.tui.screens.base import GameScreen, bindings
from kmemquest.tui.screens.quiz_question import now
from kmemquest.tui.widgets.caption import Head, TabLine
from kmemquest.tui.widgets.choice_list import Choice, ChoiceList
from kmemquest.tui.widgets.row import fit

CRAM = 20
"""Items of a cram or drill."""
TOPIC, WIDE_TOPIC = 20, 60
"""Cells of a topic's title beside an item; the second where the terminal has `WIDE` columns."""
WIDE = 120
SHOWN = 60
"""Items listed at most."""


class ReviewScreen(GameScreen):
    """The desk of review, in tabs."""

    NAME = "review"
    CSS_PATH = "quiz.tcss"
    HELP = "review"
    OPERATIONS = (
        Operation("review.open", "enter", "choose", N_("open"),
                  N_("Open the entry under the cursor."), shown="⏎"),
        Operation("review.tabs", "tab,right", "turn(1)", N_("next list"),
                  N_("Today, topics, weaknesses, misconceptions, suspended."), shown="tab"),
        Operation("review.tabs-back", "shift+tab,left", "turn(-1)", N_("tab before"),
                  N_("The tab before.")),
        Operation("review.undo-last", "u", "undo", N_("undo last"),
                  N_("Take the last grade back."), shown="u"),
        Operation("review.suspend-item", "s", "suspend", N_("suspend"),
                  N_("Take the question under the cursor out of review, or back in."), shown="s"),
        BACK,
    )  # fmt: skip
    BINDINGS = bindings(OPERATIONS)

    def __init__(self, desk: ReviewDesk) -> None:
        super().__init__()
        self._desk = desk
        self._tab = "today"
        self._words: dict[str, str] = {}
        """What the items ask, by key, as far as it was read."""
        self._unread: list[str] = []

    def body(self) -> ComposeResult:
        """Head, tabs, one list."""
        yield Head(_("review"), id="head")
        yield TabLine(self._tabs(), id="tabs")
        yield ChoiceList(id="list", click_chooses=False)

    def _tabs(self) -> list[tuple[str, str]]:
        return [
            ("today", _("today")),
            ("topics", _("topics")),
            ("weak", _("weaknesses")),
            ("beliefs", _("misconceptions")),
            ("suspended", _("suspended")),
        ]

    def on_mount(self) -> None:
        """The list has the keyboard."""
        self.query_one("#list", ChoiceList).focus()
        self._show()

    def on_resize(self, _event: Resize) -> None:
        """Titles take the room there is."""
        if self.is_mounted:
            self._show()

    def on_screen_resume(self) -> None:
        """Something may have been answered."""
        super().on_screen_resume()
        if self.is_mounted:
            self._show()

    # --- what is shown ------------------------------------------------------------------------

    def _plan(self, wanted: Callable[[str], bool] = lambda _key: True) -> Plan:
        return plan(self._desk.review, now(), self._settings, wanted)

    @property
    def _settings(self) -> Settings:
        return Settings.of(self.game.services.store)

    def _title(self, topic: str) -> str:
        return self.game.services.trainer.title(topic)

    def _show(self) -> None:
        today = self._plan()
        facts = _("{due} due · {new} new · {done} done today").format(
            due=len(today.due), new=len(today.new), done=today.done_today
        )
        self.query_one("#head", Head).show(_("review"), facts)
        self.query_one("#tabs", TabLine).show(self._tabs(), self._tab)
        makers = {
            "today": lambda: self._today(today),
            "topics": self._topics,
            "weak": self._weak,
            "beliefs": self._beliefs,
            "suspended": self._suspended,
        }
        self._unread = []
        self.query_one("#list", ChoiceList).show(makers[self._tab]())
        if self._unread:
            self._read_words(self._unread)

    @work(exclusive=True, group="words")
    async def _read_words(self, keys: Sequence[str]) -> None:
        """Read in the background: the files of every topic together are slow the first time."""
        words = self._desk.words
        self._words |= await asyncio.to_thread(lambda: {key: words(key) for key in keys})
        self._show()

    def _today(self, today: Plan) -> list[Choice]:
        settings = self._settings
        exam = settings.exam.isoformat() if settings.exam else _("none")
        count = len(today.queue)
        words = ngettext("{count} question", "{count} questions", count).format(count=count)
        note = ""
        if today.over_cap:
            note = _("More than the daily cap: the exam's date needs it.")
        elif today.left_over:
            note = _("{left} more are left for another day by the cap.").format(
                left=today.left_over
            )
        elif not count:
            note = _("Nothing is due. Cram, drill, or come back tomorrow.")
        choices = [
            Choice("start", _("Start today's review"), tail=words, note=note, tone="strong"),
            Choice("cram", _("Cram"), tail=_("worst known first; the schedule stays")),
            Choice("drill", _("Drill misconceptions"), tail=self._belief_count()),
            Choice("", ""),
            Choice("", _("Settings")),
            Choice("cap", _("Daily cap"), tail=str(settings.cap)),
            Choice("new", _("New ones a day"), tail=str(settings.new_per_day)),
            Choice("exam", _("Exam date"), tail=exam),
            Choice("", ""),
            Choice("", _("Due now, then new")),
        ]
        return choices + [self._item(key) for key in today.queue[:SHOWN]]

    def _belief_count(self) -> str:
        count = len(self._open_beliefs())
        return ngettext("{count} held", "{count} held", count).format(count=count)

    def _open_beliefs(self) -> list[str]:
        grades = self.game.services.store.review.grades
        return [state.belief for state in belief_states(grades) if not state.overcome]

    def _item(self, key: str, note: str = "") -> Choice:
        review = self._desk.review
        item = review.items[key]
        if review.card(key) is None:
            state = _("new")
        else:
            state = _("recall {share} %").format(share=round(100 * review.recall(key, now())))
        room = WIDE_TOPIC if self.size.width >= WIDE else TOPIC
        topic = fit(self._title(item.topic), room, self.glyphs.ellipsis).rstrip()
        tail = f"{topic} · {state}"
        if key not in self._words:
            self._unread.append(key)
        label = self._words.get(key, self.glyphs.ellipsis)
        return Choice("item " + key, label, tail=tail, note=note, one_row=True)

    def _topics(self) -> list[Choice]:
        cells = 10 if self.size.width >= WIDE else 5
        states = topic_states(self._desk.review, now(), self._settings)
        counts = {state.topic: f"{state.seen}/{state.items}" for state in states}
        widest = max(map(len, counts.values()), default=0)
        rows = []
        for state in states:
            filled = round(cells * (state.recall or 0))
            bar = self.glyphs.fill * filled + self.glyphs.empty * (cells - filled)
            right = self.glyphs.dash if state.right is None else round(100 * state.right)
            tail = _("{seen} seen · {due} due · {right} % right · recall {bar}").format(
                seen=f"{counts[state.topic]:>{widest}}",
                due=f"{state.due:>3}",
                right=f"{right:>3}",
                bar=bar,
            )
            title = self._title(state.topic)
            rows.append(Choice("topic " + state.topic, title, tail=tail, one_row=True))
        return rows

    def _weak(self) -> list[Choice]:
        rows = [
            self._item(
                state.key,
                ngettext("{n} time wrong", "{n} times wrong", state.wrong).format(n=state.wrong),
            )
            for state in weaknesses(self._desk.review, now())
        ]
        return rows or [Choice("", _("Nothing is badly known so far."), tone="quiet")]

    def _beliefs(self) -> list[Choice]:
        rows = []
        for state in belief_states(self.game.services.store.review.grades):
            mark = self.glyphs.met if state.overcome else self.glyphs.unmet
            words = self.game.services.trainer.belief(state.belief)
            rows.append(
                Choice(
                    "belief " + state.belief,
                    words or state.belief.replace("-", " "),
                    tail=_("overcome") if state.overcome else f"{state.held} ×",
                    mark=mark,
                    mark_tone="good" if state.overcome else "bad",
                )
            )
        return rows or [Choice("", _("No misconception has shown so far."), tone="quiet")]

    def _suspended(self) -> list[Choice]:
        review = self._desk.review
        rows = [self._item(key) for key in review.items if review.record(key).suspended]
        return rows or [Choice("", _("No question is suspended."), tone="quiet")]

    # --- doing --------------------------------------------------------------------------------

    def action_turn(self, by: int) -> None:
        """Another tab."""
        names = [name for name, _title in self._tabs()]
        self._tab = names[(names.index(self._tab) + by) % len(names)]
        self._show()
        self.query_one("#list", ChoiceList).action_edge(-1)

    @on(TabLine.Picked)
    def _picked(self, event: TabLine.Picked) -> None:
        self._tab = event.tab
        self._show()

    def action_choose(self) -> None:
        """Open the entry under the cursor."""
        current = self.query_one("#list", ChoiceList).current
        if current is not None:
            self._open(current.id)

    @on(ChoiceList.Chosen)
    def _chosen(self, event: ChoiceList.Chosen) -> None:
        self._open(event.choice.id)

    def _open(self, entry: str) -> None:
        word, _space, name = entry.partition(" ")
        review = self._desk.review
        match word:
            case "start":
                self._begin(self._plan().queue)
            case "cram":
                self._begin(cram(review, now(), CRAM, len(review.store.review.grades)), cram=True)
            case "drill":
                self._drill(self._open_beliefs())
            case "belief":
                self._drill([name])
            case "topic":
                keys = self._plan(lambda key: review.items[key].topic == name).queue
                if keys:
                    self._begin(keys)
                else:
                    self._begin(cram(review, now(), CRAM, 1, [name]), cram=True)
            case "item" if self._tab == "suspended":
                self.action_suspend()
            case "item":
                self._begin([name])
            case "cap" | "new" | "exam":
                self._ask_setting(word)

    def _begin(self, queue: Sequence[str], *, cram: bool = False) -> None:
        if not queue:
            self.notify(_("There is nothing to ask."), timeout=4)
            return
        from kmemquest.tui.screens.review_round import ReviewRoundScreen

        self.app.push_screen(ReviewRoundScreen(self._desk, queue, cram=cram))

    def _drill(self, beliefs: Sequence[str]) -> None:
        if not beliefs:
            self.notify(_("No misconception has shown so far."), timeout=4)
            return
        self.notify(_("Looking for questions that tempt with it…"), timeout=2)
        self.run_worker(self._find_drill(beliefs), exclusive=True, group="drill")

    async def _find_drill(self, beliefs: Sequence[str]) -> None:
        keys = await asyncio.to_thread(drill, self._desk.bank, beliefs)
        review = self._desk.review
        wanted = [k for k in keys if k in review.items and not review.record(k).suspended]
        self._begin(wanted[:CRAM])

    def action_undo(self) -> None:
        """Take the last grade back."""
        key = self._desk.review.undo()
        if key:
            words = _("Taken back: {item}").format(item=self._desk.words(key))
        else:
            words = _("There is no grade.")
        self.notify(words, timeout=4)
        self._show()

    def action_suspend(self) -> None:
        """Out of review, or back in."""
        current = self.query_one("#list", ChoiceList).current
        if current is None or not current.id.startswith("item "):
            return
        key = current.id.removeprefix("item ")
        self._desk.review.suspend(key, not self._desk.review.record(key).suspended)
        self.game.tell_trouble()
        self._show()

    def _ask_setting(self, name: str) -> None:
        from kmemquest.tui.screens.lab_sheets import NameScreen

        settings = self._settings
        none = _("none")
        exam = settings.exam.isoformat() if settings.exam else none
        asked = {
            "cap": (_("Daily cap"), _("How many answers a day, 1 to 9999?"), str(settings.cap)),
            "new": (
                _("New ones a day"),
                _("How many new questions a day, 1 to 9999?"),
                str(settings.new_per_day),
            ),
            "exam": (
                _("Exam date"),
                _("The day as year-month-day; “{none}” if there is no exam.").format(none=none),
                exam,
            ),
        }[name]
        self.app.push_screen(NameScreen(*asked), lambda text: self._set(name, text))

    def _set(self, name: str, text: str | None) -> None:
        if text is None:
            return
        settings = self._settings
        if name == "exam":
            try:
                day = read_exam_day(text, now().date())
            except NoExamDay as error:
                self.notify(str(error), severity="warning")
                return
            settings = replace(settings, exam=day)
        elif not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 9999):
            self.notify(_("Expected a number from 1 to 9999."), severity="warning")
            return
        elif name == "cap":
            settings = replace(settings, cap=int(text))
        else:
            settings = replace(settings, new_per_day=int(text))
        settings.save(self.game.services.store)
        self.game.tell_trouble()
        self._show()
