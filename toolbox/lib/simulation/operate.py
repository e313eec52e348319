"""What is done with machines that are there: looked at, stopped, saved, removed."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import ToolboxError, UsageError
from toolbox.lib.core.lock import exclusive
from toolbox.lib.core.steps import step
from toolbox.lib.machine import domain as domains
from toolbox.lib.machine import libvirt
from toolbox.lib.simulation import boot, layout, network, ports, record
from toolbox.lib.stack import identity as identity_stack
from toolbox.lib.transport.ssh import Client, Endpoint, client

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from toolbox.lib.inventory.project import Project
    from toolbox.lib.machine.libvirt import Hypervisor
    from toolbox.lib.simulation.layout import Layout

SSH = 22
ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a machine stands.

    Attributes:
        host: Name of the host.
        state: libvirt's word for the domain's state, or ``absent``.
        ports: Guest port to port on the loopback address.
        accelerator: ``kvm``, ``tcg`` or nothing for an absent machine.
        config: SHA-256 of the config on it, or nothing.
        ignited: Whether its first boot came to an end.
        address: Its address in the network of the simulation, or nothing.
    """

    host: str
    state: str
    ports: dict[int, int]
    accelerator: str
    config: str
    ignited: bool
    address: str = ""


def standings(project: Project) -> tuple[Standing, ...]:
    """Tell how each machine of a project stands."""
    where = layout.of(project)
    hypervisor = libvirt.connect()
    addresses = network.remembered(where)
    return tuple(
        _standing(where, hypervisor, host.name, str(addresses.get(host.name, "")))
        for host in project.hosts
    )


def _standing(where: Layout, hypervisor: Hypervisor, name: str, address: str) -> Standing:
    state = hypervisor.state(where.domain(name)) or ABSENT
    known = record.load(where.record(name))
    if known is None:
        return Standing(name, state, {}, "", "", ignited=False)
    return Standing(
        name,
        state,
        known.ports,
        known.accelerator,
        known.config,
        ignited=known.ignited,
        address=address,
    )


@dataclass(frozen=True, slots=True)
class Health:
    """How a machine is.

    Attributes:
        host: Name of the host.
        state: libvirt's word for the domain's state, or ``absent``.
        system: What ``systemctl is-system-running`` says, or nothing.
        failed: Names of failed units.
        uptime: When it was started, as the machine's clock says.
    """

    host: str
    state: str
    system: str = ""
    failed: str = ""
    uptime: str = ""

    @property
    def healthy(self) -> bool:
        """Whether the machine runs and nothing on it failed."""
        return self.system == boot.RUNNING


HEALTH = (
    "systemctl is-system-running; systemctl --failed --no-legend --plain | cut -d' ' -f1; uptime -s"
)


def health(project: Project) -> tuple[Health, ...]:
    """Ask each machine of a project how it is, one round trip each."""
    items = standings(project)
    running = [item.host for item in items if item.state == boot.RUNNING and item.ports]
    answers: dict[str, Health] = {}
    if running:
        with reach(project, running) as (ssh, names):
            for name in names:
                said = ssh.run(name, HEALTH, timeout=60, check=False).text.split() or [""]
                answers[name] = Health(
                    name,
                    boot.RUNNING,
                    system=said[0],
                    failed=" ".join(said[1:-2]),
                    uptime=" ".join(said[-2:]),
                )
    return tuple(answers.get(item.host, Health(item.host, item.state)) for item in items)


@dataclass(frozen=True, slots=True)
class StackOutput:
    """One output of a stack."""

    stack: str
    name: str
    value: str


def outputs(project: Project, *, secrets: bool = False) -> tuple[StackOutput, ...]:
    """Return the outputs of a simulation's stacks.

    Args:
        project: The project.
        secrets: Whether secrets are in clear; masked otherwise.
    """
    workspace = layout.of(project).workspace
    return tuple(
        StackOutput(stack, name, value if isinstance(value, str) else json.dumps(value))
        for stack in workspace.stacks()
        for name, value in workspace.outputs(stack, secrets=secrets).items()
    )


@contextmanager
def reach(project: Project, names: Sequence[str] = ()) -> Iterator[tuple[Client, tuple[str, ...]]]:
    """Open ssh connections to the running machines of a project.

    Args:
        project: The project.
        names: Hosts to reach; empty for all that run.

    Yields:
        The client, and the names it reaches.

    Raises:
        UsageError: A named machine does not run, or none does.
    """
    where = layout.of(project)
    running = [item for item in standings(project) if item.state == boot.RUNNING and item.ports]
    missing = set(names) - {item.host for item in running}
    if missing or not running:
        message = f"{', '.join(sorted(missing)) or project.name} does not run"
        raise UsageError(message, hint="bring it up first: invoke sim.up")
    identity = identity_stack.identity(where.workspace.outputs(layout.IDENTITY))
    endpoints = [
        Endpoint(
            item.host,
            ports.LOOPBACK,
            item.ports[SSH],
            identity.hosts[item.host].ssh_host_public_key,
            authority=identity.ssh.host,
        )
        for item in running
        if not names or item.host in names
    ]
    key, public = identity.provision_key, identity.provision_public_key
    with client(endpoints, key, public, where.runtime) as ssh:
        yield ssh, tuple(endpoint.name for endpoint in endpoints)


def down(project: Project) -> tuple[str, ...]:
    """Shut the machines down, as their power button would; return the names of those that ran."""
    where = layout.of(project)
    hypervisor = libvirt.connect()
    stopped = []
    for host in project.hosts:
        name = where.domain(host.name)
        if hypervisor.state(name) == boot.RUNNING:
            with step(f"Shut {host.name} down"):
                boot.shut_down(hypervisor, name)
            stopped.append(host.name)
    return tuple(stopped)


def save(root: Path | None = None) -> tuple[str, ...]:
    """Save running machines to disk; the next start resumes them.

    Args:
        root: Folder of the project whose machines are meant; those of every project when None.

    Returns:
        Names of the hosts that were saved.
    """
    where = layout.found(root) if root else None
    if root and where is None:
        return ()
    hypervisor = libvirt.connect()
    label = where.label if where else None
    saved = []
    for name in hypervisor.domains():
        marks = domains.labels_of(hypervisor.virsh("dumpxml", name, check=False) or "<none/>")
        ours = "simulation" in marks and label in (None, marks["simulation"])
        if ours and hypervisor.state(name) == boot.RUNNING:
            with step(f"Save {marks['host']}"):
                hypervisor.virsh("managedsave", name)
            saved.append(marks["host"])
    return tuple(saved)


def clean(root: Path) -> tuple[str, ...]:
    """Remove everything that belongs to a project's simulation, and nothing else.

    Both stacks are destroyed, then what they may have lost sight of: domains that carry our label,
    the pool, and the folders. Doing it twice is fine.

    Args:
        root: The project's folder; what is in it is not read.

    Returns:
        What was removed, in words; empty when there was nothing.
    """
    where = layout.found(root)
    if where is None:
        return ()
    removed: list[str] = []
    hypervisor = libvirt.connect()
    with exclusive(where.folder / "lock", what=f"simulation of {where.project}"):
        workspace = where.workspace
        for stack in (layout.MACHINES, layout.IDENTITY):
            if stack in workspace.stacks():
                with step(f"Destroy the stack {stack}"):
                    removed += [f"stack {stack}: {_destroy(where, stack)}"]
        removed += _remove_domains(where, hypervisor)
        removed += _remove_pool(where, hypervisor)
        for made in (where.folder / "machines").glob("*.json"):
            libvirt.forget(where.domain(made.stem))
        shutil.rmtree(where.runtime, ignore_errors=True)
        for path in where.folder.iterdir():
            if path.name != "lock":
                shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(where.folder, ignore_errors=True)
    return tuple(removed)


def _destroy(where: Layout, stack: str) -> str:
    workspace = where.workspace
    try:
        return workspace.remove(stack).sentence()
    except ToolboxError:
        # Reason: what the state names may be gone already; it is read anew, once.
        workspace.refresh(stack)
        return workspace.remove(stack).sentence()


def require_known(where: Layout, hypervisor: Hypervisor) -> None:
    """Refuse to make machines beside some that the simulation's own state knows nothing of.

    Args:
        where: Layout of the simulation.
        hypervisor: Where its machines are.

    Raises:
        ToolboxError: Its state was removed, and its machines or their pool were not.
    """
    if layout.MACHINES in where.workspace.stacks():
        return
    names = [f"domain {name}" for name in _domains(where, hypervisor)]
    names += [f"pool {name}" for name in _pool(where, hypervisor)]
    if names:
        message = f"nothing is known of what {where.project} has in libvirt: {', '.join(names)}"
        raise ToolboxError(message, hint="invoke sim.clean removes it; then once more")


def _domains(where: Layout, hypervisor: Hypervisor) -> list[str]:
    """Return the names of domains that carry the simulation's label."""
    described = {
        name: hypervisor.virsh("dumpxml", name, check=False) for name in hypervisor.domains()
    }
    labels = {name: domains.labels_of(text or "<none/>") for name, text in described.items()}
    return [name for name, marks in labels.items() if marks.get("simulation") == where.label]


def _pool(where: Layout, hypervisor: Hypervisor) -> list[str]:
    """Return the name of the simulation's pool where there is one."""
    known = hypervisor.virsh("pool-list", "--all", "--name").split()
    return [where.pool_name] if where.pool_name in known else []


def _remove_domains(where: Layout, hypervisor: Hypervisor) -> list[str]:
    removed = []
    for name in _domains(where, hypervisor):
        hypervisor.virsh("destroy", name, check=False)
        hypervisor.virsh("undefine", name, "--managed-save", "--nvram", check=False)
        removed.append(f"domain {name}")
    return removed


def _remove_pool(where: Layout, hypervisor: Hypervisor) -> list[str]:
    removed = []
    for name in _pool(where, hypervisor):
        hypervisor.virsh("pool-destroy", name, check=False)
        hypervisor.virsh("pool-undefine", name)
        removed.append(f"pool {name}")
    return removed
