"""Results as CSV, for teachers and spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from kmemquest.store.review_records import ExamResult, ReviewGrade

GRADE_COLUMNS: Final = ("at", "item", "topic", "score", "rating", "recall_foretold", "beliefs")
EXAM_COLUMNS: Final = ("at", "blueprint", "seed", "score")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def grades_csv(grades: Sequence[ReviewGrade]) -> str:
    """Return one row a grade: time in UTC, item, topic, score 0 to 1, rating 0 to 4, beliefs."""
    rows = [
        (
            _moment(grade.at),
            _cell(grade.item),
            _cell(grade.topic),
            f"{grade.score:.3f}",
            grade.rating,
            f"{grade.recall:.3f}" if grade.recall >= 0 else "",
            _cell(" ".join(grade.beliefs)),
        )
        for grade in grades
    ]
    return _csv(GRADE_COLUMNS, rows)


def exams_csv(exams: Sequence[ExamResult]) -> str:
    """Return one row an exam: time in UTC, blueprint, seed, score 0 to 1."""
    rows = [(_moment(e.at), _cell(e.blueprint), e.seed, f"{e.score:.3f}") for e in exams]
    return _csv(EXAM_COLUMNS, rows)


def _csv(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _cell(text: str) -> str:
    """Keep a spreadsheet from taking a word for a formula."""
    return "'" + text if text.startswith(_FORMULA) else text
