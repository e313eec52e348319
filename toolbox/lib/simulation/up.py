"""Bringing a project's simulated machines up: identity, configs, disks and domains, boot."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toolbox.lib.butane import pipeline
from toolbox.lib.core import parallel
from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.lock import exclusive
from toolbox.lib.core.report import Severity
from toolbox.lib.core.steps import note, step
from toolbox.lib.inventory.choice import chosen
from toolbox.lib.machine import images, libvirt
from toolbox.lib.simulation import (
    boot,
    cores,
    generic,
    keys,
    layout,
    memory,
    neighbours,
    network,
    operate,
    ports,
    record,
)
from toolbox.lib.simulation import snapshot as snapshots
from toolbox.lib.simulation.plan import GONE, SSH, Options, Plan, domain_of, plan
from toolbox.lib.simulation.settle import settle
from toolbox.lib.simulation.snapshot import Snapshot
from toolbox.lib.simulation.start import UNCHANGED, Starter, set_clock
from toolbox.lib.stack import identity as identity_stack
from toolbox.lib.stack import machines as machines_stack
from toolbox.lib.transport.ssh import Client, Endpoint, client

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolbox.lib.butane.translate import IgnitionConfig
    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project
    from toolbox.lib.machine.libvirt import Hypervisor
    from toolbox.lib.pki.identity import Identity
    from toolbox.lib.simulation.layout import Layout
    from toolbox.lib.simulation.network import Network
    from toolbox.lib.simulation.start import Running
    from toolbox.lib.stack.workspace import Changes


@dataclass(frozen=True, slots=True)
class Simulation:
    """The machines of a project, up and reachable.

    Attributes:
        machines: One for each host.
        client: Reaches them over ssh.
        identity: Changes of the identity stack.
        stack: Changes of the machines stack.
        network: The network that they share.
    """

    machines: tuple[Running, ...]
    client: Client
    identity: Changes
    stack: Changes
    network: Network

    @property
    def unchanged(self) -> bool:
        """Whether everything was as wanted already."""
        return (
            self.identity.nothing
            and self.stack.nothing
            and all(machine.action == UNCHANGED for machine in self.machines)
        )


@contextmanager
def up(project: Project, options: Options) -> Iterator[Simulation]:
    """Bring machines up and reach them for the block; connections are left to the next task.

    Args:
        project: The project.
        options: The caller's choices.

    Yields:
        The running simulation.

    Raises:
        ToolboxError: Something a person wrote, the habitat or a machine does not do; what was
            begun by this call is ended.
    """
    where = layout.of(project)
    hosts = chosen(project, options.hosts)
    with exclusive(where.folder / "lock", what=f"simulation of {project.name}"):
        boot.forget(where.runtime)
        with step("Connect to libvirt"):
            hypervisor = libvirt.connect()
        operate.require_known(where, hypervisor)
        identity, identity_changes = ensure_identity(project, where)
        with step("Render, translate and check"):
            configs = translate_all(project, hosts, identity)
        most = cores.per_machine(project)
        plans = plan(where, hosts, configs, hypervisor.domains(), options, most)
        shared = network.ensure(project, where)
        _say_shortages(where, plans, hypervisor)
        _ensure_generic(plans, where, hypervisor, options.deadline)
        with step("Bring disks and domains up"):
            changes = _ensure_machines(where, project, plans, hypervisor)
            note(changes.sentence())
        endpoints = [_endpoint(item, identity) for item in plans]
        key, public = identity.provision_key, identity.provision_public_key
        with client(endpoints, key, public, where.runtime, held=where.held) as ssh:
            told = neighbours.of(project, shared)
            with step("Boot"):
                starter = Starter(where, hypervisor, ssh, identity, told, options.deadline)
                machines = starter.all(plans, endpoints)
            machines = settle(starter, plans, machines)
            yield Simulation(machines, ssh, identity_changes, changes, shared)
            if options.keep:
                _keep(where, plans, ssh, hypervisor)


def ensure_identity(project: Project, where: Layout) -> tuple[Identity, Changes]:
    """Bring the identity stack up and return the identity with what changed."""
    with step("Bring the identity up"):
        changes = where.workspace.up(layout.IDENTITY, keys.program(project))
        note(changes.sentence())
        return identity_stack.identity(where.workspace.outputs(layout.IDENTITY)), changes


def translate_all(
    project: Project, hosts: Sequence[Host], identity: Identity
) -> dict[str, IgnitionConfig]:
    """Render, translate and check the hosts' configs; say what they are warned of."""
    outcomes = pipeline.every(project, hosts, identity)
    configs = pipeline.accepted(outcomes)
    for finding in pipeline.findings(outcomes):
        if finding.severity is not Severity.INFO:
            note(finding.render())
    return configs


def _say_shortages(where: Layout, plans: Sequence[Plan], hypervisor: Hypervisor) -> None:
    starting = [
        item for item in plans if item.fresh or item.redefined or not _runs(where, item, hypervisor)
    ]
    wanted = {item.host.name: item.host.sim for item in starting}
    got = {item.host.name: item.record.cpus for item in starting}
    for words in (
        memory.shortage({name: size.memory for name, size in wanted.items()}, memory.available()),
        cores.spared({name: size.cpus for name, size in wanted.items()}, got),
    ):
        if words:
            note(words)


def _ensure_generic(
    plans: Sequence[Plan], where: Layout, hypervisor: Hypervisor, deadline: float
) -> None:
    """Make sure that there is a generic guest for each machine that starts from one."""
    for item in plans:
        if item.warm:
            size, domain = item.host.sim.disk, item.domain(where)
            generic.ensure(hypervisor, item.image, size, domain, deadline)


def _ensure_machines(
    where: Layout,
    project: Project,
    plans: Sequence[Plan],
    hypervisor: Hypervisor,
) -> Changes:
    states = {item.host.name: hypervisor.state(where.domain(item.host.name)) for item in plans}
    running = {name for name, state in states.items() if state == boot.RUNNING}
    for item in plans:
        name = item.host.name
        # Reason: one that stands still has its ports as well.
        wanted = item.record.ports if states[name] in boot.OFF else item.new_ports()
        for guest, port in wanted.items():
            ports.require_free(port, host=name, guest_port=guest)
    for item in plans:
        if item.redefined and item.host.name in running:
            with step(f"Shut {item.host.name} down: {item.reason}"):
                boot.shut_down(hypervisor, where.domain(item.host.name))
        if item.reinstalled:
            boot.cut_power(hypervisor, where.domain(item.host.name))
    workspace = where.workspace
    if any(item.reason == GONE for item in plans):
        # Reason: the state remembers domains that the hypervisor has lost; it must learn that
        # before it tries to delete them.
        workspace.refresh(layout.MACHINES)
    for item in plans:
        item.record.save(where.record(item.host.name))
    machines = made(project, where)
    program = machines_stack.program(hypervisor.uri, where.pool_name, where.pool, machines)
    return workspace.up(layout.MACHINES, program)


def made(project: Project, where: Layout) -> tuple[machines_stack.Machine, ...]:
    """Return the machines of a simulation as its stack declares them: all that were ever made.

    Those that were not asked for this time stay what they are.
    """
    found = ((host, record.load(where.record(host.name))) for host in project.hosts)
    return tuple(
        machines_stack.Machine(
            host.name, domain_of(where, host, known), images.find(known.os).disk, known.disk
        )
        for host, known in found
        if known is not None
    )


def _runs(where: Layout, item: Plan, hypervisor: Hypervisor) -> bool:
    return hypervisor.state(where.domain(item.host.name)) == boot.RUNNING


def _endpoint(item: Plan, identity: Identity) -> Endpoint:
    name = item.host.name
    key = identity.hosts[name].ssh_host_public_key
    authority = identity.ssh.host
    return Endpoint(name, ports.LOOPBACK, item.record.ports[SSH], key, authority=authority)


def _keep(where: Layout, plans: Sequence[Plan], ssh: Client, hypervisor: Hypervisor) -> None:
    """Keep a snapshot of each machine that had its first boot, and not too many of them."""

    def one(item: Plan) -> None:
        name, folder, domain = item.host.name, where.snapshots(item.host.name), item.domain(where)
        known = record.load(where.record(name))
        assert known is not None  # noqa: S101 - the machine has just been booted
        ssh.hang_up(name)
        made = Snapshot(folder / item.key)
        try:
            snapshots.save(hypervisor, domain, made)
        except (ToolboxError, OSError) as error:
            if hypervisor.state(domain.name) != boot.RUNNING:
                raise
            # Reason: a snapshot that is missing is only a loss of time.
            note(f"{name} cannot be kept and runs on: {str(error).splitlines()[-1]}")
        set_clock(ssh, name)
        if made.carries(domain.disk):
            replace(known, snapshot=made.key).save(where.record(name))
        for key in snapshots.prune(folder, {made.key}):
            note(f"{name}: removed the snapshot {key}, as others were used since")

    booted = [item for item in plans if item.fresh and not _stands(where, item)]
    if booted:
        names = ", ".join(item.host.name for item in booted)
        with step(f"Keep {names} for a warm start"):
            parallel.each(one, booted)


def _stands(where: Layout, item: Plan) -> bool:
    """Tell whether a machine's disk stands on a snapshot already."""
    known = record.load(where.record(item.host.name))
    return known is None or bool(known.snapshot)
