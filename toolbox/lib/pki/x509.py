"""Authorities and certificates, for what Pulumi's provider has no words: bounds on authorities.

Nothing here is remembered, and the time is given, so that all of it can be tested as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.pki import keys

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
    from cryptography.hazmat.primitives.hashes import SHA256, SHA384
    from cryptography.x509 import Certificate, CertificateBuilder, KeyUsage, Name, NameConstraints

    from toolbox.lib.core.secret import Secret

SKEW = timedelta(minutes=5)
"""A certificate begins earlier by this, as clocks differ."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an authority may sign for.

    Attributes:
        domains: DNS domains, each with all below it; also those of mail addresses.
        networks: IP networks.
    """

    domains: tuple[str, ...]
    networks: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.domains or self.networks)


@dataclass(frozen=True, slots=True)
class Signed:
    """An authority that signs.

    Attributes:
        certificate: Its certificate, PEM.
        key: Its private key.
    """

    certificate: str
    key: Secret


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority that is wanted.

    Attributes:
        common_name: Its name.
        organization: Whose it is.
        path_length: How many authorities may stand below it in a chain.
        hours: How long it holds; less where its issuer ends earlier.
        bounds: What it may sign for; empty means everything.
        leaves: Whether it signs for servers and clients only.
    """

    common_name: str
    organization: str
    path_length: int
    hours: int
    bounds: Bounds = Bounds((), ())
    leaves: bool = False


def authority(wanted: Authority, key: Secret, now: datetime, issuer: Signed | None = None) -> str:
    """Return the certificate of an authority, PEM.

    Args:
        wanted: What it shall say.
        key: The authority's private key.
        now: When it is made.
        issuer: Who signs it; itself where there is none.

    Raises:
        ToolboxError: The issuer may not sign it, or a key is none.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import ExtendedKeyUsageOID

    own = keys.private(key)
    subject = name(wanted.common_name, wanted.organization)
    above = read(issuer.certificate) if issuer else None
    if above is not None:
        _require_room(above, wanted)
    signer = keys.private(issuer.key) if issuer else own
    builder = _frame(subject, own.public_key(), now, wanted.hours, above)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=True, path_length=wanted.path_length), critical=True
    ).add_extension(usage(authority=True), critical=True)
    if wanted.bounds:
        builder = builder.add_extension(constraints(wanted.bounds), critical=True)
    if wanted.leaves:
        uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    certificate = builder.sign(signer, _hash(signer))
    return certificate.public_bytes(Encoding.PEM).decode()


def read(pem: str) -> Certificate:
    """Return the first certificate of a text.

    Raises:
        ToolboxError: There is none.
    """
    from cryptography.x509 import load_pem_x509_certificate

    try:
        return load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        message = "this is no certificate, PEM"
        raise ToolboxError(message) from error


def chain(pem: str) -> tuple[Certificate, ...]:
    """Return all certificates of a text, in its order.

    Raises:
        ToolboxError: There is none, or one cannot be read.
    """
    from cryptography.x509 import load_pem_x509_certificates

    try:
        return tuple(load_pem_x509_certificates(pem.encode()))
    except ValueError as error:
        message = "these are no certificates, PEM"
        raise ToolboxError(message) from error


def name(common_name: str, organization: str) -> Name:
    """Return a subject of ours."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def constraints(bounds: Bounds) -> NameConstraints:
    """Return bounds as the extension that says them (RFC 5280, section 4.2.1.10).

    A kind of address that has no permitted network is excluded as a whole: a kind that is not
    named is not bound at all.
    """
    from cryptography import x509

    permitted: list[x509.GeneralName] = [x509.DNSName(domain) for domain in bounds.domains]
    permitted += [x509.RFC822Name(domain) for domain in bounds.domains]
    permitted += [x509.IPAddress(ip_network(network)) for network in bounds.networks]
    excluded: list[x509.GeneralName] = []
    for version, everything in ((4, "0.0.0.0/0"), (6, "::/0")):
        if not any(ip_network(network).version == version for network in bounds.networks):
            excluded.append(x509.IPAddress(ip_network(everything)))
    return x509.NameConstraints(permitted or None, excluded or None)


def usage(*, authority: bool) -> KeyUsage:
    """Return what a key is used for, as certificates say it (RFC 5280, section 4.2.1.3).

    Args:
        authority: Whether it signs certificates; it signs what is sent otherwise.
    """
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def pkcs12(label: str, key: Secret, certificates: str, password: Secret) -> bytes:
    """Return a key with its chain as PKCS #12 (RFC 7292), AES-256 and SHA-256 throughout.

    Args:
        label: Name that programs show.
        key: The private key.
        certificates: Its chain, PEM, its own certificate first.
        password: At least one character.
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import PrivateFormat
    from cryptography.hazmat.primitives.serialization import pkcs12 as form

    own, *above = chain(certificates)
    hidden = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(50000)
        .key_cert_algorithm(form.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(password.reveal().encode())
    )
    private = keys.private(key)
    return form.serialize_key_and_certificates(label.encode(), private, own, above, hidden)


def _frame(
    subject: Name,
    key: CertificatePublicKeyTypes,
    now: datetime,
    hours: int,
    issuer: Certificate | None,
) -> CertificateBuilder:
    """Return what all certificates have."""
    from cryptography import x509

    begin, end = now - SKEW, now + timedelta(hours=hours)
    if issuer is not None:
        # Reason: a certificate that outlives its issuer only looks as if it held.
        begin = max(begin, issuer.not_valid_before_utc)
        end = min(end, issuer.not_valid_after_utc)
    above = issuer.subject if issuer is not None else subject
    identifier = x509.SubjectKeyIdentifier.from_public_key(key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin.replace(microsecond=0))
        .not_valid_after(end.replace(microsecond=0))
        .add_extension(identifier, critical=False)
    )
    if issuer is None:
        return builder
    known = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    named = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known)
    return builder.add_extension(named, critical=False)


def _require_room(above: Certificate, wanted: Authority) -> None:
    """Refuse an authority for which its issuer's path has no room (RFC 5280, 4.2.1.9)."""
    from cryptography import x509

    basic = above.extensions.get_extension_for_class(x509.BasicConstraints).value
    room = basic.path_length
    if not basic.ca or (room is not None and room <= wanted.path_length):
        message = f"{_common_name(above)} may not sign {wanted.common_name}: "
        message += f"below it there is room for {room or 0} authorities"
        raise ToolboxError(message)


def _common_name(certificate: Certificate) -> str:
    from cryptography.x509.oid import NameOID

    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else "an authority without a name"


def _hash(key: keys.PrivateKey) -> SHA256 | SHA384 | None:
    """Return the hash that fits a key's strength; Ed25519 brings its own."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if isinstance(key, ed25519.Ed25519PrivateKey):
        return None
    large = isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size > 256  # noqa: PLR2004
    return hashes.SHA384() if large else hashes.SHA256()
