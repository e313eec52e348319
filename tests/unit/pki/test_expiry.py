"""What ends is listed with its time, what ends first at the beginning."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.unit.pki.conftest import NOW
from toolbox.lib.core.secret import Secret
from toolbox.lib.inventory.profile import Terms
from toolbox.lib.pki import expiry, ssh
from toolbox.lib.pki.expiry import State
from toolbox.lib.pki.identity import HostIdentity, Identity

if TYPE_CHECKING:
    from tests.unit.pki.conftest import Chain


def made(chain: Chain, ssh_key: tuple[Secret, str], days: int = 397) -> Identity:
    """Return an identity with one host."""
    private, text = chain.leaf(["web.shop.internal"], days=days)
    said = ssh.Statement("web", ("web",), 300 * 24, host=True)
    certificate = ssh.certificate(ssh_key[0], ssh_key[1], said, NOW)
    host = HostIdentity(ssh_key[0], ssh_key[1], private, text, certificate)
    root, provision = chain.root.certificate, chain.provision.certificate
    return Identity(root, Secret("x"), "x", {"web": host}, provision, extra_bundle=root)


def test_all_kinds(chain: Chain, ssh_key: tuple[Secret, str]) -> None:
    """Authorities, certificates, ssh certificates and foreign roots are there."""
    found = expiry.of(made(chain, ssh_key), Terms(), NOW)

    assert [(one.name, one.kind) for one in found] == [
        ("web", "ssh-certificate"),
        ("web", "certificate"),
        ("provision-ca", "authority"),
        ("root", "authority"),
        ("extra-1", "extra-root"),
    ]
    assert {one.state for one in found} == {State.HOLDS}
    assert found[0].ends - found[0].renews == timedelta(days=30)


def test_states(chain: Chain, ssh_key: tuple[Secret, str]) -> None:
    """What is in its window is due, what is past its end has ended."""
    identity = made(chain, ssh_key, days=40)
    states = [
        {one.kind: one.state for one in expiry.of(identity, Terms(), NOW + timedelta(days=days))}
        for days in (0, 15, 41)
    ]

    assert [one["certificate"] for one in states] == [State.HOLDS, State.DUE, State.ENDED]


def test_without_certificates_of_ssh(chain: Chain, ssh_key: tuple[Secret, str]) -> None:
    """An identity that is older than ssh certificates has none that end."""
    private, text = chain.leaf(["web.shop.internal"])
    host = HostIdentity(ssh_key[0], ssh_key[1], private, text)
    old = Identity(chain.root.certificate, Secret("x"), "x", {"web": host})

    assert [one.kind for one in expiry.of(old, Terms(), NOW)] == ["certificate", "authority"]
