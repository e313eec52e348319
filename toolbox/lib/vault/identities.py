"""The private keys of the person who works here, which may open secrets.

A key file is looked at, never copied: age reads it itself. What is asked here is only whether it is
protected by a passphrase, and which public key belongs to it, so that nobody is asked for a
passphrase in vain.
"""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass
from pathlib import Path

from toolbox.lib.core.errors import UsageError
from toolbox.lib.inventory import operators

VARIABLE = "INFRA_IDENTITY"
USUAL = (".ssh/id_ed25519", ".ssh/id_rsa")
LARGEST = 1 << 16
"""Bytes that a key file has at most; what is larger is none."""

ARMOR = re.compile(
    r"-----BEGIN (?P<label>[A-Z ]*PRIVATE KEY)-----\s(?P<body>.*?)-----END ", re.DOTALL
)
OPENSSH = "OPENSSH PRIVATE KEY"
MAGIC = b"openssh-key-v1\0"
SEALED = ("age-encryption.org/v1", "-----BEGIN AGE ENCRYPTED FILE-----")


@dataclass(frozen=True, slots=True)
class Identity:
    """A file with a private key.

    Attributes:
        path: Where it is.
        protected: Whether a passphrase is needed to use it.
        public: Data of its public key, Base64; None where the file does not tell.
    """

    path: Path
    protected: bool
    public: str | None = None


def found() -> tuple[Identity, ...]:
    """Return the keys of the person here: that of ``$INFRA_IDENTITY``, or else the usual ones.

    Raises:
        UsageError: The variable names no key.
    """
    given = os.environ.get(VARIABLE)
    if given:
        path = _expanded(given)
        identity = examine(path)
        if identity is None:
            message = f"{VARIABLE}={given}: there is no private key of ssh or age"
            hint = "name the file of the private key, such as ~/.ssh/id_ed25519"
            raise UsageError(message, hint=hint)
        return (identity,)
    home = Path(os.environ.get("HOME") or "/")
    usual = (examine(home / name) for name in USUAL)
    return tuple(identity for identity in usual if identity is not None)


def examine(path: Path) -> Identity | None:
    """Return what a file says of the private key in it; None when it has none.

    Args:
        path: The file.
    """
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST).decode("ascii", errors="replace")
    except OSError:
        return None
    if text.startswith(SEALED):
        return Identity(path, protected=True)
    if "AGE-SECRET-KEY-" in text or "AGE-PLUGIN-" in text:
        return Identity(path, protected=False)
    armored = ARMOR.search(text)
    if armored is None:
        return None
    if armored["label"] == OPENSSH:
        return _openssh(path, armored["body"])
    protected = "ENCRYPTED" in armored["label"] or "Proc-Type: 4,ENCRYPTED" in armored["body"]
    return Identity(path, protected, _beside(path))


def _openssh(path: Path, body: str) -> Identity | None:
    """Read the clear part of OpenSSH's format (PROTOCOL.key)."""
    try:
        data = base64.b64decode("".join(body.split()), validate=True)
    except ValueError:  # also of a sign that is not ASCII
        return None
    if not data.startswith(MAGIC):
        return None
    cipher, rest = _field(data[len(MAGIC) :])
    _kdf, rest = _field(rest)
    _options, rest = _field(rest)
    public, _rest = _field(rest[4:])
    return Identity(path, cipher != b"none", base64.b64encode(public).decode())


def _field(data: bytes) -> tuple[bytes, bytes]:
    """Return a text that its length stands before, and what follows."""
    end = 4 + int.from_bytes(data[:4], "big")
    return data[4:end], data[end:]


def _beside(path: Path) -> str | None:
    """Return the public key in the file beside a private one."""
    try:
        line = path.with_name(f"{path.name}.pub").read_text(errors="replace").strip()
    except OSError:
        return None
    key = operators.key(line)
    return key.blob if key else None


def _expanded(given: str) -> Path:
    try:
        return Path(given).expanduser()
    except RuntimeError:
        return Path(given)
