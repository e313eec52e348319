"""What an identity has to hold: decided from the project alone, before anything is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import UsageError
from toolbox.lib.pki import keys
from toolbox.lib.pki.x509 import Authority, Bounds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.profile import Profile
    from toolbox.lib.inventory.project import Project

ROOT, PROVISION, ACME = "root", "provision-ca", "acme-ca"
ROOT_PATH = 2
"""Authorities below the root: the one that signs hosts, and the one for ACME below that."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A host or client that gets keys and a certificate.

    Attributes:
        name: Its name, one label.
        names: DNS names of the certificate, the first is its common name.
        addresses: IP addresses of the certificate.
        roles: What it gets keys for, of `inventory.profile.ROLES`.
    """

    name: str
    names: tuple[str, ...]
    addresses: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    @property
    def principals(self) -> tuple[str, ...]:
        """What its ssh certificate is for: all that one may call it, but no pattern."""
        plain = (name for name in self.names if not name.startswith("*"))
        return _once((self.name, *plain, *self.addresses))


@dataclass(frozen=True, slots=True)
class Plan:
    """All that an identity has to hold.

    Attributes:
        organization: Named in certificates.
        domain: The project's domain.
        profile: What the project wants.
        hosts: Its hosts.
        clients: Who gets a client certificate.
        protect: Whether the root's key may not be replaced or destroyed.
        extra_bundle: Further roots that hosts trust, PEM.
    """

    organization: str
    domain: str
    profile: Profile
    hosts: tuple[Subject, ...]
    clients: tuple[Subject, ...] = ()
    protect: bool = False
    extra_bundle: str = ""

    @property
    def bounds(self) -> Bounds:
        """What the authorities may sign for; nothing is said where that is not wanted."""
        return bounds(self.domain, self.profile)

    def root(self) -> Authority:
        """Return the root authority."""
        terms = self.profile.terms
        name = f"{self.organization} CA"
        return Authority(name, self.organization, ROOT_PATH, terms.root.lifetime, self.bounds)

    def provision(self) -> Authority:
        """Return the authority that signs hosts and clients."""
        return Authority(
            common_name=f"{self.organization} provision CA",
            organization=self.organization,
            # Reason: below it nobody else is to be an authority.
            path_length=1 if self.profile.acme else 0,
            hours=self.profile.terms.authority.lifetime,
            bounds=self.bounds,
            leaves=True,
        )

    def acme(self) -> Authority:
        """Return the authority that an ACME server of the project's own signs with."""
        return Authority(
            common_name=f"{self.organization} ACME CA",
            organization=self.organization,
            path_length=0,
            hours=self.profile.terms.authority.lifetime,
            bounds=self.bounds,
            leaves=True,
        )


def bounds(domain: str, profile: Profile) -> Bounds:
    """Return what a project's authorities may sign for; empty where it does not bind them."""
    if not profile.constraints:
        return Bounds((), ())
    return Bounds(tuple(dict.fromkeys((domain, *profile.domains))), profile.networks)


def of(project: Project, *, protect: bool = False) -> Plan:
    """Return what a project's identity has to hold.

    Args:
        project: The project.
        protect: Whether its root is worth protecting, which that of a simulation is not.

    Raises:
        UsageError: The file of further roots holds something else.
    """
    profile = project.profile
    return Plan(
        organization=profile.organization or project.name,
        domain=project.domain,
        profile=profile,
        hosts=tuple(_host(host, profile) for host in project.hosts),
        clients=tuple(
            Subject(client.name, (f"{client.name}.client.{project.domain}",))
            for client in profile.clients
        ),
        protect=protect and profile.protect_root,
        extra_bundle=_extra_bundle(profile),
    )


def _extra_bundle(profile: Profile) -> str:
    if not profile.extra_file:
        return ""
    read = keys.bundle(profile.extra_bundle, profile.extra_file)
    if read.findings:
        message = f"{profile.extra_file} is no bundle of roots"
        raise UsageError(message, findings=read.findings)
    return read.text


def _host(host: Host, profile: Profile) -> Subject:
    # Reason: a name without a domain is in no domain that an authority could be bound to.
    short = () if profile.constraints else (host.name,)
    names = _once((host.fqdn, *short, *host.card.names))
    return Subject(host.name, names, host.card.addresses, host.card.roles)


def _once(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
