"""The lock that a machine has, so that one changes it at a time."""

from __future__ import annotations

from toolbox.lib.core.errors import ToolboxError

BUSY = 10
"""Exit code of a script that has waited in vain for another change to end."""


class BusyError(ToolboxError):
    """Somebody else is changing the machine."""


def busy(name: str, said: bytes) -> BusyError:
    """Return the error that tells who is changing a machine.

    Args:
        name: Name of the machine.
        said: What the script said of it.
    """
    line = said.decode(errors="replace").strip().splitlines()[-1:]
    who = line[0].removeprefix("busy").strip() if line else ""
    message = f"{who or 'somebody else'} is changing {name}"
    return BusyError(message, hint="wait until that has ended, then once more")
