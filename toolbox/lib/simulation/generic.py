"""The generic warm guest: a machine that has booted once, with nobody's config, kept in memory.

A new machine can start from it in seconds instead of booting. What must not be shared is made anew
before anyone else gets to it: machine id, ssh host key, names, MAC addresses; its kernel seeds its
random numbers anew when libvirt tells it that it was resumed (the ``genid`` of its domain).

One belongs to a shape of machine (guest image, memory, processors, disk size, QEMU), is made when
it is first wanted, and belongs to no project.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from toolbox.lib.butane.bootstrap import VERSION, PlaceFile
from toolbox.lib.core.files import private_directory, runtime_dir, sha256, state_home, write_atomic
from toolbox.lib.core.lock import exclusive
from toolbox.lib.core.run import run
from toolbox.lib.core.secret import Secret
from toolbox.lib.core.steps import step
from toolbox.lib.machine import libvirt, link, saveimage
from toolbox.lib.machine.domain import Forward
from toolbox.lib.simulation import boot, ports
from toolbox.lib.simulation import snapshot as snapshots
from toolbox.lib.simulation.neighbours import UNIT
from toolbox.lib.simulation.snapshot import SAVE_SECONDS, Snapshot
from toolbox.lib.transport.ssh import Endpoint, client

if TYPE_CHECKING:
    from pathlib import Path

    from toolbox.lib.machine.domain import Domain
    from toolbox.lib.machine.images import GuestImage
    from toolbox.lib.machine.libvirt import Hypervisor

NAME = "infra-generic"
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
PARTIAL = "memory.part"
# Reason: its link has nobody at the other end, and a boot would wait for an answer there.
UNMANAGED = f"[Match]\nPath={link.PATH}\n\n[Link]\nUnmanaged=yes\n"


@dataclass(frozen=True, slots=True)
class Generic:
    """A generic warm guest, complete.

    Attributes:
        snapshot: Its memory and disk.
    """

    snapshot: Snapshot

    @property
    def key(self) -> Path:
        """The private key that it lets in; whoever can read it can read its memory as well."""
        return self.snapshot.folder / "key"

    @property
    def host_key(self) -> str:
        """Its public ssh host key."""
        return str(json.loads(self.snapshot.facts.read_text())["host_key"])

    @property
    def public_key(self) -> str:
        """The same key's public half."""
        return self.key.with_suffix(".pub").read_text().strip()

    def endpoint(self, name: str, port: int) -> Endpoint:
        """Return how a machine that was started from it is reached until it is somebody."""
        return Endpoint(name, ports.LOOPBACK, port, self.host_key)


def folder() -> Path:
    """Return the folder of the generic guests of this person or container."""
    return state_home() / "generic"


def shape(domain: Domain) -> Domain:
    """Return the generic machine of the same shape as a host's.

    Args:
        domain: The host's.
    """
    return replace(
        domain,
        name=NAME,
        uuid=str(uuid4()),
        mac=link.address(NAME),
        forwards=(),
        labels={"generic": NAME},
        link=link.derive(NAME, NAME),
    )


def key_of(image: GuestImage, disk: int, domain: Domain) -> str:
    """Return the key of the generic guest that a host's machine can start from.

    Args:
        image: The guest image.
        disk: Size of the disk in GiB.
        domain: The host's domain.
    """
    return snapshots.key_of(image.digest, sha256(_config("", "", "")), disk, shape(domain))


def find(key: str) -> Generic | None:
    """Return the generic guest with this key if it was made, or None."""
    made = snapshots.find(folder(), key)
    return Generic(made) if made else None


def ensure(
    hypervisor: Hypervisor,
    image: GuestImage,
    disk: int,
    domain: Domain,
    deadline: float,
) -> Generic:
    """Return the generic guest that a host's machine can start from; make it where it is missing.

    Args:
        hypervisor: Where it boots.
        image: The guest image.
        disk: Size of the disk in GiB.
        domain: The host's domain.
        deadline: Seconds that its boot may take.

    Raises:
        ToolboxError: It does not boot, or cannot be saved; nothing of it is left.
    """
    key = key_of(image, disk, domain)
    home = private_directory(folder())
    with exclusive(home.with_name("generic.lock"), what="generic guest"):
        found = find(key)
        if found is None:
            made = Generic(Snapshot(home / key))
            with step("Boot a generic guest, once for all machines of this shape"):
                _make(hypervisor, image, disk, shape(domain), made, deadline)
            snapshots.prune(home, {key})
            found = made
        return found


def remove() -> tuple[str, ...]:
    """Remove all generic guests; machines that were started from them stay whole.

    Returns:
        What was removed, in words; empty when there was nothing.
    """
    if not folder().is_dir():
        return ()
    with exclusive(folder().with_name("generic.lock"), what="generic guest"):
        removed = tuple(f"generic guest {path.name}" for path in folder().iterdir())
        shutil.rmtree(folder())
        libvirt.forget(NAME)
    return removed


def _make(  # noqa: PLR0913 - what a boot is made of
    hypervisor: Hypervisor,
    image: GuestImage,
    disk: int,
    domain: Domain,
    made: Generic,
    deadline: float,
) -> None:
    snapshot = made.snapshot
    # Reason: what is left of a try that was killed.
    hypervisor.virsh("destroy", NAME, check=False)
    snapshots.discard(snapshot)
    private_directory(snapshot.folder)
    handover = runtime_dir() / f"{NAME}.ign"
    try:
        port = ports.choose(0, ())
        domain = replace(
            domain,
            disk=snapshot.disk,
            console=snapshot.folder / "console.log",
            forwards=(Forward(port, 22),),
        )
        config, access, host_key = _keys(made)
        endpoint = Endpoint(NAME, ports.LOOPBACK, port, host_key)
        with client([endpoint], Secret(made.key.read_text()), access, runtime_dir()) as ssh:

            def attempt() -> None:
                snapshots.stand_on(image.disk, domain.disk, gibibytes=disk)
                domain.console.unlink(missing_ok=True)
                boot.ignite(hypervisor, domain, image, config, handover)
                boot.Boot(hypervisor, domain, endpoint, ssh, 0, deadline, Event()).wait()

            boot.patiently("generic guest", attempt)
            ssh.run(NAME, "sync", timeout=60)
        hypervisor.virsh("save", NAME, snapshot.memory, "--running", seconds=SAVE_SECONDS)
        facts = {"uuid": domain.uuid, "host_key": host_key}
        write_atomic(snapshot.facts, json.dumps(facts).encode())
    except BaseException:
        hypervisor.virsh("destroy", NAME, check=False)
        snapshots.discard(snapshot)
        raise
    finally:
        handover.unlink(missing_ok=True)


def _keys(made: Generic) -> tuple[Secret, str, str]:
    """Make its keys; return its config, and the public halves of the login's and the host's."""
    host = made.snapshot.folder / "host"
    for path in (made.key, host):
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], timeout=60)
    public = {path: path.with_suffix(".pub").read_text().strip() for path in (made.key, host)}
    config = _config(public[made.key], host.read_text(), public[host])
    host.unlink()
    host.with_suffix(".pub").unlink()
    return Secret(config.decode()), public[made.key], public[host]


def _config(access: str, host_key: str, host_public: str) -> bytes:
    """Return its Ignition config: who may log in, by which key it is known, and no name."""
    files: list[dict[str, Any]] = [
        _secret_file(HOST_KEY, host_key),
        PlaceFile(f"{HOST_KEY}.pub", f"{host_public}\n").entry(),
        PlaceFile(UNIT, UNMANAGED).entry(),
    ]
    config = {
        "ignition": {"version": VERSION},
        "passwd": {"users": [{"name": "core", "sshAuthorizedKeys": [access]}]},
        "storage": {"files": files},
    }
    return json.dumps(config, sort_keys=True).encode()


def _secret_file(path: str, text: str) -> dict[str, Any]:
    source = f"data:;base64,{base64.b64encode(text.encode()).decode()}"
    return {"path": path, "mode": 0o600, "overwrite": True, "contents": {"source": source}}


def start(
    hypervisor: Hypervisor, generic: Generic, domain: Domain, base: Path, handover: Path
) -> None:
    """Start a new machine where the generic guest had been.

    Args:
        hypervisor: Where it is defined.
        generic: The generic guest.
        domain: The new machine; its disk is lost.
        base: Folder on which the new disk will stand, for as long as the machine has that disk.
        handover: File in which QEMU finds the config of a machine in its first boot.

    Raises:
        ToolboxError: libvirt cannot resume it.
        OSError: There is no room for its memory.
    """
    snapshot, own = generic.snapshot, Snapshot(base)
    snapshots.discard(own)
    private_directory(base)
    # Reason: a hard link, so that the generic guest can be removed or made anew at any time.
    os.link(snapshot.disk, own.disk)
    snapshots.stand_on(own.disk, domain.disk)
    memory = base / PARTIAL
    try:
        shutil.copyfile(snapshot.memory, memory)
        xml = snapshots.adapted(saveimage.document(memory), domain, handover)
        saveimage.rewrite(memory, xml)
        hypervisor.virsh("restore", memory, "--running", seconds=SAVE_SECONDS)
    finally:
        memory.unlink(missing_ok=True)
    # Reason: the time of use decides which are kept.
    os.utime(snapshot.folder)
