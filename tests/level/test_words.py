"""The reference of a level file's words: complete, and every example can be read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from kmemquest.cli.main import main
from kmemquest.driver import script
from kmemquest.driver.script import WORDS, parse_step
from kmemquest.level.predicate import load_predicates
from kmemquest.level.probes import probe_words
from kmemquest.level.reports import known_words
from kmemquest.level.step_words import STEPS
from kmemquest.level.words import flow, reference


def _section(text: str, name: str) -> str:
    return text.partition(f"## {name}\n")[2].partition("\n## ")[0]


def test_every_word_is_there_with_what_it_means() -> None:
    text = reference()
    goals, probes = _section(text, "Goals and stars"), _section(text, "Probes")
    for word in load_predicates():
        assert re.search(
            rf"^- \*\*`{word}`\*\*: \S.*\.\n(  Parameters: .*\n)?(  \S.*\.\n)?  `",
            goals,
            re.MULTILINE,
        ), word
    for word in probe_words():
        assert re.search(rf"^- \*\*`{word}(: \w+)?`\*\*: \S.*\?$", probes, re.MULTILINE), word
    kinds = _section(text, "Kinds of reports")
    assert set(re.findall(r"^- `([\w-]+)`: ", kinds, re.MULTILINE)) == set(known_words())


def _examples() -> dict[str, str]:
    steps = _section(reference(), "Steps of a script")
    found = re.findall(
        r"^- \*\*`(\w+)`\*\*: .*\n(?:  Parameters: .*\n)?  `(.*)`(?: \([\w-]+\))?$",
        steps,
        re.MULTILINE,
    )
    return dict(found)


def test_every_step_has_an_example_that_can_be_read() -> None:
    found = _examples()
    assert set(found) == set(WORDS)
    for word, example in found.items():
        assert parse_step(yaml.safe_load(example)).word == word


@pytest.mark.parametrize("word", WORDS)
def test_the_parameters_of_a_step_are_those_that_it_reads(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: set[str] = set()
    shorts: set[str] = set()
    take, begin = script._Reader.value, script._Reader.__init__

    def value(self: script._Reader, name: str, *rest: Any, **more: Any) -> Any:
        read.add(name)
        return take(self, name, *rest, **more)

    def init(self: script._Reader, called: str, detail: object, short: str = "") -> None:
        if called == word:
            shorts.add(short)
        begin(self, called, detail, short)

    monkeypatch.setattr(script._Reader, "value", value)
    monkeypatch.setattr(script._Reader, "__init__", init)
    data = {"text": "a", "hex": "00", "size": 8}
    pci, platform = {"vendor": 1, "device": 2}, {"name": "a"}
    forms: list[object] = [yaml.safe_load(_examples()[word])]
    if word in ("write", "poke", "firmware", "ioctl"):
        whole = {"file": "a", "map": "a", "name": "a", "cmd": 1}
        needed = {
            "write": ["file"],
            "poke": ["map"],
            "firmware": ["name"],
            "ioctl": ["file", "cmd"],
        }
        base = {key: whole[key] for key in needed[word]}
        forms += [{word: {**base, key: one}} for key, one in data.items()]
    if word == "ioctl":
        forms.append({word: {"file": "a", "cmd": 1}})
    if word == "probe":
        forms += [{word: {"pci": pci}}, {word: {"platform": platform}}]
    if word == "pressure":
        forms += [{word: {kind: 4096}} for kind in script.PRESSURES]
    if word == "device":
        forms += [{word: {"write": {"handle": "h", **one}}} for one in ({"value": 1}, {"text": "a"}, {"hex": "00"}, {"size": 4})]  # fmt: skip # noqa: E501
        forms.append({word: {"read": {"handle": "h", "size": 4}}})
    for form in forms:
        parse_step(form)
    read -= {"pci", "platform", "base"} if word == "probe" else set()
    read -= {"read", "write"} if word == "device" else set()
    assert set(STEPS[word].parameters) == read
    if shorts:
        assert shorts == {STEPS[word].short}


def test_the_headers_are_those_that_can_be_included() -> None:
    headers = _section(reference(), "Kernel headers")
    *_words, folder, listed = headers.strip().split("\n", 3)[1:]
    names = " ".join(listed.split()).split(", ")
    assert "linux/slab.h" in names
    assert all((Path(folder) / name).is_file() for name in names)
    assert len(names) == len(list(Path(folder).rglob("*.h")))


def test_plain_data_on_one_line_is_yaml_again() -> None:
    for data in ({"a": [1, "b c", True], "d": {"e": "x: y"}}, ["{", "", "10"], {"f": None}):
        assert yaml.safe_load(flow(data)) == data


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--words"]) == 0
    assert capsys.readouterr().out.rstrip() == reference().rstrip()
