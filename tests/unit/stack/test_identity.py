"""The outputs of an identity stack get their types: secrets are secrets."""

from __future__ import annotations

import pytest

from toolbox.lib.core.secret import Secret
from toolbox.lib.stack.identity import identity

HOST = {
    "ssh_host_key": "ssh-private",
    "ssh_host_public_key": "ssh-ed25519 AAAA\n",
    "tls_key": "tls-private",
    "tls_certificate": "certificate",
}
OUTPUTS: dict[str, object] = {
    "ca_certificate": "ca",
    "provision_key": "provision-private",
    "provision_public_key": "ssh-ed25519 BBBB\n",
    "hosts": {"web": HOST},
}


def test_identity() -> None:
    """Keys are secrets, public halves have no line end."""
    found = identity(OUTPUTS)

    assert found.provision_key == Secret("provision-private")
    assert found.provision_public_key == "ssh-ed25519 BBBB"
    assert found.hosts["web"].tls_key == Secret("tls-private")
    assert found.hosts["web"].ssh_host_public_key == "ssh-ed25519 AAAA"
    assert "private" not in repr(found)


def test_no_hosts() -> None:
    """A project may have no host yet."""
    assert identity(OUTPUTS | {"hosts": {}}).hosts == {}


def test_incomplete() -> None:
    """Outputs of another program are no identity."""
    with pytest.raises(KeyError):
        identity({"hosts": {}})


def test_what_is_asked_for() -> None:
    """Clients, the ACME authority and shared keys come with secrets as secrets."""
    client = dict.fromkeys(("certificate", "key", "password", "pkcs12", "encrypted_key"), "private")
    more = {
        "acme": {"certificate": "acme", "key": "acme-private"},
        "clients": {"alice": client},
        "extra_bundle": "+extra",
        "krl": "U1NIS1JM",
        "ssh_host_ca": "ssh-ed25519 DDDD\n",
        "ssh_user_ca_key": "user-private",
        "tsig": {"transfer": "tsig-private"},
    }

    found = identity(OUTPUTS | more)

    assert found.acme is not None
    assert found.acme.key == Secret("acme-private")
    assert found.ca_bundle == "ca+extra"
    assert found.clients["alice"].password == Secret("private")
    assert found.ssh.host == "ssh-ed25519 DDDD"
    assert found.ssh.user_key == Secret("user-private")
    assert found.tsig == {"transfer": Secret("tsig-private")}
    assert found.revoked == "U1NIS1JM"
    assert "private" not in repr(found).replace("Pair(certificate='private'", "")
