"""`kmemquest review`: what is due today, line by line; each answer is saved at once."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from datetime import date, datetime

from kmemquest.cli.asking import QUIT, Ended, Word, ask, print_feedback, print_question
from kmemquest.cli.errors import BadInput
from kmemquest.cli.language_option import choose_language
from kmemquest.cli.save import open_save
from kmemquest.cli.terminal import print_prose, read_line
from kmemquest.i18n import _, language, ngettext
from kmemquest.level.library import Library
from kmemquest.quiz.bank import Bank, open_bank
from kmemquest.quiz.draw import topic_title
from kmemquest.quiz.generators import load_generators
from kmemquest.quiz.grade import Grade
from kmemquest.quiz.question import Question
from kmemquest.quiz.review import AGAIN, EASY, GOOD, HARD, Review
from kmemquest.quiz.review_item import item_words, items_of, question_of
from kmemquest.quiz.review_plan import NoExamDay, Plan, Settings, plan, read_exam_day
from kmemquest.quiz.review_state import (
    belief_states,
    cram,
    drill,
    forecast,
    retention,
    topic_states,
    weaknesses,
)
from kmemquest.store import Store
from kmemquest.tui.predictions import SIZE, prediction_items, prediction_of

_CRAM_COUNT = 20
_WORDS = 56
"""Characters of a question in a list."""
_RATINGS = {"again": AGAIN, "hard": HARD, "good": GOOD, "easy": EASY}


def now() -> datetime:
    """Return the present moment with the player's time zone."""
    return datetime.now().astimezone()


def command(arguments: argparse.Namespace) -> int:
    """Change settings, tell the state, or ask what is due; exit 0 unless the input was bad."""
    choose_language(arguments.language)
    load_generators()
    bank, store, library = open_bank(), open_save(), Library.open()
    try:
        review = Review(store, items_of(bank, prediction_items(library, store)))
        settings = _settings(arguments, store)
        if arguments.undo or arguments.suspend or arguments.resume:
            return _change(arguments, review, bank, library)
        if arguments.list or arguments.json:
            return _tell(arguments, review, settings, bank, library)
        return _Round(arguments, review, settings, bank, library).go()
    finally:
        store.close()


def _settings(arguments: argparse.Namespace, store: Store) -> Settings:
    settings = Settings.of(store)
    for name, value in (("cap", arguments.cap), ("new", arguments.new)):
        if value is not None and not 1 <= value <= 9999:
            raise BadInput(f"--{name} must lie between 1 and 9999")
    if arguments.cap is not None:
        settings = replace(settings, cap=arguments.cap)
    if arguments.new is not None:
        settings = replace(settings, new_per_day=arguments.new)
    if arguments.exam_date is not None:
        settings = replace(settings, exam=_day(arguments.exam_date))
    settings.save(store)
    return settings


def _day(word: str) -> date | None:
    try:
        return read_exam_day(word, now().date())
    except NoExamDay as error:
        raise BadInput(f"--exam-date {word}: {error}") from None


def _item_line(key: str, review: Review, bank: Bank, library: Library) -> str:
    """Return how a question begins, and the key by which the command line knows it."""
    item = review.items.get(key)
    if item is None:
        return key
    if item.is_prediction:
        try:
            words = library.entry(item.name.removesuffix(SIZE)).title()
        except LookupError:
            return key
    else:
        words = item_words(item, bank, language(), review.seed_of(key))
    if len(words) > _WORDS:
        words = words[: _WORDS - 1].rstrip() + "…"
    return f"{words} ({key})"


def _change(arguments: argparse.Namespace, review: Review, bank: Bank, library: Library) -> int:
    if arguments.undo:
        key = review.undo()
        words = _item_line(key, review, bank, library) if key else ""
        print(_("Taken back: {item}").format(item=words) if key else _("There is no grade."))
    for word, suspended in ((arguments.suspend, True), (arguments.resume, False)):
        if word is None:
            continue
        if word not in review.items:
            raise BadInput(f"no item {word!r}: items read q:QUESTION, g:FAMILY or p:LEVEL")
        review.suspend(word, suspended)
        said = _("Suspended: {item}") if suspended else _("Back in review: {item}")
        print(said.format(item=_item_line(word, review, bank, library)))
    return 0


def _wanted(arguments: argparse.Namespace, review: Review, moment: datetime, bank: Bank) -> Plan:
    """Return what to ask in this round: the day's plan, a cram or a drill."""
    topics = {item.topic for item in review.items.values()}
    if arguments.topic is not None and arguments.topic not in topics:
        raise BadInput(f"no topic {arguments.topic!r}: there are {', '.join(sorted(topics))}")
    if arguments.cram:
        chosen = [arguments.topic] if arguments.topic else []
        seed = arguments.seed if arguments.seed is not None else int(moment.timestamp())
        keys = cram(review, moment, arguments.count or _CRAM_COUNT, seed, chosen)
        return Plan(keys, (), 0)
    if arguments.drill:
        states = belief_states(review.store.review.grades)
        open_beliefs = [each.belief for each in states if not each.overcome]
        keys = tuple(k for k in drill(bank, open_beliefs) if not review.record(k).suspended)
        return Plan(keys[: arguments.count or _CRAM_COUNT], (), 0)
    return plan(
        review,
        moment,
        Settings.of(review.store),
        lambda key: arguments.topic in (None, review.items[key].topic),
    )


def _tell(
    arguments: argparse.Namespace,
    review: Review,
    settings: Settings,
    bank: Bank,
    library: Library,
) -> int:
    moment = now()
    today = _wanted(arguments, review, moment, bank)
    topics = topic_states(review, moment, settings)
    weak = weaknesses(review, moment)
    beliefs = belief_states(review.store.review.grades)
    if arguments.json:
        days = retention(review.store.review.grades, moment)
        state = {
            "due": list(today.due),
            "new": list(today.new),
            "done_today": today.done_today,
            "left_over": today.left_over,
            "over_cap": today.over_cap,
            "cap": settings.cap,
            "new_per_day": settings.new_per_day,
            "exam_date": settings.exam.isoformat() if settings.exam else None,
            "topics": [asdict(each) for each in topics],
            "weaknesses": [asdict(each) for each in weak],
            "beliefs": [{**asdict(each), "overcome": each.overcome} for each in beliefs],
            "retention": [{**asdict(each), "day": each.day.isoformat()} for each in days],
            "forecast": list(forecast(review, moment, settings)),
        }
        print(json.dumps(state, ensure_ascii=False, indent=1))
        return 0
    _tell_plan(today, settings)
    print(_("Topic, items, seen, due, right, recalled now:"))
    for row in topics:
        right, recall = _share(row.right), _share(row.recall)
        title = topic_title(bank, row.topic, language())
        print(
            f"  {row.topic:<17} {row.items:>4} {row.seen:>4} {row.due:>4} {right:>5} {recall:>5}"
            f"  {title}"
        )
    if weak:
        print(_("Weakest:"))
        for item in weak:
            words = _item_line(item.key, review, bank, library)
            print(f"  {item.wrong:>3} × ✗  {_share(item.recall):>5}  {words}")
    open_beliefs = [each for each in beliefs if not each.overcome]
    if open_beliefs:
        print(_("Misconceptions to drill (kmemquest review --drill):"))
        for each in open_beliefs:
            words = bank.belief(each.belief, language()) or each.belief.replace("-", " ")
            print(f"  {each.held:>3} × {words}")
    return 0


def _share(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f}%"


def _tell_plan(today: Plan, settings: Settings) -> None:
    print(
        _("Today: {due} due, {new} new; {done} done, {left} left for later.").format(
            due=len(today.due), new=len(today.new), done=today.done_today, left=today.left_over
        )
    )
    if settings.exam is not None and settings.exam > now().date():
        print(_("Exam on {day}.").format(day=settings.exam.isoformat()))
    if today.over_cap:
        print(_("More than the daily cap: the exam's date needs it."))


class _Round:
    """One sitting at the review."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        review: Review,
        settings: Settings,
        bank: Bank,
        library: Library,
    ) -> None:
        self._arguments = arguments
        self._review = review
        self._settings = settings
        self._bank = bank
        self._library = library
        self._right = 0
        self._asked = 0

    def go(self) -> int:
        """Ask until the queue or the input ends."""
        today = _wanted(self._arguments, self._review, now(), self._bank)
        queue = list(today.queue)
        if self._arguments.count is not None:
            queue = queue[: max(0, self._arguments.count)]
        if self._arguments.cram or self._arguments.drill:
            self._tell_unplanned(len(queue))
        else:
            _tell_plan(today, self._settings)
        print(_("Words besides answers: undo, suspend, skip, quit."))
        try:
            while queue:
                queue += self._one(queue.pop(0), len(queue))
        except Ended:
            pass
        print()
        print(
            ngettext(
                "{right} of {asked} question right.",
                "{right} of {asked} questions right.",
                self._asked,
            ).format(right=self._right, asked=self._asked)
        )
        return 0

    def _tell_unplanned(self, count: int) -> None:
        """Tell what a cram or a drill asks: nothing of it is due."""
        if self._arguments.cram:
            words = ngettext(
                "{n} question to cram; the schedule stays.",
                "{n} questions to cram; the schedule stays.",
                count,
            )
        elif count:
            words = ngettext(
                "{n} question to drill: it tempts with misconceptions not overcome yet.",
                "{n} questions to drill: they tempt with misconceptions not overcome yet.",
                count,
            )
        else:
            words = _("No misconception is left to drill.")
        print(words.format(n=count))

    def _one(self, key: str, left: int) -> list[str]:
        """Ask one item; returns what is to be asked again in this round."""
        question = self._question(key)
        if question is None:
            return []
        print()
        print_question(question, _("[{left} more]").format(left=left))
        while True:
            try:
                result = ask(question, ("undo", "suspend", "skip"))
                break
            except Word as typed:
                if typed.word == "undo":
                    undone = self._review.undo()
                    if undone:
                        print(_("Taken back: {item}").format(item=self._line(undone)))
                    else:
                        print(_("There is no grade."))
                    continue
                if typed.word == "suspend":
                    self._review.suspend(key)
                    print(_("Suspended: {item}").format(item=self._line(key)))
                return []
        print_feedback(result, self._bank, language())
        self._asked += 1
        self._right += result.passed
        self._save(key, result)
        again = not result.passed and not self._arguments.cram
        return [key] if again and self._asked < 500 else []

    def _line(self, key: str) -> str:
        return _item_line(key, self._review, self._bank, self._library)

    def _save(self, key: str, result: Grade) -> None:
        """Save at once with the derived rating; a typed word may change it."""
        moment = now()
        cram_mode = bool(self._arguments.cram)
        self._review.answered(key, result, moment, cram=cram_mode)
        if cram_mode or not result.passed:
            return
        print_prose([_("Enter: good. Or: hard, easy, again.")])
        word = self._rating_word()
        if word in _RATINGS and _RATINGS[word] != GOOD:
            self._review.undo()
            self._review.answered(key, result, moment, rating=_RATINGS[word])

    def _rating_word(self) -> str:
        line = read_line() or ""
        if line.strip() in QUIT:
            raise Ended
        return line.strip().lower()

    def _question(self, key: str) -> Question | None:
        item = self._review.items[key]
        if item.is_prediction:
            return prediction_of(self._library, item.name)
        seed = self._arguments.seed
        if seed is None:
            seed = self._review.seed_of(key)
        return question_of(item, self._bank, language(), seed)
