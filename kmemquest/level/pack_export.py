"""Write a pack as a zip: whole, or as students get it, without anything that holds an answer.

A student's copy plays and is judged like the whole level (`Level.play_digest` is the same): driver,
options, machine, script, goals and stars stay. Solution, wrong answers, their explanations, the
debrief, and hints that reveal a slot go. Comments and layout of the YAML go as well, for authors
write notes there.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any, Final

import yaml

from kmemquest.content.safe_yaml import read_yaml
from kmemquest.level.load import Level, text_path
from kmemquest.level.model import WRITTEN
from kmemquest.level.pack import LEVELS, MANIFEST, Pack
from kmemquest.level.pack_archive import pack_files

_LEVEL_SECRETS: Final = ("solution", "wrong")
_TEXT_SECRETS: Final = ("wrong", "debrief")
_DATE: Final = (2020, 1, 1, 0, 0, 0)
"""The same zip for the same pack, whenever it is written."""


def export_pack(pack: Pack, *, student: bool = False) -> bytes:
    """Return the pack as the bytes of a zip; ProblemsFound if one of its files is refused."""
    files = pack_files(pack.root)
    if student:
        files = _for_students(pack, files)
    return _zipped(pack.id, files)


def _zipped(pack_id: str, files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            info = zipfile.ZipInfo(f"{pack_id}/{name}", _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    return buffer.getvalue()


def _for_students(pack: Pack, files: dict[str, bytes]) -> dict[str, bytes]:
    kept = {name: data for name, data in files.items() if not name.startswith(f"{LEVELS}/")}
    kept[MANIFEST] = _dump({**read_yaml(pack.root / MANIFEST).data, "student": True})
    for name in [name for name in kept if name.startswith("README")]:
        # An instructor's notes may tell anything.
        del kept[name]
    for level_id in pack.file.levels:
        level = pack.level(level_id)
        kept[f"{LEVELS}/{level_id}.yaml"] = _dump(student_level(level))
        for lang in pack.languages:
            path = text_path(level.path, lang)
            kept[f"{LEVELS}/{path.name}"] = _dump(student_text(level, read_yaml(path).data))
    return kept


def student_level(level: Level) -> dict[str, Any]:
    """Return a level file's data without answers."""
    data = {key: value for key, value in level.document.data.items() if key not in _LEVEL_SECRETS}
    data["student"] = True
    data["hints"] = [data["hints"][index] for index in _kept_hints(level)]
    slots: dict[str, Any] = {}
    for name, slot in data["slots"].items():
        # What is written by the player has samples for the checker: the solution among them.
        samples = ("edits",) if slot["kind"] == "driver" else ("options",)
        hidden = slot["kind"] in WRITTEN
        slots[name] = {k: v for k, v in slot.items() if not (hidden and k in samples)}
    data["slots"] = slots
    if level.file.sweep is not None:
        # The sweep runs with the solution: its question is asked after the level.
        del data["sweep"]
    return data


def student_text(level: Level, data: dict[str, Any]) -> dict[str, Any]:
    """Return a text file's data without explanations that tell the answer."""
    gone = (*_TEXT_SECRETS, *(("sweep",) if level.file.sweep is not None else ()))
    kept = {key: value for key, value in data.items() if key not in gone}
    kept["hints"] = [data["hints"][index] for index in _kept_hints(level)]
    written = [name for name, slot in level.file.slots.items() if slot.kind in WRITTEN]
    labels = {name: below for name, below in data.get("options", {}).items() if name not in written}
    return {**kept, "options": labels} if labels else _without(kept, "options")


def _without(data: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != key}


def _kept_hints(level: Level) -> list[int]:
    return [index for index, hint in enumerate(level.file.hints) if hint.reveals is None]


class _Dumper(yaml.SafeDumper):
    """Writes C as blocks, so that a student's copy can still be read, and its errors be placed."""

    def analyze_scalar(self, scalar: str) -> Any:
        """Take tabs for printable, which blocks may hold."""
        analysis = super().analyze_scalar(scalar)
        analysis.allow_block = super().analyze_scalar(scalar.replace("\t", "x")).allow_block
        return analysis


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _block)


def _dump(data: object) -> bytes:
    text = yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)
    return text.encode("utf-8")


def write_export(pack: Pack, target: Path, *, student: bool = False) -> Path:
    """Write the zip; a folder as target gets `ID-VERSION.zip` (`ID-VERSION-student.zip`)."""
    data = export_pack(pack, student=student)
    if target.is_dir():
        ending = "-student.zip" if student else ".zip"
        target = target / f"{pack.id}-{pack.file.version}{ending}"
    target.write_bytes(data)
    return target
