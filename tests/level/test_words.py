"""The reference of a level file's words: complete, and every example can be read."""

from __future__ import annotations

import re

import pytest
import yaml

from kmemquest.cli.main import main
from kmemquest.driver.script import WORDS, parse_step
from kmemquest.level.predicate import load_predicates
from kmemquest.level.probes import probe_words
from kmemquest.level.reports import known_words
from kmemquest.level.words import flow, reference


def _section(text: str, name: str) -> str:
    return text.partition(f"## {name}\n")[2].partition("\n## ")[0]


def test_every_word_is_there_with_what_it_means() -> None:
    text = reference()
    goals, probes = _section(text, "Goals and stars"), _section(text, "Probes")
    for word in load_predicates():
        assert re.search(
            rf"^- \*\*`{word}`\*\*: \S.*\.\n(  Parameters: .*\n)?  `", goals, re.MULTILINE
        ), word
    for word in probe_words():
        assert re.search(rf"^- \*\*`{word}(: \w+)?`\*\*: \S.*\?$", probes, re.MULTILINE), word
    kinds = _section(text, "Kinds of reports")
    assert set(re.findall(r"^- `([\w-]+)`: ", kinds, re.MULTILINE)) == set(known_words())


def test_every_step_has_an_example_that_can_be_read() -> None:
    steps = _section(reference(), "Steps of a script")
    found = dict(re.findall(r"^- \*\*`(\w+)`\*\* `(.*)`(?: \([\w-]+\))?$", steps, re.MULTILINE))
    assert set(found) == set(WORDS)
    for word, example in found.items():
        assert parse_step(yaml.safe_load(example)).word == word


def test_plain_data_on_one_line_is_yaml_again() -> None:
    for data in ({"a": [1, "b c", True], "d": {"e": "x: y"}}, ["{", "", "10"], {"f": None}):
        assert yaml.safe_load(flow(data)) == data


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--words"]) == 0
    assert capsys.readouterr().out.rstrip() == reference().rstrip()
