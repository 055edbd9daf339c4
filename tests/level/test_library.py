"""The campaign in order, without reading every level."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kmemquest.content.problem import ProblemsFound
from kmemquest.level import library as library_module
from kmemquest.level.library import Library


def test_opening_reads_no_level(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("a level was read")

    monkeypatch.setattr(library_module, "load_level", refuse)
    library = Library.open()
    assert library.entries
    assert library.entries[0].label == "1·1"


def test_every_entry_can_be_shown_and_loaded() -> None:
    library = Library.open()
    for entry in library.entries:
        level = entry.load()
        assert level.id == entry.id
        for lang in ("en", "zh_CN"):
            assert entry.title(lang) == level.texts[lang].title
            assert library.world_text(entry.world, lang).title
        assert entry.head["teaches"] == level.file.teaches


def test_levels_follow_each_other_and_concepts_open() -> None:
    library = Library.open()
    ids = [entry.id for entry in library.entries]
    after = library.after(ids[0])
    assert (after.id if after else None) == (ids[1] if len(ids) > 1 else None)
    assert library.after(ids[-1]) is None
    taught = library.open_concepts(set(ids))
    for entry in library.entries:
        assert set(library.missing_for(entry, set(ids))) == set()
        assert set(entry.head["uses"]) <= taught


def test_a_broken_campaign_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "campaign.yaml").write_text("format_version: 1\nworlds:\n  - foldr: a\n")
    with pytest.raises(ProblemsFound) as caught:
        Library.open(tmp_path)
    assert any("did you mean 'folder'?" in str(problem) for problem in caught.value.problems)


def test_a_level_file_can_be_played_by_its_path() -> None:
    library = Library.open()
    entry = library.entries[0]
    assert library.find(str(entry.path)).id == entry.id


def test_loading_stays_quick() -> None:
    entry = Library.open().entries[0]
    entry.load()
    begin = time.process_time()
    for _ in range(5):
        entry.load()
    assert (time.process_time() - begin) / 5 < 0.1
