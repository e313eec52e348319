"""What a server shows is checked at once, and its key never gets to a disk."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.secret import Secret
from toolbox.lib.transport import credentials
from toolbox.lib.transport.credentials import Credentials, context, names

if TYPE_CHECKING:
    from conftest import Clients

    from toolbox.lib.pki.serving import Root


def test_context(authority: Root) -> None:
    """Without client certificates nobody is asked for one; old versions of TLS are none."""
    made = context(Credentials(*authority.certificate("web.test")))

    assert made.verify_mode is ssl.CERT_NONE
    assert made.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("required", "mode"), [(False, ssl.CERT_OPTIONAL), (True, ssl.CERT_REQUIRED)]
)
def test_clients(
    authority: Root, clients: tuple[Clients, Clients], required: bool, mode: ssl.VerifyMode
) -> None:
    """Client certificates are asked for where some, or all, need one."""
    shown = Credentials(*authority.certificate("web.test"), clients[0].certificate)

    assert context(shown, required=required).verify_mode is mode


def test_key_in_memory(
    authority: Root, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The file that OpenSSL reads is in memory, and closed afterwards."""
    opened: list[int] = []
    make = os.memfd_create
    monkeypatch.setattr(
        credentials.os, "memfd_create", lambda *words: opened.append(make(*words)) or opened[-1]
    )
    context(Credentials(*authority.certificate("web.test")))

    (handle,) = opened
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handle)
    assert capfd.readouterr() == ("", "")


def _locked_key() -> str:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")
    )
    return pem.decode()


@pytest.mark.parametrize("key", ["", "no key", _locked_key()], ids=["none", "garbage", "locked"])
def test_wrong_key(authority: Root, key: str) -> None:
    """What is no key, or one with a passphrase, is an error and no question."""
    with pytest.raises(ToolboxError, match="the server's certificate cannot be used"):
        context(Credentials(authority.certificate("web.test")[0], Secret(key)))


def test_wrong_client_authority(authority: Root) -> None:
    """What is no certificate of an authority is an error."""
    with pytest.raises(ToolboxError, match="cannot be used"):
        context(Credentials(*authority.certificate("web.test"), "garbage"))


def test_names() -> None:
    """The names of a client are those of its certificate, each once; none without one."""
    peer = {
        "subject": ((("organizationName", "x"),), (("commonName", "a.test"),)),
        "subjectAltName": (("DNS", "a.test"), ("IP Address", "192.0.2.1"), ("DNS", "b.test")),
    }

    assert names(peer) == ("a.test", "b.test")
    assert names({"subject": ()}) == ()
    assert names({}) is None
    assert names(None) is None
