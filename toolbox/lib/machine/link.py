"""The link of a machine to the others of its simulation.

All links of a simulation meet in one multicast group on the loopback device of the habitat: QEMU
sends each Ethernet frame as a datagram there and hears those of the others. It takes no right, no
daemon and no route, and nothing leaves the habitat. Group and port come from the simulation's
label, so simulations do not hear each other.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from ipaddress import IPv4Network

LOOPBACK = "127.0.0.1"
# Reason: for use inside of one organisation and nowhere assigned (RFC 2365, section 6.1).
GROUPS = IPv4Network("239.255.0.0/16")
# Reason: below the range that kernels hand out to clients (ip_local_port_range starts at 32768).
FIRST_PORT, LAST_PORT = 20000, 32000
SLOT = 16
"""Slot on the machine's first PCI bus: libvirt fills that from below, and this one stays free. The
guest names the interface by it (enp0s16)."""
PATH = f"pci-0000:00:{SLOT:02x}.0"
"""What udev calls that place (ID_PATH)."""

NAME = "simulation"


@dataclass(frozen=True, slots=True)
class Link:
    """One end of the network.

    Attributes:
        mac: MAC address of the machine's interface.
        group: Multicast group in which the machines of the simulation meet.
        port: UDP port of it.
    """

    mac: str
    group: str
    port: int

    def options(self) -> tuple[str, ...]:
        """Return QEMU's options that make it."""
        return ("-netdev", self.backend(), "-device", self.device())

    def backend(self) -> str:
        """Return the value of QEMU's ``-netdev`` option."""
        # Reason: libvirt's own interface type mcast cannot name the device that a group is joined
        # on. It would take the one with the default route: frames would leave the habitat, and
        # without a network it would not start.
        remote = {"type": "inet", "host": self.group, "port": str(self.port)}
        local = {"type": "inet", "host": LOOPBACK, "port": "0"}
        return json.dumps({"type": "dgram", "id": NAME, "remote": remote, "local": local})

    def device(self) -> str:
        """Return the value of QEMU's ``-device`` option."""
        return json.dumps(
            {
                "driver": "virtio-net-pci",
                "id": NAME,
                "netdev": NAME,
                "mac": self.mac,
                "bus": "pcie.0",
                "addr": f"{SLOT:#x}",
                "romfile": "",
            }
        )


def derive(label: str, host: str) -> Link:
    """Return the link of a host's machine, the same each time.

    Args:
        label: Label of the simulation.
        host: Name of the host.
    """
    shared = hashlib.sha256(label.encode()).digest()
    group = GROUPS[1 + int.from_bytes(shared[:2]) % (GROUPS.num_addresses - 2)]
    port = FIRST_PORT + int.from_bytes(shared[2:6]) % (LAST_PORT - FIRST_PORT)
    return Link(address(f"{label}/{host}"), str(group), port)


def address(name: str) -> str:
    """Return the MAC address of an interface, the same each time.

    Args:
        name: Tells the interface from all others.
    """
    # Reason: 02 in front says locally administered, unicast (IEEE 802, section 8.2).
    own = hashlib.sha256(name.encode()).digest()[:5]
    return ":".join(f"{byte:02x}" for byte in (0x02, *own))
