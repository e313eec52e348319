"""An embedded guest without a disk, and the domain of a machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolbox.lib.machine.domain import Domain, Forward
from toolbox.lib.machine.images import GuestImage
from toolbox.lib.machine.link import derive

DOMAIN = Domain(
    name="example-12345678-web",
    uuid="0c7d3a0e-6f0e-4a4b-9d35-1f2f6f3f9a11",
    memory=2048,
    cpus=2,
    accelerator="tcg",
    disk=Path("/pool/web.qcow2"),
    console=Path("/console/web.log"),
    mac="02:00:00:00:00:01",
    forwards=(Forward(20022, 22), Forward(20080, 80)),
    labels={"simulation": "example-12345678", "host": "web"},
    link=derive("example-12345678", "web"),
)


@pytest.fixture
def image(tmp_path: Path) -> GuestImage:
    """Return a guest whose files need not exist."""
    return GuestImage(
        os="debian",
        disk=tmp_path / "disk.qcow2",
        kernel=tmp_path / "vmlinuz",
        initramfs=tmp_path / "initramfs.img",
        arguments="console=ttyS0",
        firstboot_arguments="ignition.firstboot",
        digest="sha256-0",
    )
