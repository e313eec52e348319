"""The identity of a project and its hosts: made once, remembered by Pulumi, plain values here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
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
        ssh_host_certificate: Certificate of its ssh host key, one line; empty where there is none.
    """

    ssh_host_key: Secret
    ssh_host_public_key: str
    tls_key: Secret
    tls_certificate: str
    ssh_host_certificate: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """A key and the certificate that says whose it is.

    Attributes:
        certificate: Certificate chain, PEM, its own certificate first.
        key: Private key, PEM.
    """

    certificate: str
    key: Secret


@dataclass(frozen=True, slots=True)
class ClientIdentity:
    """What a person or program shows to servers, in the forms that programs ask for.

    Attributes:
        pair: Key in clear, and certificate chain.
        password: Opens the other two.
        pkcs12: Key and chain, PKCS #12, Base64.
        encrypted_key: Key, encrypted PEM.
    """

    pair: Pair
    password: Secret
    pkcs12: Secret
    encrypted_key: Secret


@dataclass(frozen=True, slots=True)
class Zone:
    """The key-signing key of a DNS zone.

    Attributes:
        key: Private key, ECDSA P-256, PEM.
        dnskey: What who trusts it is given, a DNSKEY record.
        ds: What the zone above it is given, a DS record.
    """

    key: Secret
    dnskey: str
    ds: str


@dataclass(frozen=True, slots=True)
class SshAuthorities:
    """Who signs ssh certificates.

    Attributes:
        host: Public key of who signs those of hosts, one line.
        user: Public key of who signs those of persons, one line.
        user_key: Its private half, OpenSSH PEM; no machine gets it.
    """

    host: str = ""
    user: str = ""
    user_key: Secret = field(default_factory=lambda: Secret(""))


@dataclass(frozen=True, slots=True)
class Identity:
    """The keys of a project.

    Attributes:
        ca_certificate: Certificate of the project's own authority, PEM.
        provision_key: Private key that the toolbox logs in with, OpenSSH PEM.
        provision_public_key: Its public half, one line without a newline.
        hosts: Keys of each host, by host name.
        provision_certificate: Certificate of the authority that signs hosts and clients, PEM.
        extra_bundle: Further roots that hosts trust, PEM.
        ssh: Who signs ssh certificates.
        acme: The authority for an ACME server, where there is one.
        clients: Client certificates, by name.
        zones: Key-signing key of each DNS zone, by its name.
        tsig: Keys that sign DNS messages, Base64, by name.
        revoked: Keys and certificates of ssh that no machine lets in, a list for sshd, Base64.
    """

    ca_certificate: str
    provision_key: Secret
    provision_public_key: str
    hosts: Mapping[str, HostIdentity]
    provision_certificate: str = ""
    extra_bundle: str = ""
    ssh: SshAuthorities = SshAuthorities()
    acme: Pair | None = None
    clients: Mapping[str, ClientIdentity] = field(default_factory=dict)
    zones: Mapping[str, Zone] = field(default_factory=dict)
    tsig: Mapping[str, Secret] = field(default_factory=dict)
    revoked: str = ""

    @property
    def ca_bundle(self) -> str:
        """All roots that hosts trust, PEM, the project's own first."""
        return self.ca_certificate + self.extra_bundle


def masked(identity: Identity) -> Identity:
    """Return an identity without its private keys; what is public in it stays.

    What is rendered from it holds no secret, in whatever way a template has packed it.
    """
    mask = Secret(MASK)
    return replace(
        identity,
        provision_key=mask,
        hosts={
            name: replace(host, ssh_host_key=mask, tls_key=mask)
            for name, host in identity.hosts.items()
        },
        ssh=replace(identity.ssh, user_key=mask),
        acme=identity.acme and replace(identity.acme, key=mask),
        clients={
            name: ClientIdentity(replace(client.pair, key=mask), mask, mask, mask)
            for name, client in identity.clients.items()
        },
        zones={name: replace(zone, key=mask) for name, zone in identity.zones.items()},
        tsig=dict.fromkeys(identity.tsig, mask),
    )
