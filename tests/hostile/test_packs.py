"""Packs that mean harm, or are just huge: refused within two seconds, with a sentence, no trace."""

from __future__ import annotations

import os
import stat
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kmemquest.content.problem import ProblemsFound
from kmemquest.level.check import check_paths
from kmemquest.level.pack_store import install, packs_directory
from kmemquest.level.template import write_new

PATIENCE = 2.0
"""Seconds of this process's CPU within which a hostile pack must be refused."""
MIB = 1 << 20


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KMEMQUEST_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    write_new("pack", "sound", tmp_path)
    return tmp_path / "sound"


@contextmanager
def within_patience() -> Iterator[None]:
    begin = time.process_time()
    yield
    assert time.process_time() - begin < PATIENCE


def zipped(pack: Path, target: Path, extra: Callable[[zipfile.ZipFile], None]) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(pack.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(pack).as_posix())
        extra(archive)
    return target


def refused(path: Path) -> str:
    with within_patience(), pytest.raises(ProblemsFound) as caught:
        install(path)
    assert not packs_directory().exists() or os.listdir(packs_directory()) == []
    return str(caught.value)


def named(name: str, text: str = "x") -> Callable[[zipfile.ZipFile], None]:
    return lambda archive: archive.writestr(name, text)


def test_the_sound_pack_is_installed(pack: Path, tmp_path: Path) -> None:
    with within_patience():
        installed = install(zipped(pack, tmp_path / "sound.zip", lambda archive: None))
    assert installed.id == "sound"
    assert os.listdir(packs_directory()) == ["sound"]


@pytest.mark.parametrize(
    "name",
    [
        "../../evil.yaml",
        "levels/../../evil.yaml",
        "/etc/evil.yaml",
        "..\\evil.yaml",
        "C:/evil.yaml",
        "levels/./a.yaml",
        "levels//a.yaml",
    ],
)
def test_names_that_lead_out(pack: Path, tmp_path: Path, name: str) -> None:
    message = refused(zipped(pack, tmp_path / "slip.zip", named(name)))
    assert "leads out of the pack" in message or "is not relative" in message
    assert list(tmp_path.rglob("evil*")) == []


@pytest.mark.parametrize(
    "name", ["run.py", "levels/a.sh", "levels/deep/a.yaml", "pack.yaml.exe", "conftest.py", ".git"]
)
def test_names_that_no_pack_has(pack: Path, tmp_path: Path, name: str) -> None:
    assert "a pack has no file" in refused(zipped(pack, tmp_path / "more.zip", named(name)))


def test_a_link_in_a_zip(pack: Path, tmp_path: Path) -> None:
    def link(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo("levels/link.yaml")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")

    assert "a link or a device" in refused(zipped(pack, tmp_path / "link.zip", link))


def test_a_link_in_a_folder(pack: Path) -> None:
    (pack / "levels" / "other.yaml").symlink_to("/etc/passwd")
    assert "a link" in refused(pack)


def test_a_folder_that_links_to_itself(pack: Path) -> None:
    (pack / "levels" / "loop").symlink_to(pack)
    assert "a link" in refused(pack)


def test_a_pipe_in_a_folder(pack: Path) -> None:
    os.mkfifo(pack / "levels" / "pipe.yaml")
    assert "neither a folder nor a file" in refused(pack)


def test_a_device_as_a_pack() -> None:
    assert "neither a folder nor a file" in refused(Path("/dev/zero"))


def test_a_zip_bomb(pack: Path, tmp_path: Path) -> None:
    def bomb(archive: zipfile.ZipFile) -> None:
        archive.writestr("levels/bomb.yaml", b" " * (200 * MIB))

    assert "larger than 256 KiB" in refused(zipped(pack, tmp_path / "bomb.zip", bomb))


def test_many_small_bombs(pack: Path, tmp_path: Path) -> None:
    def bombs(archive: zipfile.ZipFile) -> None:
        for number in range(120):
            archive.writestr(f"levels/bomb{number}.yaml", b" " * (255 << 10))

    assert "unpacks to more than 16 MiB" in refused(zipped(pack, tmp_path / "bombs.zip", bombs))


def test_very_many_files(pack: Path, tmp_path: Path) -> None:
    def flood(archive: zipfile.ZipFile) -> None:
        for number in range(3000):
            archive.writestr(f"levels/a{number}.yaml", "")

    assert "more than 700 files" in refused(zipped(pack, tmp_path / "flood.zip", flood))


def test_a_huge_archive(tmp_path: Path) -> None:
    huge = tmp_path / "huge.zip"
    with huge.open("wb") as file:
        file.truncate(5 * MIB)
    assert "larger than 4 MiB" in refused(huge)


def test_the_same_name_twice(pack: Path, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        target = zipped(pack, tmp_path / "twice.zip", named("pack.yaml"))
    assert "is there twice" in refused(target)


def test_an_odd_compression(pack: Path, tmp_path: Path) -> None:
    def odd(archive: zipfile.ZipFile) -> None:
        archive.writestr("levels/a.yaml", "x", compress_type=zipfile.ZIP_LZMA)

    assert "an unusual way" in refused(zipped(pack, tmp_path / "odd.zip", odd))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"not a zip", b"PK\x05\x06" + b"\xff" * 18])
def test_what_is_no_zip(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "none.zip"
    path.write_bytes(data)
    refused(path)


def test_a_damaged_zip(pack: Path, tmp_path: Path) -> None:
    path = zipped(pack, tmp_path / "torn.zip", lambda archive: None)
    data = bytearray(path.read_bytes())
    data[60:90] = b"\xff" * 30
    path.write_bytes(data)
    refused(path)


# --- YAML -----------------------------------------------------------------------------------


def test_an_alias_bomb(pack: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    (pack / "pack.yaml").write_text("\n".join(lines))
    message = refused(pack)
    assert "more than 64 aliases" in message or "more than 50000 values" in message


def test_deep_nesting(pack: Path) -> None:
    (pack / "pack.yaml").write_text("[" * 100_000)
    assert "nested deeper than 32" in refused(pack)


def test_deep_block_nesting(pack: Path) -> None:
    (pack / "pack.yaml").write_text("\n".join(" " * n + "a:" for n in range(300)))
    assert "nested deeper than 32" in refused(pack)


def test_a_line_of_100_mib(pack: Path) -> None:
    path = next((pack / "levels").glob("*.en.yaml"))
    with path.open("wb") as file:
        for _ in range(100):
            file.write(b"x" * MIB)
    assert "larger than 256 KiB" in refused(pack)
    with within_patience():
        errors = check_paths([pack]).errors
    assert any("larger than 256 KiB" in str(error) for error in errors)


def test_a_long_line_within_the_limit(pack: Path) -> None:
    path = next((pack / "levels").glob("*.en.yaml"))
    path.write_text("title: " + "x" * 250_000)
    refused(pack)


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system [echo]",
        "format_version: !!binary aGVsbG8=",
        "<<: {a: 1}",
        "? [a, b]\n: c",
        "\x00",
        "a: " + "9" * 100_000,
        "--- a\n--- b",
    ],
)
def test_yaml_that_wants_more_than_data(pack: Path, text: str) -> None:
    (pack / "pack.yaml").write_text(text)
    refused(pack)


# --- C --------------------------------------------------------------------------------------

FOREVER = "for (;;)\n  \t\t;\n"


def with_driver(pack: Path, before: str = "", inside: str = "") -> Path:
    path = next(p for p in (pack / "levels").glob("*.yaml") if p.name.count(".") == 1)
    text = path.read_text()
    text = text.replace("  static u8 *record;\n", f"  static u8 *record;\n{before}")
    text = text.replace("  \tif (!record)\n", f"{inside}  \tif (!record)\n")
    path.write_text(text)
    return pack


def check_refuses(pack: Path, *words: str) -> None:
    with within_patience():
        errors = [str(error) for error in check_paths([pack]).errors]
    assert errors
    assert any(word in error for error in errors for word in words), errors


def test_endless_c(pack: Path) -> None:
    check_refuses(with_driver(pack, inside=f"  \t{FOREVER}"), "never ends")


def test_endless_recursion(pack: Path) -> None:
    pack = with_driver(
        pack,
        before="  static int again(int n) { return again(n + 1) + 1; }\n",
        inside="  \tagain(0);\n",
    )
    check_refuses(pack, "fails the goal", "never ends")


def test_endless_allocation(pack: Path) -> None:
    pack = with_driver(pack, inside="  \twhile (kmalloc(1 << 20, GFP_KERNEL))\n  \t\t;\n")
    check_refuses(pack, "never ends", "fails the goal")


def test_an_endless_log(pack: Path) -> None:
    pack = with_driver(pack, inside='  \tfor (;;)\n  \t\tpr_info("again\\n");\n')
    check_refuses(pack, "never ends")


def test_macros_that_multiply(pack: Path) -> None:
    defines = "  #define A0 1 1 1 1 1 1 1 1 1 1\n" + "".join(
        f"  #define A{n} " + " ".join([f"A{n - 1}"] * 10) + "\n" for n in range(1, 9)
    )
    check_refuses(with_driver(pack, before=defines, inside="  \tint x = A8;\n"), "does not compile")


def test_deep_parentheses(pack: Path) -> None:
    deep = "(" * 5000 + "1" + ")" * 5000
    check_refuses(with_driver(pack, inside=f"  \tint x = {deep};\n"), "does not compile")


def test_a_file_of_the_host_as_a_header(pack: Path) -> None:
    pack = with_driver(pack, before='  #include "/etc/passwd"\n')
    check_refuses(pack, "does not compile")


def test_many_steps_of_many_statements(pack: Path) -> None:
    """Each call is short enough; all of them together are not."""
    pack = with_driver(pack, inside="  \tfor (int i = 0; i < 90000; i++)\n  \t\trecord[0] = i;\n")
    path = next(p for p in (pack / "levels").glob("*.yaml") if p.name.count(".") == 1)
    steps = ", ".join(["insmod, rmmod"] * 100)
    path.write_text(path.read_text().replace("[insmod, rmmod]", f"[{steps}]"))
    check_refuses(pack, "never ends")
