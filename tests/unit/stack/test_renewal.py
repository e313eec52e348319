"""What is to be made anew is found by the names that people have for it."""

from __future__ import annotations

import pytest

from toolbox.lib.core.errors import UsageError
from toolbox.lib.inventory.profile import Client, Profile
from toolbox.lib.pki.plan import Plan, Subject
from toolbox.lib.stack import renewal

PROFILE = Profile(acme=True, clients=(Client("web"),), zones=("a.internal",), tsig=("transfer",))
PLAN = Plan(
    "shop",
    "a.internal",
    PROFILE,
    (Subject("web", ("web.a.internal",)), Subject("web-2", ("web-2.a.internal",))),
    (Subject("web", ("web.client.a.internal",)),),
)
TLS = "urn:pulumi:x::shop::tls:index/{0}:{0}::{1}"
OURS = "urn:pulumi:x::shop::infra:pki:Material::{}"
URNS = [
    "urn:pulumi:x::shop::pulumi:pulumi:Stack::shop-x",
    "urn:pulumi:x::shop::pulumi:providers:tls::default_5_6_2",
    *(TLS.format("PrivateKey", name) for name in ("web-tls", "web-ssh", "root-key", "web-client")),
    *(TLS.format("CertRequest", name) for name in ("web-tls", "web-client")),
    *(TLS.format("LocallySignedCert", name) for name in ("web-tls", "web-2-tls", "web-client")),
    *map(OURS.format, ("root", "provision-ca", "web-ssh-certificate", "transfer-tsig")),
]


def chosen(*names: str, with_keys: bool = False) -> list[str]:
    """Return what is chosen, without what all names begin with."""
    found = renewal.chosen(PLAN, names, URNS, with_keys=with_keys)
    return [":".join(urn.split(":")[-3:]) for urn in found]


def test_certificates() -> None:
    """Of a host and a client of one name both are meant, of another one with that in it none."""
    assert chosen("web") == [
        "LocallySignedCert::web-tls",
        "LocallySignedCert::web-client",
        "Material::web-ssh-certificate",
    ]
    assert chosen("root", "web-2") == ["LocallySignedCert::web-2-tls", "Material::root"]


def test_keys() -> None:
    """Keys are made anew only when they are meant."""
    assert chosen("root", with_keys=True) == ["PrivateKey::root-key", "Material::root"]
    assert "PrivateKey::web-ssh" in chosen("web", with_keys=True)
    assert chosen("transfer", with_keys=True) == ["Material::transfer-tsig"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("wbe", "did you mean web?"),
        ("transfer", "it is a key: add --keys"),
        ("a.internal", "it is a key: add --keys"),
        ("###", "there are root, provision-ca, acme-ca, web, web-2"),
    ],
)
def test_unknown(name: str, hint: str) -> None:
    """A name that nothing has is told, with those that there are."""
    with pytest.raises(UsageError, match="nothing called") as caught:
        chosen(name)
    assert caught.value.hint == hint
