"""Laws of network arithmetic, against what ipaddress says by listing everything."""

from __future__ import annotations

import time
from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolbox.lib.butane import networks

SMALL = st.one_of(
    st.builds(
        lambda number, prefix: IPv4Network((number, prefix), strict=False),
        st.integers(0, 2**32 - 1),
        st.integers(24, 32),
    ),
    st.builds(
        lambda number, prefix: IPv6Network((number, prefix), strict=False),
        st.integers(0, 2**128 - 1),
        st.integers(120, 128),
    ),
)
ANY = st.one_of(
    st.builds(
        lambda number, prefix: IPv4Network((number, prefix), strict=False),
        st.integers(0, 2**32 - 1),
        st.integers(0, 32),
    ),
    st.builds(
        lambda number, prefix: IPv6Network((number, prefix), strict=False),
        st.integers(0, 2**128 - 1),
        st.integers(0, 128),
    ),
)


@given(SMALL, st.data())
def test_cidr2ip_is_the_list_of_hosts(
    network: IPv4Network | IPv6Network, data: st.DataObject
) -> None:
    """The nth address is that of the list of all hosts, from either end."""
    hosts = list(network.hosts())
    index = data.draw(st.integers(-len(hosts), len(hosts) - 1))
    assert networks.cidr2ip(str(network), index) == str(hosts[index])


def test_c_2_1_cidr2ip_makes_no_list() -> None:
    """The last of 2 to the 64 addresses is as quick as the first."""
    began = time.perf_counter()
    assert networks.cidr2ip("fd00::/64", -1) == "fd00::ffff:ffff:ffff:ffff"
    assert networks.cidr2ip("0.0.0.0/0", -1) == "255.255.255.254"
    assert networks.cidr2subnet("::/0", 128, -1).startswith("ffff:ffff:")
    assert time.perf_counter() - began < 0.5


@pytest.mark.parametrize(
    ("cidr", "addresses"),
    [
        ("10.0.0.4/31", ["10.0.0.4", "10.0.0.5"]),
        ("10.0.0.4/32", ["10.0.0.4"]),
        ("10.0.0.4", ["10.0.0.4"]),
        ("fd00::4/127", ["fd00::4", "fd00::5"]),
        ("fd00::4/128", ["fd00::4"]),
        ("10.0.0.4/30", ["10.0.0.5", "10.0.0.6"]),
        ("fd00::4/126", ["fd00::5", "fd00::6", "fd00::7"]),
    ],
)
def test_small_networks(cidr: str, addresses: list[str]) -> None:
    """Networks of one and two addresses use all of them."""
    found = [networks.cidr2ip(cidr, index) for index in range(len(addresses))]
    assert found == addresses
    with pytest.raises(ValueError, match="and none is number"):
        networks.cidr2ip(cidr, len(addresses))


@pytest.mark.parametrize(
    ("cidr", "zone"),
    [
        ("10.87.240.1/24", "240.87.10.in-addr.arpa"),
        ("10.88.0.1/16", "88.10.in-addr.arpa"),
        ("10.1.2.3/8", "10.in-addr.arpa"),
        ("0.0.0.0/0", "in-addr.arpa"),
        ("10.1.2.3/32", "3.2.1.10.in-addr.arpa"),
        ("2001:db8::/32", "8.b.d.0.1.0.0.2.ip6.arpa"),
        ("::/0", "ip6.arpa"),
        ("fd00::/12", "0.d.f.ip6.arpa"),
    ],
)
def test_r_2_1_cidr2reverse_ptr(cidr: str, zone: str) -> None:
    """A reverse zone has the labels of its prefix, and no others."""
    assert networks.cidr2reverse_ptr(cidr) == zone
    assert networks.cidr2reverse_zones(cidr) == [zone]


@given(ANY, st.data())
def test_reverse_zones_hold_the_network_and_nothing_else(
    network: IPv4Network | IPv6Network, data: st.DataObject
) -> None:
    """An address is below one of the zones if it is in the network, and below none if it is not."""
    zones = networks.cidr2reverse_zones(str(network))
    most = 2**network.max_prefixlen - 1
    first = int(network.network_address)
    inside = st.integers(0, network.num_addresses - 1).map(lambda step: first + step)
    near = st.sampled_from([max(first - 1, 0), min(first + network.num_addresses, most)])
    number = data.draw(st.one_of(inside, st.integers(0, most), near))
    address = network.network_address + (number - first)
    name = networks.ip2ptr(str(address))
    below = [zone for zone in zones if f".{name}".endswith(f".{zone}")]
    assert len(below) == (1 if address in network else 0)


@given(SMALL, st.data())
def test_subnets(network: IPv4Network | IPv6Network, data: st.DataObject) -> None:
    """The list of subnets, and each of them by its number, are what ipaddress lists."""
    prefix = data.draw(st.integers(network.prefixlen, network.max_prefixlen))
    wanted = [str(part) for part in network.subnets(new_prefix=prefix)]
    assert networks.cidr2subnets(str(network), prefix) == wanted
    index = data.draw(st.integers(-len(wanted), len(wanted) - 1))
    assert networks.cidr2subnet(str(network), prefix, index) == wanted[index]


@given(ANY, ANY)
def test_contains(one: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> None:
    """A network contains itself, its parts, and nothing of the other IP."""
    assert networks.cidr_contains(str(one), str(one))
    same = one.version == other.version
    inside = same and one.prefixlen <= other.prefixlen and other.network_address in one
    assert networks.cidr_contains(str(one), str(other)) == inside


@given(ANY)
def test_parts_of_a_network(network: IPv4Network | IPv6Network) -> None:
    """Its parts are told as they are written elsewhere."""
    text = str(network)
    assert networks.cidr2network(text) == text
    assert networks.cidr2prefix(text) == network.prefixlen
    assert networks.cidr2version(text) == network.version
    assert networks.cidr2netmask(text) == str(network.netmask)
    assert ip_network(f"{networks.cidr2nth(text, 0)}/{network.prefixlen}") == network
