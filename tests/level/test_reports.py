"""Every kind of report that the code can make has its rule in the one table."""

from __future__ import annotations

import ast
from pathlib import Path

import kmemquest
from kmemquest.level.reports import ALIASES, KINDS, expand, kind_of

PACKAGE = Path(kmemquest.__file__).parent


def kinds_in_code() -> dict[str, str]:
    found = {}
    for room in ("kernel", "driver"):
        for path in (PACKAGE / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                words = [k.value for k in node.keywords if k.arg == "kind"]
                if name == "Report":
                    words += node.args[:1]
                for word in words:
                    if isinstance(word, ast.Constant) and isinstance(word.value, str):
                        found[word.value] = str(path.relative_to(PACKAGE))
    return found


def test_every_kind_of_report_has_facts() -> None:
    code = kinds_in_code()
    assert len(code) > 20
    assert {kind: where for kind, where in code.items() if kind not in KINDS} == {}


def test_the_facts_are_whole() -> None:
    for word, kind in KINDS.items():
        assert kind.rule.endswith("."), word
        assert kind.name[0].islower() or kind.name.split()[0].isupper() or word.startswith("ctor")
        assert "/" in kind.reference, word


def test_groups_name_known_kinds_only() -> None:
    for word, kinds in ALIASES.items():
        assert word not in KINDS
        assert set(kinds) <= set(KINDS), word
    assert expand("out-of-bounds")[:2] == ("slab-out-of-bounds", "vmalloc-out-of-bounds")
    assert {"fortify", "usercopy", "null-dereference"} <= set(expand("oops"))
    assert expand("leak") == ("leak",)


def test_an_unknown_kind_still_has_a_rule() -> None:
    assert kind_of("never-heard-of").rule
