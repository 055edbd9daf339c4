"""Numbers and truth values as the kernel reads them from text (`lib/kstrtox.c`)."""

from __future__ import annotations

from typing import Final

EINVAL: Final = 22
ERANGE: Final = 34


class NumberTextError(Exception):
    """The text is not what was wanted; `number` is the error (positive)."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def read_number(text: str, base: int, size: int, *, signed: bool) -> int:
    """Return the number that the whole text is, but for one line feed at its end.

    `size` is in bytes. Base 0 takes `0x` and a leading `0` (octal). Raises NumberTextError: EINVAL
    for what is no number, a minus where none may be included, ERANGE for what does not fit.
    """
    word = text.removesuffix("\n")
    digits = word[1:] if word[:1] in (("+", "-") if signed else ("+",)) else word
    if (
        digits[:1] in ("", "+", "-", " ", "_")
        or "_" in digits
        or digits[:2].lower() in ("0b", "0o")
    ):
        raise NumberTextError(EINVAL)
    if base == 0 and len(digits) > 1 and digits[0] == "0" and digits[1] not in "xX":
        base = 8
    try:
        value = int(digits, base)
    except ValueError:
        raise NumberTextError(EINVAL) from None
    value = -value if word.startswith("-") else value
    if not -(1 << (8 * size - 1)) * signed <= value < 1 << (8 * size - signed):
        raise NumberTextError(ERANGE)
    return value


def read_truth(text: str) -> bool:
    """Return what a word like `y`, `off` or `1` says; only its first letters count."""
    word = text[:2].lower()
    if word[:1] in ("y", "t", "1") or word == "on":
        return True
    if word[:1] in ("n", "f", "0") or word == "of":
        return False
    raise NumberTextError(EINVAL)
