"""Where a simulation keeps what: state, disks, consoles and sockets.

Simulated machines are disposable and live where their disks are, so all of it is under the state
folder of the habitat and not in the project's repository.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.core.files import private_directory, runtime_dir, state_home
from toolbox.lib.core.secret import Secret
from toolbox.lib.reconfigure.history.vault import Vault
from toolbox.lib.stack.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from toolbox.lib.inventory.project import Project

STACK = "sim"
IDENTITY = f"{STACK}-identity"
MACHINES = f"{STACK}-machines"
PASSPHRASE = "sim"  # noqa: S105 - constant on purpose: a simulation holds nothing worth a secret
KEY_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of one project's simulation.

    Attributes:
        project: Name of the project.
        key: Tells projects of one name in different folders apart.
        folder: Parent of all that is kept.
    """

    project: str
    key: str
    folder: Path

    @property
    def label(self) -> str:
        """The ownership mark on domains and pools of this simulation."""
        return f"{self.project}-{self.key}"

    @property
    def pool(self) -> Path:
        """Folder of the storage pool that holds the disks."""
        return self.folder / "pool"

    @property
    def pool_name(self) -> str:
        """Name of the storage pool."""
        return f"infra-{self.label}"

    @property
    def workspace(self) -> Workspace:
        """The Pulumi workspace of both stacks."""
        return Workspace(self.project, self.folder / "pulumi", Secret(PASSPHRASE))

    def console(self, host: str) -> Path:
        """Return the console log of a machine."""
        return private_directory(self.folder / "console") / f"{host}.log"

    def snapshots(self, host: str) -> Path:
        """Return the folder of a machine's snapshots."""
        return self.folder / "snapshots" / host

    def record(self, host: str) -> Path:
        """Return the file that remembers what became of a machine."""
        return self.folder / "machines" / f"{host}.json"

    def handover(self, host: str) -> Path:
        """Return the file in which QEMU reads the Ignition config of a machine."""
        return self.runtime / f"{host}.ign"

    def vault(self, host: str, key: Secret) -> Vault:
        """Return where secrets of a simulated machine's earlier generations are, sealed.

        Args:
            host: Name of its host.
            key: The private key that logs in.
        """
        return Vault(self.folder / "vault" / host, key)

    def real_vault(self, host: str, key: Secret) -> Vault:
        """Return the same for a real machine; it stays when the simulation is removed.

        Args:
            host: Name of its host.
            key: The private key that logs in.
        """
        return Vault(state_home() / "vaults" / self.label / host, key)

    @property
    def addresses(self) -> Path:
        """The file that remembers which address each machine has."""
        return self.folder / "addresses.json"

    def domain(self, host: str) -> str:
        """Return the name of a machine's domain."""
        return f"{self.label}-{host}"

    @property
    def runtime(self) -> Path:
        """Private folder for sockets and what must not outlive the habitat."""
        return private_directory(runtime_dir() / self.key)

    @property
    def held(self) -> Path:
        """Folder of the connections that one task leaves to the next."""
        return self.runtime / "held"


def of(project: Project) -> Layout:
    """Return the layout of a project's simulation."""
    key = _key(project.root)
    return Layout(project.name, key, state_home() / "simulations" / f"{project.name}-{key}")


def found(root: Path) -> Layout | None:
    """Return the layout of the simulation that a project's folder has, or None.

    The project is not read, so what it has can be removed however broken it is by now.

    Args:
        root: The project's folder.
    """
    key = _key(root)
    for folder in (state_home() / "simulations").glob(f"*-{key}"):
        return Layout(folder.name.removesuffix(f"-{key}"), key, folder)
    return None


def _key(root: Path) -> str:
    return hashlib.sha256(str(root).encode()).hexdigest()[:KEY_LENGTH]
