"""Which machine a host has: the simulated one where that runs, or the real one.

Nothing but files and a glance at its port tells it: asking a hypervisor takes as long as asking a
machine. What is needed to plan a change is imported elsewhere, while the machine lets us in.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import UsageError
from toolbox.lib.machine import accel
from toolbox.lib.reconfigure.session.shell import remote
from toolbox.lib.simulation import cores, keys, layout, neighbours, network, ports, record
from toolbox.lib.transport.ssh import Endpoint, client

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from toolbox.lib.butane.bootstrap import PlaceFile
    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project
    from toolbox.lib.pki.identity import Identity
    from toolbox.lib.reconfigure.history.vault import Vault
    from toolbox.lib.reconfigure.session.shell import Session
    from toolbox.lib.simulation.layout import Layout
    from toolbox.lib.transport.ssh import Client

SSH = 22
MOST = 20
"""Machines that are worked on at once."""
PATIENCE_SECONDS = 120.0
"""How long a simulated machine may take to answer: its QEMU runs, so it boots if it does not."""
STATES = "salt"
"""Folder of Salt states, of a host and of a project."""


@dataclass(frozen=True, slots=True)
class Target:
    """The machine of a host.

    Attributes:
        host: The host.
        endpoint: How it is reached.
        identity: Keys of the project for machines of its kind.
        place: Files that it has because of the place it runs in.
        simulated: Whether it is the simulated one.
        emulated: Whether its processors are programs here, each of which wants one of ours.
    """

    host: Host
    endpoint: Endpoint
    identity: Identity
    place: tuple[PlaceFile, ...]
    simulated: bool
    emulated: bool = False

    @property
    def words(self) -> str:
        """Which machine it is, for people."""
        return "simulated" if self.simulated else self.endpoint.address


@dataclass(frozen=True, slots=True)
class Reached:
    """A machine with an open session.

    Attributes:
        target: The machine.
        session: A root shell on it.
        client: The connection that the session goes over.
        vault: Secrets of what it was before.
        states: Folders of Salt states that the project has for it.
        new: Whether it has been nothing yet, so that nobody would want that back.
    """

    target: Target
    session: Session
    client: Client
    vault: Vault
    states: tuple[Path, ...] = ()
    new: bool = False

    @property
    def name(self) -> str:
        """Name of its host."""
        return self.target.host.name

    @property
    def has_states(self) -> bool:
        """Whether the project has Salt states of its own for it."""
        return any(any(folder.glob("*.sls")) for folder in self.states)

    def again(self) -> AbstractContextManager[Session]:
        """Open a session over a new connection."""
        return remote(self.client, self.name, fresh=True)


def targets(project: Project, hosts: Sequence[Host], *, named: bool) -> tuple[Target, ...]:
    """Return the machines of some hosts.

    Args:
        project: The project.
        hosts: The hosts.
        named: Whether each of them was asked for; those without a machine are left out otherwise.

    Raises:
        UsageError: One that was asked for has none, or none of them has; or there are no keys.
        VerificationError: No key here opens those of the real machines.
    """
    found = _simulated(project, hosts)
    lacking = [host.name for host in hosts if host.name not in found and not host.address]
    real = [host for host in hosts if host.name not in found and host.address]
    if lacking and (named or not (found or real)):
        message = f"{', '.join(lacking)}: there is no machine to be reached"
        hint = "bring a simulated one up: invoke sim.up; or give the real one's address in"
        raise UsageError(message, hint=f"{hint} hosts/{lacking[0]}.yaml")
    found |= _real(project, real)
    return tuple(found[host.name] for host in hosts if host.name in found)


def _simulated(project: Project, hosts: Sequence[Host]) -> dict[str, Target]:
    """Return the machines that are simulated and run, by the names of their hosts."""
    where = layout.of(project)
    known = {host.name: record.load(where.record(host.name)) for host in hosts}
    # Reason: while QEMU runs, its port is listened to, and by nobody else as a rule; who does is
    # known by the host key.
    running = {
        name: found
        for name, found in known.items()
        if found is not None and found.ignited and not ports.is_free(found.ports[SSH])
    }
    if not running:
        return {}
    identity = keys.held(project)
    addresses = network.assign(project.subnet, project.hosts, network.remembered(where))
    told = neighbours.of(project, network.Network(project.subnet, addresses))
    return {
        host.name: Target(
            host,
            Endpoint(
                host.name,
                ports.LOOPBACK,
                running[host.name].ports[SSH],
                identity.hosts[host.name].ssh_host_public_key,
                authority=identity.ssh.host,
            ),
            identity,
            told.files(host.name),
            simulated=True,
            emulated=running[host.name].accelerator == accel.TCG,
        )
        for host in hosts
        if host.name in running
    }


def _real(project: Project, hosts: Sequence[Host]) -> dict[str, Target]:
    """Return the real machines of hosts, by the names of their hosts."""
    if not hosts:
        return {}
    identity = keys.real(project, hosts)
    return {
        host.name: Target(
            host,
            Endpoint(
                host.name,
                host.address,
                host.ssh_port,
                identity.hosts[host.name].ssh_host_public_key,
                authority=identity.ssh.host,
            ),
            identity,
            (),
            simulated=False,
        )
        for host in hosts
    }


@contextmanager
def reached(
    project: Project, hosts: Sequence[Host], *, named: bool
) -> Iterator[tuple[Reached, ...]]:
    """Offer sessions on the machines of some hosts; connections are made while the caller works.

    Not all are: no more than are worked on at once.

    Args:
        project: The project.
        hosts: The hosts.
        named: Whether each of them was asked for; those without a machine are left out otherwise.

    Yields:
        The machines, in the order of the hosts.

    Raises:
        UsageError: There is no machine.
    """
    found = targets(project, hosts, named=named)
    where = layout.of(project)
    with ExitStack() as opened:
        clients = {
            simulated: opened.enter_context(_client(where, some))
            for simulated, some in kinds(found).items()
        }
        machines = tuple(
            Reached(
                target,
                opened.enter_context(_session(clients[target.simulated], target)),
                clients[target.simulated],
                _vault(where, target),
                (target.host.folder / STATES, project.root / STATES),
            )
            for target in found
        )
        for machine in machines[: at_once(found)]:
            machine.session.begin()
        yield machines


def at_once(targets: Sequence[Target]) -> int:
    """Return on how many machines one works at once.

    More emulated ones than there are processors take each other's time, and more of it than one
    after the other would: each has to tick.
    """
    emulated = any(target.emulated for target in targets)
    return cores.here() if emulated else MOST


def kinds(targets: Sequence[Target]) -> dict[bool, list[Target]]:
    """Return simulated and real machines apart, as each kind has keys of its own."""
    kinds: dict[bool, list[Target]] = {}
    for target in targets:
        kinds.setdefault(target.simulated, []).append(target)
    return kinds


def _client(where: Layout, targets: Sequence[Target]) -> AbstractContextManager[Client]:
    identity = targets[0].identity
    key, public = identity.provision_key, identity.provision_public_key
    endpoints = [target.endpoint for target in targets]
    # Reason: an edit follows the other, and to connect takes an emulated machine longer than to
    # look at it. Nobody but us uses it; a real machine's door is shut behind us.
    held = where.held if targets[0].simulated else None
    return client(endpoints, key, public, where.runtime, held=held)


def _session(client: Client, target: Target) -> AbstractContextManager[Session]:
    patience = PATIENCE_SECONDS if target.simulated else 0.0
    return remote(client, target.host.name, patience=patience)


def _vault(where: Layout, target: Target) -> Vault:
    choose = where.vault if target.simulated else where.real_vault
    return choose(target.host.name, target.identity.provision_key)
