"""Domain XML of a simulated machine, as libvirt's domain format defines it.

The XML is made here and nowhere else: the Pulumi provider and a first boot that starts the kernel
directly both get theirs from `Domain.xml`, so they cannot drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolbox.lib.machine.link import Link

NAMESPACE = "https://infra-toolbox.org/xmlns/machine/1"
XSLT = "http://www.w3.org/1999/XSL/Transform"
QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
FW_CFG_IGNITION = "opt/com.coreos/config"
"""Where Ignition's qemu platform looks for its config in QEMU's firmware configuration device."""


@dataclass(frozen=True, slots=True)
class Forward:
    """A port of the machine that is reachable on the loopback address of the habitat."""

    host_port: int
    guest_port: int
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True)
class FirstBoot:
    """What only the first boot is given: the kernel, started directly, and the Ignition config."""

    kernel: Path
    initramfs: Path
    arguments: str
    ignition: Path


@dataclass(frozen=True, slots=True)
class Domain:
    """A simulated machine in libvirt's terms.

    Attributes:
        name: Domain name, unique on the hypervisor.
        uuid: Domain UUID.
        memory: MiB.
        cpus: Virtual CPUs.
        accelerator: ``kvm`` or ``tcg``.
        disk: The root disk, a qcow2 file.
        console: File that keeps what the serial console prints.
        mac: MAC address of its interface to the outside.
        forwards: Ports reachable from outside the machine.
        labels: Ownership marks, found again by `labels_of`.
        link: Its link to the other machines of its simulation; None for a machine on its own.
    """

    name: str
    uuid: str
    memory: int
    cpus: int
    accelerator: str
    disk: Path
    console: Path
    mac: str
    forwards: tuple[Forward, ...]
    labels: Mapping[str, str]
    link: Link | None = None

    def xml(self, first_boot: FirstBoot | None = None) -> str:
        """Return the domain XML.

        Args:
            first_boot: Start this kernel directly and hand over this config; otherwise the machine
                boots from its disk, as a real one would.

        Returns:
            XML text of a ``<domain>`` element.
        """
        root = ET.Element("domain", type="kvm" if self.accelerator == "kvm" else "qemu")
        _text(root, "name", self.name)
        _text(root, "uuid", self.uuid)
        # Reason: libvirt gives a machine that it resumes another generation id, at which its kernel
        # seeds its random numbers anew; the same memory twice would give the same numbers.
        ET.SubElement(root, "genid")
        self._metadata(root)
        _text(root, "memory", str(self.memory), unit="MiB")
        _text(root, "vcpu", str(self.cpus))
        self._boot(root, first_boot)
        self._processor(root)
        for event, action in (("poweroff", "destroy"), ("reboot", "restart"), ("crash", "destroy")):
            _text(root, f"on_{event}", action)
        self._devices(root)
        self._neighbours(root)
        ET.indent(root)
        return ET.tostring(root, encoding="unicode")

    def visible(self) -> str:
        """Return what the machine can see of its definition: all but names and paths of the host.

        Two domains for which this is the same can resume each other's saved memory.
        """
        bare = replace(self, name="", uuid="", disk=Path(), console=Path(), forwards=(), labels={})
        return bare.xml()

    def _metadata(self, root: ET.Element) -> None:
        ET.register_namespace("infra", NAMESPACE)
        mark = ET.SubElement(ET.SubElement(root, "metadata"), f"{{{NAMESPACE}}}machine")
        for key, value in sorted(self.labels.items()):
            mark.set(key, value)

    def _boot(self, root: ET.Element, first_boot: FirstBoot | None) -> None:
        if first_boot is not None:
            firmware = ET.SubElement(root, "sysinfo", type="fwcfg")
            ET.SubElement(firmware, "entry", name=FW_CFG_IGNITION, file=str(first_boot.ignition))
        boot = ET.SubElement(root, "os")
        _text(boot, "type", "hvm", arch="x86_64", machine="q35")
        if first_boot is not None:
            _text(boot, "kernel", str(first_boot.kernel))
            _text(boot, "initrd", str(first_boot.initramfs))
            _text(boot, "cmdline", first_boot.arguments)
        ET.SubElement(boot, "boot", dev="hd")

    def _processor(self, root: ET.Element) -> None:
        features = ET.SubElement(root, "features")
        ET.SubElement(features, "acpi")
        if self.accelerator == "kvm":
            ET.SubElement(root, "cpu", mode="host-passthrough")
            return
        # Reason: a translation cache that holds the whole kernel and user space saves emulation
        # work that QEMU's default would throw away; qemu64 has no features that cost under TCG.
        cache = ET.SubElement(features, "tcg")
        _text(cache, "tb-cache", "1024", unit="MiB")
        cpu = ET.SubElement(root, "cpu", mode="custom", match="exact", check="none")
        _text(cpu, "model", "qemu64")

    def _devices(self, root: ET.Element) -> None:
        devices = ET.SubElement(root, "devices")
        disk = ET.SubElement(devices, "disk", type="file", device="disk")
        # Reason: a simulated disk need not survive a crash of its habitat; no flush is waited for.
        ET.SubElement(disk, "driver", name="qemu", type="qcow2", cache="unsafe", discard="unmap")
        ET.SubElement(disk, "source", file=str(self.disk))
        ET.SubElement(disk, "target", dev="vda", bus="virtio")
        network = ET.SubElement(devices, "interface", type="user")
        ET.SubElement(network, "mac", address=self.mac)
        ET.SubElement(network, "backend", type="passt")
        ET.SubElement(network, "model", type="virtio")
        # Reason: no network boot is wanted, and an option ROM costs seconds under emulation.
        ET.SubElement(network, "rom", enabled="no")
        for forward in self.forwards:
            # Reason: loopback only; a simulated machine is nobody else's business.
            rule = ET.SubElement(
                network, "portForward", proto=forward.protocol, address="127.0.0.1"
            )
            ET.SubElement(rule, "range", start=str(forward.host_port), to=str(forward.guest_port))
        serial = ET.SubElement(devices, "serial", type="pty")
        ET.SubElement(serial, "log", file=str(self.console), append="on")
        console = ET.SubElement(devices, "console", type="pty")
        ET.SubElement(console, "target", type="serial", port="0")
        ET.SubElement(devices, "controller", type="usb", model="none")
        ET.SubElement(devices, "memballoon", model="none")
        random = ET.SubElement(devices, "rng", model="virtio")
        _text(random, "backend", "/dev/urandom", model="random")

    def _neighbours(self, root: ET.Element) -> None:
        if self.link is None:
            return
        ET.register_namespace("qemu", QEMU)
        command = ET.SubElement(root, f"{{{QEMU}}}commandline")
        for word in self.link.options():
            ET.SubElement(command, f"{{{QEMU}}}arg", value=word)


def labels_of(xml: str) -> dict[str, str]:
    """Read the ownership marks of a domain.

    Args:
        xml: Domain XML as libvirt prints it.

    Returns:
        The labels given to `Domain`, empty for a domain that is not ours.
    """
    # Reason: libvirt's own output about our own domains, not foreign input.
    mark = ET.fromstring(xml).find(f"metadata/{{{NAMESPACE}}}machine")  # noqa: S314
    return dict(mark.attrib) if mark is not None else {}


def stylesheet(xml: str) -> str:
    """Return an XSLT stylesheet that replaces any document by the given one.

    The provider can describe few of a domain's elements; its XSLT hook takes the rest.

    Args:
        xml: The document wanted.

    Returns:
        XSLT 1.0 text. Braces are doubled: in attributes of a literal result element they would
        start an expression (XSLT 1.0, section 7.6.2).
    """
    # Reason: a document of our own making.
    document = ET.fromstring(xml)  # noqa: S314
    for element in document.iter():
        for key, value in element.attrib.items():
            element.set(key, value.replace("{", "{{").replace("}", "}}"))
    sheet = ET.Element(f"{{{XSLT}}}stylesheet", version="1.0")
    ET.SubElement(sheet, f"{{{XSLT}}}output", {"omit-xml-declaration": "yes"})
    ET.SubElement(sheet, f"{{{XSLT}}}template", match="/").append(document)
    return ET.tostring(sheet, encoding="unicode")


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, tag, attributes).text = text
