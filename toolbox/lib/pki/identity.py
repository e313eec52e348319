"""The identity of a project and its hosts: made once, remembered by Pulumi, plain values here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toolbox.lib.core.secret import MASK, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class HostIdentity:
    """The keys of one host.

    Attributes:
        ssh_host_key: Private key of its ssh server, OpenSSH PEM.
        ssh_host_public_key: Its public half, one line ``ssh-ed25519 AAAA…`` without a newline.
        tls_key: Private key of its certificate, PEM.
        tls_certificate: Certificate chain, PEM, its own certificate first.
    """

    ssh_host_key: Secret
    ssh_host_public_key: str
    tls_key: Secret
    tls_certificate: str


@dataclass(frozen=True, slots=True)
class Identity:
    """The keys of a project.

    Attributes:
        ca_certificate: Certificate of the project's own authority, PEM.
        provision_key: Private key that the toolbox logs in with, OpenSSH PEM.
        provision_public_key: Its public half, one line without a newline.
        hosts: Keys of each host, by host name.
    """

    ca_certificate: str
    provision_key: Secret
    provision_public_key: str
    hosts: Mapping[str, HostIdentity]


def masked(identity: Identity) -> Identity:
    """Return an identity without its private keys; what is public in it stays.

    What is rendered from it holds no secret, in whatever way a template has packed it.
    """
    mask = Secret(MASK)
    return Identity(
        ca_certificate=identity.ca_certificate,
        provision_key=mask,
        provision_public_key=identity.provision_public_key,
        hosts={
            name: replace(host, ssh_host_key=mask, tls_key=mask)
            for name, host in identity.hosts.items()
        },
    )
