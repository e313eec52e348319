"""The network of a simulation: which address each machine has, for good."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from toolbox.lib.core.files import write_atomic
from toolbox.lib.inventory.subnet import outside, room

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from ipaddress import IPv4Network

    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project
    from toolbox.lib.simulation.layout import Layout


@dataclass(frozen=True, slots=True)
class Network:
    """The network that the machines of a simulation share.

    Attributes:
        subnet: All its addresses.
        addresses: Address of each host of the project, by its name.
    """

    subnet: IPv4Network
    addresses: Mapping[str, IPv4Address]


def ensure(project: Project, where: Layout) -> Network:
    """Return the network of a project's simulation; addresses are remembered from now on.

    Args:
        project: The project.
        where: Layout of its simulation, whose lock the caller holds.
    """
    before = remembered(where)
    addresses = assign(project.subnet, project.hosts, before)
    if addresses != before:
        plain = {name: str(address) for name, address in addresses.items()}
        write_atomic(where.addresses, json.dumps(plain, indent=2).encode())
    return Network(project.subnet, addresses)


def remembered(where: Layout) -> dict[str, IPv4Address]:
    """Return the addresses that machines were given, by name of the host."""
    if not where.addresses.is_file():
        return {}
    facts = json.loads(where.addresses.read_text())
    return {name: IPv4Address(address) for name, address in facts.items()}


def assign(
    subnet: IPv4Network, hosts: Sequence[Host], before: Mapping[str, IPv4Address]
) -> dict[str, IPv4Address]:
    """Give each host an address: the one it asks for, had before, or its name leads to.

    Args:
        subnet: Where they come from; it has room for all hosts.
        hosts: All hosts of the project.
        before: Addresses that were given earlier; one stays unless the subnet or a wish is
            against it.
    """
    given = {host.name: host.sim.address for host in hosts if host.sim.address is not None}
    taken = set(given.values())
    rest = [host.name for host in hosts if host.name not in given]
    for name in rest:
        known = before.get(name)
        if known is not None and outside(known, subnet) is None and known not in taken:
            given[name] = known
            taken.add(known)
    for name in sorted(set(rest) - set(given)):
        given[name] = next(one for one in _candidates(subnet, name) if one not in taken)
        taken.add(given[name])
    return {host.name: given[host.name] for host in hosts}


def _candidates(subnet: IPv4Network, name: str) -> Iterator[IPv4Address]:
    span = room(subnet)
    start = int.from_bytes(hashlib.sha256(name.encode()).digest()) % span
    for offset in range(span):
        yield subnet[1 + (start + offset) % span]
