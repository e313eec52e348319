"""The generic warm guest: a machine that has booted once, with nobody's config, kept in memory.

A new machine can start from it in seconds instead of booting. What must not be shared is made anew
before anyone else gets to it (`instance`); its kernel seeds its random numbers anew when libvirt
tells it that it was resumed (the ``genid`` of its domain).

One belongs to a shape of machine (guest image, memory, processors, disk size, QEMU), is made when
it is first wanted, and belongs to no project.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import shutil
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from toolbox.lib.butane.bootstrap import VERSION, PlaceFile
from toolbox.lib.core.files import private_directory, runtime_dir, sha256, state_home, write_atomic
from toolbox.lib.core.lock import exclusive
from toolbox.lib.core.run import run
from toolbox.lib.core.scratch import scratch
from toolbox.lib.core.secret import Secret
from toolbox.lib.core.steps import step
from toolbox.lib.machine import libvirt, link, saveimage
from toolbox.lib.machine.domain import Forward
from toolbox.lib.simulation import boot, instance, ports
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
PREPARE_SECONDS = 120.0
# Reason: its link has nobody at the other end, and a boot would wait for an answer there.
UNMANAGED = f"[Match]\nPath={link.PATH}\n\n[Link]\nUnmanaged=yes\n"


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
    content = _config("", "", "") + instance.PREPARE.encode()
    return snapshots.key_of(image.digest, sha256(content), disk, shape(domain))


def find(key: str) -> Snapshot | None:
    """Return the generic guest with this key if it was made, or None."""
    return snapshots.find(folder(), key)


def ensure(
    hypervisor: Hypervisor,
    image: GuestImage,
    disk: int,
    domain: Domain,
    deadline: float,
) -> Snapshot:
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
            made = Snapshot(home / key)
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
    made: Snapshot,
    deadline: float,
) -> None:
    # Reason: what is left of a try that was killed.
    hypervisor.virsh("destroy", NAME, check=False)
    snapshots.discard(made)
    private_directory(made.folder)
    handover = runtime_dir() / f"{NAME}.ign"
    try:
        port = ports.choose(0, ())
        domain = replace(
            domain,
            disk=made.disk,
            console=made.folder / "console.log",
            forwards=(Forward(port, 22),),
        )
        config, key, access, host_key = _keys()
        endpoint = Endpoint(NAME, ports.LOOPBACK, port, host_key)
        with client([endpoint], key, access, runtime_dir()) as ssh:

            def attempt() -> None:
                snapshots.stand_on(image.disk, domain.disk, gibibytes=disk)
                domain.console.unlink(missing_ok=True)
                boot.ignite(hypervisor, domain, image, config, handover)
                boot.Boot(hypervisor, domain, endpoint, ssh, 0, deadline, Event()).wait()

            boot.patiently("generic guest", attempt)
            prepare = f"sudo sh -ec {shlex.quote(instance.PREPARE)}"
            ssh.run(NAME, prepare, timeout=PREPARE_SECONDS)
        hypervisor.virsh("save", NAME, made.memory, "--running", seconds=SAVE_SECONDS)
        write_atomic(made.facts, json.dumps({"uuid": domain.uuid}).encode())
    except BaseException:
        hypervisor.virsh("destroy", NAME, check=False)
        snapshots.discard(made)
        raise
    finally:
        handover.unlink(missing_ok=True)


def _keys() -> tuple[Secret, Secret, str, str]:
    """Make its keys, of which none is kept.

    Returns:
        Its config, the private key that it lets in and that one's public half, and the public half
        of its host key.
    """
    with scratch(runtime_dir(), "generic") as home:
        login, host = home / "login", home / "host"
        for path in (login, host):
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], timeout=60)
        access, public = (path.with_suffix(".pub").read_text().strip() for path in (login, host))
        config = _config(access, host.read_text(), public).decode()
        return instance.padded(config), Secret(login.read_text()), access, public


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
    hypervisor: Hypervisor, generic: Snapshot, domain: Domain, base: Path, handover: Path
) -> None:
    """Start a new machine where the generic guest had been.

    Args:
        hypervisor: Where it is defined.
        generic: The generic guest.
        domain: The new machine; its disk is lost.
        base: Folder on which the new disk will stand, for as long as the machine has that disk.
        handover: File in which QEMU finds what makes it a machine of its own (`instance.script`).

    Raises:
        ToolboxError: libvirt cannot resume it.
        OSError: There is no room for its memory.
    """
    own = Snapshot(base)
    snapshots.discard(own)
    private_directory(base)
    # Reason: a hard link, so that the generic guest can be removed or made anew at any time.
    os.link(generic.disk, own.disk)
    snapshots.stand_on(own.disk, domain.disk)
    memory = base / PARTIAL
    try:
        shutil.copyfile(generic.memory, memory)
        xml = snapshots.adapted(saveimage.document(memory), domain, handover)
        saveimage.rewrite(memory, xml)
        hypervisor.virsh("restore", memory, "--running", seconds=SAVE_SECONDS)
    finally:
        memory.unlink(missing_ok=True)
    # Reason: the time of use decides which are kept.
    os.utime(generic.folder)
