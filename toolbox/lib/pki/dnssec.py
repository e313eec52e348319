"""DNSSEC: what a zone's key-signing key says to those who trust it (RFC 4034, RFC 6605)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.secret import Secret
from toolbox.lib.pki import keys

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from dns.rdtypes.ANY.DNSKEY import DNSKEY

ALGORITHM = 13
"""ECDSAP256SHA256, which every validator must know (RFC 8624)."""

DIGEST = "SHA256"
FLAGS = 257
"""A zone key that is a secure entry point: a key-signing key."""


def dnskey(zone: str, key: Secret) -> str:
    """Return the DNSKEY record of a zone's key, which is also its trust anchor.

    Args:
        zone: The zone's name.
        key: Its private key, ECDSA P-256.
    """
    # Reason: programs that read an anchor out of a record want its key in one piece.
    return f"{zone}. IN DNSKEY {_record(key).to_text(base64_chunk_size=0)}"


def ds(zone: str, key: Secret) -> str:
    """Return the DS record of a zone's key, for the zone above it.

    Args:
        zone: The zone's name.
        key: Its private key, ECDSA P-256.
    """
    from dns.dnssec import make_ds

    name = f"{zone}."
    return f"{name} IN DS {make_ds(name, _record(key), DIGEST).to_text()}"


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


def _record(key: Secret) -> DNSKEY:
    from dns.dnssec import make_dnskey

    return make_dnskey(_private(key).public_key(), ALGORITHM, FLAGS)
