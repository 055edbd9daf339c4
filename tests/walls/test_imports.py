"""Walls that a static import graph cannot see: what is really loaded, in a fresh process."""

import subprocess
import sys

import pytest

HEAVY = ("textual", "rich")
OUTSIDE_THE_KERNEL = ("yaml", "msgspec", "textual", "rich", "platformdirs", "pycparser")


def modules_after(code: str) -> set[str]:
    """Run code in a fresh interpreter; return the top-level names of all loaded modules."""
    script = f"{code}\nimport sys\nprint('\\n'.join(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    return {name.split(".")[0] for name in done.stderr.split()}


def modules_after_command(*arguments: str) -> set[str]:
    code = (
        "from kmemquest.cli.main import main\n"
        f"try:\n    main({list(arguments)!r})\nexcept SystemExit:\n    pass"
    )
    return modules_after(code)


def test_the_kernel_room_loads_the_standard_library_only() -> None:
    loaded = modules_after(
        "from kmemquest.kernel.machine import Machine\n"
        "m = Machine.boot()\n"
        "m.kmalloc.kfree(m.kmalloc.kmalloc(100, 0xcc0))"
    )
    assert not loaded & set(OUTSIDE_THE_KERNEL)
    assert loaded <= set(sys.stdlib_module_names) | {"kmemquest"} | _environment_modules()


def _environment_modules() -> set[str]:
    """Modules that an installation's own start-up files load before any code of ours."""
    return modules_after("")


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("play", "--help")])
def test_help_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    loaded = modules_after_command(*arguments)
    assert not loaded & {*HEAVY, "yaml", "msgspec", "pycparser", "sqlite3"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "levels/01-first-allocations/calibration-block.yaml"),
        ("proc", "buddyinfo"),
        ("bank",),
        ("quiz", "--json", "--seed", "1"),
    ],
)
def test_commands_without_a_screen_never_load_textual(arguments: tuple[str, ...]) -> None:
    assert not modules_after_command(*arguments) & set(HEAVY)
