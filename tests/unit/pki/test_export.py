"""Exports hold what they are for: nothing secret in public, and all forms that programs ask for."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.unit.pki.conftest import NOW, pem
from toolbox.lib.core.secret import Secret
from toolbox.lib.inventory.load import load
from toolbox.lib.pki import dnssec, export, krl, material
from toolbox.lib.pki.identity import (
    ClientIdentity,
    HostIdentity,
    Identity,
    Pair,
    SshAuthorities,
    Zone,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.pki.conftest import Chain
    from toolbox.lib.inventory.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project of two hosts, of which one has keys."""
    (tmp_path / "hosts").mkdir()
    (tmp_path / "project.yaml").write_text("name: shop\n")
    (tmp_path / "hosts/web.yaml").write_text("identity: {addresses: [10.0.0.5]}\n")
    (tmp_path / "hosts/new.yaml").write_text("")
    return load(tmp_path)


@pytest.fixture
def identity(chain: Chain, ssh_key: tuple[Secret, str]) -> Identity:
    """Return an identity with all that is exported."""
    private, text = chain.leaf(["alice.client.shop.internal"])
    inputs = {"label": "alice", "key": private.reveal(), "chain": text}
    bundle = material.KINDS["bundle"].make(inputs, NOW)
    zone = pem(ec.generate_private_key(ec.SECP256R1()))
    secrets = (Secret(bundle[name]) for name in ("password", "pkcs12", "encrypted_key"))
    return Identity(
        ca_certificate=chain.root.certificate,
        provision_key=Secret("provision"),
        provision_public_key="x",
        hosts={"web": HostIdentity(ssh_key[0], ssh_key[1], private, text)},
        provision_certificate=chain.provision.certificate,
        ssh=SshAuthorities(ssh_key[1], ssh_key[1], ssh_key[0]),
        clients={"alice": ClientIdentity(Pair(text, private), *secrets)},
        zones={
            "shop.internal": Zone(
                zone, dnssec.dnskey("shop.internal", zone), dnssec.ds("shop.internal", zone)
            )
        },
        tsig={"transfer": Secret("dHNpZw==")},
        revoked=krl.encoded([ssh_key[1]]),
    )


def test_public(project: Project, identity: Identity) -> None:
    """What everybody may read has no private key in it, whatever it is called."""
    files = export.public(project, identity)

    assert set(files) == {
        "ca.crt",
        "ca-bundle.crt",
        "provision-ca.crt",
        "known_hosts",
        "ssh_host_ca.pub",
        "ssh_user_ca.pub",
        "ssh_revoked_keys",
        "clients/alice.crt",
        "zones/shop.internal.dnskey",
        "zones/shop.internal.ds",
    }
    listed = files.pop("ssh_revoked_keys")
    assert isinstance(listed, bytes)
    assert listed.startswith(krl.MAGIC)
    texts = {name: str(text) for name, text in files.items()}
    assert "PRIVATE" not in "".join(texts.values())
    first, last = texts["known_hosts"].splitlines()
    assert first.startswith("web,web.shop.internal,10.0.0.5 ssh-ed25519 ")
    assert last.startswith("@cert-authority web,web.shop.internal,10.0.0.5 ssh-ed25519 ")


def test_private(identity: Identity) -> None:
    """What is for some opens with what stands beside it."""
    files = export.private(identity)

    assert set(files) == {
        "clients/alice.p12",
        "clients/alice.key",
        "clients/alice.password",
        "zones/shop.internal.private",
        "tsig/transfer.conf",
        "tsig/transfer.yaml",
    }
    packed, password = files["clients/alice.p12"], files["clients/alice.password"]
    assert isinstance(packed, bytes)
    assert isinstance(password, Secret)
    assert pkcs12.load_pkcs12(packed, password.reveal().encode()).key is not None
    assert base64.b64decode(identity.clients["alice"].pkcs12.reveal()) == packed


def test_nothing_asked_for(project: Project, identity: Identity) -> None:
    """A project without clients, zones and keys for DNS has nothing that is for some."""
    from dataclasses import replace

    small = replace(identity, clients={}, zones={}, tsig={}, revoked="")

    assert export.private(small) == {}
    assert "ssh_revoked_keys" not in export.public(project, small)


def test_ssh_config(project: Project) -> None:
    """Every host has a section, which names the file beside it."""
    text = export.ssh_config(project, "/x")

    assert text.count("StrictHostKeyChecking yes") == 2
    assert text.count("UserKnownHostsFile /x/known_hosts") == 2
