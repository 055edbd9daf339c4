"""`kmemquest review`: what is due today, line by line; each answer is saved at once."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, replace
from datetime import date, datetime

from kmemquest.cli.asking import Ended, Word, ask, print_feedback, print_question
from kmemquest.cli.errors import BadInput
from kmemquest.cli.language_option import choose_language
from kmemquest.cli.save import open_save
from kmemquest.i18n import _, language, ngettext
from kmemquest.level.library import Library
from kmemquest.quiz.bank import Bank, open_bank
from kmemquest.quiz.generators import load_generators
from kmemquest.quiz.grade import Grade
from kmemquest.quiz.question import Question
from kmemquest.quiz.review import AGAIN, EASY, GOOD, HARD, Review
from kmemquest.quiz.review_item import items_of, question_of
from kmemquest.quiz.review_plan import Plan, Settings, plan
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
from kmemquest.tui.predictions import prediction_items, prediction_of

_CRAM_COUNT = 20
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
            return _change(arguments, review)
        if arguments.list or arguments.json:
            return _tell(arguments, review, settings)
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
    if word == "none":
        return None
    try:
        return date.fromisoformat(word)
    except ValueError:
        raise BadInput(f"--exam-date {word}: expected a day such as 2026-12-24, or none") from None


def _change(arguments: argparse.Namespace, review: Review) -> int:
    if arguments.undo:
        key = review.undo()
        print(_("Taken back: {item}").format(item=key) if key else _("There is no grade."))
    for word, suspended in ((arguments.suspend, True), (arguments.resume, False)):
        if word is None:
            continue
        if word not in review.items:
            raise BadInput(f"no item {word!r}: items read q:QUESTION, g:FAMILY or p:LEVEL")
        review.suspend(word, suspended)
        print(_("Suspended: {item}").format(item=word) if suspended else word)
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
        held = [each.belief for each in belief_states(review.store.review.grades)]
        open_beliefs = [
            each.belief
            for each in belief_states(review.store.review.grades)
            if each.belief in held and not each.overcome
        ]
        keys = tuple(k for k in drill(bank, open_beliefs) if not review.record(k).suspended)
        return Plan(keys[: arguments.count or _CRAM_COUNT], (), 0)
    return plan(
        review,
        moment,
        Settings.of(review.store),
        lambda key: arguments.topic in (None, review.items[key].topic),
    )


def _tell(arguments: argparse.Namespace, review: Review, settings: Settings) -> int:
    moment = now()
    today = _wanted(arguments, review, moment, open_bank())
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
        right, recall = f"{100 * row.right:.0f}%", f"{100 * row.recall:.0f}%"
        print(f"  {row.topic:<24} {row.items:>4} {row.seen:>4} {row.due:>4} {right:>5} {recall:>5}")
    if weak:
        print(_("Weakest:"))
        for item in weak:
            print(f"  {item.key:<40} {item.wrong:>3} × ✗  {100 * item.recall:.0f}%")
    open_beliefs = [each for each in beliefs if not each.overcome]
    if open_beliefs:
        print(_("Misconceptions to drill (kmemquest review --drill):"))
        for each in open_beliefs:
            words = open_bank().belief(each.belief, language()) or each.belief
            print(f"  {each.held:>3} × {words}")
    return 0


def _tell_plan(today: Plan, settings: Settings) -> None:
    print(
        _("Today: {due} due, {new} new; {done} done, {left} left for later.").format(
            due=len(today.due), new=len(today.new), done=today.done_today, left=today.left_over
        )
    )
    if settings.exam is not None:
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
        _tell_plan(today, self._settings)
        queue = list(today.queue)
        if self._arguments.count is not None:
            queue = queue[: max(0, self._arguments.count)]
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
                    print(_("Taken back: {item}").format(item=undone or "–"))
                    continue
                if typed.word == "suspend":
                    self._review.suspend(key)
                    print(_("Suspended: {item}").format(item=key))
                return []
        print_feedback(result, self._bank, language())
        self._asked += 1
        self._right += result.passed
        self._save(key, result)
        again = not result.passed and not self._arguments.cram
        return [key] if again and self._asked < 500 else []

    def _save(self, key: str, result: Grade) -> None:
        """Save at once with the derived rating; a typed word may change it."""
        moment = now()
        cram_mode = bool(self._arguments.cram)
        self._review.answered(key, result, moment, cram=cram_mode)
        if cram_mode or not result.passed:
            return
        print(_("Enter: good. Or: hard, easy, again."))
        word = self._rating_word()
        if word in _RATINGS and _RATINGS[word] != GOOD:
            self._review.undo()
            self._review.answered(key, result, moment, rating=_RATINGS[word])

    def _rating_word(self) -> str:
        print("> ", end="", flush=True)
        line = sys.stdin.readline()
        if line.strip() in ("q", "quit"):
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
