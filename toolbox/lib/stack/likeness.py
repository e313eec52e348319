"""Whether two identities are the same one: part by part, with what one compares by eye."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.inventory import operators
from toolbox.lib.pki.plan import ACME, PROVISION, ROOT
from toolbox.lib.vault import recipients

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolbox.lib.pki.identity import Identity

DASHES = "-----"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an identity.

    Attributes:
        name: What people call it.
        fingerprint: Of what is public of it; empty where nothing is.
        held: All of it, secrets as well.
    """

    name: str
    fingerprint: str
    held: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Likeness:
    """What became of a part.

    Attributes:
        name: What people call it.
        fingerprint: That of the second identity; empty where it has none.
        there: Whether the second has it at all.
        same: Whether it is the same in both, its secrets included.
    """

    name: str
    fingerprint: str
    there: bool
    same: bool


def compare(one: Identity, other: Identity) -> tuple[Likeness, ...]:
    """Return for each part of two identities whether it is the same.

    Args:
        one: The first.
        other: The second.
    """
    before, after = ({part.name: part for part in parts(some)} for some in (one, other))
    found = []
    for name in {**before, **after}:
        part = after.get(name)
        same = part is not None and part == before.get(name)
        shown = part.fingerprint if part else ""
        found.append(Likeness(name, shown, part is not None, same))
    return tuple(found)


def parts(identity: Identity) -> Iterator[Part]:
    """Yield the parts of an identity.

    Args:
        identity: The identity.
    """
    yield _certified(ROOT, identity.ca_certificate)
    if identity.provision_certificate:
        yield _certified(PROVISION, identity.provision_certificate)
    if identity.acme:
        yield _certified(ACME, identity.acme.certificate, identity.acme.key)
    public = identity.provision_public_key
    yield Part("key that logs in", _ssh(public), (public, identity.provision_key))
    yield from _ssh_authorities(identity)
    for name, host in identity.hosts.items():
        key = host.ssh_host_public_key
        yield Part(f"ssh key of {name}", _ssh(key), (key, host.ssh_host_key))
        yield _certified(f"certificate of {name}", host.tls_certificate, host.tls_key)
    yield from _others(identity)


def _ssh_authorities(identity: Identity) -> Iterator[Part]:
    if identity.ssh.host:
        yield Part("ssh-host-ca", _ssh(identity.ssh.host), (identity.ssh.host,))
    if identity.ssh.user:
        held = (identity.ssh.user, identity.ssh.user_key)
        yield Part("ssh-user-ca", _ssh(identity.ssh.user), held)


def _others(identity: Identity) -> Iterator[Part]:
    for name, client in identity.clients.items():
        shown = _certificate(client.pair.certificate)
        yield Part(f"certificate of client {name}", shown, (client,))
    for name, zone in identity.zones.items():
        yield Part(f"key of zone {name}", zone.ds, (zone,))
    for name, key in identity.tsig.items():
        yield Part(f"TSIG key {name}", "", (key,))


def _certified(name: str, pem: str, *secrets: object) -> Part:
    return Part(name, _certificate(pem), (pem, *secrets))


def _ssh(line: str) -> str:
    key = operators.key(line)
    return recipients.fingerprint(key.blob) if key else ""


def _certificate(pem: str) -> str:
    """Return the SHA-256 of the first certificate of a chain, as ``openssl x509`` would."""
    lines = pem.strip().splitlines()[1:]
    end = next((at for at, line in enumerate(lines) if line.startswith(DASHES)), len(lines))
    return hashlib.sha256(base64.b64decode("".join(lines[:end]))).hexdigest()
