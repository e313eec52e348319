"""Warm starts: memory and disk of a machine that was checked, kept by content and resumed.

A snapshot belongs to one host of one simulation. Its key is made of everything that a resumed
machine could notice, so a snapshot either fits or is not found.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from toolbox.lib.core.files import sha256, write_atomic
from toolbox.lib.core.run import run
from toolbox.lib.machine import accel, saveimage
from toolbox.lib.machine.domain import QEMU

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from toolbox.lib.machine.domain import Domain
    from toolbox.lib.machine.libvirt import Hypervisor

KEPT = 2
"""Snapshots that are kept for each host, beside the one its disk stands on."""
KEPT_BYTES = 4 * 1024**3
"""Room that the snapshots of one host may take, beside the one its disk stands on."""
KEY_LENGTH = 16
SAVE_SECONDS = 120.0
LEFT = "record 1"
"""What a first boot leaves on a machine beside its config; without it a machine is another one."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A machine as it was when it had been checked.

    Attributes:
        folder: Holds its files; the folder's name is its key.
    """

    folder: Path

    @property
    def key(self) -> str:
        """Its content's key."""
        return self.folder.name

    @property
    def memory(self) -> Path:
        """Memory and devices, as ``virsh save`` writes them."""
        return self.folder / "memory"

    @property
    def disk(self) -> Path:
        """The disk, a qcow2 file that nobody writes to any more."""
        return self.folder / "disk.qcow2"

    @property
    def facts(self) -> Path:
        """Written last: without it the snapshot is not complete."""
        return self.folder / "snapshot.json"

    @property
    def uuid(self) -> str:
        """UUID of the domain, which the machine has seen in its firmware."""
        return str(json.loads(self.facts.read_text())["uuid"])

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(path.stat().st_blocks * 512 for path in self.folder.iterdir())

    def carries(self, disk: Path) -> bool:
        """Tell whether a disk stands on this snapshot's and would be lost without it."""
        if not self.disk.exists() or disk.samefile(self.disk):
            return False
        facts = json.loads(run(["qemu-img", "info", "-U", "--output=json", disk]).text)
        return bool(facts.get("full-backing-filename") == str(self.disk))


def key_of(image: str, config: str, disk: int, domain: Domain) -> str:
    """Return the key of a machine's content.

    Args:
        image: Digest of the guest image.
        config: SHA-256 of what Ignition applied.
        disk: Size of its disk in GiB.
        domain: The machine's domain.
    """
    facts = accel.facts(domain.accelerator)
    content = (image, config, str(disk), domain.visible(), LEFT, *facts)
    return sha256("\0".join(content).encode()).removeprefix("sha256-")[:KEY_LENGTH]


def find(folder: Path, key: str) -> Snapshot | None:
    """Return the complete snapshot with this key, or None.

    Args:
        folder: Folder of a host's snapshots.
        key: The content's key.
    """
    snapshot = Snapshot(folder / key)
    return snapshot if snapshot.facts.is_file() else None


def save(hypervisor: Hypervisor, domain: Domain, snapshot: Snapshot) -> None:
    """Save a running machine and let it run on; its connections end.

    From now on its disk stands on the snapshot's. Whenever this is interrupted, the disk is whole
    and the machine can be started.

    Args:
        hypervisor: Where it runs.
        domain: The machine.
        snapshot: What shall be made; what is left of an earlier try goes.

    Raises:
        ProgramFailed: It could not be saved, or could not run on.
        OSError: There is no room for it.
    """
    discard(snapshot)
    snapshot.folder.mkdir(parents=True, mode=0o700)
    try:
        hypervisor.virsh("save", domain.name, snapshot.memory, "--running", seconds=SAVE_SECONDS)
        try:
            os.link(domain.disk, snapshot.disk)
            stand_on(snapshot.disk, domain.disk)
        finally:
            arguments = ("restore", snapshot.memory, "--running")
            hypervisor.virsh(*arguments, seconds=SAVE_SECONDS)
        write_atomic(snapshot.facts, json.dumps({"uuid": domain.uuid}).encode())
    except BaseException:
        if not snapshot.carries(domain.disk):
            discard(snapshot)
        raise


def resume(hypervisor: Hypervisor, domain: Domain, snapshot: Snapshot, handover: Path) -> None:
    """Start a machine where a snapshot's had been.

    Args:
        hypervisor: Where it runs.
        domain: The machine, defined, with the snapshot's UUID; its disk is lost.
        snapshot: The snapshot.
        handover: File in which QEMU finds the config of a machine in its first boot.

    Raises:
        ToolboxError: libvirt cannot resume it.
    """
    stand_on(snapshot.disk, domain.disk)
    xml = adapted(saveimage.document(snapshot.memory), domain, handover)
    document = domain.console.with_suffix(".xml")
    write_atomic(document, xml.encode(), mode=0o600)
    arguments = ("restore", snapshot.memory, "--running", "--xml", document)
    try:
        hypervisor.virsh(*arguments, seconds=SAVE_SECONDS)
    finally:
        document.unlink(missing_ok=True)
    # Reason: the time of use decides which snapshots are kept.
    os.utime(snapshot.folder)


def stand_on(base: Path, disk: Path, *, gibibytes: int | None = None) -> None:
    """Make a disk anew, empty and standing on another one.

    Args:
        base: qcow2 file that is only read.
        disk: qcow2 file; what it had is lost.
        gibibytes: Its size, that of the other one by default.
    """
    new = disk.with_name(f".{disk.name}.new")
    size = [] if gibibytes is None else [f"{gibibytes}G"]
    run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", new, *size])
    new.replace(disk)


def adapted(saved: str, domain: Domain, handover: Path) -> str:
    """Return a saved machine's XML with the names, paths, ports and addresses that it has now.

    Args:
        saved: Domain XML of a saved machine.
        domain: The machine that shall go on from there.
        handover: File in which QEMU finds the config of a machine in its first boot.
    """
    # Reason: libvirt's own output about our own domains, not foreign input.
    root = ET.fromstring(saved)  # noqa: S314
    wanted = ET.fromstring(domain.xml())  # noqa: S314 - ours
    for tag in ("name", "uuid", "metadata", f"{{{QEMU}}}commandline"):
        for old, new in zip(root.findall(tag), wanted.findall(tag), strict=True):
            root[list(root).index(old)] = new
    for element in root.iterfind("sysinfo/entry"):
        element.set("file", str(handover))
    for element in root.iterfind("devices/interface/mac"):
        element.set("address", domain.mac)
    for element in root.iterfind("devices/disk[@device='disk']/source"):
        element.set("file", str(domain.disk))
    for element in root.iterfind("devices/*/log"):
        element.set("file", str(domain.console))
    for interface in root.iterfind("devices/interface"):
        for old in interface.findall("portForward"):
            interface.remove(old)
        interface.extend(wanted.iterfind("devices/interface/portForward"))
    return ET.tostring(root, encoding="unicode")


def prune(folder: Path, used: Collection[str]) -> tuple[str, ...]:
    """Remove the snapshots that were not used for longest, and what is left of broken ones.

    Args:
        folder: Folder of a host's snapshots.
        used: Keys of those on which a disk stands; they stay.

    Returns:
        The keys of what was removed.
    """
    if not folder.is_dir():
        return ()
    found = [Snapshot(path) for path in folder.iterdir() if path.name not in used]
    found.sort(key=lambda snapshot: snapshot.folder.stat().st_mtime, reverse=True)
    removed, kept, room = [], 0, KEPT_BYTES
    for snapshot in found:
        room -= snapshot.size
        if snapshot.facts.is_file() and kept < KEPT and room >= 0:
            kept += 1
            continue
        discard(snapshot)
        removed.append(snapshot.key)
    return tuple(removed)


def discard(snapshot: Snapshot) -> None:
    """Remove a snapshot, its mark of completeness first."""
    snapshot.facts.unlink(missing_ok=True)
    shutil.rmtree(snapshot.folder, ignore_errors=True)
