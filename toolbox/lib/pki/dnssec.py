"""DNSSEC: what a zone's key-signing key says to those who trust it (RFC 4034, RFC 6605)."""

from __future__ import annotations

import base64
import hashlib
import struct
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.secret import Secret
from toolbox.lib.pki import keys

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

ALGORITHM = 13
"""ECDSAP256SHA256, which every validator must know (RFC 8624)."""

DIGEST = 2
"""SHA-256 in a DS record."""

FLAGS = 257
"""A zone key that is a secure entry point: a key-signing key."""

PROTOCOL = 3


def dnskey(zone: str, key: Secret) -> str:
    """Return the DNSKEY record of a zone's key, which is also its trust anchor.

    Args:
        zone: The zone's name.
        key: Its private key, ECDSA P-256.
    """
    encoded = base64.b64encode(_public(key)).decode()
    return f"{zone}. IN DNSKEY {FLAGS} {PROTOCOL} {ALGORITHM} {encoded}"


def ds(zone: str, key: Secret) -> str:
    """Return the DS record of a zone's key, for the zone above it.

    Args:
        zone: The zone's name.
        key: Its private key, ECDSA P-256.
    """
    digest = hashlib.sha256(_wire(zone) + _rdata(key)).hexdigest()
    return f"{zone}. IN DS {tag(key)} {ALGORITHM} {DIGEST} {digest}"


def tag(key: Secret) -> int:
    """Return the number by which records refer to a key (RFC 4034, appendix B)."""
    total = sum(byte << 8 if not at & 1 else byte for at, byte in enumerate(_rdata(key)))
    return (total + (total >> 16 & 0xFFFF)) & 0xFFFF


def private_file(key: Secret) -> Secret:
    """Return a private key in the format that BIND's and Knot's tools import."""
    number = _private(key).private_numbers().private_value
    encoded = base64.b64encode(number.to_bytes(32, "big")).decode()
    return Secret(
        "Private-key-format: v1.3\n"
        f"Algorithm: {ALGORITHM} (ECDSAP256SHA256)\n"
        f"PrivateKey: {encoded}\n"
    )


def _private(key: Secret) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    found = keys.private(key)
    if not isinstance(found, ec.EllipticCurvePrivateKey) or found.curve.name != "secp256r1":
        message = "a zone's key is of the kind ECDSA P-256"
        raise ToolboxError(message)
    return found


def _public(key: Secret) -> bytes:
    numbers = _private(key).public_key().public_numbers()
    return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def _rdata(key: Secret) -> bytes:
    return struct.pack(">HBB", FLAGS, PROTOCOL, ALGORITHM) + _public(key)


def _wire(zone: str) -> bytes:
    """Return a name as it goes over the wire, in its canonical form."""
    labels = [label.encode("ascii") for label in zone.lower().rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
