"""Key revocation lists, by which sshd refuses keys and certificates (PROTOCOL.krl of OpenSSH).

ssh-keygen makes them, too, but writes the time into each. What a machine gets must be the same as
long as the same is revoked.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from toolbox.lib.inventory import revocations

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from toolbox.lib.inventory.revocations import Revocations

MAGIC = b"SSHKRL\n\0"
FORMAT = 1
CERTIFICATES, KEYS = 1, 2
SERIALS, NAMES = 0x20, 0x23
ANY_AUTHORITY = b""


def encoded(lines: Iterable[str]) -> str:
    """Return a list for sshd's ``RevokedKeys``, Base64; empty where nothing is revoked.

    A key that is listed is refused as such, and so is each certificate for it or signed by it.

    Args:
        lines: What is revoked, as `revocations.read` has read it.
    """
    sections = b"".join(_sections(revocations.of(lines)))
    if not sections:
        return ""
    # Reason: version, time and flags stay 0; behind them are two texts that mean nothing.
    head = MAGIC + FORMAT.to_bytes(4, "big") + bytes(3 * 8) + _string(b"") + _string(b"")
    return base64.b64encode(head + sections).decode()


def _sections(gone: Revocations) -> Iterator[bytes]:
    said = b""
    if gone.serials:
        said += _section(SERIALS, b"".join(one.to_bytes(8, "big") for one in sorted(gone.serials)))
    if gone.names:
        said += _section(NAMES, b"".join(_string(one.encode()) for one in sorted(gone.names)))
    if said:
        yield _section(CERTIFICATES, _string(ANY_AUTHORITY) + _string(b"") + said)
    if gone.keys:
        blobs = sorted(base64.b64decode(one.split()[1]) for one in gone.keys)
        yield _section(KEYS, b"".join(map(_string, blobs)))


def _section(kind: int, data: bytes) -> bytes:
    return bytes([kind]) + _string(data)


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data
