"""The wheel: its exact file list, and a level played from it in a fresh environment."""

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEVEL = "rx-ring-refill"


def run(*command: str, cwd: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    import os

    environment = {**os.environ, **extra}
    environment.pop("PYTHONPATH", None)
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = run(
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder),
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = folder.glob("*.whl")
    return found


def expected_files() -> set[str]:
    """What the repository tracks, at the places where the wheel has it."""
    tracked = run("git", "ls-files", cwd=ROOT).stdout.split("\n")
    files = set()
    for name in filter(None, tracked):
        if name.startswith("kmemquest/"):
            files.add(name)
        elif name.startswith(("levels/", "assets/")):
            files.add(f"kmemquest/_content/{name}")
    return files


def test_the_wheel_holds_exactly_what_the_repository_tracks(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = expected_files()
    assert inside - expected == set(), "in the wheel, but not tracked"
    assert expected - inside == set(), "tracked, but not in the wheel"


def test_a_level_is_played_from_the_wheel_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "environment"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    done = run(str(python), "-m", "pip", "install", "--quiet", str(wheel), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    empty = tmp_path / "empty"
    empty.mkdir()
    script = str(home / "bin" / "kmemquest")
    answers = ["--answer", "alloc=atomic"]
    played = run(
        script,
        "play",
        LEVEL,
        *answers,
        "--headless",
        "--json",
        cwd=empty,
        KMEMQUEST_HOME=str(empty),
    )
    assert played.returncode == 0, played.stdout + played.stderr
    verdict = json.loads(played.stdout)
    assert verdict["level"] == LEVEL
    assert verdict["passed"] is True
    assert verdict["stars"] == 3
    # One level and one topic: that nothing is missing in the wheel is the test above.
    ask = "from kmemquest import content as c; print(c.levels_root(), c.assets_root())"
    levels, assets = run(str(python), "-c", ask, cwd=empty).stdout.split()
    assert Path(levels).is_relative_to(home)
    level = next(Path(levels).glob(f"*/{LEVEL}.yaml"))
    topic = Path(assets) / "quiz" / "basics.yaml"
    checked = run(
        script, "check", "--json", str(level), str(topic), cwd=empty, KMEMQUEST_HOME=str(empty)
    )
    assert checked.returncode == 0, checked.stdout
    report = json.loads(checked.stdout)
    assert report["levels"] == 1
    assert report["questions"] >= 20
