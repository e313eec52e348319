"""A small project's authorities and one host, made as the identity stack makes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from cryptography import x509 as library
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from toolbox.lib.core.secret import Secret
from toolbox.lib.pki import x509
from toolbox.lib.pki.x509 import Authority, Bounds, Signed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOW = datetime.now(UTC).replace(microsecond=0)
BOUNDS = Bounds(("shop.internal",), ("10.0.0.0/8", "::1/128"))
ROOT = Authority("shop CA", "shop", 2, 8 * 365 * 24, BOUNDS)
PROVISION = Authority("shop provision CA", "shop", 0, 3 * 365 * 24, BOUNDS, leaves=True)


def pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> Secret:
    """Return a private key as PEM."""
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Secret(text.decode())


@dataclass(frozen=True)
class Chain:
    """Two authorities, and what signs for hosts below them."""

    root: Signed
    provision: Signed

    def leaf(
        self,
        names: Sequence[str],
        addresses: Sequence[str] = (),
        *,
        days: int = 397,
        common: str = "",
    ) -> tuple[Secret, str]:
        """Return key and certificate of a server, the latter as Pulumi's provider makes it."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = x509.read(self.provision.certificate)
        identifier = issuer.extensions.get_extension_for_class(library.SubjectKeyIdentifier)
        alternatives: list[library.GeneralName] = [library.DNSName(name) for name in names]
        alternatives += [library.IPAddress(ip_address(one)) for one in addresses]
        subject = library.Name(
            [library.NameAttribute(NameOID.COMMON_NAME, common or (*names, *addresses)[0])]
        )
        signer = serialization.load_pem_private_key(self.provision.key.reveal().encode(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        certificate = (
            library.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.subject)
            .public_key(key.public_key())
            .serial_number(library.random_serial_number() | 1 << 100)
            .not_valid_before(NOW - timedelta(minutes=1))
            .not_valid_after(NOW + timedelta(days=days))
            .add_extension(
                library.KeyUsage(*(True, *(False,) * 8)),
                critical=True,
            )
            .add_extension(
                library.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
            )
            .add_extension(library.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                library.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier.value),
                critical=False,
            )
            .add_extension(library.SubjectAlternativeName(alternatives), critical=False)
            .sign(signer, hashes.SHA384())
        )
        text = certificate.public_bytes(serialization.Encoding.PEM).decode()
        return pem(key), text + self.provision.certificate


@pytest.fixture(scope="session")
def key() -> Callable[[], Secret]:
    """Return a function that makes an authority's key."""
    return lambda: pem(ec.generate_private_key(ec.SECP384R1()))


@pytest.fixture(scope="session")
def make_chain(key: Callable[[], Secret]) -> Callable[..., Chain]:
    """Return a function that makes two authorities."""

    def make(root: Authority = ROOT, provision: Authority = PROVISION) -> Chain:
        root_key, provision_key = key(), key()
        above = Signed(x509.authority(root, root_key, NOW), root_key)
        below = x509.authority(provision, provision_key, NOW, above)
        return Chain(above, Signed(below, provision_key))

    return make


@pytest.fixture(scope="session")
def chain(make_chain: Callable[..., Chain]) -> Chain:
    """Return the authorities of a project."""
    return make_chain()


@pytest.fixture
def ssh_key() -> tuple[Secret, str]:
    """Return an ssh key, its private half and its public one."""
    made = ed25519.Ed25519PrivateKey.generate()
    private = made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    public = made.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return Secret(private.decode()), public.decode()
