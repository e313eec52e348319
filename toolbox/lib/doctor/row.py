"""A row of the doctor's table, and in whose terms it speaks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from toolbox.lib.habitat.place import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolbox.lib.habitat.packages import Family
    from toolbox.lib.habitat.place import Habitat


class State(StrEnum):
    """How it is with a thing."""

    OK = "ok"
    LOST = "lost"
    """`sim` cannot run without it."""
    NOTE = "note"
    """It could be better, or is good to know."""


@dataclass(frozen=True, slots=True)
class Row:
    """What was found out about one thing.

    Attributes:
        what: The thing.
        state: How it is with it.
        found: What was found, in words.
        mend: The one flag, command or package that would make it better; empty without one.
        tool: Whether the thing is a program of the image's list.
    """

    what: str
    state: State
    found: str
    mend: str = ""
    tool: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """What advice depends on.

    Attributes:
        habitat: The place that we are in.
        family: Its package manager and names, None if they are not known.
        program: How tasks are called here, such as ``invoke``.
        uid: Our user.
        data: Folder for what a person builds natively.
    """

    habitat: Habitat
    family: Family | None
    program: str
    uid: int
    data: Path

    @property
    def root(self) -> bool:
        """Whether we are root."""
        return self.uid == 0

    @property
    def kind(self) -> Kind:
        """The kind of place."""
        return self.habitat.kind

    def on_host(self, command: str) -> str:
        """Return a command that has to be given where the container was started."""
        if self.kind is Kind.NATIVE:
            return command
        # Reason: the launcher decides what a container gets when it makes one.
        return f"on the host: {command}" + ("; ./infra stop" if self.kind is Kind.LAUNCHER else "")

    @property
    def renewal(self) -> str:
        """What brings a newer image to this place."""
        if self.kind is Kind.GITHUB:
            return "in the workflow: container: image: a newer tag"
        return "on the host: ./infra --rebuild image"

    def flag(self, flag: str) -> str:
        """Return where a flag has to be given, for a container that somebody else starts."""
        if self.kind is Kind.GITHUB:
            return f"in the workflow: container: options: {flag}"
        return f"{self.habitat.engine} run {flag} …"


def said(message: str) -> str:
    """Return the line of an error that tells most: what the program that failed said first."""
    lines = [line for line in message.splitlines() if line.strip()]
    second = lines[1] if len(lines) > 1 else lines[0]
    # Reason: of a Python traceback it is the last line.
    return lines[-1] if second.startswith((" ", "Traceback")) else second


def lost(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return the rows of what `sim` cannot run without."""
    return tuple(row for row in rows if row.state is State.LOST)
