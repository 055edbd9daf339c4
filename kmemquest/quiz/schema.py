"""The JSON Schema of question bank files, generated from the models.

python -m kmemquest.quiz.schema > assets/schema/bank-v1.json
"""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from kmemquest.quiz.bank_model import BankFile

SCHEMA_ID: Final = "https://json-schema.org/draft/2020-12/schema"


def bank_schema() -> dict[str, Any]:
    """Return the schema of a topic's structure file."""
    schema = msgspec.json.schema(BankFile)
    return {"$schema": SCHEMA_ID, "title": "KMemQuest question bank, format_version 1", **schema}


def render() -> str:
    """Return the schema as the committed file has it."""
    return json.dumps(bank_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(render(), end="")
