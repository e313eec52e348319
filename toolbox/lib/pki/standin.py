"""A stand-in for an identity: keys that open nothing, so that configs can be checked without any.

Its public keys and certificates have the form of real ones, its private keys say that they are
none. No program takes them, and nothing made of them is to reach a machine.
"""

from __future__ import annotations

import base64
import secrets
from functools import cache
from typing import TYPE_CHECKING

from toolbox.lib.core.secret import Secret
from toolbox.lib.inventory.profile import Profile
from toolbox.lib.pki import krl
from toolbox.lib.pki.identity import HostIdentity, Identity, Pair, SshAuthorities, Zone

if TYPE_CHECKING:
    from collections.abc import Iterable

LABEL = "INFRA-TOOLBOX STAND-IN, NOT A KEY"
"""What stands where a PEM block tells what it is."""

COMMENT = "stand-in@infra-toolbox.invalid"
"""Comment of its public ssh keys."""

KEY_TYPE = b"ssh-ed25519"
KEY_BYTES = 32


def identity(hosts: Iterable[str], profile: Profile | None = None) -> Identity:
    """Return the stand-in for the identity of these hosts; in one process always the same.

    Args:
        hosts: Their names.
        profile: What the project wants of its keys, where that matters.
    """
    wanted = profile or Profile()
    return Identity(
        ca_certificate=_pem("ca"),
        provision_key=Secret(_pem("provision")),
        provision_public_key=_public_key("provision"),
        hosts={name: _host(name) for name in hosts},
        provision_certificate=_pem("provision-ca"),
        ssh=SshAuthorities(
            _public_key("ssh-host-ca"), _public_key("ssh-user-ca"), Secret(_pem("ssh-user-ca"))
        ),
        acme=Pair(_pem("acme-certificate"), Secret(_pem("acme"))) if wanted.acme else None,
        zones={name: _zone(name) for name in wanted.zones},
        tsig={name: Secret(_word(f"{name}-tsig")) for name in wanted.tsig},
        revoked=krl.encoded(wanted.revoked),
    )


def _host(name: str) -> HostIdentity:
    return HostIdentity(
        ssh_host_key=Secret(_pem(f"{name}-ssh")),
        ssh_host_public_key=_public_key(f"{name}-ssh"),
        tls_key=Secret(_pem(f"{name}-tls")),
        tls_certificate=_pem(f"{name}-certificate"),
        ssh_host_certificate=_public_key(f"{name}-ssh-certificate"),
    )


def _zone(name: str) -> Zone:
    key = Secret(_pem(f"{name}-zone"))
    return Zone(key, f"{name}. IN DNSKEY 257 3 13 {_word(name)}", f"{name}. IN DS 0 13 2 00")


@cache
def _word(name: str) -> str:
    del name
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


@cache
def _pem(name: str) -> str:
    return f"-----BEGIN {LABEL}-----\n{_word(f'{name}-pem')}\n-----END {LABEL}-----\n"


@cache
def _public_key(name: str) -> str:
    del name
    # Reason: RFC 4253, section 6.6: each part is led by its length.
    parts = (KEY_TYPE, secrets.token_bytes(KEY_BYTES))
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return f"{KEY_TYPE.decode()} {base64.b64encode(blob).decode()} {COMMENT}"
