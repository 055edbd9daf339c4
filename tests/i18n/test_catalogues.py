"""English and Simplified Chinese are complete, and what is shipped is what was translated."""

from __future__ import annotations

import string

import pytest

from kmemquest import i18n
from kmemquest.i18n import compile as compiler


@pytest.fixture(autouse=True)
def english_afterwards():
    yield
    i18n.set_language("en")


def test_every_message_of_the_code_is_translated_and_the_binary_is_fresh() -> None:
    assert compiler.complaints("zh_CN") == []


def test_the_check_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = compiler.source_messages()
    catalogue.add("a message that nobody has translated")
    monkeypatch.setattr(compiler, "source_messages", lambda: catalogue)
    assert any("nobody has translated" in line for line in compiler.complaints("zh_CN"))


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_translations_keep_the_fields_of_their_messages() -> None:
    wrong = []
    for message in compiler.read_catalogue("zh_CN"):
        if not message.id:
            continue
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        try:
            expected = set.union(*(_fields(text) for text in ids))
        except ValueError:
            continue  # braces that are no format
        for text in texts:
            if not _fields(text) <= expected or not _fields(ids[0]) <= _fields(text):
                wrong.append((ids[0], text))
    assert wrong == []


def test_languages_switch_and_unknown_ones_are_refused() -> None:
    assert i18n.language() == "en"
    assert i18n._("Goals:") == "Goals:"
    i18n.set_language("zh_CN")
    assert i18n._("Goals:") == "目标："
    assert i18n.ngettext("{n} page", "{n} pages", 3).format(n=3) == "3 页"
    with pytest.raises(ValueError, match="expected one of en, zh_CN"):
        i18n.set_language("tlh")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "zh-Hans"}, "zh_CN"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANGUAGE": "zh:en", "LANG": "en_US.UTF-8"}, "zh_CN"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_the_environment_chooses_a_language(environment: dict[str, str], expected: str) -> None:
    assert i18n.language_of_environment(environment) == expected
