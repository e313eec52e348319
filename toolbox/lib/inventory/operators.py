"""Who may operate a project: the public keys in its authorized_keys, the root of trust.

Beside ssh keys, with which one logs in to machines, the file may have recipients of age
(``age1…``), which open the project's secrets only.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
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
    r'(?:(?P<options>(?:"(?:\\.|[^"\\])*"|[^"\s])+)\s+)?'
    r"(?P<type>" + "|".join(map(re.escape, TYPES)) + r")"
    r"\s+(?P<blob>[A-Za-z0-9+/]+=*)(?:\s+(?P<comment>.*))?"
)
OPTION = re.compile(r'(?P<name>[A-Za-z0-9-]+)(?:="(?:\\.|[^"\\])*")?(?:,|$)')
AGE = re.compile(r"age1[0-9a-z]+(?:\s.*)?")


@dataclass(frozen=True, slots=True)
class Key:
    """A line with an ssh public key.

    Attributes:
        kind: Type of the key, such as ``ssh-ed25519``.
        blob: Its data, Base64.
        comment: What stands behind it, usually whose it is.
        options: Names of the options before it.
    """

    kind: str
    blob: str
    comment: str
    options: tuple[str, ...]


def read_keys(text: str, file: str) -> tuple[tuple[str, ...], list[Finding]]:
    """Read an authorized_keys file.

    Args:
        text: Its content.
        file: Its name in findings.

    Returns:
        One line for each key that logs in, and what is wrong.
    """
    keys: list[str] = []
    findings: list[Finding] = []
    for place, written in lines(text, file):
        if "PRIVATE KEY" in written or "AGE-SECRET-KEY" in written.upper():
            message = "this is a private key; here stand public ones"
            hint = "remove it, replace that key pair, and add the line of its .pub file"
            findings.append(place.finding("private-key", message, hint))
            break
        hidden = next((sign for sign in written if not _shows(sign)), None)
        if hidden is not None:
            # Reason: whoever looks at a change of this file must see each key that it adds.
            message = f"this line has a sign that does not show, U+{ord(hidden):04X}"
            findings.append(place.finding("bad-key", message, "write the line anew"))
        elif AGE.fullmatch(written):
            continue
        elif not is_key(written):
            message = "this line is no ssh public key"
            hint = "a key is one line, such as ssh-ed25519 AAAA… name"
            findings.append(place.finding("bad-key", message, hint))
        elif written not in keys:
            keys.append(written)
    return tuple(keys), findings


def lines(text: str, file: str) -> list[tuple[Place, str]]:
    """Return the lines that are neither empty nor comments, with their places.

    Args:
        text: Content of the file.
        file: Its name in the places.
    """
    # Reason: sshd ends a line at a newline only; what else Python takes for an end could show
    # one key to a person and give another one to us.
    written = ((number, line.strip()) for number, line in enumerate(text.split("\n"), 1))
    return [(Place(file, number, 1), line) for number, line in written if line and line[0] != "#"]


def is_key(line: str) -> bool:
    """Tell whether a line is an ssh public key whose type is the one inside its data (RFC 4253)."""
    return key(line) is not None


def key(line: str) -> Key | None:
    """Return the ssh public key of a line; None when it has none, or one that is not what it says.

    Args:
        line: Without blanks around it.
    """
    match = KEY.fullmatch(line)
    if match is None:
        return None
    try:
        blob = base64.b64decode(match["blob"], validate=True)
    except binascii.Error:
        return None
    kind = match["type"].encode()
    if not blob.startswith(len(kind).to_bytes(4, "big") + kind):
        return None
    options = tuple(option["name"].lower() for option in OPTION.finditer(match["options"] or ""))
    return Key(match["type"], match["blob"], (match["comment"] or "").strip(), options)


def _shows(sign: str) -> bool:
    return sign.isprintable() or sign == "\t"


def bare(line: str) -> str:
    """Return a key or certificate without options and comment: its type and its data."""
    match = KEY.fullmatch(line.strip())
    return f"{match['type']} {match['blob']}" if match else " ".join(line.split()[:2])
