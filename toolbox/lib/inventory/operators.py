"""Who may operate a project: the public keys in its authorized_keys, the root of trust."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from toolbox.lib.inventory.document import Place

if TYPE_CHECKING:
    from toolbox.lib.core.report import Finding

TYPES = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)
# Reason: options may stand first, with blanks inside their quotes (sshd(8), AUTHORIZED_KEYS FILE
# FORMAT); the key type is the first field outside quotes that is one.
KEY = re.compile(
    r'(?:(?:"(?:\\.|[^"\\])*"|[^"\s])+\s+)?(?P<type>' + "|".join(map(re.escape, TYPES)) + r")"
    r"\s+(?P<blob>[A-Za-z0-9+/]+=*)(?:\s.*)?"
)


def read_keys(text: str, file: str) -> tuple[tuple[str, ...], list[Finding]]:
    """Read an authorized_keys file.

    Args:
        text: Its content.
        file: Its name in findings.

    Returns:
        One line for each key, and what is wrong.
    """
    keys: list[str] = []
    findings: list[Finding] = []
    for number, line in enumerate(text.splitlines(), 1):
        written = line.strip()
        if not written or written.startswith("#"):
            continue
        place = Place(file, number, 1)
        if "PRIVATE KEY" in written:
            message = "this is a private key; here stand public ones"
            hint = "remove it, replace that key pair, and add the line of its .pub file"
            findings.append(place.finding("private-key", message, hint))
            break
        if not is_key(written):
            message = "this line is no ssh public key"
            hint = "a key is one line, such as ssh-ed25519 AAAA… name"
            findings.append(place.finding("bad-key", message, hint))
        elif written not in keys:
            keys.append(written)
    return tuple(keys), findings


def is_key(line: str) -> bool:
    """Tell whether a line is an ssh public key whose type is the one inside its data (RFC 4253)."""
    match = KEY.fullmatch(line)
    if match is None:
        return False
    try:
        blob = base64.b64decode(match["blob"], validate=True)
    except binascii.Error:
        return False
    kind = match["type"].encode()
    return blob.startswith(len(kind).to_bytes(4, "big") + kind)


def bare(line: str) -> str:
    """Return a key or certificate without options and comment: its type and its data."""
    match = KEY.fullmatch(line.strip())
    return f"{match['type']} {match['blob']}" if match else " ".join(line.split()[:2])
