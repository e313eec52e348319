"""Operating system images that a simulated machine boots from."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from toolbox.lib.core.errors import HabitatError
from toolbox.lib.core.files import sha256

GUESTS = Path("/usr/share/infra-toolbox/guest")


@dataclass(frozen=True, slots=True)
class GuestImage:
    """A bootable image with what is needed to start its kernel directly.

    Attributes:
        os: Name under which a host asks for it, such as ``debian``.
        disk: qcow2 file, the read-only backing file of each machine's disk.
        kernel: Linux kernel for the first boot.
        initramfs: Initial RAM file system for the first boot.
        arguments: Kernel command line of every boot.
        firstboot_arguments: Added on the first boot, when Ignition runs.
        digest: Identifies the content; a machine made from another one is out of date.
    """

    os: str
    disk: Path
    kernel: Path
    initramfs: Path
    arguments: str
    firstboot_arguments: str
    digest: str


def guests_folder() -> Path:
    """Return the folder of embedded guests, ``$INFRA_GUESTS`` or the one in the image."""
    return Path(os.environ.get("INFRA_GUESTS", GUESTS))


def find(name: str) -> GuestImage:
    """Find the embedded guest of an operating system.

    Args:
        name: Operating system as a host names it.

    Returns:
        The guest's files and kernel arguments.

    Raises:
        HabitatError: This image has no such guest.
    """
    folder = guests_folder() / name
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        available = sorted(path.parent.name for path in guests_folder().glob("*/manifest.json"))
        hint = (
            f"simulate it on another guest: invoke sim --os {available[0]}"
            if available
            else "run inside the toolbox image, where a guest is embedded: ./infra sim"
        )
        message = f"there is no guest image for os: {name} here ({folder} is missing)"
        raise HabitatError(message, hint=hint)
    facts = json.loads(manifest.read_text())
    return GuestImage(
        os=name,
        disk=folder / "disk.qcow2",
        kernel=folder / "vmlinuz",
        initramfs=folder / "initramfs.img",
        arguments=facts["kernel_arguments"],
        firstboot_arguments=facts["firstboot_arguments"],
        digest=facts.get("digest") or sha256(manifest.read_bytes()),
    )
