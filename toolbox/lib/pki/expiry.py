"""What of an identity ends when, and from when on it is made anew."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from toolbox.lib.pki import ssh, x509
from toolbox.lib.pki.plan import ACME, PROVISION, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from toolbox.lib.inventory.profile import Term, Terms
    from toolbox.lib.pki.identity import Identity


class State(StrEnum):
    """How near an end is."""

    HOLDS = "holds"
    DUE = "due"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Expiry:
    """One thing that ends.

    Attributes:
        name: Whose it is: a host, a client, or an authority.
        kind: ``authority``, ``certificate``, ``ssh-certificate`` or ``root`` of another project.
        ends: When it ends.
        renews: From when on it is made anew.
        state: How near that is.
    """

    name: str
    kind: str
    ends: datetime
    renews: datetime
    state: State


def of(identity: Identity, terms: Terms, now: datetime) -> tuple[Expiry, ...]:
    """Return all that ends, what ends first at the beginning.

    Args:
        identity: The identity.
        terms: How long before its end what is made anew.
        now: The time.
    """
    found = [
        Expiry(name, kind, ends, ends - timedelta(hours=term.renew), _state(ends, term, now))
        for name, kind, ends, term in _all(identity, terms)
    ]
    return tuple(sorted(found, key=lambda one: (one.ends, one.kind, one.name)))


def _all(identity: Identity, terms: Terms) -> Iterator[tuple[str, str, datetime, Term]]:
    authorities = [
        (ROOT, identity.ca_certificate, terms.root),
        (PROVISION, identity.provision_certificate, terms.authority),
        (ACME, identity.acme.certificate if identity.acme else "", terms.authority),
    ]
    for name, pem, term in authorities:
        if pem:
            yield name, "authority", _ends(pem), term
    for name, host in identity.hosts.items():
        yield name, "certificate", _ends(host.tls_certificate), terms.certificate
        if host.ssh_host_certificate:
            yield name, "ssh-certificate", ssh.ends(host.ssh_host_certificate), terms.ssh
    for name, client in identity.clients.items():
        yield name, "client-certificate", _ends(client.pair.certificate), terms.certificate
    if identity.extra_bundle:
        for number, root in enumerate(x509.chain(identity.extra_bundle), 1):
            yield f"extra-{number}", "extra-root", root.not_valid_after_utc, terms.root


def _ends(pem: str) -> datetime:
    return x509.read(pem).not_valid_after_utc


def _state(ends: datetime, term: Term, now: datetime) -> State:
    if ends <= now:
        return State.ENDED
    return State.DUE if ends - now < timedelta(hours=term.renew) else State.HOLDS
