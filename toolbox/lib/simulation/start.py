"""Starting machines, all at once, each the way its plan says: boot, resume, or go on."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Event, Semaphore
from typing import TYPE_CHECKING

from toolbox.lib.core import parallel
from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.steps import note
from toolbox.lib.machine import accel
from toolbox.lib.reconfigure.desire.ignition import derive
from toolbox.lib.reconfigure.history import firstboot
from toolbox.lib.reconfigure.history.record import keepsakes
from toolbox.lib.simulation import boot, cores, generic, instance
from toolbox.lib.simulation import snapshot as snapshots
from toolbox.lib.transport.ssh import found_nobody

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from toolbox.lib.inventory.host import Host
    from toolbox.lib.machine.domain import Domain
    from toolbox.lib.machine.libvirt import Hypervisor
    from toolbox.lib.pki.identity import Identity
    from toolbox.lib.simulation.layout import Layout
    from toolbox.lib.simulation.neighbours import Neighbours
    from toolbox.lib.simulation.plan import Plan
    from toolbox.lib.transport.ssh import Client, Endpoint

INTERRUPT_SECONDS = 0.2
STOPPING = "stopping"
BOOTING = ("initializing", "starting")
"""systemd's words for a system that goes down, and for one that comes up."""
MADE, WARM, RESUMED, STARTED, UNCHANGED = "made", "warm", "resumed", "started", "unchanged"
CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Running:
    """A machine that is up.

    Attributes:
        host: The host it simulates.
        endpoint: How it is reached.
        config: SHA-256 of its config, ``sha256-<hex>``; nothing for one that has none yet.
        action: ``made``, ``warm``, ``resumed``, ``started``, ``changed`` or ``unchanged``.
        reason: Why.
        boot_id: Kernel's id of this boot.
        ports: Guest port to port on the loopback address.
        phases: When each phase of the boot was reached; empty for a machine that was running.
        changes: What was changed on it, one line each.
    """

    host: Host
    endpoint: Endpoint
    config: str
    action: str
    reason: str
    boot_id: str
    ports: dict[int, int]
    phases: tuple[boot.PhaseTime, ...]
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Starter:
    """Starts the machines of a simulation.

    Attributes:
        where: Layout of the simulation.
        hypervisor: Where they are defined.
        ssh: Reaches them.
        identity: Keys of the project.
        told: What they are told of each other.
        deadline: Seconds a boot may take.
        interrupted: Set when nobody waits for them any more.
        turns: Held by each emulated machine that becomes one of its own.
    """

    where: Layout
    hypervisor: Hypervisor
    ssh: Client
    identity: Identity
    told: Neighbours
    deadline: float
    interrupted: Event = field(default_factory=Event)
    turns: Semaphore = field(default_factory=lambda: Semaphore(cores.here()))

    def all(self, plans: Sequence[Plan], endpoints: Sequence[Endpoint]) -> tuple[Running, ...]:
        """Bring machines up and wait until each has booted.

        Args:
            plans: What each shall be.
            endpoints: How each is reached, in the same order.

        Raises:
            ToolboxError: Some did not come up; all of them are told.
        """
        with ThreadPoolExecutor() as pool:
            futures = [pool.submit(self.one, *pair) for pair in zip(plans, endpoints, strict=True)]
            try:
                wait(futures)
            except (KeyboardInterrupt, SystemExit):
                self.interrupted.set()
                self._end_first_boots(plans, futures)
                raise
        return parallel.results(futures)

    def _end_first_boots(self, plans: Sequence[Plan], futures: Sequence[Future[Running]]) -> None:
        """End what is in the middle of its first boot, as it is of no use to anyone."""
        pending = True
        while pending:
            # Reason: one more round after the last thread, which may just have made its domain.
            pending = bool(wait(futures, timeout=INTERRUPT_SECONDS).not_done)
            for item in plans:
                self.ssh.hang_up(item.host.name)
                if item.fresh:
                    self.hypervisor.virsh("destroy", self.where.domain(item.host.name), check=False)

    def one(self, item: Plan, endpoint: Endpoint) -> Running:
        """Bring one machine up.

        Args:
            item: What it shall be.
            endpoint: How it is reached.
        """
        # Reason: it has no config yet that may wait for another machine, and each that is worked
        # on beyond the processors takes the time of all.
        alone = item.warm and item.record.accelerator == accel.TCG
        with self.turns if alone else nullcontext():
            return self._one(item, endpoint)

    def _one(self, item: Plan, endpoint: Endpoint) -> Running:
        name, known = item.host.name, item.record
        domain = item.domain(self.where)
        action = _action(item, self.hypervisor.state(domain.name))
        if action == UNCHANGED and not self._stands(domain, endpoint):
            action = STARTED
        phases: tuple[boot.PhaseTime, ...] = ()
        if action != UNCHANGED:
            begun = partial(self._begin, item, domain, endpoint, action)
            action, base, phases = boot.patiently(name, begun)
            known = replace(known, snapshot=base)
        if action in {STARTED, RESUMED}:
            # Reason: a machine that was saved wakes up with the clock of that time.
            set_clock(self.ssh, name)
        boot_id = self.ssh.run(name, self.told.command(name), timeout=60).text.strip()
        replace(known, ignited=True, boot_id=boot_id).save(self.where.record(name))
        return Running(
            item.host,
            endpoint,
            known.config,
            action,
            item.reason,
            boot_id,
            dict(known.ports),
            phases,
        )

    def _stands(self, domain: Domain, endpoint: Endpoint) -> bool:
        """Tell whether a running machine is up, and not off by now; wait for one or the other."""
        name = endpoint.name
        asked = self.ssh.run(name, "systemctl is-system-running", timeout=60, check=False)
        state = asked.text.strip()
        nobody = found_nobody(asked.exit_code, asked.tail("stderr"))
        if nobody or state == STOPPING:
            # Reason: a task that was killed has asked it to, or somebody on it.
            is_what = "does not answer" if nobody else "is shutting down"
            note(f"{name} {is_what}; waiting for it to be off, or up again")
            if boot.goes_off(self.hypervisor, domain.name, endpoint, silent=nobody):
                return False
        if nobody or state in {STOPPING, *BOOTING}:
            self._watched(domain, endpoint).wait()
        return True

    def _watched(self, domain: Domain, endpoint: Endpoint) -> boot.Boot:
        start = domain.console.stat().st_size if domain.console.exists() else 0
        return boot.Boot(
            self.hypervisor, domain, endpoint, self.ssh, start, self.deadline, self.interrupted
        )

    def _begin(
        self, item: Plan, domain: Domain, endpoint: Endpoint, action: str
    ) -> tuple[str, str, tuple[boot.PhaseTime, ...]]:
        """Start a machine and wait; return what `_start` does, and the phases of its boot."""
        watched = self._watched(domain, endpoint)
        watched.check_interrupt()
        done, base = self._start(item, watched, action)
        return done, base, watched.wait()

    def _start(self, item: Plan, watched: boot.Boot, action: str) -> tuple[str, str]:
        """Start a machine; return what was done, and the snapshot that its disk stands on."""
        name, handover = item.host.name, self.where.handover(item.host.name)
        domain = watched.domain
        if action == STARTED:
            boot.start(self.hypervisor, domain, handover)
            return STARTED, item.record.snapshot
        if action == WARM:
            return WARM, self._from_generic(item, watched)
        if action == RESUMED and self._resume(item, domain):
            return RESUMED, item.key
        note(f"{name}: first boot, {item.reason}")
        # Reason: its disk may have seen half a boot, if QEMU crashed before.
        snapshots.stand_on(item.image.disk, domain.disk, gibibytes=item.host.sim.disk)
        wrapped = firstboot.config(item.config, self.told.files(name))
        vault = self.where.vault(name, self.identity.provision_key)
        # Reason: the machine keeps no secrets of what it was, and may be asked to be that again.
        vault.keep(keepsakes(derive(item.config)))
        boot.ignite(self.hypervisor, domain, item.image, wrapped, handover)
        return MADE, ""

    def _resume(self, item: Plan, domain: Domain) -> bool:
        """Resume a machine from its snapshot; tell whether that went well."""
        assert item.snapshot is not None  # noqa: S101 - what RESUMED means
        name, handover = item.host.name, self.where.handover(item.host.name)
        note(f"{name}: resumed as it was after an earlier boot, {item.reason}")
        boot.fill(handover)
        try:
            snapshots.resume(self.hypervisor, domain, item.snapshot, handover)
        except (ToolboxError, OSError) as error:
            # Reason: what cannot be resumed is only a loss of time; the machine is booted instead.
            note(f"{name}: it cannot be resumed, so it boots: {str(error).splitlines()[-1]}")
            self.hypervisor.virsh("destroy", domain.name, check=False)
            snapshots.discard(item.snapshot)
            return False
        return True

    def _from_generic(self, item: Plan, watched: boot.Boot) -> str:
        """Start a machine from the generic guest and make it one of its own; return its base."""
        name, size, domain = item.host.name, item.host.sim.disk, watched.domain
        key = generic.key_of(item.image, size, domain)
        origin = generic.find(key)
        if origin is None:
            message = f"the generic guest {key} was removed meanwhile"
            raise ToolboxError(message, hint="once more: invoke sim.up --warm")
        note(f"{name}: started from the generic guest, {item.reason}")
        handover, base = self.where.handover(name), self.where.snapshots(name) / key
        own, macs = instance.machine_id(), instance.addresses(generic.shape(domain), domain)
        told = self.told.mending(name)
        text = instance.script(own, name, self.identity, macs, told, time.time())
        with boot.handed_over(text, handover):
            generic.start(self.hypervisor, origin, domain, base, handover)
        watched.until_own(own)
        return key


def _action(item: Plan, state: str) -> str:
    if item.fresh:
        return RESUMED if item.snapshot else WARM if item.warm else MADE
    return UNCHANGED if state == boot.RUNNING else STARTED


def set_clock(ssh: Client, name: str) -> None:
    """Set a machine's clock to ours.

    Args:
        ssh: Reaches it.
        name: Name of its host.
    """
    ssh.run(name, f"sudo date --utc --set=@{time.time():.0f}", timeout=60)
