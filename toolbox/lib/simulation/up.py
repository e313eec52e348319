"""Bringing a project's simulated machines up: identity, configs, disks and domains, boot."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from toolbox.lib.butane import bootstrap
from toolbox.lib.butane.render import render
from toolbox.lib.butane.translate import translate
from toolbox.lib.core.errors import ProgramFailed, ToolboxError, UsageError, together
from toolbox.lib.core.lock import exclusive
from toolbox.lib.core.steps import note, step
from toolbox.lib.machine import images, libvirt
from toolbox.lib.simulation import boot, layout, memory, neighbours, network, ports, record
from toolbox.lib.simulation import snapshot as snapshots
from toolbox.lib.simulation.plan import GONE, SSH, Options, Plan, domain_of, plan
from toolbox.lib.simulation.snapshot import Snapshot
from toolbox.lib.stack import identity as identity_stack
from toolbox.lib.stack import machines as machines_stack
from toolbox.lib.transport.ssh import Client, Endpoint, client

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from toolbox.lib.butane.translate import IgnitionConfig
    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project
    from toolbox.lib.machine.domain import Domain
    from toolbox.lib.machine.libvirt import Hypervisor
    from toolbox.lib.pki.identity import Identity
    from toolbox.lib.simulation.layout import Layout
    from toolbox.lib.simulation.neighbours import Neighbours
    from toolbox.lib.simulation.network import Network
    from toolbox.lib.stack.workspace import Changes

    Result = TypeVar("Result")

INTERRUPT_SECONDS = 0.2
MADE, RESUMED, STARTED, UNCHANGED = "made", "resumed", "started", "unchanged"


@dataclass(frozen=True, slots=True)
class Running:
    """A machine that is up.

    Attributes:
        host: The host it simulates.
        endpoint: How it is reached.
        config: SHA-256 of its config, ``sha256-<hex>``.
        action: ``made``, ``resumed``, ``started`` or ``unchanged``.
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
        plans = plan(where, hosts, configs, hypervisor.domains(), options)
        shared = network.ensure(project, where)
        _say_shortage(where, plans, hypervisor)
        with step("Bring disks and domains up"):
            changes = _ensure_machines(where, project, plans, hypervisor, options)
            note(changes.sentence())
        endpoints = [_endpoint(item, identity) for item in plans]
        key, public = identity.provision_key, identity.provision_public_key
        with client(endpoints, key, public, where.runtime) as ssh:
            with step("Boot"):
                told = neighbours.of(project, where, shared)
                machines = _boot_all(where, plans, endpoints, ssh, hypervisor, options, told)
            yield Simulation(machines, ssh, identity_changes, changes, shared)
            if options.keep:
                _keep(where, plans, ssh, hypervisor)


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
            for warning in config.warnings:
                note(warning.render())
            return translate(config)

    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(one, host) for host in hosts]
    return dict(zip((host.name for host in hosts), _results(futures), strict=True))


def _results(futures: Sequence[Future[Result]]) -> tuple[Result, ...]:
    """Return what all of them gave, or raise what went wrong in any of them."""
    failures = [failure for future in futures if (failure := future.exception()) is not None]
    known = [failure for failure in failures if isinstance(failure, ToolboxError)]
    if len(known) < len(failures):
        # Reason: a mistake of ours shows its stack, and comes before what it may have caused.
        raise next(failure for failure in failures if not isinstance(failure, ToolboxError))
    if known:
        raise together(known) from known[0]
    return tuple(future.result() for future in futures)


def _say_shortage(where: Layout, plans: Sequence[Plan], hypervisor: Hypervisor) -> None:
    wanted = {
        item.host.name: item.host.sim.memory
        for item in plans
        if item.reason or not _runs(where, item, hypervisor)
    }
    words = memory.shortage(wanted, memory.available())
    if words:
        note(words)


def _ensure_machines(
    where: Layout,
    project: Project,
    plans: Sequence[Plan],
    hypervisor: Hypervisor,
    options: Options,
) -> Changes:
    running = {item.host.name for item in plans if _runs(where, item, hypervisor)}
    for item in plans:
        name = item.host.name
        wanted = item.new_ports() if name in running else item.record.ports
        for guest, port in wanted.items():
            ports.require_free(port, host=name, guest_port=guest)
    for item in plans:
        if item.redefined and item.host.name in running:
            with step(f"Shut {item.host.name} down: {item.reason}"):
                boot.shut_down(hypervisor, where.domain(item.host.name))
    workspace = where.workspace
    if any(item.reason == GONE for item in plans):
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


def _runs(where: Layout, item: Plan, hypervisor: Hypervisor) -> bool:
    return hypervisor.state(where.domain(item.host.name)) == boot.RUNNING


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
    told: Neighbours,
) -> tuple[Running, ...]:
    interrupted = Event()

    def one(item: Plan, endpoint: Endpoint) -> Running:
        return _boot(where, item, endpoint, ssh, hypervisor, options.deadline, interrupted, told)

    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(one, *pair) for pair in zip(plans, endpoints, strict=True)]
        try:
            wait(futures)
        except (KeyboardInterrupt, SystemExit):
            interrupted.set()
            _end_first_boots(where, plans, futures, ssh, hypervisor)
            raise
    return _results(futures)


def _end_first_boots(
    where: Layout,
    plans: Sequence[Plan],
    futures: Sequence[Future[Running]],
    ssh: Client,
    hypervisor: Hypervisor,
) -> None:
    """End what is in the middle of its first boot, as it is of no use to anyone."""
    pending = True
    while pending:
        # Reason: one more round after the last thread, which may just have made its domain.
        pending = bool(wait(futures, timeout=INTERRUPT_SECONDS).not_done)
        for item in plans:
            ssh.hang_up(item.host.name)
            if item.fresh:
                hypervisor.virsh("destroy", where.domain(item.host.name), check=False)


def _boot(  # noqa: PLR0913 - the parts of one boot
    where: Layout,
    item: Plan,
    endpoint: Endpoint,
    ssh: Client,
    hypervisor: Hypervisor,
    deadline: float,
    interrupted: Event,
    told: Neighbours,
) -> Running:
    name = item.host.name
    domain = item.domain(where)
    state = hypervisor.state(domain.name)
    action = _action(item, state)
    phases: tuple[boot.PhaseTime, ...] = ()
    known = item.record
    if action != UNCHANGED:
        start = domain.console.stat().st_size if domain.console.exists() else 0
        handover = where.handover(name)
        watched = boot.Boot(hypervisor, domain, endpoint, ssh, start, deadline, interrupted)
        if action == RESUMED and not _resume(hypervisor, item, domain, handover):
            action, known = MADE, replace(known, snapshot="")
        if action == MADE:
            note(f"{name}: first boot, {item.reason}")
            wrapped = bootstrap.wrap(item.config, told.files(name))
            watched.check_interrupt()
            boot.ignite(hypervisor, domain, item.image, wrapped, handover)
        elif action == STARTED:
            boot.start(hypervisor, domain, handover)
        phases = watched.wait()
    if action in {STARTED, RESUMED}:
        # Reason: a machine that was saved wakes up with the clock of that time.
        _set_clock(ssh, name)
    boot_id = ssh.run(name, told.command(name), timeout=60).text.strip()
    replace(known, ignited=True, boot_id=boot_id).save(where.record(name))
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


def _action(item: Plan, state: str) -> str:
    if item.fresh:
        return RESUMED if item.snapshot else MADE
    return UNCHANGED if state == boot.RUNNING else STARTED


def _resume(hypervisor: Hypervisor, item: Plan, domain: Domain, handover: Path) -> bool:
    """Resume a machine from its snapshot; tell whether that went well."""
    assert item.snapshot is not None  # noqa: S101 - what RESUMED means
    name = item.host.name
    note(f"{name}: resumed as it was after an earlier boot, {item.reason}")
    boot.fill(handover)
    try:
        snapshots.resume(hypervisor, domain, item.snapshot)
    except ProgramFailed as error:
        # Reason: what cannot be resumed is only a loss of time; the machine is booted instead.
        note(f"{name}: it cannot be resumed, so it boots: {error.message.splitlines()[-1]}")
        hypervisor.virsh("destroy", domain.name, check=False)
        snapshots.discard(item.snapshot)
        snapshots.stand_on(item.image.disk, domain.disk, gibibytes=item.host.sim.disk)
        return False
    return True


def _set_clock(ssh: Client, name: str) -> None:
    ssh.run(name, f"sudo date --utc --set=@{time.time():.0f}", timeout=60)


def _keep(where: Layout, plans: Sequence[Plan], ssh: Client, hypervisor: Hypervisor) -> None:
    """Keep a snapshot of each machine that had its first boot, and not too many of them."""
    for item in plans:
        name, folder, domain = item.host.name, where.snapshots(item.host.name), item.domain(where)
        known = record.load(where.record(name))
        if not item.fresh or known is None or known.snapshot:
            continue
        with step(f"Keep {name} for a warm start"):
            ssh.hang_up(name)
            made = Snapshot(folder / item.key)
            try:
                snapshots.save(hypervisor, domain, made)
            except (ProgramFailed, OSError) as error:
                if hypervisor.state(domain.name) != boot.RUNNING:
                    raise
                # Reason: a snapshot that is missing is only a loss of time.
                note(f"{name} cannot be kept and runs on: {str(error).splitlines()[-1]}")
            _set_clock(ssh, name)
            if made.carries(domain.disk):
                replace(known, snapshot=made.key).save(where.record(name))
        for key in snapshots.prune(folder, {made.key}):
            note(f"removed the snapshot {key}, as others were used since")
