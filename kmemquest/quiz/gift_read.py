"""Reading GIFT into bank files; what the bank cannot hold, or GIFT does not say, is listed.

Bounded and forgiving: a question that cannot be read is dropped with its line, the rest is kept.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from kmemquest.content.problem import Problem, ProblemsFound
from kmemquest.quiz.gift import Dropped

MAX_BYTES: Final = 1 << 20
MAX_QUESTIONS: Final = 200
_TITLE: Final = re.compile(r"^::((?:[^:\\]|\\.|:(?!:))*)::")
_FORMAT: Final = re.compile(r"^\[[a-z]+\]")
_WEIGHT: Final = re.compile(r"^%(-?[0-9]+(?:\.[0-9]+)?)%")
_TOPIC: Final = re.compile(r"^// topic: [a-z0-9-]+, difficulty: ([1-5])$")


@dataclass(slots=True)
class Imported:
    """Questions read from GIFT: data of a structure file and of a words file, and what is lost."""

    questions: list[dict[str, Any]] = field(default_factory=list)
    words: dict[str, dict[str, Any]] = field(default_factory=dict)
    dropped: list[Dropped] = field(default_factory=list)
    left_out: int = 0
    """Questions beyond MAX_QUESTIONS, which one topic cannot hold."""
    topic: str = ""
    taken: Collection[str] = ()
    """Ids that are spoken for: a question called so gets the topic before its id."""


@dataclass(frozen=True, slots=True)
class _Answer:
    right: bool
    weight: float
    text: str
    feedback: str


def read_gift(
    text: str, file: str = "<gift>", topic: str = "", taken: Collection[str] = ()
) -> Imported:
    """Read GIFT text; ProblemsFound if it is no such text or too much of it.

    Questions called like one of `taken` are called after the `topic`, too.
    """
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise ProblemsFound([Problem(file, 0, 0, f"larger than {MAX_BYTES >> 10} KiB")])
    result = Imported(topic=topic, taken=taken)
    difficulty = 3
    for line, block in _blocks(text):
        body = []
        for row in block:
            if found := _TOPIC.match(row.strip()):
                difficulty = int(found[1])
            elif not row.lstrip().startswith(("//", "$CATEGORY")):
                body.append(row)
        joined = "\n".join(body).strip()
        if joined:
            _question(joined, line, difficulty, file, result)
    if not result.questions and not result.dropped:
        raise ProblemsFound([Problem(file, 1, 1, "no GIFT question found", "{=right ~wrong}")])
    return result


def _blocks(text: str) -> list[tuple[int, list[str]]]:
    blocks: list[tuple[int, list[str]]] = []
    current: list[str] = []
    start = 1
    for number, row in enumerate(text.replace("\r\n", "\n").lstrip("\ufeff").split("\n"), 1):
        if row.strip():
            if not current:
                start = number
            current.append(row)
        elif current:
            blocks.append((start, current))
            current = []
    if current:
        blocks.append((start, current))
    return blocks


def _question(text: str, line: int, difficulty: int, file: str, result: Imported) -> None:
    title = f"line {line}"
    if found := _TITLE.match(text):
        title = _plain(found[1])
        text = text[found.end() :]
    text = _FORMAT.sub("", text.strip())
    start, end = _find(text, "{"), _find(text, "}")
    if start < 0 or end < start:
        result.dropped.append(Dropped(title, "no answers in braces: a description"))
        return
    prompt = _plain(text[:start]).strip()
    if tail := _plain(text[end + 1 :]):
        prompt = f"{prompt} _____ {tail}"
    body, _general, explanation = _partition(text[start + 1 : end].strip(), "####")
    why = _refusal(body)
    if why or not prompt:
        result.dropped.append(Dropped(title, why or "no question text"))
        return
    if len(result.questions) >= MAX_QUESTIONS:
        result.left_out += 1
        return
    name = _unique_id(title, result)
    entry: dict[str, Any] = {"id": name, "difficulty": difficulty}
    words: dict[str, Any] = {"prompt": prompt, "options": {}, "explanation": _plain(explanation)}
    if not words["explanation"]:
        words["explanation"] = "–"
        result.dropped.append(Dropped(name, "there is no explanation: write one"))
    answers = _answers(_as_choice(body))
    complaint = (
        _match(entry, words, answers, name, result)
        if _is_match(answers)
        else _choice(entry, words, answers, name, result)
    )
    if complaint:
        result.dropped.append(Dropped(title, complaint))
        return
    entry["sources"] = [file]
    result.dropped.append(Dropped(name, "GIFT names no source: write one"))
    result.questions.append(entry)
    result.words[name] = words


def _refusal(body: str) -> str:
    if not body:
        return "an essay, which nobody can grade"
    if body.startswith("#"):
        return "a typed number: in the bank a number comes out of an experiment"
    return ""


def _as_choice(body: str) -> str:
    """Turn true and false into a choice of two."""
    head, _hash, feedback = _partition(body, "#")
    word = head.strip().upper()
    if word not in ("T", "TRUE", "F", "FALSE"):
        return body
    true, false = ("=", "~") if word.startswith("T") else ("~", "=")
    wrong = f"#{feedback}" if feedback else ""
    return f"{true}True{wrong if true == '~' else ''} {false}False{wrong if false == '~' else ''}"


def _answers(body: str) -> list[_Answer]:
    answers = []
    pieces: list[tuple[str, str]] = []
    place = 0
    while place < len(body):
        sign = body[place]
        after = min(
            (n for n in (_find(body, "=", place + 1), _find(body, "~", place + 1)) if n >= 0),
            default=len(body),
        )
        if sign in "=~":
            pieces.append((sign, body[place + 1 : after]))
        place = after
    for sign, piece in pieces:
        weight = 100.0 if sign == "=" else 0.0
        if found := _WEIGHT.match(piece.strip()):
            weight = float(found[1])
            piece = piece.strip()[found.end() :]
        text, _hash, feedback = _partition(piece, "#")
        answers.append(
            _Answer(weight > 0, weight, _FORMAT.sub("", text.strip()), _plain(feedback).strip())
        )
    return answers


def _is_match(answers: list[_Answer]) -> bool:
    return bool(answers) and all("->" in each.text for each in answers)


def _choice(
    entry: dict[str, Any],
    words: dict[str, Any],
    answers: list[_Answer],
    name: str,
    result: Imported,
) -> str:
    if len(answers) < 2 or all(each.right for each in answers):
        return "a short answer to type, which the bank has only for code and numbers"
    if len(answers) > 8:
        return "more than eight options"
    right = [each for each in answers if each.right]
    if not right:
        return "no option is right"
    entry["kind"] = "single" if len(right) == 1 else "multiple"
    entry["options"] = [f"option-{n}" for n in range(1, len(answers) + 1)]
    entry["correct"] = [f"option-{n}" for n, each in enumerate(answers, 1) if each.right]
    if entry["kind"] == "single" and right[0].weight not in (0.0, 100.0):
        result.dropped.append(Dropped(name, "the weights of the answers"))
    for option, each in zip(entry["options"], answers, strict=True):
        feedback = each.feedback
        if not feedback:
            feedback = "–"
            result.dropped.append(Dropped(name, f"{option} has no feedback: write one"))
        words["options"][option] = {"text": _plain(each.text).strip(), "feedback": feedback}
    return ""


def _match(
    entry: dict[str, Any],
    words: dict[str, Any],
    answers: list[_Answer],
    name: str,
    result: Imported,
) -> str:
    pairs = [[_plain(side).strip() for side in each.text.split("->", 1)] for each in answers]
    rights = list(dict.fromkeys(right for _left, right in pairs))
    if len(pairs) < 2 or len(rights) < 2 or len(rights) > 8:
        return "a match needs two to eight different partners"
    options = {right: f"right-{n}" for n, right in enumerate(rights, 1)}
    entry["kind"] = "match"
    entry["options"] = list(options.values())
    entry["pairs"] = {f"left-{n}": options[right] for n, (_l, right) in enumerate(pairs, 1)}
    words["items"] = {f"left-{n}": left for n, (left, _right) in enumerate(pairs, 1)}
    words["options"] = {i: {"text": right, "feedback": "–"} for right, i in options.items()}
    result.dropped.append(Dropped(name, "a match has no feedback in GIFT: write it"))
    return ""


def _unique_id(title: str, result: Imported) -> str:
    """Return an id for a title that neither this file nor any other has, of 60 signs at most."""
    base = _id_words(title) or "question"
    if base in result.taken:
        base = _id_words(f"{result.topic or 'my'} {base}")
    name, number = base, 1
    while name in result.words or name in result.taken:
        number += 1
        name = f"{base}-{number}"
    return name


def _id_words(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:50].strip("-")


def _find(text: str, sign: str, start: int = 0) -> int:
    """Find an unescaped sign; -1 if there is none."""
    place = start
    while place < len(text):
        if text[place] == "\\":
            place += 2
            continue
        if text.startswith(sign, place):
            return place
        place += 1
    return -1


def _partition(text: str, sign: str) -> tuple[str, str, str]:
    place = _find(text, sign)
    if place < 0:
        return text, "", ""
    return text[:place], sign, text[place + len(sign) :]


def _plain(text: str) -> str:
    return re.sub(
        r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], text, flags=re.DOTALL
    ).strip()


def as_yaml(imported: Imported, topic: str, language: str) -> tuple[str, str]:
    """Return the text of a structure file and of a words file."""
    import yaml

    lines = ["format_version: 1", f"topic: {topic}", "questions:"]
    for entry in imported.questions:
        head = {name: entry[name] for name in ("id", "kind", "difficulty")}
        rest = {name: value for name, value in entry.items() if name not in head}
        lines += [f"  - id: {entry['id']}", f"    kind: {entry['kind']}"]
        lines.append(f"    difficulty: {entry['difficulty']}")
        body = yaml.safe_dump(rest, allow_unicode=True, sort_keys=False, width=90)
        lines += [f"    {line}" for line in body.splitlines()]
    words = yaml.safe_dump(
        {"language": language, "title": topic, "questions": imported.words},
        allow_unicode=True,
        sort_keys=False,
        width=90,
    )
    return "\n".join(lines) + "\n", words
