"""The identity stack: authorities, the provision key, the keys and certificates of hosts.

What Pulumi's TLS provider has words for is its resources; bounds on authorities, ssh certificates,
bundles and shared secrets are our own (`pki.material`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from toolbox.lib.core.secret import Secret
from toolbox.lib.pki import dnssec, krl, material
from toolbox.lib.pki.identity import (
    ClientIdentity,
    HostIdentity,
    Identity,
    Pair,
    SshAuthorities,
    Zone,
)
from toolbox.lib.pki.plan import ACME, PROVISION, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pulumi
    import pulumi_tls

    from toolbox.lib.pki.plan import Plan, Subject
    from toolbox.lib.stack.material import Material

CURVE = "P256"
AUTHORITY_CURVE = "P384"
"""Authorities live long, so theirs is the stronger one."""

SERVER_USES = ("digital_signature", "server_auth", "client_auth")
CLIENT_USES = ("digital_signature", "client_auth")
SSH_HOST_CA, SSH_USER_CA = "ssh-host-ca", "ssh-user-ca"
PROVISION_KEY = "provision"


def program(plan: Plan) -> Callable[[], None]:
    """Return the Pulumi program of an identity stack.

    Args:
        plan: What the identity has to hold.
    """
    return partial(_declare, plan)


def _declare(plan: Plan) -> None:
    import pulumi

    made = _Declared(plan)
    provision = made.ssh_key(PROVISION_KEY)
    user = made.ssh_key(SSH_USER_CA)
    outputs: dict[str, object] = {
        "ca_certificate": made.root.certificate,
        # Reason: as outputs they come with the rest, and whoever reads them needs no plan.
        "extra_bundle": plan.extra_bundle,
        "krl": krl.encoded(plan.profile.revoked),
        "provision_certificate": made.provision.certificate,
        "provision_key": _secret(provision.private_key_openssh),
        "provision_public_key": provision.public_key_openssh,
        "ssh_host_ca": made.host_ca.public_key_openssh,
        "ssh_user_ca": user.public_key_openssh,
        "ssh_user_ca_key": _secret(user.private_key_openssh),
        "hosts": {host.name: made.host(host) for host in plan.hosts},
        "clients": {client.name: made.client(client) for client in plan.clients},
        "zones": {
            zone: _secret(made.key(f"{zone}-zone", CURVE).private_key_pem)
            for zone in plan.profile.zones
        },
        "tsig": {
            name: _secret(made.material(material.SHARED, f"{name}-tsig", {}).secret)
            for name in plan.profile.tsig
        },
    }
    if plan.profile.acme:
        outputs["acme"] = made.acme()
    for name, value in outputs.items():
        pulumi.export(name, value)


class _Declared:
    """Declares the parts of an identity; the authorities are declared with it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.terms = plan.profile.terms
        self.root_key = self.key(f"{ROOT}-key", AUTHORITY_CURVE, protect=plan.protect)
        self.root = self.material(
            material.AUTHORITY,
            ROOT,
            material.authority(plan.root(), self.terms.root.renew)
            | {"key": self.root_key.private_key_pem},
        )
        self.provision_key = self.key(f"{PROVISION}-key", AUTHORITY_CURVE)
        self.provision = self.material(
            material.AUTHORITY,
            PROVISION,
            material.authority(plan.provision(), self.terms.authority.renew)
            | {
                "key": self.provision_key.private_key_pem,
                "issuer_key": self.root_key.private_key_pem,
                "issuer_certificate": self.root.certificate,
            },
        )
        self.host_ca = self.ssh_key(SSH_HOST_CA)

    def key(self, name: str, curve: str, *, protect: bool = False) -> pulumi_tls.PrivateKey:
        import pulumi
        import pulumi_tls as tls

        options = pulumi.ResourceOptions(protect=True) if protect else None
        return tls.PrivateKey(name, algorithm="ECDSA", ecdsa_curve=curve, opts=options)

    def ssh_key(self, name: str) -> pulumi_tls.PrivateKey:
        import pulumi_tls as tls

        return tls.PrivateKey(name, algorithm="ED25519")

    def material(self, kind: str, name: str, inputs: Mapping[str, Any]) -> Material:
        from toolbox.lib.stack.material import Material

        return Material(kind, name, inputs)

    def host(self, host: Subject) -> dict[str, object]:
        own = self.ssh_key(f"{host.name}-ssh")
        key, certificate = self._certified(f"{host.name}-tls", host, SERVER_USES)
        said = {
            "identifier": host.names[0],
            "principals": list(host.principals),
            "hours": self.terms.ssh.lifetime,
            "host": True,
            material.RENEW: self.terms.ssh.renew,
            "authority": self.host_ca.private_key_openssh,
            "public_key": own.public_key_openssh,
        }
        return {
            "ssh_host_key": _secret(own.private_key_openssh),
            "ssh_host_public_key": own.public_key_openssh,
            "ssh_host_certificate": self.material(
                material.SSH, f"{host.name}-ssh-certificate", said
            ).certificate,
            "tls_key": _secret(key.private_key_pem),
            "tls_certificate": self._chain(certificate.cert_pem),
        }

    def client(self, client: Subject) -> dict[str, object]:
        key, certificate = self._certified(f"{client.name}-client", client, CLIENT_USES)
        chain = self._chain(certificate.cert_pem)
        inputs = {"label": client.name, "key": key.private_key_pem, "chain": chain}
        bundle = self.material(material.BUNDLE, f"{client.name}-bundle", inputs)
        return {
            "key": _secret(key.private_key_pem),
            "certificate": chain,
            "password": _secret(bundle.password),
            "pkcs12": _secret(bundle.pkcs12),
            "encrypted_key": _secret(bundle.encrypted_key),
        }

    def acme(self) -> dict[str, object]:
        key = self.key(f"{ACME}-key", CURVE)
        inputs = material.authority(self.plan.acme(), self.terms.authority.renew) | {
            "key": key.private_key_pem,
            "issuer_key": self.provision_key.private_key_pem,
            "issuer_certificate": self.provision.certificate,
        }
        made = self.material(material.AUTHORITY, ACME, inputs)
        return {
            "key": _secret(key.private_key_pem),
            "certificate": self._chain(made.certificate),
        }

    def _certified(
        self, name: str, subject: Subject, uses: tuple[str, ...]
    ) -> tuple[pulumi_tls.PrivateKey, pulumi_tls.LocallySignedCert]:
        import pulumi_tls as tls

        key = self.key(name, CURVE)
        request = tls.CertRequest(
            name,
            private_key_pem=key.private_key_pem,
            dns_names=list(subject.names),
            ip_addresses=list(subject.addresses),
            subject={"common_name": subject.names[0], "organization": self.plan.organization},
        )
        term = self.terms.certificate
        certificate = tls.LocallySignedCert(
            name,
            cert_request_pem=request.cert_request_pem,
            ca_private_key_pem=self.provision_key.private_key_pem,
            ca_cert_pem=self.provision.certificate,
            allowed_uses=list(uses),
            validity_period_hours=term.lifetime,
            early_renewal_hours=term.renew,
        )
        return key, certificate

    def _chain(self, own: pulumi.Output[str]) -> pulumi.Output[str]:
        import pulumi

        return pulumi.Output.concat(own, self.provision.certificate)


def _secret(output: pulumi.Output[str]) -> pulumi.Output[str]:
    import pulumi

    return pulumi.Output.secret(output)


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
        hosts={name: _host(host) for name, host in outputs["hosts"].items()},
        provision_certificate=outputs.get("provision_certificate", ""),
        extra_bundle=outputs.get("extra_bundle", ""),
        ssh=SshAuthorities(
            outputs.get("ssh_host_ca", "").strip(),
            outputs.get("ssh_user_ca", "").strip(),
            Secret(outputs.get("ssh_user_ca_key", "")),
        ),
        acme=_pair(outputs["acme"]) if outputs.get("acme") else None,
        clients={name: _client(client) for name, client in outputs.get("clients", {}).items()},
        zones={name: _zone(name, key) for name, key in outputs.get("zones", {}).items()},
        tsig={name: Secret(key) for name, key in outputs.get("tsig", {}).items()},
        revoked=outputs.get("krl", ""),
    )


def _host(host: Mapping[str, str]) -> HostIdentity:
    return HostIdentity(
        ssh_host_key=Secret(host["ssh_host_key"]),
        ssh_host_public_key=host["ssh_host_public_key"].strip(),
        tls_key=Secret(host["tls_key"]),
        tls_certificate=host["tls_certificate"],
        ssh_host_certificate=host.get("ssh_host_certificate", ""),
    )


def _pair(pair: Mapping[str, str]) -> Pair:
    return Pair(pair["certificate"], Secret(pair["key"]))


def _client(client: Mapping[str, str]) -> ClientIdentity:
    return ClientIdentity(
        pair=_pair(client),
        password=Secret(client["password"]),
        pkcs12=Secret(client["pkcs12"]),
        encrypted_key=Secret(client["encrypted_key"]),
    )


def _zone(name: str, key: str) -> Zone:
    secret = Secret(key)
    return Zone(secret, dnssec.dnskey(name, secret), dnssec.ds(name, secret))
