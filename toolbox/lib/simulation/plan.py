"""Deciding for each machine whether it stays, starts on other hardware, or is made anew."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from toolbox.lib.core.files import sha256
from toolbox.lib.machine import accel, images, link
from toolbox.lib.machine.domain import Domain, Forward
from toolbox.lib.reconfigure.desire.ignition import derive
from toolbox.lib.simulation import cores, ports, record
from toolbox.lib.simulation import snapshot as snapshots

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from toolbox.lib.butane.translate import IgnitionConfig
    from toolbox.lib.inventory.host import Host
    from toolbox.lib.machine.images import GuestImage
    from toolbox.lib.simulation.layout import Layout
    from toolbox.lib.simulation.record import Record
    from toolbox.lib.simulation.snapshot import Snapshot

SSH = 22
DEADLINE_SECONDS = 600.0
GONE = "its domain is gone"


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller may choose.

    Attributes:
        accelerator: ``auto``, ``kvm`` or ``tcg``.
        os: Simulate every host on this guest, whatever the host names.
        deadline: Seconds a boot may take.
        hosts: Names of the hosts to bring up; empty for all.
        cold: Boot every new machine, though a snapshot of the same content is there.
        keep: Keep a snapshot of each machine that was made, when the caller is content with it.
        warm: Start new machines from the generic guest, and change them to their config.
        fresh: Make every machine anew.
    """

    accelerator: str = accel.AUTO
    os: str | None = None
    deadline: float = DEADLINE_SECONDS
    hosts: tuple[str, ...] = ()
    cold: bool = False
    keep: bool = False
    warm: bool = False
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What one machine shall be, and why it is touched.

    Attributes:
        host: The host it simulates.
        image: Image of its disk.
        config: The config that Ignition applies.
        before: What was remembered of it, or None.
        record: Its history, of a new machine if it is made anew.
        fresh: Whether it gets a new disk and a first boot.
        key: Key of its content.
        snapshot: The same content as it was when it had booted, or None.
        warm: Whether it starts from the generic guest instead of a boot of its own.
        changed: Whether it runs with another config, and is changed to this one.
        reason: Why it is touched, in words; empty when it stays.
    """

    host: Host
    image: GuestImage
    config: IgnitionConfig
    before: Record | None
    record: Record
    fresh: bool
    key: str
    snapshot: Snapshot | None
    warm: bool
    changed: bool
    reason: str

    @property
    def redefined(self) -> bool:
        """Whether it keeps its disk and gets another domain."""
        known = self.before
        return known is not None and not self.fresh and known.definition != self.record.definition

    @property
    def reinstalled(self) -> bool:
        """Whether it keeps its domain and gets another disk."""
        return self.fresh and self.before is not None and self.before.uuid == self.record.uuid

    def domain(self, where: Layout) -> Domain:
        """Return its domain."""
        return domain_of(where, self.host, self.record)

    def new_ports(self) -> dict[int, int]:
        """Return the ports that its running predecessor does not hold, guest port to ours."""
        held = set(self.before.ports.values()) if self.before else set()
        return {guest: port for guest, port in self.record.ports.items() if port not in held}


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
        memory=known.memory,
        cpus=known.cpus,
        accelerator=known.accelerator,
        disk=where.pool / f"{host.name}-{known.uuid[:8]}.qcow2",
        console=where.console(host.name),
        mac=link.address(f"{where.label}/{host.name}/outside"),
        forwards=tuple(Forward(port, guest) for guest, port in sorted(known.ports.items())),
        labels={"simulation": where.label, "host": host.name, "project": where.project},
        link=link.derive(where.label, host.name),
    )


def plan(  # noqa: PLR0913 - all that a decision depends on
    where: Layout,
    hosts: Sequence[Host],
    configs: Mapping[str, IgnitionConfig],
    domains: Collection[str],
    options: Options,
    most_cpus: int,
) -> tuple[Plan, ...]:
    """Decide for each machine whether it stays or is touched, and why.

    Args:
        where: Layout of the simulation.
        hosts: The hosts to simulate.
        configs: Their configs by name.
        domains: Names of the domains that the hypervisor has.
        options: The caller's choices.
        most_cpus: Virtual CPUs that an emulated machine may have, as `cores.share` says.
    """
    planner = _Planner(where, domains, options, most_cpus)
    return tuple(planner.one(host, configs[host.name]) for host in hosts)


@dataclass(slots=True)
class _Planner:
    """Decides for one machine after the other.

    Attributes:
        where: Layout of the simulation.
        domains: Names of the domains that the hypervisor has.
        options: The caller's choices.
        most_cpus: Virtual CPUs that an emulated machine may have.
        taken: Ports that were given already.
        accelerator: What new machines run by, once it was chosen.
    """

    where: Layout
    domains: Collection[str]
    options: Options
    most_cpus: int
    taken: set[int] = field(default_factory=set)
    accelerator: str = ""

    def one(self, host: Host, config: IgnitionConfig) -> Plan:
        image = images.find(self.options.os or host.os)
        before = record.load(self.where.record(host.name))
        given = _ports(self.where, host, before, self.taken)
        parts = dict(derive(config).provisioning)
        present = self.where.domain(host.name) in self.domains
        reason = _why_fresh(
            before, image, host.sim.disk, present=present, asked=self.options.fresh
        ) or _why_provisioned(before, config.sha256, parts)
        if before is None or reason:
            wanted = self._new(host, image, config.sha256, given, parts)
            if before and present and _stands_on(before, image, host.sim.disk):
                # Reason: it is the same hardware with another system, so Pulumi has nothing to do.
                wanted = replace(wanted, uuid=before.uuid)
        else:
            cpus = cores.given(host.sim.cpus, before.accelerator, self.most_cpus)
            wanted = replace(before, ports=given, memory=host.sim.memory, cpus=cpus)
        domain = domain_of(self.where, host, wanted)
        key = snapshots.key_of(image.digest, config.sha256, host.sim.disk, domain)
        fresh = bool(reason)
        snapshot = self._snapshot(host, key) if fresh else None
        # Reason: what takes effect at a first boot only needs one.
        warm = fresh and self.options.warm and snapshot is None and not parts
        if snapshot:
            wanted = replace(wanted, uuid=snapshot.uuid, snapshot=key)
        if warm:
            wanted = replace(wanted, config=record.UNCONFIGURED)
        wanted = replace(wanted, definition=_definition(self.where, host, wanted))
        changed = wanted.config != config.sha256
        reason = reason or _why_touched(wanted, before, changed=changed)
        return Plan(
            host, image, config, before, wanted, fresh, key, snapshot, warm, changed, reason
        )

    def _new(
        self,
        host: Host,
        image: GuestImage,
        config: str,
        given: dict[int, int],
        parts: dict[str, str],
    ) -> Record:
        if not self.accelerator:
            self.accelerator = accel.choose(self.options.accelerator, image).accelerator
        return record.Record(
            uuid=str(uuid.uuid4()),
            accelerator=self.accelerator,
            ports=given,
            config=config,
            os=image.os,
            image=image.digest,
            disk=host.sim.disk,
            memory=host.sim.memory,
            cpus=cores.given(host.sim.cpus, self.accelerator, self.most_cpus),
            provisioning=parts,
        )

    def _snapshot(self, host: Host, key: str) -> Snapshot | None:
        if self.options.cold or self.options.fresh:
            return None
        return snapshots.find(self.where.snapshots(host.name), key)


def _why_fresh(
    known: Record | None, image: GuestImage, disk: int, *, present: bool, asked: bool
) -> str:
    if known is None:
        return "new"
    checks = (
        (present, GONE),
        (known.ignited, "its first boot did not come to an end"),
        (known.image == image.digest, "the guest image changed"),
        (known.disk == disk, "the size of its disk changed"),
        (not asked, "--fresh was asked for"),
    )
    return next((reason for right, reason in checks if not right), "")


def _stands_on(known: Record, image: GuestImage, disk: int) -> bool:
    # Reason: a volume on another image, or of another size, is another volume.
    return known.image == image.digest and known.disk == disk


def _why_provisioned(known: Record | None, config: str, parts: Mapping[str, str]) -> str:
    """Return why another config needs another first boot; nothing where it does not."""
    if known is None or known.config == config:
        return ""
    if known.provisioning is None:
        return "its config changed, and an earlier release had made it"
    names = sorted({*known.provisioning, *parts})
    other = [name for name in names if known.provisioning.get(name) != parts.get(name)]
    return f"{', '.join(other)} changed, which only a first boot can do" if other else ""


def _why_touched(wanted: Record, before: Record | None, *, changed: bool) -> str:
    """Return why a machine that keeps its disk does not stay as it is."""
    hardware = before is not None and before.definition != wanted.definition
    config = "its config changed" if wanted.config else "its config is not all on it yet"
    reasons = [*(["its hardware changed"] if hardware else []), *([config] if changed else [])]
    return ", ".join(reasons)


def _definition(where: Layout, host: Host, known: Record) -> str:
    return sha256(domain_of(where, host, known).xml().encode())


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
