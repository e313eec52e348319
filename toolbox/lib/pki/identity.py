"""The identity of a project and its hosts: made once, remembered by Pulumi, plain values here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolbox.lib.core.secret import Secret


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
