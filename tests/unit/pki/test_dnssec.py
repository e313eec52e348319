"""A zone's key says what RFC 6605 shows for its example."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.unit.pki.conftest import pem
from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.secret import Secret
from toolbox.lib.pki import dnssec

PRIVATE = "GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ="
PUBLIC = "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA=="
DIGEST = "b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17"


@pytest.fixture
def key() -> Secret:
    """Return the key of RFC 6605, section 6.1."""
    number = int.from_bytes(base64.b64decode(PRIVATE), "big")
    return pem(ec.derive_private_key(number, ec.SECP256R1()))


def test_records(key: Secret) -> None:
    """The records are those of the RFC."""
    assert dnssec.dnskey("example.net", key) == f"example.net. IN DNSKEY 257 3 13 {PUBLIC}"
    assert dnssec.ds("example.net", key) == f"example.net. IN DS 55648 13 2 {DIGEST}"


def test_names_are_canonical(key: Secret) -> None:
    """However a zone is written, its digest is the same (RFC 4034, section 6.2)."""
    digests = {dnssec.ds(zone, key).split()[-1] for zone in ("example.net", "EXAMPLE.net")}

    assert digests == {DIGEST}


def test_private_file(key: Secret) -> None:
    """The file that servers import holds the RFC's number."""
    assert f"PrivateKey: {PRIVATE}\n" in dnssec.private_file(key).reveal()


def test_another_curve() -> None:
    """A key of another kind would make records that say something else than it is."""
    with pytest.raises(ToolboxError, match="ECDSA P-256"):
        dnssec.dnskey("example.net", pem(ec.generate_private_key(ec.SECP384R1())))


def test_openssh_key() -> None:
    """Whatever form a key has, its kind decides."""
    made = ec.generate_private_key(ec.SECP256R1())
    text = made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    ).decode()

    assert dnssec.dnskey("a", Secret(text)) == dnssec.dnskey("a", pem(made))
