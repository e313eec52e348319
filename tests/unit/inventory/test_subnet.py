"""Subnets that machines can share, and those they cannot."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest

from toolbox.lib.inventory import subnet


@pytest.mark.parametrize("text", ["10.77.0.0/24", "192.168.0.0/16", "203.0.113.0/30", "11.0.0.0/8"])
def test_subnet(text: str) -> None:
    """Private subnets are taken, and public ones, as a simulation may have those of a real site."""
    assert str(subnet.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "why", "hint"),
    [
        ("", "is no IPv4 subnet", "such as 10.77.0.0/24"),
        ("10.77.0/24", "is no IPv4 subnet", "such as"),
        ("10.77.0.0/33", "is no IPv4 subnet", "such as"),
        ("fd00::/64", "is no IPv4 subnet", "only IPv4"),
        ("10.77.0.0", "its prefix is none from /8 to /30", "such as"),
        ("10.77.0.0/31", "its prefix is none from", "such as"),
        ("0.0.0.0/0", "its prefix is none from", "such as"),
        ("10.77.0.9/24", "10.77.0.9 is an address inside", "did you mean 10.77.0.0/24?"),
        ("10.77.0.0/255.255.255.0", None, None),
        ("10.0.2.0/24", "10.0.2.0/24, a part of it, leads machines", "such as"),
        ("10.0.0.1/8", "10.0.0.1 is an address inside", "such as"),
        ("10.88.5.0/24", "10.88.0.0/16, a part of it, is podman's", "such as"),
        ("127.1.0.0/16", "machines cannot have such addresses", "such as"),
        ("224.0.0.0/8", "machines cannot have such addresses", "such as"),
        ("169.254.0.0/16", "machines cannot have such addresses", "such as"),
        ("0.0.0.0/8", "0.0.0.0 is no machine's address", "such as"),
    ],
)
def test_refused(text: str, why: str | None, hint: str | None) -> None:
    """What machines could not use is refused with the reason and what to write."""
    if why is None:
        assert subnet.parse(text) == subnet.DEFAULT
        return
    with pytest.raises(ValueError, match=why):
        subnet.parse(text)
    assert hint is not None
    assert subnet.suggestion(text).startswith(hint)


def test_address() -> None:
    """An address is read, and what is none is told."""
    assert subnet.parse_address("10.77.0.10") == IPv4Address("10.77.0.10")
    for text in ("10.77.0.256", "web", "10.77.0.1/24", "True", "fd00::1"):
        with pytest.raises(ValueError, match="is no IPv4 address"):
            subnet.parse_address(text)


def test_room() -> None:
    """The first and the last address are no machine's."""
    net = IPv4Network("10.1.0.0/30")

    assert subnet.room(net) == 2
    assert subnet.outside(IPv4Address("10.1.0.1"), net) is None
    for address in ("10.1.0.0", "10.1.0.3"):
        assert "10.1.0.0/30's own" in str(subnet.outside(IPv4Address(address), net))
    assert "not in" in str(subnet.outside(IPv4Address("10.1.0.4"), net))


def test_default_is_usable() -> None:
    """What a project gets that says nothing is what it could have written."""
    assert subnet.parse(str(subnet.DEFAULT)) == subnet.DEFAULT
