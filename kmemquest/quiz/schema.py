"""The JSON Schemas of question banks and exam blueprints, generated from the models.

python -m kmemquest.quiz.schema > assets/schema/bank-v1.json
python -m kmemquest.quiz.schema exam > assets/schema/exam-v1.json
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import msgspec

from kmemquest.quiz.bank_model import BankFile

SCHEMA_ID: Final = "https://json-schema.org/draft/2020-12/schema"


def bank_schema() -> dict[str, Any]:
    """Return the schema of a topic's structure file."""
    schema = msgspec.json.schema(BankFile)
    return {"$schema": SCHEMA_ID, "title": "KMemQuest question bank, format_version 1", **schema}


def exam_schema() -> dict[str, Any]:
    """Return the schema of an exam blueprint."""
    from kmemquest.quiz.exam_model import Blueprint

    schema = msgspec.json.schema(Blueprint)
    return {"$schema": SCHEMA_ID, "title": "KMemQuest exam blueprint, format_version 1", **schema}


def render(schema: dict[str, Any] | None = None) -> str:
    """Return a schema (the bank's by default) as the committed file has it."""
    shown = bank_schema() if schema is None else schema
    return json.dumps(shown, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(render(exam_schema() if "exam" in sys.argv[1:] else None), end="")
