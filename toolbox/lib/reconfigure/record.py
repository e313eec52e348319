"""What the toolbox once put on a machine, remembered there: only that is ever removed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = "/var/lib/infra-toolbox"
"""Where a machine keeps its record and its generations; root only."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A node as it was put there.

    Attributes:
        kind: ``file``, ``directory``, ``link`` or ``hard link``.
        digest: SHA-256 of a file's bytes in hexadecimal, of what was appended alone where
            something was only appended; "" where the bytes were left as they were.
        appended: Number of bytes that were appended, 0 where the file is ours as a whole.
        mode: Permission bits, None where nothing was said.
        owner: ``user:group`` as the config says them, "" where nothing was said.
        target: Where a link leads.
        secret: Whether its contents are shown to nobody.
    """

    kind: str
    digest: str = ""
    appended: int = 0
    mode: int | None = None
    owner: str = ""
    target: str = ""
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """What was put on a machine last.

    Attributes:
        generation: Number, 0 for what Ignition put there at the first boot.
        config: SHA-256 of the config, ``sha256-<hex>``.
        time: When, ISO 8601 in UTC; "" for the first boot.
        who: Who applied it, ``user@host``.
        engine: ``ignition``, ``direct`` or ``salt``.
        nodes: What was put at each path.
        units: What was said about units: ``enabled``, ``disabled``, ``masked``, in that order,
            joined by commas.
        users: Names of users that the config makes, with the SHA-256 of what it says about each.
        groups: The same for groups.
        provisioning: SHA-256 of each part that takes effect at the first boot only.
    """

    generation: int
    config: str
    time: str = ""
    who: str = ""
    engine: str = "ignition"
    nodes: Mapping[str, Placed] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    provisioning: Mapping[str, str] = field(default_factory=dict)
