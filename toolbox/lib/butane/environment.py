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
    from collections.abc import Mapping

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
            shared = {name: value for name, value in self.names.items() if _holds_more(value)}
            self._packed.append(pickle.dumps(shared))
        clear = {
            name: value.reveal() if isinstance(value, Secret) else value
            for name, value in self.names.items()
        }
        # Reason: it is what makes a copy in the least time, and a project has many templates.
        copied: dict[str, Any] = pickle.loads(self._packed[0])  # noqa: S301 - made by ourselves
        return clear | copied

    def redacted(self, text: str) -> str:
        """Return a text with every secret, every line of one, and every long piece, masked."""
        secrets = [value.reveal() for value in self.names.values() if isinstance(value, Secret)]
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
        "CA_CERTIFICATE": identity.ca_certificate,
        "DOMAIN": project.domain,
        "FQDN": host.fqdn,
        "HOSTNAME": host.name,
        "OS": host.os,
        "PROJECT": project.name,
        "SSH_HOST_KEY": own.ssh_host_key,
        "SSH_HOST_PUBLIC_KEY": own.ssh_host_public_key,
        "TLS_CERTIFICATE": own.tls_certificate,
        "TLS_KEY": own.tls_key,
    }
    values, problems = variables.resolve(host.variables)
    findings = variables.findings(project, host, problems)
    return Environment({**values, **given}, tuple(findings))


def _holds_more(value: object) -> bool:
    return isinstance(value, dict | list)
