"""What a machine is told of the network it shares: its own address, and the names of all.

A real machine learns both from its network, so none of it is in a host's config, whose hash stays
that of the real machine. The first boot brings it in the outer config; later each task that brings
machines up compares and mends it, so that a running machine learns the name of a new one.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.butane.bootstrap import PlaceFile
from toolbox.lib.machine import link

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolbox.lib.inventory.project import Project
    from toolbox.lib.simulation.network import Network

HOSTS = "/etc/hosts"
# Reason: networkd takes the first file that fits, and a config's own mostly fit by name (en*).
UNIT = "/etc/systemd/network/00-infra-toolbox.network"
MARK = "# infra-toolbox"
"""Behind each line of the hosts file that is ours; other lines are left alone."""

# Reason: by the card's place, as a bridge or VLAN on top of it takes the address of the card over.
# The network has no router, so nothing is asked of it and no boot waits for it.
UNIT_TEXT = f"""\
# Written by infra-toolbox: the network of the simulation.
[Match]
Path={link.PATH}

[Link]
RequiredForOnline=no

[Network]
Address={{address}}/{{prefix}}
LinkLocalAddressing=no
IPv6AcceptRA=no"""
SAME = f"""\
[ "$(grep '{MARK}$' {HOSTS})" = "$1" ] && [ "$(cat {UNIT})" = "$2" ]
"""
# Reason: in place, as the hosts file may be a link that the config made.
MEND = f"""\
others=$(grep -sv '{MARK}$' {HOSTS} || true)
printf '%s' "$others${{others:+
}}$1
" >{HOSTS}
[ "$(cat {UNIT} 2>/dev/null)" = "$2" ] && exit
printf '%s\\n' "$2" >{UNIT}
systemctl try-reload-or-restart systemd-networkd
"""
BOOT_ID = "/proc/sys/kernel/random/boot_id"


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What each machine of a simulation is told.

    Attributes:
        hosts: Lines for the hosts file, the same on every machine.
        units: Settings of the machine's interface for networkd, by name of the host.
    """

    hosts: str
    units: Mapping[str, str]

    def files(self, name: str) -> tuple[PlaceFile, ...]:
        """Return the files with which a host's machine begins."""
        # Reason: what stands before may lack its last line break.
        hosts = PlaceFile(HOSTS, f"\n{self.hosts}\n", append=True)
        return PlaceFile(UNIT, f"{self.units[name]}\n"), hosts

    def command(self, name: str) -> str:
        """Return the shell command that mends a running machine and prints its boot id.

        It is one round trip. Reading takes no right; sudo, which takes a second under emulation,
        is for a machine that does not know the latest.
        """
        told = shlex.join(["sh", self.hosts, self.units[name]])
        same, mend = f"sh -c {shlex.quote(SAME)}", f"sudo {self.mending(name)}"
        return f"{same} {told} 2>/dev/null || {mend} && cat {BOOT_ID}"

    def mending(self, name: str) -> str:
        """Return the shell command with which root tells a machine, whatever it knows."""
        return shlex.join(["sh", "-ec", MEND, "sh", self.hosts, self.units[name]])


def of(project: Project, network: Network) -> Neighbours:
    """Return what the machines of a project's simulation are told."""
    hosts = [
        f"{network.addresses[host.name]} {host.fqdn} {host.name} {MARK}" for host in project.hosts
    ]
    units = {
        host.name: UNIT_TEXT.format(
            address=network.addresses[host.name],
            prefix=network.subnet.prefixlen,
        )
        for host in project.hosts
    }
    return Neighbours("\n".join(hosts), units)
