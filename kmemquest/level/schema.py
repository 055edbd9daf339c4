"""The JSON Schema of level files, generated from the models.

python -m kmemquest.level.schema > assets/schema/level-v1.json
"""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from kmemquest.level.model import LevelFile
from kmemquest.level.predicate import Predicate, load_predicates
from kmemquest.level.probes import probe_words
from kmemquest.level.reports import known_words

SCHEMA_ID: Final = "https://json-schema.org/draft/2020-12/schema"


def level_schema() -> dict[str, Any]:
    """Return the schema: what msgspec knows, with predicates, probes and report kinds spelt out."""
    schema = msgspec.json.schema(LevelFile)
    definitions = schema["$defs"]
    # By name: the order of registration depends on who imported what first.
    predicates = dict(sorted(load_predicates().items()))
    (_, extra) = msgspec.json.schema_components(
        list(predicates.values()), ref_template="#/$defs/{name}"
    )
    definitions.update(extra)
    definitions["predicate"] = {"anyOf": [_form(kind) for kind in predicates.values()]}
    definitions["probe"] = {
        "anyOf": [
            {"enum": list(probe_words())},
            {
                "type": "object",
                "propertyNames": {"enum": list(probe_words())},
                "additionalProperties": {"type": "string"},
                "minProperties": 1,
                "maxProperties": 1,
            },
        ]
    }
    reference = {"$ref": "#/$defs/predicate"}
    definitions["Goal"]["properties"]["require"] = reference
    definitions["Forbid"]["properties"]["never"] = {
        "anyOf": [{"enum": list(known_words())}, reference]
    }
    for star in ("two", "three"):
        definitions["Stars"]["properties"][star] = reference
    definitions["Predict"]["properties"]["ask"] = {"$ref": "#/$defs/probe"}
    definitions["Slot"]["properties"]["probe"] = {
        "anyOf": [{"$ref": "#/$defs/probe"}, {"type": "null"}],
        "default": None,
    }
    return {"$schema": SCHEMA_ID, "title": "KMemQuest level, format_version 1", **schema}


def _form(kind: type[Predicate]) -> dict[str, Any]:
    """Return the ways to write a predicate: alone, with a mapping, or with one value."""
    below: list[dict[str, Any]] = [{"$ref": f"#/$defs/{kind.__name__}"}]
    if kind.shorthand:
        below.append({"not": {"type": "object"}})
    nested = {
        "type": "object",
        "properties": {kind.word: {"anyOf": below}},
        "required": [kind.word],
        "additionalProperties": False,
        "description": (kind.__doc__ or "").strip(),
    }
    fields = msgspec.structs.fields(kind)
    if any(f.required for f in fields):
        return nested
    return {"anyOf": [{"const": kind.word}, nested]}


def render() -> str:
    """Return the schema as the committed file has it."""
    return json.dumps(level_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(render(), end="")
