"""The network that the machines of a simulation share, as people write it."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Network

DEFAULT = IPv4Network("10.77.0.0/24")
"""Subnet of a project that names none."""

UPLINK = IPv4Network("10.0.2.0/24")
"""What leads every simulated machine to the outside (passt)."""

CONTAINERS = IPv4Network("10.88.0.0/16")
"""What podman on a machine takes for its containers."""

LARGEST, SMALLEST = 8, 30
"""Shortest and longest prefix of a subnet."""


def parse(text: str) -> IPv4Network:
    """Return a subnet such as ``10.77.0.0/24``.

    Raises:
        ValueError: It is none, or machines could not use it; says why.
    """
    try:
        subnet = IPv4Network(text, strict=False)
    except ValueError:
        message = f"{text!r} is no IPv4 subnet"
        raise ValueError(message) from None
    why = _problem(text, subnet)
    if why:
        message = f"{text!r} cannot be the subnet: {why}"
        raise ValueError(message)
    return subnet


def _problem(text: str, subnet: IPv4Network) -> str | None:
    first = subnet.network_address
    if not LARGEST <= subnet.prefixlen <= SMALLEST:
        return f"its prefix is none from /{LARGEST} to /{SMALLEST}"
    written = text.partition("/")[0]
    if written != str(first):
        return f"{written} is an address inside of it"
    for taken, by in ((UPLINK, "leads machines to the outside"), (CONTAINERS, "is podman's")):
        if subnet.overlaps(taken):
            return f"{taken}, a part of it, {by}"
    if first.is_loopback or first.is_multicast or first.is_link_local or first.is_reserved:
        return "machines cannot have such addresses"
    return "0.0.0.0 is no machine's address" if first.is_unspecified else None


def suggestion(text: str) -> str:
    """Return how a subnet that was refused is written."""
    try:
        subnet = IPv4Network(text, strict=False)
    except ValueError:
        return "only IPv4 is there yet" if _is_ipv6(text) else f"such as {DEFAULT}"
    fits = str(subnet) != text and "/" in text and _problem(str(subnet), subnet) is None
    return f"did you mean {subnet}?" if fits else f"such as {DEFAULT}"


def parse_address(text: str) -> IPv4Address:
    """Return an address such as ``10.77.0.10``.

    Raises:
        ValueError: It is none.
    """
    try:
        return IPv4Address(text)
    except AddressValueError:
        message = f"{text!r} is no IPv4 address"
        raise ValueError(message) from None


def room(subnet: IPv4Network) -> int:
    """Return how many machines fit in; its first and last address are no machine's."""
    return subnet.num_addresses - 2


def outside(address: IPv4Address, subnet: IPv4Network) -> str | None:
    """Return why an address is none for a machine in a subnet, or None."""
    if address not in subnet:
        return f"{address} is not in the simulation's subnet {subnet}"
    if address in (subnet.network_address, subnet.broadcast_address):
        return f"{address} is {subnet}'s own, not a machine's"
    return None


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Network(text, strict=False)
    except ValueError:
        return False
    return True
