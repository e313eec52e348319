"""What an identity has to hold is decided from the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import UsageError
from toolbox.lib.inventory.load import load
from toolbox.lib.pki import plan

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.pki.conftest import Chain


def planned(
    folder: Path, identity: str = "", card: str = "", *, protect: bool = False
) -> plan.Plan:
    """Return the plan of a project with one host."""
    (folder / "hosts").mkdir(exist_ok=True)
    (folder / "project.yaml").write_text(f"name: shop\nidentity: {{{identity}}}\n")
    (folder / "hosts/web.yaml").write_text(f"identity: {{{card}}}\n")
    return plan.of(load(folder), protect=protect)


def test_defaults(tmp_path: Path) -> None:
    """Without a word, authorities are bound to the project's domain, and nothing else is made."""
    made = planned(tmp_path)

    assert made.hosts == (plan.Subject("web", ("web.shop.internal",)),)
    assert made.bounds.domains == ("shop.internal",)
    assert made.organization == "shop"
    assert (made.root().path_length, made.provision().path_length) == (2, 0)
    assert not made.clients
    assert not made.protect


def test_unbound(tmp_path: Path) -> None:
    """Where authorities are not bound, a certificate is for the short name, too."""
    made = planned(tmp_path, "constraints: false")

    assert made.hosts[0].names == ("web.shop.internal", "web")
    assert not made.bounds
    assert not made.root().bounds


def test_r_2_2_ca_protect_rootcert(tmp_path: Path) -> None:
    """The root of real machines is protected, unless a project says otherwise."""
    assert planned(tmp_path, protect=True).protect
    assert not planned(tmp_path, "protect_root: false", protect=True).protect


def test_acme(tmp_path: Path) -> None:
    """An authority for ACME has room below the one that signs it."""
    made = planned(tmp_path, "acme: true, organization: Shop Ltd, domains: [shop.example]")

    assert (made.root().path_length, made.provision().path_length) == (2, 1)
    assert made.acme().path_length == 0
    assert made.acme().bounds.domains == ("shop.internal", "shop.example")
    assert made.acme().organization == "Shop Ltd"


def test_hosts_and_clients(tmp_path: Path) -> None:
    """A host's own names come first, a client has a name that no host has."""
    card = "names: [www.shop.internal, web.shop.internal], addresses: [10.0.0.5], roles: [tsig]"
    made = planned(tmp_path, "clients: [alice]", card)

    assert made.hosts[0].names == ("web.shop.internal", "www.shop.internal")
    assert made.hosts[0].addresses == ("10.0.0.5",)
    assert made.hosts[0].roles == ("tsig",)
    assert made.hosts[0].principals == ("web", "web.shop.internal", "www.shop.internal", "10.0.0.5")
    assert made.clients == (plan.Subject("alice", ("alice.client.shop.internal",)),)


def test_r_2_2_validity_period_hours(tmp_path: Path) -> None:
    """Lifetimes and renewal windows that are written are those that are made."""
    made = planned(tmp_path, "certificate: {lifetime: 90d, renew: 10d}, ssh: {lifetime: 30d}")

    assert made.profile.terms.certificate.lifetime == 90 * 24
    assert made.profile.terms.certificate.renew == 10 * 24
    assert made.profile.terms.ssh.renew == 10 * 24


def test_extra_bundle(tmp_path: Path, chain: Chain) -> None:
    """Roots of a file are what hosts trust, too; a file of something else is told at its line."""
    (tmp_path / "old.pem").write_text(f"an old root\n{chain.root.certificate}")
    found = planned(tmp_path, "extra_bundle: old.pem").extra_bundle
    (tmp_path / "old.pem").write_text("an old root\n-----BEGIN PRIVATE KEY-----\n")

    with pytest.raises(UsageError, match=r"old\.pem is no bundle of roots") as caught:
        planned(tmp_path, "extra_bundle: old.pem")

    assert found == chain.root.certificate
    assert [one.render().splitlines()[0] for one in caught.value.findings] == [
        "old.pem:2:1: error[private-key]: this is a private key; here stand certificates"
    ]


def test_no_patterns_for_ssh(tmp_path: Path) -> None:
    """A certificate for all names below one is for that host's web server, not for its ssh."""
    made = planned(tmp_path, "", "names: ['*.web.shop.internal']")

    assert made.hosts[0].names == ("web.shop.internal", "*.web.shop.internal")
    assert made.hosts[0].principals == ("web", "web.shop.internal")
