"""Which machine a host has: the simulated one where that runs, or the real one.

Nothing but files and a glance at its port tells it: asking a hypervisor takes as long as asking a
machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import UsageError
from toolbox.lib.simulation import layout, neighbours, network, ports, record
from toolbox.lib.transport.ssh import Endpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolbox.lib.butane.bootstrap import PlaceFile
    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project
    from toolbox.lib.pki.identity import Identity
    from toolbox.lib.simulation.layout import Layout

SSH = 22


@dataclass(frozen=True, slots=True)
class Target:
    """The machine of a host.

    Attributes:
        host: The host.
        endpoint: How it is reached.
        place: Files that it has because of the place it runs in.
        simulated: Whether it is the simulated one.
    """

    host: Host
    endpoint: Endpoint
    place: tuple[PlaceFile, ...]
    simulated: bool

    @property
    def words(self) -> str:
        """Which machine it is, for people."""
        return "simulated" if self.simulated else self.endpoint.address


def targets(
    project: Project, hosts: Sequence[Host], identity: Identity, *, named: bool
) -> tuple[Target, ...]:
    """Return the machines of some hosts.

    Args:
        project: The project.
        hosts: The hosts.
        identity: Keys of the project: a machine is known by its host key.
        named: Whether each of them was asked for; those without a machine are left out otherwise.

    Raises:
        UsageError: One that was asked for has none, or none of them has.
    """
    where = layout.of(project)
    simulated = _simulated(project, where, hosts, identity)
    found = [simulated.get(host.name) or _real(host, identity) for host in hosts]
    have = tuple(target for target in found if target is not None)
    lacking = [host.name for host, target in zip(hosts, found, strict=True) if target is None]
    if lacking and (named or not have):
        message = f"{', '.join(lacking)}: there is no machine to be reached"
        hint = "bring a simulated one up: invoke sim.up; or give the real one's address in"
        raise UsageError(message, hint=f"{hint} hosts/{lacking[0]}.yaml")
    return have


def _simulated(
    project: Project, where: Layout, hosts: Sequence[Host], identity: Identity
) -> dict[str, Target]:
    """Return the machines that are simulated and run, by the names of their hosts."""
    known = {host.name: record.load(where.record(host.name)) for host in hosts}
    # Reason: while QEMU runs, its port is listened to, and by nobody else as a rule; who does is
    # known by the host key.
    doors = {
        name: found.ports[SSH]
        for name, found in known.items()
        if found is not None and found.ignited and not ports.is_free(found.ports[SSH])
    }
    if not doors:
        return {}
    addresses = network.assign(project.subnet, project.hosts, network.remembered(where))
    told = neighbours.of(project, network.Network(project.subnet, addresses))
    return {
        host.name: Target(
            host,
            Endpoint(
                host.name,
                ports.LOOPBACK,
                doors[host.name],
                identity.hosts[host.name].ssh_host_public_key,
                authority=identity.ssh.host,
            ),
            told.files(host.name),
            simulated=True,
        )
        for host in hosts
        if host.name in doors
    }


def _real(host: Host, identity: Identity) -> Target | None:
    if not host.address:
        return None
    endpoint = Endpoint(
        host.name,
        host.address,
        host.ssh_port,
        identity.hosts[host.name].ssh_host_public_key,
        authority=identity.ssh.host,
    )
    return Target(host, endpoint, (), simulated=False)
