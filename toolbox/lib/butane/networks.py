"""What templates can do with addresses and networks, of IPv4 and IPv6 alike.

A network is written in CIDR notation. It may hold an address inside of the network, as
``10.87.240.1/24`` does. Everything is computed, no list of all addresses is ever made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolbox.lib.butane.wants import FilterError, text, whole

if TYPE_CHECKING:
    from ipaddress import (
        IPv4Address,
        IPv4Interface,
        IPv4Network,
        IPv6Address,
        IPv6Interface,
        IPv6Network,
    )

    Address = IPv4Address | IPv6Address
    Interface = IPv4Interface | IPv6Interface
    Network = IPv4Network | IPv6Network

MOST = 65536
"""Subnets that one list may have."""

LABEL_BITS = {4: 8, 6: 4}
"""Bits of an address that a label of a reverse name stands for."""


def cidr2ip(cidr: object, index: int = 0) -> str:
    """Return an address that a machine can have: 0 is the first, -1 the last.

    The network's own address and the broadcast address are none; in IPv6 the first address is
    none, as it means any router. A network of one or two addresses has no others.

    Example:
        >>> jinja("{{ '10.87.240.1/24' | cidr2ip }}")
        10.87.240.1
        >>> jinja("{{ '10.87.240.1/24' | cidr2ip(1) }}")
        10.87.240.2
        >>> jinja("{{ '10.87.240.1/24' | cidr2ip(-1) }}")
        10.87.240.254
        >>> jinja("{{ 'fd00:1::/64' | cidr2ip }}")
        fd00:1::1
    """
    from ipaddress import IPv4Network

    network = _network("cidr2ip", cidr)
    pair = network.max_prefixlen - 1
    first, end = 0, network.num_addresses
    if network.prefixlen < pair:
        first, end = 1, end - isinstance(network, IPv4Network)
    return _nth("cidr2ip", network, whole("cidr2ip", index), range(first, end))


def cidr2nth(cidr: object, index: int) -> str:
    """Return an address of a network, its own being 0, the last -1.

    Example:
        >>> jinja("{{ '10.87.240.1/24' | cidr2nth(10) }}")
        10.87.240.10
        >>> jinja("{{ 'fd00:1::/64' | cidr2nth(-1) }}")
        fd00:1::ffff:ffff:ffff:ffff
    """
    network = _network("cidr2nth", cidr)
    places = range(network.num_addresses)
    return _nth("cidr2nth", network, whole("cidr2nth", index), places)


def _nth(name: str, network: Network, index: int, places: range) -> str:
    try:
        return str(network.network_address + places[index])
    except IndexError as error:
        # Reason: len() cannot tell the length of what an IPv6 network has.
        room = places.stop - places.start
        message = f"{name}: {network} has {room} such addresses, and none is number {index}"
        raise FilterError(message, f"numbers go from 0 to {room - 1}") from error


def cidr2address(cidr: object) -> str:
    """Return the address that is written in front of the prefix.

    Example:
        >>> jinja("{{ '10.87.240.7/24' | cidr2address }}")
        10.87.240.7
    """
    return str(_interface("cidr2address", cidr).ip)


def cidr2network(cidr: object) -> str:
    """Return the network that an address with a prefix is in.

    Example:
        >>> jinja("{{ '10.87.240.1/24' | cidr2network }}")
        10.87.240.0/24
    """
    return str(_network("cidr2network", cidr))


def cidr2netmask(cidr: object) -> str:
    """Return a network's mask.

    Example:
        >>> jinja("{{ '10.88.0.1/16' | cidr2netmask }}")
        255.255.0.0
    """
    return str(_network("cidr2netmask", cidr).netmask)


def cidr2prefix(cidr: object) -> int:
    """Return the length of a network's prefix, a number.

    Example:
        >>> jinja("{{ '10.88.0.1/255.255.0.0' | cidr2prefix }}")
        16
    """
    return _network("cidr2prefix", cidr).prefixlen


def cidr2version(cidr: object) -> int:
    """Return 4 or 6: which IP an address or a network is of.

    Example:
        >>> jinja("{{ 'fd00:1::/64' | cidr2version }}")
        6
    """
    return _network("cidr2version", cidr).version


def cidr2broadcast(cidr: object) -> str:
    """Return a network's broadcast address, which only IPv4 has.

    Example:
        >>> jinja("{{ '10.87.240.1/24' | cidr2broadcast }}")
        10.87.240.255
    """
    from ipaddress import IPv4Network

    network = _network("cidr2broadcast", cidr)
    if isinstance(network, IPv4Network):
        return str(network.broadcast_address)
    message = f"cidr2broadcast: {network} is IPv6, which has no broadcast"
    raise FilterError(message, "cidr2nth(-1) is the last address")


def cidr_contains(cidr: object, other: object) -> bool:
    """Tell whether an address or a network is inside of a network.

    Example:
        >>> jinja("{{ '10.88.0.1/16' | cidr_contains('10.88.7.1') }}")
        True
        >>> jinja("{{ '10.88.0.1/16' | cidr_contains('10.0.0.0/8') }}")
        False
    """
    from ipaddress import IPv4Network

    outer, inner = _network("cidr_contains", cidr), _network("cidr_contains", other)
    if isinstance(outer, IPv4Network):
        return isinstance(inner, IPv4Network) and inner.subnet_of(outer)
    return not isinstance(inner, IPv4Network) and inner.subnet_of(outer)


def cidr2subnet(cidr: object, prefix: int, index: int = 0) -> str:
    """Return a part of a network that has a longer prefix: 0 is the first, -1 the last.

    Example:
        >>> jinja("{{ '10.89.0.1/16' | cidr2subnet(24, 128) }}")
        10.89.128.0/24
        >>> jinja("{{ 'fd00:1::/48' | cidr2subnet(64, -1) }}")
        fd00:1:0:ffff::/64
    """
    network = _network("cidr2subnet", cidr)
    places = _places("cidr2subnet", network, prefix)
    number = whole("cidr2subnet", index)
    try:
        return f"{network.network_address + places[number]}/{prefix}"
    except IndexError as error:
        room = 1 << (prefix - network.prefixlen)
        message = f"cidr2subnet: {network} has {room} subnets of /{prefix}, and none is {number}"
        raise FilterError(message, f"numbers go from 0 to {room - 1}") from error


def cidr2subnets(cidr: object, prefix: int) -> list[str]:
    """Return the parts of a network that have a longer prefix.

    Example:
        >>> jinja("{{ '10.0.0.0/23' | cidr2subnets(24) | join(' ') }}")
        10.0.0.0/24 10.0.1.0/24
    """
    network = _network("cidr2subnets", cidr)
    places = _places("cidr2subnets", network, prefix)
    room = 1 << (prefix - network.prefixlen)
    if room > MOST:
        message = f"cidr2subnets: {network} has {room} subnets of /{prefix}, too many for a list"
        raise FilterError(message, f"cidr2subnet({prefix}, 7) gives one of them")
    return [f"{network.network_address + place}/{prefix}" for place in places]


def _places(name: str, network: Network, prefix: int) -> range:
    """Return how far from a network's address each of its subnets begins."""
    bits = whole(name, prefix)
    if not network.prefixlen <= bits <= network.max_prefixlen:
        message = f"{name}: {network} has no subnets of /{bits}"
        hint = f"a prefix from {network.prefixlen} to {network.max_prefixlen}"
        raise FilterError(message, hint)
    return range(0, network.num_addresses, 1 << (network.max_prefixlen - bits))


def cidr2reverse_ptr(cidr: object) -> str:
    """Return the DNS zone that holds the reverse names of a network, and nothing else.

    A label stands for 8 bits of an IPv4 address and 4 bits of an IPv6 address. A network whose
    prefix ends elsewhere has no such zone; ``cidr2reverse_zones`` gives those it is made of.

    Example:
        >>> jinja("{{ '10.87.240.1/24' | cidr2reverse_ptr }}")
        240.87.10.in-addr.arpa
        >>> jinja("{{ '10.88.0.1/16' | cidr2reverse_ptr }}")
        88.10.in-addr.arpa
        >>> jinja("{{ 'fd00:1::/32' | cidr2reverse_ptr }}")
        1.0.0.0.0.0.d.f.ip6.arpa
    """
    network = _network("cidr2reverse_ptr", cidr)
    if network.prefixlen % LABEL_BITS[network.version]:
        message = f"cidr2reverse_ptr: no single zone holds {network} and nothing else"
        raise FilterError(message, "cidr2reverse_zones gives all zones that it is made of")
    return _zone(network)


def cidr2reverse_zones(cidr: object) -> list[str]:
    """Return the DNS zones that hold the reverse names of a network, and nothing else.

    That is one zone where a label ends with the prefix, else the zones of the next longer one: of
    ``/20`` the 16 zones of ``/24``, of ``/30`` one for each of its 4 addresses. So a server that
    has these zones answers for no neighbour.

    Example:
        >>> jinja("{{ '10.87.240.1/23' | cidr2reverse_zones | join(' ') }}")
        240.87.10.in-addr.arpa 241.87.10.in-addr.arpa
        >>> jinja("{{ 'fd00:1::/63' | cidr2reverse_zones | join(' ') }}")
        0.0.0.0.0.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa 1.0.0.0.0.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa
    """
    network = _network("cidr2reverse_zones", cidr)
    bits = LABEL_BITS[network.version]
    longer = -(-network.prefixlen // bits) * bits
    return [_zone(part) for part in network.subnets(new_prefix=longer)]


def _zone(network: Network) -> str:
    bits = LABEL_BITS[network.version]
    # Reason: of a network ipaddress makes names that are none, so the labels are cut here.
    labels = network.network_address.reverse_pointer.split(".")
    unused = (network.max_prefixlen - network.prefixlen) // bits
    return ".".join(labels[unused:])


def ip2ptr(address: object) -> str:
    """Return the DNS name under which an address is looked up.

    Example:
        >>> jinja("{{ '10.87.240.1' | ip2ptr }}")
        1.240.87.10.in-addr.arpa
        >>> jinja("{{ '10.87.240.1/24' | ip2ptr }}")
        1.240.87.10.in-addr.arpa
    """
    return _interface("ip2ptr", address).ip.reverse_pointer


def _network(name: str, cidr: object) -> Network:
    return _interface(name, cidr).network


def _interface(name: str, cidr: object) -> Interface:
    """Return what is written in CIDR notation.

    Raises:
        FilterError: It is nothing such; says what is wrong.
    """
    from ipaddress import ip_interface

    written = text(name, cidr)
    what = problem(written)
    if what:
        message = f"{name}: {what}"
        raise FilterError(message, "such as 10.87.240.1/24")
    return ip_interface(written)


def problem(written: str) -> str | None:
    """Return what keeps a text from being an address or a network, or None."""
    from ipaddress import ip_address, ip_interface

    try:
        ip_interface(written)
    except ValueError:
        pass
    else:
        # Reason: such an address is of one machine, and its text makes wrong names.
        return f"{written!r} names an interface of one machine" if "%" in written else None
    before, slash, prefix = written.partition("/")
    try:
        address = ip_address(before)
    except ValueError:
        return f"{written!r} is no network: {before!r} is no IP address"
    if not slash:
        return f"{written!r} is no network"
    return (
        f"{written!r} is no network: {prefix!r} is no prefix of IPv{address.version},"
        f" which goes from 0 to {address.max_prefixlen}"
    )
