"""PCP and NAT-PMP, byte for byte: what is asked of a router, and what it answers.

Both are one datagram each way: PCP (RFC 6887) is the newer, NAT-PMP (RFC 6886) the older, on the
same port. No library that is kept speaks PCP, and both are a struct each.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

PORT = 5351
LARGEST = 1100
"""Bytes of the largest datagram of PCP (RFC 6887, section 7)."""

PCP_VERSION, PMP_VERSION = 2, 0
MAP, ANNOUNCED_ADDRESS, MAP_TCP = 1, 0, 2
REPLY = 0x80
TCP = 6
NONCE_BYTES = 12
SUCCESS, UNSUPPORTED_VERSION = 0, 1
PREFER_FAILURE = struct.pack("!BxH", 2, 0)
"""Option of PCP: rather no port than another one, as the bootstrap names it already."""

_PCP_REQUEST = struct.Struct("!BBxxI16s12sB3xHH16s")
_PCP_HEAD = struct.Struct("!BBxBII12x")
_PCP_MAP = struct.Struct("!12sB3xHH16s")
_PMP_MAP = struct.Struct("!BBxxHHI")
_PMP_HEAD = struct.Struct("!BBHI")
_PMP_MAPPED = struct.Struct("!HHI")

PCP_REASONS = {
    1: "it does not know this version",
    2: "it does not allow it",
    3: "it did not understand the request",
    4: "it forwards no ports",
    5: "it cannot promise that very port",
    6: "it did not understand the request",
    7: "it has no network itself",
    8: "it has no room for more",
    9: "it does not know TCP",
    10: "this place has as many ports as it may have",
    11: "the port is taken",
    12: "there is another router between it and us",
    13: "it knows too many",
}
PMP_REASONS = {
    1: "it does not know this version",
    2: "it does not allow it",
    3: "it has no network itself",
    4: "it has no room for more",
    5: "it forwards no ports",
}


class Unanswered(Exception):
    """A router did not do what was asked; the text says why."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a router has granted.

    Attributes:
        port: Its own port.
        lifetime: Seconds for which it holds.
        address: Its own address to the outside; None where that was not told.
    """

    port: int
    lifetime: int
    address: IPv4Address | IPv6Address | None = None


def pcp_request(client: str, inside: int, outside: int, lifetime: int, nonce: bytes) -> bytes:
    """Return the datagram that asks for a mapping of TCP, or for its end.

    Args:
        client: Our address as the router sees it.
        inside: Our port.
        outside: The router's port that is wanted.
        lifetime: Seconds; 0 ends it.
        nonce: `NONCE_BYTES` of our own, the same for the same mapping.
    """
    anything = _mapped(IPv4Address(0))
    return (
        _PCP_REQUEST.pack(
            *(PCP_VERSION, MAP, lifetime, _mapped(ip_address(client))),
            *(nonce, TCP, inside, outside, anything),
        )
        + PREFER_FAILURE
    )


def pcp_answer(data: bytes, inside: int, nonce: bytes) -> Mapped | None:
    """Read an answer; None for one that is none of ours.

    Args:
        data: The datagram.
        inside: Our port.
        nonce: As in the request.

    Raises:
        Unanswered: The router refuses.
    """
    if data[:1] == bytes([PMP_VERSION]):
        message = "it does not know PCP"
        raise Unanswered(message)
    if len(data) < _PCP_HEAD.size + _PCP_MAP.size or len(data) > LARGEST:
        return None
    version, opcode, result, lifetime, _epoch = _PCP_HEAD.unpack_from(data)
    if (version, opcode) != (PCP_VERSION, REPLY | MAP):
        return None
    own, protocol, port, outside, address = _PCP_MAP.unpack_from(data, _PCP_HEAD.size)
    if (own, protocol, port) != (nonce, TCP, inside):
        return None
    if result != SUCCESS:
        raise Unanswered(PCP_REASONS.get(result, f"it says {result}"))
    found = IPv6Address(address)
    return Mapped(outside, lifetime, found.ipv4_mapped or found)


def pmp_request(inside: int, outside: int, lifetime: int) -> bytes:
    """Return the datagram that asks for a mapping of TCP, or for its end.

    Args:
        inside: Our port.
        outside: The router's port that is wanted.
        lifetime: Seconds; 0 ends it, and then no port of the router's is named.
    """
    wanted = outside if lifetime else 0
    return _PMP_MAP.pack(PMP_VERSION, MAP_TCP, inside, wanted, lifetime)


def pmp_address_request() -> bytes:
    """Return the datagram that asks for the router's address to the outside."""
    return bytes([PMP_VERSION, ANNOUNCED_ADDRESS])


def pmp_answer(data: bytes, inside: int) -> Mapped | None:
    """Read an answer to `pmp_request`; None for one that is none of ours.

    Args:
        data: The datagram.
        inside: Our port.

    Raises:
        Unanswered: The router refuses.
    """
    rest = _pmp(data, MAP_TCP, _PMP_MAPPED.size)
    if rest is None:
        return None
    port, outside, lifetime = _PMP_MAPPED.unpack(rest)
    return Mapped(outside, lifetime) if port == inside else None


def pmp_address_answer(data: bytes) -> IPv4Address | None:
    """Read an answer to `pmp_address_request`; None for one that is none of ours.

    Raises:
        Unanswered: The router refuses.
    """
    rest = _pmp(data, ANNOUNCED_ADDRESS, 4)
    return None if rest is None else IPv4Address(rest)


def _pmp(data: bytes, opcode: int, size: int) -> bytes | None:
    """Return what stands behind the head of an answer of NAT-PMP."""
    if len(data) < _PMP_HEAD.size or data[0] != PMP_VERSION or data[1] != REPLY | opcode:
        return None
    _version, _opcode, result, _epoch = _PMP_HEAD.unpack_from(data)
    if result != SUCCESS:
        raise Unanswered(PMP_REASONS.get(result, f"it says {result}"))
    rest = data[_PMP_HEAD.size :]
    return rest if len(rest) == size else None


def _mapped(address: IPv4Address | IPv6Address) -> bytes:
    """Return an address as 16 bytes."""
    if isinstance(address, IPv6Address):
        return address.packed
    return b"\0" * 10 + b"\xff\xff" + address.packed
