"""ssh certificates, and the lines by which a client knows a project's machines.

A certificate says for whom a key stands (PROTOCOL.certkeys of OpenSSH): a host's that it is the
host of that name, a person's that it may log in as those users until then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import UsageError
from toolbox.lib.inventory.operators import bare
from toolbox.lib.pki import keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cryptography.hazmat.primitives.serialization import SSHCertificate

    from toolbox.lib.core.secret import Secret

SKEW = timedelta(minutes=5)
EXTENSIONS = (b"permit-agent-forwarding", b"permit-port-forwarding", b"permit-pty")
"""What a person's certificate allows of what sshd does; no X11, no files of their own."""

MAX_PRINCIPALS = 256
"""How many names OpenSSH takes of a certificate."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What an ssh certificate says.

    Attributes:
        identifier: Who it is for, as sshd logs it.
        principals: Host names, or users that may be logged in as; at least one.
        hours: How long it holds.
        host: Whether it is a host's.
    """

    identifier: str
    principals: tuple[str, ...]
    hours: int
    host: bool = False


def certificate(authority: Secret, public_key: str, said: Statement, now: datetime) -> str:
    """Return an ssh certificate, one line without a newline.

    Args:
        authority: Private key of who signs it.
        public_key: The key it is for, a line such as ``ssh-ed25519 AAAA…``.
        said: What it says.
        now: When it is made.

    Raises:
        UsageError: There is no such key, or it says too little or too much.
    """
    from cryptography.hazmat.primitives.serialization import SSHCertificateBuilder
    from cryptography.hazmat.primitives.serialization import SSHCertificateType as Kind

    if not 0 < len(said.principals) <= MAX_PRINCIPALS or not all(said.principals):
        # Reason: one without a name holds for every name.
        message = f"an ssh certificate is for 1 to {MAX_PRINCIPALS} names"
        raise UsageError(message)
    builder = (
        SSHCertificateBuilder()
        .public_key(_public(public_key))
        .serial(_serial())
        .type(Kind.HOST if said.host else Kind.USER)
        .key_id(said.identifier.encode())
        .valid_principals([principal.encode() for principal in said.principals])
        .valid_after(int((now - SKEW).timestamp()))
        .valid_before(int((now + timedelta(hours=said.hours)).timestamp()))
    )
    for extension in () if said.host else EXTENSIONS:
        builder = builder.add_extension(extension, b"")
    signed = builder.sign(keys.private(authority)).public_bytes().decode()
    return f"{signed} {said.identifier}"


def public(key: Secret) -> str:
    """Return the public half of a private key, a line without comment and newline."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    own = keys.private(key).public_key()
    return own.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def read(line: str) -> SSHCertificate:
    """Return an ssh certificate.

    Raises:
        UsageError: The line is none, or was not signed by the key that it names.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import (
        SSHCertificate,
        load_ssh_public_identity,
    )

    try:
        found = load_ssh_public_identity(line.strip().encode())
        if isinstance(found, SSHCertificate):
            found.verify_cert_signature()
            return found
    except (ValueError, UnsupportedAlgorithm, InvalidSignature):
        pass
    message = "this line is no ssh certificate"
    raise UsageError(message)


def ends(line: str) -> datetime:
    """Return when an ssh certificate ends."""
    return datetime.fromtimestamp(read(line).valid_before, UTC)


def known_hosts(hosts: Iterable[tuple[Sequence[str], str]], authority: str) -> str:
    """Return the text of a known_hosts file (sshd(8)).

    Args:
        hosts: The names and addresses of each host, and its public key.
        authority: Public key of who signs hosts' certificates; empty where there is none. It is
            believed for these names only.

    Returns:
        A line for each pinned key, and one for the authority.
    """
    listed = [(tuple(dict.fromkeys(names)), bare(key)) for names, key in hosts]
    lines = [f"{','.join(names)} {key}\n" for names, key in listed]
    if authority and listed:
        everyone = dict.fromkeys(name for names, _ in listed for name in names)
        lines.append(f"@cert-authority {','.join(everyone)} {bare(authority)}\n")
    return "".join(lines)


def configuration(hosts: Iterable[tuple[str, str]], known: str, certificate_file: str = "") -> str:
    """Return an ssh_config(5) for a project's machines, for ``Include`` in a person's own.

    Args:
        hosts: Short and full name of each.
        known: Path of the project's known_hosts.
        certificate_file: Path of the person's certificate, where there is one.
    """
    parts = []
    for short, full in hosts:
        own = f"  CertificateFile {certificate_file}\n" if certificate_file else ""
        parts.append(
            f"Host {short} {full}\n"
            f"  HostName {full}\n"
            f"  HostKeyAlias {short}\n"
            "  User core\n"
            f"{own}"
            f"  UserKnownHostsFile {known}\n"
            "  GlobalKnownHostsFile /dev/null\n"
            "  StrictHostKeyChecking yes\n"
            "  UpdateHostKeys no\n"
        )
    return "".join(parts)


def _public(line: str) -> keys.PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    key_line = bare(line)
    if key_line.startswith("sk-"):
        # Reason: read, it would lose what makes it a security key's, and so would its certificate.
        message = f"no certificate can be made for a key of type {key_line.split()[0]}"
        raise UsageError(message, hint="list it in authorized_keys as it is")
    try:
        key = load_ssh_public_key(key_line.encode())
    except (ValueError, UnsupportedAlgorithm):
        message = "this line is no ssh public key"
        raise UsageError(
            message, hint="a key is one line, such as ssh-ed25519 AAAA… name"
        ) from None
    if not isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey):
        message = f"no certificate can be made for a key of type {key_line.split()[0]}"
        raise UsageError(message, hint="make a key with ssh-keygen -t ed25519")
    return key


def _serial() -> int:
    import secrets

    return secrets.randbits(63)
