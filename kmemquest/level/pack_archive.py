"""Take the files of a pack out of a folder or a zip that nobody trusts.

All limits hold before anything is written: number and size of files (as they really unpack, not as
the zip claims), names from a closed list, no links, no devices, no way out of the folder.
"""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from pathlib import Path
from typing import Final

from kmemquest.content.problem import Problem, ProblemsFound
from kmemquest.content.safe_yaml import MAX_BYTES
from kmemquest.level.pack import FILES, MANIFEST

MAX_ARCHIVE: Final = 4 * 1024 * 1024
"""Bytes of a zip."""
MAX_TOTAL: Final = 16 * 1024 * 1024
"""Bytes of all files, unpacked."""
MAX_FILES: Final = 700
MAX_DEPTH: Final = 4
"""Folders above a file."""
_PLAIN: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def pack_files(path: Path) -> dict[str, bytes]:
    """Return the files of a pack by their name in it; ProblemsFound tells why it is refused."""
    try:
        kind = path.stat().st_mode
    except OSError as error:
        raise _refused(path, f"cannot read: {error.strerror or error}") from None
    if stat.S_ISDIR(kind):
        return _from_folder(path)
    if not stat.S_ISREG(kind):
        raise _refused(path, "neither a folder nor a file")
    return _from_zip(path)


def _refused(path: Path | str, message: str, hint: str = "") -> ProblemsFound:
    return ProblemsFound([Problem(str(path), 0, 0, message, hint)])


# --- folders --------------------------------------------------------------------------------


def _from_folder(root: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    total = seen = 0
    waiting = [root]
    while waiting:
        for entry in _entries(waiting.pop()):
            path = Path(entry.path)
            inside = path.relative_to(root).as_posix()
            seen += 1
            if seen > MAX_FILES:
                raise _refused(root, f"more than {MAX_FILES} files", "split the pack")
            if entry.is_symlink():
                raise _refused(path, "a link", "put the file itself into the pack")
            if entry.is_dir(follow_symlinks=False):
                if inside.count("/") + 1 > MAX_DEPTH:
                    raise _refused(path, f"nested deeper than {MAX_DEPTH} folders")
                waiting.append(path)
                continue
            if not entry.is_file(follow_symlinks=False):
                raise _refused(path, "neither a folder nor a file")
            _check_name(root, inside)
            if entry.stat(follow_symlinks=False).st_size > MAX_BYTES:
                raise _too_big(path)
            with path.open("rb") as opened:
                files[inside] = opened.read(MAX_BYTES + 1)
            total += len(files[inside])
            if total > MAX_TOTAL:
                raise _refused(root, f"larger than {MAX_TOTAL >> 20} MiB", "split the pack")
    return _complete(root, files)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    entries = []
    with os.scandir(folder) as found:
        for entry in found:
            entries.append(entry)
            if len(entries) > MAX_FILES:
                raise _refused(folder, f"more than {MAX_FILES} files", "split the pack")
    return sorted(entries, key=lambda entry: entry.name)


# --- zips -----------------------------------------------------------------------------------


def _from_zip(path: Path) -> dict[str, bytes]:
    if path.stat().st_size > MAX_ARCHIVE:
        raise _refused(path, f"larger than {MAX_ARCHIVE >> 20} MiB", "split the pack")
    try:
        with zipfile.ZipFile(path) as archive:
            return _unpack(path, archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise _refused(path, f"not a zip file that can be read: {error}") from None
    except (OSError, ValueError, OverflowError, UnicodeError) as error:
        raise _refused(path, f"cannot read: {error}") from None


def _unpack(path: Path, archive: zipfile.ZipFile) -> dict[str, bytes]:
    infos = archive.infolist()
    if len(infos) > MAX_FILES:
        raise _refused(path, f"more than {MAX_FILES} files", "split the pack")
    names = [info.filename for info in infos]
    for info in infos:
        _check_entry(path, info)
    above = _folder_above(names)
    files: dict[str, bytes] = {}
    total = 0
    for info in infos:
        if info.is_dir():
            continue
        inside = info.filename.removeprefix(above)
        _check_name(path, inside)
        if inside in files:
            raise _refused(path, f"{inside!r} is there twice")
        with archive.open(info) as opened:
            data = opened.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise _too_big(f"{path}: {inside}")
        total += len(data)
        if total > MAX_TOTAL:
            raise _refused(path, f"unpacks to more than {MAX_TOTAL >> 20} MiB", "split the pack")
        files[inside] = data
    return _complete(path, files)


def _check_entry(path: Path, info: zipfile.ZipInfo) -> None:
    name = info.filename
    parts = name.rstrip("/").split("/")
    if name.startswith("/") or "\\" in name or ":" in name or "\0" in info.orig_filename:
        raise _refused(path, f"the name {name!r} is not relative", "pack the folder anew")
    if ".." in parts or "." in parts or "" in parts:
        raise _refused(path, f"the name {name!r} leads out of the pack", "pack the folder anew")
    if len(parts) - 1 > MAX_DEPTH:
        raise _refused(path, f"{name[:60]!r} is nested deeper than {MAX_DEPTH} folders")
    mode = info.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refused(path, f"{name!r} is a link or a device", "put the file itself into the pack")
    if info.flag_bits & 1:
        raise _refused(path, f"{name!r} is encrypted", "pack it without a password")
    if info.compress_type not in _PLAIN:
        raise _refused(path, f"{name!r} is compressed in an unusual way", "use plain zip (deflate)")


def _folder_above(names: list[str]) -> str:
    """Return the one folder that all files lie in, if the manifest does; many tools add it."""
    if MANIFEST in names:
        return ""
    above = {name.split("/")[0] for name in names}
    if len(above) == 1:
        folder = f"{above.pop()}/"
        if folder + MANIFEST in names:
            return folder
    return ""


# --- both -----------------------------------------------------------------------------------


def _check_name(path: Path, inside: str) -> None:
    if not FILES.fullmatch(inside):
        hint = "a pack holds pack.yaml, pack.en.yaml, levels/*.yaml, README.md and LICENSE"
        raise _refused(path, f"a pack has no file {inside[:80]!r}", hint)


def _too_big(path: Path | str) -> ProblemsFound:
    return _refused(path, f"larger than {MAX_BYTES // 1024} KiB", "split it into several files")


def _complete(path: Path, files: dict[str, bytes]) -> dict[str, bytes]:
    if MANIFEST not in files:
        hint = "a pack begins with pack.yaml; kmemquest new pack writes one"
        raise _refused(path, f"there is no {MANIFEST}", hint)
    return dict(sorted(files.items()))
