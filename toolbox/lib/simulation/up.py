"""Bringing a project's simulated machines up: identity, configs, disks and domains, boot."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toolbox.lib.butane import bootstrap
from toolbox.lib.butane.render import render
from toolbox.lib.butane.translate import translate
from toolbox.lib.core.errors import UsageError
from toolbox.lib.core.lock import exclusive
from toolbox.lib.core.steps import note, step
from toolbox.lib.machine import accel, images, libvirt
from toolbox.lib.machine.domain import Domain, Forward
from toolbox.lib.simulation import boot, layout, ports, record
from toolbox.lib.stack import identity as identity_stack
from toolbox.lib.stack import machines as machines_stack
from toolbox.lib.transport.ssh import Client, Endpoint, client

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolbox.lib.butane.translate import IgnitionConfig
    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project
    from toolbox.lib.machine.images import GuestImage
    from toolbox.lib.machine.libvirt import Hypervisor
    from toolbox.lib.pki.identity import Identity
    from toolbox.lib.simulation.layout import Layout
    from toolbox.lib.simulation.record import Record
    from toolbox.lib.stack.workspace import Changes

SSH = 22
DEADLINE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller may choose.

    Attributes:
        accelerator: ``auto``, ``kvm`` or ``tcg``.
        os: Simulate every host on this guest, whatever the host names.
        deadline: Seconds a boot may take.
        hosts: Names of the hosts to bring up; empty for all.
    """

    accelerator: str = accel.AUTO
    os: str | None = None
    deadline: float = DEADLINE_SECONDS
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What one machine shall be, and why it is touched.

    Attributes:
        host: The host it simulates.
        image: Image of its disk.
        config: The config that Ignition applies.
        record: Its history, of a new machine if it is made anew.
        fresh: Whether it gets a new disk and a first boot.
        reason: Why it is fresh, in words.
    """

    host: Host
    image: GuestImage
    config: IgnitionConfig
    record: Record
    fresh: bool
    reason: str

    def domain(self, where: Layout) -> Domain:
        """Return its domain."""
        return domain_of(where, self.host, self.record)


def domain_of(where: Layout, host: Host, known: Record) -> Domain:
    """Return the domain of a host's machine.

    Args:
        where: Layout of the simulation.
        host: The host.
        known: The machine's record.
    """
    return Domain(
        name=where.domain(host.name),
        uuid=known.uuid,
        memory=host.sim.memory,
        cpus=host.sim.cpus,
        accelerator=known.accelerator,
        disk=where.pool / f"{host.name}-{known.uuid[:8]}.qcow2",
        console=where.console(host.name),
        forwards=tuple(Forward(port, guest) for guest, port in sorted(known.ports.items())),
        labels={"simulation": where.label, "host": host.name, "project": where.project},
    )


@dataclass(frozen=True, slots=True)
class Running:
    """A machine that is up.

    Attributes:
        host: The host it simulates.
        endpoint: How it is reached.
        config: SHA-256 of its config, ``sha256-<hex>``.
        action: ``made``, ``started`` or ``unchanged``.
        reason: Why.
        boot_id: Kernel's id of this boot.
        ports: Guest port to port on the loopback address.
        phases: When each phase of the boot was reached; empty for a machine that was running.
    """

    host: Host
    endpoint: Endpoint
    config: str
    action: str
    reason: str
    boot_id: str
    ports: dict[int, int]
    phases: tuple[boot.PhaseTime, ...]


@dataclass(frozen=True, slots=True)
class Simulation:
    """The machines of a project, up and reachable.

    Attributes:
        machines: One for each host.
        client: Reaches them over ssh.
        identity: Changes of the identity stack.
        stack: Changes of the machines stack.
    """

    machines: tuple[Running, ...]
    client: Client
    identity: Changes
    stack: Changes

    @property
    def unchanged(self) -> bool:
        """Whether everything was as wanted already."""
        return (
            self.identity.nothing
            and self.stack.nothing
            and all(machine.action == "unchanged" for machine in self.machines)
        )


@contextmanager
def up(project: Project, options: Options) -> Iterator[Simulation]:
    """Bring machines up and keep connections to them open for the block.

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
        with step("Connect to libvirt"):
            hypervisor = libvirt.connect()
        identity, identity_changes = ensure_identity(project, where)
        with step("Render and translate"):
            configs = translate_all(project, hosts, identity)
        plans = plan(where, hosts, configs, hypervisor, options)
        with step("Bring disks and domains up"):
            changes = _ensure_machines(where, project, plans, hypervisor, options)
            note(changes.sentence())
        endpoints = [_endpoint(item, identity) for item in plans]
        key, public = identity.provision_key, identity.provision_public_key
        with client(endpoints, key, public, where.runtime) as ssh:
            with step("Boot"):
                machines = _boot_all(where, plans, endpoints, ssh, hypervisor, options)
            yield Simulation(machines, ssh, identity_changes, changes)


def chosen(project: Project, names: Sequence[str]) -> tuple[Host, ...]:
    """Return the hosts of these names, or all.

    Raises:
        UsageError: A name is no host of the project.
    """
    known = {host.name: host for host in project.hosts}
    unknown = [name for name in names if name not in known]
    if unknown:
        message = f"{project.name} has no host {', '.join(unknown)}"
        raise UsageError(message, hint=f"its hosts are {', '.join(known)}")
    return tuple(known[name] for name in names) or project.hosts


def ensure_identity(project: Project, where: Layout) -> tuple[Identity, Changes]:
    """Bring the identity stack up and return the identity with what changed."""
    with step("Bring the identity up"):
        program = identity_stack.program(project.name, subjects(project))
        changes = where.workspace.up(layout.IDENTITY, program)
        note(changes.sentence())
        return identity_stack.identity(where.workspace.outputs(layout.IDENTITY)), changes


def subjects(project: Project) -> tuple[identity_stack.Subject, ...]:
    """Return the hosts that get keys and a certificate."""
    return tuple(
        identity_stack.Subject(host.name, (host.fqdn, host.name)) for host in project.hosts
    )


def translate_all(
    project: Project, hosts: Sequence[Host], identity: Identity
) -> dict[str, IgnitionConfig]:
    """Render and translate the hosts' configs, in parallel."""

    def one(host: Host) -> IgnitionConfig:
        with render(project, host, identity) as config:
            return translate(config)

    with ThreadPoolExecutor() as pool:
        return dict(zip((host.name for host in hosts), pool.map(one, hosts), strict=True))


def plan(
    where: Layout,
    hosts: Sequence[Host],
    configs: dict[str, IgnitionConfig],
    hypervisor: Hypervisor,
    options: Options,
) -> tuple[Plan, ...]:
    """Decide for each machine whether it stays or is made anew."""
    domains = hypervisor.domains()
    taken: set[int] = set()
    accelerator: str | None = None
    plans = []
    for host in hosts:
        image = images.find(options.os or host.os)
        config = configs[host.name]
        known = record.load(where.record(host.name))
        reason = _why_fresh(known, image, config, present=where.domain(host.name) in domains)
        if known is None or reason:
            accelerator = accelerator or accel.choose(options.accelerator, image).accelerator
            known = record.Record(
                uuid=str(uuid.uuid4()),
                accelerator=accelerator,
                ports=_ports(where, host, known, taken),
                config=config.sha256,
                image=image.digest,
            )
        taken.update(known.ports.values())
        plans.append(Plan(host, image, config, known, fresh=bool(reason), reason=reason))
    return tuple(plans)


def _why_fresh(
    known: Record | None, image: GuestImage, config: IgnitionConfig, *, present: bool
) -> str:
    if known is None:
        return "new"
    if not present:
        return "its domain is gone"
    if not known.ignited:
        return "its first boot did not come to an end"
    if known.image != image.digest:
        return "the guest image changed"
    if known.config != config.sha256:
        return "its config changed"
    return ""


def _ports(where: Layout, host: Host, known: Record | None, taken: set[int]) -> dict[int, int]:
    wanted = {SSH: host.sim.ssh_port}
    wanted.update({forward.guest_port: forward.host_port for forward in host.sim.forwards})
    remembered = known.ports if known else {}
    given: dict[int, int] = {}
    for guest, port in wanted.items():
        seed = int(uuid.uuid5(uuid.NAMESPACE_URL, f"{where.label}/{host.name}/{guest}"))
        given[guest] = port or remembered.get(guest) or ports.choose(seed, taken)
        taken.add(given[guest])
    return given


def _ensure_machines(
    where: Layout,
    project: Project,
    plans: Sequence[Plan],
    hypervisor: Hypervisor,
    options: Options,
) -> Changes:
    for item in plans:
        name = where.domain(item.host.name)
        if hypervisor.state(name) != boot.RUNNING:
            for guest, port in item.record.ports.items():
                ports.require_free(port, host=item.host.name, guest_port=guest)
    workspace = where.workspace
    if any(item.reason == "its domain is gone" for item in plans):
        # Reason: the state remembers domains that the hypervisor has lost; it must learn that
        # before it tries to delete them.
        workspace.refresh(layout.MACHINES)
    for item in plans:
        item.record.save(where.record(item.host.name))
    machines = [
        machines_stack.Machine(
            host.name,
            domain_of(where, host, known),
            images.find(options.os or host.os).disk,
            host.sim.disk,
        )
        for host in project.hosts
        # Reason: machines that were not asked for stay; the stack holds all that there are.
        if (known := record.load(where.record(host.name))) is not None
    ]
    program = machines_stack.program(hypervisor.uri, where.pool_name, where.pool, machines)
    return workspace.up(layout.MACHINES, program)


def _endpoint(item: Plan, identity: Identity) -> Endpoint:
    name = item.host.name
    key = identity.hosts[name].ssh_host_public_key
    return Endpoint(name, ports.LOOPBACK, item.record.ports[SSH], key)


def _boot_all(  # noqa: PLR0913 - the parts of one boot
    where: Layout,
    plans: Sequence[Plan],
    endpoints: Sequence[Endpoint],
    ssh: Client,
    hypervisor: Hypervisor,
    options: Options,
) -> tuple[Running, ...]:
    def one(item: Plan, endpoint: Endpoint) -> Running:
        return _boot(where, item, endpoint, ssh, hypervisor, options.deadline)

    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(one, *pair) for pair in zip(plans, endpoints, strict=True)]
        try:
            return tuple(future.result() for future in futures)
        except (KeyboardInterrupt, SystemExit):
            # Reason: a machine in the middle of its first boot is of no use to anyone.
            for item in plans:
                if item.fresh:
                    hypervisor.virsh("destroy", where.domain(item.host.name), check=False)
            raise


def _boot(  # noqa: PLR0913 - the parts of one boot
    where: Layout,
    item: Plan,
    endpoint: Endpoint,
    ssh: Client,
    hypervisor: Hypervisor,
    deadline: float,
) -> Running:
    name = item.host.name
    domain = item.domain(where)
    state = hypervisor.state(domain.name)
    action = "made" if item.fresh else "unchanged" if state == boot.RUNNING else "started"
    phases: tuple[boot.PhaseTime, ...] = ()
    if action != "unchanged":
        start = domain.console.stat().st_size if domain.console.exists() else 0
        watched = boot.Boot(hypervisor, domain, endpoint, ssh, start, deadline)
        if item.fresh:
            note(f"{name}: first boot, {item.reason}")
            wrapped = bootstrap.wrap(item.config)
            boot.ignite(hypervisor, domain, item.image, wrapped)
        else:
            boot.start(hypervisor, domain)
        phases = watched.wait()
    if action == "started":
        # Reason: a machine that was saved wakes up with the clock of that time.
        ssh.run(name, f"sudo date --utc --set=@{time.time():.0f}", timeout=60)
    boot_id = ssh.run(name, "cat /proc/sys/kernel/random/boot_id", timeout=60).text.strip()
    replace(item.record, ignited=True, boot_id=boot_id).save(where.record(name))
    return Running(
        item.host,
        endpoint,
        item.config.sha256,
        action,
        item.reason,
        boot_id,
        dict(item.record.ports),
        phases,
    )
