"""The serial console of a machine: what it printed, and what that means for a wait."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

TAIL_LINES = 25
# Reason: terminals' escape sequences (ECMA-48 CSI, OSC and the short ones of ECMA-35, such as the
# reset with which firmware begins) and carriage returns are not text.
_ESCAPES = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|\r"
)


class Phase(StrEnum):
    """How far a boot has come, in the order in which it goes."""

    POWER = "power on"
    KERNEL = "kernel"
    IGNITION = "ignition"
    SYSTEM = "user space"
    SSH = "ssh"
    COMPLETE = "boot complete"


# The console's words for the beginning of a phase; ssh and completion are seen over the network.
BEGINS: tuple[tuple[Phase, re.Pattern[str]], ...] = (
    (Phase.KERNEL, re.compile(r"Linux version \d|Command line: ")),
    (Phase.IGNITION, re.compile(r"[Ii]gnition[- (](?:fetch|kargs|disks|mount|files|\d)")),
    (Phase.SYSTEM, re.compile(r"Switching root|switched root|Reached target .*[Ss]witch.*[Rr]oot")),
)
FAILURES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("Ignition failed", re.compile(r"Ignition (?:has )?failed|CRITICAL.*[Ii]gnition")),
    ("the kernel panicked", re.compile(r"Kernel panic - not syncing")),
    (
        "the machine is in its emergency shell",
        # Reason: the second is sulogin(8)'s, which is there also when the first words are lost.
        re.compile(
            r"[Ee]mergency (?:mode|shell|target)"
            r"|(?:Press Enter|Give root password) for (?:system )?maintenance"
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the console tells so far.

    Attributes:
        phase: The latest phase that was seen to begin.
        failure: Why the boot cannot succeed any more, or None.
    """

    phase: Phase
    failure: str | None


def text_of(console: Path, *, start: int = 0) -> str:
    """Return the console as plain text.

    Args:
        console: Log file of the serial console; a missing one is empty.
        start: Bytes to leave out at the beginning, those of earlier boots.
    """
    if not console.is_file():
        return ""
    with console.open("rb") as file:
        file.seek(start)
        return _ESCAPES.sub("", file.read().decode(errors="replace"))


def read(text: str) -> Reading:
    """Decide from a console's text how far the boot is and whether it has failed."""
    phase = Phase.POWER
    for candidate, pattern in BEGINS:
        if pattern.search(text):
            phase = candidate
    failure = next((why for why, pattern in FAILURES if pattern.search(text)), None)
    return Reading(phase, failure)


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """Return the last lines that say something."""
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])
