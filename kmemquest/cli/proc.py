"""`kmemquest proc NAME`: a file of /proc on a freshly booted machine."""

from __future__ import annotations

import argparse

from kmemquest.cli.machine_option import machine_from_option


def command(arguments: argparse.Namespace) -> int:
    """Boot the machine and print the file."""
    from kmemquest.kernel.machine import Machine
    from kmemquest.kernel.text.proc import proc_file

    machine = Machine.boot(machine_from_option(arguments.machine))
    print(proc_file(machine, arguments.name), end="")
    return 0
