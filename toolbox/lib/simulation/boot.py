"""Starting a machine, waiting until it has booted, phase by phase, and shutting it down."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from toolbox.lib.core.errors import DeadlineError, Interrupted, ToolboxError
from toolbox.lib.core.files import write_atomic
from toolbox.lib.core.steps import note
from toolbox.lib.core.wait import until
from toolbox.lib.machine.console import Phase, read, tail, text_of
from toolbox.lib.machine.domain import FirstBoot
from toolbox.lib.simulation import instance
from toolbox.lib.transport.ssh import answers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from threading import Event

    from toolbox.lib.core.secret import Secret
    from toolbox.lib.machine.domain import Domain
    from toolbox.lib.machine.images import GuestImage
    from toolbox.lib.machine.libvirt import Hypervisor
    from toolbox.lib.transport.ssh import Client, Endpoint

if TYPE_CHECKING:
    Result = TypeVar("Result")

POLL_SECONDS = 0.5
OWN_POLL_SECONDS = 0.05
LOGIN_SECONDS = 60.0
SHUTDOWN_SECONDS = 90.0
SILENT_SECONDS = 120.0
"""How long a machine that runs may take without an ssh server until it is off, or up again."""
RUNNING, PAUSED = "running", "paused"
OFF = ("", "shut off", "crashed")
"""libvirt's words for a domain that has no QEMU; nothing stands for no domain."""
EMPTY = b"{}"


class QemuCrashed(ToolboxError):
    """QEMU ended by a mistake of its own, while the machine did nothing wrong."""


def patiently(name: str, attempt: Callable[[], Result]) -> Result:
    """Try a boot, and once more when QEMU crashed.

    Emulation with several processors has rare races of its own (an assertion in one of some hundred
    boots), which a second boot does not meet again.

    Args:
        name: Name of the machine.
        attempt: One boot, from its beginning.

    Returns:
        What the boot gave.

    Raises:
        QemuCrashed: It crashed twice.
    """
    try:
        return attempt()
    except QemuCrashed as error:
        note(f"{name}: {error.message.splitlines()[0]}; it boots once more")
        return attempt()


@dataclass(frozen=True, slots=True)
class PhaseTime:
    """When a phase of a boot was reached.

    Attributes:
        phase: The phase.
        seconds: Since power on.
    """

    phase: Phase
    seconds: float


@contextmanager
def handed_over(config: Secret, path: Path) -> Iterator[None]:
    """Keep a config, which holds private keys, in a file while QEMU reads it.

    Args:
        config: Ignition JSON, or what a machine gets instead.
        path: The file; it stays, and is empty afterwards.
    """
    write_atomic(path, config.reveal().encode(), mode=0o600)
    try:
        yield
    finally:
        write_atomic(path, EMPTY, mode=0o600)


def ignite(
    hypervisor: Hypervisor, domain: Domain, image: GuestImage, config: Secret, handover: Path
) -> None:
    """Start a machine for the first time.

    The kernel is started directly and gets the Ignition config; the definition that stays is the
    one that boots from the disk, so each later start goes through the boot loader.

    Args:
        hypervisor: Where the domain is defined.
        domain: The machine.
        image: The image its disk stands on.
        config: Ignition JSON.
        handover: File in which QEMU reads it.
    """
    with handed_over(config, handover):
        arguments = f"{image.arguments} {image.firstboot_arguments}"
        first = FirstBoot(image.kernel, image.initramfs, arguments, handover)
        document = handover.with_suffix(".xml")
        write_atomic(document, domain.xml(first).encode(), mode=0o600)
        try:
            # Reason: QEMU has read firmware files and kernel when libvirt says that it runs.
            hypervisor.virsh("create", document)
        finally:
            document.unlink(missing_ok=True)


def start(hypervisor: Hypervisor, domain: Domain, handover: Path) -> None:
    """Start a machine that had its first boot; it comes up from its disk, or from a saved state.

    One that stands still, as its disk had found no room, goes on.

    Args:
        hypervisor: Where the domain is defined.
        domain: The machine.
        handover: File in which QEMU read the config when the machine was made.
    """
    fill(handover)
    verb = "resume" if hypervisor.state(domain.name) == PAUSED else "start"
    hypervisor.virsh(verb, domain.name)


def fill(handover: Path) -> None:
    """Make sure that QEMU finds the file of a config, which is empty after the first boot.

    Args:
        handover: The file.
    """
    if not handover.exists():
        # Reason: a machine that was saved in its first boot still has the device; Ignition, which
        # alone reads it, does not run again.
        write_atomic(handover, EMPTY, mode=0o600)


def forget(runtime: Path) -> None:
    """Empty what a killed task has left for QEMU to read.

    Args:
        runtime: Folder of the simulation's short-lived files, whose lock the caller holds.
    """
    for path in runtime.glob("*.ign"):
        write_atomic(path, EMPTY, mode=0o600)
    for path in (*runtime.glob("*.xml"), *runtime.glob(".*.ign.*")):
        path.unlink(missing_ok=True)


def shut_down(hypervisor: Hypervisor, name: str) -> None:
    """Press a machine's power button, and cut its power when it does not react.

    Args:
        hypervisor: Where it runs.
        name: Name of its domain.
    """
    hypervisor.virsh("shutdown", name)
    until_off(hypervisor, name)


def cut_power(hypervisor: Hypervisor, name: str) -> None:
    """Cut a machine's power, and forget its memory where that was saved.

    Args:
        hypervisor: Where it is defined.
        name: Name of its domain.
    """
    hypervisor.virsh("destroy", name, check=False)
    # Reason: the next start would go on with it, on whatever disk there is by then.
    hypervisor.virsh("managedsave-remove", name, check=False)


def goes_off(hypervisor: Hypervisor, name: str, endpoint: Endpoint, *, silent: bool) -> bool:
    """Wait for a machine that goes down; tell whether it is off, and not up again by a reboot.

    Args:
        hypervisor: Where it runs.
        name: Name of its domain.
        endpoint: How it is reached.
        silent: Whether its ssh server has ended already.

    Returns:
        Whether it is off; one whose server does not end has its power cut.

    Raises:
        ToolboxError: It runs, and its server stays silent.
    """

    def off(last: bool) -> bool | None:  # noqa: FBT001 - the signature of a check
        nonlocal silent
        if hypervisor.state(name) != RUNNING:
            return True
        greets = answers(endpoint.address, endpoint.port)
        if silent and greets:
            return False
        silent = not greets
        if last and silent:
            message = f"{endpoint.name} runs, but its ssh server does not answer"
            look, anew = f"invoke sim.console {endpoint.name}", "invoke sim --fresh"
            raise ToolboxError(message, hint=f"look at it: {look}; make it anew: {anew}")
        return _cut(hypervisor, name) if last else None

    deadline = SILENT_SECONDS if silent else SHUTDOWN_SECONDS
    return until(off, deadline=deadline, interval=POLL_SECONDS, what=f"{name} to go down")


def until_off(hypervisor: Hypervisor, name: str) -> None:
    """Wait until a machine that shuts down is off, and cut its power when that takes too long.

    Args:
        hypervisor: Where it runs.
        name: Name of its domain.
    """

    def gone(last: bool) -> bool | None:  # noqa: FBT001 - the signature of a check
        if hypervisor.state(name) != RUNNING:
            return True
        return _cut(hypervisor, name) if last else None

    until(gone, deadline=SHUTDOWN_SECONDS, interval=POLL_SECONDS, what=f"{name} to shut down")


def _cut(hypervisor: Hypervisor, name: str) -> bool:
    note("it does not react; its power is cut")
    hypervisor.virsh("destroy", name)
    return True


@dataclass(frozen=True, slots=True)
class Boot:
    """A boot that is being watched.

    Attributes:
        hypervisor: Where it runs.
        domain: The machine.
        endpoint: How it is reached.
        client: The ssh client to reach it with.
        console_start: Size of the console log in bytes when the machine was started.
        deadline: Seconds from power on.
        interrupted: Set when nobody waits for it any more.
    """

    hypervisor: Hypervisor
    domain: Domain
    endpoint: Endpoint
    client: Client
    console_start: int
    deadline: float
    interrupted: Event

    def wait(self) -> tuple[PhaseTime, ...]:
        """Wait until the machine has booted.

        Returns:
            The phases with the seconds at which each was reached.

        Raises:
            ToolboxError: It cannot succeed any more; the console's last lines are in the message.
            DeadlineError: The deadline passed.
            Interrupted: Nobody waits any more.
        """
        began = time.monotonic()
        reached: list[PhaseTime] = []

        def reach(phase: Phase) -> None:
            if all(phase is not time_.phase for time_ in reached):
                reached.append(PhaseTime(phase, time.monotonic() - began))
                note(f"{self.endpoint.name}: {phase} after {reached[-1].seconds:.1f} s")

        self._until_greeting(began, reach)
        self._log_in(began, reach)
        self._until_complete(began)
        reach(Phase.COMPLETE)
        return tuple(reached)

    def until_own(self, machine_id: str) -> None:
        """Wait until a machine that starts from the generic guest has become its own.

        Args:
            machine_id: The id that it gets (`instance.script`).

        Raises:
            ToolboxError: It cannot any more; the console's last lines are in the message.
            DeadlineError: The deadline passed.
            Interrupted: Nobody waits any more.
        """
        began = time.monotonic()
        asked = began - POLL_SECONDS
        while True:
            self.check_interrupt()
            said = text_of(self.domain.console, start=self.console_start)
            well = instance.outcome(said, machine_id)
            if well:
                return
            if well is False:
                why = "it has not become a machine of its own"
                raise self._dead(why)
            if time.monotonic() - asked >= POLL_SECONDS:
                # Reason: each time starts a program, which takes the machine's processor.
                self._require_running()
                asked = time.monotonic()
            self._check_deadline(began, Phase.POWER)
            time.sleep(OWN_POLL_SECONDS)

    def _require_running(self) -> None:
        state = self.hypervisor.state(self.domain.name)
        if state != RUNNING:
            why = f"the machine is {state or 'gone'}"
            raise self._dead(why)

    def _until_greeting(self, began: float, reach: Callable[[Phase], None]) -> None:
        while True:
            self.check_interrupt()
            reading = read(text_of(self.domain.console, start=self.console_start))
            if reading.failure:
                raise self._dead(reading.failure)
            if reading.phase is not Phase.POWER:
                reach(reading.phase)
            self._require_running()
            if answers(self.endpoint.address, self.endpoint.port):
                reach(Phase.SSH)
                return
            self._check_deadline(began, reading.phase)
            time.sleep(POLL_SECONDS)

    def _log_in(self, began: float, reach: Callable[[Phase], None]) -> None:
        result = self.client.run(self.endpoint.name, "true", timeout=LOGIN_SECONDS, check=False)
        if not result.ok:
            why = f"ssh refuses the login: {result.tail('stderr')}"
            raise self._dead(why)
        self._check_deadline(began, Phase.SSH)
        reach(Phase.SSH)

    def _until_complete(self, began: float) -> None:
        left = self.deadline - (time.monotonic() - began)
        result = self.client.run(
            self.endpoint.name,
            "systemctl is-system-running --wait",
            timeout=max(left, 1.0),
            check=False,
        )
        state = result.text.strip()
        if state != RUNNING:
            units = self.client.run(
                self.endpoint.name, "systemctl --failed --no-legend --plain", check=False
            )
            why = f"the system is {state or 'not reachable'}\n{units.text.strip()}"
            raise self._dead(why)

    def check_interrupt(self) -> None:
        """Go no further when nobody waits for it any more.

        Raises:
            Interrupted: That is so.
        """
        if self.interrupted.is_set():
            message = f"the boot of {self.endpoint.name} was interrupted"
            raise Interrupted(message)

    def _check_deadline(self, began: float, phase: Phase) -> None:
        if time.monotonic() - began > self.deadline:
            message = f"{self.endpoint.name} has not booted within {self.deadline:.0f} s"
            message += f"; it was in phase {phase}\n{self._last_lines()}"
            raise DeadlineError(message, hint="a slower machine needs more: invoke sim --deadline")

    def _dead(self, why: str) -> ToolboxError:
        name = self.domain.name
        full = self.hypervisor.starved(name)
        if full:
            message = f"{self.endpoint.name} stands still, as there is no room left for its {full}"
            hint = "make room where the state is, then invoke sim again: invoke doctor tells where"
            return ToolboxError(message, hint=hint)
        crash = "" if self.hypervisor.state(name) == RUNNING else self.hypervisor.crash(name)
        if crash:
            message = f"QEMU crashed: {crash}\n{self._last_lines()}"
            return QemuCrashed(message, hint="once more; it is a mistake of QEMU if it stays")
        message = f"{self.endpoint.name} does not boot: {why}\n{self._last_lines()}"
        hint = f"the whole console: invoke sim.logs {self.endpoint.name}"
        return ToolboxError(message, hint=hint)

    def _last_lines(self) -> str:
        return tail(text_of(self.domain.console, start=self.console_start))
