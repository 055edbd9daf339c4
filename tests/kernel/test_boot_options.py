"""The list of boot options names just those that somebody reads."""

from __future__ import annotations

import re
from pathlib import Path

import kmemquest.kernel
from kmemquest.kernel.spec import BOOT_OPTIONS

PACKAGE = Path(kmemquest.kernel.__file__).parent.parent


def test_every_boot_option_is_read_and_every_one_read_is_listed() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    read = set(re.findall(r"\.option\(\s*\"([a-z_.]+)\"", text))
    named = re.search(r"options = \(((?:\"\w+\",? ?)+)\)", text)
    assert named is not None
    assert read | set(re.findall(r"\w+", named[1])) == set(BOOT_OPTIONS)
