"""The `--machine SPEC` option, shared by the commands that boot one."""

from kmemquest.cli.errors import BadInput
from kmemquest.kernel.spec import MachineSpec, parse_machine_spec


def machine_from_option(text: str) -> MachineSpec:
    """Read a machine spec; BadInput tells the word that is wrong."""
    try:
        return parse_machine_spec(text)
    except ValueError as error:
        raise BadInput(f"--machine {text}: {error}") from None
