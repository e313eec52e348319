"""What a project wants of its keys and certificates, as values; what is not said has a default."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

HOUR = 1
DAY = 24 * HOUR
YEAR = 365 * DAY

ROLES = ("acme", "dnssec", "tsig")
"""Kinds of keys that only hosts have that ask for them."""

PRIVATE_NETWORKS = (
    "10.0.0.0/8",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)
"""Networks with addresses of nobody else, which certificates may name (RFC 1918, RFC 4193)."""


@dataclass(frozen=True, slots=True)
class Term:
    """How long something holds.

    Attributes:
        lifetime: Hours from its making to its end.
        renew: It is made anew when fewer hours than these are left.
    """

    lifetime: int
    renew: int


@dataclass(frozen=True, slots=True)
class Terms:
    """How long each kind of certificate holds.

    What an authority signs ends before the authority is renewed, so that nothing outlives what it
    stands on.

    Attributes:
        root: The root authority.
        authority: Those that it signs.
        certificate: Certificates of hosts and clients; a day less than the longest life that
            public clients accept (398 days).
        ssh: ssh certificates of hosts.
    """

    root: Term = Term(8 * YEAR, 3 * YEAR)
    authority: Term = Term(3 * YEAR, 400 * DAY)
    certificate: Term = Term(397 * DAY, 30 * DAY)
    ssh: Term = Term(397 * DAY, 30 * DAY)


@dataclass(frozen=True, slots=True)
class Client:
    """A person or program that gets a client certificate.

    Attributes:
        name: One label; the certificate's common name.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Profile:
    """The key ``identity`` of project.yaml.

    Attributes:
        organization: Named in certificates; empty means the project's name.
        domains: Domains that certificates may name beside the project's own.
        networks: Networks whose addresses certificates may name.
        constraints: Whether the authorities are bound to those; some clients cannot read that.
        terms: How long what holds.
        protect_root: Whether the root's key is kept from being replaced or destroyed.
        extra_bundle: What the file says whose roots hosts trust, too, such as one about to go.
        extra_file: Name of that file.
        acme: Whether there is an authority for an ACME server.
        clients: Who gets a client certificate.
        zones: DNS zones that get a key-signing key.
        tsig: Names of keys that sign DNS messages.
        revoked: ssh keys and certificates that no machine lets in, lines of `revocations`.
    """

    organization: str = ""
    domains: tuple[str, ...] = ()
    networks: tuple[str, ...] = PRIVATE_NETWORKS
    constraints: bool = True
    terms: Terms = Terms()
    protect_root: bool = True
    extra_bundle: str = ""
    extra_file: str = ""
    acme: bool = False
    clients: tuple[Client, ...] = ()
    zones: tuple[str, ...] = ()
    tsig: tuple[str, ...] = ()
    revoked: tuple[str, ...] = ()

    def outside(self, domain: str, names: Iterable[str], addresses: Iterable[str]) -> list[str]:
        """Return what no certificate of the project may name.

        Args:
            domain: The project's domain.
            names: DNS names.
            addresses: IP addresses.
        """
        if not self.constraints:
            return []
        domains = (domain, *self.domains)
        networks = [ip_network(network) for network in self.networks]
        return [
            *(name for name in names if not any(_below(name, domain) for domain in domains)),
            *(
                address
                for address in addresses
                if not any(ip_address(address) in network for network in networks)
            ),
        ]


def _below(name: str, domain: str) -> bool:
    return name == domain or name.endswith(f".{domain}")


@dataclass(frozen=True, slots=True)
class Card:
    """The key ``identity`` of a host file.

    Attributes:
        names: DNS names of its certificate beside its own.
        addresses: IP addresses of its certificate.
        roles: What it gets keys for, of `ROLES`.
    """

    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
