"""`kmemquest bank`: how many questions there are, by topic, kind, difficulty and language."""

from __future__ import annotations

import argparse
import json
from collections import Counter

from kmemquest.content import assets_root
from kmemquest.i18n import LANGUAGES
from kmemquest.quiz.bank import languages_of, open_bank
from kmemquest.quiz.generator import GENERATORS
from kmemquest.quiz.generators import load_generators


def command(arguments: argparse.Namespace) -> int:
    """Print the counts."""
    load_generators()
    bank = open_bank()
    entries = bank.entries
    made = GENERATORS.values()
    worded = {topic: languages_of(assets_root() / "quiz", topic) for topic in bank.topics}
    counts: dict[str, object] = {
        "questions": len(entries),
        "generators": len(GENERATORS),
        "topics": _count([e.topic for e in entries] + [g.topic for g in made]),
        "kinds": _count([e.kind for e in entries]),
        "difficulties": _count([str(e.difficulty) for e in entries]),
        "languages": {
            language: sum(language in worded[entry.topic] for entry in entries)
            for language in LANGUAGES
        },
    }
    if arguments.json:
        print(json.dumps(counts, ensure_ascii=False, indent=1))
        return 0
    for name, value in counts.items():
        if isinstance(value, dict):
            print(f"{name}:")
            for key, number in value.items():
                print(f"  {key:<24} {number:>5}")
        else:
            print(f"{name + ':':<26} {value:>5}")
    return 0


def _count(words: list[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))
