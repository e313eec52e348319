"""The machines stack: a pool, a disk for each machine, and its domain.

pulumi-libvirt is deprecated upstream; everything it does for us is on this page, so that it can be
replaced. What it cannot say goes through its XSLT hook: the domain's XML is ours, and a disk's
backing file is the read-only image.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from toolbox.lib.machine.domain import stylesheet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from toolbox.lib.machine.domain import Domain

GIB = 1024**3
VOLUME_XSLT = """\
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:output method="xml" omit-xml-declaration="yes"/>
<xsl:template match="@*|node()">
<xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy></xsl:template>
<xsl:template match="/volume"><xsl:copy><xsl:apply-templates select="@*|node()"/>
<backingStore><path>{backing}</path><format type="qcow2"/></backingStore></xsl:copy></xsl:template>
</xsl:stylesheet>
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as the stack declares it.

    Attributes:
        host: Name of the host it simulates.
        domain: Its domain.
        image: Read-only image its disk stands on.
        size: Virtual size of the disk in GiB.
    """

    host: str
    domain: Domain
    image: Path
    size: int


def volume_stylesheet(backing: Path) -> str:
    """Return the XSLT that makes a volume stand on a read-only image.

    Args:
        backing: The image, a qcow2 file.
    """
    return VOLUME_XSLT.format(backing=escape(str(backing)))


def program(uri: str, pool: str, folder: Path, machines: Sequence[Machine]) -> Callable[[], None]:
    """Return the Pulumi program of a machines stack.

    Args:
        uri: libvirt connection URI.
        pool: Name of the storage pool.
        folder: Its folder.
        machines: What it shall hold.
    """
    return partial(_declare, uri, pool, folder, tuple(machines))


def _declare(uri: str, pool: str, folder: Path, machines: Sequence[Machine]) -> None:
    import pulumi
    import pulumi_libvirt as libvirt

    provider = libvirt.Provider("libvirt", uri=uri)
    ours = pulumi.ResourceOptions(provider=provider)
    storage = libvirt.Pool("pool", name=pool, type="dir", target={"path": str(folder)}, opts=ours)
    for machine in machines:
        disk = libvirt.Volume(
            f"{machine.host}-disk",
            name=machine.domain.disk.name,
            pool=storage.name,
            format="qcow2",
            size=machine.size * GIB,
            xml={"xslt": volume_stylesheet(machine.image)},
            opts=pulumi.ResourceOptions(provider=provider, delete_before_replace=True),
        )
        libvirt.Domain(
            f"{machine.host}-domain",
            name=machine.domain.name,
            memory=machine.domain.memory,
            vcpu=machine.domain.cpus,
            running=False,
            disks=[{"volume_id": disk.id}],
            xml={"xslt": stylesheet(machine.domain.xml())},
            opts=pulumi.ResourceOptions(
                provider=provider,
                delete_before_replace=True,
                # Reason: starting and stopping is ours, the interface comes from our XML, and
                # an update that finds either to differ would start the machine.
                ignore_changes=["running", "networkInterfaces"],
            ),
        )
    pulumi.export(
        "machines", {machine.host: {"domain": machine.domain.name} for machine in machines}
    )
