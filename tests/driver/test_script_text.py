"""Steps in words: what an author chose is said, a default is not."""

from __future__ import annotations

from typing import Any

import pytest

from kmemquest.driver.script import WORDS, parse_step
from kmemquest.driver.script_text import size_text, time_text

STEPS: list[tuple[Any, str]] = [
    ("insmod", "insmod"),
    ({"insmod": {"count": 8}}, "insmod count=8"),
    ("rmmod", "rmmod"),
    ("boot", "boot"),
    ({"initcall": "early_setup"}, "initcall early_setup()"),
    ({"call": "show"}, "show()"),
    ({"call": {"function": "fill", "args": [1, 2], "context": "softirq", "times": 3}},
     "fill(1, 2), in softirq context, 3 times"),
    ({"probe": {"pci": {"vendor": 0x8086, "device": 0x100E}}}, "probe pci 8086:100e, irq 11"),
    ({"probe": {"pci": {"name": "nic0", "vendor": 1, "device": 2, "address_bits": 24}}},
     "probe pci nic0 (0001:0002), irq 11, 24 address bits"),
    ({"probe": {"platform": {"name": "adc", "memory": [[0xFE000000, "4K"]]}}},
     "probe platform adc, memory 0xfe000000 (4 KiB)"),
    ({"unplug": "adc"}, "unplug adc"),
    ({"open": "cam"}, "open /dev/cam"),
    ({"open": {"device": "cam", "as": "a", "by": "viewer", "access": "read", "wait": False}},
     "open /dev/cam, access read, as a, by viewer, not waited for"),
    ({"read": {"file": "cam", "size": 4096}}, "read cam 4 KiB"),
    ({"write": {"file": "cam", "text": "on"}}, 'write cam, "on"'),
    ({"write": {"file": "cam", "size": 100}}, "write cam, 100 bytes"),
    ({"write": {"file": "cam", "hex": "01 02"}}, "write cam, 01 02"),
    ({"ioctl": {"file": "cam", "cmd": 1, "arg": 32}}, "ioctl cam 0x1 0x20"),
    ({"close": "cam"}, "close cam"),
    ({"seek": {"file": "cam", "offset": 8, "whence": "end"}}, "seek cam, offset 8, from the end"),
    ({"poll": {"file": "cam", "timeout": "1s"}}, "poll cam, timeout 1s"),
    ({"mmap": {"file": "cam", "size": "64K", "as": "m", "shared": False}},
     "mmap cam 64 KiB, as m, private"),
    ({"munmap": "m"}, "munmap m"),
    ({"peek": {"map": "m", "offset": 4096}}, "peek m+0x1000, 4 bytes"),
    ({"poke": {"map": "m", "hex": "07"}}, "poke m, 07"),
    ({"exit": "viewer"}, "exit of viewer"),
    ({"firmware": {"name": "cam.bin", "size": 2048}}, "firmware file cam.bin, 2 KiB"),
    ("suspend", "suspend"),
    ("resume", "resume"),
    ({"irq": 17}, "irq 17"),
    ({"irq": {"line": 17, "times": 1000, "every": "1ms"}}, "irq 17, 1,000 times, every 1ms"),
    ({"advance": "50ms"}, "wait 50ms"),
    ("pending", "pending"),
    ({"pressure": {"hog": "10M"}}, "memory pressure: hog 10 MiB"),
    ({"pressure": {"drop_caches": True}}, "memory pressure: drop caches"),
    ({"device": {"read": {"device": "nic0", "handle": "ring", "size": 64}}},
     "device nic0 reads ring, 64 bytes"),
    ("sync", "sync"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "text"), STEPS, ids=[text for _, text in STEPS])
def test_a_step_in_words(step: Any, text: str) -> None:
    assert str(parse_step(step)) == text


def test_every_word_has_been_looked_at() -> None:
    assert {parse_step(step).word for step, _ in STEPS} == set(WORDS)


def test_sizes_and_times_take_the_largest_unit_that_fits() -> None:
    assert [size_text(n) for n in (1, 100, 1024, 1536, 3 << 20, 1 << 30)] == [
        "1 byte", "100 bytes", "1 KiB", "1536 bytes", "3 MiB", "1 GiB",
    ]  # fmt: skip
    assert [time_text(n) for n in (1, 1_500, 2_000_000, 3_000_000_000)] == [
        "1ns", "1500ns", "2ms", "3s",
    ]  # fmt: skip
