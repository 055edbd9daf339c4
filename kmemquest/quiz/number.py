"""Reading numbers as people type them: `4096`, `4 KiB`, `4k`, `0x1000`, `1,024`, `1 page`."""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from typing import Final

from kmemquest.i18n import _
from kmemquest.quiz.given import unit_word

PAGE_BYTES: Final = 4096
MAX_LENGTH: Final = 60
_NUMBER: Final = re.compile(
    r"(?P<sign>[-+]?)(?:(?P<hex>0[xX][0-9a-fA-F]+)|(?P<whole>[0-9]+)(?:\.(?P<part>[0-9]+))?)"
)
_GROUPS: Final = re.compile(r"(?<=[0-9])[,_' ](?=[0-9]{3}(?![0-9]))")
_BYTES: Final = {
    "": 1, "b": 1, "byte": 1, "bytes": 1, "字节": 1,
    "k": 1 << 10, "kb": 1 << 10, "kib": 1 << 10,
    "m": 1 << 20, "mb": 1 << 20, "mib": 1 << 20,
    "g": 1 << 30, "gb": 1 << 30, "gib": 1 << 30,
    "t": 1 << 40, "tb": 1 << 40, "tib": 1 << 40,
    "page": PAGE_BYTES, "pages": PAGE_BYTES, "页": PAGE_BYTES, "个页": PAGE_BYTES,
}  # fmt: skip
_PAGES: Final = frozenset({"", "page", "pages", "页", "个页", "frame", "frames", "个页框", "页框"})
_TIMES: Final = {
    "": 1, "ns": 1, "nanoseconds": 1, "纳秒": 1, "us": 1000, "µs": 1000, "μs": 1000, "微秒": 1000,
    "ms": 10**6, "毫秒": 10**6, "s": 10**9, "sec": 10**9, "seconds": 10**9, "秒": 10**9,
}  # fmt: skip
_COUNTS: Final = {
    "objects": ("object", "objects", "个对象", "对象"),
    "slots": ("slot", "slots", "个槽", "槽"),
    "order": ("order", "阶"),
    "calls": ("call", "calls", "次", "times"),
    "blocks": ("block", "blocks", "个块", "块"),
    "cpus": ("cpu", "cpus", "个cpu"),
    "none": (),
}


class NotANumber(ValueError):
    """What was typed is no number in a unit that fits; the text says what was expected."""


def read_quantity(text: str, unit: str = "none") -> int:
    """Return the number in the question's unit; NotANumber for anything else.

    `unit` is one of the bank's units. Bytes and pages of 4 KiB are converted into each other, and
    KB is read as 1024 bytes, as the kernel prints it.
    """
    cleaned = unicodedata.normalize("NFKC", text).strip()
    if not cleaned:
        raise NotANumber(_("Give an answer first."))
    shown = quoted(cleaned)
    if len(cleaned) > MAX_LENGTH:
        raise _no_whole_number(shown, unit)
    cleaned = _GROUPS.sub("", cleaned)
    if unit == "order":
        cleaned = re.sub(r"^order\s*(?=[0-9])", "", cleaned, flags=re.IGNORECASE)
    found = _NUMBER.match(cleaned)
    if found is None:
        raise _no_whole_number(shown, unit)
    number = _value(found) * _factor(cleaned[found.end() :].strip().lower(), unit, shown)
    if number.denominator != 1:
        raise _no_whole_number(shown, unit)
    return int(number)


def quoted(text: str) -> str:
    """Return what was typed as it may be shown again: short, and nothing a terminal would obey."""
    return "".join(sign if sign.isprintable() else "�" for sign in text[:MAX_LENGTH])


def _no_whole_number(shown: str, unit: str) -> NotANumber:
    if counted := _counted_in(unit):
        words = _("“{text}” is no whole number; the answer is counted in: {unit}")
        return NotANumber(words.format(text=shown, unit=counted))
    return NotANumber(_("“{text}” is no whole number").format(text=shown))


def _counted_in(unit: str) -> str:
    """Return a unit as it stands in a sentence; empty for a plain number."""
    return unit_word(unit).strip("()（）")


def _value(found: re.Match[str]) -> Fraction:
    if found["hex"]:
        number = Fraction(int(found["hex"], 16))
    else:
        number = Fraction(f"{found['whole']}.{found['part'] or 0}")
    return -number if found["sign"] == "-" else number


def _factor(word: str, unit: str, shown: str) -> Fraction:
    """Return how many of the question's units one of the typed ones is."""
    if unit == "bytes" and word in _BYTES:
        return Fraction(_BYTES[word])
    if unit == "pages":
        if word in _PAGES:
            return Fraction(1)
        if word in _BYTES:
            return Fraction(_BYTES[word], PAGE_BYTES)
    if unit == "ns" and word in _TIMES:
        return Fraction(_TIMES[word])
    if not word or word in _COUNTS.get(unit, ()):
        return Fraction(1)
    typed = quoted(word)
    if counted := _counted_in(unit):
        words = _("“{text}”: “{word}” does not fit; the answer is counted in: {unit}")
        raise NotANumber(words.format(text=shown, word=typed, unit=counted))
    words = _("“{text}”: “{word}” does not fit; a plain number is wanted")
    raise NotANumber(words.format(text=shown, word=typed))
