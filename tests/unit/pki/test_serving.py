"""The authority of one-shot serving is always the same, and good for one name only."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from toolbox.lib.core.secret import Secret
from toolbox.lib.pki import serving
from toolbox.lib.pki.identity import Identity

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def _root(key: str = "a key") -> serving.Root:
    return serving.root(Identity("", Secret(key), "", {}))


def _check(authority: str, certificate: str, name: str) -> None:
    """Check a certificate as clients do, by the verifier of cryptography."""
    subject: x509.GeneralName = x509.DNSName(name)
    if name[0].isdigit():
        from ipaddress import ip_address

        subject = x509.IPAddress(ip_address(name))
    store = Store([x509.load_pem_x509_certificate(authority.encode())])
    verifier = PolicyBuilder().store(store).time(NOW).build_server_verifier(subject)
    verifier.verify(x509.load_pem_x509_certificate(certificate.encode()), [])


def test_the_same_again() -> None:
    """The same identity and address give the same authority and token; others give others."""
    one = _root()

    assert one.authority("192.0.2.1") == _root().authority("192.0.2.1")
    assert one.authority("192.0.2.1") != one.authority("192.0.2.2")
    assert one.authority("192.0.2.1") != _root("another").authority("192.0.2.1")
    assert one.token("path", "web") == _root().token("path", "web")
    assert len({one.token("path", "web"), one.token("path", "db"), one.token("pathweb")}) == 3


def test_nothing_shows() -> None:
    """The seed is a secret, and neither it nor the key is in what is public."""
    one = _root()

    assert one.seed.reveal() not in f"{one!r}{one.authority('web.test')}{one.token('path')}"
    assert "a key" not in one.seed.reveal()


@pytest.mark.parametrize("name", ["192.0.2.1", "boot.example.org"])
def test_accepted(name: str) -> None:
    """A certificate of a run is accepted under its name, by a verifier that knows constraints."""
    one = _root()
    certificate, key = one.certificate(name, NOW)

    _check(one.authority(name), certificate, name)
    assert "PRIVATE KEY" in key.reveal()
    assert one.certificate(name, NOW)[1] != key


@pytest.mark.parametrize(
    ("authority", "certificate", "asked"),
    [
        ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ("192.0.2.1", "192.0.2.2", "192.0.2.2"),
        ("boot.test", "other.test", "other.test"),
    ],
)
def test_refused(authority: str, certificate: str, asked: str) -> None:
    """Another name is refused, also where the authority itself has signed it."""
    one = _root()
    with pytest.raises(VerificationError):
        _check(one.authority(authority), one.certificate(certificate, NOW)[0], asked)


def test_another_authority_is_refused() -> None:
    """A certificate of another project is refused."""
    with pytest.raises(VerificationError):
        _check(
            _root("x").authority("192.0.2.1"), _root().certificate("192.0.2.1", NOW)[0], "192.0.2.1"
        )


def test_lifetime() -> None:
    """A machine without a clock accepts the certificate, and it is of no use two days later."""
    made = x509.load_pem_x509_certificate(_root().certificate("web.test", NOW)[0].encode())

    assert made.not_valid_before_utc.year == 2000
    assert (made.not_valid_after_utc - NOW).days == 2


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("name", ["192.0.2.1", "2001:db8::1", "boot.example.org"])
def test_openssl(name: str, tmp_path: Path) -> None:
    """OpenSSL accepts it at its strictest."""
    one = _root()
    (tmp_path / "ca.pem").write_text(one.authority(name))
    (tmp_path / "cert.pem").write_text(one.certificate(name)[0])
    kind = "-verify_hostname" if name[0] == "b" else "-verify_ip"
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", kind, name]
    done = subprocess.run(
        [*command, "-CAfile", "ca.pem", "cert.pem"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
