"""The campaign: which levels there are and in what order, without reading them all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kmemquest.content import levels_root
from kmemquest.content.problem import ProblemsFound, did_you_mean
from kmemquest.content.safe_yaml import read_yaml
from kmemquest.content.shape import convert
from kmemquest.i18n import LANGUAGES, language
from kmemquest.level.load import Level, load_level, text_path
from kmemquest.level.model import CampaignFile, CampaignText, LevelText, WorldText


class UnknownLevel(LookupError):
    """No level has this id and no file this name; the message offers the nearest."""


@dataclass(frozen=True)
class Entry:
    """A level of the campaign: its place, and how to load it."""

    id: str
    world: str
    world_number: int
    number: int
    path: Path

    @property
    def label(self) -> str:
        """World and place within it: `1·3`."""
        return f"{self.world_number}·{self.number}"

    def load(self) -> Level:
        """Read the level; ProblemsFound if it is broken."""
        return load_level(self.path)

    def title(self, lang: str | None = None) -> str:
        """Return the title from the text file alone; the id if that is broken."""
        try:
            document = read_yaml(text_path(self.path, lang or language()))
            return convert(document, LevelText).title
        except ProblemsFound:
            return self.id

    @cached_property
    def head(self) -> dict[str, object]:
        """What the map must know of the level, read without checking the rest."""
        try:
            data = read_yaml(self.path).data
        except ProblemsFound:
            data = {}
        known = data if isinstance(data, dict) else {}
        return {
            "teaches": known.get("teaches"),
            "uses": tuple(known.get("uses") or ()),
            "difficulty": known.get("difficulty") or 1,
            "minutes": known.get("minutes") or 5,
            "checkpoint": known.get("checkpoint") is True,
            "sweep": bool(known.get("sweep")),
        }


def languages_beside(path: Path) -> tuple[str, ...]:
    """Return the languages that a level must have: those of its pack, if it lies in one."""
    manifest = path.resolve().parent.parent / "pack.yaml"
    if not manifest.is_file():
        return LANGUAGES
    from kmemquest.level.pack import open_pack

    try:
        return open_pack(manifest.parent).languages
    except ProblemsFound:
        return LANGUAGES


class Library:
    """The levels of the campaign in order."""

    def __init__(self, root: Path, campaign: CampaignFile) -> None:
        self.root = root
        self.campaign = campaign
        self.entries = tuple(self._entries())
        self._texts: dict[str, CampaignText] = {}

    @classmethod
    def open(cls, root: Path | None = None) -> Library:
        """Open the shipped campaign (or one at `root`)."""
        root = root or levels_root()
        return cls(root, convert(read_yaml(root / "campaign.yaml"), CampaignFile))

    def _entries(self) -> Iterator[Entry]:
        for world_number, world in enumerate(self.campaign.worlds, 1):
            for number, level in enumerate(world.levels, 1):
                path = self.root / world.folder / f"{level}.yaml"
                yield Entry(level, world.folder, world_number, number, path)

    def entry(self, level_id: str) -> Entry:
        """Return a level's entry by id; UnknownLevel offers the nearest one."""
        for entry in self.entries:
            if entry.id == level_id:
                return entry
        hint = did_you_mean(level_id, [entry.id for entry in self.entries])
        raise UnknownLevel(f"no level is called {level_id!r}; {hint}")

    def levels_of(self, world: str) -> tuple[Entry, ...]:
        """Return the levels of a world, by its folder, in order."""
        return tuple(entry for entry in self.entries if entry.world == world)

    def find(self, word: str) -> Level:
        """Load a level by its id (`PACK/LEVEL` for those of packs) or by the path of its file."""
        path = Path(word)
        if path.suffix in (".yaml", ".yml") and path.is_file():
            return load_level(path, languages=languages_beside(path))
        if "/" in word or not any(entry.id == word for entry in self.entries):
            from kmemquest.level.pack_store import find_pack_level

            found = find_pack_level(word)
            if found is not None:
                return found
        return self.entry(word).load()

    def after(self, level_id: str) -> Entry | None:
        """Return the level that follows in the campaign."""
        ids = [entry.id for entry in self.entries]
        index = ids.index(level_id) + 1 if level_id in ids else len(ids)
        return self.entries[index] if index < len(ids) else None

    def text(self, lang: str | None = None) -> CampaignText:
        """Return the texts of worlds and concepts."""
        lang = lang or language()
        if lang not in self._texts:
            document = read_yaml(self.root / f"campaign.{lang}.yaml")
            self._texts[lang] = convert(document, CampaignText)
        return self._texts[lang]

    def world_text(self, folder: str, lang: str | None = None) -> WorldText:
        """Return title and sentence of a world; the folder's name if there are none."""
        return self.text(lang).worlds.get(folder) or WorldText(folder, "")

    def concept(self, word: str, lang: str | None = None) -> str:
        """Return the player's name of a concept; the word itself if it has none."""
        return self.text(lang).concepts.get(word, word)

    def open_concepts(self, passed: set[str]) -> set[str]:
        """Return the concepts that passed levels have taught."""
        return {
            str(entry.head["teaches"])
            for entry in self.entries
            if entry.id in passed and entry.head["teaches"]
        }

    def missing_for(self, entry: Entry, passed: set[str]) -> tuple[str, ...]:
        """Return the concepts that a level uses and the player has not met yet."""
        met = self.open_concepts(passed)
        uses = entry.head["uses"]
        assert isinstance(uses, tuple)
        return tuple(word for word in uses if word not in met)
