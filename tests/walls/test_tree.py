"""Rules of the house that a tool can check: file lengths, banned names, both languages."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "kmemquest"
LIMIT = 500


def long_files_with_reasons() -> set[str]:
    """Files that ARCHITECTURE.md excuses, in its list of long files."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = text.partition("## Long files")[2].partition("\n## ")[0]
    return set(re.findall(r"`(kmemquest/[\w/]+\.py)`", section))


def test_no_file_is_long_without_a_reason() -> None:
    excused = long_files_with_reasons()
    long = {
        str(path.relative_to(ROOT))
        for path in PACKAGE.rglob("*.py")
        if len(path.read_text(encoding="utf-8").splitlines()) > LIMIT
    }
    assert long <= excused, f"over {LIMIT} lines, not in ARCHITECTURE.md: {sorted(long - excused)}"
    assert excused <= long, f"excused, but short by now: {sorted(excused - long)}"


@pytest.mark.parametrize("banned", ["utils", "helpers", "manager", "misc", "common"])
def test_files_are_named_after_what_lives_in_them(banned: str) -> None:
    assert [p for p in PACKAGE.rglob("*.py") if banned in p.stem.split("_")] == []


def test_every_level_text_has_both_languages() -> None:
    for path in (ROOT / "levels").glob("*/*.yaml"):
        if path.name.count(".") == 1:
            for language in ("en", "zh_CN"):
                assert path.with_name(f"{path.stem}.{language}.yaml").exists()


def test_architecture_shows_the_fidelity_table_as_it_is() -> None:
    from kmemquest.content.fidelity import markdown_table, read_fidelity

    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert markdown_table(read_fidelity()) in text
