"""The identity stack: an authority, the provision key, each host's keys and certificate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from toolbox.lib.core.secret import Secret
from toolbox.lib.pki.identity import HostIdentity, Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pulumi
    import pulumi_tls

CA_HOURS = 8 * 365 * 24
CERTIFICATE_HOURS = 397 * 24
"""The longest life public clients accept for a server certificate (398 days) less a day."""
RENEWAL_HOURS = 30 * 24
CURVE = "P256"


@dataclass(frozen=True, slots=True)
class Subject:
    """A host that gets keys and a certificate.

    Attributes:
        name: Host name.
        names: DNS names of the certificate, the first is its common name.
    """

    name: str
    names: tuple[str, ...]


def program(organization: str, subjects: Sequence[Subject]) -> Callable[[], None]:
    """Return the Pulumi program of an identity stack.

    Args:
        organization: Named in the certificates' subjects.
        subjects: The hosts.
    """
    return partial(_declare, organization, tuple(subjects))


def _declare(organization: str, subjects: Sequence[Subject]) -> None:
    import pulumi
    import pulumi_tls as tls

    ca_key = tls.PrivateKey("ca", algorithm="ECDSA", ecdsa_curve=CURVE)
    ca = tls.SelfSignedCert(
        "ca",
        private_key_pem=ca_key.private_key_pem,
        is_ca_certificate=True,
        set_subject_key_id=True,
        allowed_uses=["cert_signing", "crl_signing"],
        validity_period_hours=CA_HOURS,
        early_renewal_hours=RENEWAL_HOURS,
        subject={"common_name": f"{organization} CA", "organization": organization},
    )
    provision = tls.PrivateKey("provision", algorithm="ED25519")
    pulumi.export("ca_certificate", ca.cert_pem)
    pulumi.export("provision_key", pulumi.Output.secret(provision.private_key_openssh))
    pulumi.export("provision_public_key", provision.public_key_openssh)
    pulumi.export(
        "hosts", {host.name: _host(tls, organization, host, ca_key, ca) for host in subjects}
    )


def _host(
    tls: Any,  # noqa: ANN401 - the module itself; importing it for its type would cost a second
    organization: str,
    host: Subject,
    ca_key: pulumi_tls.PrivateKey,
    ca: pulumi_tls.SelfSignedCert,
) -> dict[str, pulumi.Output[str]]:
    import pulumi

    ssh = tls.PrivateKey(f"{host.name}-ssh", algorithm="ED25519")
    key = tls.PrivateKey(f"{host.name}-tls", algorithm="ECDSA", ecdsa_curve=CURVE)
    request = tls.CertRequest(
        f"{host.name}-tls",
        private_key_pem=key.private_key_pem,
        dns_names=list(host.names),
        subject={"common_name": host.names[0], "organization": organization},
    )
    certificate = tls.LocallySignedCert(
        f"{host.name}-tls",
        cert_request_pem=request.cert_request_pem,
        ca_private_key_pem=ca_key.private_key_pem,
        ca_cert_pem=ca.cert_pem,
        allowed_uses=["digital_signature", "server_auth", "client_auth"],
        validity_period_hours=CERTIFICATE_HOURS,
        early_renewal_hours=RENEWAL_HOURS,
    )
    return {
        "ssh_host_key": pulumi.Output.secret(ssh.private_key_openssh),
        "ssh_host_public_key": ssh.public_key_openssh,
        "tls_key": pulumi.Output.secret(key.private_key_pem),
        "tls_certificate": certificate.cert_pem,
    }


def identity(outputs: Mapping[str, Any]) -> Identity:
    """Give the outputs of an identity stack their types.

    Args:
        outputs: As `Workspace.outputs` returns them.

    Returns:
        The identity, its secrets as secrets.
    """
    return Identity(
        ca_certificate=outputs["ca_certificate"],
        provision_key=Secret(outputs["provision_key"]),
        provision_public_key=outputs["provision_public_key"].strip(),
        hosts={
            name: HostIdentity(
                ssh_host_key=Secret(host["ssh_host_key"]),
                ssh_host_public_key=host["ssh_host_public_key"].strip(),
                tls_key=Secret(host["tls_key"]),
                tls_certificate=host["tls_certificate"],
            )
            for name, host in outputs["hosts"].items()
        },
    )
