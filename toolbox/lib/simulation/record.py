"""What is remembered of a simulated machine between two tasks."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.files import write_atomic

if TYPE_CHECKING:
    from pathlib import Path


UNCONFIGURED = ""
"""Stands for the config of a machine that is being changed, or came from the generic guest."""


@dataclass(frozen=True, slots=True)
class Record:
    """A machine's history, as far as the next task needs it.

    Attributes:
        uuid: Its domain's UUID.
        accelerator: ``kvm`` or ``tcg``.
        ports: Guest port to port on the loopback address.
        config: SHA-256 of the config that it has, or is about to boot with, or `UNCONFIGURED`.
        os: Operating system of the guest that simulates it.
        image: Digest of the image its disk stands on.
        disk: Size of its disk in GiB.
        memory: MiB.
        cpus: Virtual CPUs.
        definition: SHA-256 of its domain's XML.
        ignited: Whether its first boot came to an end.
        snapshot: Key of the snapshot on which its disk stands, or nothing.
        boot_id: Kernel's id of the boot that was last seen, or None.
        provisioning: SHA-256 of each part of its config that took effect at its first boot only;
            None where nobody has looked, as in an earlier release.
    """

    uuid: str
    accelerator: str
    ports: dict[int, int]
    config: str
    os: str
    image: str
    disk: int
    memory: int
    cpus: int
    definition: str = ""
    ignited: bool = False
    snapshot: str = ""
    boot_id: str | None = None
    provisioning: dict[str, str] | None = None

    def save(self, path: Path) -> None:
        """Write it to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(asdict(self), indent=2).encode())


def load(path: Path) -> Record | None:
    """Read a record; None where there is none.

    Raises:
        ToolboxError: It is broken, or of another version of the toolbox.
    """
    if not path.is_file():
        return None
    try:
        facts = json.loads(path.read_text())
        facts["ports"] = {int(guest): host for guest, host in facts["ports"].items()}
        return Record(**facts)
    except (ValueError, TypeError, KeyError) as error:
        message = f"{path} is broken, or another version of the toolbox wrote it"
        raise ToolboxError(message, hint="begin anew: invoke sim.clean, then invoke sim") from error
