"""Authorities are bound, and every kind of client holds them to it."""

from __future__ import annotations

import ssl
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509 as library
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from tests.unit.pki import fetching
from tests.unit.pki.conftest import BOUNDS, NOW, PROVISION, ROOT, Chain
from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.secret import Secret
from toolbox.lib.pki import x509
from toolbox.lib.pki.x509 import Authority, Bounds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WELL = "web.shop.internal"
FOREIGN = "www.example.com"


def _openssl(folder: Path, leaf: tuple[Secret, str], root: str, name: str) -> bool:
    own, _, above = leaf[1].partition("-----END CERTIFICATE-----\n")
    (folder / "own.pem").write_text(f"{own}-----END CERTIFICATE-----\n")
    (folder / "above.pem").write_text(above)
    (folder / "root.pem").write_text(root)
    words = "openssl verify -x509_strict -purpose sslserver -CAfile root.pem -untrusted above.pem"
    done = subprocess.run(
        [*words.split(), "-verify_hostname", name, "own.pem"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def _cryptography(_folder: Path, leaf: tuple[Secret, str], root: str, name: str) -> bool:
    own, *above = x509.chain(leaf[1])
    store = Store(x509.chain(root))
    verifier = PolicyBuilder().store(store).time(NOW).build_server_verifier(library.DNSName(name))
    try:
        return bool(verifier.verify(own, above))
    except VerificationError:
        return False


CLIENTS = [
    pytest.param(_openssl, id="openssl", marks=pytest.mark.needs("openssl")),
    pytest.param(fetching.accepts, id="go", marks=pytest.mark.needs("ignition")),
    pytest.param(_cryptography, id="cryptography"),
]


@pytest.mark.parametrize("accepts", CLIENTS)
def test_every_client_takes_it(accepts: Callable[..., bool], chain: Chain, tmp_path: Path) -> None:
    """A host of the project is believed, by its own name and by no other one."""
    leaf = chain.leaf([WELL, "*.web.shop.internal"], ["10.1.2.3"])

    assert accepts(tmp_path, leaf, chain.root.certificate, WELL)
    assert accepts(tmp_path, leaf, chain.root.certificate, "a.web.shop.internal")
    assert not accepts(tmp_path, leaf, chain.root.certificate, "db.shop.internal")


@pytest.mark.parametrize("accepts", CLIENTS)
def test_r_5_name_constraints_hold(
    accepts: Callable[..., bool], chain: Chain, tmp_path: Path
) -> None:
    """What the authority signs for others' names and addresses, no client takes."""
    name = chain.leaf([WELL, FOREIGN])
    address = chain.leaf([WELL], ["192.0.2.1"])

    assert not accepts(tmp_path, name, chain.root.certificate, FOREIGN)
    assert not accepts(tmp_path, address, chain.root.certificate, WELL)


@pytest.mark.parametrize("accepts", CLIENTS)
def test_constraints_are_a_choice(
    accepts: Callable[..., bool], make_chain: Callable[..., Chain], tmp_path: Path
) -> None:
    """Without them the same authority may sign for everyone, for clients that cannot read them."""
    free = make_chain(
        Authority("x CA", "x", 2, 9000), Authority("x provision CA", "x", 0, 9000, leaves=True)
    )
    leaf = free.leaf([FOREIGN], days=300)
    root = x509.read(free.root.certificate)

    assert accepts(tmp_path, leaf, free.root.certificate, FOREIGN)
    with pytest.raises(library.ExtensionNotFound):
        root.extensions.get_extension_for_class(library.NameConstraints)


@pytest.mark.parametrize("accepts", CLIENTS)
def test_path_length_holds(
    accepts: Callable[..., bool],
    chain: Chain,
    key: Callable[[], Secret],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An authority that another one has made below itself, where none may be, signs in vain."""
    hidden = x509.Signed(chain.provision.certificate, chain.provision.key)
    own = key()
    monkeypatch.setattr(x509, "_require_room", lambda *_: None)
    rogue = x509.authority(Authority("rogue CA", "x", 0, 9000, BOUNDS), own, NOW, hidden)
    private, text = Chain(chain.root, x509.Signed(rogue, own)).leaf([WELL])
    leaf = (private, text + chain.provision.certificate)

    assert not accepts(tmp_path, leaf, chain.root.certificate, WELL)


def test_no_room(chain: Chain, key: Callable[[], Secret]) -> None:
    """What no client would take is not made."""
    with pytest.raises(ToolboxError, match="shop provision CA may not sign rogue CA"):
        x509.authority(Authority("rogue CA", "x", 0, 9000), key(), NOW, chain.provision)


def test_python_shakes_hands(chain: Chain, tmp_path: Path) -> None:
    """Python's own client takes a server with such a certificate."""
    private, text = chain.leaf([WELL])
    pair = tmp_path / "pair.pem"
    pair.write_text(text + private.reveal())
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pair)
    client = ssl.create_default_context(cadata=chain.root.certificate)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    both = [
        client.wrap_bio(down, up, server_hostname=WELL),
        server.wrap_bio(up, down, server_side=True),
    ]
    ends = both

    while ends:
        ends = [end for end in ends if not _shaken(end)]

    assert ("DNS", WELL) in both[0].getpeercert()["subjectAltName"]


def _shaken(end: ssl.SSLObject) -> bool:
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def test_lifetimes(chain: Chain, key: Callable[[], Secret]) -> None:
    """An authority holds as long as it was asked to, and never longer than its issuer."""
    root = x509.read(chain.root.certificate)
    long = x509.authority(
        Authority("long CA", "x", 0, 100 * 365 * 24, BOUNDS), key(), NOW, chain.root
    )

    assert root.not_valid_after_utc == NOW + timedelta(hours=ROOT.hours)
    assert x509.read(chain.provision.certificate).not_valid_after_utc == NOW + timedelta(
        hours=PROVISION.hours
    )
    assert x509.read(long).not_valid_after_utc == root.not_valid_after_utc
    assert root.not_valid_before_utc < NOW


def test_r_2_2_ca_permitted_domains(chain: Chain) -> None:
    """Both authorities say what they are bound to, and that clients must understand it."""
    for signed in (chain.root, chain.provision):
        found = x509.read(signed.certificate).extensions.get_extension_for_class(
            library.NameConstraints
        )

        assert found.critical
        assert {str(name.value) for name in found.value.permitted_subtrees or ()} == {
            "shop.internal",
            "10.0.0.0/8",
            "::1/128",
        }


def test_addresses_without_a_network_are_excluded() -> None:
    """Where no network of a kind is permitted, none of its addresses is."""
    found = x509.constraints(Bounds(("a.internal",), ("10.0.0.0/8",)))

    assert [str(name.value) for name in found.excluded_subtrees or ()] == ["::/0"]


def test_r_2_2_ca_max_path_length(chain: Chain) -> None:
    """The path length that is wanted is the one that is made."""
    lengths = [
        x509.read(signed.certificate)
        .extensions.get_extension_for_class(library.BasicConstraints)
        .value.path_length
        for signed in (chain.root, chain.provision)
    ]

    assert lengths == [2, 0]


@pytest.mark.needs("openssl")
def test_r_2_2_pkcs12bundle(chain: Chain, tmp_path: Path) -> None:
    """A bundle opens with its password only, in OpenSSL as in Python."""
    private, text = chain.leaf(["alice.client.shop.internal"])
    packed = x509.pkcs12("alice", private, text, Secret("open sesame"))
    (tmp_path / "alice.p12").write_bytes(packed)
    words = "openssl pkcs12 -in alice.p12 -nodes -passin stdin"
    opened = {
        word: subprocess.run(
            words.split(), cwd=tmp_path, input=word.encode(), capture_output=True, check=False
        ).stdout.decode()
        for word in ("open sesame", "wrong")
    }

    assert opened["open sesame"].count("BEGIN CERTIFICATE") == 2
    assert "PRIVATE KEY" in opened["open sesame"]
    assert not opened["wrong"]
    assert pkcs12.load_pkcs12(packed, b"open sesame").cert.friendly_name == b"alice"  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN CERTIFICATE-----\nAA==\n"])
def test_no_certificate(text: str) -> None:
    """What is no certificate is told as that."""
    with pytest.raises(ToolboxError, match="no certificate"):
        x509.read(text)
    with pytest.raises(ToolboxError, match="no certificates"):
        x509.chain(text)
