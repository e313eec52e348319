"""An embedded guest without a disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolbox.lib.machine.images import GuestImage

if TYPE_CHECKING:
    from pathlib import Path


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
