"""The names that templates see."""

from __future__ import annotations

import pickle
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolbox.lib.butane import variables
from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.secret import MASK, Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project
    from toolbox.lib.pki.identity import Identity

PIECE = re.compile(r"[A-Za-z0-9+/]{12,}")
"""What may be a piece of a key."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The names of one host's templates; secrets stay secrets until a template is rendered.

    Attributes:
        names: The names with their values.
        findings: What is wrong with the variables among them.
    """

    names: Mapping[str, Any]
    findings: tuple[Finding, ...] = field(default=())
    _packed: list[bytes] = field(default_factory=list, repr=False, compare=False)

    def revealed(self) -> dict[str, Any]:
        """Return the names with their secrets in clear.

        Only rendering calls it: filters must see the text, for a `Secret` would go through
        them as its mask and end up in a machine's key file. Each call gives lists and mappings of
        its own, so that what one template does to them no other one sees.
        """
        if not self._packed:
            shared = {name: value for name, value in self.names.items() if _is_shared(value)}
            self._packed.append(pickle.dumps(shared))
        clear = {
            name: _revealed(value) for name, value in self.names.items() if not _is_shared(value)
        }
        # Reason: it is what makes a copy in the least time, and a project has many templates.
        copied: dict[str, Any] = pickle.loads(self._packed[0])  # noqa: S301 - made by ourselves
        return clear | copied

    def redacted(self, text: str) -> str:
        """Return a text with every secret, every line of one, and every long piece, masked."""
        secrets = [secret for value in self.names.values() for secret in _secrets(value)]
        for secret in secrets:
            for part in (secret, *secret.splitlines()):
                if part.strip() and not part.startswith("-----"):
                    text = text.replace(part, MASK)
        # Reason: programs take lines apart, such as the padding of Base64 off at its sign.
        return PIECE.sub(
            lambda piece: MASK if any(piece[0] in secret for secret in secrets) else piece[0], text
        )


def of(project: Project, host: Host, identity: Identity) -> Environment:
    """Return the names for a host's templates.

    Args:
        project: Its project.
        host: The host.
        identity: Keys of the project and the host.

    Returns:
        The environment contract with its variables laid over it, and over them what the toolbox
        gives every template.

    Raises:
        ToolboxError: The identity has no keys for the host.
    """
    own = identity.hosts.get(host.name)
    if own is None:
        message = f"the identity has no keys for {host.name}"
        raise ToolboxError(message, hint="bring the identity up again")
    keys = dict.fromkeys((identity.provision_public_key, *project.authorized_keys))
    given = {
        "AUTHORIZED_KEYS": list(keys),
        "CA_BUNDLE": identity.ca_bundle,
        "CA_CERTIFICATE": identity.ca_certificate,
        "DNSSEC_ANCHORS": {name: zone.dnskey for name, zone in identity.zones.items()},
        "DOMAIN": project.domain,
        "FQDN": host.fqdn,
        "HOSTNAME": host.name,
        "OS": host.os,
        "PROJECT": project.name,
        "SSH_HOST_CERTIFICATE": own.ssh_host_certificate,
        "SSH_HOST_KEY": own.ssh_host_key,
        "SSH_HOST_PUBLIC_KEY": own.ssh_host_public_key,
        "SSH_REVOKED_KEYS": identity.revoked,
        "SSH_USER_CA": identity.ssh.user,
        "TLS_CERTIFICATE": own.tls_certificate,
        "TLS_KEY": own.tls_key,
        **_by_role(host.card.roles, identity),
    }
    values, problems = variables.resolve(host.variables)
    findings = variables.findings(project, host, problems)
    return Environment({**values, **given}, tuple(findings))


def _by_role(roles: Sequence[str], identity: Identity) -> dict[str, Any]:
    """Return the keys that only hosts with a role get."""
    given: dict[str, Any] = {}
    if "acme" in roles and identity.acme:
        given["ACME_CA_CERTIFICATE"] = identity.acme.certificate
        given["ACME_CA_KEY"] = identity.acme.key
    if "dnssec" in roles:
        given["DNSSEC_KEYS"] = {name: zone.key for name, zone in identity.zones.items()}
    if "tsig" in roles:
        given["TSIG_KEYS"] = dict(identity.tsig)
    return given


def _revealed(value: object) -> object:
    """Return a value with its secrets in clear, and lists and mappings of its own."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, dict):
        return {key: _revealed(item) for key, item in value.items()}
    return [_revealed(item) for item in value] if isinstance(value, list) else value


def _secrets(value: object) -> Iterator[str]:
    if isinstance(value, Secret):
        yield value.reveal()
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _secrets(item)


def _is_shared(value: object) -> bool:
    """Tell whether a value has others in it, none of which is a secret: those are not pickled."""
    return isinstance(value, dict | list) and next(_secrets(value), None) is None
