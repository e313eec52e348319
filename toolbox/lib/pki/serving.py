"""The authority of one-shot serving, and the certificate that a server shows for one run.

A bootstrap config is written long before it is used, on another day or by another process. Its
authority is derived from the project's identity, so there is nothing to keep between the two: the
same project and address always give the same certificate of the same key.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from toolbox.lib.core.secret import Secret
from toolbox.lib.pki.x509 import usage

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from toolbox.lib.pki.identity import Identity

PURPOSE = b"infra-toolbox one-shot serving 1"
KEY_BYTES = 48
"""So many more than the curve's 32 that the remainder has no bias (FIPS 186-5, A.2.1)."""
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256 (SEC 2, 2.4.2)."""
BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
"""A machine without a battery believes in some day of the past at its first boot."""
END = datetime(2100, 1, 1, tzinfo=UTC)
RUN_DAYS = 2
SEED_BYTES = 32


@dataclass(frozen=True, slots=True)
class Root:
    """What all of one-shot serving is derived from.

    Attributes:
        seed: Hexadecimal.
    """

    seed: Secret

    def token(self, *words: str) -> str:
        """Return what nobody can guess, the same for the same words; it may stand in a URL."""
        return self._bytes("token", *words).hex()

    def authority(self, address: str) -> str:
        """Return the certificate of the authority for a server of this address, PEM.

        It is good for this name alone (name constraints, RFC 5280, 4.2.1.10), so who trusts it
        trusts it with nothing else.

        Args:
            address: IP address or DNS name, as it stands in the URL.
        """
        from cryptography.hazmat.primitives.serialization import Encoding

        return _authority(self._key(), address).public_bytes(Encoding.PEM).decode()

    def certificate(self, address: str, now: datetime | None = None) -> tuple[str, Secret]:
        """Return a certificate for one run of a server, and its new key, both PEM.

        Args:
            address: IP address or DNS name that machines know it by.
            now: Time at which it is made; the present by default.
        """
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        key = ec.generate_private_key(ec.SECP256R1())
        made = _certificate(self._key(), key, address, now or datetime.now(UTC))
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return made.public_bytes(Encoding.PEM).decode(), Secret(pem.decode())

    def _key(self) -> EllipticCurvePrivateKey:
        from cryptography.hazmat.primitives.asymmetric import ec

        wide = (self._bytes("key", "1") + self._bytes("key", "2"))[:KEY_BYTES]
        return ec.derive_private_key(int.from_bytes(wide) % (ORDER - 1) + 1, ec.SECP256R1())

    def _bytes(self, *words: str) -> bytes:
        return hmac.digest(bytes.fromhex(self.seed.reveal()), "\0".join(words).encode(), "sha256")


def root(identity: Identity) -> Root:
    """Return what a project's one-shot serving is derived from.

    Args:
        identity: Keys of the project; the one that logs in decides.
    """
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    # Reason: what is derived tells nothing of the key, nor of what has another purpose.
    derivation = HKDF(SHA256(), SEED_BYTES, salt=None, info=PURPOSE)
    return Root(Secret(derivation.derive(identity.provision_key.reveal().encode()).hex()))


def _authority(key: EllipticCurvePrivateKey, address: str) -> x509.Certificate:
    from cryptography import x509

    name, public = _name("one-shot serving"), key.public_key()
    # Reason: everything is derived, so the same certificate comes out each time.
    serial = int.from_bytes(hashlib.sha256(address.encode()).digest()[:16]) or 1
    builder = (
        x509.CertificateBuilder(name, name, public, serial, BEGIN, END)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(authority=True), critical=True)
        .add_extension(x509.NameConstraints([_constraint(address)], None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    return _signed(builder, key)


def _certificate(
    authority: EllipticCurvePrivateKey, key: EllipticCurvePrivateKey, address: str, now: datetime
) -> x509.Certificate:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    issuer, public = authority.public_key(), key.public_key()
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    builder = (
        x509.CertificateBuilder(
            _name("one-shot serving"),
            _name("one-shot server"),
            public,
            x509.random_serial_number(),
            BEGIN,
            now + timedelta(days=RUN_DAYS),
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(authority=False), critical=True)
        .add_extension(server, critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(address)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
    )
    return _signed(builder, authority)


def _signed(builder: x509.CertificateBuilder, key: EllipticCurvePrivateKey) -> x509.Certificate:
    from cryptography.hazmat.primitives.hashes import SHA256

    return builder.sign(key, SHA256(), ecdsa_deterministic=True)


def _name(text: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"infra-toolbox {text}")])


def _general(address: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def _constraint(address: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ip_network(address))
    except ValueError:
        return x509.DNSName(address)
