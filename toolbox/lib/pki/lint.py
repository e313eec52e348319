"""What a certificate has to be so that every client takes it.

The rules are those of RFC 5280 and of the CA/Browser Forum's baseline requirements (BR) that make
sense for an authority of one's own: nothing about policies, revocation services or logs.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from toolbox.lib.core.report import Finding, Severity
from toolbox.lib.inventory import names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cryptography.x509 import Certificate, ExtensionType

    Complaint = tuple[str, str]
    Kind = TypeVar("Kind", bound=ExtensionType)

SERIAL_BITS = (64, 159)
"""BR 7.1: 64 bits of chance at least; RFC 5280: 20 octets at most, and positive."""

LONGEST = timedelta(days=398)
"""BR 6.3.2: what clients accept of a server's certificate."""

RSA_BITS = 2048
CURVES = ("secp256r1", "secp384r1", "secp521r1")
HASHES = ("sha256", "sha384", "sha512")


def chain(certificates: Sequence[Certificate], name: str) -> tuple[Finding, ...]:
    """Return what is wrong with a chain.

    Args:
        certificates: A host's certificate, then each one's issuer; the root last.
        name: What the findings call it.
    """
    found: list[Complaint] = []
    for depth, one in enumerate(certificates):
        issuer = certificates[min(depth + 1, len(certificates) - 1)]
        found += _every(one)
        found += _authority(one) if depth else _leaf(one)
        found += _issued(one, issuer, below=max(depth - 1, 0))
    return tuple(
        Finding(None, None, None, Severity.ERROR, code, f"{name}: {message}")
        for code, message in dict.fromkeys(found)
    )


def _every(one: Certificate) -> Iterator[Complaint]:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    least, most = SERIAL_BITS
    if not least <= one.serial_number.bit_length() <= most + 1:
        yield "serial", f"a serial number of {one.serial_number.bit_length()} bits"
    if one.version is not x509.Version.v3:
        yield "version", "it is not of version 3"
    key = one.public_key()
    weak = isinstance(key, rsa.RSAPublicKey) and key.key_size < RSA_BITS
    odd = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name not in CURVES
    if weak or odd or not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        yield "key", "its key is of a kind that clients refuse"
    used = one.signature_hash_algorithm
    if used is None or used.name not in HASHES:
        yield "hash", "it is signed with a hash that clients refuse"
    usage = _extension(one, x509.KeyUsage)
    if usage is None:
        yield "key-usage", "it does not say what its key is for"
    elif not _critical(one, x509.KeyUsage):
        yield "key-usage", "what its key is for is not critical"


def _leaf(one: Certificate) -> Iterator[Complaint]:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    alternatives = _extension(one, x509.SubjectAlternativeName)
    listed = (
        [str(name) for name in alternatives.get_values_for_type(x509.DNSName)]
        if alternatives
        else []
    )
    addresses = alternatives.get_values_for_type(x509.IPAddress) if alternatives else []
    if not listed and not addresses:
        yield "names", "it names nobody (subject alternative name)"
    for name in listed:
        problem = names.domain_problem(name.removeprefix("*."))
        if problem or "." not in name:
            yield "names", f"{name} is no full name"
    common = [str(a.value) for a in one.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if [name for name in common if name not in listed and name not in map(str, addresses)]:
        yield "common-name", "its common name is none of its names"
    basic = _extension(one, x509.BasicConstraints)
    usage = _extension(one, x509.KeyUsage)
    if (basic and basic.ca) or (usage and usage.key_cert_sign):
        yield "authority", "it may sign others"
    uses = _extension(one, x509.ExtendedKeyUsage)
    if uses is None or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in list(uses):
        yield "extended-key-usage", "it does not say whether it is a server's or a client's"
    if one.not_valid_after_utc - one.not_valid_before_utc > LONGEST:
        yield "lifetime", f"it holds for more than {LONGEST.days} days"


def _authority(one: Certificate) -> Iterator[Complaint]:
    from cryptography import x509

    basic = _extension(one, x509.BasicConstraints)
    if basic is None or not basic.ca or not _critical(one, x509.BasicConstraints):
        yield "authority", "an issuer is no authority"
    elif basic.path_length is None:
        yield "path-length", "an authority has no bound for its path"
    usage = _extension(one, x509.KeyUsage)
    if usage is None or not usage.key_cert_sign or not usage.crl_sign:
        yield "key-usage", "an authority may not sign certificates and revocations"
    if _extension(one, x509.SubjectKeyIdentifier) is None:
        yield "key-identifier", "an authority does not name its key"
    if _extension(one, x509.NameConstraints) and not _critical(one, x509.NameConstraints):
        yield "constraints", "the bounds of an authority are not critical"


def _issued(one: Certificate, issuer: Certificate, below: int) -> Iterator[Complaint]:
    """Yield what is wrong between a certificate and its issuer.

    Args:
        one: The certificate.
        issuer: Its issuer; itself for a root.
        below: How many authorities stand between it and the end of the chain.
    """
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    try:
        one.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        yield "signature", "it was not signed by what stands above it"
    if one is issuer:
        return
    if one.not_valid_after_utc > issuer.not_valid_after_utc:
        yield "lifetime", "it outlives its issuer"
    own = _extension(one, x509.AuthorityKeyIdentifier)
    above = _extension(issuer, x509.SubjectKeyIdentifier)
    if own is None or above is None or own.key_identifier != above.digest:
        yield "key-identifier", "it does not name its issuer's key"
    basic, upper = _extension(one, x509.BasicConstraints), _extension(issuer, x509.BasicConstraints)
    room = upper.path_length if upper else None
    if basic and basic.ca and room is not None and room <= below:
        yield "path-length", "more authorities stand below one than it allows"


def _extension(one: Certificate, kind: type[Kind]) -> Kind | None:
    from cryptography import x509

    try:
        return one.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _critical(one: Certificate, kind: type[ExtensionType]) -> bool:
    return one.extensions.get_extension_for_class(kind).critical
